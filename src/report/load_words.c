#include "report/load_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/phrase.h"

static void add_count(struct str *out, double n, const char *one, const char *many)
{
	char number[NUM_TEXT];

	str_addf(out, "%s %s", num_count(n, number), n == 1 ? one : many);
}

void load_words_what(struct str *out, const struct load_spec *spec)
{
	const char *method = load_spec_method(spec);
	size_t more = spec->targets.n;

	if (spec->scenario) {
		str_addf(out, "scenario %s", spec->scenario);
		return;
	}
	if (spec->url && *spec->url)
		str_addf(out, "%s %s", method, spec->url);
	else if (more) {
		str_add(out, spec->targets.items[0]);
		more--;
	} else
		str_addf(out, "the requests of %s",
			spec->urls_file  ? spec->urls_file
			: spec->har_file ? spec->har_file
					 : "nothing");
	if (more) {
		str_add(out, " and ");
		add_count(out, (double)more, "other", "others");
	}
	if (spec->url && *spec->url && (spec->urls_file || spec->har_file))
		str_addf(out, " and those of %s",
			spec->urls_file ? spec->urls_file : spec->har_file);
}

static void add_schedule(struct str *out, const struct load_spec *spec)
{
	char number[NUM_TEXT];

	if (!spec->stages && spec->rate <= 0)
		return;
	str_add(out, ", open loop: ");
	if (spec->stages)
		str_addf(out, "stages %s", spec->stages);
	else {
		str_addf(out, "%s requests/s", num_short(spec->rate, number));
	}
	if (spec->arrivals == LOAD_POISSON)
		str_add(out, ", Poisson arrivals");
}

void load_words_how(struct str *out, const struct load_spec *spec)
{
	double n = (double)spec->connections;

	if (spec->scenario)
		add_count(out, n, "user", "users");
	else
		add_count(out, n, "connection", "connections");
	if (spec->pipeline > 1)
		str_addf(out, " with %lld requests at a time each", (long long)spec->pipeline);
	if (!spec->keepalive)
		str_add(out, ", a new one for each request");
	if (spec->unix_socket)
		str_addf(out, " to %s", spec->unix_socket);
	add_schedule(out, spec);
}

static bool is_open(const struct load_spec *spec)
{
	return spec->rate > 0 || spec->stages;
}

/* In the open loop it is the latency that was judged, since the rate is given. */
static double relative_half_width(const struct load_spec *spec, const struct load_result *r)
{
	const struct steady *s = &r->steady;

	return s->known && s->mean > 0 && !is_open(spec) ? s->half_width / s->mean : NAN;
}

void load_words_rate(struct str *out, const struct load_spec *spec, const struct load_result *r)
{
	double rate = r->requests_per_second, half = rate * relative_half_width(spec, r), percent;

	/* where nothing else is known: a count of n is known to about √n */
	phrase_fixed(
		out, rate, phrase_decimals(half > 0 ? half : rate / sqrt((double)r->completed), 0));
	str_add(out, " requests/s");
	if (!isfinite(half))
		return;
	percent = 100 * half / rate;
	str_addf(out,
		percent < .095  ? " ± %.2f %%"
		: percent < 9.5 ? " ± %.1f %%"
				: " ± %.0f %%",
		percent);
}

void load_words_count(struct str *out, const struct load_spec *spec, const struct load_result *r)
{
	char text[NUM_TEXT];

	add_count(out, (double)r->completed, "answer", "answers");
	str_addf(out, " in %s", num_duration(r->seconds, text));
	if (spec->rate > 0 && !spec->stages)
		str_addf(out, ", asked for %s/s", num_short(spec->rate, text));
	if (r->stopped)
		str_add(out, ", ended early");
	else if (r->ended == LOAD_ENDED_PRECISE)
		str_add(out, ", long enough by rule");
	else if (r->ended == LOAD_ENDED_LONGEST)
		str_add(out, ", the longest allowed: not as precise as asked");
}

bool load_words_warmup(struct str *out, const struct load_result *r)
{
	char text[NUM_TEXT];

	if (!(r->warmup_s > 0))
		return false;
	str_addf(out, "%s left out%s", num_duration(r->warmup_s, text),
		r->warmup_ruled ? " by rule: not steady yet" : ", as asked");
	return true;
}

void load_words_engine(struct str *out, const struct load_result *r)
{
	add_count(out, r->threads, "thread", "threads");
	str_addf(out, ", %s used %.0f %% of a core", r->threads == 1 ? "it" : "the busiest",
		100 * r->busiest_core);
}

