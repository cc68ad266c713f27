/* A recording for a terminal, on one screen: what the processes used, each with a sparkline; then
 * what may have disturbed them; then the recorder itself. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "report/phrase.h"
#include "report/recording_words.h"

enum { LABEL = 12, SPARK = 30, PROSE = 96, POINTS = 300 };

typedef bool words(struct str *out, const struct recording *r);

static void label(struct str *out, const struct term *term, const char *text)
{
	term_add(out, term, TERM_DIM, text);
	str_add_repeat(out, " ", LABEL - str_width(text));
}

static size_t prose_width(const struct term *term)
{
	return term->width > PROSE ? PROSE : term->width;
}

/* A line behind a label; nothing where nothing is known. */
static void entry(struct str *out, const struct term *term, const char *name, words *say,
	const struct recording *r)
{
	struct str text = STR_INIT;

	if (say(&text, r)) {
		phrase_plain(&text, term);
		label(out, term, name);
		phrase_wrap(out, text.p, prose_width(term), LABEL);
	}
	str_release(&text);
}

static bool is_flat(const double *v, size_t n)
{
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i])) {
			low = fmin(low, v[i]);
			high = fmax(high, v[i]);
		}
	return !(high > low);
}

/* The same, with the course of a series before the words. */
static void drawn(struct str *out, const struct term *term, const char *name, words *say,
	const struct recording *r, enum recorder_series s)
{
	size_t columns = term->width >= LABEL + 2 * SPARK ? SPARK : 10;
	size_t points = r->n / 2 < columns ? r->n / 2 : columns;
	double *y = mem_alloc(POINTS, sizeof(*y));
	struct str text = STR_INIT;

	if (!say(&text, r))
		goto out;
	phrase_plain(&text, term);
	recording_curve(r, s, points ? points : 1, NULL, y);
	label(out, term, name);
	if (points >= 4 && !is_flat(y, points)) {
		term_spark(out, term, y, points, columns);
		str_add(out, "  ");
		phrase_wrap(out, text.p, term->width, LABEL + points + 2);
	} else
		phrase_wrap(out, text.p, prose_width(term), LABEL);
out:
	str_release(&text);
	free(y);
}

static void add_doubts(struct str *out, const struct term *term, const struct recording *r)
{
	struct str text = STR_INIT, lines = STR_INIT;

	for (size_t i = 0; recording_words_doubt(&text, r, i); i++) {
		phrase_plain(&text, term);
		str_add(&lines, "! ");
		phrase_wrap(&lines, text.p, prose_width(term), 2);
		lines.p[--lines.len] = '\0'; /* its newline comes behind the colour */
		str_add_char(out, '\n');
		term_add(out, term, TERM_YELLOW, lines.p);
		str_clear(&text);
		str_clear(&lines);
	}
	str_release(&text);
	str_release(&lines);
}

void report_recording(
	struct str *out, const struct term *term, const struct recording_report *report)
{
	const struct recording *r = report->recording;
	struct str text = STR_INIT;

	term_add(out, term, TERM_BOLD, report->what);
	recording_words_span(&text, report);
	phrase_plain(&text, term);
	str_addf(out, ", %s\n\n", text.p);
	drawn(out, term, "cpu", recording_words_cpu, r, RECORD_CPU);
	entry(out, term, "", recording_words_cpu_total, r);
	drawn(out, term, "memory", recording_words_memory, r, RECORD_RSS);
	entry(out, term, "count", recording_words_counts, r);
	entry(out, term, "disk", recording_words_disk, r);
	entry(out, term, "network", recording_words_network, r);
	entry(out, term, "switches", recording_words_switches, r);
	entry(out, term, "run queue", recording_words_waiting, r);
	str_add_char(out, '\n');
	drawn(out, term, "others", recording_words_others, r, RECORD_OTHERS);
	entry(out, term, "recorder", recording_words_recorder, r);
	str_release(&text);
	add_doubts(out, term, r);
	if (out->len && out->p[out->len - 1] != '\n')
		str_add_char(out, '\n');
}
