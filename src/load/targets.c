#include "load/targets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "load/har.h"
#include "net/http_field.h"

/* What all requests of a run share while they are read. */
struct reading {
	struct load_targets *out;
	const struct load_spec *spec;
	struct load_origins *origins;
	const struct template_names *names;
	const char *body; /* the spec's, its body file's or its form's; NULL: none */
	size_t body_len;
	struct file_bytes file; /* it is held for `body` */
	struct str form, method;
	const char **headers; /* of an archive's entry, with the spec's */
	size_t headers_cap;
	size_t bodies; /* bytes of all bodies */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The length of the first word of the line, where another one follows; *next is that. 0: no. */
static size_t first_word(const char *line, const char **next)
{
	size_t len = strcspn(line, " \t");

	*next = line + len + strspn(line + len, " \t");
	return **next ? len : 0;
}

static bool is_weight(const char *p, size_t len)
{
	size_t digits = strspn(p, "0123456789.");

	return digits && digits + 1 == len && p[digits] == 'x';
}

/* A line that ends before its URL; `len` bytes of it are left. */
static bool is_unfinished(const char *p, size_t len)
{
	static const char *const METHODS[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"};

	for (size_t i = 0; i < sizeof(METHODS) / sizeof(METHODS[0]); i++)
		if (len == strlen(METHODS[i]) && !memcmp(p, METHODS[i], len))
			return true;
	return !len || is_weight(p, len);
}

static int parse_weight(const char *p, size_t len, double *out, struct err *err)
{
	char *text = mem_copy(p, len);
	int rc = 0;

	text[len - 1] = '\0'; /* the x */
	if (num_parse_real(text, 1e-6, 1e6, "weight", out, NULL))
		rc = err_set(err, ERR_USAGE,
			"the weight '%.100sx' must be a number from 0.000001 to 1000000, then x",
			text);
	free(text);
	return rc;
}

int load_target_line(const char *line, const char *what, double *weight, struct str *method,
	const char **url, struct err *err)
{
	const char *next;
	size_t len;
	int rc = 0;

	*weight = 1;
	str_clear(method);
	line += strspn(line, " \t");
	len = first_word(line, &next);
	if (len && is_weight(line, len)) {
		rc = parse_weight(line, len, weight, err);
		line = next;
		len = first_word(line, &next);
	}
	if (len && http_is_token((struct http_slice){line, len})) {
		str_add_bytes(method, line, len);
		line = next;
	}
	*url = line;
	len = strcspn(line, " \t");
	if (!rc && !line[len + strspn(line + len, " \t")] && is_unfinished(line, len))
		rc = err_set(err, ERR_USAGE,
			"'%.*s' has no URL behind it; a target is written as [Nx ][METHOD ]URL",
			(int)len, line);
	if (rc && what && *what)
		err_prefix(err, "%s", what);
	return rc;
}

/* A request into the list, unless it is only to be looked at. */
static int add_request(
	struct reading *r, const struct load_request_text *text, bool only_look, struct err *err)
{
	struct load_targets *all = r->out;
	struct load_request request;
	int rc = load_request_init(&request, text, r->origins, r->names, err);

	if (rc || only_look) {
		if (!rc)
			load_request_release(&request);
		return rc;
	}
	r->bodies += text->body ? text->body_len : 0;
	if (all->n == LOAD_TARGETS_MAX)
		rc = err_set(err, ERR_USAGE, "more than %d requests; a run takes no more of them",
			LOAD_TARGETS_MAX);
	else if (r->bodies > LOAD_BODIES_MAX_BYTES)
		rc = err_set(err, ERR_USAGE,
			"the bodies of all requests are together larger than 1 GiB; take a smaller "
			"body or fewer URLs");
	else if (r->spec->order == LOAD_IN_ORDER && rint(text->weight) != text->weight)
		rc = err_set(err, ERR_USAGE,
			"the weight %g is not whole, which it must be with the order in-order",
			text->weight);
	if (rc) {
		load_request_release(&request);
		return text->what && *text->what ? err_prefix(err, "%s", text->what) : rc;
	}
	all->items = mem_grow(all->items, &all->cap, all->n + 1, sizeof(*all->items));
	all->items[all->n++] = request;
	return 0;
}

/* A method that says by itself that there is no body, even where the spec has one for others. */
static bool has_no_body(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS") ||
	       !strcmp(method, "TRACE");
}

static int add_line(
	struct reading *r, const char *line, const char *what, bool only_look, struct err *err)
{
	struct load_request_text text = {
		.headers = r->spec->headers.items,
		.n_headers = r->spec->headers.n,
		.body = r->body,
		.body_len = r->body_len,
		.form = r->spec->form.n > 0,
		.what = what,
	};
	int rc = load_target_line(line, what, &text.weight, &r->method, &text.url, err);

	if (rc)
		return rc;
	text.method = r->method.len ? r->method.p : load_spec_method(r->spec);
	if (r->method.len && has_no_body(r->method.p))
		text.body = NULL;
	return add_request(r, &text, only_look, err);
}

static int read_list(struct reading *r, const char *path, struct err *err)
{
	struct str line = STR_INIT, what = STR_INIT;
	struct file_bytes file;
	const char *p, *end;
	size_t number = 0, before = r->out->n;
	int rc = file_open_bytes(path, LOAD_LIST_MAX_BYTES, &file, err);

	if (rc)
		return rc;
	p = file.data;
	end = p + file.len;
	if (file.len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end && !rc) {
		const char *feed = memchr(p, '\n', (size_t)(end - p)), *stop = feed ? feed : end;
		const char *next = feed ? feed + 1 : end;

		number++;
		while (p < stop && is_blank(*p))
			p++;
		while (stop > p && (is_blank(stop[-1]) || stop[-1] == '\r'))
			stop--;
		str_clear(&what);
		str_addf(&what, "%s:%zu", path, number);
		str_clear(&line);
		str_add_bytes(&line, p, (size_t)(stop - p));
		if (memchr(line.p, '\0', line.len))
			rc = err_set(
				err, ERR_INPUT, "%s: a NUL byte; this is not a text file", what.p);
		else if (line.len && *line.p != '#')
			rc = add_line(r, line.p, what.p, false, err);
		p = next;
	}
	if (!rc && r->out->n == before)
		rc = err_set(err, ERR_INPUT, "%s: has no URL in it; write one a line", path);
	file_close_bytes(&file);
	str_release(&line);
	str_release(&what);
	return rc;
}

/* Does the spec give a header of this recorded one's name? */
static bool is_replaced(const struct load_spec *spec, const char *recorded)
{
	size_t len = strcspn(recorded, ":");

	for (size_t i = 0; i < spec->headers.n; i++) {
		const char *given = spec->headers.items[i];

		if (strcspn(given, ":") == len && !strncasecmp(given, recorded, len))
			return true;
	}
	return false;
}

static int add_recorded(void *arg, const struct load_request_text *recorded, struct err *err)
{
	struct reading *r = arg;
	const struct load_spec *spec = r->spec;
	struct load_request_text text = *recorded;

	r->headers = mem_grow(r->headers, &r->headers_cap, recorded->n_headers + spec->headers.n,
		sizeof(*r->headers));
	text.n_headers = 0;
	for (size_t i = 0; i < recorded->n_headers; i++)
		if (!is_replaced(spec, recorded->headers[i]))
			r->headers[text.n_headers++] = recorded->headers[i];
	for (size_t i = 0; i < spec->headers.n; i++)
		r->headers[text.n_headers++] = spec->headers.items[i];
	text.headers = r->headers;
	return add_request(r, &text, false, err);
}

static int read_archive(struct reading *r, const char *path, struct err *err)
{
	struct har_hooks hooks = {.request = add_recorded, .arg = r};
	struct file_bytes file;
	size_t before = r->out->n;
	int rc;

	if (r->body)
		return err_set(err, ERR_USAGE,
			"%s: an archive brings the bodies of its requests; leave out body, "
			"body-file and form",
			path);
	rc = file_open_bytes(path, LOAD_LIST_MAX_BYTES, &file, err);
	if (rc)
		return rc;
	rc = har_read(path, file.data, file.len, &hooks, err);
	if (!rc && r->out->n == before)
		rc = err_set(err, ERR_INPUT, "%s: has no request over http or https in it", path);
	file_close_bytes(&file);
	return rc;
}

static int make_form(struct reading *r, struct err *err)
{
	const struct opt_list *form = &r->spec->form;

	for (size_t i = 0; i < form->n; i++) {
		const char *field = form->items[i], *equals = strchr(field, '=');

		if (!equals || equals == field)
			return err_set(err, ERR_USAGE,
				"the form's field '%.200s' must read name=value", field);
		if (i)
			str_add_char(&r->form, '&');
		template_encode(&r->form, field, (size_t)(equals - field));
		str_add_char(&r->form, '=');
		template_encode(&r->form, equals + 1, strlen(equals + 1));
	}
	return 0;
}

static int find_body(struct reading *r, struct err *err)
{
	const struct load_spec *spec = r->spec;
	int rc = 0;

	if ((spec->body != NULL) + (spec->body_file != NULL) + (spec->form.n > 0) > 1)
		return err_set(err, ERR_USAGE,
			"body, body-file and form each give the body; leave all but one out");
	if (spec->body) {
		r->body = spec->body;
		r->body_len = strlen(spec->body);
	} else if (spec->body_file) {
		rc = file_open_bytes(spec->body_file, LOAD_BODIES_MAX_BYTES, &r->file, err);
		r->body = r->file.len ? r->file.data : "";
		r->body_len = r->file.len;
	} else if (spec->form.n) {
		rc = make_form(r, err);
		r->body = str_text(&r->form);
		r->body_len = r->form.len;
	}
	return rc;
}

/* Those of the spec, before a line of some list is blamed for them. */
static int check_headers(const struct load_spec *spec, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < spec->headers.n && !rc; i++)
		rc = load_header_check(spec->headers.items[i], NULL, err);
	return rc;
}

static int compare_names(const void *a, const void *b)
{
	const struct load_request *x = *(struct load_request *const *)a;
	const struct load_request *y = *(struct load_request *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x > y) - (x < y);
}

/* The second of a name becomes "name (2)", and so on. */
static void make_names_differ(struct load_targets *t)
{
	struct load_request **sorted = mem_alloc(t->n + 1, sizeof(*sorted));
	size_t first = 0;
	char *name;

	for (size_t i = 0; i < t->n; i++)
		sorted[i] = &t->items[i];
	qsort(sorted, t->n, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < t->n; i++) {
		struct str numbered = STR_INIT;

		name = sorted[i]->name;
		if (strcmp(sorted[first]->name, name) != 0) {
			first = i;
			continue;
		}
		str_addf(&numbered, "%s (%zu)", name, i - first + 1);
		sorted[i]->name = str_take(&numbered);
		free(name);
	}
	free(sorted);
}

static int read_all(struct reading *r, struct err *err)
{
	const struct load_spec *spec = r->spec;
	bool listed = spec->urls_file || spec->har_file;
	int rc = check_headers(spec, err);

	if (!rc)
		rc = find_body(r, err);
	if (!rc && spec->url && *spec->url)
		rc = add_line(r, spec->url, NULL, listed, err);
	for (size_t i = 0; i < spec->targets.n && !rc; i++)
		rc = add_line(r, spec->targets.items[i], "target", false, err);
	if (!rc && spec->urls_file)
		rc = read_list(r, spec->urls_file, err);
	if (!rc && spec->har_file)
		rc = read_archive(r, spec->har_file, err);
	if (!rc && !r->out->n)
		rc = err_set(err, ERR_USAGE, "a URL is missing; give one as http://host:port/path");
	return rc;
}

int load_targets_read(struct load_targets *out, const struct load_spec *spec,
	struct load_origins *origins, const struct template_names *names, struct err *err)
{
	struct reading r = {.out = out, .spec = spec, .origins = origins, .names = names};
	int rc;

	*out = (struct load_targets){0};
	rc = read_all(&r, err);
	if (rc)
		load_targets_release(out);
	else
		make_names_differ(out);
	file_close_bytes(&r.file);
	str_release(&r.form);
	str_release(&r.method);
	free(r.headers);
	return rc;
}

void load_targets_release(struct load_targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		load_request_release(&t->items[i]);
	free(t->items);
	*t = (struct load_targets){0};
}
