#include "cli/live_panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "report/phrase.h"

enum { NARROW = 20 };

/* ---- values over the run ---- */

void live_series_clear(struct live_series *s)
{
	s->n = 0;
	s->sum = 0;
	s->in_sum = 0;
	s->step = 1;
}

void live_series_add(struct live_series *s, double value)
{
	s->sum += value;
	if (++s->in_sum < s->step)
		return;
	if (s->n == LIVE_POINTS) {
		for (size_t i = 0; i < LIVE_POINTS / 2; i++)
			s->points[i] = (s->points[2 * i] + s->points[2 * i + 1]) / 2;
		s->n /= 2;
		s->step = s->step ? s->step * 2 : 2;
	}
	if (s->in_sum >= s->step) {
		s->points[s->n++] = s->sum / s->in_sum;
		s->sum = 0;
		s->in_sum = 0;
	}
}

/* ---- the lines ---- */

void live_label(struct str *out, const struct term *term, const char *text)
{
	term_add(out, term, TERM_DIM, text);
	str_add_repeat(out, " ", LIVE_LABEL - str_width(text));
}

void live_add_time(struct str *out, const struct term *term, double seconds)
{
	struct str text = STR_INIT;
	char number[NUM_TEXT];

	str_add(&text, num_duration(seconds, number));
	phrase_plain(&text, term);
	str_add(out, text.p);
	str_release(&text);
}

bool live_series_line(struct str *out, const struct live_series *s, const struct term *term,
	const char *name, live_format *format, size_t columns)
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
	format(&range, low);
	str_add(&range, " to ");
	format(&range, high);
	phrase_plain(&range, term);
	room = str_width(range.p) + LIVE_LABEL;
	live_label(out, term, name);
	term_spark(out, term, s->points, s->n, columns > room + 5 ? columns - room : 5);
	term_add(out, term, TERM_DIM, range.p);
	str_release(&range);
	return true;
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

void live_panel_init(struct live_panel *p, const struct cli *cli, bool wanted)
{
	const char *name = getenv("TERM"), *off = getenv("NO_LIVE");

	*p = (struct live_panel){.cli = cli};
	p->on = wanted && cli->err.tty && !(off && *off) && name && strcmp(name, "dumb") != 0;
}

size_t live_panel_columns(const struct live_panel *p)
{
	size_t columns, rows;

	return p->on && screen_size(&columns, &rows) ? columns - 1 : 0;
}

/* Up to the panel's first row, and everything below it cleared. Terminals break lines anew when
 * they get narrower, so the rows are counted at the width that is there now. */
static void add_clear(struct live_panel *p, struct str *out, size_t columns)
{
	size_t rows = 0;

	for (size_t i = 0; i < p->n_lines; i++)
		rows += p->widths[i] > columns ? (p->widths[i] + columns - 1) / columns : 1;
	if (rows)
		str_addf(out, "\x1b[%zuA", rows);
	str_add(out, p->n_lines ? "\r\x1b[J" : "");
	p->n_lines = 0;
}

void live_panel_clear(struct live_panel *p)
{
	struct str out = STR_INIT;
	size_t columns = p->cli->err.width, rows;

	if (!p->n_lines)
		return;
	screen_size(&columns, &rows);
	add_clear(p, &out, columns);
	fputs(str_text(&out), stderr);
	fflush(stderr);
	str_release(&out);
}

void live_panel_draw(struct live_panel *p, const struct str *lines, size_t n)
{
	struct str frame = STR_INIT, line = STR_INIT;
	size_t columns, rows;

	if (!screen_size(&columns, &rows))
		return;
	add_clear(p, &frame, columns);
	/* the last row is where the cursor stands */
	for (size_t i = 0; i < n && i + 1 < rows && columns >= NARROW; i++) {
		str_clear(&line);
		cli_add_columns(&line, str_text(&lines[i]), columns - 1);
		str_addf(&frame, "%s\x1b[K\n", str_text(&line));
		p->widths[p->n_lines++] = str_width(str_text(&line));
	}
	fputs(str_text(&frame), stderr);
	fflush(stderr);
	str_release(&frame);
	str_release(&line);
}
