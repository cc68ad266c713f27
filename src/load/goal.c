/*
 * Goals, read strictly: a number without its unit is asked back, since a limit that is wrong by a
 * thousand would hold forever or never.
 */
#include "load/goal.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

enum { GOAL_TEXT_MAX = 300, TARGETS_NAMED = 10 };

enum what { TIME, RATE, ERRORS, ONE_ERROR, CHECKS };

/* A metric's name, taken apart. */
struct metric {
	enum what what;
	size_t hist;    /* TIME: offset of its histogram in a result */
	double percent; /* TIME: of a percentile; or one of these */
	int error;      /* ONE_ERROR: enum load_error */
};

enum { MEAN = -1, MAX = -2, MIN = -3 };

static const struct phase {
	const char *prefix;
	size_t hist;
} PHASES[] = {
	{"send_", offsetof(struct load_result, from_send)},
	{"first_byte_", offsetof(struct load_result, first_byte)},
	{"connect_", offsetof(struct load_result, connect)},
	{"tls_", offsetof(struct load_result, tls)},
	{"late_", offsetof(struct load_result, late)},
	{"", offsetof(struct load_result, latency)},
};

/* "p99", "p99.9", "p99_9", "mean", "max", "min". */
static bool statistic_parse(const char *name, double *percent)
{
	char digits[16];

	if (!strcmp(name, "mean"))
		*percent = MEAN;
	else if (!strcmp(name, "max"))
		*percent = MAX;
	else if (!strcmp(name, "min"))
		*percent = MIN;
	else {
		size_t len = strlen(name);

		if (name[0] != 'p' || len - 1 >= sizeof(digits) ||
			strspn(name + 1, "0123456789._") != len - 1)
			return false;
		snprintf(digits, sizeof(digits), "%s", name + 1);
		if (strchr(digits, '_'))
			*strchr(digits, '_') = '.';
		const char *end = digits + len - 1;

		return num_scan(digits, end, percent) == end && *percent > 0 && *percent < 100;
	}
	return true;
}

static bool metric_parse(const char *name, struct metric *m)
{
	*m = (struct metric){.error = -1};
	if (!strcmp(name, "rate"))
		m->what = RATE;
	else if (!strcmp(name, "errors"))
		m->what = ERRORS;
	else if (!strcmp(name, "checks"))
		m->what = CHECKS;
	else {
		for (int i = 0; i < LOAD_N_ERRORS; i++)
			if (!strcmp(name, LOAD_ERROR_WORDS[i])) {
				m->what = ONE_ERROR;
				m->error = i;
				return true;
			}
		const struct phase *phase = PHASES;

		while (!str_starts(name, phase->prefix))
			phase++;
		m->what = TIME;
		m->hist = phase->hist;
		return statistic_parse(name + strlen(phase->prefix), &m->percent);
	}
	return true;
}

static bool counts_errors(const struct metric *m)
{
	return m->what == ERRORS || m->what == ONE_ERROR;
}

static bool of_latency(const struct metric *m)
{
	return m->what == TIME && m->hist == offsetof(struct load_result, latency);
}

static int refuse_metric(const char *text, const char *metric, struct err *err)
{
	static const char *const WORDS[] = {
		"mean", "max", "min", "rate", "errors", "checks", "p50", "p99", NULL};
	struct str kinds = STR_INIT;
	const char *near = str_nearest(metric, WORDS);

	for (int i = 0; i < LOAD_N_ERRORS; i++)
		str_addf(&kinds, "%s%s", i ? ", " : "", LOAD_ERROR_WORDS[i]);
	err_set(err, ERR_USAGE,
		"'%s': there is no metric '%s'%s%s%s; of the latency there are p50, p99.9 or any "
		"other percentile above 0 and below 100, mean, max and min, with send_, "
		"first_byte_, connect_, tls_ or late_ before them for another time; then rate, "
		"errors, checks, and errors of one kind: %s",
		text, metric, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
		str_text(&kinds));
	str_release(&kinds);
	return -ERR_USAGE;
}

static int time_parse(struct load_goal *g, const char *value, struct err *err)
{
	uint64_t ns;
	double bare;
	const char *end = value + strlen(value);

	if (num_scan(value, end, &bare) == end && isfinite(bare) && bare >= 0)
		return err_set(err, ERR_USAGE, "'%s': %s of what? Write %sms, %sus or %ss", g->text,
			value, value, value, value);
	char what[GOAL_TEXT_MAX + 3];

	snprintf(what, sizeof(what), "'%s'", g->text);
	int rc = num_parse_duration(value, 0, UINT64_C(86400000000000), what, &ns, err);

	g->limit = (double)ns / 1e9;
	return rc;
}

/* A share in per cent, or a number of requests or requests a second. */
static int number_parse(
	struct load_goal *g, const struct metric *m, const char *value, struct err *err)
{
	const char *end = value + strlen(value), *unit = num_scan(value, end, &g->limit);

