/* Error rates and powers of the incident mode, on worlds whose truth is known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "correlate/incident.h"
#include "correlate_worlds.h"

/* Two kinds of data: a day by the minute with many series, and little of few. */
struct sizes {
	size_t series, times, from, spread; /* incidents without any change: from … from + spread */
	size_t shorter, length;             /* of incidents */
	size_t planted_from, planted, spike_spread, step_spread;
};
static const struct sizes LARGE = {300, 1440, 700, 500, 20, 140, 1140, 30, 120, 40},
			  SMALL = {30, 160, 100, 20, 10, 30, 120, 3, 25, 10};

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

static void quiet(const struct sizes *z, enum world world, size_t sets)
{
	struct series_set s = {0};
	struct incident_result r;
	size_t any[2] = {0}, below = 0, all = 0;

	for (size_t k = 0; k < sets; k++) {
		world_make(&s, world, z->series, z->times, 0, 0, 1000 + k);
		run(&r, &s, z->from + k * 97 % z->spread, k % 2 ? z->length : z->shorter);
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
static void planted(const struct sizes *z, enum world world, size_t length, double size,
	size_t n_planted, size_t sets)
{
	size_t found = 0, within = 0, others = 0, onset[512];
	double wide = 0;
	struct series_set s = {0};
	struct incident_result r;

	for (size_t k = 0; k < sets; k++) {
		world_make(&s, world, z->series, z->times, 0, 0, 5000 + k);
		for (size_t j = 1; j <= n_planted; j++) {
			size_t end = z->planted_from + z->length;

			onset[j] = z->planted_from +
				   (length ? j * 7 % z->spike_spread : j * 3 % z->step_spread);
			end = length && onset[j] + length < end ? onset[j] + length : end;
			for (size_t t = onset[j]; t < end; t++)
				s.items[j].values[t] += size;
		}
		run(&r, &s, z->planted_from, z->length);
		for (size_t i = 0; i < r.n_found; i++) {
			const struct incident_row *row = &r.rows[i];
			bool is = row->series >= 1 && row->series <= n_planted;
			double began = is ? s.start_s + s.step_s * (double)onset[row->series] : 0;

			found += is;
			others += !is;
			within += is && row->began_low_s <= began && began <= row->began_high_s;
			wide += is ? (row->began_high_s - row->began_low_s) / s.step_s + 1 : 0;
		}
		incident_release(&r);
	}
	printf("| %s | %s %zu | %zu | %g | %.2f | %.3f | ", WORLD_NAMES[world],
		length ? "spike of" : "step of", length ? length : z->length, n_planted, size,
		(double)found / (double)(sets * n_planted),
		found + others ? (double)others / (double)(found + others) : 0);
	if (found)
		printf("%.3f | %.1f |\n", (double)within / (double)found, wide / (double)found);
	else
		printf("– | – |\n");
	fflush(stdout);
	world_release(&s);
}

static int refuse(const char *text)
{
	fprintf(stderr, "%s\nusage: incident_errors [SETS [large|small [WORLD]]]\n", text);
	return 2;
}

int main(int argc, char **argv)
{
	static const enum world WORLDS_PLANTED[] = {WORLD_NOISE, WORLD_AR50, WORLD_AR95, WORLD_WALK,
		WORLD_SEASON_1_DAY, WORLD_NOISE_T2, WORLD_VOLATILE_NOISE, WORLD_VOLATILE_WALK};
	static const size_t LENGTHS[] = {0, 5, 1};
	static const double SIZES[] = {2, 4, 8, 16};
	const struct sizes *z = argc > 2 && !strcmp(argv[2], "small") ? &SMALL : &LARGE;
	struct err err;
	int64_t sets = 200, only = -1;

	if (argc > 1 && num_parse_int(argv[1], 2, 100000, "SETS", &sets, &err))
		return refuse(err.text);
	if (argc > 3 && num_parse_int(argv[3], 0, N_WORLDS - 1, "WORLD", &only, &err))
		return refuse(err.text);
	printf("| world | short | long | p < .01 |\n| --- | --: | --: | --: |\n");
	for (int w = 0; w < N_WORLDS; w++)
		if (only < 0 || only == w)
			quiet(z, (enum world)w, (size_t)sets);
	printf("\n| world | planted | series | size | found | wrong of found | began within | "
	       "interval "
	       "|\n| --- | --- | --: | --: | --: | --: | --: | --: |\n");
	for (size_t w = 0; w < sizeof(WORLDS_PLANTED) / sizeof(WORLDS_PLANTED[0]); w++)
		for (size_t l = 0; l < sizeof(LENGTHS) / sizeof(LENGTHS[0]); l++)
			for (size_t k = 0; k < sizeof(SIZES) / sizeof(SIZES[0]); k++)
				for (size_t n = 1; n <= z->planted * 5 &&
						   (only < 0 || only == (int64_t)WORLDS_PLANTED[w]);
					n = n == 1 ? z->planted : n * 5)
					planted(z, WORLDS_PLANTED[w], LENGTHS[l], SIZES[k], n,
						(size_t)sets / (n == 1 ? 4 : 10) + 1);
	return 0;
}
