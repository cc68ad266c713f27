/* One step of a scenario file: its request and the thinking after it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "load/scenario_file.h"

#define THINK_MAX_NS (86400 * NS_PER_S)
enum { BODY_FILE_MAX_BYTES = 1 << 26 };

static const char *const METHODS[] = {
	"get", "post", "put", "patch", "delete", "head", "options", NULL};
static const char *const BODIES[] = {"body", "json", "form", "body_file", NULL};
static const char *const STEP_KEYS[] = {"get", "post", "put", "patch", "delete", "head", "options",
	"name", "headers", "body", "json", "form", "body_file", "take", "check", "think", "weight",
	NULL};

/* A request while it is read; its texts are given up once it was made. */
struct draft {
	struct load_request_text text;
	char method[16];
	struct str body, what;
	char **headers;
	size_t n_headers;
};

static void draft_release(struct draft *d)
{
	for (size_t i = 0; i < d->n_headers; i++)
		free(d->headers[i]);
	free(d->headers);
	str_release(&d->body);
	str_release(&d->what);
}

/* ---- thinking ---- */

int scenario_think(const struct scenario_reader *r, const struct node *n, struct load_think *out)
{
	struct str place = STR_INIT;
	const char *text, *dots;
	int rc = node_value(&r->in, n, "think", &text);

	if (rc)
		return rc;
	node_place(&r->in, n, "think", &place);
	dots = strstr(text, "..");
	if (!dots) {
		rc = num_parse_duration(text, 0, THINK_MAX_NS, place.p, &out->min_ns, r->in.err);
		out->max_ns = out->min_ns;
	} else {
		char *min = mem_copy(text, (size_t)(dots - text));

		rc = num_parse_duration(min, 0, THINK_MAX_NS, place.p, &out->min_ns, r->in.err);
		if (!rc)
			rc = num_parse_duration(
				dots + 2, 0, THINK_MAX_NS, place.p, &out->max_ns, r->in.err);
		if (!rc && out->max_ns < out->min_ns)
			rc = node_refuse(&r->in, n->line,
				"think: %s ends before it begins; write the shorter time first",
				text);
		free(min);
	}
	str_release(&place);
	return rc;
}

/* ---- method and headers ---- */

/* The one key of `keys` that the step has; NULL for none. Two are refused. */
static int find_one(const struct scenario_reader *r, const struct node *n, const char *const *keys,
	const char **out)
{
	*out = NULL;
	for (size_t i = 0; keys[i]; i++) {
		if (!node_at(n, keys[i]))
			continue;
		if (*out)
			return node_refuse(&r->in, n->line,
				"a step has both %s and %s, and can have one of them", *out,
				keys[i]);
		*out = keys[i];
	}
	return 0;
}

static int read_method(const struct scenario_reader *r, const struct node *n, struct draft *d)
{
	const char *key;
	int rc = find_one(r, n, METHODS, &key);

	if (!rc && !key)
		rc = node_refuse(&r->in, n->line,
			"a step that requests nothing; say what, as get: /path (there is get, "
			"post, put, patch, delete, head, options)");
	if (!rc)
		rc = node_text(&r->in, n, key, &d->text.url);
	if (!rc && d->text.url[0] == '/' && !r->spec->url)
		rc = node_refuse(&r->in, node_at(n, key)->line,
			"where is %s? Give the URL of the service, as load: {url: "
			"http://127.0.0.1:5001} or on the command line",
			d->text.url);
	if (rc)
		return rc;
	for (size_t i = 0; key[i]; i++)
		d->method[i] = (char)toupper((unsigned char)key[i]);
	d->text.method = d->method;
	return 0;
}

static void add_header(struct draft *d, const char *name, const char *value)
{
	struct str line = STR_INIT;

	str_addf(&line, "%s: %s", name, value);
	d->headers = mem_resize(d->headers, d->n_headers + 1, sizeof(*d->headers));
	d->headers[d->n_headers++] = str_take(&line);
}

/* `name` up to a colon or its end, without regard to case. */
static bool same_name(const char *line, const char *name)
{
	size_t len = strcspn(name, ":");

	return !strncasecmp(line, name, len) && line[len] == ':';
}

static bool has_header(const struct draft *d, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (same_name(d->headers[i], name))
			return true;
	return false;
}

/* The step's own, then those of the whole load that it does not have. */
static int read_headers(const struct scenario_reader *r, const struct node *n, struct draft *d)
{
	const struct node *map = node_at(n, "headers");
	size_t own;
	int rc = map ? node_check_map(&r->in, map, NULL, "headers") : 0;

	for (size_t i = 0; !rc && map && i < map->n; i++) {
		const struct node *value = &map->items[i];
		const char *text;

		if (value->kind == NODE_TEXT && value->quoted)
			text = value->text;
		else
			rc = node_value(&r->in, value, map->keys[i].name, &text);
		if (!rc)
			add_header(d, map->keys[i].name, text);
	}
	if (rc)
		return rc;
	own = d->n_headers;
	for (size_t i = 0; i < r->spec->headers.n; i++) {
		const char *line = r->spec->headers.items[i];

		if (has_header(d, own, line))
			continue;
		d->headers = mem_resize(d->headers, d->n_headers + 1, sizeof(*d->headers));
		d->headers[d->n_headers++] = mem_strdup(line);
	}
	return 0;
}

/* ---- body ---- */

static int read_json(const struct scenario_reader *r, const struct node *n, struct draft *d)
{
	json_t *json = scenario_json(r, n);

	if (!json)
		return -ERR_USAGE;
	json_write(&d->body, json, 0);
	json_decref(json);
	if (!has_header(d, d->n_headers, "Content-Type"))
		add_header(d, "Content-Type", "application/json");
	return 0;
}