	if (!unit || !isfinite(g->limit) || g->limit < 0)
		return err_set(err, ERR_USAGE, "'%s': '%s' is not a number; write %s", g->text,
			value, m->what == RATE ? "rate>=1000" : "errors<0.1% or errors<10");
	g->share = !strcmp(unit, "%");
	if (m->what == RATE) {
		if (*unit && strcmp(unit, "/s"))
			return err_set(err, ERR_USAGE,
				"'%s': a rate is in requests a second and takes no unit: write "
				"rate>=%.*s",
				g->text, (int)(unit - value), value);
		return 0;
	}
	if (*unit && !g->share)
		return err_set(err, ERR_USAGE, "'%s': '%s' is not a unit here; write %.*s%%",
			g->text, unit, (int)(unit - value), value);
	if (m->what == CHECKS && !g->share)
		return err_set(
			err, ERR_USAGE, "'%s': %s of what? Write %s%%", g->text, value, value);
	if (!g->share && g->limit != floor(g->limit))
		return err_set(err, ERR_USAGE,
			"'%s': %s of what? Errors are whole; write %s%% for a share of requests",
			g->text, value, value);
	if (g->share && g->limit > 100)
		return err_set(err, ERR_USAGE, "'%s': a share is at most 100%%", g->text);
	if (g->share)
		g->limit /= 100;
	return 0;
}

static const char *trim(char *text)
{
	size_t len;

	while (*text == ' ')
		text++;
	for (len = strlen(text); len && text[len - 1] == ' ';)
		text[--len] = '\0';
	return text;
}

/* Splits "target:metric OP value" in place. The last operator and the last colon before it count,
 * since a target's name may hold either. */
static int split(struct load_goal *g, char *text, const char **value, struct err *err)
{
	size_t at = strlen(text);

	while (at && text[at] != '<' && text[at] != '>')
		at--;
	if (text[at] != '<' && text[at] != '>')
		return err_set(err, ERR_USAGE,
			"'%s': write METRIC, then <, <=, > or >=, then a limit: p99<200ms, "
			"errors<0.1%%, rate>=1000",
			g->text);
	bool less = text[at] == '<', equal = text[at + 1] == '=';

	g->op = less ? (equal ? GOAL_LESS_EQUAL : GOAL_LESS)
		     : (equal ? GOAL_MORE_EQUAL : GOAL_MORE);
	*value = trim(text + at + 1 + equal);
	text[at] = '\0';
	char *colon = strrchr(text, ':');

	if (colon) {
		*colon = '\0';
		g->target = mem_strdup(trim(text));
		if (!*g->target)
			return err_set(err, ERR_USAGE,
				"'%s': the name of a step or target is missing before the colon",
				g->text);
	}
	g->metric = mem_strdup(trim(colon ? colon + 1 : text));
	return 0;
}

int load_goal_parse(struct load_goal *out, const char *text, struct err *err)
{
	struct metric m;
	const char *value = "";
	char *copy;
	int rc;

	*out = (struct load_goal){0};
	if (strlen(text) > GOAL_TEXT_MAX)
		return err_set(err, ERR_USAGE, "'%.40s…': a goal has at most %d characters", text,
			(int)GOAL_TEXT_MAX);
	copy = mem_strdup(text);
	out->text = mem_strdup(text);
	rc = split(out, copy, &value, err);
	if (rc)
		goto done;
	if (!metric_parse(out->metric, &m)) {
		rc = refuse_metric(text, out->metric, err);
		goto done;
	}
	if (out->target && ((m.what == TIME && !of_latency(&m)) || m.what == CHECKS)) {
		rc = err_set(err, ERR_USAGE,
			"'%s': %s is known of the whole run only; of '%s' there are percentiles, "
			"mean, max and min of the latency, rate, errors and errors of one kind",
			text, out->metric, out->target);
		goto done;
	}
	rc = m.what == TIME ? time_parse(out, value, err) : number_parse(out, &m, value, err);
done:
	free(copy);
	if (rc)
		load_goal_release(out);
	return rc;
}

void load_goal_release(struct load_goal *g)
{
	free(g->text);
	free(g->metric);
	free(g->target);
	*g = (struct load_goal){0};
}

static double time_of(const struct hist *h, double percent)
{
	if (!h->n)
		return NAN;
	if (percent == MEAN)
		return hist_mean(h) / 1e9;
	if (percent == MAX)
		return (double)h->max / 1e9;
	if (percent == MIN)
		return (double)h->min / 1e9;
	return h->counts ? (double)hist_percentile(h, percent) / 1e9 : NAN;
}

static double errors_of(const struct load_goal *g, uint64_t errors, uint64_t ended)
{
	if (!ended)
		return NAN;
	return g->share ? (double)errors / (double)ended : (double)errors;
}

