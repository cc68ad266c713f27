#include "cli/live_load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "report/phrase.h"

enum { LABEL = 10, NARROW = 20, LINE_EVERY_S = 10 };

/* ---- values over the run ---- */

static void series_clear(struct live_series *s)
{
	s->n = 0;
	s->sum = 0;
	s->in_sum = 0;
	s->step = 1;
}

static void series_add(struct live_series *s, double value)
{
	s->sum += value;
	if (++s->in_sum < s->step)
		return;
	if (s->n == LIVE_POINTS) {
		for (size_t i = 0; i < LIVE_POINTS / 2; i++)
			s->points[i] = (s->points[2 * i] + s->points[2 * i + 1]) / 2;
		s->n /= 2;
		s->step *= 2;
	}
	if (s->in_sum >= s->step) {
		s->points[s->n++] = s->sum / s->in_sum;
		s->sum = 0;
		s->in_sum = 0;
	}
}

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

static void label(struct str *out, const struct term *term, const char *text)
{
	term_add(out, term, TERM_DIM, text);
	str_add_repeat(out, " ", LABEL - str_width(text));
}

static void add_time(struct str *out, const struct term *term, double seconds)
{
	struct str text = STR_INIT;
	char number[NUM_TEXT];

	str_add(&text, num_duration(seconds, number));
	phrase_plain(&text, term);
	str_add(out, text.p);
	str_release(&text);
}

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

	label(out, term, "rate");
	str_addf(&text, "%s/s", num_count(rate, number));
	term_add(out, term, TERM_BOLD, text.p);
	if (isfinite(t->asked_rate) && t->asked_rate > 0)
		str_addf(out, "  of %s/s asked", num_short(t->asked_rate, number));
	str_release(&text);
}

static void latency_line(struct str *out, const struct load_tick *t, const struct term *term)
{
	const struct load_second *s = t->last;

	label(out, term, "latency");
	if (!s || !isfinite(s->p50_s)) {
		str_add(out, "after the first second");
		return;
	}
	str_add(out, "p50 ");
	add_time(out, term, s->p50_s);
	str_add(out, "   p99 ");
	add_time(out, term, s->p99_s);
	str_add(out, "   max ");
	add_time(out, term, s->max_s);
	term_add(out, term, TERM_DIM, "   in the last second");
}

static void counts_line(struct str *out, const struct load_tick *t, const struct term *term)
{
	struct str failed = STR_INIT;
	char a[NUM_TEXT], b[NUM_TEXT];

	label(out, term, "requests");
	str_addf(out, "%s answered, %s under way, ", num_count((double)t->completed, a),
		num_count((double)t->under_way, b));
	str_addf(&failed, "%s failed", num_count((double)t->errors, a));
	if (t->errors)
		term_add(out, term, TERM_RED, failed.p);
	else
		str_add(out, failed.p);
	str_release(&failed);
}

/* "rate     ▂▄▆█▇  19,400 to 20,500/s" */
static bool spark_line(struct str *out, const struct live_series *s, const struct term *term,
	const char *name, bool time, size_t columns)
{
	double low = INFINITY, high = -INFINITY;
	struct str range = STR_INIT;
	size_t room;

	for (size_t i = 0; i < s->n; i++)
		if (isfinite(s->points[i])) {
			low = fmin(low, s->points[i]);
			high = fmax(high, s->points[i]);
		}
	if (s->n < 2 || !(low <= high))
		return false;
	str_add(&range, "  ");
	if (time)
		add_time(&range, term, low);
	else
		phrase_significant(&range, low, 3);
	str_add(&range, " to ");
	if (time)
		add_time(&range, term, high);
	else
		phrase_significant(&range, high, 3);
	phrase_plain(&range, term);
	room = str_width(range.p) + LABEL;
	label(out, term, name);
	term_spark(out, term, s->points, s->n, columns > room + 5 ? columns - room : 5);
	term_add(out, term, TERM_DIM, range.p);
	str_release(&range);
	return true;
}

