#include "cli/live_load.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "report/phrase.h"

enum { LINE_EVERY_S = 10 };

/* Completed a second over the last second of ticks. */
static double rate_now(struct live_load *v, const struct load_tick *t)
{
	const struct live_past *first = v->past;

	if (v->n_past == LIVE_TICKS) {
		memmove(v->past, v->past + 1, (LIVE_TICKS - 1) * sizeof(*v->past));
		v->n_past--;
	}
	v->past[v->n_past++] = (struct live_past){t->elapsed_s, (double)t->completed};
	if (!(t->elapsed_s > first->elapsed_s))
		return t->rate;
	return ((double)t->completed - first->completed) / (t->elapsed_s - first->elapsed_s);
}

/* ---- the lines ---- */

static void elapsed_line(struct str *out, const struct load_tick *t, const struct term *term)
{
	double done = (double)t->completed + (double)t->errors, fraction = NAN;
	char a[NUM_TEXT], b[NUM_TEXT];

	if (t->requests_wanted) {
		fraction = done / (double)t->requests_wanted;
		str_addf(out, "%s of %s requests, %s  ", num_count(done, a),
			num_count((double)t->requests_wanted, b), t->warming ? "warming up, " : "");
		str_addf(out, "%.1f s  ", t->elapsed_s);
	} else {
		fraction = t->elapsed_s / t->total_s;
		str_addf(out, "%s%.1f of %.1f s  ", t->warming ? "warming up, " : "", t->elapsed_s,
			t->total_s);
	}
	if (isfinite(fraction)) {
		term_add(out, term, TERM_DIM, term->unicode ? "▕" : "[");
		term_bar(out, term, fraction, 24);
		term_add(out, term, TERM_DIM, term->unicode ? "▏" : "]");
	}
	if (t->n_stages)
		str_addf(out, "  stage %zu of %zu", t->stage + 1, t->n_stages);
}

static void rate_line(
	struct str *out, const struct load_tick *t, const struct term *term, double rate)
{
	struct str text = STR_INIT;
	char number[NUM_TEXT];

	live_label(out, term, "rate");
	str_addf(&text, "%s/s", num_count(rate, number));
	term_add(out, term, TERM_BOLD, text.p);
	if (isfinite(t->asked_rate) && t->asked_rate > 0)
		str_addf(out, "  of %s/s asked", num_short(t->asked_rate, number));
	str_release(&text);
}

static void latency_line(struct str *out, const struct load_tick *t, const struct term *term)
{
	const struct load_second *s = t->last;

	live_label(out, term, "latency");
	if (!s || !isfinite(s->p50_s)) {
		str_add(out, "after the first second");
		return;
	}
	str_add(out, "p50 ");
	live_add_time(out, term, s->p50_s);
	str_add(out, "   p99 ");
	live_add_time(out, term, s->p99_s);
	str_add(out, "   max ");
	live_add_time(out, term, s->max_s);
	term_add(out, term, TERM_DIM, "   in the last second");
}

static void counts_line(struct str *out, const struct load_tick *t, const struct term *term)
{
	struct str failed = STR_INIT;
	char a[NUM_TEXT], b[NUM_TEXT];

	live_label(out, term, "requests");
	str_addf(out, "%s answered, %s under way, ", num_count((double)t->completed, a),
		num_count((double)t->under_way, b));
	str_addf(&failed, "%s failed", num_count((double)t->errors, a));
	if (t->errors)
		term_add(out, term, TERM_RED, failed.p);
	else
		str_add(out, failed.p);
	str_release(&failed);
}

static void format_rate(struct str *out, double value)
{
	phrase_significant(out, value, 3);
}

static void format_time(struct str *out, double value)
{
	char number[NUM_TEXT];

	str_add(out, num_duration(value, number));
}

