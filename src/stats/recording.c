#include "stats/recording.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/mem.h"

const char *const RECORDER_WORDS[RECORD_N_SERIES] = {
#define X(name, word, unit, total, text) word,
	RECORDER_SERIES(X)
#undef X
};
const char *const RECORDER_UNITS[RECORD_N_SERIES] = {
#define X(name, word, unit, total, text) unit,
	RECORDER_SERIES(X)
#undef X
};
const char *const RECORDER_TEXTS[RECORD_N_SERIES] = {
#define X(name, word, unit, total, text) text,
	RECORDER_SERIES(X)
#undef X
};
const bool RECORDER_IS_TOTAL[RECORD_N_SERIES] = {
#define X(name, word, unit, total, text) total,
	RECORDER_SERIES(X)
#undef X
};

void recording_release(struct recording *r)
{
	free(r->time_s);
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		free(r->value[s]);
	*r = (struct recording){0};
}

/* ---- rows ---- */

static void grow(struct recording *r)
{
	size_t cap = r->cap ? r->cap + r->cap / 2 : 256;

	r->time_s = mem_resize(r->time_s, cap, sizeof(*r->time_s));
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		if (r->value[s])
			r->value[s] = mem_resize(r->value[s], cap, sizeof(*r->value[s]));
	r->cap = cap;
}

/* To the microsecond and the thousandth, as JSON has them: so what is read back says the same. */
static double kept_value(enum recorder_series s, double value)
{
	double steps = s == RECORD_RUNNABLE ? 1e3 : !strcmp(RECORDER_UNITS[s], "s") ? 1e6 : 1;

	return round(value * steps) / steps;
}

void recording_add(struct recording *r, double time_s, const double values[RECORD_N_SERIES])
{
	if (r->n == RECORDING_MAX)
		recording_thin(r, RECORDING_MAX / 2 + 1);
	if (r->n == r->cap)
		grow(r);
	r->time_s[r->n] = round(time_s * 1e6) / 1e6;
	for (size_t s = 0; s < RECORD_N_SERIES; s++) {
		if (!r->value[s] && !isnan(values[s])) {
			r->value[s] = mem_alloc(r->cap, sizeof(*r->value[s]));
			for (size_t i = 0; i < r->n; i++)
				r->value[s][i] = NAN;
		}
		if (r->value[s])
			r->value[s][r->n] = kept_value((enum recorder_series)s, values[s]);
	}
	r->n++;
}

static size_t known(const struct recording *r, size_t row)
{
	size_t n = 0;

	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		n += r->value[s] && !isnan(r->value[s][row]);
	return n;
}

static void move_row(struct recording *r, size_t to, size_t from)
{
	r->time_s[to] = r->time_s[from];
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		if (r->value[s])
			r->value[s][to] = r->value[s][from];
}

/* The first and last row stay as they are; of each two between them one goes. */
static void halve(struct recording *r)
{
	size_t kept = 1, i = 1;

	for (; i + 2 < r->n; i += 2)
		move_row(r, kept++, known(r, i) > known(r, i + 1) ? i : i + 1);
	for (; i < r->n; i++)
		move_row(r, kept++, i);
	r->n = kept;
	r->interval_s *= 2;
}

void recording_thin(struct recording *r, size_t most)
{
	while (r->n > most && r->n > 4)
		halve(r);
}

/* ---- what it comes to ---- */

struct window {
	size_t from, to; /* rows from … to − 1 */
};

static struct window window_of(const struct recording *r, double t0_s, double t1_s)
{
	struct window w = {0, r->n};

	while (w.from < w.to && r->time_s[w.from] < t0_s)
		w.from++;
	while (w.to > w.from && r->time_s[w.to - 1] > t1_s)
		w.to--;
	return w;
}

/* Of a total: from the first known value to the last; the steepest stretch of RECORDING_RATE_S. */
static void summarise_total(
	const struct recording *r, const double *v, struct window w, struct recording_summary *out)
{
	size_t first = w.to, last = w.to, begin = w.to;

	for (size_t i = w.from; i < w.to; i++) {
		if (isnan(v[i]))
			continue;
		if (first == w.to)
			first = begin = i;
		last = i;
		/* the latest begin that is far enough back */
		for (size_t j = begin + 1; j < i; j++) {
			if (isnan(v[j]))
				continue;
			if (r->time_s[i] - r->time_s[j] < RECORDING_RATE_S * .999)
				break;
			begin = j;
		}
		if (r->time_s[i] - r->time_s[begin] >= RECORDING_RATE_S * .999)
			out->max = fmax(
				out->max, (v[i] - v[begin]) / (r->time_s[i] - r->time_s[begin]));
	}
	if (first == last)
		return;
	out->total = v[last] - v[first];
	out->mean = out->total / (r->time_s[last] - r->time_s[first]);
	if (isnan(out->max))
		out->max = out->mean;
}

