/* culprit watch: record what a process tree or a cgroup uses, every 10 ms. */
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/live_watch.h"
#include "cli/stored_recording.h"
#include "proc/child.h"
#include "proc/recorder.h"
#include "report/report.h"

/* Rows that are kept in the store and in JSON; past them every second one is left out. */
enum { ROWS_KEPT = 36000, LOOK_MS = 100 };

static struct watch_options {
	struct cli_format_options format;
	int64_t pid;
	const char *cgroup, *html, *output;
	uint64_t interval_ns, duration_ns;
	bool pss, live;
} options = {.interval_ns = RECORDER_DEFAULT_NS, .live = true};

#define AT(field) offsetof(struct watch_options, field)

static const struct opt WATCH_OPTIONS[] = {
	{'p', "pid", OPT_INT, AT(pid), "PID", "record this process and everything below it", 1,
		4194304, NULL},
	{0, "cgroup", OPT_TEXT, AT(cgroup), "PATH",
		"record this cgroup, named below /sys/fs/cgroup (version 2 or 1)", 0, 0, NULL},
	{'d', "duration", OPT_DURATION, AT(duration_ns), NULL,
		"end after this time (when nothing is left of what is recorded); a command that "
		"was run is ended then",
		1e6, 1e16, NULL},
	{'i', "interval", OPT_DURATION, AT(interval_ns), NULL, "between samples (10ms)", 1e6, 60e9,
		NULL},
	{0, "pss", OPT_FLAG, AT(pss), NULL,
		"also memory with shared pages divided among those who share them; dear", 0, 0,
		NULL},
	{'o', "output", OPT_TEXT, AT(output), "FILE",
		"what the command prints goes there, and the panel has the terminal", 0, 0, NULL},
	{0, "html", OPT_TEXT, AT(html), "FILE", "write a report with plots there", 0, 0, NULL},
	{0, "live", OPT_FLAG, AT(live), NULL,
		"a panel on the terminal while it records (yes); also off by NO_LIVE=1", 0, 0,
		NULL},
	{0}};

/* One call of the command. */
struct job {
	struct cli *cli;
	struct child child; /* where a command is run */
	bool runs;
	struct recorder *recorder;
	struct recording recording;
	struct str what;
	bool by_itself; /* the command's end was its own */
};

/* ---- what is recorded ---- */

static int check_what(const struct opt_rest *rest, struct err *err)
{
	int given = (rest->n > 0) + (options.pid > 0) + (options.cgroup != NULL);

	if (given != 1)
		return err_set(err, ERR_USAGE,
			"%s: a command behind --, or --pid, or --cgroup; `culprit watch -h` shows "
			"how",
			given ? "only one of these is recorded" : "say what to record");
	if (options.output && !rest->n)
		return err_set(err, ERR_USAGE,
			"--output is for what a command prints; with --pid and --cgroup there is "
			"none");
	return 0;
}

static void name_it(struct job *job, const struct opt_rest *rest)
{
	if (options.cgroup) {
		str_addf(&job->what, "cgroup %s", options.cgroup);
		launch_cut(&job->what);
	} else {
		launch_name(&job->what, rest, (pid_t)options.pid);
	}
}

/* ---- the run ---- */

static int start_recorder(struct job *job, struct err *err)
{
	struct recorder_spec spec = {.root = job->runs ? getpid() : (pid_t)options.pid,
		.exclude_root = job->runs,
		.cgroup = options.cgroup,
		.interval_ns = options.interval_ns,
		.pss = options.pss};

	return recorder_start(&job->recorder, &spec, err);
}

/* With --json and --csv stdout is the result's alone, so what the command prints goes to stderr. */
static int start_command(struct job *job, const struct opt_rest *rest, struct err *err)
{
	bool text = cli_format(&options.format) == CLI_TEXT;

	return launch_start(
		&job->child, rest, text ? STDOUT_FILENO : STDERR_FILENO, options.output, err);
}

/* True when there is nothing more to record. */
static bool is_over(const struct job *job, double time_s)
{
	if (atomic_load(job->cli->stop))
		return true;
	if (options.duration_ns && time_s * 1e9 >= (double)options.duration_ns)
		return true;
	return job->runs ? !job->child.left : recorder_ended(job->recorder);
}

static int wait_ms(double left_s)
{
	return left_s < LOOK_MS / 1e3 ? (int)(left_s * 1e3) + 1 : LOOK_MS;
}