static int target_value(const struct load_goal *g, const struct metric *m,
	const struct load_result *r, double *value, struct err *err)
{
	struct str names = STR_INIT;

	for (size_t i = 0; i < r->n_targets; i++) {
		const struct load_target *t = &r->targets[i];
		uint64_t ended = t->completed + t->n_errors;

		if (i < TARGETS_NAMED)
			str_addf(&names, "%s'%s'", i ? ", " : "", t->name);
		if (strcmp(t->name, g->target))
			continue;
		str_release(&names);
		if (m->what == TIME && m->percent > 0 && !t->latency.counts && t->latency.n)
			return err_set(err, ERR_USAGE,
				"'%s': percentiles are kept of the first %d targets only, and '%s' "
				"is number %zu; use mean or max, or move it up",
				g->text, (int)LOAD_TARGETS_TIMED, t->name, i + 1);
		*value = m->what == TIME ? time_of(&t->latency, m->percent)
			 : m->what == RATE
				 ? t->requests_per_second
				 : errors_of(g,
					   m->what == ERRORS ? t->n_errors : t->errors[m->error],
					   ended);
		return 0;
	}
	if (r->n_targets > TARGETS_NAMED)
		str_addf(&names, " and %zu more", r->n_targets - TARGETS_NAMED);
	if (r->n_targets)
		err_set(err, ERR_USAGE, "'%s': the run has no step or target '%s'; it has %s",
			g->text, g->target, str_text(&names));
	else
		err_set(err, ERR_USAGE,
			"'%s': the run has one target and no steps; leave '%s:' out", g->text,
			g->target);
	str_release(&names);
	return -ERR_USAGE;
}

static int checks_value(
	const struct load_goal *g, const struct load_result *r, double *value, struct err *err)
{
	uint64_t passed = 0, all = 0;

	if (!r->n_checks)
		return err_set(err, ERR_USAGE,
			"'%s': the run checked nothing; a scenario's steps have checks "
			"(culprit load --scenario FILE)",
			g->text);
	for (size_t i = 0; i < r->n_checks; i++) {
		passed += r->checks[i].passed;
		all += r->checks[i].passed + r->checks[i].failed;
	}
	*value = all ? (double)passed / (double)all : NAN;
	return 0;
}

int load_goal_value(
	const struct load_goal *g, const struct load_result *r, double *value, struct err *err)
{
	struct metric m;

	*value = NAN;
	if (!metric_parse(g->metric, &m))
		return refuse_metric(g->text, g->metric, err);
	if (g->target)
		return target_value(g, &m, r, value, err);
	if (m.what == CHECKS)
		return checks_value(g, r, value, err);
	uint64_t ended = r->completed + r->n_errors;

	if (m.what == TIME)
		*value = time_of((const struct hist *)((const char *)r + m.hist), m.percent);
	else if (m.what == RATE)
		*value = r->requests_per_second;
	else
		*value = errors_of(g, m.what == ERRORS ? r->n_errors : r->errors[m.error], ended);
	return 0;
}

bool load_goal_holds(const struct load_goal *g, double value)
{
	switch (g->op) {
	case GOAL_LESS: return value < g->limit;
	case GOAL_LESS_EQUAL: return value <= g->limit;
	case GOAL_MORE: return value > g->limit;
	default: return value >= g->limit;
	}
}

/* `exact`: with digits enough to tell neighbours apart. */
static const char *amount(const struct load_goal *g, double value, bool exact, char out[NUM_TEXT])
{
	struct metric m;
	const char *unit = "";

	if (!metric_parse(g->metric, &m))
		m.what = RATE;
	if (m.what == TIME && !exact)
		return num_duration(value, out);
	if (m.what == TIME) {
		value *= 1e3;
		unit = " ms";
	} else if (m.what == RATE) {
		unit = "/s";
	} else if (g->share) {
		value *= 100;
		unit = " %";
	}
	if (exact)
		snprintf(out, NUM_TEXT, "%.9g%s", value, unit);
	else if (counts_errors(&m) && !g->share)
		num_count(value, out);
	else {
		char number[NUM_TEXT];

		snprintf(out, NUM_TEXT, "%.20s%s", num_short(value, number), unit);
	}
	return out;
}

void load_goal_describe(const struct load_goal *g, double value, struct str *out)
{
	static const char *const OPS[] = {"<", "≤", ">", "≥"};
	char was[NUM_TEXT], limit[NUM_TEXT];
	struct metric m;

	amount(g, value, false, was);
	amount(g, g->limit, false, limit);
	if (!strcmp(was, limit) && value != g->limit) {
		amount(g, value, true, was);
		amount(g, g->limit, true, limit);
	}
	if (g->target)
		str_addf(out, "%s: ", g->target);
	str_add(out, g->metric);
	if (metric_parse(g->metric, &m) && m.what == ONE_ERROR)
		str_add(out, " errors");
	bool many = counts_errors(&m) || m.what == CHECKS;

	if (isnan(value))
		str_addf(out, " %s not known, for nothing was measured; must be %s %s",
			many ? "are" : "is", OPS[g->op], limit);
	else
		str_addf(out, " %s %s, must be %s %s", many ? "were" : "was", was, OPS[g->op],
			limit);
}
