#include "profile_program.h"

#include <math.h>
#include <stdio.h>

#include "base/rng.h"

enum { MAX_FUNCTIONS = 200, MAX_THREADS = 16 };

static double chance(const struct program *g, int k)
{
	return pow(k + 1, -g->skew);
}

/* Mean length of a call: spread over a factor of 25, the same for the same function. */
static double mean_ms(const struct program *g, int k, int changed, double factor)
{
	return g->mean_ms * pow(25, (k * 7 % 11) / 10. - .5) * (k == changed ? factor : 1);
}

double program_share(const struct program *g, int k, int changed, double factor)
{
	double sum = 0;

	for (int i = 0; i < g->functions; i++)
		sum += chance(g, i) * mean_ms(g, i, changed, factor);
	return chance(g, k) * mean_ms(g, k, changed, factor) / sum;
}

struct thread {
	int at;
	double until_ms;
	uint32_t node;
};

static int draw(struct rng *r, const double *cumulated, int n)
{
	double u = rng_uniform(r) * cumulated[n - 1];
	int low = 0, high = n - 1;

	while (low < high) {
		int middle = (low + high) / 2;

		if (cumulated[middle] > u)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct profile *program_profile(const struct program *g, uint64_t seed, double hz, double seconds,
	int changed, double factor)
{
	struct profile *p = profile_new();
	struct rng r;
	double cumulated[MAX_FUNCTIONS], length[MAX_FUNCTIONS], tick_ms = 1000 / hz;
	uint32_t function[MAX_FUNCTIONS];
	struct thread threads[MAX_THREADS];
	char name[32];

	rng_seed(&r, seed, 7);
	for (int k = 0; k < g->functions; k++) {
		cumulated[k] = (k ? cumulated[k - 1] : 0) + chance(g, k);
		/* the mean of a lognormal is exp(mu + sigma²/2) */
		length[k] = mean_ms(g, k, changed, factor) * exp(-g->sigma * g->sigma / 2);
		snprintf(name, sizeof(name), "f%d", k);
		function[k] = profile_function(p, PROFILE_PYTHON, name, "/srv/app.py", k);
	}
	for (int t = 0; t < g->threads; t++) {
		snprintf(name, sizeof(name), "worker-%d (%d)", t, 100 + t);
		threads[t] = (struct thread){.until_ms = -1,
			.node = profile_node(
				p, 0, profile_function(p, PROFILE_THREAD, name, "", 0), 0)};
	}
	for (double tick = 0; tick * tick_ms < seconds * 1000; tick++) {
		double now = (tick + rng_uniform(&r)) * tick_ms;

		for (int t = 0; t < g->threads; t++) {
			struct thread *th = &threads[t];
			uint64_t wall = (uint64_t)(tick_ms * 1e6);

			while (th->until_ms <= now) {
				th->at = draw(&r, cumulated, g->functions);
				th->until_ms =
					fmax(th->until_ms, 0) +
					length[th->at] *
						(g->sigma > 0 ? exp(g->sigma * rng_normal(&r)) : 1);
			}
			profile_add(p, profile_node(p, th->node, function[th->at], th->at + 1),
				&(struct profile_weight){
					1, wall, g->waits && th->at % 2 ? 0 : wall, 0});
		}
	}
	return p;
}
