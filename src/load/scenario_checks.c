/* What a step takes from its answer, and what it checks. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "load/answer.h"
#include "load/regex.h"
#include "load/scenario_file.h"

/* ---- variables ---- */

static int add_variable(struct scenario_reader *r, const struct node_key *key)
{
	struct load_scenario *s = &r->out->scenario;

	if (!template_is_word(key->name, strlen(key->name)))
		return node_refuse(&r->in, key->line,
			"'%s' is no name for a value; use letters, digits, '_', '.' and '-'",
			key->name);
	if (template_is_built_in(key->name))
		return node_refuse(&r->in, key->line,
			"{%s} is a placeholder that is always there; take the value under another "
			"name",
			key->name);
	for (size_t i = 0; i < s->n_variables; i++)
		if (!strcmp(s->variables[i], key->name))
			return 0;
	for (size_t i = 0; i < r->out->data.n_columns; i++)
		if (!strcmp(r->out->data.columns[i], key->name))
			return node_refuse(&r->in, key->line,
				"'%s' is a column of %s too; take the value under another name",
				key->name, r->spec->data_file);
	s->variables = mem_resize(s->variables, s->n_variables + 1, sizeof(*s->variables));
	s->variables[s->n_variables++] = mem_strdup(key->name);
	return 0;
}

int scenario_variables(struct scenario_reader *r, const struct node *steps)
{
	int rc = 0;

	for (size_t i = 0; i < steps->n && !rc; i++) {
		const struct node *take = node_at(&steps->items[i], "take");

		for (size_t k = 0; take && take->kind == NODE_MAP && k < take->n && !rc; k++)
			rc = add_variable(r, &take->keys[k]);
	}
	r->names.taken = (const char *const *)r->out->scenario.variables;
	r->names.n_taken = r->out->scenario.n_variables;
	return rc;
}

/* ---- what both use ---- */

static int check_pointer(const struct scenario_reader *r, size_t line, const char *text)
{
	if (answer_is_pointer(text))
		return 0;
	return node_refuse(&r->in, line,
		"'%s' is no JSON pointer; write it as /user/name or /items/0 (RFC 6901)", text);
}

/* A pointer; "" is the whole document, and then must be in quotes. */
static int read_pointer(const struct scenario_reader *r, const struct node *n, const char **out)
{
	int rc = 0;

	if (n->kind == NODE_TEXT && n->quoted)
		*out = n->text;
	else
		rc = node_value(&r->in, n, "json", out);
	return rc ? rc : check_pointer(r, n->line, *out);
}

static struct regex *compile(const struct scenario_reader *r, const struct node *n, const char *key)
{
	struct str place = STR_INIT;
	struct regex *code = regex_compile(n->text, node_place(&r->in, n, key, &place), r->in.err);

	str_release(&place);
	return code;
}

/* ---- take ---- */

static int read_take(const struct scenario_reader *r, const struct node_key *key,
	const struct node *n, struct load_take *out)
{
	static const char *const KINDS[] = {"json", "header", "regex", NULL};
	const char *text;
	int rc;

	if (n->kind != NODE_MAP || n->n != 1)
		return node_refuse(&r->in, n->line,
			"%s must say where its value is, as {json: /path}, {header: Name} or "
			"{regex: 'x=([0-9]+)'}",
			key->name);
	rc = node_check_map(&r->in, n, KINDS, key->name);
	if (rc)
		return rc;
	while (strcmp(KINDS[out->kind], n->keys[0].name) != 0)
		out->kind++;
	if (out->kind == TAKE_JSON)
		rc = read_pointer(r, &n->items[0], &text);
	else
		rc = node_value(&r->in, &n->items[0], KINDS[out->kind], &text);
	if (rc)
		return rc;
	if (out->kind == TAKE_REGEX) {
		out->code = compile(r, &n->items[0], "regex");
		if (!out->code)
			return -ERR_USAGE;
	}
	while (strcmp(r->names.taken[out->variable], key->name) != 0)
		out->variable++;
	out->text = mem_strdup(text);
	return 0;
}