void live_load_lines(struct live_load *v, const struct load_tick *t, const struct term *term,
	size_t columns, struct str lines[LIVE_LINES], size_t *n)
{
	double rate = rate_now(v, t);

	if (t->elapsed_s >= v->next_point_s) {
		if (v->next_point_s > 0) {
			live_series_add(&v->rate, rate);
			live_series_add(&v->p99, t->last ? t->last->p99_s : NAN);
		}
		v->next_point_s = floor(t->elapsed_s) + 1;
	}
	for (size_t i = 0; i < LIVE_LINES; i++)
		str_clear(&lines[i]);
	*n = 0;
	term_add(&lines[(*n)++], term, TERM_BOLD, str_text(&v->title));
	elapsed_line(&lines[(*n)++], t, term);
	rate_line(&lines[(*n)++], t, term, rate);
	latency_line(&lines[(*n)++], t, term);
	counts_line(&lines[(*n)++], t, term);
	*n += live_series_line(&lines[*n], &v->rate, term, "rate/s", format_rate, columns);
	*n += live_series_line(&lines[*n], &v->p99, term, "p99", format_time, columns);
}

static void draw(struct live_load *v, const struct load_tick *t)
{
	struct str lines[LIVE_LINES] = {{0}};
	size_t columns = live_panel_columns(&v->panel), n;

	if (!columns)
		return;
	live_load_lines(v, t, &v->cli->err, columns, lines, &n);
	live_panel_draw(&v->panel, lines, n);
	for (size_t i = 0; i < LIVE_LINES; i++)
		str_release(&lines[i]);
}

/* "measuring 10.0 of 60.0 s   20,413 requests/s   20,100 answers   0 failed" */
static void add_plain(struct live_load *v, const struct load_tick *t, struct str *line)
{
	char rate[NUM_TEXT], done[NUM_TEXT], failed[NUM_TEXT], wanted[NUM_TEXT];

	str_addf(line, "%s %.1f", t->warming ? "warming up" : "measuring", t->elapsed_s);
	if (isfinite(t->total_s))
		str_addf(line, " of %.1f", t->total_s);
	str_addf(line, " s   %s requests/s", num_count(rate_now(v, t), rate));
	if (t->n_stages)
		str_addf(line, " (stage %zu of %zu)", t->stage + 1, t->n_stages);
	if (t->last && isfinite(t->last->p99_s)) {
		str_add(line, "   p99 ");
		live_add_time(line, &v->cli->err, t->last->p99_s);
	}
	str_addf(line, "   %s", num_count((double)t->completed, done));
	if (t->requests_wanted)
		str_addf(line, " of %s", num_count((double)t->requests_wanted, wanted));
	str_addf(line, " answers   %s failed", num_count((double)t->errors, failed));
}

/* ---- the calls ---- */

static void start(struct live_load *v, const char *title)
{
	str_clear(&v->title);
	str_add(&v->title, title);
	phrase_plain(&v->title, &v->cli->err);
	live_series_clear(&v->rate);
	live_series_clear(&v->p99);
	v->n_past = 0;
	v->next_point_s = 0;
	v->next_line_s = LINE_EVERY_S;
}

void live_load_init(struct live_load *v, const struct cli *cli, const char *title, bool panel)
{
	*v = (struct live_load){.cli = cli};
	live_panel_init(&v->panel, cli, panel);
	start(v, title);
}

void live_load_again(struct live_load *v, const char *title)
{
	live_panel_clear(&v->panel);
	start(v, title);
}

void live_load_tick(struct live_load *v, const struct load_tick *t)
{
	struct str line = STR_INIT;

	if (v->panel.on) {
		draw(v, t);
		return;
	}
	add_plain(v, t, &line);
	cli_progress(v->cli, line.p);
	if (!v->cli->err.tty && t->elapsed_s >= v->next_line_s) {
		cli_progress_line(v->cli, line.p);
		v->next_line_s = t->elapsed_s + LINE_EVERY_S;
	}
	str_release(&line);
}

void live_load_say(struct live_load *v, const char *line)
{
	struct str plain = STR_INIT;

	live_panel_clear(&v->panel);
	str_add(&plain, line);
	phrase_plain(&plain, &v->cli->err);
	cli_progress_line(v->cli, plain.p);
	str_release(&plain);
}

void live_load_end(struct live_load *v)
{
	live_panel_clear(&v->panel);
	cli_progress_end(v->cli);
	str_release(&v->title);
}
