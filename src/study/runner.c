/*
 * Runs the trials of a study, one after the other: applies the setting, starts the service again
 * where the setting is one of the service, drives the load, judges, stores.
 *
 * The order is the design's own: a scrambled Sobol design is spread over time as it is over the
 * space, a hypercube and a grid are random. Where settings of the service need restarts, trials
 * with equal ones run together, in four rounds through the design, each in the order opposite to
 * the one before: so there are few restarts, and whatever changes slowly while the study runs does
 * not become a difference between two settings of the service.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "proc/service.h"
#include "study/trial.h"

enum { ROUNDS = 4, BARREN_MAX = 3, PATH_TEXT = 4096 };

struct runner {
	const struct study *s;
	struct store *store;
	int64_t run_id;
	const struct study_hooks *hooks;
	double *u;     /* the design */
	size_t *order; /* trials by their index, as they are run */
	bool *there;   /* by index: the store has it */
	size_t done, failed;
	size_t done_now;   /* of this call, in … */
	uint64_t spent_ns; /* … so much time */
	struct service *service;
	char *service_key; /* its settings */
	bool served;       /* it was ready at least once */
	unsigned barren;   /* trials in a row that came to nothing */
	char *culprit_env; /* "CULPRIT=…" */
	char log_path[PATH_TEXT];
	bool own_log;
	/* for the ticks of the trial under way */
	struct str setting_text;
	uint64_t trial_begin_ns;
	bool measuring;
	struct load_tick
		from; /* what the rate so far is counted from: nothing, or the window's begin */
};

/* ---- telling ---- */

/* Nominal until a trial is done: better than nothing, for a study of hours. */
static double trial_seconds(const struct runner *r)
{
	if (r->done_now)
		return (double)r->spent_ns / 1e9 / (double)r->done_now;
	return r->s->load.requests ? NAN
				   : (double)(r->s->load.warmup_ns + r->s->load.duration_ns) / 1e9;
}

static void tell(struct runner *r, const char *phase, double rate, const struct trial *finished)
{
	double gone = (double)(clock_now_ns() - r->trial_begin_ns) / 1e9, each = trial_seconds(r);
	struct study_tick tick = {
		.trial = r->done + !finished,
		.trials = r->s->trials,
		.done = r->done,
		.failed = r->failed,
		.setting = str_text(&r->setting_text),
		.phase = phase,
		.rate = rate,
		.finished = finished,
	};

	if (!r->hooks || !r->hooks->tick)
		return;
	tick.eta_s = each * (double)(r->s->trials - r->done);
	if (!finished)
		tick.eta_s -= fmin(gone, each);
	r->hooks->tick(r->hooks->arg, &tick);
}

static void on_load_tick(void *arg, const struct load_tick *t)
{
	struct runner *r = arg;
	const char *phase = t->warming                  ? "warming up"
			    : t->elapsed_s > t->total_s ? "waiting for the last answers"
							: "measuring";
	double seconds;

	if (!t->warming && !r->measuring) {
		r->measuring = true;
		r->from = *t;
	}
	seconds = t->elapsed_s - r->from.elapsed_s;
	tell(r, phase, seconds > 0 ? (double)(t->completed - r->from.completed) / seconds : 0,
		NULL);
}

static bool is_stopped(const struct runner *r)
{
	return r->hooks && r->hooks->stop && atomic_load(r->hooks->stop);
}

static int stopped(struct err *err)
{
	return err_set(err, ERR_STOPPED, "stopped");
}

/* ---- the order ---- */

static bool needs_restarts(const struct study *s)
{
	for (size_t i = 0; i < s->n_factors; i++)
		if (STUDY_LEVER_RESTARTS[s->factors[i].lever])
			return true;
	return false;
}

static char *service_key_of(const struct runner *r, size_t index)
{
	struct str key = STR_INIT;
	struct setting setting;

	setting_init(&setting, r->s, r->u + index * r->s->n_factors);
	setting_service_key(&setting, r->s, &key);
	setting_release(&setting);
	return key.p ? str_take(&key) : mem_strdup("");
}

static int by_key(const void *a, const void *b, void *keys)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int order = strcmp(((char **)keys)[i], ((char **)keys)[j]);

	return order ? order : i < j ? -1 : 1;
}

static int by_group(const void *a, const void *b, void *groups)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const size_t *g = groups;

	return g[i] != g[j] ? (g[i] < g[j] ? -1 : 1) : i < j ? -1 : 1;
}

