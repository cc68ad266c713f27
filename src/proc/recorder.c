/* The recorder's thread and its clockwork: the grid of ticks, what is read in each, the rows. */
#include "proc/recorder.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/recorder_internal.h"

struct recorder {
	struct recorder_spec spec;
	struct recorder_tree tree;
	struct recorder_cgroup *cgroup; /* in place of the tree, or NULL */
	struct recorder_machine machine;
	struct recording rows;
	uint64_t ticks_per_deep, tick; /* of the newest sample */
	uint64_t began_cpu_ns;         /* of whoever took the first sample */
	double base[RECORD_N_SERIES];  /* totals count from the first value */
	/* at the last deep tick */
	double deep_time_s, deep_cpu_s, deep_waited_s;

	pthread_t thread;
	sem_t stop;           /* posted once; waiting for it costs one system call a tick */
	pthread_mutex_t lock; /* of what is below */
	double latest_time_s, latest[RECORD_N_SERIES];
	atomic_bool ended;
};

/* ---- a sample ---- */

/* How many threads ran or wanted to, on average since the last deep tick. */
static void put_runnable(struct recorder *r, double time_s, double *v)
{
	double seconds = time_s - r->deep_time_s;
	double used = v[RECORD_CPU] - r->deep_cpu_s + v[RECORD_WAITED] - r->deep_waited_s;

	if (seconds > 0 && used >= 0)
		v[RECORD_RUNNABLE] = used / seconds;
	r->deep_time_s = time_s;
	r->deep_cpu_s = v[RECORD_CPU];
	r->deep_waited_s = v[RECORD_WAITED];
}

static void publish(struct recorder *r, double time_s, const double *v, bool ended)
{
	pthread_mutex_lock(&r->lock);
	r->latest_time_s = time_s;
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		if (!isnan(v[s]))
			r->latest[s] = v[s];
	pthread_mutex_unlock(&r->lock);
	atomic_store(&r->ended, ended);
}

static void sample(struct recorder *r, enum recorder_depth depth)
{
	bool deep = depth >= TICK_DEEP;
	uint64_t now = clock_now_ns();
	double time_s = (double)(now - r->rows.start_ns) / 1e9, v[RECORD_N_SERIES];
	bool ended;

	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		v[s] = NAN;
	if (r->cgroup) {
		ended = !recorder_cgroup_read(r->cgroup, deep, v);
	} else {
		recorder_tree_read(&r->tree, now, depth);
		recorder_tree_values(&r->tree, deep, v);
		ended = recorder_tree_ended(&r->tree);
	}
	if (deep) {
		recorder_machine_read(&r->machine, isnan(v[RECORD_CPU]) ? 0 : v[RECORD_CPU], v);
		put_runnable(r, time_s, v);
	}
	for (size_t s = 0; s < RECORD_N_SERIES; s++) {
		if (!RECORDER_IS_TOTAL[s])
			continue;
		if (isnan(r->base[s]))
			r->base[s] = v[s];
		v[s] -= r->base[s];
	}
	recording_add(&r->rows, time_s, v);
	publish(r, time_s, v, ended);
}

/* ---- the thread ---- */

/* Counts the ticks that passed without a sample, up to now. */
static void count_ticks(struct recorder *r, uint64_t interval_ns)
{
	uint64_t tick = (clock_now_ns() - r->rows.start_ns) / interval_ns;

	tick = tick > r->tick ? tick : r->tick + 1; /* woken a hair too early, or told to stop */
	r->rows.missed += tick - r->tick - 1;
	r->tick = tick;
}

/* Waits for the next tick of the grid; false: it is to stop. */
static bool wait_tick(struct recorder *r, uint64_t interval_ns)
{
	uint64_t at = r->rows.start_ns + (r->tick + 1) * interval_ns;
	struct timespec until = {(time_t)(at / NS_PER_S), (long)(at % NS_PER_S)};
	int rc;

	do
		rc = sem_clockwait(&r->stop, CLOCK_MONOTONIC, &until);
	while (rc && errno == EINTR);
	count_ticks(r, interval_ns);
	return rc != 0;
}

