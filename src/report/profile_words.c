#include "report/profile_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/phrase.h"

enum { FEW_SAMPLES = 200 };
static const double MANY_REJECTED = .01, MANY_LATE = .05, DEAR = .2, MANY_WAITED = .05;

/* ---- numbers ---- */

void profile_add_share(struct str *out, double share)
{
	double percent = 100 * share;

	phrase_fixed(out, percent, percent < 9.95 ? 1 : 0);
	str_add(out, " %");
}

struct profile_unit profile_unit_for(enum profile_clock clock, uint64_t total)
{
	double s = (double)total / 1e9;

	if (clock == PROFILE_CLOCK_SAMPLES)
		return (struct profile_unit){"samples", 1, 0};
	if (s < 1)
		return (struct profile_unit){"ms", 1e6, s < .1 ? 2 : 1};
	return (struct profile_unit){"s", 1e9, s < 1000 ? 2 : s < 10000 ? 1 : 0};
}

void profile_add_weight(struct str *out, const struct profile_unit *unit, uint64_t weight)
{
	phrase_fixed(out, (double)weight / unit->size, unit->decimals);
}

void profile_sum(struct profile_sums *s, const struct profile *p)
{
	bool *task = mem_zalloc(p->n_nodes + 1, sizeof(*task)); /* one that waits, or below it */

	*s = (struct profile_sums){.processes = 0};
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct profile_node *n = &p->nodes[i];
		enum profile_kind kind = p->functions[n->function].kind;

		task[i] =
			task[n->parent] ||
			(kind == PROFILE_TASK &&
				p->functions[p->nodes[n->parent].function].kind != PROFILE_THREAD);
		if (task[i]) {
			s->tasks_wall_ns += n->self.wall_ns;
			s->tasks_samples += n->self.samples;
		}
		for (enum profile_clock c = 0; c <= PROFILE_CLOCK_SAMPLES; c++)
			s->all[c] += profile_weigh(&n->self, c);
		s->processes += kind == PROFILE_PROCESS;
		s->threads += kind == PROFILE_THREAD;
	}
	free(task);
}

double profile_samples(const struct profile_sums *s, enum profile_clock clock)
{
	uint64_t n = s->all[PROFILE_CLOCK_SAMPLES];
	uint64_t wall = s->all[PROFILE_CLOCK_WALL] - s->tasks_wall_ns;

	if (clock == PROFILE_CLOCK_SAMPLES || clock == PROFILE_CLOCK_WALL || !wall)
		return (double)n;
	return (double)(n - s->tasks_samples) * (double)s->all[clock] / (double)wall;
}

double profile_row_samples(const struct profile *p, const struct profile_sums *s,
	enum profile_clock clock, uint32_t function)
{
	double n = profile_samples(s, clock), worth = view_worth(p, function, clock);

	return isfinite(worth) && worth < n ? worth : n;
}

const char *profile_clock_name(enum profile_clock clock)
{
	static const char *const NAMES[] = {
		"wall time", "CPU time", "time with the interpreter lock", "samples"};

	return NAMES[clock];
}

/* ---- how it was taken ---- */

bool profile_words_span(struct str *out, const struct profile_report *r)
{
	double s = r->profile->about.duration_s;
	char text[NUM_TEXT];

	if (!(s > 0))
		return false;
	str_add(out, num_duration(s, text));
	if (r->exit_code > 128)
		str_addf(out, ", ended by signal %d", r->exit_code - 128);
	else if (r->exit_code >= 0)
		str_addf(out, ", ended with exit code %d", r->exit_code);
	return true;
}

static void add_number_of(struct str *out, double n, const char *what, const char *many)
{
	char text[NUM_TEXT];

	str_addf(out, "%s %s", num_count(n, text), n == 1 ? what : many);
}

