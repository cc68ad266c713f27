#include "report/recording_words.h"

#include <math.h>

#include "base/num.h"
#include "report/phrase.h"

static struct recording_summary sum_of(const struct recording *r, enum recorder_series s)
{
	struct recording_summary sum;

	recording_summarise(r, s, NAN, NAN, &sum);
	return sum;
}

static double seconds_of(const struct recording *r)
{
	return r->n ? r->time_s[r->n - 1] : 0;
}

/* Clocks that disagree by a tick may give a rate below nothing. */
static void add_percent(struct str *out, double fraction)
{
	double percent = fraction > 0 ? 100 * fraction : 0;

	if (percent < .005)
		str_add(out, "0");
	else
		phrase_significant(out, percent, percent >= 100 ? 3 : 2);
	str_add(out, " %");
}

static void add_duration(struct str *out, double seconds)
{
	char text[NUM_TEXT];

	str_add(out, num_duration(seconds, text));
}

static void add_bytes(struct str *out, double bytes)
{
	char text[NUM_TEXT];

	str_add(out, num_bytes(bytes > 0 ? bytes : 0, text));
}

/* "12.4", but "12" where it is a whole number or large. */
static void add_number(struct str *out, double value)
{
	char text[NUM_TEXT];

	if (value >= 100 || value == floor(value))
		str_add(out, num_count(value, text));
	else
		phrase_fixed(out, value, 1);
}

bool recording_words_span(struct str *out, const struct recording_report *r)
{
	add_duration(out, seconds_of(r->recording));
	if (r->exit_code > 128)
		str_addf(out, ", ended by signal %d", r->exit_code - 128);
	else if (r->exit_code >= 0)
		str_addf(out, ", ended with exit code %d", r->exit_code);
	else
		str_add(out, r->recording->ended ? ", until it ended" : ", still there at the end");
	return true;
}

bool recording_words_cpu(struct str *out, const struct recording *r)
{
	struct recording_summary sum = sum_of(r, RECORD_CPU);

	if (isnan(sum.mean))
		return false;
	add_percent(out, sum.mean);
	str_add(out, " of a core");
	if (seconds_of(r) > 2 * RECORDING_RATE_S) {
		str_add(out, ", at most ");
		add_percent(out, sum.max);
		str_addf(out, " within %.0f ms", 1e3 * fmax(RECORDING_RATE_S, r->interval_s));
	}
	return true;
}

bool recording_words_cpu_total(struct str *out, const struct recording *r)
{
	double user = sum_of(r, RECORD_USER).total, system = sum_of(r, RECORD_SYSTEM).total;
	double total = sum_of(r, RECORD_CPU).total;

	if (isnan(total))
		return false;
	add_duration(out, total);
	str_add(out, " in all");
	if (isfinite(user) && isfinite(system)) {
		str_add(out, ": ");
		add_duration(out, user);
		str_add(out, " user, ");
		add_duration(out, system);
		str_add(out, " system");
	}
	return true;
}

/* A command may be over between two samples. That it had no memory is not known then. */
static bool was_seen(const struct recording *r)
{
	return sum_of(r, RECORD_RSS).max > 0 || sum_of(r, RECORD_PROCESSES).max > 0;
}

bool recording_words_memory(struct str *out, const struct recording *r)
{
	struct recording_summary rss = sum_of(r, RECORD_RSS), pss = sum_of(r, RECORD_PSS);

	if (isnan(rss.mean) || !was_seen(r))
		return false;
	add_bytes(out, rss.mean);
	str_add(out, ", at most ");
	add_bytes(out, rss.max);
	if (isfinite(pss.mean)) {
		str_add(out, "; with shared pages divided ");
		add_bytes(out, pss.mean);
		str_add(out, ", at most ");
		add_bytes(out, pss.max);
	}
	return true;
}

static bool add_count(struct str *out, const struct recording *r, enum recorder_series s,
	const char *one, const char *many, bool more)
{
	struct recording_summary sum = sum_of(r, s);

	if (isnan(sum.mean))
		return false;
	if (sum.max - sum.mean < .05) /* what came and went at an end is no matter */
		sum.mean = sum.max;
	str_add(out, more ? "; " : "");
	add_number(out, sum.mean);
	str_addf(out, " %s", sum.mean == 1 ? one : many);
	if (sum.max > sum.mean) {
		str_add(out, ", at most ");
		add_number(out, sum.max);
	}
	return true;
}

bool recording_words_counts(struct str *out, const struct recording *r)
{
	bool any;

	if (!was_seen(r))
		return false;
	any = add_count(out, r, RECORD_PROCESSES, "process", "processes", false);
	any |= add_count(out, r, RECORD_THREADS, "thread", "threads", any);
	any |= add_count(out, r, RECORD_FILES, "open file", "open files", any);
	return any;
}

static bool add_flow(struct str *out, const struct recording *r, enum recorder_series s,
	const char *verb, bool more)
{
	struct recording_summary sum = sum_of(r, s);

	if (isnan(sum.total))
		return false;
	str_add(out, more ? ", " : "");
	add_bytes(out, sum.total);
	str_addf(out, " %s", verb);
	if (sum.total > 0) {
		str_add(out, " (");
		add_bytes(out, sum.mean);
		str_add(out, "/s)");
	}
	return true;
}

