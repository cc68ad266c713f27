/*
 * Simulated studies with trials: auto, counted (bench/study.py):
 *
 *     study_drive [STUDIES [NOISE [REGIME]]]
 *
 * One JSON object a regime: its name, the total-effect indices, and for each study its verdict
 * (r, u, w), whether it was settled, and its trials.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "lab_studies.h"

static void run(const struct lab_study *s, int64_t studies, double noise)
{
	static const char *const WORDS[] = {"right", "undecided", "wrong"};
	json_t *outcomes = json_array(), *indices = json_object(), *all;
	double total[LAB_STUDY_FACTORS];
	uint64_t begin;

	lab_study_indices(s, true, total);
	for (size_t j = 0; j < lab_study_factors(s); j++)
		json_object_set_new(indices, s->factors[j].name, json_real(total[j]));
	begin = clock_now_ns();
	for (int64_t seed = 1; seed <= studies; seed++) {
		struct lab_outcome o = lab_study_run(s, noise, (uint64_t)seed);

		json_array_append_new(outcomes,
			json_pack("{s:s, s:b, s:I}", "verdict", WORDS[o.verdict], "settled",
				(int)o.settled, "trials", (json_int_t)o.trials));
	}
	all = json_pack("{s:s, s:o, s:o, s:f}", "regime", s->name, "indices", indices, "studies",
		outcomes, "learning_s", (double)(clock_now_ns() - begin) / 1e9);
	json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	puts("");
	fflush(stdout);
	json_decref(all);
}

int main(int argc, char **argv)
{
	int64_t studies = 100, only = -1;
	double noise = .02;

	if (argc > 1 && num_parse_int(argv[1], 1, 1000000, "studies", &studies, NULL))
		return 2;
	if (argc > 2 && num_parse_real(argv[2], 0, 10, "noise", &noise, NULL))
		return 2;
	if (argc > 3 && num_parse_int(argv[3], 0, LAB_STUDIES - 1, "regime", &only, NULL))
		return 2;
	for (int i = 0; i < LAB_STUDIES; i++)
		if (only < 0 || i == only)
			run(&LAB_STUDY_LIST[i], studies, noise);
	return 0;
}