static void record(struct job *job)
{
	double total_s = options.duration_ns ? (double)options.duration_ns / 1e9 : INFINITY;
	double values[RECORD_N_SERIES], time_s = 0;
	uint64_t began = clock_now_ns();
	struct live_watch live;

	/* a command that is run has the terminal, unless its output goes elsewhere */
	live_watch_init(&live, job->cli, job->what.p, total_s,
		options.live && (!job->runs || options.output));
	while (!is_over(job, (double)(clock_now_ns() - began) / 1e9)) {
		double left_s = total_s - (double)(clock_now_ns() - began) / 1e9;

		if (job->runs)
			child_wait(&job->child, wait_ms(left_s));
		else
			clock_sleep_ns((uint64_t)wait_ms(left_s) * NS_PER_MS);
		if (recorder_latest(job->recorder, &time_s, values))
			live_watch_tick(&live, time_s, values);
	}
	recorder_stop(job->recorder, &job->recording);
	live_watch_end(&live);
}

/* ---- what came of it ---- */

static json_t *spec_json(const struct job *job)
{
	json_t *spec = json_object();

	json_object_set_new(spec, "what", json_string(job->what.p));
	if (options.pid)
		json_object_set_new(spec, "pid", json_integer(options.pid));
	if (options.cgroup)
		json_object_set_new(spec, "cgroup", json_string(options.cgroup));
	json_object_set_new(spec, "interval_s", json_real((double)options.interval_ns / 1e9));
	json_object_set_new(spec, "pss", json_boolean(options.pss));
	return spec;
}

static int write_html(
	struct job *job, const struct recording_report *r, int64_t id, struct err *err)
{
	struct str page = STR_INIT;
	struct run described;
	int rc;

	if (!options.html)
		return 0;
	cli_describe_run(job->cli, &described, "recording", job->what.p);
	described.id = id;
	stored_recording_page(&described, r, &page);
	rc = cli_write_report(options.html, &page, cli_format(&options.format) == CLI_TEXT, err);
	run_release(&described);
	str_release(&page);
	return rc;
}

static int conclude(struct job *job, struct err *err)
{
	struct recording_report r = {.what = job->what.p,
		.recording = &job->recording,
		.exit_code = job->by_itself ? child_code(&job->child) : -1};
	enum cli_format format = cli_format(&options.format);
	struct str text = STR_INIT;
	json_t *json, *spec;
	int64_t id;
	int rc;

	if (format == CLI_CSV) /* every row */
		recording_to_csv(&text, &job->recording);
	recording_thin(&job->recording, ROWS_KEPT);
	json = stored_recording_json(&r);
	spec = spec_json(job);
	if (format == CLI_JSON)
		cli_print_json(json);
	if (format == CLI_TEXT)
		report_recording(&text, &job->cli->out, &r);
	cli_print(str_text(&text));
	cli_keep(job->cli, "recording", job->what.p, 0, spec, json, &id);
	if (id && format == CLI_TEXT)
		cli_note("kept as run %lld", (long long)id);
	rc = write_html(job, &r, id, err);
	json_decref(json);
	json_decref(spec);
	str_release(&text);
	return rc;
}

static int watch_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct job job = {.cli = cli, .runs = rest->n > 0};
	int rc = check_what(rest, err);

	if (!rc)
		rc = file_check_write(options.html, err);
	if (rc)
		return rc;
	name_it(&job, rest);
	rc = start_recorder(&job, err);
	if (!rc && job.runs) {
		rc = start_command(&job, rest, err);
		if (rc)
			recorder_stop(job.recorder, &job.recording);
	}
	if (!rc) {
		record(&job);
		if (job.runs)
			job.by_itself = launch_end(&job.child, cli->stop);
		rc = conclude(&job, err);
		if (!rc && job.by_itself)
			rc = child_code(&job.child);
	} else if (job.child.exec_errno) {
		cli_note("%s", err->text); /* as a shell and time(1) have it */
		rc = launch_code(&job.child);
	}
	recording_release(&job.recording);
	str_release(&job.what);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit watch -- make -j4",
	"run it, and say what it used; exits with its exit code",
	"culprit watch --pid 1234 -d 10s --html watch.html",
	"a process and everything below it, for ten seconds, with plots",
	"culprit watch --cgroup system.slice/nginx.service -d 1m --csv > nginx.csv",
	"a cgroup, a row every 10 ms",
	NULL,
};

static const struct opt_section SECTIONS[] = {
	{NULL, WATCH_OPTIONS, &options}, {"Output", CLI_FORMAT_OPTIONS, &options.format}, {0}};

const struct cmd cmd_watch = {
	.name = "watch",
	.arguments = "[-- COMMAND [ARGUMENT …]]",
	.summary = "record what a process tree uses, every 10 ms",
	.about = "Records CPU time, memory, disk, network, threads, context switches and open "
		 "files of a command and everything that it starts, of a running process and "
		 "everything below it, or of a cgroup; and what everything else on the machine "
		 "used meanwhile. Children that lived for a millisecond are in the totals. A "
		 "command's output goes through (with --json and --csv to stderr), and culprit "
		 "exits with its exit code. Ctrl-C ends early and keeps what was recorded.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.max_rest = 10000,
	.stop_at_positional = true,
	.run = watch_run,
};