void profile_words_how(struct str *out, const struct profile_report *r)
{
	static const char *const CLOCKS[] = {
#define X(name, word, text) text,
		PROFILE_CLOCKS(X)
#undef X
	};
	const struct profile *p = r->profile;
	struct profile_sums sums;
	char text[NUM_TEXT];

	profile_sum(&sums, p);
	if (p->about.python[0])
		str_addf(out, "%s, ", p->about.python);
	add_number_of(out, (double)sums.all[PROFILE_CLOCK_SAMPLES], "sample", "samples");
	if (sums.threads) {
		str_add(out, " of ");
		add_number_of(out, (double)sums.threads, "thread", "threads");
	}
	if (sums.processes > 1) {
		str_add(out, " in ");
		add_number_of(out, (double)sums.processes, "process", "processes");
	}
	if (r->view.clock == PROFILE_CLOCK_SAMPLES) {
		str_add(out, ", counted as they are");
	} else {
		str_addf(out, ": %s of %s",
			num_duration((double)sums.all[r->view.clock] / 1e9, text),
			profile_clock_name(r->view.clock));
		str_addf(out, ", %s (--clock %s)", CLOCKS[r->view.clock],
			PROFILE_CLOCK_WORDS[r->view.clock]);
	}
	if (p->about.native)
		str_add(out, ", with frames of machine code");
}

/* ---- what to do next ---- */

static bool is_frame(enum profile_kind kind)
{
	return kind == PROFILE_PYTHON || kind == PROFILE_NATIVE;
}

/* The nearest function of the program above `node` that is another one than its own; 0: none. */
static uint32_t program_above(const struct profile *p, uint32_t node)
{
	uint32_t own = p->nodes[node].function;

	while (node) {
		const struct profile_function *f;

		node = p->nodes[node].parent;
		f = &p->functions[p->nodes[node].function];
		if (p->nodes[node].function != own && is_frame(f->kind) && !view_is_library(f))
			return node;
	}
	return 0;
}

/* The place in the program from which `function` is reached most: a node, or 0. */
static uint32_t caller_of(const struct profile *p, enum profile_clock clock, uint32_t function)
{
	uint64_t *sum = mem_zalloc(p->n_functions + 1, sizeof(*sum)), most = 0;
	uint32_t found = 0;

	for (uint32_t i = 1; i < p->n_nodes; i++) {
		uint64_t w = profile_weigh(&p->nodes[i].self, clock);
		uint32_t above;

		if (p->nodes[i].function != function || !w || !(above = program_above(p, i)))
			continue;
		sum[p->nodes[above].function] += w;
		if (sum[p->nodes[above].function] > most) {
			most = sum[p->nodes[above].function];
			found = above;
		}
	}
	free(sum);
	return found;
}

/* Its hottest line; 0 where none is known. */
static int hottest_line(const struct profile *p, enum profile_clock clock, uint32_t function)
{
	struct view_row *rows;
	size_t n;
	int line = 0;

	rows = view_lines(p, clock, &n);
	for (size_t i = 0; i < n && !line; i++)
		if (rows[i].function == function)
			line = rows[i].line;
	free(rows);
	return line;
}

static void add_place(struct str *out, const struct places *pl, const struct profile_function *f,
	int line, const char *open, const char *close)
{
	struct term plain = TERM_PLAIN;
	struct str where = STR_INIT;

	profile_add_name(out, &plain, f->name, 60);
	places_where(&where, pl, f->kind, f->file, line > 0 ? line : f->first_line);
	if (where.len) {
		str_add(out, open);
		profile_add_name(out, &plain, where.p, 60);
		str_add(out, close);
	}
	str_release(&where);
}

