/* A load for a terminal: what came of it first, and whether the figure can be trusted; then how
 * long the answers took; then what went wrong; at the end what was required of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/load_words.h"
#include "report/phrase.h"
#include "report/report.h"

enum {
	SPARK = 60,
	LABEL = 12,
	TARGETS = 12, /* targets and checks that are shown, of many */
	CHECKS = 12,
	NAME = 32, /* columns of a target's name */
	PROSE = 96
};

static void label(struct str *out, const struct term *term, const char *text)
{
	term_add(out, term, TERM_DIM, text);
	str_add_repeat(out, " ", LABEL - str_width(text));
}

static size_t prose_width(const struct term *term)
{
	return term->width > PROSE ? PROSE : term->width;
}

/* A line, or a few, behind a label. */
static void entry(struct str *out, const struct term *term, const char *name, struct str *text)
{
	phrase_plain(text, term);
	label(out, term, name);
	phrase_wrap(out, str_text(text), term->width, LABEL);
	str_clear(text);
}

/* Text in a style, wrapped; the style is set anew on each line, so that cutting one spoils nothing.
 */
static void add_styled(struct str *out, const struct term *term, enum term_style style,
	const char *first, const struct str *text)
{
	struct str lines = STR_INIT, plain = STR_INIT;
	size_t indent = str_width(first);

	str_add(&plain, str_text(text));
	phrase_plain(&plain, term);
	str_add(&lines, first);
	phrase_wrap(&lines, str_text(&plain), prose_width(term), indent);
	for (char *line = lines.p, *end; line && *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		term_add(out, term, style, line);
		str_add_char(out, '\n');
	}
	str_release(&lines);
	str_release(&plain);
}

static void add_asked(struct str *out, const struct term *term, const struct load_spec *spec)
{
	struct str text = STR_INIT, how = STR_INIT;

	load_words_what(&text, spec);
	load_words_how(&how, spec);
	term_add(out, term, TERM_BOLD, text.p);
	if (str_width(text.p) + 2 + str_width(how.p) <= term->width) {
		str_add(out, ", ");
		str_addf(out, "%s\n\n", how.p);
	} else {
		str_add_char(out, '\n');
		phrase_wrap(out, how.p, term->width, 0);
		str_add_char(out, '\n');
	}
	str_release(&text);
	str_release(&how);
}

static void add_rate(struct str *out, const struct term *term, const struct load_report *l)
{
	struct str text = STR_INIT, count = STR_INIT;

	label(out, term, "rate");
	load_words_rate(&text, l->spec, l->result);
	str_add(&count, "(");
	load_words_count(&count, l->spec, l->result);
	str_add(&count, ")");
	phrase_plain(&text, term);
	phrase_plain(&count, term);
	term_add(out, term, TERM_BOLD, text.p);
	if (LABEL + str_width(text.p) + 2 + str_width(count.p) <= term->width)
		str_addf(out, "  %s\n", count.p);
	else {
		str_add_char(out, '\n');
		str_add_repeat(out, " ", LABEL);
		phrase_wrap(out, count.p, term->width, LABEL);
	}
	str_release(&text);
	str_release(&count);
}

static void add_failed(struct str *out, const struct term *term, const struct load_result *r)
{
	struct str text = STR_INIT;
	char count[NUM_TEXT];

	label(out, term, "failed");
	if (r->n_errors) {
		str_addf(&text, "%s (", num_count((double)r->n_errors, count));
		phrase_significant(&text, 100 * load_error_fraction(r), 2);
		str_add(&text, " %)");
		phrase_plain(&text, term);
		term_add(out, term, TERM_RED, text.p);
		str_add(out, r->errors[LOAD_TIMEOUT]
				     ? ", not in the rate; timeouts are in the latency"
				     : ", in neither the rate nor the latency");
	} else
		str_add(out, "none");
	str_add_char(out, '\n');
	if (r->unfinished) {
		label(out, term, "");
		str_addf(out, "%s under way at the end and given up\n",
			num_count((double)r->unfinished, count));
	}
	str_release(&text);
}

