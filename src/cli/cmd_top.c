/* culprit top: where a Python program spends its time, live in the terminal. */
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/stored_profile.h"
#include "sampler/sampler.h"
#include "tui/top.h"

/* New data comes so often; the last so many pieces are "recent": two seconds. */
#define TICK_NS (500 * NS_PER_MS)
enum { RECENT = 4 };
/* So long a message stays in the place of the keys. */
#define MESSAGE_NS (8 * NS_PER_S)

static struct top_options {
	int64_t pid;
	uint64_t duration_ns;
	struct sampler_spec looks; /* as they were asked for */
	int clock;
	const char *output;
} options = {.looks = {.rate_hz = 100}, .clock = PROFILE_CLOCK_CPU};

#define AT(field) offsetof(struct top_options, field)

static const char *const CLOCKS[] = {"wall", "cpu", "gil", NULL}; /* as enum profile_clock */

static const struct opt TOP_OPTIONS[] = {
	{'p', "pid", OPT_INT, AT(pid), "PID", "look at this process and everything below it", 1,
		4194304, NULL},
	{'d', "duration", OPT_DURATION, AT(duration_ns), NULL,
		"end after this time (when q is pressed)", 1e6, 1e16, NULL},
	{'r', "rate", OPT_REAL, AT(looks.rate_hz), "N", "looks a second (100)", 1, 20000, NULL},
	{0, "clock", OPT_CHOICE, AT(clock), NULL,
		"what counts first: time on a core, time that passed, time with the interpreter "
		"lock (cpu)",
		0, 0, CLOCKS},
	{0, "native", OPT_FLAG, AT(looks.native), NULL,
		"machine code too: C functions between and below Python's, and programs that are "
		"no Python; stops each thread for some tens of microseconds",
		0, 0, NULL},
	{0, "pause", OPT_FLAG, AT(looks.pause), NULL, "stop each thread while it is read", 0, 0,
		NULL},
	{0, "tasks", OPT_FLAG, AT(looks.tasks), NULL, "asyncio tasks that wait, too", 0, 0, NULL},
	{0, "alone", OPT_FLAG, AT(looks.alone), NULL,
		"this process alone, not those that it starts", 0, 0, NULL},
	{'o', "output", OPT_TEXT, AT(output), "FILE",
		"what the command prints goes there (nowhere)", 0, 0, NULL},
	{0}};

/* One call of the command. */
struct job {
	struct cli *cli;
	struct child child; /* where a command is run */
	bool runs, by_itself, ended;
	struct sampler *sampler;
	struct sampler_state state;
	struct top *top;

	struct profile
		*pieces[RECENT]; /* a ring: the next one replaces pieces[n_pieces % RECENT] */
	size_t n_pieces;
	struct profile *recent, *all;
	double cpu_share, gil_share, own_cpu;
	uint64_t began_ns, tick_ns, own_cpu_ns;
	double seconds;

	struct str what, message, kept;
	uint64_t message_until_ns;
};

static int check_what(const struct opt_rest *rest, struct err *err)
{
	if ((rest->n > 0) + (options.pid > 0) != 1)
		return err_set(err, ERR_USAGE,
			"%s: a command behind --, or --pid; `culprit top -h` shows how",
			rest->n ? "only one of these is looked at" : "say what to look at");
	if (options.output && !rest->n)
		return err_set(err, ERR_USAGE,
			"--output is for what a command prints; with --pid there is none");
	return 0;
}

/* ---- the terminal is given back, however it ends ---- */

static const atomic_bool *stop_asked;
static struct sigaction actions[NSIG];

/* The first signal asks, and the view is closed in order; with the second one the frame ends the
 * program at once. */
static void on_end(int number)
{
	if (atomic_load(stop_asked))
		top_rescue();
	actions[number].sa_handler(number);
}

