#include "cli/running.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/stored_troubles.h"

#define FIELD(name) offsetof(struct running_options, name)

const struct opt RUNNING_OPTIONS[] = {
	{0, "fresh", OPT_FLAG, FIELD(fresh), NULL,
		"start anew instead of going on with an unfinished run of this study", 0, 0, NULL},
	{0, "trials", OPT_INT, FIELD(trials), NULL, "so many trials, whatever the study file says",
		1, DESIGN_MAX_TRIALS, NULL},
	{'d', "duration", OPT_AUTO, FIELD(duration_ns), NULL,
		"measure so long in each, or by the rule of `auto`, whatever the study file says",
		1e6, 86400e9, NULL},
	{0, "warmup", OPT_AUTO, FIELD(warmup_ns), NULL,
		"load before it that does not count, whatever the study file says", 0, 86400e9,
		NULL},
	{'c', "connections", OPT_INT, FIELD(connections), NULL,
		"so many connections, whatever the study file says", 1, 1000000, NULL},
	{0}};

const struct opt RUNNING_OUTPUT_OPTIONS[] = {
	{0, "report", OPT_TEXT, FIELD(report), "FILE",
		"write the HTML report there [run-N.html beside the store]", 0, 0, NULL},
	{0}};

/* ---- progress ---- */

