#include "study/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "study/fleet.h"
#include "study/live.h"
#include "proc/recorder.h"
#include "study/trial.h"
#include "study/trial_profile.h"
#include "study/trial_recording.h"

enum { BARREN_MAX = 3, REPEATS = 4, PATH_TEXT = 4096 };

struct runner {
	const struct study *s;
	struct store *store;
	int64_t run_id;
	const struct study_hooks *hooks;
	size_t expected;
	size_t *there; /* indices that the store has, ascending */
	size_t n_there;
	size_t done, failed;
	size_t done_now;   /* of this call, in … */
	uint64_t spent_ns; /* … so much time */
	struct live *live;
	struct fleet fleet;
	bool served;       /* it was ready at least once */
	bool empty;        /* the last look at a setting came to nothing */
	unsigned barren;   /* trials in a row of which that is true */
	size_t repeats;    /* trials measured once more, because others disturbed them */
	char *culprit_env; /* "CULPRIT=…" */
	char log_path[PATH_TEXT];
	bool own_log;
	/* for the ticks of the trial under way */
	struct str setting_text, sentence;
	uint64_t trial_begin_ns;
	bool measuring;
	struct load_tick
		from; /* what the rate so far is counted from: nothing, or the window's begin */
};

/* ---- telling ---- */

/* Nominal until a trial is done: better than nothing, for a study of hours. */
static double trial_seconds(const struct runner *r)
{
	const struct load_spec *load = &r->s->load;

	if (r->done_now)
		return (double)r->spent_ns / 1e9 / (double)r->done_now;
	if (load->requests || load->duration_ns == OPT_AUTO_NS)
		return NAN;
	return (double)load->duration_ns / 1e9 +
	       (load->warmup_ns == OPT_AUTO_NS ? 0 : (double)load->warmup_ns / 1e9);
}