static void on_crash(int number, siginfo_t *info, void *context)
{
	bool again = info->si_code > 0 && (number == SIGSEGV || number == SIGBUS ||
						  number == SIGFPE || number == SIGILL);

	(void)context;
	top_rescue();
	sigaction(number, &actions[number], NULL);
	if (!again) /* what an instruction did comes again by itself, as it was */
		raise(number);
}

static void catch_signals(const struct cli *cli)
{
	static const int ENDS[] = {SIGINT, SIGTERM, SIGHUP};
	static const int CRASHES[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
	struct sigaction end = {.sa_handler = on_end};
	struct sigaction crash = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	stop_asked = cli->stop;
	for (size_t i = 0; i < sizeof(ENDS) / sizeof(*ENDS); i++)
		sigaction(ENDS[i], &end, &actions[ENDS[i]]);
	for (size_t i = 0; i < sizeof(CRASHES) / sizeof(*CRASHES); i++)
		sigaction(CRASHES[i], &crash, &actions[CRASHES[i]]);
}

/* ncurses writes Unicode where LC_CTYPE is of UTF-8; where nobody said, UTF-8 is meant. */
static void set_locale(void)
{
	if (setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8"))
		return;
	setlocale(LC_CTYPE, "C.UTF-8");
}

/* ---- what is seen ---- */

static void take_shares(struct job *job, const struct profile *piece)
{
	uint64_t cpu = 0, gil = 0;
	double seconds = piece->about.duration_s;

	for (size_t i = 0; i < piece->n_nodes; i++) {
		cpu += piece->nodes[i].self.cpu_ns;
		gil += piece->nodes[i].self.gil_ns;
	}
	job->cpu_share = seconds > 0 ? (double)cpu / 1e9 / seconds : NAN;
	job->gil_share = NAN;
	if (seconds > 0 && job->state.processes && *piece->about.python)
		job->gil_share =
			fmin(1, (double)gil / 1e9 / seconds / (double)job->state.processes);
}

static void merge_recent(struct job *job)
{
	profile_free(job->recent);
	job->recent = profile_new();
	for (size_t i = 0; i < RECENT; i++)
		if (job->pieces[i])
			profile_merge(job->recent, job->pieces[i]);
}

static void tick(struct job *job, uint64_t now)
{
	struct profile *piece = sampler_take(job->sampler);
	struct profile **slot = &job->pieces[job->n_pieces++ % RECENT];
	uint64_t own = clock_process_cpu_ns();

	sampler_look(job->sampler, &job->state);
	take_shares(job, piece);
	profile_merge(job->all, piece);
	profile_free(*slot);
	*slot = piece;
	merge_recent(job);
	if (now > job->tick_ns)
		job->own_cpu = (double)(own - job->own_cpu_ns) / (double)(now - job->tick_ns);
	job->own_cpu_ns = own;
	job->tick_ns = now;
	job->seconds = (double)(now - job->began_ns) / 1e9;
}

static void reset(struct job *job)
{
	for (size_t i = 0; i < RECENT; i++) {
		profile_free(job->pieces[i]);
		job->pieces[i] = NULL;
	}
	profile_free(job->all);
	job->all = profile_new();
	merge_recent(job);
}

static void say(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct job *job, const char *format, ...)
{
	va_list args;

	str_clear(&job->message);
	va_start(args, format);
	str_vaddf(&job->message, format, args);
	va_end(args);
	job->message_until_ns = clock_now_ns() + MESSAGE_NS;
}

/* ---- into the store ---- */

/* As cli_keep() and stored_profile_keep() do, but what fails is said in the view, for stderr is
 * under it. */
static int store_profile(struct job *job, const struct run *run, int64_t *id, struct err *err)
{
	struct str text = STR_INIT;
	struct store *store = NULL;
	struct run added = *run;
	json_t *json = profile_to_json(job->all);
	int rc = cli_open_store(job->cli, &store, err);

	json_write(&text, json, 0);
	if (!rc)
		rc = store_run_add(store, &added, err);
	if (!rc)
		rc = store_blob_put(store, added.id, STORED_PROFILE, text.p, text.len, err);
	*id = added.id;
	store_close(store);
	str_release(&text);
	json_decref(json);
	return rc;
}

static void keep(struct job *job)
{
	struct profile_report r = {.what = job->what.p,
		.profile = job->all,
		.view = {.clock = (enum profile_clock)options.clock,
			.by_task = options.looks.tasks},
		.exit_code = -1};
	struct err err = {0};
	struct run run;
	int64_t id;

	if (!job->all->about.samples) {
		say(job, "nothing has been seen yet, so there is nothing to keep");
		return;
	}
	cli_describe_run(job->cli, &run, "profile", job->what.p);
	run.status = RUN_DONE;
	run.ended_ms = clock_wall_ms();
	run.spec = stored_profile_spec(job->what.p, options.pid, &options.looks);
	run.result = stored_profile_json(&r, r.view.clock, "");
	if (store_profile(job, &run, &id, &err)) {
		say(job, "not kept: %s", err.text);
	} else {
		say(job, "kept as run %lld; `culprit show %lld` shows it", (long long)id,
			(long long)id);
		str_addf(&job->kept, "%s%lld", job->kept.len ? ", " : "", (long long)id);
	}
	run_release(&run);
}

/* ---- the view ---- */

static const char *message(const struct job *job)
{
	static char ended[80];

	if (clock_now_ns() < job->message_until_ns)
		return str_text(&job->message);
	if (!job->ended)
		return "";
	if (job->runs && job->child.ended)
		snprintf(ended, sizeof(ended), "it has ended with exit code %d: q quits, f keeps",
			child_code(&job->child));
	else
		snprintf(ended, sizeof(ended),
			"it has ended (exit status unknown): q quits, f keeps");
	return ended;
}

static int milliseconds_left(const struct job *job)
{
	uint64_t now = clock_now_ns(), until = job->tick_ns + TICK_NS;

	if (job->ended)
		until = now + TICK_NS;
	if (options.duration_ns && job->began_ns + options.duration_ns < until)
		until = job->began_ns + options.duration_ns;
	return until > now ? (int)((until - now) / NS_PER_MS) + 1 : 0;
}

static bool is_over(const struct job *job)
{
	return atomic_load(job->cli->stop) ||
	       (options.duration_ns && clock_now_ns() - job->began_ns >= options.duration_ns);
}

static enum top_wish turn(struct job *job)
{
	struct top_status status = {.what = job->what.p,
		.seconds = job->seconds,
		.rate_hz = options.looks.rate_hz,
		.own_cpu = job->own_cpu,
		.samples = job->state.samples,
		.rejected = job->state.rejected,
		.late = job->state.late,
		.processes = job->state.processes,
		.threads = job->state.threads,
		.running = job->state.threads_running,
		.cpu_share = job->cpu_share,
		.gil_share = job->gil_share,
		.message = message(job)};

	return top_turn(job->top, job->recent, job->all, &status, milliseconds_left(job));
}

static void watch(struct job *job)
{
	enum top_wish wish = TOP_NOTHING;

	while (!is_over(job) && wish != TOP_QUIT) {
		uint64_t now = clock_now_ns();

		if (job->runs)
			child_wait(&job->child, 0);
		if (!job->ended && now - job->tick_ns >= TICK_NS) {
			tick(job, now);
			job->ended = job->runs ? !job->child.left : job->state.ended;
		}
		wish = turn(job);
		if (wish == TOP_KEEP)
			keep(job);
		if (wish == TOP_RESET)
			reset(job);
	}
}

/* ---- start and end ---- */

/* The terminal's input is the view's: the command reads nothing. */
static int start_command(struct job *job, const struct opt_rest *rest, struct err *err)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), rc;

	if (nothing >= 0 && input >= 0)
		dup2(nothing, STDIN_FILENO);
	rc = launch_start(&job->child, rest, STDOUT_FILENO,
		options.output ? options.output : "/dev/null", err);
	if (input >= 0) {
		dup2(input, STDIN_FILENO);
		close(input);
	}
	if (nothing >= 0)
		close(nothing);
	return rc;
}

