/* A load for a terminal: what came of it first, and whether the figure can be trusted; then how
 * long the answers took; then what went wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/phrase.h"
#include "report/report.h"

/* Share of one core from which the engine itself is taken for the limit. */
static const double ENGINE_BUSY = .9;

enum { SPARK = 60, LABEL = 10 };

static const char *const ERROR_WORDS[] = {
#define X(name, word, text) word,
	LOAD_ERRORS(X)
#undef X
};
static const char *const ERROR_TEXTS[] = {
#define X(name, word, text) text,
	LOAD_ERRORS(X)
#undef X
};

static void put_plain(struct str *out, const struct term *term, const char *text)
{
	struct str plain = STR_INIT;

	str_add(&plain, text);
	phrase_plain(&plain, term);
	str_add(out, str_text(&plain));
	str_release(&plain);
}

static void label(struct str *out, const struct term *term, const char *text)
{
	term_add(out, term, TERM_DIM, text);
	str_add_repeat(out, " ", LABEL - str_width(text));
}

static void add_rate(struct str *out, const struct term *term, const struct load_result *r)
{
	struct str text = STR_INIT;
	char count[NUM_TEXT];

	label(out, term, "rate");
	/* a count of n is known to about √n */
	phrase_fixed(&text, r->requests_per_second,
		phrase_decimals(r->requests_per_second / sqrt((double)r->completed), 0));
	str_add(&text, " requests/s");
	term_add(out, term, TERM_BOLD, text.p);
	str_addf(out, "  (%s answers in ", num_count((double)r->completed, count));
	put_plain(out, term, num_duration(r->seconds, count));
	str_addf(out, "%s)\n", r->stopped ? ", ended early" : "");
	str_release(&text);
}

static double error_share(const struct load_result *r)
{
	double all = (double)r->completed + (double)r->n_errors;

	return all > 0 ? (double)r->n_errors / all : 0;
}

/* The two things that make a rate worthless come right after it. */
static void add_trust(struct str *out, const struct term *term, const struct load_result *r)
{
	struct str text = STR_INIT, lines = STR_INIT;
	char count[NUM_TEXT];

	label(out, term, "failed");
	if (r->n_errors) {
		str_addf(&text, "%s (", num_count((double)r->n_errors, count));
		phrase_significant(&text, 100 * error_share(r), 2);
		str_add(&text, " %)");
		phrase_plain(&text, term);
		term_add(out, term, TERM_RED, text.p);
		str_add(out, ", in neither the rate nor the latency");
	} else
		str_add(out, "none");
	str_add_char(out, '\n');
	if (r->unfinished) {
		label(out, term, "");
		str_addf(out, "%s under way at the end and given up\n",
			num_count((double)r->unfinished, count));
	}
	str_clear(&text);
	label(out, term, "engine");
	str_addf(&text, "%u thread%s, the busiest used %.0f %% of a core%s", r->threads,
		r->threads == 1 ? "" : "s", 100 * r->busiest_core,
		r->busiest_core > ENGINE_BUSY
			? ": the load engine was the bottleneck, the service may do more"
			: "");
	phrase_wrap(&lines, text.p, term->width, LABEL);
	if (r->busiest_core > ENGINE_BUSY)
		term_add(out, term, TERM_YELLOW, lines.p);
	else
		str_add(out, lines.p);
	str_release(&lines);
	str_release(&text);
}

/* A percentile that fewer than one answer lies beyond is not known. */
static void percentile_cell(
	struct table *t, const struct term *term, const struct hist *h, double percent)
{
	struct str text = STR_INIT;
	char value[NUM_TEXT];

	if ((double)h->n * (100 - percent) / 100 < 1)
		str_add(&text, "–");
	else
		str_add(&text, num_duration((double)hist_percentile(h, percent) / 1e9, value));
	phrase_plain(&text, term);
	table_cell(t, text.p);
	str_release(&text);
}

static void seconds_cell(struct table *t, const struct term *term, double seconds)
{
	struct str text = STR_INIT;
	char value[NUM_TEXT];

	str_add(&text, num_duration(seconds, value));
	phrase_plain(&text, term);
	table_cell(t, text.p);
	str_release(&text);
}

static void latency_row(
	struct table *t, const struct term *term, const char *name, const struct hist *h)
{
	static const double PERCENTS[] = {50, 90, 99, 99.9};

	table_cell(t, name);
	seconds_cell(t, term, hist_mean(h) / 1e9);
	for (size_t i = 0; i < sizeof(PERCENTS) / sizeof(PERCENTS[0]); i++)
		percentile_cell(t, term, h, PERCENTS[i]);
	seconds_cell(t, term, (double)h->max / 1e9);
}