static void tell(struct runner *r, const char *phase, double rate, const struct trial *finished)
{
	double gone = (double)(clock_now_ns() - r->trial_begin_ns) / 1e9, each = trial_seconds(r);
	struct study_tick tick = {
		.trial = r->done + !finished,
		.trials = r->expected,
		.done = r->done,
		.failed = r->failed,
		.setting = str_text(&r->setting_text),
		.phase = phase,
		.rate = rate,
		.finished = finished,
		.sentence = r->sentence.len ? r->sentence.p : NULL,
	};

	if (!r->hooks || !r->hooks->tick)
		return;
	tick.eta_s = each * (double)(r->expected > r->done ? r->expected - r->done : 0);
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

/* ---- the service ---- */

static int start_service(
	struct runner *r, const struct setting *setting, const char *url, struct err *err)
{
	struct fleet_spec spec = {
		.study = r->s,
		.setting = setting,
		.url = url,
		.culprit_env = r->culprit_env,
		.log_path = r->log_path,
		.cgroup_procs = live_cgroup_procs(r->live),
		.stop = r->hooks ? r->hooks->stop : NULL,
	};

	return fleet_start(&r->fleet, &spec, err);
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
	if (fleet_runs(&r->fleet) && strcmp(r->fleet.key, str_text(&key)) != 0)
		fleet_stop(&r->fleet);
	if (!fleet_runs(&r->fleet)) {
		tell(r, "starting the service", 0, NULL);
		rc = start_service(r, setting, url, err);
	}
	str_release(&key);
	return rc;
}

/* Everything about the setting holds, as far as it can be seen. */
static int prepare(struct runner *r, const struct setting *setting, const char *url, json_t *seen,
	struct err *err)
{
	int rc = ensure_service(r, setting, url, err);

	if (rc)
		return rc;
	r->served = true;
	tell(r, "applying the setting", 0, NULL);
	return live_apply(r->live, setting, &r->fleet, r->hooks ? r->hooks->stop : NULL, seen, err);
}

/* ---- a trial ---- */

/* The clocks of the machine, and of all copies of the service together. */
static void read_cpu(struct runner *r, struct cpu_times *out)
{
	cpu_times_read(out, r->fleet.n ? service_pid(r->fleet.items[0]) : 0);
	for (size_t i = 1; i < r->fleet.n; i++) {
		struct cpu_times more;

		cpu_times_read(&more, service_pid(r->fleet.items[i]));
		out->service += more.service;
		out->processes += more.processes;
	}
	/* the balancer is ours, as the load engine is */
	if (r->fleet.balancer)
		out->self += relay_cpu_s(r->fleet.balancer);
}

/* Of one process tree; copies behind a balancer are not recorded. A trial goes on without. */
static void start_recorder(struct runner *r, struct recorder **out)
{
	struct recorder_spec spec = {.exclude_root = true, .interval_ns = RECORDER_DEFAULT_NS};

	if (r->fleet.n != 1)
		return;
	spec.root = service_pid(r->fleet.items[0]);
	if (recorder_start(out, &spec, NULL))
		*out = NULL;
}

/* What a load leaves behind. */
struct outcome {
	struct load_result result;
	struct trial_cpu cpu;
	struct recording recording; /* n 0: none was made */
	struct profile *profile;    /* or NULL */
};

static void outcome_release(struct outcome *o)
{
	recording_release(&o->recording);
	profile_free(o->profile);
	load_result_release(&o->result);
}

/* Drives the load, and looks at the service meanwhile. */
static int drive(struct runner *r, const struct load_spec *load, struct outcome *o, struct err *err)
{
	struct load_hooks hooks = {
		.tick = on_load_tick, .arg = r, .stop = r->hooks ? r->hooks->stop : NULL};
	struct recorder *recorder = NULL;
	struct sampler *sampler = NULL;
	int rc;

	*o = (struct outcome){.cpu = {.known_service = fleet_runs(&r->fleet),
				      .allowed = live_allowed_cores(r->live),
				      .workers = live_workers(r->live)}};
	r->measuring = false;
	r->from = (struct load_tick){0};
	start_recorder(r, &recorder);
	if (r->s->profile && r->fleet.n == 1)
		sampler = trial_profile_start(service_pid(r->fleet.items[0]));
	read_cpu(r, &o->cpu.before);
	o->cpu.begin_ns = clock_now_ns();
	rc = load_run(load, &hooks, &o->result, err);
	o->cpu.end_ns = clock_now_ns();
	read_cpu(r, &o->cpu.after);
	o->cpu.throttled_s = live_throttled_s(r->live);
	if (recorder)
		recorder_stop(recorder, &o->recording);
	if (sampler)
		sampler_stop(sampler, &o->profile, NULL, NULL);
	if (!rc && (o->result.stopped || is_stopped(r)))
		rc = stopped(err);
	return rc;
}

static int keep_outcome(struct runner *r, struct trial *t, struct outcome *o, struct err *err)
{
	int rc = 0;

	if (o->recording.n) {
		trial_add_recording(t, &o->result, &o->recording, o->result.warmup_s);
		rc = trial_keep_recording(r->store, t, &o->recording, err);
	}
	if (!rc && o->profile)
		rc = trial_keep_profile(r->store, t, o->profile, err);
	return rc;
}

/* A trial fails whose setting did not hold to its end, or whose service has ended. */
static bool held(struct runner *r, struct trial *t)
{
	struct err dead = {0};

	if (live_account(r->live, t->detail, &dead))
		trial_fail(t, r->s, dead.text);
	if (fleet_runs(&r->fleet) && fleet_check(&r->fleet, &dead)) {
		trial_fail(t, r->s, dead.text);
		fleet_stop(&r->fleet);
	}
	return !dead.kind;
}

/* Drives the load and judges it. */
static int measure(struct runner *r, const struct load_spec *load, struct trial *t, struct err *err)
{
	struct outcome o;
	bool whole;
	int rc = drive(r, load, &o, err);

	if (!rc)
		trial_judge(t, r->s, load, &o.result, &o.cpu);
	else if (rc == -(int)ERR_SERVICE)
		trial_fail(t, r->s, err->text);
	else
		goto out;
	if (!t->detail)
		t->detail = json_object();
	rc = keep_outcome(r, t, &o, err);
	whole = held(r, t);
	if (r->fleet.balancer)
		json_object_set_new(t->detail, "replicas", fleet_shares(&r->fleet));
	r->empty = !(o.result.completed && whole);
out:
	outcome_release(&o);
	return rc;
}

/* Others used the machine, or the hypervisor took it. */
static double disturbance(const struct trial *t)
{
	const json_t *cpu = json_object_get(t->detail, "cpu");
	double others = json_number_at(cpu, "others_share");
	double steal = json_number_at(cpu, "steal_share");

	return fmax((isfinite(others) ? others : 0) - TRIAL_OTHERS_SHARE,
		(isfinite(steal) ? steal : 0) - TRIAL_STEAL_SHARE);
}

static void swap_trials(struct trial *a, struct trial *b)
{
	struct trial swap = *a;

	*a = *b;
	*b = swap;
}

/* A trial that others disturbed is measured once more, and the less disturbed of the two counts;
 * the other is in its detail. Up to a quarter of all trials, or a machine that is never quiet would
 * take twice as long for nothing. */
static int repeat_disturbed(
	struct runner *r, const struct load_spec *load, struct trial *t, struct err *err)
{
	struct trial again = *t;
	json_t *other;
	int rc;

	if (!t->ok || disturbance(t) <= 0 || r->repeats >= r->expected / REPEATS ||
		!(fleet_runs(&r->fleet) || !r->s->command))
		return 0;
	r->repeats++;
	tell(r, "measuring once more: others used the machine", 0, NULL);
	again.setting = json_incref(t->setting);
	again.responses = again.detail = NULL;
	rc = measure(r, load, &again, err);
	if (!rc && again.ok && disturbance(&again) < disturbance(t))
		swap_trials(t, &again);
	if (!rc) {
		other = json_pack("{s:O, s:O?}", "responses", again.responses, "cpu",
			json_object_get(again.detail, "cpu"));
		json_object_set_new(t->detail, "repeated", other);
	}
	trial_release(&again);
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

static bool is_there(const struct runner *r, size_t index)
{
	for (size_t low = 0, high = r->n_there; low < high;) {
		size_t middle = (low + high) / 2;

		if (r->there[middle] == index)
			return true;
		if (r->there[middle] < index)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

int runner_run(struct runner *r, size_t index, const double *u, json_t *about, struct err *err)
{
	const struct study *s = r->s;
	struct trial t = {.run = r->run_id, .index = index, .started_ms = clock_wall_ms()};
	struct setting_load load;
	struct setting setting;
	json_t *seen;
	int rc;

	if (is_there(r, index))
		return 0;
	if (is_stopped(r))
		return stopped(err);
	seen = json_object();
	r->trial_begin_ns = clock_now_ns();
	setting_init(&setting, s, u);
	setting_load_init(&load, &setting, s);
	str_clear(&r->setting_text);
	setting_text(&setting, s, &r->setting_text);
	t.setting = json_incref(setting.json);
	rc = prepare(r, &setting, load.spec.url, seen, err);
	if (!rc) {
		rc = measure(r, &load.spec, &t, err);
		if (!rc)
			rc = repeat_disturbed(r, &load.spec, &t, err);
	} else if (rc == -(int)ERR_SERVICE && r->served) {
		/* it does start, but not with this setting, or not now */
		trial_fail(&t, s, err->text);
		fleet_stop(&r->fleet);
		r->empty = true;
		rc = 0;
	}
	if (!rc) {
		r->barren = r->empty ? r->barren + 1 : 0;
		if (json_object_size(seen))
			json_object_set(t.detail, "levers", seen);
		if (about)
			json_object_update(t.detail, about);
		rc = keep_trial(r, &t, err);
	}
	json_decref(seen);
	trial_release(&t);
	setting_load_release(&load);
	setting_release(&setting);
	return rc;
}

/* ---- from open to close ---- */

static int by_index(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;

	return i < j ? -1 : i > j;
}

static int find_done(struct runner *r, struct err *err)
{
	struct trial *trials;
	size_t n;
	int rc = store_trial_list(r->store, r->run_id, &trials, &n, err);

	r->there = mem_zalloc(n + 1, sizeof(*r->there));
	for (size_t i = 0; i < n; i++) {
		r->there[r->n_there++] = trials[i].index;
		r->done++;
		r->failed += !trials[i].ok;
	}
	trials_free(trials, n);
	if (r->n_there)
		qsort(r->there, r->n_there, sizeof(*r->there), by_index);
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

int runner_open(struct runner **out, const struct study *s, struct store *store, int64_t run_id,
	const struct study_hooks *hooks, struct err *err)
{
	struct runner *r = mem_zalloc(1, sizeof(*r));
	int rc;

	r->s = s;
	r->store = store;
	r->run_id = run_id;
	r->hooks = hooks;
	r->expected = s->trials;
	r->culprit_env = own_path();
	rc = find_done(r, err);
	if (!rc && s->command)
		rc = make_log(r, err);
	if (!rc)
		rc = live_open(&r->live, s, err);
	if (rc) {
		runner_close(r);
		r = NULL;
	}
	*out = r;
	return rc;
}

void runner_close(struct runner *r)
{
	if (!r)
		return;
	fleet_stop(&r->fleet);
	live_close(r->live);
	if (r->own_log)
		unlink(r->log_path);
	str_release(&r->setting_text);
	str_release(&r->sentence);
	free(r->culprit_env);
	free(r->there);
	free(r);
}

void runner_expect(struct runner *r, size_t trials)
{
	r->expected = trials;
}

void runner_say(struct runner *r, const char *sentence)
{
	str_clear(&r->sentence);
	if (sentence)
		str_add(&r->sentence, sentence);
}
