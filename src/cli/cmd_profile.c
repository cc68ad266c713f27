/* culprit profile: where a Python program spends its time, seen from outside. */
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/stored_profile.h"
#include "profile/formats.h"
#include "sampler/sampler.h"

enum { LOOK_MS = 100 };

static struct profile_options {
	struct cli_format_options format;
	struct profile_view_options view;
	int64_t pid;
	uint64_t duration_ns;
	struct sampler_spec looks; /* as they were asked for */
	bool live;
	const char *html, *output;
	int write; /* enum profile_format; −1: none */
} options = {.view = {.clock = -1}, .looks = {.rate_hz = 500}, .live = true, .write = -1};

#define AT(field) offsetof(struct profile_options, field)

static const struct opt PROFILE_OPTIONS[] = {
	{'p', "pid", OPT_INT, AT(pid), "PID", "profile this process and everything below it", 1,
		4194304, NULL},
	{'d', "duration", OPT_DURATION, AT(duration_ns), NULL,
		"end after this time (when it ends); a command that was run is ended then", 1e6,
		1e16, NULL},
	{'r', "rate", OPT_REAL, AT(looks.rate_hz), "N", "looks a second (500)", 1, 20000, NULL},
	{0, "native", OPT_FLAG, AT(looks.native), NULL,
		"machine code too: C functions between and below Python's, and programs that are "
		"no Python; stops each thread for some tens of microseconds",
		0, 0, NULL},
	{0, "pause", OPT_FLAG, AT(looks.pause), NULL, "stop each thread while it is read", 0, 0,
		NULL},
	{0, "tasks", OPT_FLAG, AT(looks.tasks), NULL,
		"asyncio tasks apart, and where those that wait do so", 0, 0, NULL},
	{0, "alone", OPT_FLAG, AT(looks.alone), NULL,
		"this process alone, not those that it starts", 0, 0, NULL},
	{0}};

static const struct opt OUTPUT_OPTIONS[] = {
	{0, "html", OPT_TEXT, AT(html), "FILE", "write a report with a flame graph there", 0, 0,
		NULL},
	{0, "format", OPT_CHOICE, AT(write), NULL,
		"write it for another tool: to -o, or to stdout in place of the tree", 0, 0,
		PROFILE_FORMAT_WORDS},
	{'o', "output", OPT_TEXT, AT(output), "FILE", "where --format goes", 0, 0, NULL},
	{0, "live", OPT_FLAG, AT(live), NULL,
		"a line of progress on the terminal, with --pid (yes); also off by NO_LIVE=1", 0, 0,
		NULL},
	{0}};

struct job {
	struct cli *cli;
	struct child child; /* where a command is run */
	bool runs, by_itself;
	struct sampler *sampler;
	struct profile *profile;
	struct str what, why;
};

/* Text for a person, and nothing else, goes to stdout. */
static bool is_text(void)
{
	return cli_format(&options.format) == CLI_TEXT && (options.write < 0 || options.output);
}

static int check_what(const struct opt_rest *rest, struct err *err)
{
	if ((rest->n > 0) + (options.pid > 0) != 1)
		return err_set(err, ERR_USAGE,
			"%s: a command behind --, or --pid; `culprit profile -h` shows how",
			rest->n ? "only one of these is profiled" : "say what to profile");
	if (options.output && options.write < 0)
		return err_set(err, ERR_USAGE,
			"--output says where --format goes; say which: --format collapsed, "
			"speedscope, pprof, callgrind; --html FILE writes a flame graph");
	if (options.write >= 0 && !options.output && cli_format(&options.format) != CLI_TEXT)
		return err_set(err, ERR_USAGE,
			"stdout has room for one form: give --format a file with -o");
	if (options.write == PROFILE_FORMAT_PPROF && !options.output && isatty(STDOUT_FILENO))
		return err_set(
			err, ERR_USAGE, "pprof is binary; give it a file with -o, or a pipe");
	return 0;
}

/* ---- the run ---- */

static int start_sampler(struct job *job, struct err *err)
{
	struct sampler_spec spec = options.looks;

	spec.pid = job->runs ? getpid() : (pid_t)options.pid;
	spec.below_only = spec.wait = job->runs;
	spec.states = spec.moments = true;
	return sampler_start(&job->sampler, &spec, err);
}

