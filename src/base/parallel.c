#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { MAX_THREADS = 256 };

struct crew {
	atomic_size_t next;
	size_t n;
	void (*run)(void *arg, size_t task);
	void *arg;
};

static void *work(void *p)
{
	struct crew *c = p;
	size_t task;

	while ((task = atomic_fetch_add(&c->next, 1)) < c->n)
		c->run(c->arg, task);
	return NULL;
}

unsigned parallel_cores(void)
{
	cpu_set_t set;
	int n = 1;

	if (!sched_getaffinity(0, sizeof(set), &set))
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (unsigned)n;
}

void parallel_for(unsigned threads, size_t n, void (*run)(void *arg, size_t task), void *arg)
{
	struct crew crew = {.n = n, .run = run, .arg = arg};
	pthread_t ids[MAX_THREADS];
	size_t started = 0;

	threads = threads ? threads : parallel_cores();
	threads = threads > MAX_THREADS ? MAX_THREADS : threads;
	while (started + 1 < threads && started + 1 < n &&
		!pthread_create(&ids[started], NULL, work, &crew))
		started++;
	work(&crew);
	while (started)
		pthread_join(ids[--started], NULL);
}