static int read_form(const struct scenario_reader *r, const struct node *n, struct draft *d)
{
	int rc = node_check_map(&r->in, n, NULL, "form");

	for (size_t i = 0; !rc && i < n->n; i++) {
		const char *name = n->keys[i].name;

		if (n->items[i].kind != NODE_TEXT)
			return node_refuse(&r->in, n->items[i].line,
				"%s is %s, and must be one value", name,
				NODE_KIND_WORDS[n->items[i].kind]);
		if (i)
			str_add_char(&d->body, '&');
		template_encode(&d->body, name, strlen(name));
		str_add_char(&d->body, '=');
		template_encode(&d->body, n->items[i].text, strlen(n->items[i].text));
	}
	d->text.form = true;
	return rc;
}

static int read_body_file(const struct scenario_reader *r, const struct node *n, struct draft *d)
{
	struct file_bytes file;
	const char *path;
	int rc = node_value(&r->in, n, "body_file", &path);

	if (!rc)
		rc = file_open_bytes(scenario_path(r, path), BODY_FILE_MAX_BYTES, &file, r->in.err);
	if (rc)
		return rc;
	str_add_bytes(&d->body, file.data, file.len);
	file_close_bytes(&file);
	return 0;
}

static int read_body(const struct scenario_reader *r, const struct node *n, struct draft *d)
{
	const struct node *value;
	const char *key;
	int rc = find_one(r, n, BODIES, &key);

	if (rc || !key)
		return rc;
	value = node_at(n, key);
	if (!strcmp(key, "json")) {
		rc = read_json(r, value, d);
	} else if (!strcmp(key, "form")) {
		rc = read_form(r, value, d);
	} else if (!strcmp(key, "body_file")) {
		rc = read_body_file(r, value, d);
	} else if (value->kind != NODE_TEXT) {
		rc = node_refuse(&r->in, value->line,
			"body is %s, and must be a text; write its JSON in quotes, or the key "
			"json",
			NODE_KIND_WORDS[value->kind]);
	} else {
		str_add(&d->body, value->text);
	}
	d->text.body = str_text(&d->body);
	d->text.body_len = d->body.len;
	return rc;
}

/* ---- the whole ---- */

static int read_weight(
	const struct scenario_reader *r, const struct node *n, bool start, double *out)
{
	const struct node *value = node_at(n, "weight");
	struct str place = STR_INIT;
	const char *text;
	int rc = node_text(&r->in, n, "weight", &text);

	*out = 1;
	if (rc || !text)
		return rc;
	if (start || !r->out->scenario.pick_one)
		return node_refuse(&r->in, value->line,
			start ? "weight in start: those steps are all done, once; leave it out"
			      : "weight without pick: one, for all steps are done by turns; write "
				"pick: one, or leave the weight out");
	node_place(&r->in, value, "weight", &place);
	rc = num_parse_real(text, 1e-6, 1e6, place.p, out, r->in.err);
	str_release(&place);
	return rc;
}

static int read_request(
	struct scenario_reader *r, const struct node *n, bool start, struct load_request *out)
{
	struct draft d = {0};
	int rc = read_method(r, n, &d);

	if (!rc)
		rc = node_text(&r->in, n, "name", &d.text.name);
	if (!rc)
		rc = read_headers(r, n, &d);
	if (!rc)
		rc = read_body(r, n, &d);
	if (!rc)
		rc = read_weight(r, n, start, &d.text.weight);
	if (!rc) {
		str_addf(&d.what, "%s:%zu", r->in.path, n->line);
		d.text.what = d.what.p;
		d.text.headers = (const char *const *)d.headers;
		d.text.n_headers = d.n_headers;
		rc = load_request_init(out, &d.text, r->origins, &r->names, r->in.err);
	}
	draft_release(&d);
	return rc;
}

static void decide_wants(struct load_step *s, bool cookies)
{
	for (size_t i = 0; i < s->n_takes; i++)
		if (s->takes[i].kind != TAKE_HEADER)
			s->wants_body = true;
	for (size_t i = 0; i < s->n_checks; i++) {
		enum load_check_kind kind = s->checks[i].kind;

		if (kind == CHECK_CONTAINS || kind == CHECK_REGEX || kind == CHECK_JSON)
			s->wants_body = true;
		if (kind == CHECK_HEADER)
			s->wants_headers = true;
		if (kind == CHECK_STATUS)
			s->any_status = true;
	}
	/* A body is read by what its Content-Encoding says. */
	if (s->n_takes || s->wants_body || cookies)
		s->wants_headers = true;
}

int scenario_step(struct scenario_reader *r, const struct node *n, bool start)
{
	struct load_scenario *s = &r->out->scenario;
	const struct node *take, *check, *think;
	struct load_step step = {.think = r->think};
	int rc = node_check_map(&r->in, n, STEP_KEYS, "a step");

	if (rc)
		return rc;
	take = node_at(n, "take");
	check = node_at(n, "check");
	think = node_at(n, "think");
	if (think)
		rc = scenario_think(r, think, &step.think);
	if (!rc)
		rc = read_request(r, n, start, &step.request);
	if (rc)
		return rc;
	s->steps = mem_resize(s->steps, s->n_steps + 1, sizeof(*s->steps));
	s->steps[s->n_steps] = step;
	s->n_start += start;
	if (take)
		rc = scenario_takes(r, take, &s->steps[s->n_steps]);
	if (!rc && check)
		rc = scenario_checks(r, check, &s->steps[s->n_steps]);
	decide_wants(&s->steps[s->n_steps++], s->cookies);
	return rc;
}