/* "0:42", "1:02:05" */
static void add_eta(struct str *out, double seconds)
{
	long s = lround(seconds);

	if (s >= 3600)
		str_addf(out, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	else
		str_addf(out, "%ld:%02ld", s / 60, s % 60);
}

static void show_finished(struct running *p, const struct study_tick *tick)
{
	const struct trial *t = tick->finished;
	double value = json_number_at(t->responses, p->study->response);
	char text[NUM_TEXT];

	p->failed += !t->ok;
	if (!t->ok)
		cli_note("trial %zu failed: %s", t->index + 1, json_text_at(t->detail, "note"));
	else if (!p->cli->err.tty)
		cli_note("trial %zu/%zu  %s %s  %s", tick->done, tick->trials,
			num_short(value, text), p->study->response, tick->setting);
}

/* A terminal has the sentence in its line; elsewhere it is told when it is new. */
static void tell_once(struct running *p, const struct study_tick *tick)
{
	const char *sentence = tick->sentence ? tick->sentence : "";

	if (p->cli->err.tty || !strcmp(sentence, str_text(&p->told)))
		return;
	str_clear(&p->told);
	str_add(&p->told, sentence);
	if (*sentence)
		cli_note("after %zu trials: %s", tick->done, sentence);
}

static void show_progress(void *arg, const struct study_tick *tick)
{
	struct running *p = arg;
	const struct term *term = &p->cli->err;
	struct str line = STR_INIT;
	char text[NUM_TEXT];

	tell_once(p, tick);
	if (tick->finished) {
		show_finished(p, tick);
		return;
	}
	term_bar(&line, term, (double)tick->done / (double)tick->trials, 16);
	str_addf(&line, " trial %zu/%zu", tick->trial, tick->trials);
	if (isfinite(tick->eta_s)) {
		str_add(&line, "  ETA ");
		add_eta(&line, tick->eta_s);
	}
	if (p->failed)
		str_addf(&line, "  %zu failed", p->failed);
	if (tick->rate > 0)
		str_addf(&line, "  %8s/s", num_short(tick->rate, text));
	else if (tick->phase)
		str_addf(&line, "  %s", tick->phase);
	if (tick->sentence)
		str_addf(&line, "  %s", tick->sentence);
	if (tick->setting)
		str_addf(&line, "  %s", tick->setting);
	cli_progress(p->cli, line.p);
	str_release(&line);
}

char *running_path(const struct cli *cli, int64_t id, const char *ending)
{
	const char *slash = strrchr(cli->store_path, '/');
	struct str path = STR_INIT;

	if (slash)
		str_add_bytes(&path, cli->store_path, (size_t)(slash - cli->store_path) + 1);
	str_addf(&path, "run-%lld%s", (long long)id, ending);
	return str_take(&path);
}

void running_open(struct running *r, const struct cli *cli, const struct study *study, int64_t id)
{
	*r = (struct running){.cli = cli, .study = study, .log = running_path(cli, id, ".log")};
	r->hooks = (struct study_hooks){
		.tick = show_progress, .arg = r, .stop = cli->stop, .log_path = r->log};
}

void running_close(struct running *r)
{
	cli_progress_end(r->cli);
	str_release(&r->told);
	free(r->log);
}

/* ---- the run ---- */

int running_read(
	struct study *out, const char *path, const struct running_options *options, struct err *err)
{
	int rc = study_read(out, path, err);

	if (rc)
		return rc;
	if (options->trials)
		out->trials = (size_t)options->trials;
	if (options->connections)
		out->load.connections = options->connections;
	if (options->duration_ns)
		out->load.duration_ns = options->duration_ns;
	if (options->warmup_ns != RUNNING_NO_WARMUP)
		out->load.warmup_ns = options->warmup_ns;
	else if (options->duration_ns == OPT_AUTO_NS)
		out->load.warmup_ns = OPT_AUTO_NS; /* a length by rule looks for it itself */
	return study_check(out, err);
}

static int go_on(struct store *store, int64_t id, size_t trials, struct run *run, struct err *err)
{
	int rc = store_run_read(store, id, run, err);

	if (rc)
		return rc;
	cli_note("resuming run %lld: %zu of %zu trials are there", (long long)id, run->n_trials,
		trials);
	return store_run_end(store, id, RUN_RUNNING, NULL, err);
}

int running_begin(const struct cli *cli, const struct running_options *options,
	const struct study *study, const char *kind, const char *key, size_t trials,
	struct store **store, struct run *run, struct err *err)
{
	int64_t id = 0;
	int rc = file_check_write(options->report, err);

	if (!rc)
		rc = cli_open_store(cli, store, err);
	if (!rc)
		rc = store_lock(*store, cli->command, err);
	if (!rc && !options->fresh)
		rc = store_run_find(*store, key, &id, err);
	if (rc)
		return rc;
	if (id)
		return go_on(*store, id, trials, run, err);
	cli_describe_run(cli, run, kind, study->path);
	free(run->key);
	run->key = mem_strdup(key);
	run->seed = study->seed;
	run->spec = study_to_json(study);
	return store_run_add(*store, run, err);
}

/* "12 trials are kept as run 7, and the same command goes on" */
static void add_kept(struct str *out, const struct running_options *options, size_t n, int64_t id)
{
	const char *same = options->fresh ? " without --fresh" : "";

	if (n)
		str_addf(out, "%zu trial%s kept as run %lld, and the same command%s goes on", n,
			n == 1 ? " is" : "s are", (long long)id, same);
	else
		str_add(out, "no trial was finished");
}

int running_ended_early(const struct running_options *options, struct store *store,
	const struct run *run, int rc, struct err *err)
{
	struct err ignored = {0};
	struct str kept = STR_INIT;
	struct run now = {0};
	bool read = !store_run_read(store, run->id, &now, &ignored);
	bool done = read && now.status == RUN_DONE; /* only its report could not be written */
	size_t n = now.n_trials;

	run_release(&now);
	if (done)
		return rc;
	store_run_end(
		store, run->id, rc == -(int)ERR_STOPPED ? RUN_STOPPED : RUN_FAILED, NULL, &ignored);
	add_kept(&kept, options, n, run->id);
	if (rc == -(int)ERR_STOPPED)
		rc = err_set(err, ERR_STOPPED, "stopped; %s", kept.p);
	else
		cli_note("%s", kept.p);
	str_release(&kept);
	return rc;
}

/* ---- the result ---- */

int running_print(const struct cli *cli, const struct running_options *options,
	enum cli_format format, const struct stored *s, const struct str *text,
	const struct str *page, struct err *err)
{
	char *path = options->report ? mem_strdup(options->report)
				     : running_path(cli, s->run.id, ".html");
	int rc = file_write(path, page->p, page->len, err);
	struct str out = STR_INIT;

	switch (format) {
	case CLI_JSON: cli_print_json(s->run.result); break;
	case CLI_CSV: study_trials_csv(&out, s->trials, s->n_trials); break;
	case CLI_TEXT:
		str_add(&out, str_text(text));
		stored_add_troubles(s, &cli->out, &out);
		if (!rc)
			str_addf(&out, "\nrun %lld; the report: %s\n", (long long)s->run.id, path);
	}
	cli_print(str_text(&out));
	if (!rc && format != CLI_TEXT)
		cli_note("run %lld; the report: %s", (long long)s->run.id, path);
	free(path);
	str_release(&out);
	return rc;
}