static bool is_over(const struct job *job, const struct sampler_state *state, uint64_t began)
{
	if (atomic_load(job->cli->stop))
		return true;
	if (options.duration_ns && clock_now_ns() - began >= options.duration_ns)
		return true;
	return job->runs ? !job->child.left : state->ended;
}

static int wait_ms(uint64_t began)
{
	uint64_t gone = clock_now_ns() - began;
	uint64_t left = options.duration_ns > gone ? options.duration_ns - gone : 0;

	if (options.duration_ns && left < LOOK_MS * NS_PER_MS)
		return (int)(left / NS_PER_MS) + 1;
	return LOOK_MS;
}

static void show(const struct job *job, const struct sampler_state *state, uint64_t began)
{
	struct str line = STR_INIT;
	char number[NUM_TEXT];

	if (job->runs || !options.live || !is_text())
		return;
	str_addf(
		&line, "profiling %s: %.1f s", job->what.p, (double)(clock_now_ns() - began) / 1e9);
	str_addf(&line, ", %s samples", num_count((double)state->samples, number));
	str_addf(&line, " of %zu threads in %zu %s, %zu running", state->threads, state->processes,
		state->processes == 1 ? "process" : "processes", state->threads_running);
	str_addf(&line, ", profiler %.1f %% of a core; Ctrl-C ends it", 100 * state->own_cpu);
	cli_progress(job->cli, line.p);
	str_release(&line);
}

static void record(struct job *job)
{
	struct sampler_state state = {0};
	uint64_t began = clock_now_ns();

	while (!is_over(job, &state, began)) {
		if (job->runs)
			child_wait(&job->child, wait_ms(began));
		else
			clock_sleep_ns((uint64_t)wait_ms(began) * NS_PER_MS);
		sampler_look(job->sampler, &state);
		show(job, &state, began);
	}
	cli_progress_end(job->cli);
}

/* ---- what came of it ---- */

static int write_html(struct job *job, const struct profile_report *r, int64_t id, struct err *err)
{
	struct str page = STR_INIT;
	struct run described;
	int rc;

	if (!options.html)
		return 0;
	cli_describe_run(job->cli, &described, "profile", job->what.p);
	described.id = id;
	stored_profile_page(&described, r, &page);
	rc = cli_write_report(options.html, &page, is_text(), err);
	run_release(&described);
	str_release(&page);
	return rc;
}

/* The other tool's form: to its file, or into `out`. */
static int write_format(struct job *job, const struct profile_report *r, struct err *err)
{
	struct str text = STR_INIT;
	int rc = 0;

	if (options.write < 0)
		return 0;
	profile_write(
		&text, r->profile, (enum profile_format)options.write, r->view.clock, job->what.p);
	if (options.output) {
		rc = file_write(options.output, str_text(&text), text.len, err);
		if (!rc && is_text())
			cli_note("%s: %s", PROFILE_FORMAT_WORDS[options.write], options.output);
	} else {
		cli_print_bytes(str_text(&text), text.len);
	}
	str_release(&text);
	return rc;
}

static void print(struct job *job, const struct profile_report *r, const json_t *summary)
{
	struct str text = STR_INIT;
	json_t *whole;

	if (cli_format(&options.format) == CLI_JSON) {
		whole = json_deep_copy(summary);
		json_object_set_new(whole, "profile", profile_to_json(r->profile));
		cli_print_json(whole);
		json_decref(whole);
	} else if (cli_format(&options.format) == CLI_CSV) {
		stored_profile_rows_csv(&text, r->profile, r->view.clock, options.view.lines);
	} else if (is_text()) {
		report_profile(&text, &job->cli->out, r);
	}
	cli_print(str_text(&text));
	str_release(&text);
}

static int nothing_seen(const struct job *job, struct err *err)
{
	return err_set(err, ERR_INPUT, "%s: %s", job->what.p,
		job->why.len ? job->why.p
		: job->runs  ? "it ended before its Python could be read; give it more to do"
			     : "it ended before a sample was taken");
}

