/* Error rates and powers of the incident mode, on worlds whose truth is known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "correlate/incident.h"
#include "correlate_worlds.h"

enum { SERIES = 300, TIMES = 1440, FROM = 1140, LENGTH = 140, PLANTED = 30 };

static void run(struct incident_result *r, const struct series_set *s, size_t from, size_t length)
{
	struct incident_spec spec = {.from_s = s->start_s + s->step_s * (double)from,
		.to_s = s->start_s + s->step_s * (double)(from + length),
		.before_s = NAN,
		.fdr = .05};
	struct err err;

	if (incident_run(r, s, &spec, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

static void quiet(enum world world, size_t sets)
{
	struct series_set s = {0};
	struct incident_result r;
	size_t any[2] = {0}, below = 0, all = 0;

	for (size_t k = 0; k < sets; k++) {
		world_make(&s, world, SERIES, TIMES, 0, 0, 1000 + k);
		run(&r, &s, 700 + k * 97 % 500, k % 2 ? LENGTH : 20);
		any[k % 2] += r.n_found > 0;
		for (size_t i = 0; i < r.n; i++, all++)
			below += r.rows[i].p < .01;
		incident_release(&r);
	}
	printf("| %s | %.3f | %.3f | %.4f |\n", WORLD_NAMES[world],
		(double)any[0] / (double)((sets + 1) / 2), (double)any[1] / (double)(sets / 2),
		(double)below / (double)all);
	fflush(stdout);
	world_release(&s);
}

/* `length` 0: a step. */
static void planted(enum world world, size_t length, double size, size_t sets)
{
	size_t found = 0, within = 0, others = 0, onset[PLANTED + 1];
	double wide = 0;
	struct series_set s = {0};
	struct incident_result r;

	for (size_t k = 0; k < sets; k++) {
		world_make(&s, world, SERIES, TIMES, 0, 0, 5000 + k);
		for (size_t j = 1; j <= PLANTED; j++) {
			size_t end = FROM + LENGTH;

			onset[j] = FROM + (length ? j * 7 % 120 : j * 3 % 40);
			end = length && onset[j] + length < end ? onset[j] + length : end;
			for (size_t t = onset[j]; t < end; t++)
				s.items[j].values[t] += size;
		}
		run(&r, &s, FROM, LENGTH);
		for (size_t i = 0; i < r.n_found; i++) {
			const struct incident_row *row = &r.rows[i];
			bool is = row->series >= 1 && row->series <= PLANTED;
			double began = is ? s.start_s + s.step_s * (double)onset[row->series] : 0;

			found += is;
			others += !is;
			within += is && row->began_low_s <= began && began <= row->began_high_s;
			wide += is ? (row->began_high_s - row->began_low_s) / s.step_s + 1 : 0;
		}
		incident_release(&r);
	}
	printf("| %s | %s %zu | %g | %.2f | %.3f | ", WORLD_NAMES[world],
		length ? "spike of" : "step of", length ? length : (size_t)LENGTH, size,
		(double)found / (double)(sets * PLANTED),
		found + others ? (double)others / (double)(found + others) : 0);
	if (found)
		printf("%.3f | %.1f |\n", (double)within / (double)found, wide / (double)found);
	else
		printf("– | – |\n");
	fflush(stdout);
	world_release(&s);
}

int main(int argc, char **argv)
{
	static const enum world WORLDS_PLANTED[] = {WORLD_NOISE, WORLD_AR50, WORLD_AR95, WORLD_WALK,
		WORLD_SEASON_1_DAY, WORLD_NOISE_T2};
	static const size_t LENGTHS[] = {0, 5, 1};
	static const double SIZES[] = {2, 4, 8, 16};
	struct err err;
	int64_t sets = 200;

	if (argc > 1 && num_parse_int(argv[1], 2, 100000, "SETS", &sets, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	printf("| world | 20 steps | 140 steps | p < .01 |\n| --- | --: | --: | --: |\n");
	for (int w = 0; w < N_WORLDS; w++)
		quiet((enum world)w, (size_t)sets);
	printf("\n| world | planted | size | found | wrong of found | began within | interval |\n"
	       "| --- | --- | --: | --: | --: | --: | --: |\n");
	for (size_t w = 0; w < sizeof(WORLDS_PLANTED) / sizeof(WORLDS_PLANTED[0]); w++)
		for (size_t l = 0; l < sizeof(LENGTHS) / sizeof(LENGTHS[0]); l++)
			for (size_t z = 0; z < sizeof(SIZES) / sizeof(SIZES[0]); z++)
				planted(WORLDS_PLANTED[w], LENGTHS[l], SIZES[z],
					(size_t)sets / 10 + 1);
	return 0;
}
