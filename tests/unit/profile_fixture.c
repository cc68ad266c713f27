#include "profile_fixture.h"

#include <stdio.h>

#include "base/rng.h"

/* A sample of a stack: "function:line" indexes, outermost first. */
static uint32_t sample(struct profile *p, uint32_t from, const uint32_t *functions,
	const int *lines, size_t n, struct profile_weight w)
{
	for (size_t i = 0; i < n; i++)
		from = profile_node(p, from, functions[i], lines[i]);
	profile_add(p, from, &w);
	return from;
}

struct profile *fixture_profile(void)
{
	struct profile *p = profile_new();
	uint32_t process[2], thread[3], f[9], at, task;
	static const int lines[] = {10, 20, 30, 41, 50, 60, 70};

	process[0] = profile_node(
		p, 0, profile_function(p, PROFILE_PROCESS, "app: main (12)", "", 0), 0);
	process[1] = profile_node(
		p, 0, profile_function(p, PROFILE_PROCESS, "#worker; \"two\" (13)", "", 0), 0);
	thread[0] = profile_node(
		p, process[0], profile_function(p, PROFILE_THREAD, "MainThread (12)", "", 0), 0);
	thread[1] = profile_node(
		p, process[0], profile_function(p, PROFILE_THREAD, "Thread-1 (14)", "", 0), 0);
	thread[2] = profile_node(
		p, process[1], profile_function(p, PROFILE_THREAD, "MainThread (13)", "", 0), 0);
	f[0] = profile_function(p, PROFILE_PYTHON, "<module>", "/srv/app/app.py", 1);
	f[1] = profile_function(p, PROFILE_PYTHON, "serve", "/srv/app/app.py", 8);
	f[2] = profile_function(
		p, PROFILE_PYTHON, "get", "/usr/lib/python3/dist-packages/requests/api.py", 60);
	f[3] = profile_function(
		p, PROFILE_PYTHON, "send", "/usr/lib/python3.11/http/client.py", 900);
	f[4] = profile_function(p, PROFILE_PYTHON, "<lambda>", "/srv/app/app.py", 40);
	f[5] = profile_function(p, PROFILE_PYTHON, "<lambda>", "/srv/app/app.py", 50);
	f[6] = profile_function(p, PROFILE_NATIVE, "operator(); \\ (anonymous)", "libx.so.1", 0);
	f[7] = profile_function(p, PROFILE_MARK, "(rejected)", "", 0);
	f[8] = profile_function(p, PROFILE_PYTHON, "naïve", "/srv/app/täglich.py", 3);
	/* serve recurses directly, and through a lambda. */
	at = sample(p, thread[0], (uint32_t[]){f[0], f[1], f[1], f[1]}, lines, 4,
		(struct profile_weight){3, 3000001, 2000002, 1000003});
	profile_add_moment(p, thread[0], at, 0, 3000001);
	at = sample(p, thread[0], (uint32_t[]){f[0], f[1], f[4], f[1], f[5]}, lines, 5,
		(struct profile_weight){5, 5000500, 5000500, 0});
	profile_add_moment(p, thread[0], at, 3000001, 4000000);
	at = sample(p, thread[0], (uint32_t[]){f[0], f[1], f[2], f[3], f[4], f[2], f[3]}, lines, 7,
		(struct profile_weight){7, 7000777, 77, 7});
	profile_add_moment(p, thread[0], at, 9000001, 7000777);
	sample(p, thread[1], (uint32_t[]){f[8], f[6]}, (int[]){5, 0}, 2,
		(struct profile_weight){2, 2000000, 2000000, 0});
	sample(p, thread[1], (uint32_t[]){f[7]}, (int[]){0}, 1,
		(struct profile_weight){1, 999, 0, 0});
	task = profile_node(p, profile_node(p, thread[2], f[0], 3),
		profile_function(p, PROFILE_TASK, "Task-7", "", 0), 0);
	sample(p, task, (uint32_t[]){f[8], f[1]}, (int[]){7, 9}, 2,
		(struct profile_weight){4, 4000000, 0, 0});
	sample(p, thread[2], (uint32_t[]){f[2], f[3]}, (int[]){7, 9}, 2,
		(struct profile_weight){1, 1234, 1234, 1234});
	profile_add(p, thread[2], &(struct profile_weight){1, 500, 0, 0}); /* no frames */
	p->about = (struct profile_about){.rate_hz = 1000,
		.duration_s = 1.5,
		.sweeps = 30,
		.samples = 24,
		.retries = 2,
		.rejected = 1,
		.late = 3,
		.own_cpu_s = .01,
		.native = true,
		.python = "CPython 3.11.2"};
	return p;
}

struct profile *fixture_random_profile(uint64_t seed, size_t nodes)
{
	struct profile *p = profile_new();
	struct rng r;
	char name[32], file[40];
	uint64_t start = 0;
	uint32_t threads[8];

	rng_seed(&r, seed, 0);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "worker (%d)", i / 4);
		threads[i] =
			profile_node(p, 0, profile_function(p, PROFILE_PROCESS, name, "", 0), 0);
		snprintf(name, sizeof(name), "thread (%d)", i);
		threads[i] = profile_node(
			p, threads[i], profile_function(p, PROFILE_THREAD, name, "", 0), 0);
	}
	while (p->n_nodes < nodes) {
		uint32_t thread = threads[rng_below(&r, 8)], at = thread;
		uint64_t wall = 1 + rng_below(&r, 3000000);
		size_t depth = 1 + rng_below(&r, 60);

		for (size_t d = 0; d < depth; d++) {
			/* few choices near the root, more further down: stacks share their outer
			 * part, as they do */
			uint64_t k =
				rng_below(&r, d < 8 ? 2 : 6) * (1 + rng_below(&r, d < 8 ? 1 : 20));

			snprintf(name, sizeof(name), "f%llu", (unsigned long long)k);
			snprintf(file, sizeof(file),
				k % 3 ? "/srv/m%llu.py" : "/usr/lib/python3.11/m%llu.py",
				(unsigned long long)(k % 10));
			at = profile_node(p, at,
				profile_function(p, PROFILE_PYTHON, name, file, (int)k),
				(int)(k + rng_below(&r, 2)));
		}
		profile_add(p, at,
			&(struct profile_weight){
				1, wall, rng_below(&r, wall + 1), rng_below(&r, wall + 1)});
		profile_add_moment(p, thread, at, start, wall);
		start += wall;
	}
	return p;
}

uint64_t fixture_total(const struct profile *p, enum profile_clock clock)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n_nodes; i++)
		sum += profile_weigh(&p->nodes[i].self, clock);
	return sum;
}
