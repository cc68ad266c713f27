/* A request is parsed once and written many times: what costs is done in load_request_init(). */
#include "load/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/http_field.h"
#include "net/url.h"

enum { NAME_COLUMNS = 80, BODY_MAX = 1 << 30, AGENT_LEN = sizeof("culprit/" CULPRIT_VERSION) - 1 };
static const char AGENT[] = "culprit/" CULPRIT_VERSION;

/* Puts the place before the sentence, where there is one. */
static int placed(int rc, const char *what, struct err *err)
{
	if (rc && what && *what)
		err_prefix(err, "%s", what);
	return rc;
}

static bool slice_is_one_of(struct http_slice s, const char *const *names)
{
	for (; *names; names++)
		if (http_is(s, *names))
			return true;
	return false;
}

static int parse_header(const char *text, struct http_field *f, struct err *err)
{
	static const char *const OURS[] = {"content-length", "transfer-encoding", NULL};

	if (!http_field_parse(text, strlen(text), f))
		return err_set(err, ERR_USAGE,
			"header '%.200s': it must read 'Name: value', in one line", text);
	if (slice_is_one_of(f->name, OURS))
		return err_set(err, ERR_USAGE,
			"header '%.200s': the length is computed from the body; leave it out",
			text);
	return 0;
}

int load_header_check(const char *text, const char *what, struct err *err)
{
	struct http_field f;

	return placed(parse_header(text, &f, err), what, err);
}

static bool is_body_method(const char *method)
{
	return !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
}

static int parse_method(struct load_request *out, const char *method, struct err *err)
{
	if (!method || !http_is_token((struct http_slice){method, strlen(method)}))
		return err_set(err, ERR_USAGE, "'%.200s' is no request method; use GET, POST, …",
			method ? method : "");
	if (!strcmp(method, "CONNECT"))
		return err_set(
			err, ERR_USAGE, "the method CONNECT opens a tunnel; use another one");
	out->method = mem_strdup(method);
	out->to_head = !strcmp(method, "HEAD");
	return 0;
}

/* The index of the URL's origin, which is added where it is new. Takes host and port over. */
static int find_origin(struct load_origins *all, struct url *url, size_t *out, struct err *err)
{
	const char *usual = url->tls ? "443" : "80";
	struct str authority = STR_INIT;

	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].tls == url->tls && !strcasecmp(all->items[i].host, url->host) &&
			!strcmp(all->items[i].port, url->port)) {
			*out = i;
			return 0;
		}
	if (all->n == LOAD_ORIGINS_MAX)
		return err_set(err, ERR_USAGE,
			"%s:%s is one host too many; a run can load %d of them at once", url->host,
			url->port, LOAD_ORIGINS_MAX);
	str_addf(&authority, strchr(url->host, ':') ? "[%s]" : "%s", url->host);
	if (strcmp(url->port, usual) != 0)
		str_addf(&authority, ":%s", url->port);
	all->items = mem_grow(all->items, &all->cap, all->n + 1, sizeof(*all->items));
	all->items[all->n] = (struct load_origin){
		.tls = url->tls,
		.host = url->host,
		.port = url->port,
		.authority = str_take(&authority),
	};
	url->host = url->port = NULL;
	*out = all->n++;
	return 0;
}

/* Placeholders in the host would make an origin a request. */
static int check_authority(const char *url, struct err *err)
{
	const char *p = strstr(url, "://");

	p = p && p < url + strcspn(url, "/?#{") ? p + 3 : url;
	if (p[strcspn(p, "/?#{")] == '{')
		return err_set(err, ERR_USAGE,
			"%.200s: a placeholder may stand in the path and the query, not in the "
			"scheme, host or port; write one URL for each host",
			url);
	return 0;
}

static int parse_url(struct load_request *out, const struct load_request_text *text,
	struct load_origins *origins, char **path, struct err *err)
{
	const char *given = text->url;
	struct str whole = STR_INIT;
	struct url url = {0};
	int rc;

	if (!given || !*given)
		return err_set(
			err, ERR_USAGE, "a URL is missing; give one as http://host:port/path");
	if (*given == '/') {
		if (!origins->n)
			return err_set(err, ERR_USAGE,
				"'%.200s' has no host, and no URL before it gives one; write it as "
				"http://host:port/path",
				given);
		str_addf(&whole, "%s://%s", origins->items[0].tls ? "https" : "http",
			origins->items[0].authority);
		str_add(&whole, given);
		given = whole.p;
	}
	rc = check_authority(given, err);
	if (!rc)
		rc = url_parse(&url, given, err);
	if (!rc)
		rc = find_origin(origins, &url, &out->origin, err);
	if (!rc) {
		*path = url.path;
		url.path = NULL;
	}
	url_release(&url);
	str_release(&whole);
	return rc;
}