bool recording_words_disk(struct str *out, const struct recording *r)
{
	bool any = add_flow(out, r, RECORD_READ, "read", false);

	any |= add_flow(out, r, RECORD_WRITTEN, "written", any);
	return any;
}

bool recording_words_network(struct str *out, const struct recording *r)
{
	bool any = add_flow(out, r, RECORD_RX, "in", false);

	any |= add_flow(out, r, RECORD_TX, "out", any);
	if (any)
		str_add(out, ", all of its network namespace");
	return any;
}

bool recording_words_switches(struct str *out, const struct recording *r)
{
	struct recording_summary voluntary = sum_of(r, RECORD_VOLUNTARY);
	struct recording_summary involuntary = sum_of(r, RECORD_INVOLUNTARY);
	struct recording_summary faults = sum_of(r, RECORD_FAULTS);

	if (isnan(voluntary.mean) || isnan(involuntary.mean))
		return false;
	add_number(out, voluntary.mean);
	str_add(out, "/s waited, ");
	add_number(out, involuntary.mean);
	str_add(out, "/s made to wait");
	if (faults.total > 0) {
		str_add(out, "; ");
		add_number(out, faults.total);
		str_add(out, " pages had to be read");
	}
	return true;
}

bool recording_words_waiting(struct str *out, const struct recording *r)
{
	struct recording_summary runnable = sum_of(r, RECORD_RUNNABLE);
	struct recording_summary waited = sum_of(r, RECORD_WAITED);

	if (isnan(runnable.mean) || isnan(waited.total))
		return false;
	phrase_significant(out, runnable.mean, 2);
	str_add(out, " threads ran or wanted to, at most ");
	phrase_significant(out, runnable.max, 2);
	str_add(out, "; ");
	add_duration(out, waited.total);
	str_add(out, " spent waiting for a core");
	return true;
}

bool recording_words_others(struct str *out, const struct recording *r)
{
	struct recording_summary others = sum_of(r, RECORD_OTHERS), steal = sum_of(r, RECORD_STEAL);
	struct recording_summary pressure = sum_of(r, RECORD_PRESSURE);

	if (isnan(others.mean))
		return false;
	add_percent(out, others.mean);
	str_add(out, " of a core; steal ");
	add_percent(out, steal.mean);
	if (isfinite(pressure.mean)) {
		str_add(out, "; something waited for a core ");
		add_percent(out, fmin(pressure.mean, 1)); /* its clock is not ours */
		str_add(out, " of the time");
	}
	return true;
}

bool recording_words_recorder(struct str *out, const struct recording *r)
{
	char count[NUM_TEXT];

	if (!r->n)
		return false;
	str_addf(out, "%s samples, one every ", num_count((double)r->n, count));
	add_duration(out, r->interval_s);
	str_addf(out, ", %s missed; used ",
		r->missed ? num_count((double)r->missed, count) : "none");
	add_percent(out, seconds_of(r) > 0 ? r->own_cpu_s / seconds_of(r) : 0);
	str_add(out, " of a core");
	return true;
}

/* ---- doubts ---- */

static bool doubt_denied(struct str *out, const struct recording *r)
{
	size_t n = 0;

	if (!r->denied)
		return false;
	str_add(out, "Not known, for the processes belong to another user: ");
	for (size_t s = 0; s < RECORD_N_SERIES; s++)
		if (r->denied & 1u << s)
			str_addf(out, "%s%s", n++ ? ", " : "", RECORDER_WORDS[s]);
	str_add(out, ". Run culprit as that user or as root.");
	return true;
}

static bool doubt_unseen(struct str *out, const struct recording *r)
{
	if (!(sum_of(r, RECORD_RSS).max <= 0) || was_seen(r))
		return false;
	str_add(out, "It was over before it was looked at: memory, threads and open files are not "
		     "known. The CPU time holds.");
	return true;
}

/* A tenth of them, and not only one or two of a short recording. */
static bool doubt_missed(struct str *out, const struct recording *r)
{
	double all = (double)r->missed + (double)r->n;

	if (r->missed < 5 || (double)r->missed < .1 * all)
		return false;
	add_percent(out, (double)r->missed / all);
	str_add(out,
		" of the samples were missed, since no core was free in time. The totals hold; "
		"what is shorter than the gaps is not seen.");
	return true;
}

static bool doubt_others(struct str *out, const struct recording *r)
{
	struct recording_summary others = sum_of(r, RECORD_OTHERS), steal = sum_of(r, RECORD_STEAL);
	struct recording_summary waited = sum_of(r, RECORD_WAITED), own = sum_of(r, RECORD_CPU);

	if (!(waited.total > .1 * own.total) || !(others.mean + steal.mean > .25))
		return false;
	str_add(out, "Others used ");
	add_percent(out, others.mean + steal.mean);
	str_add(out, " of a core, and it waited for one for ");
	add_duration(out, waited.total);
	str_add(out, ": on a quiet machine it would have been faster.");
	return true;
}

bool recording_words_doubt(struct str *out, const struct recording *r, size_t i)
{
	bool (*const doubts[])(struct str *, const struct recording *) = {
		doubt_denied, doubt_unseen, doubt_missed, doubt_others};

	for (size_t d = 0; d < sizeof(doubts) / sizeof(doubts[0]); d++) {
		struct str text = STR_INIT;
		bool found = doubts[d](&text, r);

		if (found && !i--) {
			str_add(out, text.p);
			str_release(&text);
			return true;
		}
		str_release(&text);
	}
	return false;
}