int scenario_takes(const struct scenario_reader *r, const struct node *n, struct load_step *step)
{
	int rc = node_check_map(&r->in, n, NULL, "take");

	if (rc || !n->n)
		return rc;
	step->takes = mem_zalloc(n->n, sizeof(*step->takes));
	for (size_t i = 0; i < n->n && !rc; i++) {
		rc = read_take(r, &n->keys[i], &n->items[i], &step->takes[i]);
		if (!rc)
			step->n_takes++;
	}
	return rc;
}

/* ---- check ---- */

/* A check more, with its name: "log in: <format>". */
static struct load_check *add_check(const struct scenario_reader *r, struct load_step *step,
	enum load_check_kind kind, const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct load_check *add_check(const struct scenario_reader *r, struct load_step *step,
	enum load_check_kind kind, const char *format, ...)
{
	struct str name = STR_INIT;
	struct load_check *c;
	va_list args;

	str_addf(&name, "%s: ", step->request.name);
	va_start(args, format);
	str_vaddf(&name, format, args);
	va_end(args);
	step->checks = mem_resize(step->checks, step->n_checks + 1, sizeof(*step->checks));
	c = &step->checks[step->n_checks++];
	*c = (struct load_check){
		.kind = kind, .name = str_take(&name), .result = r->out->scenario.n_checks++};
	return c;
}

/* "200", "2xx", "200-299" */
static int read_range(
	const struct scenario_reader *r, const struct node *n, struct load_status_range *out)
{
	const char *text;
	int64_t min, max;
	int rc = node_value(&r->in, n, "status", &text);
	char *first;
	bool ok;

	if (rc)
		return rc;
	if (text[0] >= '1' && text[0] <= '5' && !strcasecmp(text + 1, "xx")) {
		out->min = (uint16_t)((text[0] - '0') * 100);
		out->max = (uint16_t)(out->min + 99);
		return 0;
	}
	first = mem_copy(text, strcspn(text, "-"));
	ok = !num_parse_int(first, 100, 599, "status", &min, NULL);
	max = min;
	if (ok && strchr(text, '-'))
		ok = !num_parse_int(strchr(text, '-') + 1, min, 599, "status", &max, NULL);
	free(first);
	if (!ok)
		return node_refuse(&r->in, n->line,
			"'%s' is no status; write 200, 2xx, 200-204, or a list of such", text);
	*out = (struct load_status_range){(uint16_t)min, (uint16_t)max};
	return 0;
}

static int check_status(
	const struct scenario_reader *r, const struct node *n, struct load_step *step)
{
	bool list = n->kind == NODE_LIST;
	size_t count = list ? n->n : 1;
	struct load_status_range *ranges = mem_zalloc(count + 1, sizeof(*ranges));
	struct str words = STR_INIT;
	struct load_check *c;
	int rc = count ? 0 : node_refuse(&r->in, n->line, "status is an empty list; name one");

	for (size_t i = 0; i < count && !rc; i++) {
		const struct node *item = list ? &n->items[i] : n;

		rc = read_range(r, item, &ranges[i]);
		if (!rc)
			str_addf(&words, "%s%s", i ? " or " : "", item->text);
	}
	if (!rc) {
		c = add_check(r, step, CHECK_STATUS, "status %s", words.p);
		c->statuses = ranges;
		c->n_statuses = count;
	} else {
		free(ranges);
	}
	str_release(&words);
	return rc;
}

/* One text, or a list of them, each a check. */
static int check_text(const struct scenario_reader *r, const struct node *n, struct load_step *step,
	enum load_check_kind kind, const char *key)
{
	struct regex *code = NULL;
	struct load_check *c;
	const char *text;
	int rc = 0;

	if (n->kind == NODE_LIST) {
		for (size_t i = 0; i < n->n && !rc; i++)
			rc = n->items[i].kind == NODE_LIST
				     ? node_refuse(&r->in, n->items[i].line,
					       "%s has a list in a list", key)
				     : check_text(r, &n->items[i], step, kind, key);
		return rc;
	}
	rc = node_value(&r->in, n, key, &text);
	if (!rc && kind == CHECK_REGEX) {
		code = compile(r, n, key);
		rc = code ? 0 : -ERR_USAGE;
	}
	if (rc)
		return rc;
	c = add_check(r, step, kind, "%s %s", key, text);
	c->text = mem_strdup(text);
	c->code = code;
	return 0;
}

/* A name that must be there. */
static int check_there(const struct scenario_reader *r, const struct node *n,
	struct load_step *step, enum load_check_kind kind)
{
	struct load_check *c;
	const char *text;
	int rc = kind == CHECK_JSON ? read_pointer(r, n, &text)
				    : node_value(&r->in, n, "header", &text);

	if (rc)
		return rc;
	if (kind == CHECK_JSON)
		c = add_check(r, step, kind, "%s is there", *text ? text : "JSON");
	else
		c = add_check(r, step, kind, "header %s is there", text);
	c->text = mem_strdup(text);
	return 0;
}

static int check_json_value(const struct scenario_reader *r, const struct node_key *key,
	const struct node *n, struct load_step *step)
{
	struct str text = STR_INIT;
	struct load_check *c;
	json_t *value;
	int rc = check_pointer(r, key->line, key->name);

	if (rc)
		return rc;
	value = scenario_json(r, n);
	if (!value)
		return -ERR_USAGE;
	json_write(&text, value, 0);
	c = add_check(r, step, CHECK_JSON, "%s is %s", *key->name ? key->name : "JSON", text.p);
	str_release(&text);
	c->text = mem_strdup(key->name);
	c->expected = value;
	return 0;
}

static int check_header_value(const struct scenario_reader *r, const struct node_key *key,
	const struct node *n, struct load_step *step)
{
	struct load_check *c;
	const char *text;
	int rc = node_value(&r->in, n, key->name, &text);

	if (rc)
		return rc;
	c = add_check(r, step, CHECK_HEADER, "header %s is %s", key->name, text);
	c->text = mem_strdup(key->name);
	c->value = mem_strdup(text);
	return 0;
}

/* A map says what the values are; one name, or a list of them, that they are there. */
static int check_values(const struct scenario_reader *r, const struct node *n,
	struct load_step *step, enum load_check_kind kind)
{
	int rc = 0;

	if (n->kind == NODE_TEXT)
		return check_there(r, n, step, kind);
	if (!n->n)
		return node_refuse(&r->in, n->line,
			"%s is empty; say what to check, or leave it out",
			kind == CHECK_JSON ? "json" : "header");
	for (size_t i = 0; i < n->n && !rc; i++)
		if (n->kind == NODE_LIST)
			rc = check_there(r, &n->items[i], step, kind);
		else if (kind == CHECK_JSON)
			rc = check_json_value(r, &n->keys[i], &n->items[i], step);
		else
			rc = check_header_value(r, &n->keys[i], &n->items[i], step);
	return rc;
}

static int check_latency(
	const struct scenario_reader *r, const struct node *n, struct load_step *step)
{
	struct str place = STR_INIT;
	const char *text;
	uint64_t ns;
	int rc = node_value(&r->in, n, "latency", &text);

	if (!rc)
		rc = num_parse_duration(text, 1, 86400 * NS_PER_S,
			node_place(&r->in, n, "latency", &place), &ns, r->in.err);
	if (!rc)
		add_check(r, step, CHECK_LATENCY, "latency at most %s", text)->latency_ns = ns;
	str_release(&place);
	return rc;
}

int scenario_checks(const struct scenario_reader *r, const struct node *n, struct load_step *step)
{
	static const char *const KEYS[] = {
		"status", "contains", "regex", "json", "header", "latency", NULL};
	int rc = node_check_map(&r->in, n, KEYS, "check");

	for (size_t i = 0; !rc && i < n->n; i++) {
		const struct node *value = &n->items[i];
		enum load_check_kind kind = CHECK_STATUS;

		while (strcmp(KEYS[kind], n->keys[i].name) != 0)
			kind++;
		switch (kind) {
		case CHECK_STATUS: rc = check_status(r, value, step); break;
		case CHECK_CONTAINS:
		case CHECK_REGEX: rc = check_text(r, value, step, kind, KEYS[kind]); break;
		case CHECK_JSON:
		case CHECK_HEADER: rc = check_values(r, value, step, kind); break;
		case CHECK_LATENCY: rc = check_latency(r, value, step); break;
		}
	}
	return rc;
}