void load_words_protocol(struct str *out, const struct load_result *r)
{
	if (!r->protocol[0] && !r->tls_version[0])
		return;
	str_add(out, r->protocol[0] ? r->protocol : "HTTP");
	if (!r->tls_version[0])
		return;
	str_addf(out, " over %s (%s)", r->tls_version, r->tls_cipher);
	if (r->handshakes) {
		str_add(out, ": ");
		add_count(out, (double)r->handshakes, "handshake", "handshakes");
		if (r->resumed) {
			str_add(out, ", ");
			add_count(out, (double)r->resumed, "resumed", "resumed");
		}
	}
}

void load_words_whole(struct str *out, const struct load_result *r)
{
	char in[NUM_TEXT], sent[NUM_TEXT], cpu[NUM_TEXT], each[NUM_TEXT];

	str_addf(out, "%s in, %s out, ", num_bytes((double)r->bytes_in, in),
		num_bytes((double)r->bytes_out, sent));
	add_count(out, (double)r->connects, "connection", "connections");
	str_addf(out, ", CPU %s", num_duration(r->cpu_seconds, cpu));
	if (r->finished)
		str_addf(out, " (%s a request)",
			num_duration(r->cpu_seconds / (double)r->finished, each));
}

static bool limit_sentence(
	struct str *out, const struct load_spec *spec, const struct load_result *r)
{
	char text[NUM_TEXT];

	switch (load_limit(r)) {
	case LOAD_LIMIT_NONE: return false;
	case LOAD_LIMIT_CPU:
		str_addf(out,
			"The generator was the limit: %s used %.0f %% of a core. Give it more "
			"threads (-t) or another machine; the service may do more.",
			r->threads == 1 ? "its thread" : "its busiest thread",
			100 * r->busiest_core);
		return true;
	case LOAD_LIMIT_LATE:
		str_addf(out,
			"Requests went out late although connections were free, 1 %% of them by "
			"more than %s: the generator did not get the CPU time that it needed. Give "
			"it more threads (-t), a quieter machine, or a lower rate.",
			num_duration((double)hist_percentile(&r->late, 99) / 1e9, text));
		return true;
	case LOAD_LIMIT_USERS:
		add_count(out, (double)(r->waited + r->errors[LOAD_UNSENT]), "request", "requests");
		str_addf(out,
			" found all %s connections busy and had to wait for one, which is in the "
			"latency. Either the service does not keep up with this rate, or it is "
			"used by more clients than that: more connections (-c) tell.",
			num_count((double)spec->connections, text));
		return true;
	}
	return false;
}

/* Stages change the rate on purpose. */
static bool drift_sentence(
	struct str *out, const struct load_spec *spec, const struct load_result *r)
{
	if (!r->steady.drifts || spec->stages || !isfinite(r->steady.drift))
		return false;
	str_addf(out,
		"The %s was not steady: from the first part of the window to the last it %s by ",
		is_open(spec) ? "latency" : "rate", r->steady.drift > 0 ? "rose" : "fell");
	phrase_significant(out, 100 * fabs(r->steady.drift), 2);
	str_add(out,
		is_open(spec) && r->steady.drift > 0
			? " %. Does the service keep up with this rate? Measure longer (-d) "
			  "to see where it goes."
			: " %. Measure longer (-d), or leave out more of the start (--warmup).");
	return true;
}

static bool tls_sentence(struct str *out, const struct load_spec *spec, const struct load_result *r)
{
	(void)spec;
	if (!r->errors_all[LOAD_TLS] || !r->why[0])
		return false;
	str_addf(out, "TLS failed: %s%s", r->why,
		strchr(".?!", r->why[strlen(r->why) - 1]) ? "" : ".");
	return true;
}

bool load_words_doubt(struct str *out, const struct load_report *l, size_t i)
{
	struct str text = STR_INIT;
	bool (*const ask[])(struct str *, const struct load_spec *, const struct load_result *) = {
		tls_sentence, limit_sentence, drift_sentence};
	bool found = false;

	for (size_t k = 0; !found && k < sizeof(ask) / sizeof(ask[0]); k++) {
		str_clear(&text);
		if (ask[k](&text, l->spec, l->result))
			found = !i--;
	}
	if (found)
		str_add(out, text.p);
	str_release(&text);
	return found;
}

void load_words_search(struct str *out, const struct load_report *l)
{
	const struct load_search *s = l->search;
	char number[NUM_TEXT];

	if (!isfinite(s->best)) {
		str_addf(out, "%s did not hold at any rate that was tried", l->search_goal->text);
	} else {
		str_addf(out, "%s requests/s is the highest rate at which %s held",
			num_short(s->best, number), l->search_goal->text);
		if (isfinite(s->missed))
			str_addf(out, "; at %s it was missed", num_short(s->missed, number));
	}
	str_add(out, s->limited ? ". Above that the generator or the number of its connections was "
				  "the limit: with more (-t, -c) the service may do more."
		     : s->stopped ? "; the search was ended early."
				  : ".");
}

