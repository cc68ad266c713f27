/*
 * The page of a recording: what was used in one sentence, and every series as a curve below the
 * other, all over one axis of time, so that what happened together stands together.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/html.h"
#include "report/phrase.h"
#include "report/recording_words.h"
#include "report/svg.h"

enum {
	POINTS = 600, /* of a curve */
	SPOTS = 120,  /* places of it that say what they are */
	WIDE = 760,
	HIGH = 150,
	MARGIN = 58, /* that their scales have in common */
	CURVES = 3   /* in one plot */
};

/* ---- the head ---- */

typedef bool words(struct str *out, const struct recording *r);

static void fact(struct str *out, const char *name, words *say, const struct recording *r)
{
	struct str text = STR_INIT;

	if (say(&text, r))
		html_fact(out, name, text.p);
	str_release(&text);
}

static void add_facts(struct str *out, const struct report_recording_page *page)
{
	const struct recording *r = page->recording.recording;

	html_open_facts(out, &page->run);
	fact(out, "CPU", recording_words_cpu_total, r);
	fact(out, "count", recording_words_counts, r);
	fact(out, "disk", recording_words_disk, r);
	fact(out, "network", recording_words_network, r);
	fact(out, "switches", recording_words_switches, r);
	fact(out, "run queue", recording_words_waiting, r);
	fact(out, "others on the machine", recording_words_others, r);
	fact(out, "recorder", recording_words_recorder, r);
	html_close_facts(out, &page->run);
}

static bool doubt(struct str *text, const void *what, size_t n)
{
	return recording_words_doubt(text, what, n);
}

static void add_header(struct str *out, const struct report_recording_page *page)
{
	struct str text = STR_INIT;

	html_header(out, &page->run);
	str_add(&text, "It used ");
	if (recording_words_cpu(&text, page->recording.recording))
		str_add(&text, "; ");
	if (!recording_words_memory(&text, page->recording.recording))
		str_add(&text, "nothing that is known");
	str_add(&text, " of memory.");
	str_add_html(out, text.p);
	str_add(out, "</h1>\n<p class=\"lead\">");
	html_text(out, page->recording.what);
	str_add(out, ", ");
	str_clear(&text);
	recording_words_span(&text, &page->recording);
	str_add_html(out, text.p);
	str_add(out, "</p>\n");
	html_warnings(out, doubt, page->recording.recording, str_add_html);
	add_facts(out, page);
	str_add(out, "</header>\n");
	str_release(&text);
}

/* ---- the plots ---- */

struct plot {
	const char *title, *about;
	enum recorder_series series[CURVES];
	const char *names[CURVES]; /* NULL behind the last */
	enum { PERCENT, BYTES, BYTES_A_SECOND, COUNT, A_SECOND } unit;
};

static const struct plot PLOTS[] = {
	{"CPU", "percent of one core", {RECORD_CPU, RECORD_SYSTEM}, {"all", "in the kernel"},
		PERCENT},
	{"Memory", "resident; with shared pages divided where that was recorded",
		{RECORD_RSS, RECORD_PSS}, {"resident", "proportional"}, BYTES},
	{"Run queue", "threads that ran or wanted to, on average", {RECORD_RUNNABLE}, {"runnable"},
		COUNT},
	{"Processes and threads", "alive", {RECORD_PROCESSES, RECORD_THREADS},
		{"processes", "threads"}, COUNT},
	{"Open files", "of all processes", {RECORD_FILES}, {"open files"}, COUNT},
	{"Disk", "bytes a second", {RECORD_READ, RECORD_WRITTEN}, {"read", "written"},
		BYTES_A_SECOND},
	{"Network", "bytes a second, all interfaces of its network namespace",
		{RECORD_RX, RECORD_TX}, {"in", "out"}, BYTES_A_SECOND},
	{"Switches", "a second", {RECORD_VOLUNTARY, RECORD_INVOLUNTARY}, {"waited", "made to wait"},
		A_SECOND},
	{"Pages read", "major faults a second", {RECORD_FAULTS}, {"faults"}, A_SECOND},
	{"The machine", "percent of one core; pressure: of the time, something waited for a core",
		{RECORD_OTHERS, RECORD_STEAL, RECORD_PRESSURE}, {"others", "steal", "pressure"},
		PERCENT},
	{"Waiting for a core", "percent of the time, all threads together", {RECORD_WAITED},
		{"waited"}, PERCENT},
};