static void reverse(size_t *items, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		size_t swap = items[i];

		items[i] = items[--n];
		items[n] = swap;
	}
}

/* Trials whose service is the same are a group, by the first of them; the groups of a round are run
 * in that order, or backwards, so that the last service of a round is often the first of the next.
 */
static void order_trials(struct runner *r)
{
	size_t n = r->s->trials, *groups;
	char **keys;

	for (size_t i = 0; i < n; i++)
		r->order[i] = i;
	if (!needs_restarts(r->s))
		return;
	keys = mem_zalloc(n, sizeof(*keys));
	groups = mem_zalloc(n, sizeof(*groups));
	for (size_t i = 0; i < n; i++)
		keys[i] = service_key_of(r, i);
	qsort_r(r->order, n, sizeof(*r->order), by_key, keys);
	for (size_t i = 0; i < n; i++) {
		bool same = i && !strcmp(keys[r->order[i]], keys[r->order[i - 1]]);

		groups[r->order[i]] = same ? groups[r->order[i - 1]] : r->order[i];
	}
	for (size_t i = 0; i < n; i++)
		r->order[i] = i;
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t from = n * round / ROUNDS, to = n * (round + 1) / ROUNDS;

		qsort_r(r->order + from, to - from, sizeof(*r->order), by_group, groups);
		if (round % 2)
			reverse(r->order + from, to - from);
	}
	for (size_t i = 0; i < n; i++)
		free(keys[i]);
	free(keys);
	free(groups);
}

/* ---- the service ---- */

static void stop_service(struct runner *r)
{
	service_stop(r->service);
	r->service = NULL;
	free(r->service_key);
	r->service_key = NULL;
}

static int start_service(
	struct runner *r, const struct setting *setting, const char *url, struct err *err)
{
	const struct study *s = r->s;
	struct str command = STR_INIT;
	char **env = setting_env(setting, s, r->culprit_env);
	struct service_spec spec = {
		.env = (const char *const *)env,
		.folder = s->folder,
		.ready = s->ready,
		.url = url,
		.ready_timeout_ns = s->ready_timeout_ns,
		.stop_timeout_ns = s->stop_timeout_ns,
		.log_path = r->log_path,
	};
	int rc;

	setting_command(setting, s, &command);
	spec.command = command.p;
	rc = service_start(&r->service, &spec, r->hooks ? r->hooks->stop : NULL, err);
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
	str_release(&command);
	return rc;
}

/* A service with these settings is there and ready. */
static int ensure_service(
	struct runner *r, const struct setting *setting, const char *url, struct err *err)
{
	struct str key = STR_INIT;
	int rc = 0;

	if (!r->s->command)
		return r->served ? 0
				 : service_wait_ready(r->s->ready, url, r->s->ready_timeout_ns,
					   r->hooks ? r->hooks->stop : NULL, err);
	setting_service_key(setting, r->s, &key);
	if (r->service && strcmp(r->service_key, str_text(&key)) != 0)
		stop_service(r);
	if (!r->service) {
		tell(r, "starting the service", 0, NULL);
		rc = start_service(r, setting, url, err);
		if (!rc)
			r->service_key = mem_strdup(str_text(&key));
	}
	str_release(&key);
	return rc;
}

/* ---- a trial ---- */

static void read_cpu(struct runner *r, struct cpu_times *out)
{
	cpu_times_read(out, r->service ? service_pid(r->service) : 0);
}

/* Drives the load and judges it. */
static int measure(struct runner *r, const struct load_spec *load, struct trial *t, struct err *err)
{
	struct load_hooks hooks = {
		.tick = on_load_tick, .arg = r, .stop = r->hooks ? r->hooks->stop : NULL};
	struct trial_cpu cpu = {.known_service = r->service != NULL};
	struct load_result result = {0};
	struct err dead = {0};
	int rc;

	r->measuring = false;
	r->from = (struct load_tick){0};
	read_cpu(r, &cpu.before);
	cpu.begin_ns = clock_now_ns();
	rc = load_run(load, &hooks, &result, err);
	cpu.end_ns = clock_now_ns();
	read_cpu(r, &cpu.after);
	if (!rc && (result.stopped || is_stopped(r)))
		rc = stopped(err);
	if (!rc)
		trial_judge(t, r->s, load, &result, &cpu);
	else if (rc == -(int)ERR_SERVICE)
		trial_fail(t, r->s, err->text);
	if (rc && rc != -(int)ERR_SERVICE)
		goto out;
	rc = 0;
	if (r->service && service_check(r->service, &dead)) {
		trial_fail(t, r->s, dead.text);
		stop_service(r);
	}
	r->barren = result.completed && !dead.kind ? 0 : r->barren + 1;
out:
	load_result_release(&result);
	return rc;
}

