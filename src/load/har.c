/*
 * A recording is sent as it was recorded: method, URL, headers and body, without what belongs to
 * the connection. Its texts pass through template_escape(), because a body of GraphQL or a script
 * is full of what looks like placeholders.
 */
#include "load/har.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_field.h"
#include "net/url.h"

/* What one entry gives; kept from entry to entry. */
struct entry {
	const char *name; /* of the file */
	size_t index;     /* from 1 */
	struct str what, url, body;
	struct str headers;  /* one behind the other, each NUL-terminated */
	const char **lines;  /* into it */
	size_t n_lines, cap; /* of lines */
};

static int bad_entry(const struct entry *e, const char *why, struct err *err)
{
	return err_set(err, ERR_INPUT, "%s: entry %zu: %s", e->name, e->index, why);
}

static bool is_http(const char *url)
{
	return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8);
}

static bool belongs_to_connection(const char *name)
{
	static const char *const NAMES[] = {"host", "connection", "content-length", "keep-alive",
		"proxy-connection", "proxy-authorization", "transfer-encoding", "upgrade", "te",
		"trailer", "expect", "http2-settings"};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (!strcasecmp(name, NAMES[i]))
			return true;
	return *name == ':'; /* a pseudo-header of HTTP/2 */
}

static void add_header(struct entry *e, const char *name, const char *value)
{
	str_add(&e->headers, name);
	str_add(&e->headers, ": ");
	template_escape(&e->headers, value, strlen(value));
	str_add_char(&e->headers, '\0');
	e->n_lines++;
}

/* The headers; *typed: a Content-Type is among them. */
static int read_headers(struct entry *e, const json_t *request, bool *typed, struct err *err)
{
	const json_t *headers = json_object_get(request, "headers"), *header;
	size_t i;

	if (headers && !json_is_array(headers))
		return bad_entry(e, "request.headers is not a list", err);
	json_array_foreach(headers, i, header)
	{
		const char *name = json_string_value(json_object_get(header, "name"));
		const char *value = json_string_value(json_object_get(header, "value"));

		if (!name || !value)
			return bad_entry(e, "a header has no name or no value", err);
		if (belongs_to_connection(name))
			continue;
		/* a colon in it would let the rest of it pass for value, unescaped */
		if (!http_is_token((struct http_slice){name, strlen(name)}))
			return bad_entry(e, "the name of a header is none", err);
		*typed |= !strcasecmp(name, "content-type");
		add_header(e, name, value);
	}
	return 0;
}

/* A form that is recorded as fields only. */
static int read_params(struct entry *e, const json_t *params, const char *type, struct err *err)
{
	static const char FORM[] = "application/x-www-form-urlencoded";
	const json_t *param;
	size_t i;

	if (*type && strncasecmp(type, FORM, sizeof(FORM) - 1) != 0)
		return bad_entry(e,
			"postData has fields and no text, and is no form of the type "
			"application/x-www-form-urlencoded; its bytes are not in the recording",
			err);
	json_array_foreach(params, i, param)
	{
		const char *name = json_string_value(json_object_get(param, "name"));

		if (!name)
			return bad_entry(e, "a field of postData has no name", err);
		if (e->body.len)
			str_add_char(&e->body, '&');
		url_add_encoded(&e->body, name);
		str_add_char(&e->body, '=');
		url_add_encoded(&e->body, json_text_at(param, "value"));
	}
	return 0;
}

static int read_body(
	struct entry *e, const json_t *request, bool typed, bool *has_body, struct err *err)
{
	const json_t *post = json_object_get(request, "postData");
	const json_t *text = json_object_get(post, "text"), *params;
	const char *type = json_text_at(post, "mimeType");

	*has_body = false;
	if (!post || json_is_null(post))
		return 0;
	if (!json_is_object(post))
		return bad_entry(e, "request.postData is not an object", err);
	params = json_object_get(post, "params");
	if (json_string_length(text)) {
		template_escape(&e->body, json_string_value(text), json_string_length(text));
	} else if (json_array_size(params)) {
		int rc = read_params(e, params, type, err);

		if (rc)
			return rc;
		type = *type ? type : "application/x-www-form-urlencoded";
	} else if (!json_is_string(text)) {
		return 0;
	}
	*has_body = true;
	if (*type && !typed)
		add_header(e, "Content-Type", type);
	return 0;
}

/* The places of the headers, now that their text does not move any more. */
static void list_headers(struct entry *e)
{
	const char *at = str_text(&e->headers);

	e->lines = mem_grow(e->lines, &e->cap, e->n_lines + 1, sizeof(*e->lines));
	for (size_t i = 0; i < e->n_lines; i++) {
		e->lines[i] = at;
		at += strlen(at) + 1;
	}
}

static int read_request(
	struct entry *e, const json_t *request, const struct har_hooks *hooks, struct err *err)
{
	const char *method = json_string_value(json_object_get(request, "method"));
	const char *url = json_string_value(json_object_get(request, "url"));
	bool typed = false, has_body;
	int rc;

	if (!url || !method)
		return bad_entry(e, "its request has no url or no method", err);
	if (!is_http(url))
		return 0;
	str_addf(&e->what, "%s: entry %zu", e->name, e->index);
	template_escape(&e->url, url, strlen(url));
	rc = read_headers(e, request, &typed, err);
	if (!rc)
		rc = read_body(e, request, typed, &has_body, err);
	if (rc)
		return rc;
	list_headers(e);

	struct load_request_text text = {
		.method = method,
		.url = e->url.p,
		.headers = e->lines,
		.n_headers = e->n_lines,
		.body = has_body ? str_text(&e->body) : NULL,
		.body_len = e->body.len,
		.weight = 1,
		.what = e->what.p,
	};

	return hooks->request(hooks->arg, &text, err);
}

int har_read(const char *name, const char *data, size_t len, const struct har_hooks *hooks,
	struct err *err)
{
	struct entry e = {.name = name};
	json_t *root, *entries, *entry;
	json_error_t place;
	int rc = 0;

	root = json_loadb(data, len, JSON_ALLOW_NUL, &place);
	if (!root)
		return err_set(err, ERR_INPUT,
			"%s: line %d, column %d: %s; this is no HTTP archive", name, place.line,
			place.column, place.text);
	entries = json_object_get(json_object_get(root, "log"), "entries");
	if (!json_is_array(entries))
		rc = err_set(err, ERR_INPUT,
			"%s: it has no list log.entries; this is no HTTP archive (HAR 1.2)", name);
	for (; !rc && e.index < json_array_size(entries);) {
		entry = json_array_get(entries, e.index++);
		str_clear(&e.what);
		str_clear(&e.url);
		str_clear(&e.body);
		str_clear(&e.headers);
		e.n_lines = 0;
		rc = read_request(&e, json_object_get(entry, "request"), hooks, err);
	}
	str_release(&e.what);
	str_release(&e.url);
	str_release(&e.body);
	str_release(&e.headers);
	free(e.lines);
	json_decref(root);
	return rc;
}