/* In what values are drawn: a factor of a thousand each. */
struct unit {
	char name[8];
	double size;
};

static struct unit unit_for(const struct plot *p, double most)
{
	static const char *const PREFIXES[] = {"", "k", "M", "G", "T"};
	struct unit u = {"", 1};
	size_t k = 0;

	if (p->unit == PERCENT)
		return (struct unit){"%", .01};
	if (p->unit == COUNT)
		return u;
	if (p->unit == A_SECOND)
		return (struct unit){"1/s", 1};
	for (; k < 4 && most >= 2000 * u.size; k++)
		u.size *= 1000;
	snprintf(u.name, sizeof(u.name), "%sB%s", PREFIXES[k], p->unit == BYTES ? "" : "/s");
	return u;
}

/* The curves of one plot; y[c] is NULL where a series has nothing to show. */
struct curves {
	double *x, *y[CURVES];
	size_t n;
	double most;
};

static void curves_init(struct curves *c, const struct plot *p, const struct recording *r)
{
	*c = (struct curves){.n = r->n - 1 < POINTS ? r->n - 1 : POINTS};
	/* ten a second are what most series have */
	if ((double)c->n > 1 + 10 * r->time_s[r->n - 1])
		c->n = (size_t)(1 + 10 * r->time_s[r->n - 1]);
	c->x = mem_alloc(c->n + 1, sizeof(double));
	for (size_t k = 0; k < CURVES && p->names[k]; k++) {
		bool any = false;

		if (!r->value[p->series[k]])
			continue;
		c->y[k] = mem_alloc(c->n + 1, sizeof(double));
		recording_curve(r, p->series[k], c->n, c->x, c->y[k]);
		for (size_t i = 0; i < c->n; i++) {
			c->y[k][i] = c->y[k][i] < 0 ? 0 : c->y[k][i];
			any |= c->y[k][i] > 0;
			c->most = c->y[k][i] > c->most ? c->y[k][i] : c->most;
		}
		if (!any) {
			free(c->y[k]);
			c->y[k] = NULL;
		}
	}
}

static void curves_release(struct curves *c)
{
	free(c->x);
	for (size_t k = 0; k < CURVES; k++)
		free(c->y[k]);
}

static void spots(struct svg *s, const struct curves *c, const double *y, const char *name,
	const struct unit *unit)
{
	size_t stride = 1 + c->n / SPOTS;
	struct str tip = STR_INIT;
	char time[NUM_TEXT];

	for (size_t i = 0; i < c->n; i += stride) {
		if (!isfinite(y[i]))
			continue;
		str_clear(&tip);
		str_addf(&tip, "%s, at %s: ", name, num_duration(c->x[i], time));
		phrase_significant(&tip, y[i], 3);
		str_addf(&tip, " %s", unit->name);
		svg_spot(s, c->x[i], y[i], tip.p);
	}
	str_release(&tip);
}

static void draw(struct str *out, const struct plot *p, struct curves *c, double end_s)
{
	static const char *const LINES[] = {"line one", "line two", "line three"};
	static const char *const KEYS[] = {"", "two", "three"};
	struct unit unit = unit_for(p, c->most);
	struct svg s = {.out = out, .width = WIDE, .height = HIGH, .left = MARGIN};

	s.x = (struct svg_axis){.low = 0, .high = end_s};
	svg_axis_init(&s.y);
	svg_axis_cover(&s.y, (const double[]){0}, 1);
	str_addf(out, "<figure><figcaption><b>%s</b> <span class=\"sub\">%s</span> ", p->title,
		p->about);
	for (size_t k = 0; k < CURVES; k++) {
		if (!c->y[k])
			continue;
		for (size_t i = 0; i < c->n; i++)
			c->y[k][i] /= unit.size;
		svg_axis_cover(&s.y, c->y[k], c->n);
		str_addf(out, "<span class=\"keyed\"><span class=\"key line %s\"></span>%s</span> ",
			KEYS[k], p->names[k]);
	}
	svg_axis_finish(&s.y, true, 0);
	s.y.title = unit.name;
	str_add(out, "</figcaption>\n");
	svg_open(&s, "", p->title, p->about);
	for (size_t k = CURVES; k-- > 0;)
		if (c->y[k])
			svg_curve(&s, c->x, c->y[k], c->n, LINES[k]);
	for (size_t k = 0; k < CURVES; k++)
		if (c->y[k])
			spots(&s, c, c->y[k], p->names[k], &unit);
	svg_close(&s);
	str_add(out, "</figure>\n");
}