static void add_latency(struct str *out, const struct term *term, const struct load_result *r)
{
	static const char *const TITLES[] = {"mean", "p50", "p90", "p99", "p99.9", "max"};
	struct table t = TABLE_INIT;

	if (!r->latency.n)
		return;
	table_column(&t, "        ", TABLE_LEFT); /* as wide as LABEL with the gap after it */
	for (size_t i = 0; i < sizeof(TITLES) / sizeof(TITLES[0]); i++)
		table_column(&t, TITLES[i], TABLE_RIGHT);
	latency_row(&t, term, "latency", &r->latency);
	if (r->connect.n)
		latency_row(&t, term, "connect", &r->connect);
	str_add_char(out, '\n');
	table_render(&t, term, out);
	table_release(&t);
}

static void add_series(struct str *out, const struct term *term, const struct load_result *r)
{
	double *rates = mem_alloc(r->n_series + 1, sizeof(*rates)), low = INFINITY, high = 0;
	size_t columns = term->width > LABEL + 30 ? term->width - LABEL - 30 : 10;
	struct str text = STR_INIT;

	if (r->n_series >= 3) {
		for (size_t i = 0; i < r->n_series; i++) {
			rates[i] = (double)r->series[i].completed;
			low = fmin(low, rates[i]);
			high = fmax(high, rates[i]);
		}
		str_add_char(out, '\n');
		label(out, term, "each s");
		term_spark(out, term, rates, r->n_series, columns < SPARK ? columns : SPARK);
		str_add(&text, "  ");
		phrase_significant(&text, low, 3);
		str_add(&text, " to ");
		phrase_significant(&text, high, 3);
		term_add(out, term, TERM_DIM, text.p);
		str_add_char(out, '\n');
	}
	str_release(&text);
	free(rates);
}

static void add_errors(struct str *out, const struct term *term, const struct load_result *r)
{
	struct table t = TABLE_INIT;
	char count[NUM_TEXT];

	table_column(&t, "failed  ", TABLE_LEFT);
	table_column(&t, "", TABLE_RIGHT);
	table_column(&t, "what it means", TABLE_LEFT);
	for (size_t i = 0; i < LOAD_N_ERRORS; i++) {
		if (!r->errors[i])
			continue;
		table_cell(&t, ERROR_WORDS[i]);
		table_cell(&t, num_count((double)r->errors[i], count));
		table_cell(&t, ERROR_TEXTS[i]);
	}
	if (t.n_cells) {
		str_add_char(out, '\n');
		table_render(&t, term, out);
	}
	table_release(&t);
}

static void add_statuses(struct str *out, const struct term *term, const struct load_result *r)
{
	struct str line = STR_INIT;
	char count[NUM_TEXT];
	bool only_200 = true;

	for (size_t i = 0; i < 600; i++) {
		if (!r->status[i])
			continue;
		only_200 &= i == 200;
		str_addf(&line, "%s%zu: %s", line.len ? ", " : "", i,
			num_count((double)r->status[i], count));
	}
	if (line.len && !only_200) {
		label(out, term, "statuses");
		phrase_wrap(out, line.p, term->width, LABEL);
	}
	str_release(&line);
}

/* Bytes, connections and CPU are known for the whole run only, warm-up and drain included. */
static void add_whole(struct str *out, const struct term *term, const struct load_result *r)
{
	char in[NUM_TEXT], sent[NUM_TEXT], connects[NUM_TEXT], cpu[NUM_TEXT], each[NUM_TEXT];
	struct str text = STR_INIT;

	str_addf(&text, "%s in, %s out, %s connections, CPU %s", num_bytes((double)r->bytes_in, in),
		num_bytes((double)r->bytes_out, sent), num_count((double)r->connects, connects),
		num_duration(r->cpu_seconds, cpu));
	if (r->finished)
		str_addf(&text, " (%s a request)",
			num_duration(r->cpu_seconds / (double)r->finished, each));
	phrase_plain(&text, term);
	label(out, term, "whole run");
	phrase_wrap(out, text.p, term->width, LABEL);
	str_release(&text);
}

void report_load(struct str *out, const struct term *term, const struct load_spec *spec,
	const struct load_result *r)
{
	char count[NUM_TEXT];
	struct str text = STR_INIT;

	str_addf(&text, "%s %s", spec->method ? spec->method : "GET", spec->url);
	term_add(out, term, TERM_BOLD, text.p);
	str_addf(out, ", %s connection%s%s\n\n", num_count((double)spec->connections, count),
		spec->connections == 1 ? "" : "s",
		spec->keepalive ? "" : ", a new one for each request");
	add_rate(out, term, r);
	add_trust(out, term, r);
	add_latency(out, term, r);
	add_series(out, term, r);
	add_errors(out, term, r);
	str_add_char(out, '\n');
	add_statuses(out, term, r);
	add_whole(out, term, r);
	str_release(&text);
}
