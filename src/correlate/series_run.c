/* Series from what culprit has measured itself: a recording, or a load, with the recording of the
 * service beside it where one was made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "correlate/sources.h"
#include "stats/recording.h"

/* What is dear to read is read ten times a second, and a total within less is mostly noise. */
static const double RECORDING_STEP_S = .1;

static const struct load_word {
	const char *name, *key;
	double factor;
	bool count;   /* of a second: becomes a rate */
	bool latency; /* a measure of the latencies of all requests */
} LOAD_WORDS[] = {
	{"load:rate", "completed", 1, true, false},
	{"load:asked", "asked_rate", 1, false, false},
	{"load:errors", "errors", 1, true, false},
	{"load:mean", "mean_latency_ms", 1, false, true},
	{"load:p50", "p50_ms", 1, false, true},
	{"load:p99", "p99_ms", 1, false, true},
	{"load:max", "max_ms", 1, false, true},
	{"load:lateness", "late_p99_ms", 1, false, false},
};
enum { N_LOAD_WORDS = sizeof(LOAD_WORDS) / sizeof(LOAD_WORDS[0]), LOAD_SECONDS_MAX = 1000000 };

struct points {
	struct series_points items[N_LOAD_WORDS + RECORD_N_SERIES];
	size_t n;
};

static void points_release(struct points *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].name);
		free(p->items[i].time_s);
		free(p->items[i].value);
	}
}

static struct series_points *points_add(
	struct points *p, const char *group, const char *name, size_t n)
{
	struct series_points *one = &p->items[p->n++];
	struct str text = STR_INIT;

	str_addf(&text, "%s%s%s", group, *group ? ":" : "", name);
	*one = (struct series_points){.name = str_take(&text),
		.time_s = mem_alloc(n + 1, sizeof(double)),
		.value = mem_alloc(n + 1, sizeof(double)),
		.cap = n};
	return one;
}

static bool of_machine(size_t series)
{
	return series == RECORD_OTHERS || series == RECORD_STEAL || series == RECORD_PRESSURE;
}

/* All that was recorded, at times that count from shift_s before time 0 of the recording. */
static void add_recording(
	struct points *p, const struct recording *r, const char *group, double shift_s)
{
	for (size_t s = 0; s < RECORD_N_SERIES; s++) {
		const char *of = *group && of_machine(s) ? "machine" : group;
		struct series_points *one;

		if (!r->value[s])
			continue;
		one = points_add(p, of, RECORDER_WORDS[s], r->n);
		one->kind = RECORDER_IS_TOTAL[s] ? SERIES_COUNTER : SERIES_GAUGE;
		for (size_t i = 0; i < r->n; i++) {
			one->time_s[one->n] = r->time_s[i] + shift_s;
			one->value[one->n++] = r->value[s][i];
		}
	}
}

static int align(struct series_set *out, const struct points *p, const struct align_options *o,
	struct err *err)
{
	int rc = series_align(out, p->items, p->n, o, err);

	/* finer samples lie beside coarser steps by nature: their means and growths are taken */
	str_clear(&out->notes);
	return rc;
}

/* ---- a recording ---- */

static int read_recording(struct series_set *out, const json_t *result, struct err *err)
{
	struct align_options o = {.from_s = NAN, .to_s = NAN, .how = ALIGN_MEAN};
	struct recording recording;
	struct points p = {.n = 0};
	int rc = recording_from_json(&recording, result, err);

	if (rc)
		return rc;
	o.step_s =
		recording.interval_s > RECORDING_STEP_S ? recording.interval_s : RECORDING_STEP_S;
	add_recording(&p, &recording, "", 0);
	rc = align(out, &p, &o, err);
	points_release(&p);
	recording_release(&recording);
	return rc;
}

/* ---- a load ---- */

/* A second's value stands at its middle; the last one may be too short to say anything. */
static void add_load(struct points *p, const json_t *seconds, double length_s)
{
	size_t n = json_array_size(seconds);

	for (size_t k = 0; k < N_LOAD_WORDS; k++) {
		const struct load_word *w = &LOAD_WORDS[k];
		struct series_points *one = points_add(p, "", w->name, n);
		bool known = false;

		for (size_t i = 0; i < n; i++) {
			const json_t *second = json_array_get(seconds, i);
			double length = json_number_at(second, "seconds");
			double value = json_number_at(second, w->key) * w->factor;

			if (!(length > length_s / 2))
				continue;
			known = known || isfinite(value);
			one->time_s[one->n] = json_number_at(second, "start_s") + length_s / 2;
			one->value[one->n++] = w->count ? value / length : value;
		}
		if (!known) /* such as what only the open loop has */
			one->n = 0;
	}
}

/* Those without a value are no series. */
static void drop_empty(struct points *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct series_points one = p->items[i];

		if (one.n) {
			p->items[kept++] = one;
			continue;
		}
		free(one.name);
		free(one.time_s);
		free(one.value);
	}
	p->n = kept;
}

static int read_load(struct series_set *out, const json_t *result, struct err *err)
{
	const json_t *seconds = json_object_get(result, "series");
	const json_t *recorded = json_object_get(result, "recording");
	struct align_options o = {.from_s = NAN, .to_s = NAN, .how = ALIGN_MEAN};
	struct recording recording = {0};
	struct points p = {.n = 0};
	double start_s = json_number_at(recorded, "start_s");
	int rc = 0;

	o.step_s = json_number_at(json_array_get(seconds, 0), "seconds");
	if (json_array_size(seconds) < 2 || json_array_size(seconds) > LOAD_SECONDS_MAX ||
		!(o.step_s > 0))
		return err_set(err, ERR_INPUT,
			"the load has no two seconds to compare; let one run for a minute or more "
			"(-d 1m)");
	add_load(&p, seconds, o.step_s);
	drop_empty(&p);
	/* before and behind the load there is nothing to compare the service with */
	o.from_s = json_number_at(json_array_get(seconds, 0), "start_s");
	o.to_s = o.from_s + o.step_s * (double)json_array_size(seconds);
	if (recorded && isfinite(start_s)) {
		rc = recording_from_json(&recording, recorded, err);
		if (!rc)
			add_recording(&p, &recording, "service", start_s);
	}
	if (!rc)
		rc = align(out, &p, &o, err);
	points_release(&p);
	recording_release(&recording);
	return rc;
}

static bool is_latency(const char *name)
{
	for (size_t k = 0; k < N_LOAD_WORDS; k++)
		if (LOAD_WORDS[k].latency && !strcmp(name, LOAD_WORDS[k].name))
			return true;
	return false;
}

void series_run_mechanical(bool *marks, const struct series_set *s, size_t target)
{
	if (!is_latency(s->items[target].name))
		return;
	for (size_t i = 0; i < s->n; i++)
		marks[i] = marks[i] || (i != target && is_latency(s->items[i].name));
}

int series_read_run(struct series_set *out, const char *kind, const json_t *result, struct err *err)
{
	*out = (struct series_set){0};
	if (!strcmp(kind, "recording"))
		return read_recording(out, result, err);
	if (!strcmp(kind, "load"))
		return read_load(out, result, err);
	return err_set(err, ERR_USAGE,
		"a run of kind '%.40s' has no series; a load or a recording (culprit watch) has",
		kind);
}
