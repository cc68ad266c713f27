/*
 * Arrivals of the open loop. Each worker counts in units of the integral of the rate ("the 41st
 * request"), which whole numbers hold exactly up to 2^53, and turns a count into a time only within
 * its own stage: so a schedule of hours at a million a second keeps its nanoseconds. Each constant
 * arrival lies in the middle of its share, so that none falls on the end of a stage, where it would
 * be sent or not by luck.
 */
#include "load/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

enum { STAGES_MAX = 1000, STAGE_TEXT_MAX = 80 };
#define RATE_MAX    1e8
#define SECONDS_MAX (100 * 86400.) /* in which a double still holds single nanoseconds */

/* The stream of the generator that arrivals draw from; others of the same seed have small numbers.
 */
#define ARRIVALS_STREAM UINT64_C(0x6172726976616c00)

/* Sums such as 3 × 0.1 s × 10/s are meant to be whole; without this, the last request of a stage
 * would be lost or not by the luck of a rounding. */
static double snap(double count)
{
	double whole = nearbyint(count);

	return fabs(count - whole) <= 1e-9 + 1e-14 * whole ? whole : count;
}

static void stage_add(struct load_schedule *s, double seconds, double from, double to)
{
	struct load_stage *last = s->n ? &s->stages[s->n - 1] : NULL, *stage = &s->stages[s->n];
	double mean = from / 2 + to / 2;

	stage->start_s = last ? last->start_s + last->seconds : 0;
	stage->seconds = seconds;
	stage->from = from;
	stage->to = to;
	stage->before = last ? last->through : 0;
	stage->through = mean > 0 ? snap(stage->before + mean * seconds) : stage->before;
	s->seconds = stage->start_s + seconds;
	s->n++;
}

static int rates_parse(const char *text, double *from, double *to)
{
	const char *end = text + strlen(text), *after = num_scan(text, end, from);

	*to = *from;
	if (after && *after == '-')
		after = num_scan(after + 1, end, to);
	return after == end ? 0 : -1;
}

/* One "DURATION:RATE" or "DURATION:FROM-TO" of `len` bytes; `what` names it. */
static int stage_parse(struct load_schedule *s, char *text, const char *what, struct err *err)
{
	char *colon = strchr(text, ':');
	uint64_t ns;
	double from, to;

	if (!colon)
		return err_set(err, ERR_USAGE,
			"%s: write DURATION:RATE or DURATION:FROM-TO, as in 10s:100 or "
			"30s:100-2000",
			what);
	*colon = '\0';
	int rc = num_parse_duration(text, 1000000, (uint64_t)(SECONDS_MAX * 1e9), what, &ns, err);

	if (rc)
		return rc;
	if (rates_parse(colon + 1, &from, &to))
		return err_set(err, ERR_USAGE,
			"%s: '%s' is not a rate; write requests a second, as 100, or 100-2000 to "
			"go from one to the other",
			what, colon + 1);
	if (!(from >= 0 && from <= RATE_MAX && to >= 0 && to <= RATE_MAX))
		return err_set(err, ERR_USAGE, "%s: a rate must be 0 to %.0f requests a second",
			what, RATE_MAX);
	stage_add(s, (double)ns / 1e9, from, to);
	return 0;
}

static int stages_parse(struct load_schedule *s, const char *text, struct err *err)
{
	char what[STAGE_TEXT_MAX + 32], piece[STAGE_TEXT_MAX];

	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");
		int shown = len < sizeof(piece) ? (int)len : (int)sizeof(piece) - 1;

		snprintf(what, sizeof(what), "stage %zu ('%.*s')", s->n + 1, shown, p);
		if (s->n == STAGES_MAX)
			return err_set(
				err, ERR_USAGE, "stages: there can be at most %d", (int)STAGES_MAX);
		if (len >= sizeof(piece))
			return err_set(err, ERR_USAGE, "%s…: it is longer than %zu characters",
				what, sizeof(piece) - 1);
		memcpy(piece, p, len);
		piece[len] = '\0';
		s->stages = mem_resize(s->stages, s->n + 1, sizeof(*s->stages));

		int rc = stage_parse(s, piece, what, err);

		if (rc)
			return rc;
		if (s->seconds > SECONDS_MAX)
			return err_set(err, ERR_USAGE,
				"%s: all stages together must end within %.0f days", what,
				SECONDS_MAX / 86400);
		p += len;
		if (!*p)
			break;
	}
	if (s->stages[s->n - 1].through < 1)
		return err_set(err, ERR_USAGE,
			"stages: '%s' asks for no whole request; make a rate or a stage larger",
			text);
	return 0;
}