const char *load_words_mend_of(enum load_error kind, const struct load_result *r)
{
	/* the reason, which has its own mend, stands above */
	if (kind == LOAD_TLS && r->why[0])
		return "";
	if (kind == LOAD_MALFORMED && r->malformed[0])
		return r->malformed;
	return load_words_mend(kind);
}

const char *load_words_mend(enum load_error kind)
{
	switch (kind) {
	case LOAD_REFUSED: return "does the service run, and is this its port, or its socket?";
	case LOAD_CONNECT:
		return "look at routes, firewalls, and free ports (--keepalive, --source)";
	case LOAD_TLS: return "name what to trust by --ca, or do not verify (--insecure)";
	case LOAD_RESET: return "the service's log, or that of the proxy before it, says why";
	case LOAD_CLOSED: return "does the service close idle connections, or a worker restart?";
	case LOAD_TRUNCATED: return "the service's log says what ended it";
	case LOAD_TIMEOUT: return "allow more by --timeout, or ask for less";
	case LOAD_UNSENT: return "give it more connections (-c), or a lower rate";
	case LOAD_MALFORMED: return "what does `curl -v` show?";
	case LOAD_STATUS: return "check path, method, headers and body";
	case LOAD_CHECK:
	case LOAD_N_ERRORS: break;
	}
	return "";
}

void load_words_statuses(struct str *out, const struct load_result *r)
{
	struct str line = STR_INIT;
	char count[NUM_TEXT];
	bool only_200 = true;

	for (size_t i = 0; i < 600; i++) {
		if (!r->status[i])
			continue;
		only_200 &= i == 200;
		str_addf(&line, "%s%zu: %s", line.len ? ", " : "", i,
			num_count((double)r->status[i], count));
	}
	if (!only_200)
		str_add(out, line.p);
	str_release(&line);
}

bool load_words_differ(const struct hist *a, const struct hist *b)
{
	static const double PERCENTS[] = {50, 90, 99, 99.9, 100};

	if (!a->n || !b->n || !a->counts || !b->counts)
		return false;
	for (size_t i = 0; i < sizeof(PERCENTS) / sizeof(PERCENTS[0]); i++) {
		double x = (double)hist_percentile(a, PERCENTS[i]);
		double y = (double)hist_percentile(b, PERCENTS[i]);

		if (fabs(x - y) > .1 * fmax(x, y))
			return true;
	}
	return false;
}

/* By what a target is picked: how much it did, how much went wrong, how slow it was. */
static double worth(const struct load_target *t, unsigned by)
{
	switch (by) {
	case 0: return (double)t->completed;
	case 1: return (double)t->n_errors;
	}
	return t->latency.counts ? (double)hist_percentile(&t->latency, 99)
				 : (double)t->latency.max;
}

size_t load_words_targets(const struct load_result *r, size_t most, size_t *shown)
{
	bool *picked = mem_zalloc(r->n_targets + 1, sizeof(*picked));
	size_t n = 0;

	for (size_t k = 0; k < most && k < r->n_targets; k++) {
		unsigned by = r->n_targets > most ? (unsigned)(k % 3) : 0;
		size_t best = r->n_targets;

		for (size_t i = 0; i < r->n_targets; i++)
			if (!picked[i] &&
				(best == r->n_targets ||
					worth(&r->targets[i], by) > worth(&r->targets[best], by)))
				best = i;
		picked[best] = true;
	}
	for (size_t i = 0; i < r->n_targets; i++)
		if (picked[i])
			shown[n++] = i;
	free(picked);
	return n;
}

bool load_words_watched(struct str *out, const struct load_report *l)
{
	static const enum recorder_series SWITCHES[] = {RECORD_VOLUNTARY, RECORD_INVOLUNTARY};
	double t0 = -l->watched_start_s, t1 = t0 + l->result->seconds, switches = 0;
	struct recording_summary sum;
	const struct recording *r;
	char text[NUM_TEXT];

	if (!l->watched)
		return false;
	r = l->watched->recording;
	recording_summarise(r, RECORD_CPU, t0, t1, &sum);
	str_addf(out, "%s: ", l->watched->what);
	if (!isfinite(sum.mean)) {
		str_add(out, "nothing is known of it while it was measured");
		return true;
	}
	phrase_significant(out, sum.mean > 0 ? sum.mean : 0, 3);
	str_add(out, " cores");
	recording_summarise(r, RECORD_RSS, t0, t1, &sum);
	if (isfinite(sum.mean))
		str_addf(out, ", %s", num_bytes(sum.mean, text));
	for (size_t i = 0; i < 2; i++) {
		recording_summarise(r, SWITCHES[i], t0, t1, &sum);
		switches += sum.mean;
	}
	if (isfinite(switches))
		str_addf(out, ", %s switches/s", num_count(switches > 0 ? switches : 0, text));
	return true;
}