static void add_doubts(struct str *out, const struct term *term, const struct load_report *l)
{
	struct str text = STR_INIT;

	for (size_t i = 0; load_words_doubt(&text, l, i); i++) {
		add_styled(out, term, TERM_YELLOW, i ? "! " : "\n! ", &text);
		str_clear(&text);
	}
	str_release(&text);
}

/* ---- times ---- */

static const double PERCENTS[] = {50, 90, 99, 99.9};
enum { N_PERCENTS = sizeof(PERCENTS) / sizeof(PERCENTS[0]) };

static void seconds_cell(struct table *t, const struct term *term, double seconds)
{
	struct str text = STR_INIT;
	char value[NUM_TEXT];

	str_add(&text, num_duration(seconds, value));
	phrase_plain(&text, term);
	table_cell(t, text.p);
	str_release(&text);
}

/* A percentile that fewer than one answer lies beyond is not known. */
static double known_percentile(const struct hist *h, double percent)
{
	if (!h->counts || (double)h->n * (100 - percent) / 100 < 1)
		return NAN;
	return (double)hist_percentile(h, percent) / 1e9;
}

static void latency_row(
	struct table *t, const struct term *term, const char *name, const struct hist *h)
{
	if (!h->n || !h->counts)
		return;
	table_cell(t, name);
	seconds_cell(t, term, hist_mean(h) / 1e9);
	for (size_t i = 0; i < N_PERCENTS; i++)
		seconds_cell(t, term, known_percentile(h, PERCENTS[i]));
	seconds_cell(t, term, (double)h->max / 1e9);
}

static void add_latency(struct str *out, const struct term *term, const struct load_result *r)
{
	static const char *const TITLES[] = {"mean", "p50", "p90", "p99", "p99.9", "max"};
	struct table t = TABLE_INIT;

	table_column(&t, "          ", TABLE_LEFT); /* as wide as LABEL with the gap after it */
	for (size_t i = 0; i < sizeof(TITLES) / sizeof(TITLES[0]); i++)
		table_column(&t, TITLES[i], TABLE_RIGHT);
	latency_row(&t, term, "latency", &r->latency);
	if (load_words_differ(&r->latency, &r->from_send))
		latency_row(&t, term, "from send", &r->from_send);
	if (load_words_differ(&r->first_byte, r->from_send.n ? &r->from_send : &r->latency))
		latency_row(&t, term, "first byte", &r->first_byte);
	latency_row(&t, term, "connect", &r->connect);
	latency_row(&t, term, "TLS", &r->tls);
	latency_row(&t, term, "sent late", &r->late);
	if (t.n_cells) {
		str_add_char(out, '\n');
		table_render(&t, term, out);
	}
	table_release(&t);
}

/* ---- targets and checks ---- */

/* The end of a long name tells more than its beginning: "…/items/7?page=2". */
static void name_cell(struct table *t, const struct term *term, const char *name)
{
	struct str text = STR_INIT;
	size_t width = str_width(name);

	if (width > NAME) {
		while (width-- >= NAME)
			do
				name++;
			while (((unsigned char)*name & 0xc0) == 0x80);
		str_add(&text, "…");
	}
	str_add(&text, name);
	phrase_plain(&text, term);
	table_cell(t, text.p);
	str_release(&text);
}

static void target_row(struct table *t, const struct term *term, const struct load_target *target)
{
	struct str rate = STR_INIT;
	char count[NUM_TEXT];

	name_cell(t, term, target->name);
	phrase_significant(&rate, target->requests_per_second, 3);
	phrase_plain(&rate, term);
	table_cell(t, rate.p);
	table_cell(t, target->n_errors ? num_count((double)target->n_errors, count) : "0");
	seconds_cell(t, term, known_percentile(&target->latency, 50));
	seconds_cell(t, term, known_percentile(&target->latency, 99));
	seconds_cell(t, term, target->latency.n ? (double)target->latency.max / 1e9 : NAN);
	str_release(&rate);
}