static enum load_header_kind find_kind(struct http_field f)
{
	static const char *const HOPS[] = {"keep-alive", "proxy-connection", "upgrade", NULL};

	if (http_is(f.name, "cookie"))
		return LOAD_HEADER_COOKIE;
	if (http_is(f.name, "connection"))
		return LOAD_HEADER_CONNECTION;
	if (http_is(f.name, "expect"))
		return LOAD_HEADER_EXPECT;
	if (slice_is_one_of(f.name, HOPS) ||
		(http_is(f.name, "te") && !http_is(f.value, "trailers")))
		return LOAD_HEADER_HOP;
	return LOAD_HEADER_PLAIN;
}

/* application/json, application/problem+json, …; parameters do not matter. */
static bool is_json_type(struct http_slice value)
{
	const char *end = memchr(value.p, ';', value.len);
	size_t len = end ? (size_t)(end - value.p) : value.len;

	while (len && (value.p[len - 1] == ' ' || value.p[len - 1] == '\t'))
		len--;
	return http_is((struct http_slice){value.p, len}, "application/json") ||
	       (len >= 5 && http_is((struct http_slice){value.p + len - 5, 5}, "+json"));
}

static struct load_header *add_header(struct load_request *out, const char *name, size_t len)
{
	struct load_header *h = &out->headers[out->n_headers++];

	*h = (struct load_header){.name = mem_copy(name, len), .lower = mem_copy(name, len)};
	for (char *p = h->lower; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	return h;
}

static int parse_host(struct load_request *out, struct http_slice value,
	const struct template_names *names, struct err *err)
{
	if (out->own_host)
		return err_set(err, ERR_USAGE, "the header Host is given twice; leave one out");
	out->own_host = true;
	return template_parse(
		&out->host, value.p, value.len, TEMPLATE_HEADER, names, "header 'Host'", err);
}

/* *type: what Content-Type says, or empty. */
static int parse_headers(struct load_request *out, const struct load_request_text *text,
	const struct template_names *names, struct http_slice *type, struct err *err)
{
	int rc = 0;

	out->headers = mem_alloc(text->n_headers + 1, sizeof(*out->headers));
	for (size_t i = 0; i < text->n_headers && !rc; i++) {
		struct load_header *h;
		struct http_field f;

		rc = parse_header(text->headers[i], &f, err);
		if (rc)
			break;
		if (http_is(f.name, "host")) {
			rc = parse_host(out, f.value, names, err);
			continue;
		}
		h = add_header(out, f.name.p, f.name.len);
		h->kind = find_kind(f);
		out->own_agent |= http_is(f.name, "user-agent");
		if (http_is(f.name, "content-type"))
			*type = f.value;
		rc = template_parse(
			&h->value, f.value.p, f.value.len, TEMPLATE_HEADER, names, NULL, err);
		if (rc)
			err_prefix(err, "header '%.100s'", h->name);
	}
	return rc;
}

static int parse_body(struct load_request *out, const struct load_request_text *text,
	const struct template_names *names, struct http_slice type, struct err *err)
{
	static const char FORM[] = "application/x-www-form-urlencoded";
	enum template_place place = text->form                       ? TEMPLATE_URL
				    : type.len && is_json_type(type) ? TEMPLATE_JSON
								     : TEMPLATE_RAW;

	out->has_body = text->body != NULL;
	if (!text->body)
		return 0;
	if (text->body_len > BODY_MAX)
		return err_set(err, ERR_USAGE, "the body is larger than 1 GiB");
	if (text->form && !type.p)
		template_parse(&add_header(out, "Content-Type", 12)->value, FORM, sizeof(FORM) - 1,
			TEMPLATE_HEADER, NULL, NULL, NULL);
	return template_parse(&out->body, text->body, text->body_len, place, names, "body", err);
}

/* "GET /path"; on another origin than the first, "GET host/path". */
static char *make_name(
	const struct load_request *r, const struct load_origins *origins, const char *path)
{
	struct str name = STR_INIT;

	str_addf(&name, "%s ", r->method);
	if (r->origin)
		str_add(&name, origins->items[r->origin].authority);
	str_add(&name, path);
	if (str_width(name.p) > NAME_COLUMNS) {
		/* no character has more columns than bytes */
		size_t len = NAME_COLUMNS - 1;

		while ((name.p[len] & 0xc0) == 0x80)
			len--;
		name.len = len;
		str_add(&name, "…");
	}
	return str_take(&name);
}

/* What is known once all its parts are. */
static void look_over(struct load_request *r)
{
	const struct template *fixed[] = {&r->path, &r->host, &r->body};

	r->constant = true;
	for (size_t i = 0; i < 3 + r->n_headers; i++) {
		const struct template *t = i < 3 ? fixed[i] : &r->headers[i - 3].value;

		r->constant &= template_is_constant(t);
		r->takes_row |= template_takes_row(t);
		r->takes_seq |= template_takes_seq(t);
	}
}

int load_request_init(struct load_request *out, const struct load_request_text *text,
	struct load_origins *origins, const struct template_names *names, struct err *err)
{
	struct http_slice type = {0};
	char *path = NULL;
	int rc;