int load_schedule_init(struct load_schedule *s, const struct load_spec *spec, struct err *err)
{
	int rc = 0;

	*s = (struct load_schedule){.arrivals = (enum load_arrivals)spec->arrivals};
	if (spec->stages && spec->rate != 0)
		return err_set(err, ERR_USAGE,
			"both a rate (%g) and stages ('%s') are given; a stage such as 10s:100 "
			"holds a rate, so leave out --rate",
			spec->rate, spec->stages);
	if (!(spec->rate >= 0 && spec->rate <= RATE_MAX))
		return err_set(err, ERR_USAGE, "rate: %g is out of range, it takes 0 to %.0f",
			spec->rate, RATE_MAX);
	if (spec->stages) {
		rc = stages_parse(s, spec->stages, err);
	} else if (spec->rate > 0) {
		s->stages = mem_alloc(1, sizeof(*s->stages));
		stage_add(s, INFINITY, spec->rate, spec->rate);
	}
	if (rc)
		load_schedule_release(s);
	return rc;
}

void load_schedule_release(struct load_schedule *s)
{
	free(s->stages);
	*s = (struct load_schedule){0};
}

size_t load_schedule_stage(const struct load_schedule *s, double at_s)
{
	size_t i = 0;

	while (i + 1 < s->n && at_s >= s->stages[i + 1].start_s)
		i++;
	return i;
}

double load_schedule_rate(const struct load_schedule *s, double at_s)
{
	if (!s->n || !(at_s >= 0 && at_s < s->seconds))
		return 0;
	const struct load_stage *stage = &s->stages[load_schedule_stage(s, at_s)];

	if (stage->from == stage->to)
		return stage->from;
	double part = (at_s - stage->start_s) / stage->seconds;

	return stage->from + (stage->to - stage->from) * part;
}

/*
 * Seconds after which a rate that begins at `low` and grows by `slope` a second has let `count`
 * pass: the root of slope/2 t² + low t − count in the form that subtracts nothing.
 */
static double seconds_until(double count, double low, double slope)
{
	double divisor = low + sqrt(low * low + 2 * slope * count);

	return divisor > 0 ? 2 * count / divisor : 0;
}

/* When the integral passes `count`, which this stage holds; seconds. A falling ramp is a rising one
 * seen from its end, which keeps the digits where its rate nears nothing. */
static double stage_time(const struct load_stage *stage, double count)
{
	if (stage->from == stage->to)
		return stage->start_s + (count - stage->before) / stage->from;
	double slope = fabs(stage->to - stage->from) / stage->seconds;

	if (stage->from < stage->to)
		return stage->start_s + seconds_until(count - stage->before, stage->from, slope);
	return stage->start_s + stage->seconds -
	       seconds_until(stage->through - count, stage->to, slope);
}

void load_arrivals_start(struct load_arrivals_clock *c, const struct load_schedule *s,
	unsigned worker, unsigned workers, uint64_t start_ns, uint64_t seed)
{
	*c = (struct load_arrivals_clock){
		.schedule = s,
		.start_ns = start_ns,
		.passed = s->arrivals == LOAD_POISSON ? 0 : worker + .5 - workers,
		.workers = workers,
	};
	rng_seed(&c->rng, seed, ARRIVALS_STREAM + worker);
}

uint64_t load_arrivals_next(struct load_arrivals_clock *c)
{
	const struct load_schedule *s = c->schedule;

	if (s->arrivals == LOAD_POISSON)
		c->passed -= log(1 - rng_uniform(&c->rng)) * c->workers;
	else
		c->passed += c->workers;
	while (c->stage < s->n && c->passed > s->stages[c->stage].through)
		c->stage++;
	if (c->stage >= s->n)
		return UINT64_MAX;
	double seconds = stage_time(&s->stages[c->stage], c->passed);

	/* 2^62 ns are 146 years: a rate of 1 in centuries never sends */
	return seconds < 0x1p62 / 1e9 ? c->start_ns + (uint64_t)(seconds * 1e9 + .5) : UINT64_MAX;
}