static void add_hottest(struct str *out, const struct profile_report *r, uint64_t total)
{
	const struct profile *p = r->profile;
	enum profile_clock clock = r->view.clock;
	struct places pl = {.n = 0};
	struct view_row *rows;
	size_t n;
	uint32_t caller;

	rows = view_functions(p, clock, &n);
	if (!n || !rows[0].self)
		goto out;
	places_add(&pl, p);
	profile_add_share(out, (double)rows[0].self / (double)total);
	str_addf(out, clock == PROFILE_CLOCK_SAMPLES ? " of the %s are in " : " of the %s is in ",
		profile_clock_name(clock));
	add_place(out, &pl, &p->functions[rows[0].function],
		hottest_line(p, clock, rows[0].function), " (", ")");
	caller = caller_of(p, clock, rows[0].function);
	if (caller) {
		str_add(out, view_is_library(&p->functions[rows[0].function]) ? ", reached from "
									      : ", called from ");
		add_place(out, &pl, &p->functions[p->nodes[caller].function], p->nodes[caller].line,
			" (", ")");
	}
	str_add(out, ".");
out:
	places_release(&pl);
	free(rows);
}

/* The largest share of the time in which a process' interpreter lock was held. */
static double lock_held(const struct profile *p)
{
	uint64_t *sum = mem_zalloc(p->n_nodes, sizeof(*sum)), most = 0;

	for (size_t i = p->n_nodes; i-- > 0;) {
		sum[i] += p->nodes[i].self.gil_ns;
		if (i && p->functions[p->nodes[i].function].kind != PROFILE_PROCESS)
			sum[p->nodes[i].parent] += sum[i];
		else
			most = sum[i] > most ? sum[i] : most;
	}
	free(sum);
	return p->about.duration_s > 0 ? (double)most / 1e9 / p->about.duration_s : 0;
}

static void add_waiting(
	struct str *out, const struct profile_report *r, const struct profile_sums *sums)
{
	double wall = (double)(sums->all[PROFILE_CLOCK_WALL] - sums->tasks_wall_ns);
	double cpu = (double)sums->all[PROFILE_CLOCK_CPU], waits = 1 - cpu / wall;

	if (!(wall > 0) || !(cpu > 0) || waits < .5)
		return;
	if (r->view.clock == PROFILE_CLOCK_WALL) {
		str_add(out, " The threads wait ");
		profile_add_share(out, waits);
		str_add(out, " of the time: --clock cpu shows what uses a core.");
	} else {
		str_add(out, " The threads wait ");
		profile_add_share(out, waits);
		str_add(out, " of the time, which is not in it: --clock wall shows where.");
	}
}

void profile_words_next(struct str *out, const struct profile_report *r)
{
	struct profile_sums sums;
	uint64_t total;
	double held;

	profile_sum(&sums, r->profile);
	total = sums.all[r->view.clock];
	if (!total) {
		str_add(out,
			sums.all[PROFILE_CLOCK_SAMPLES]
				? "Nothing of this clock was seen: --clock wall shows where the "
				  "threads waited."
				: "No stack was seen.");
		return;
	}
	add_hottest(out, r, total);
	held = lock_held(r->profile);
	if (held >= .9 && sums.threads > sums.processes + 1) {
		str_add(out, " The interpreter lock is held ");
		profile_add_share(out, held < 1 ? held : 1);
		str_add(out, " of the time: more threads gain nothing, more processes do.");
	} else
		add_waiting(out, r, &sums);
}

/* ---- doubts and cost ---- */

static bool doubt_few(struct str *out, const struct profile_report *r)
{
	struct profile_sums sums;
	double n, low, high;

	profile_sum(&sums, r->profile);
	n = profile_samples(&sums, r->view.clock);
	if (n >= FEW_SAMPLES || !(n > 0))
		return false;
	view_share_interval(.1, n, &low, &high);
	str_add(out, "Only ");
	add_number_of(out, n < 1 ? 1 : n, "sample", "samples");
	str_addf(out,
		" stand behind the shares: one of 10 %% may be anything from %.0f to %.0f %%. A "
		"longer profile, or a higher --rate, tells more.",
		100 * low, 100 * high);
	return true;
}

static bool doubt_rejected(struct str *out, const struct profile_report *r)
{
	const struct profile_about *a = &r->profile->about;
	double share = (double)a->rejected / (double)(a->samples + a->rejected + 1);

	if (share < MANY_REJECTED)
		return false;
	profile_add_share(out, share);
	str_add(out,
		" of the stacks changed while they were read and are left out, which may favour "
		"what stands still. ");
	str_add(out, a->paused ? "A lower --rate may help."
			       : "--pause stops a thread while it is read.");
	return true;
}

