/*
 * Reads the stacks of a running Python over and over and says what it cost; told what to do by
 * bench/profile.py.
 *
 *     profile_drive PID SECONDS [HZ [DEPTH TO_A TO_C DEEPER]]
 *
 * HZ 0: as fast as it goes. PID 0: looks at nothing, for the cost of the timer alone. With the
 * lines of tests/data/hot_pairs.py each stack is judged; judging costs CPU, so such a run is not
 * one for speed.
 *
 * One line: sweeps, stacks (valid ones, unchanged ones included), unchanged, empty, rejected,
 * retries, impossible, CPU seconds, wall seconds, frames, and the largest memory in kB at half time
 * and at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "pyremote/python.h"
#include "stack_judge.h"

struct count {
	uint64_t sweeps, stacks, unchanged, empty, rejected, retries, impossible, lines, frames;
};

static void judge(struct count *c, const struct hot_lines *h, const struct python_thread *t)
{
	const char *wrong = stack_judge(h, t);
	char text[4096];

	if (!wrong)
		return;
	if (strncmp(wrong, "line: ", 6) == 0) {
		c->lines++;
		return;
	}
	if (++c->impossible <= 5) {
		stack_text(t, text, sizeof(text));
		fprintf(stderr, "impossible: %s: %s\n", wrong, text);
	}
}

static void count(struct count *c, const struct python_sweep *sweep, const struct hot_lines *h)
{
	c->sweeps++;
	c->retries += sweep->retries;
	for (size_t i = 0; i < sweep->n; i++) {
		const struct python_thread *t = sweep->threads[i];

		c->rejected += t->stack == STACK_REJECTED;
		c->empty += t->stack == STACK_EMPTY;
		c->unchanged += t->stack == STACK_UNCHANGED;
		if (t->stack != STACK_READ && t->stack != STACK_UNCHANGED)
			continue;
		c->stacks++;
		c->frames += t->n_frames;
		if (h->depth)
			judge(c, h, t);
	}
}

static long memory_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	struct python *p = NULL;
	const struct python_sweep *sweep;
	struct count c = {0};
	struct hot_lines h = {0};

	if (argc != 3 && argc != 4 && argc != 8)
		return 2;

	double seconds = strtod(argv[2], NULL), hz = argc > 3 ? strtod(argv[3], NULL) : 0;

	if (argc == 8)
		h = (struct hot_lines){
			.depth = (size_t)strtol(argv[4], NULL, 10),
			.to_a = (int)strtol(argv[5], NULL, 10),
			.to_c = (int)strtol(argv[6], NULL, 10),
			.deeper = (int)strtol(argv[7], NULL, 10),
		};
	pid_t pid = (pid_t)strtol(argv[1], NULL, 10);

	if (pid && (python_attach(&p, pid, &err) != PYTHON_OK ||
			   python_sweep_all(p, &sweep, &err) != PYTHON_OK)) {
		fprintf(stderr, "profile_drive: %s\n", err.text);
		python_detach(p);
		return 1;
	}

	/* hot_pairs.py says that it is ready, and is at the bottom a moment later. */
	clock_sleep_ns(100 * NS_PER_MS);

	uint64_t begin = clock_now_ns(), end = begin + (uint64_t)(seconds * 1e9), due = begin;
	uint64_t cpu = clock_process_cpu_ns(), now = begin;
	long half_kb = 0;
	enum python_why why = PYTHON_OK;

	while (now < end) {
		if (hz > 0) {
			due += (uint64_t)(1e9 / hz);

			struct timespec at = {(time_t)(due / NS_PER_S), (long)(due % NS_PER_S)};

			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		}
		why = pid ? python_sweep_all(p, &sweep, &err) : PYTHON_OK;
		if (why != PYTHON_OK)
			break;
		if (pid)
			count(&c, sweep, &h);
		if (c.sweeps % 64 == 0 || hz > 0)
			now = clock_now_ns();
		if (!half_kb && now - begin > (end - begin) / 2)
			half_kb = memory_kb();
	}
	cpu = clock_process_cpu_ns() - cpu;
	printf("%lu %lu %lu %lu %lu %lu %lu %lu %.6f %.6f %lu %ld %ld\n", c.sweeps, c.stacks,
		c.unchanged, c.empty, c.rejected, c.retries, c.impossible, c.lines,
		(double)cpu / 1e9, (double)(clock_now_ns() - begin) / 1e9, c.frames, half_kb,
		memory_kb());
	if (why != PYTHON_OK)
		fprintf(stderr, "profile_drive: %s\n", err.text);
	python_detach(p);
	return why != PYTHON_OK;
}