void live_load_lines(struct live_load *v, const struct load_tick *t, const struct term *term,
	size_t columns, struct str lines[LIVE_LINES], size_t *n)
{
	double rate = rate_now(v, t);

	if (t->elapsed_s >= v->next_point_s) {
		if (v->next_point_s > 0) {
			series_add(&v->rate, rate);
			series_add(&v->p99, t->last ? t->last->p99_s : NAN);
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
	*n += spark_line(&lines[*n], &v->rate, term, "rate/s", false, columns);
	*n += spark_line(&lines[*n], &v->p99, term, "p99", true, columns);
}

/* ---- the screen ---- */

static bool screen_size(size_t *columns, size_t *rows)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		return false;
	*columns = size.ws_col;
	*rows = size.ws_row;
	return true;
}

/* Up to the panel's first row, and everything below it cleared. Terminals break lines anew when
 * they get narrower, so the rows are counted at the width that is there now. */
static void add_clear(struct live_load *v, struct str *out, size_t columns)
{
	size_t rows = 0;

	for (size_t i = 0; i < v->n_lines; i++)
		rows += v->widths[i] > columns ? (v->widths[i] + columns - 1) / columns : 1;
	if (rows)
		str_addf(out, "\x1b[%zuA", rows);
	str_add(out, v->n_lines ? "\r\x1b[J" : "");
	v->n_lines = 0;
}

static void clear_panel(struct live_load *v)
{
	struct str out = STR_INIT;
	size_t columns = v->cli->err.width, rows;

	if (!v->n_lines)
		return;
	screen_size(&columns, &rows);
	add_clear(v, &out, columns);
	fputs(str_text(&out), stderr);
	fflush(stderr);
	str_release(&out);
}

static void draw(struct live_load *v, const struct load_tick *t)
{
	struct str lines[LIVE_LINES] = {{0}}, frame = STR_INIT, line = STR_INIT;
	size_t columns, rows, n;

	if (!screen_size(&columns, &rows))
		return;
	live_load_lines(v, t, &v->cli->err, columns - 1, lines, &n);
	add_clear(v, &frame, columns);
	/* the last row is where the cursor stands */
	for (size_t i = 0; i < n && i + 1 < rows && columns >= NARROW; i++) {
		str_clear(&line);
		cli_add_columns(&line, str_text(&lines[i]), columns - 1);
		str_addf(&frame, "%s\x1b[K\n", str_text(&line));
		v->widths[v->n_lines++] = str_width(str_text(&line));
	}
	fputs(str_text(&frame), stderr);
	fflush(stderr);
	for (size_t i = 0; i < LIVE_LINES; i++)
		str_release(&lines[i]);
	str_release(&frame);
	str_release(&line);
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
		add_time(line, &v->cli->err, t->last->p99_s);
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
	series_clear(&v->rate);
	series_clear(&v->p99);
	v->n_past = 0;
	v->next_point_s = 0;
	v->next_line_s = LINE_EVERY_S;
}

void live_load_init(struct live_load *v, const struct cli *cli, const char *title, bool panel)
{
	const char *name = getenv("TERM"), *off = getenv("NO_LIVE");

	*v = (struct live_load){.cli = cli};
	v->panel = panel && cli->err.tty && !(off && *off) && name && strcmp(name, "dumb") != 0;
	start(v, title);
}

void live_load_again(struct live_load *v, const char *title)
{
	clear_panel(v);
	start(v, title);
}

void live_load_tick(struct live_load *v, const struct load_tick *t)
{
	struct str line = STR_INIT;

	if (v->panel) {
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

	clear_panel(v);
	str_add(&plain, line);
	phrase_plain(&plain, &v->cli->err);
	cli_progress_line(v->cli, plain.p);
	str_release(&plain);
}

void live_load_end(struct live_load *v)
{
	clear_panel(v);
	cli_progress_end(v->cli);
	str_release(&v->title);
}