static int start(struct job *job, const struct opt_rest *rest, struct err *err)
{
	struct sampler_spec spec = options.looks;
	struct top_spec screen = {.colour = job->cli->out.colour,
		.unicode = job->cli->out.unicode,
		.clock = (enum profile_clock)options.clock};
	int rc = top_check(err);

	spec.pid = job->runs ? getpid() : (pid_t)options.pid;
	spec.below_only = spec.wait = job->runs;
	spec.alone &= !job->runs;
	spec.states = true;
	if (!rc)
		rc = sampler_start(&job->sampler, &spec, err);
	if (!rc && job->runs)
		rc = start_command(job, rest, err);
	if (rc)
		return rc;
	set_locale();
	return top_open(&job->top, &screen, err);
}

/* True where the command had ended by itself. */
static bool end(struct job *job)
{
	struct profile *rest = NULL;

	if (job->sampler)
		sampler_stop(job->sampler, &rest, NULL, NULL);
	profile_free(rest);
	return job->runs && launch_end(&job->child, job->cli->stop);
}

static void release(struct job *job)
{
	for (size_t i = 0; i < RECENT; i++)
		profile_free(job->pieces[i]);
	profile_free(job->recent);
	profile_free(job->all);
	str_release(&job->what);
	str_release(&job->message);
	str_release(&job->kept);
}