static bool doubt_late(struct str *out, const struct profile_report *r)
{
	const struct profile_about *a = &r->profile->about;
	double share = (double)a->late / (double)(a->sweeps + a->late + 1);

	if (share < MANY_LATE)
		return false;
	str_add(out, "The profiler came too late for ");
	profile_add_share(out, share);
	str_add(out,
		" of its looks, so that the shares rest on fewer than asked for; a lower --rate "
		"is kept.");
	return true;
}

static bool doubt_cores(struct str *out, const struct profile_report *r)
{
	const struct profile_about *a = &r->profile->about;
	double waited = (double)a->core_wait_ns / 1e9, ran = (double)a->core_ns / 1e9;
	char text[NUM_TEXT];

	if (!(waited > 0) || waited < MANY_WAITED * (waited + ran))
		return false;
	str_addf(out, "Threads were on a core for %s and waited for one for ",
		num_duration(ran, text));
	str_addf(out, "%s (", num_duration(waited, text));
	profile_add_share(out, waited / (waited + ran));
	str_add(out, "): others had the cores, or a limit of CPU time held them back. The wait "
		     "counts as CPU time of the line at which a thread had to wait.");
	return true;
}

static bool doubt_folded(struct str *out, const struct profile_report *r)
{
	const struct profile_about *a = &r->profile->about;

	if (!a->folded)
		return false;
	add_number_of(out, (double)a->folded, "sample is", "samples are");
	str_add(out, " booked on a caller of its place: the program has more places than a profile "
		     "holds.");
	return true;
}

static bool doubt_dear(struct str *out, const struct profile_report *r)
{
	const struct profile_about *a = &r->profile->about;

	if (!(a->duration_s > 0) || a->own_cpu_s / a->duration_s < DEAR)
		return false;
	str_add(out, "The profiler itself used ");
	profile_add_share(out, a->own_cpu_s / a->duration_s);
	str_add(out, " of a core; where there is none to spare, a lower --rate disturbs less.");
	return true;
}

bool profile_words_doubt(struct str *out, const struct profile_report *r, size_t i)
{
	static bool (*const DOUBTS[])(struct str *, const struct profile_report *) = {
		doubt_few, doubt_rejected, doubt_late, doubt_cores, doubt_folded, doubt_dear};

	for (size_t k = 0; k < sizeof(DOUBTS) / sizeof(DOUBTS[0]); k++) {
		struct str text = STR_INIT;
		bool is = DOUBTS[k](&text, r);

		if (is && !i--) {
			str_add(out, text.p);
			str_release(&text);
			return true;
		}
		str_release(&text);
	}
	return false;
}

bool profile_words_cost(struct str *out, const struct profile_report *r)
{
	const struct profile_about *a = &r->profile->about;
	char text[NUM_TEXT];

	if (!a->sweeps || !(a->duration_s > 0))
		return false;
	str_add(out, num_duration(a->own_cpu_s, text));
	str_add(out, " of CPU, ");
	profile_add_share(out, a->own_cpu_s / a->duration_s);
	str_addf(out, " of a core; %s looks a second",
		num_count((double)a->sweeps / a->duration_s, text));
	str_addf(out, " of %s asked for, ", num_count(a->rate_hz, text));
	add_number_of(out, (double)a->late, "late", "late");
	str_add(out, "; ");
	add_number_of(out, (double)a->retries, "stack read again", "stacks read again");
	str_add(out, ", ");
	add_number_of(out, (double)a->rejected, "rejected", "rejected");
	if (a->rejected) {
		str_add(out, " (");
		phrase_significant(
			out, 100 * (double)a->rejected / (double)(a->samples + a->rejected), 2);
		str_add(out, " %)");
	}
	if (a->paused)
		str_add(out, "; threads were stopped while they were read");
	return true;
}
