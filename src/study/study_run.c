/*
 * Which trials a study runs: all points of its design, or, with trials: auto, as many as it takes
 * until the ranking is settled, looked at after a sequence of sizes that grows by about a third.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "learn/rank.h"
#include "learn/settled.h"
#include "study/order.h"
#include "study/runner.h"

/* The sizes at which `trials: auto` looks: 12, 16, 24, 32, 48, 64, 96, … */
static size_t next_look(size_t n)
{
	size_t power = 8;

	if (n < 12)
		return 12;
	while (power * 2 <= n)
		power *= 2;
	return n < power + power / 2 ? power + power / 2 : power * 2;
}

static int run_some(struct runner *r, const struct study *s, const double *u, size_t first,
	size_t n, struct err *err)
{
	size_t *order = mem_zalloc(n + 1, sizeof(*order));
	int rc = 0;

	study_order(s, u, first, n, order);
	for (size_t i = 0; i < n && !rc; i++)
		rc = runner_run(r, order[i], u + order[i] * s->n_factors, NULL, err);
	free(order);
	return rc;
}

/* Learns from what is there; *done where nothing is open any more. */
static int look(struct runner *r, const struct study *s, struct store *store, int64_t run_id,
	bool *done, struct err *err)
{
	struct rank_spec spec = RANK_SPEC_DEFAULT;
	struct dataset data = {0};
	struct rank_result rank = {0};
	struct settled settled = {0};
	struct trial *trials;
	size_t n;
	int rc = store_trial_list(store, run_id, &trials, &n, err);

	*done = false;
	if (rc)
		return rc;
	spec.seed = s->seed;
	spec.confidence = s->confidence;
	/* A table that nothing can be learned from yet is no reason to give up. */
	if (!study_dataset(s, trials, n, &data, NULL) && !rank_learn(&rank, &data, &spec, NULL)) {
		*done = settled_judge(&settled, &rank, s->confidence);
		runner_say(r, settled.sentence);
		settled_release(&settled);
		rank_release(&rank);
	}
	dataset_release(&data);
	trials_free(trials, n);
	return 0;
}

static int run_until_settled(struct runner *r, const struct study *s, const double *u,
	struct store *store, int64_t run_id, struct err *err)
{
	bool done = false;
	int rc = 0;

	for (size_t n = 0; n < s->trials && !done && !rc;) {
		size_t to = next_look(n);

		to = to < s->trials ? to : s->trials;
		runner_expect(r, to);
		rc = run_some(r, s, u, n, to - n, err);
		n = to;
		if (!rc)
			rc = look(r, s, store, run_id, &done, err);
	}
	return rc;
}

int study_run(const struct study *s, struct store *store, int64_t run_id,
	const struct study_hooks *hooks, struct err *err)
{
	double *u = mem_zalloc(s->trials * s->n_factors + 1, sizeof(*u));
	struct runner *r = NULL;
	int rc = design_points(s->sampler, s->trials, s->n_factors, s->seed, u, err);

	if (!rc)
		rc = runner_open(&r, s, store, run_id, hooks, err);
	if (!rc && s->automatic)
		rc = run_until_settled(r, s, u, store, run_id, err);
	else if (!rc)
		rc = run_some(r, s, u, 0, s->trials, err);
	runner_close(r);
	free(u);
	return rc;
}
