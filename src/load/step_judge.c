/* Takes and checks of a step, on its answer. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "load/answer.h"
#include "load/regex.h"
#include "load/scenario.h"

/* ---- checks ---- */

static bool in_ranges(const struct load_check *c, unsigned status)
{
	for (size_t i = 0; i < c->n_statuses; i++)
		if (status >= c->statuses[i].min && status <= c->statuses[i].max)
			return true;
	return false;
}

bool load_step_expects(const struct load_step *s, unsigned status)
{
	if (!s->any_status)
		return status >= 200 && status <= 399;
	for (size_t i = 0; i < s->n_checks; i++)
		if (s->checks[i].kind == CHECK_STATUS && !in_ranges(&s->checks[i], status))
			return false;
	return true;
}

/* 1 and 1.0 are the same number. */
static bool json_same(const json_t *expected, const json_t *value)
{
	if (json_is_number(expected) && json_is_number(value) &&
		json_typeof(expected) != json_typeof(value))
		return json_number_value(expected) == json_number_value(value);
	return json_equal(expected, value);
}

static bool json_holds(const struct load_check *c, struct answer *a)
{
	const json_t *value = answer_json(a, c->text);

	return value && (!c->expected || json_same(c->expected, value));
}

/* As a whole, or before its parameters ("; charset=…"). */
static bool header_says(struct http_slice value, const char *text)
{
	size_t at = strlen(text);

	if (value.len < at || memcmp(value.p, text, at) != 0)
		return false;
	while (at < value.len && (value.p[at] == ' ' || value.p[at] == '\t'))
		at++;
	return at == value.len || value.p[at] == ';';
}

/* One of the fields of that name is enough. */
static bool header_holds(const struct load_check *c, const struct answer *a)
{
	struct http_slice value;
	size_t at = 0;

	while (answer_header(a, c->text, &at, &value))
		if (!c->value || header_says(value, c->value))
			return true;
	return false;
}

static bool check_holds(const struct load_check *c, struct answer *a)
{
	struct http_slice body;

	switch (c->kind) {
	case CHECK_STATUS: return in_ranges(c, a->from->status);
	case CHECK_CONTAINS:
		return answer_body(a, &body) && memmem(body.p, body.len, c->text, strlen(c->text));
	case CHECK_REGEX: return answer_body(a, &body) && regex_find(c->code, body, NULL);
	case CHECK_JSON: return json_holds(c, a);
	case CHECK_HEADER: return header_holds(c, a);
	case CHECK_LATENCY: return a->from->latency_ns <= c->latency_ns;
	}
	return false;
}

/* ---- takes ---- */

static bool find_value(const struct load_take *t, struct answer *a, struct str *out)
{
	struct http_slice found = {0};
	const json_t *value;
	size_t at = 0;

	switch (t->kind) {
	case TAKE_JSON:
		value = answer_json(a, t->text);
		if (value)
			answer_json_text(out, value);
		return value;
	case TAKE_HEADER:
		if (!answer_header(a, t->text, &at, &found))
			return false;
		break;
	case TAKE_REGEX:
		if (!answer_body(a, &found) || !regex_find(t->code, found, &found))
			return false;
		break;
	}
	if (found.len <= LOAD_TAKEN_MAX)
		str_add_bytes(out, found.p, found.len);
	return found.len <= LOAD_TAKEN_MAX;
}

static bool take_value(const struct load_take *t, struct answer *a, char **taken)
{
	struct str value = STR_INIT;
	bool found = find_value(t, a, &value) && value.len <= LOAD_TAKEN_MAX;

	if (found) {
		free(taken[t->variable]);
		taken[t->variable] = mem_copy(str_text(&value), value.len);
	}
	str_release(&value);
	return found;
}

bool load_step_judge(const struct load_step *s, const struct load_answer *a, char **taken,
	uint64_t *passed, uint64_t *failed)
{
	struct answer answer;
	bool all = true;

	answer_init(&answer, a);
	for (size_t i = 0; i < s->n_checks; i++) {
		bool held = check_holds(&s->checks[i], &answer);

		(held ? passed : failed)[s->checks[i].result]++;
		all = all && held;
	}
	for (size_t i = 0; i < s->n_takes; i++)
		all = take_value(&s->takes[i], &answer, taken) && all;
	answer_release(&answer);
	return all;
}