static int top_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct job job = {.cli = cli, .runs = rest->n > 0, .gil_share = NAN, .cpu_share = NAN};
	bool by_itself;
	int rc = check_what(rest, err);

	if (rc)
		return rc;
	launch_name(&job.what, rest, (pid_t)options.pid);
	job.recent = profile_new();
	job.all = profile_new();
	rc = start(&job, rest, err);
	if (!rc) {
		catch_signals(cli);
		job.began_ns = job.tick_ns = clock_now_ns();
		job.own_cpu_ns = clock_process_cpu_ns();
		watch(&job);
		top_close(job.top);
	}
	by_itself = end(&job);
	if (job.kept.len)
		cli_note("kept as run %s", job.kept.p);
	if (rc && launch_code(&job.child)) {
		cli_note("%s", err->text); /* as a shell and time(1) have it */
		rc = launch_code(&job.child);
	} else if (!rc && by_itself) {
		rc = child_code(&job.child);
	}
	release(&job);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit top --pid 1234",
	"a process and everything below it; q quits, ? shows the keys",
	"culprit top --pid 1234 --clock wall",
	"waiting counts too",
	"culprit top -o app.log -- python3 app.py",
	"run it, and look at it; what it prints goes to app.log",
	NULL,
};

static const struct opt_section SECTIONS[] = {{NULL, TOP_OPTIONS, &options}, {0}};

const struct cmd cmd_top = {
	.name = "top",
	.arguments = "[-- COMMAND [ARGUMENT …]]",
	.summary = "where a Python program spends its time, live in the terminal",
	.about = "Looks at a Python process, and at all that it starts, from outside, as `culprit "
		 "profile` does, and shows what it sees while it goes on: functions, lines, the "
		 "tree of calls, threads; of the last two seconds, or since the start. Keys sort, "
		 "filter, open, choose the clock, hold the picture, and keep the profile as a run "
		 "(f). It needs a terminal of 40 columns and 8 lines at least. When the program "
		 "ends, the last picture stays until q. A command reads nothing and what it prints "
		 "goes to -o, or nowhere; it is ended with the view.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.max_rest = 10000,
	.stop_at_positional = true,
	.run = top_run,
};