static int conclude(struct job *job, struct err *err)
{
	struct profile_report r = {.what = job->what.p,
		.profile = job->profile,
		.view = profile_view_of(&options.view, -1, options.looks.tasks),
		.tables = true,
		.exit_code = job->by_itself ? child_code(&job->child) : -1};
	json_t *json, *spec;
	int64_t id;
	int rc;

	if (!job->profile->about.samples && !job->profile->about.rejected)
		return nothing_seen(job, err);
	json = stored_profile_json(&r, r.view.clock, str_text(&job->why));
	spec = stored_profile_spec(job->what.p, options.pid, &options.looks);
	print(job, &r, json);
	if (job->why.len && is_text())
		cli_note("%s", job->why.p);
	cli_keep(job->cli, "profile", job->what.p, 0, spec, json, &id);
	stored_profile_keep(job->cli, id, STORED_PROFILE, job->profile);
	if (id && is_text())
		cli_note("kept as run %lld", (long long)id);
	rc = write_format(job, &r, err);
	if (!rc)
		rc = write_html(job, &r, id, err);
	json_decref(json);
	json_decref(spec);
	return rc;
}

/* With a result on stdout what the command prints goes to stderr. */
static int start(struct job *job, const struct opt_rest *rest, struct err *err)
{
	int rc = start_sampler(job, err);

	if (!rc && job->runs)
		rc = launch_start(
			&job->child, rest, is_text() ? STDOUT_FILENO : STDERR_FILENO, NULL, err);
	return rc;
}

static int profile_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct job job = {.cli = cli, .runs = rest->n > 0};
	struct err stop_err;
	int rc = check_what(rest, err);

	if (!rc)
		rc = file_check_write(options.html, err);
	if (!rc)
		rc = file_check_write(options.output, err);
	if (rc)
		return rc;
	launch_name(&job.what, rest, (pid_t)options.pid);
	rc = start(&job, rest, err);
	if (!rc)
		record(&job);
	if (job.sampler)
		sampler_stop(job.sampler, &job.profile, &job.why, &stop_err);
	if (!rc && job.runs)
		job.by_itself = launch_end(&job.child, cli->stop);
	if (!rc)
		rc = conclude(&job, err);
	if (rc && launch_code(&job.child)) {
		cli_note("%s", err->text); /* as a shell and time(1) have it */
		rc = launch_code(&job.child);
	} else if (job.by_itself && child_code(&job.child)) {
		if (rc)
			cli_note("%s", err->text);
		rc = child_code(&job.child);
	}
	profile_free(job.profile);
	str_release(&job.what);
	str_release(&job.why);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit profile -- python3 app.py",
	"run it, and say where its time went; exits with its exit code",
	"culprit profile --pid 1234 -d 10s --html profile.html",
	"a process and everything below it, for ten seconds, with a flame graph",
	"culprit profile --pid 1234 -d 10s --clock wall --by-thread",
	"waiting too, threads apart",
	"culprit profile --pid 1234 -d 10s --format speedscope -o app.speedscope.json",
	"for another tool's viewer",
	NULL,
};

static const struct opt_section SECTIONS[] = {{NULL, PROFILE_OPTIONS, &options},
	{"View", PROFILE_VIEW_OPTIONS, &options.view}, {"Output", OUTPUT_OPTIONS, &options},
	{NULL, CLI_FORMAT_OPTIONS, &options.format}, {0}};

const struct cmd cmd_profile = {
	.name = "profile",
	.arguments = "[-- COMMAND [ARGUMENT …]]",
	.summary = "profile Python programs from outside, without touching them",
	.about = "Looks at the stacks of a Python process, and of all that it starts, 500 times a "
		 "second, from outside: nothing is put into it, it is not stopped, and a "
		 "stack counts only when it is proven to have existed. Says which calls its time "
		 "went to, by CPU time (or wall time, or time with the interpreter lock: "
		 "--clock). A command's output goes through, and culprit exits with its exit "
		 "code. Ctrl-C ends early and keeps what was seen. CPython 3.8 to 3.13, and later "
		 "ones that tell their own layout.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.max_rest = 10000,
	.stop_at_positional = true,
	.run = profile_run,
};
