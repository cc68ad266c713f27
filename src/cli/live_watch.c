#include "cli/live_watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "report/phrase.h"

enum { LINE_EVERY_S = 10 };

/* Of a total its rate over the last second, else the value. */
static double now(const struct live_watch *v, enum recorder_series s)
{
	const struct live_watch_past *first = &v->past[0], *last = &v->past[v->n_past - 1];

	if (!RECORDER_IS_TOTAL[s])
		return last->values[s];
	if (!(last->time_s > first->time_s))
		return NAN;
	return (last->values[s] - first->values[s]) / (last->time_s - first->time_s);
}

static void take(struct live_watch *v, double time_s, const double *values)
{
	if (v->n_past == WATCH_TICKS) {
		memmove(v->past, v->past + 1, (WATCH_TICKS - 1) * sizeof(*v->past));
		v->n_past--;
	}
	v->past[v->n_past].time_s = time_s;
	memcpy(v->past[v->n_past++].values, values, RECORD_N_SERIES * sizeof(*values));
	live_series_add(&v->cpu, now(v, RECORD_CPU) * 100);
	live_series_add(&v->rss, now(v, RECORD_RSS));
}

/* ---- what is said ---- */

static void add_percent(struct str *out, double percent)
{
	phrase_significant(out, percent > 0 ? percent : 0, percent >= 100 ? 3 : 2);
	str_add(out, " %");
}

static void add_bytes(struct str *out, double bytes)
{
	char text[NUM_TEXT];

	str_add(out, isfinite(bytes) ? num_bytes(bytes, text) : "–");
}

static void add_number(struct str *out, double value)
{
	char text[NUM_TEXT];

	str_add(out, isfinite(value) ? num_count(value, text) : "–");
}

static void add_pair(struct str *out, const struct live_watch *v, enum recorder_series a,
	const char *a_word, enum recorder_series b, const char *b_word)
{
	add_bytes(out, now(v, a));
	str_addf(out, "/s %s, ", a_word);
	add_bytes(out, now(v, b));
	str_addf(out, "/s %s", b_word);
}

static void time_line(const struct live_watch *v, const struct term *term, struct str *out)
{
	double time_s = v->past[v->n_past - 1].time_s;
	char number[NUM_TEXT];

	if (!isfinite(v->total_s)) {
		str_addf(out, "%s so far; Ctrl-C ends it", num_duration(time_s, number));
		return;
	}
	str_addf(out, "%.1f of %.1f s  ", time_s, v->total_s);
	term_add(out, term, TERM_DIM, term->unicode ? "▕" : "[");
	term_bar(out, term, time_s / v->total_s, 24);
	term_add(out, term, TERM_DIM, term->unicode ? "▏" : "]");
}

static void cpu_line(const struct live_watch *v, const struct term *term, struct str *out)
{
	struct str text = STR_INIT;

	live_label(out, term, "cpu");
	add_percent(&text, 100 * now(v, RECORD_CPU));
	str_add(&text, " of a core");
	term_add(out, term, TERM_BOLD, text.p);
	str_add(out, ", others ");
	add_percent(out, 100 * now(v, RECORD_OTHERS));
	if (isfinite(now(v, RECORD_RUNNABLE))) {
		str_add(out, ", runnable ");
		phrase_fixed(out, now(v, RECORD_RUNNABLE), 1);
	}
	str_release(&text);
}

static void counts_line(const struct live_watch *v, const struct term *term, struct str *out)
{
	live_label(out, term, "count");
	add_number(out, now(v, RECORD_PROCESSES));
	str_add(out, " processes, ");
	add_number(out, now(v, RECORD_THREADS));
	str_add(out, " threads, ");
	add_number(out, now(v, RECORD_FILES));
	str_add(out, " files, ");
	add_number(out, now(v, RECORD_VOLUNTARY) + now(v, RECORD_INVOLUNTARY));
	str_add(out, " switches/s");
}

static void format_percent(struct str *out, double value)
{
	add_percent(out, value);
}

static void draw(struct live_watch *v)
{
	struct str lines[LIVE_LINES] = {{0}};
	const struct term *term = &v->cli->err;
	size_t columns = live_panel_columns(&v->panel), n = 0;

	if (!columns)
		return;
	term_add(&lines[n++], term, TERM_BOLD, str_text(&v->title));
	time_line(v, term, &lines[n++]);
	cpu_line(v, term, &lines[n++]);
	live_label(&lines[n], term, "memory");
	add_bytes(&lines[n], now(v, RECORD_RSS));
	if (isfinite(now(v, RECORD_PSS))) {
		str_add(&lines[n], ", proportional ");
		add_bytes(&lines[n], now(v, RECORD_PSS));
	}
	live_label(&lines[++n], term, "disk");
	add_pair(&lines[n], v, RECORD_READ, "read", RECORD_WRITTEN, "written");
	live_label(&lines[++n], term, "network");
	add_pair(&lines[n++], v, RECORD_RX, "in", RECORD_TX, "out");
	counts_line(v, term, &lines[n++]);
	n += live_series_line(&lines[n], &v->cpu, term, "cpu", format_percent, columns);
	n += live_series_line(&lines[n], &v->rss, term, "memory", add_bytes, columns);
	for (size_t i = 0; i < n; i++)
		phrase_plain(&lines[i], term);
	live_panel_draw(&v->panel, lines, n);
	for (size_t i = 0; i < LIVE_LINES; i++)
		str_release(&lines[i]);
}

/* "recording 10.0 of 60.0 s   cpu 43 % of a core   memory 123 MB   12 processes" */
static void add_plain(const struct live_watch *v, struct str *line)
{
	str_addf(line, "recording %.1f", v->past[v->n_past - 1].time_s);
	if (isfinite(v->total_s))
		str_addf(line, " of %.1f", v->total_s);
	str_add(line, " s   cpu ");
	add_percent(line, 100 * now(v, RECORD_CPU));
	str_add(line, " of a core   memory ");
	add_bytes(line, now(v, RECORD_RSS));
	str_add(line, "   ");
	add_number(line, now(v, RECORD_PROCESSES));
	str_add(line, " processes");
	phrase_plain(line, &v->cli->err);
}

/* ---- the calls ---- */

void live_watch_init(
	struct live_watch *v, const struct cli *cli, const char *title, double total_s, bool panel)
{
	*v = (struct live_watch){.cli = cli, .total_s = total_s, .next_line_s = LINE_EVERY_S};
	live_panel_init(&v->panel, cli, panel);
	live_series_clear(&v->cpu);
	live_series_clear(&v->rss);
	str_add(&v->title, title);
	phrase_plain(&v->title, &cli->err);
}

void live_watch_tick(struct live_watch *v, double time_s, const double values[RECORD_N_SERIES])
{
	struct str line = STR_INIT;

	take(v, time_s, values);
	if (v->panel.on) {
		draw(v);
	} else if (time_s >= v->next_line_s) {
		add_plain(v, &line);
		cli_progress_line(v->cli, line.p);
		v->next_line_s = time_s + LINE_EVERY_S;
	}
	str_release(&line);
}

void live_watch_end(struct live_watch *v)
{
	live_panel_clear(&v->panel);
	str_release(&v->title);
}