	*out = (struct load_request){.weight = text->weight > 0 ? text->weight : 1};
	rc = parse_method(out, text->method, err);
	if (!rc)
		rc = parse_url(out, text, origins, &path, err);
	if (!rc) {
		size_t len = strlen(path); /* NOLINT(clang-analyzer-core.NonNullParamChecker) */

		rc = template_parse(&out->path, path, len, TEMPLATE_URL, names, text->url, err);
	}
	if (!rc)
		rc = parse_headers(out, text, names, &type, err);
	if (!rc)
		rc = parse_body(out, text, names, type, err);
	if (!rc) {
		out->name = text->name ? mem_strdup(text->name) : make_name(out, origins, path);
		look_over(out);
	} else {
		load_request_release(out);
	}
	free(path);
	return placed(rc, text->what, err);
}

void load_request_release(struct load_request *r)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		free(r->headers[i].name);
		free(r->headers[i].lower);
		template_release(&r->headers[i].value);
	}
	free(r->headers);
	free(r->name);
	free(r->method);
	template_release(&r->path);
	template_release(&r->host);
	template_release(&r->body);
	*r = (struct load_request){0};
}

void load_origins_release(struct load_origins *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->items[i].host);
		free(o->items[i].port);
		free(o->items[i].authority);
	}
	free(o->items);
	*o = (struct load_origins){0};
}

/* The body as it is sent: its own bytes where it is constant, else rendered into `scratch`. */
static struct http_slice render_body(
	const struct load_request *r, const struct template_values *v, struct str *scratch)
{
	struct http_slice body = {NULL, 0};

	str_clear(scratch);
	if (r->has_body && !template_fixed(&r->body, &body.p, &body.len)) {
		template_render(&r->body, v, scratch);
		body = (struct http_slice){str_text(scratch), scratch->len};
	}
	return body;
}

/* The jar's cookies and the user's own as one value (RFC 9113, 8.2.3); nothing where there are
 * none. */
static void add_cookies(const struct load_request *r, const struct template_values *v,
	const char *cookies, struct str *out)
{
	size_t from = out->len;

	if (cookies)
		str_add(out, cookies);
	for (size_t i = 0; i < r->n_headers; i++) {
		size_t before = out->len, joined;

		if (r->headers[i].kind != LOAD_HEADER_COOKIE)
			continue;
		if (before > from)
			str_add_bytes(out, "; ", 2);
		joined = out->len;
		template_render(&r->headers[i].value, v, out);
		if (out->len == joined)
			out->len = before;
	}
}

static void add_cookie_line(const struct load_request *r, const struct template_values *v,
	const char *cookies, struct str *out)
{
	static const char NAME[] = "Cookie: ";
	size_t before = out->len;

	str_add_bytes(out, NAME, sizeof(NAME) - 1);
	add_cookies(r, v, cookies, out);
	if (out->len == before + sizeof(NAME) - 1) {
		out->len = before;
		out->p[before] = '\0';
		return;
	}
	str_add_bytes(out, "\r\n", 2);
}

static void add_headers(const struct load_request *r, const struct template_values *v, bool close,
	bool expect, struct str *out)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		const struct load_header *h = &r->headers[i];

		if (h->kind == LOAD_HEADER_COOKIE || (h->kind == LOAD_HEADER_CONNECTION && close) ||
			(h->kind == LOAD_HEADER_EXPECT && expect))
			continue;
		str_add(out, h->name);
		str_add_bytes(out, ": ", 2);
		template_render(&h->value, v, out);
		str_add_bytes(out, "\r\n", 2);
	}
}

