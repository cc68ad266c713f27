/*
 * How near does the search for the highest rate come? A simulated service with one server,
 * exponential service times and a capacity of 1,000 a second under Poisson arrivals (M/M/1): the
 * time of a request is exponential with rate 1,000 − arrival rate, so the rate at which a goal for
 * a percentile is just held is known.
 *
 *     search_errors [SEARCHES]     for each row (200). Prints Markdown.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/rng.h"
#include "load/search.h"

#define CAPACITY 1000.

static struct {
	struct rng rng;
	bool stalls; /* one run in twenty stands still for half a second */
	size_t runs;
} sim;

static double exponential(double rate)
{
	return -log(1 - rng_uniform(&sim.rng)) / rate;
}

static int run_simulated(const struct load_spec *spec, const struct load_hooks *hooks,
	struct load_result *out, struct err *err)
{
	double seconds = (double)spec->duration_ns / 1e9, ended = 0;
	double stall = sim.stalls && rng_uniform(&sim.rng) < .05 ? seconds / 2 : INFINITY;

	(void)hooks;
	(void)err;
	sim.runs++;
	*out = (struct load_result){.seconds = seconds};
	hist_init(&out->latency);
	hist_init(&out->from_send);
	hist_init(&out->late);
	for (double arrival = 0; (arrival += exponential(spec->rate)) < seconds;) {
		double begins = fmax(arrival, ended);

		if (begins > stall) {
			begins += .5;
			stall = INFINITY;
		}
		ended = begins + exponential(CAPACITY);
		if (ended >= seconds)
			continue;
		out->completed++;
		hist_record(&out->latency, (uint64_t)((ended - arrival) * 1e9));
		hist_record(&out->from_send, (uint64_t)((ended - arrival) * 1e9));
	}
	out->requests_per_second = (double)out->completed / seconds;
	return 0;
}

static double search(const struct load_goal *goal, double seconds, uint64_t seed)
{
	struct load_spec spec = LOAD_SPEC_INIT;
	struct load_search s;
	struct load_result best;
	struct err err;
	double rate;

	rng_seed(&sim.rng, seed, 1);
	spec.duration_ns = (uint64_t)(seconds * 1e9);
	if (load_search_with(run_simulated, &spec, goal, .05, NULL, NULL, &s, &best, &err)) {
		fprintf(stderr, "search_errors: %s\n", err.text);
		exit(1);
	}
	rate = s.best;
	load_search_release(&s);
	load_result_release(&best);
	return rate;
}

static void row(const char *text, double seconds, size_t searches)
{
	struct load_goal goal;
	struct err err;
	size_t near = 0, nearer = 0;
	double share, truth;

	if (load_goal_parse(&goal, text, &err) ||
		!num_scan(goal.metric + 1, goal.metric + 3, &share))
		exit(1);
	truth = CAPACITY + log(1 - share / 100) / goal.limit;
	sim.runs = 0;
	for (uint64_t seed = 1; seed <= searches; seed++) {
		double error = fabs(search(&goal, seconds, seed) / truth - 1);

		nearer += error <= .05;
		near += error <= .1;
	}
	printf("| %s | %.0f/s | %.0f s | %s | %.1f %% | %.1f %% | %.1f |\n", text, truth, seconds,
		sim.stalls ? "5 %" : "none", 100. * (double)nearer / (double)searches,
		100. * (double)near / (double)searches, (double)sim.runs / (double)searches);
	fflush(stdout);
	load_goal_release(&goal);
}

int main(int argc, char **argv)
{
	static const char *const GOALS[] = {"p50<10ms", "p99<20ms", "p99<50ms", "p99<100ms"};
	static const double SECONDS[] = {5, 10, 20, 40};
	int64_t searches = 200;
	struct err err;

	if (argc > 2 ||
		(argc == 2 && num_parse_int(argv[1], 1, 1000000, "searches", &searches, &err))) {
		fprintf(stderr, "usage: search_errors [SEARCHES]\n");
		return 2;
	}
	printf("| goal | true rate | a run | runs with a stall | within 5 %% | within 10 %% | runs "
	       "|\n"
	       "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t g = 0; g < 4; g++)
		for (size_t d = 0; d < 8; d++) {
			sim.stalls = d >= 4;
			row(GOALS[g], SECONDS[d % 4], (size_t)searches);
		}
	return 0;
}