static void add_targets(struct str *out, const struct term *term, const struct load_report *l)
{
	const struct load_result *r = l->result;
	struct table t = TABLE_INIT;
	struct str rest = STR_INIT;
	size_t shown[TARGETS], n;
	char count[NUM_TEXT], all[NUM_TEXT];

	if (r->n_targets < 2)
		return;
	n = load_words_targets(r, TARGETS, shown);
	table_column(&t, l->spec->scenario ? "step" : "target", TABLE_LEFT);
	table_column(&t, "requests/s", TABLE_RIGHT);
	table_column(&t, "failed", TABLE_RIGHT);
	table_column(&t, "p50", TABLE_RIGHT);
	table_column(&t, "p99", TABLE_RIGHT);
	table_column(&t, "max", TABLE_RIGHT);
	for (size_t i = 0; i < n; i++)
		target_row(&t, term, &r->targets[shown[i]]);
	str_add_char(out, '\n');
	table_render(&t, term, out);
	if (n < r->n_targets) {
		str_addf(&rest,
			"%s of %s: the busiest, the slowest, and those that failed most; --json "
			"has all",
			num_count((double)n, count), num_count((double)r->n_targets, all));
		add_styled(out, term, TERM_DIM, "", &rest);
	}
	str_release(&rest);
	table_release(&t);
}

static void check_line(struct str *out, const struct term *term, const struct load_check_result *c)
{
	struct str text = STR_INIT, share = STR_INIT;
	char failed[NUM_TEXT], all[NUM_TEXT];
	double n = (double)c->passed + (double)c->failed;

	if (!c->failed)
		str_addf(&text, "%s, %s", c->name, n > 0 ? "held each time" : "was not reached");
	else {
		phrase_significant(&share, 100 * (double)c->failed / n, 2);
		str_addf(&text, "%s, failed %s of %s times (%s %%)", c->name,
			num_count((double)c->failed, failed), num_count(n, all), share.p);
	}
	add_styled(out, term, c->failed ? TERM_RED : TERM_DIM, c->failed ? "  x " : "    ", &text);
	str_release(&text);
	str_release(&share);
}

/* Those that failed first. */
static void add_checks(struct str *out, const struct term *term, const struct load_result *r)
{
	size_t shown = 0;

	if (!r->n_checks)
		return;
	str_add_char(out, '\n');
	term_add(out, term, TERM_DIM, "checks, over the whole run");
	str_add_char(out, '\n');
	for (int good = 0; good < 2; good++)
		for (size_t i = 0; i < r->n_checks && shown < CHECKS; i++)
			if ((r->checks[i].failed == 0) == good) {
				check_line(out, term, &r->checks[i]);
				shown++;
			}
	if (shown < r->n_checks)
		str_addf(out, "    and %zu more; --json has all\n", r->n_checks - shown);
}

/* ---- what went wrong ---- */

static void add_errors(struct str *out, const struct term *term, const struct load_result *r)
{
	struct str text = STR_INIT;
	size_t wide = 0;
	char count[NUM_TEXT];

	for (size_t i = 0; i < LOAD_N_ERRORS; i++) {
		size_t w = strlen(num_count((double)r->errors[i], count));

		wide = r->errors[i] && w > wide ? w : wide;
	}
	if (wide)
		str_add_char(out, '\n');
	for (enum load_error i = 0; i < LOAD_N_ERRORS; i++) {
		const char *mend = load_words_mend_of(i, r);

		if (!r->errors[i])
			continue;
		label(out, term, LOAD_ERROR_WORDS[i]);
		num_count((double)r->errors[i], count);
		str_add_repeat(out, " ", wide - strlen(count));
		str_addf(out, "%s  ", count);
		str_addf(&text, "%s%s%s", LOAD_ERROR_TEXTS[i], *mend ? "; " : "", mend);
		phrase_wrap(out, text.p, prose_width(term), LABEL + wide + 2);
		str_clear(&text);
	}
	load_words_statuses(&text, r);
	if (text.len)
		entry(out, term, "statuses", &text);
	str_release(&text);
}

/* ---- over time ---- */

