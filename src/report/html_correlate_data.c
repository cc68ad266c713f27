/* Rows as the page's script reads them, in columns. A course is a text: a letter a point, 50 levels
 * between its lowest and highest value, which stand beside it; no vowels, so that no words arise.
 */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/html.h"
#include "report/html_correlate.h"

static const char LEVELS[] = "0123456789BCDFGHJKLMPQRSTVWXYZbcdfghjklmpqrstvwxyz";
enum { TOP = sizeof(LEVELS) - 2 };

static void add_text(struct str *out, const char *text)
{
	struct str clean = STR_INIT;

	correlate_words_name(&clean, text, SERIES_NAME_MAX, "…");
	html_json_text(out, str_text(&clean));
	str_release(&clean);
}

static void add_number(struct str *out, double value, int digits)
{
	if (isfinite(value))
		str_addf(out, "%.*g", digits, value);
	else
		str_add(out, "null");
}

/* Means of `points` stretches. */
static double stretch(const struct correlate_course *c, size_t i, size_t points)
{
	double sum = 0, known = 0;

	for (size_t t = i * c->n / points; t < (i + 1) * c->n / points; t++)
		if (isfinite(c->values[t])) {
			sum += c->values[t];
			known++;
		}
	return known > 0 ? sum / known : NAN;
}

static void add_course(struct str *out, const struct correlate_report *r, size_t series)
{
	struct correlate_course c;
	double low = INFINITY, high = -INFINITY, values[CORRELATE_SPARK];
	size_t n;

	if (!correlate_words_course(&c, r, series)) {
		str_add(out, "0");
		return;
	}
	n = c.n < CORRELATE_SPARK ? c.n : CORRELATE_SPARK;
	for (size_t i = 0; i < n; i++) {
		values[i] = stretch(&c, i, n);
		if (isfinite(values[i])) {
			low = fmin(low, values[i]);
			high = fmax(high, values[i]);
		}
	}
	str_add(out, "[\"");
	for (size_t i = 0; i < n; i++) {
		double level = high > low ? (values[i] - low) / (high - low) : .5;

		str_add_char(out, isfinite(values[i]) && isfinite(level)
					  ? LEVELS[(int)(level * TOP + .5)]
					  : '.');
	}
	str_add(out, "\",");
	add_number(out, low, 4);
	str_add_char(out, ',');
	add_number(out, high, 4);
	str_add_char(out, ']');
}

static void add_rows(struct str *out, const struct correlate_report *r, size_t n)
{
	const struct correlate_row *rows = r->result->rows;

#define COLUMN(name, add)                                                                          \
	str_add(out, ",\"" name "\":[");                                                           \
	for (size_t i = 0; i < n; i++) {                                                           \
		if (i)                                                                             \
			str_add_char(out, ',');                                                    \
		add;                                                                               \
	}                                                                                          \
	str_add_char(out, ']')

	COLUMN("name", add_text(out, correlate_words_series(r, rows[i].series)));
	COLUMN("series", str_addf(out, "%zu", rows[i].series));
	COLUMN("r", add_number(out, rows[i].r, 4));
	COLUMN("low", add_number(out, rows[i].low, 4));
	COLUMN("high", add_number(out, rows[i].high, 4));
	COLUMN("p", add_number(out, rows[i].p, 3));
	COLUMN("q", add_number(out, rows[i].q, 3));
	COLUMN("lag", str_addf(out, "%ld", rows[i].lag));
	COLUMN("n", str_addf(out, "%zu", rows[i].n));
	COLUMN("n_eff", add_number(out, round(rows[i].n_eff), 6));
	COLUMN("flags",
		str_addf(out, "%d", rows[i].found + 2 * rows[i].doubtful + 4 * rows[i].mechanical));
	COLUMN("group", str_addf(out, "%ld", rows[i].group == SIZE_MAX ? -1 : (long)rows[i].group));
	COLUMN("course", {
		if (rows[i].found || i < HTML_CORRELATE_COURSES)
			add_course(out, r, rows[i].series);
		else
			str_add_char(out, '0');
	});
#undef COLUMN
}

static void add_families(struct str *out, const struct correlate_report *r, size_t n)
{
	size_t n_families, *of = mem_alloc(r->result->n + 1, sizeof(*of));
	struct correlate_family *f = correlate_words_families(r, &n_families, of);

	str_add(out, ",\"families\":[");
	for (size_t i = 0; i < n_families; i++) {
		str_add(out, i ? "," : "");
		add_text(out, f[i].name);
	}
	str_add(out, "],\"family\":[");
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s%zu", i ? "," : "", of[i]);
	str_add_char(out, ']');
	free(of);
	free(f);
}

void html_correlate_data(struct str *out, const struct correlate_report *r)
{
	const struct correlate_result *c = r->result;
	size_t n = c->n < HTML_CORRELATE_ROWS ? c->n : HTML_CORRELATE_ROWS;

	str_add(out, "{\"target\":");
	add_text(out, c->target);
	str_add(out, ",\"target_course\":");
	add_course(out, r, c->spec.target);
	str_add(out, ",\"fdr\":");
	add_number(out, c->spec.fdr, 4);
	str_add(out, ",\"step_s\":");
	add_number(out, r->set->step_s, 12);
	str_addf(out, ",\"max_lag\":%zu", c->spec.max_lag);
	add_families(out, r, n);
	add_rows(out, r, n);
	str_add_char(out, '}');
}