static void *work(void *arg)
{
	struct recorder *r = arg;
	uint64_t deep_tick = 0, interval_ns = r->spec.interval_ns;

	while (wait_tick(r, interval_ns)) {
		bool deep = r->tick >= deep_tick + r->ticks_per_deep;

		if (deep)
			deep_tick = r->tick;
		sample(r, deep ? TICK_DEEP : TICK_USUAL);
		/* the recording left every second row out: so does the clockwork */
		if (r->rows.interval_s * 1e9 > 1.5 * (double)interval_ns) {
			interval_ns *= 2;
			r->tick /= 2;
			deep_tick /= 2;
			r->ticks_per_deep = (r->ticks_per_deep + 1) / 2;
		}
	}
	sample(r, TICK_WHOLE);
	r->rows.own_cpu_s += (double)clock_thread_cpu_ns() / 1e9;
	return NULL;
}

/* The thread takes no signals: they are the program's affair. */
static int start_thread(struct recorder *r)
{
	sigset_t all, before;
	int rc;

	sem_init(&r->stop, 0, 0);
	pthread_mutex_init(&r->lock, NULL);
	r->rows.start_ns = clock_now_ns();
	sample(r, TICK_WHOLE);
	r->rows.own_cpu_s = (double)(clock_thread_cpu_ns() - r->began_cpu_ns) / 1e9;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&r->thread, NULL, work, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* ---- the calls ---- */

static void recorder_free(struct recorder *r)
{
	recorder_tree_release(&r->tree);
	recorder_cgroup_close(r->cgroup);
	recorder_machine_release(&r->machine);
	recording_release(&r->rows);
	free(r);
}

static int check(const struct recorder_spec *spec, struct err *err)
{
	if (!spec->cgroup && spec->root <= 0)
		return err_set(err, ERR_USAGE, "nothing to record: needs a pid or a cgroup");
	if (spec->cgroup && spec->root > 0)
		return err_set(err, ERR_USAGE, "a pid or a cgroup is recorded, not both");
	if (spec->interval_ns < RECORDER_MIN_NS)
		return err_set(err, ERR_USAGE, "the interval must be 1 ms at least");
	return 0;
}

int recorder_start(struct recorder **out, const struct recorder_spec *spec, struct err *err)
{
	struct recorder *r;
	int rc = check(spec, err);

	*out = NULL;
	if (rc)
		return rc;
	r = mem_zalloc(1, sizeof(*r));
	r->spec = *spec;
	r->spec.cgroup = NULL; /* borrowed for this call alone */
	r->began_cpu_ns = clock_thread_cpu_ns();
	r->rows.interval_s = (double)spec->interval_ns / 1e9;
	r->ticks_per_deep = (RECORDER_DEEP_NS + spec->interval_ns / 2) / spec->interval_ns;
	r->ticks_per_deep = r->ticks_per_deep ? r->ticks_per_deep : 1;
	r->tree.arrivals.fd = -1;
	recorder_machine_init(&r->machine, spec->root);
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		r->base[s] = r->latest[s] = NAN;
	r->deep_time_s = NAN;
	rc = spec->cgroup ? recorder_cgroup_open(&r->cgroup, spec->cgroup, err)
			  : recorder_tree_init(&r->tree, spec, err);
	if (!rc && r->cgroup)
		recorder_machine_init(&r->machine, recorder_cgroup_process(r->cgroup));
	if (!rc) {
		int code = start_thread(r);

		if (code)
			rc = err_errno(err, ERR_SYSTEM, code, "cannot start the recorder's thread");
	}
	if (rc)
		recorder_free(r);
	else
		*out = r;
	return rc;
}

bool recorder_latest(struct recorder *r, double *time_s, double *values)
{
	pthread_mutex_lock(&r->lock);
	*time_s = r->latest_time_s;
	memcpy(values, r->latest, sizeof(r->latest));
	pthread_mutex_unlock(&r->lock);
	return true; /* the first sample is taken by recorder_start() */
}

bool recorder_ended(const struct recorder *r)
{
	return atomic_load(&r->ended);
}

void recorder_stop(struct recorder *r, struct recording *out)
{
	sem_post(&r->stop);
	pthread_join(r->thread, NULL);
	sem_destroy(&r->stop);
	pthread_mutex_destroy(&r->lock);
	*out = r->rows;
	out->denied = r->tree.reader.denied;
	out->short_lived = r->tree.arrivals.short_lived;
	out->ended = atomic_load(&r->ended);
	/* known of some processes only is not known */
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		if (out->denied & 1u << s) {
			free(out->value[s]);
			out->value[s] = NULL;
		}
	r->rows = (struct recording){0};
	recorder_free(r);
}