static void add_series(struct str *out, const struct term *term, const struct load_result *r)
{
	double *rates = mem_alloc(r->n_series + 1, sizeof(*rates)), low = INFINITY, high = 0;
	size_t columns = term->width > LABEL + 30 ? term->width - LABEL - 30 : 10;
	struct str text = STR_INIT;

	for (size_t i = 0; i < r->n_series; i++) {
		double seconds = r->series[i].seconds > 0 ? r->series[i].seconds : 1;

		rates[i] = (double)r->series[i].completed / seconds;
		low = fmin(low, rates[i]);
		high = fmax(high, rates[i]);
	}
	if (r->n_series >= 3 || r->warmup_s > 0)
		str_add_char(out, '\n');
	if (r->n_series >= 3) {
		label(out, term, "each s");
		term_spark(out, term, rates, r->n_series, columns < SPARK ? columns : SPARK);
		str_add(&text, "  ");
		phrase_significant(&text, low, 3);
		str_add(&text, " to ");
		phrase_significant(&text, high, 3);
		term_add(out, term, TERM_DIM, text.p);
		str_add_char(out, '\n');
		str_clear(&text);
	}
	if (load_words_warmup(&text, r))
		entry(out, term, "warm-up", &text);
	str_release(&text);
	free(rates);
}

/* ---- thresholds ---- */

static void add_goals(struct str *out, const struct term *term, const struct load_report *l)
{
	struct str text = STR_INIT;

	if (l->n_goals)
		str_add_char(out, '\n');
	for (size_t i = 0; i < l->n_goals; i++) {
		struct err ignored;
		double value = NAN;
		bool held = !load_goal_value(&l->goals[i], l->result, &value, &ignored) &&
			    load_goal_holds(&l->goals[i], value);

		load_goal_describe(&l->goals[i], value, &text);
		add_styled(out, term, held ? TERM_GREEN : TERM_RED,
			held ? "held        " : "missed      ", &text);
		str_clear(&text);
	}
	str_release(&text);
}

void report_load_search(struct str *out, const struct term *term, const struct load_report *l)
{
	struct table t = TABLE_INIT;
	struct str text = STR_INIT;
	char number[NUM_TEXT];

	table_column(&t, "asked", TABLE_RIGHT);
	table_column(&t, "came", TABLE_RIGHT);
	table_column(&t, "", TABLE_LEFT);
	table_column(&t, l->search_goal->text, TABLE_LEFT);
	for (size_t i = 0; i < l->search->n; i++) {
		const struct load_search_step *s = &l->search->steps[i];

		table_cell(&t, num_short(s->rate, number));
		table_cell(&t, num_short(s->achieved, number));
		table_cell(&t, s->limited ? "not known" : s->held ? "held" : "missed");
		load_goal_describe(l->search_goal, s->value, &text);
		phrase_plain(&text, term);
		table_cell(&t, text.p);
		str_clear(&text);
	}
	load_words_search(&text, l);
	add_styled(out, term, TERM_BOLD, "", &text);
	str_add_char(out, '\n');
	table_render(&t, term, out);
	table_release(&t);
	str_release(&text);
}

void report_load(struct str *out, const struct term *term, const struct load_report *l)
{
	const struct load_result *r = l->result;
	struct str text = STR_INIT;

	if (l->search) {
		report_load_search(out, term, l);
		str_add(out, "\nThe run at that rate:\n");
	}
	add_asked(out, term, l->spec);
	add_rate(out, term, l);
	add_failed(out, term, r);
	load_words_engine(&text, r);
	entry(out, term, "engine", &text);
	add_doubts(out, term, l);
	add_latency(out, term, r);
	add_targets(out, term, l);
	add_checks(out, term, r);
	add_errors(out, term, r);
	add_series(out, term, r);
	str_add_char(out, '\n');
	load_words_protocol(&text, r);
	if (r->tls_version[0] || (text.len && strcmp(r->protocol, "HTTP/1.1")))
		entry(out, term, "protocol", &text);
	str_clear(&text);
	load_words_whole(&text, r);
	entry(out, term, "whole run", &text);
	if (load_words_watched(&text, l))
		entry(out, term, "service", &text);
	add_goals(out, term, l);
	str_release(&text);
}