void load_request_write(const struct load_request *r, const struct load_origin *origin,
	const struct template_values *v, const char *cookies, bool close, bool expect,
	struct str *scratch, struct str *out, size_t *head_len)
{
	struct http_slice body = render_body(r, v, scratch);
	size_t start = out->len;

	expect = expect && r->has_body;
	str_add(out, r->method);
	str_add_char(out, ' ');
	template_render(&r->path, v, out);
	str_add(out, " HTTP/1.1\r\nHost: ");
	if (r->own_host)
		template_render(&r->host, v, out);
	else
		str_add(out, origin->authority);
	if (!r->own_agent)
		str_add(out, "\r\nUser-Agent: culprit/" CULPRIT_VERSION);
	str_add_bytes(out, "\r\n", 2);
	if (close)
		str_add(out, "Connection: close\r\n");
	if (r->has_body || is_body_method(r->method))
		str_addf(out, "Content-Length: %zu\r\n", body.len);
	if (expect)
		str_add(out, "Expect: 100-continue\r\n");
	add_cookie_line(r, v, cookies, out);
	add_headers(r, v, close, expect, out);
	str_add_bytes(out, "\r\n", 2);
	*head_len = out->len - start;
	str_add_bytes(out, body.p, body.len);
}

static struct http_slice slice_of(const char *text)
{
	return (struct http_slice){text, strlen(text)};
}

static void add_field(struct load_fields *out, const char *name, struct http_slice value)
{
	out->items = mem_grow(out->items, &out->cap, out->n + 1, sizeof(*out->items));
	out->items[out->n++] = (struct h2_field){slice_of(name), value};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A field whose value was appended to the text, from `from` on. Its place is known in the end only,
 * for the text may move as it grows; blanks around it would make the request malformed (RFC 9113,
 * 8.2.1). */
static void add_rendered(struct load_fields *out, const char *name, size_t from)
{
	struct str *text = &out->text;
	size_t blank = 0;

	while (text->len > from && is_blank(text->p[text->len - 1]))
		text->len--;
	while (from + blank < text->len && is_blank(text->p[from + blank]))
		blank++;
	if (blank) {
		memmove(text->p + from, text->p + from + blank, text->len - from - blank);
		text->len -= blank;
	}
	add_field(out, name, (struct http_slice){NULL, text->len - from});
}

static void add_pseudo(const struct load_request *r, const struct load_origin *origin,
	const struct template_values *v, struct load_fields *out)
{
	size_t from;

	add_field(out, ":method", slice_of(r->method));
	add_field(out, ":scheme", slice_of(origin->tls ? "https" : "http"));
	if (r->own_host) {
		template_render(&r->host, v, &out->text);
		add_rendered(out, ":authority", 0);
	} else {
		add_field(out, ":authority", slice_of(origin->authority));
	}
	from = out->text.len;
	template_render(&r->path, v, &out->text);
	add_rendered(out, ":path", from);
}

static void add_own_fields(
	const struct load_request *r, const struct template_values *v, struct load_fields *out)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		const struct load_header *h = &r->headers[i];
		size_t from = out->text.len;

		if (h->kind != LOAD_HEADER_PLAIN)
			continue;
		template_render(&h->value, v, &out->text);
		add_rendered(out, h->lower, from);
	}
}

void load_request_fields(const struct load_request *r, const struct load_origin *origin,
	const struct template_values *v, const char *cookies, struct load_fields *out)
{
	const char *at;
	size_t from;

	out->n = 0;
	str_clear(&out->text);
	out->payload = render_body(r, v, &out->body);
	add_pseudo(r, origin, v, out);
	if (!r->own_agent)
		add_field(out, "user-agent", (struct http_slice){AGENT, AGENT_LEN});
	if (r->has_body || is_body_method(r->method)) {
		from = out->text.len;
		str_addf(&out->text, "%zu", out->payload.len);
		add_rendered(out, "content-length", from);
	}
	from = out->text.len;
	add_cookies(r, v, cookies, &out->text);
	if (out->text.len > from)
		add_rendered(out, "cookie", from);
	add_own_fields(r, v, out);
	at = str_text(&out->text);
	for (size_t i = 0; i < out->n; i++)
		if (!out->items[i].value.p) {
			out->items[i].value.p = at;
			at += out->items[i].value.len;
		}
}

void load_fields_release(struct load_fields *f)
{
	free(f->items);
	str_release(&f->text);
	str_release(&f->body);
	*f = (struct load_fields){0};
}