static void add_plots(struct str *out, const struct recording *r)
{
	struct str idle = STR_INIT;

	if (r->n < 3 || !(r->time_s[r->n - 1] > 0))
		return;
	str_add(out, "<section id=\"time\">\n<h2>Over time</h2>\n<p class=\"sub\">Seconds from the "
		     "start of the recording.</p>\n<div class=\"stack\">\n");
	for (size_t i = 0; i < sizeof(PLOTS) / sizeof(PLOTS[0]); i++) {
		struct curves c;
		bool recorded = false;

		curves_init(&c, &PLOTS[i], r);
		for (size_t k = 0; k < CURVES && PLOTS[i].names[k]; k++)
			recorded |= r->value[PLOTS[i].series[k]] != NULL;
		if (c.most > 0 && c.n >= 2)
			draw(out, &PLOTS[i], &c, r->time_s[r->n - 1]);
		else if (recorded)
			str_addf(&idle, "%s%s", idle.len ? ", " : "", PLOTS[i].title);
		curves_release(&c);
	}
	str_add(out, "</div>\n");
	if (idle.len)
		str_addf(out, "<p class=\"sub\">Zero all the time: %s.</p>\n", idle.p);
	str_add(out, "</section>\n");
	str_release(&idle);
}

/* ---- the table ---- */

static void value_cell(struct str *out, enum recorder_series s, double value, bool rate)
{
	char text[NUM_TEXT];

	str_add(out, "<td class=\"num\">");
	if (isnan(value))
		str_add(out, "–");
	else if (!strcmp(RECORDER_UNITS[s], "bytes"))
		str_addf(out, "%s%s", num_bytes(value > 0 ? value : 0, text), rate ? "/s" : "");
	else if (!strcmp(RECORDER_UNITS[s], "s") && rate)
		str_addf(out, "%.3g %%", value > 0 ? 100 * value : 0);
	else if (!strcmp(RECORDER_UNITS[s], "s"))
		str_add(out, num_duration(value > 0 ? value : 0, text));
	else
		str_addf(out, "%s%s", num_short(value, text), rate ? "/s" : "");
	str_add(out, "</td>");
}

static void add_table(struct str *out, const struct recording *r)
{
	str_add(out,
		"<section id=\"series\">\n<h2>Every series</h2>\n<p class=\"sub\">Of a total its "
		"rate; the maximum of a rate is over 100 ms at least.</p>\n<div class=\"wide\" "
		"tabindex=\"0\" role=\"region\" aria-label=\"series\"><table class=\"times\">"
		"<thead><tr><th></th><th scope=\"col\" class=\"num\">mean</th><th scope=\"col\" "
		"class=\"num\">maximum</th><th scope=\"col\" class=\"num\">in all</th>"
		"<th scope=\"col\" class=\"text\">what it is</th></tr></thead><tbody>\n");
	for (enum recorder_series s = 0; s < RECORD_N_SERIES; s++) {
		struct recording_summary sum;
		bool total = RECORDER_IS_TOTAL[s];

		if (!r->value[s])
			continue;
		recording_summarise(r, s, NAN, NAN, &sum);
		str_addf(out, "<tr><th scope=\"row\">%s</th>", RECORDER_WORDS[s]);
		value_cell(out, s, sum.mean, total);
		value_cell(out, s, sum.max, total);
		value_cell(out, s, total ? sum.total : NAN, false);
		str_addf(out, "<td class=\"text\">%s</td></tr>\n", RECORDER_TEXTS[s]);
	}
	str_add(out, "</tbody></table></div>\n</section>\n");
}

void report_recording_html(struct str *out, const struct report_recording_page *page)
{
	html_open(out, page->run.title);
	add_header(out, page);
	add_plots(out, page->recording.recording);
	add_table(out, page->recording.recording);
	html_close(out);
}