static int keep_trial(struct runner *r, struct trial *t, struct err *err)
{
	int rc = store_trial_add(r->store, t, err);

	if (rc)
		return rc;
	r->done++;
	r->done_now++;
	r->failed += !t->ok;
	r->spent_ns += clock_now_ns() - r->trial_begin_ns;
	tell(r, "done", 0, t);
	if (r->barren >= BARREN_MAX)
		return err_set(err, ERR_SERVICE,
			"gave up after %d trials in a row that came to nothing; the last one: %s",
			BARREN_MAX, json_text_at(t->detail, "note"));
	return 0;
}

static int run_trial(struct runner *r, size_t index, struct err *err)
{
	const struct study *s = r->s;
	struct trial t = {.run = r->run_id, .index = index, .started_ms = clock_wall_ms()};
	struct setting_load load;
	struct setting setting;
	int rc;

	r->trial_begin_ns = clock_now_ns();
	setting_init(&setting, s, r->u + index * s->n_factors);
	setting_load_init(&load, &setting, s);
	str_clear(&r->setting_text);
	setting_text(&setting, s, &r->setting_text);
	t.setting = json_incref(setting.json);
	rc = ensure_service(r, &setting, load.spec.url, err);
	if (!rc) {
		r->served = true;
		rc = measure(r, &load.spec, &t, err);
	} else if (rc == -(int)ERR_SERVICE && r->served) {
		/* it does start, but not with this setting, or not now */
		trial_fail(&t, s, err->text);
		r->barren++;
		rc = 0;
	}
	if (!rc)
		rc = keep_trial(r, &t, err);
	trial_release(&t);
	setting_load_release(&load);
	setting_release(&setting);
	return rc;
}

/* ---- the run ---- */

static int find_done(struct runner *r, struct err *err)
{
	struct trial *trials;
	size_t n;
	int rc = store_trial_list(r->store, r->run_id, &trials, &n, err);

	for (size_t i = 0; i < n; i++) {
		if (trials[i].index < r->s->trials) {
			r->there[trials[i].index] = true;
			r->done++;
			r->failed += !trials[i].ok;
		}
		trial_release(&trials[i]);
	}
	free(trials);
	return rc;
}

static int make_log(struct runner *r, struct err *err)
{
	int fd;

	if (r->hooks && r->hooks->log_path) {
		snprintf(r->log_path, sizeof(r->log_path), "%s", r->hooks->log_path);
		return 0;
	}
	snprintf(r->log_path, sizeof(r->log_path), "/tmp/culprit-service-XXXXXX");
	fd = mkostemp(r->log_path, 02000000 /* O_CLOEXEC */);
	if (fd < 0)
		return err_set(err, ERR_SYSTEM,
			"%s: a file for the service's output cannot be made there", r->log_path);
	close(fd);
	r->own_log = true;
	return 0;
}

/* The running culprit's own path, so that a study of a built-in lab can start it. */
static char *own_path(void)
{
	char path[PATH_TEXT];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct str line = STR_INIT;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	str_addf(&line, "CULPRIT=%s", path);
	return str_take(&line);
}

int study_run(const struct study *s, struct store *store, int64_t run_id,
	const struct study_hooks *hooks, struct err *err)
{
	struct runner r = {.s = s, .store = store, .run_id = run_id, .hooks = hooks};
	int rc;

	r.u = mem_zalloc(s->trials * s->n_factors + 1, sizeof(*r.u));
	r.order = mem_zalloc(s->trials + 1, sizeof(*r.order));
	r.there = mem_zalloc(s->trials + 1, sizeof(*r.there));
	r.culprit_env = own_path();
	rc = design_points(s->sampler, s->trials, s->n_factors, s->seed, r.u, err);
	if (!rc)
		rc = find_done(&r, err);
	if (!rc && s->command)
		rc = make_log(&r, err);
	if (!rc)
		order_trials(&r);
	for (size_t i = 0; !rc && i < s->trials; i++)
		if (!r.there[r.order[i]])
			rc = is_stopped(&r) ? stopped(err) : run_trial(&r, r.order[i], err);
	stop_service(&r);
	if (r.own_log)
		unlink(r.log_path);
	str_release(&r.setting_text);
	free(r.culprit_env);
	free(r.there);
	free(r.order);
	free(r.u);
	return rc;
}