/* Each value stands until the next known one, so that missed ticks do not weigh less. */
static void summarise_level(
	const struct recording *r, const double *v, struct window w, struct recording_summary *out)
{
	double sum = 0, seconds = 0;
	size_t last = w.to;

	for (size_t i = w.from; i < w.to; i++) {
		if (isnan(v[i]))
			continue;
		out->max = fmax(out->max, v[i]);
		if (last < w.to) {
			sum += v[last] * (r->time_s[i] - r->time_s[last]);
			seconds += r->time_s[i] - r->time_s[last];
		}
		last = i;
	}
	out->mean = seconds > 0 ? sum / seconds : out->max;
}

void recording_summarise(const struct recording *r, enum recorder_series s, double t0_s,
	double t1_s, struct recording_summary *out)
{
	*out = (struct recording_summary){NAN, NAN, NAN};
	if (!r->value[s] || !r->n)
		return;
	if (RECORDER_IS_TOTAL[s])
		summarise_total(r, r->value[s], window_of(r, t0_s, t1_s), out);
	else
		summarise_level(r, r->value[s], window_of(r, t0_s, t1_s), out);
}

/* A total at a time, linear between the known rows around it; *row walks along. NaN outside. */
static double total_at(const struct recording *r, const double *v, double time_s, size_t *row)
{
	size_t next = *row + 1;

	for (; next < r->n; next++) {
		if (isnan(v[next]))
			continue;
		if (r->time_s[next] >= time_s)
			break;
		*row = next;
	}
	if (isnan(v[*row]))
		return NAN;
	if (next >= r->n || r->time_s[*row] >= time_s)
		return v[*row];
	return v[*row] + (v[next] - v[*row]) * (time_s - r->time_s[*row]) /
				 (r->time_s[next] - r->time_s[*row]);
}

static double level_within(
	const struct recording *r, const double *v, double from_s, double to_s, size_t *row)
{
	double sum = 0, latest = NAN;
	size_t n = 0, i = *row;

	for (; i < r->n && (r->time_s[i] < to_s || i + 1 == r->n); i++) {
		if (isnan(v[i]))
			continue;
		latest = v[i];
		*row = i; /* it stands on where the next slice has none of its own */
		if (r->time_s[i] >= from_s) {
			sum += v[i];
			n++;
		}
	}
	return n ? sum / (double)n : latest;
}

void recording_curve(
	const struct recording *r, enum recorder_series s, size_t points, double *x, double *y)
{
	double end = r->n ? r->time_s[r->n - 1] : 0, step = end / (double)points, before;
	const double *v = r->value[s];
	size_t row = 0;

	for (size_t i = 0; i < points; i++) {
		if (x)
			x[i] = ((double)i + .5) * step;
		y[i] = NAN;
	}
	if (!v || !(end > 0))
		return;
	while (row + 1 < r->n && isnan(v[row]))
		row++;
	before = total_at(r, v, 0, &row);
	for (size_t i = 0; i < points; i++) {
		double to = (double)(i + 1) * step, now;

		if (!RECORDER_IS_TOTAL[s]) {
			y[i] = level_within(r, v, (double)i * step, to, &row);
			continue;
		}
		now = total_at(r, v, to, &row);
		y[i] = (now - before) / step;
		before = now;
	}
}

/* ---- rows for others ---- */

void recording_to_csv(struct str *out, const struct recording *r)
{
	csv_put(out, true, "time_s");
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		if (r->value[s]) {
			const char *unit = RECORDER_UNITS[s];

			str_addf(out, ",%s%s%s", RECORDER_WORDS[s], *unit ? "_" : "", unit);
		}
	str_add_char(out, '\n');
	for (size_t i = 0; i < r->n; i++) {
		str_addf(out, "%.6f", r->time_s[i]);
		for (size_t s = 0; s < RECORD_N_SERIES; s++) {
			if (!r->value[s])
				continue;
			str_add_char(out, ',');
			if (!isnan(r->value[s][i]))
				str_addf(out, "%.*f",
					!strcmp(RECORDER_UNITS[s], "s") ? 6
					: s == RECORD_RUNNABLE          ? 3
									: 0,
					r->value[s][i]);
		}
		str_add_char(out, '\n');
	}
}
