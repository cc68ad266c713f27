#include "cli/stored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/profile_sources.h"
#include "cli/run_name.h"
#include "cli/stored_correlate.h"
#include "cli/stored_load.h"
#include "cli/stored_recording.h"
#include "cli/stored_troubles.h"
#include "study/study.h"

int stored_read(const struct cli *cli, const char *which, struct stored *out, struct err *err)
{
	int64_t id;
	int rc;

	*out = (struct stored){0};
	rc = cli_open_store(cli, &out->store, err);
	if (!rc)
		rc = run_name_find(out->store, which, &id, err);
	if (!rc)
		rc = store_run_read(out->store, id, &out->run, err);
	if (!rc)
		rc = store_trial_list(out->store, out->run.id, &out->trials, &out->n_trials, err);
	return rc;
}

void stored_trials_free(struct stored *s)
{
	trials_free(s->trials, s->n_trials);
	s->trials = NULL;
	s->n_trials = 0;
}

void stored_release(struct stored *s)
{
	stored_trials_free(s);
	run_release(&s->run);
	store_close(s->store);
	*s = (struct stored){0};
}

json_t *stored_json(const struct stored *s)
{
	const struct run *r = &s->run;
	char started[CLOCK_TEXT], ended[CLOCK_TEXT];
	json_t *trials = json_array();
	json_t *whole = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:O?, s:O?}", "run",
		(json_int_t)r->id, "kind", r->kind, "title", r->title, "status",
		RUN_STATUS_WORDS[r->status], "started", clock_iso(r->started_ms, started), "ended",
		r->ended_ms ? clock_iso(r->ended_ms, ended) : "", "command", r->command, "seed",
		(json_int_t)r->seed, "machine", r->machine, "spec", r->spec);

	for (size_t i = 0; i < s->n_trials; i++) {
		const struct trial *t = &s->trials[i];

		json_array_append_new(
			trials, json_pack("{s:i, s:b, s:s, s:O, s:O, s:O}", "trial",
					(int)t->index + 1, "ok", t->ok, "started",
					clock_iso(t->started_ms, started), "setting", t->setting,
					"responses", t->responses, "detail", t->detail));
	}
	if (s->n_trials)
		json_object_set(whole, "trials", trials);
	json_decref(trials);
	json_object_set(whole, "result", r->result ? r->result : json_null());
	stored_profile_put(s->store, r->id, whole);
	return whole;
}

static bool has_ranking(const struct run *run)
{
	return run->result && (!strcmp(run->kind, "study") || !strcmp(run->kind, "rank"));
}

static bool has_load(const struct run *run)
{
	return run->result && !strcmp(run->kind, "load");
}

static bool has_recording(const struct run *run)
{
	return run->result && !strcmp(run->kind, "recording");
}

static bool has_profile(const struct run *run)
{
	return run->result && !strcmp(run->kind, "profile");
}

static bool has_correlation(const struct run *run)
{
	return run->result && !strcmp(run->kind, "correlation");
}

static bool has_tune(const struct run *run)
{
	return run->result && !strcmp(run->kind, "tune");
}

static void run_line(const struct stored *s, const struct term *term, struct str *out)
{
	const struct run *r = &s->run;
	struct str line = STR_INIT;
	char text[CLOCK_TEXT];

	str_addf(&line, "run %lld, %s, %s", (long long)r->id, r->kind,
		clock_label(r->started_ms, text));
	if (r->ended_ms > r->started_ms)
		str_addf(&line, ", took %s",
			num_duration((double)(r->ended_ms - r->started_ms) / 1e3, text));
	str_addf(&line, ", %s\n%s\n", RUN_STATUS_WORDS[r->status], r->command);
	term_add(out, term, TERM_DIM, line.p);
	str_add_char(out, '\n');
	str_release(&line);
}

static bool stored_confirm(const struct run *run, struct confirm *out)
{
	const json_t *json = json_object_get(run->result, "confirmation");

	*out = (struct confirm){0};
	return json && !confirm_from_json(out, json, NULL);
}

void stored_add_confirm(const struct run *run, const struct term *term, struct str *out)
{
	struct confirm confirm;
	const char *slow = json_text_at(json_object_get(run->result, "slow"), "sentence");

	report_slow(out, term, json_text_at(json_object_get(run->result, "settled"), "sentence"));
	report_slow(out, term, slow);
	report_slow(out, term, json_text_at(json_object_get(run->result, "profile"), "sentence"));
	if (stored_confirm(run, &confirm))
		report_confirm(out, term, &confirm);
	confirm_release(&confirm);
}

int stored_text(const struct stored *s, const struct profile_view_options *view,
	const struct term *term, struct str *out, struct err *err)
{
	int rc = 0;

	run_line(s, term, out);
	if (has_ranking(&s->run)) {
		struct rank_result rank = {0};

		rc = rank_from_json(&rank, s->run.result, err);
		if (!rc)
			report_rank(out, term, &rank);
		if (!rc)
			stored_add_confirm(&s->run, term, out);
		if (!rc)
			stored_add_troubles(s, term, out);
		rank_release(&rank);
	} else if (has_tune(&s->run)) {
		struct tune_result tune;

		rc = tune_from_json(&tune, s->run.result, err);
		if (!rc)
			report_tune(out, term, &tune);
		if (!rc)
			stored_add_troubles(s, term, out);
		tune_release(&tune);
	} else if (has_load(&s->run)) {
		struct stored_load load;

		rc = stored_load_read(&load, s->run.result, err);
		if (!rc)
			report_load(out, term, &load.report);
		if (!rc)
			rc = stored_profile_add(s->store, &s->run, term, out, err);
		stored_load_release(&load);
	} else if (has_profile(&s->run)) {
		rc = stored_profile_text(s->store, &s->run, view, term, out, err);
	} else if (has_correlation(&s->run)) {
		rc = stored_correlate_text(&s->run, term, out, err);
	} else if (has_recording(&s->run)) {
		rc = stored_recording_text(&s->run, term, out, err);
	} else if (s->n_trials) {
		str_addf(out, "%zu trials so far; `culprit export %lld --csv` prints them\n",
			s->n_trials, (long long)s->run.id);
	} else {
		str_add(out, "nothing was measured\n");
	}
	return rc;
}

void stored_rank_csv(const json_t *result, struct str *out)
{
	static const char *const COLUMNS[] = {"name", "group", "active", "importance", "coef",
		"p_value", "rfecv_rank", "permutation", "impurity", "effect_percent", NULL};
	size_t i;
	json_t *factor;

	for (size_t c = 0; COLUMNS[c]; c++)
		csv_put(out, !c, COLUMNS[c]);
	str_add_char(out, '\n');
	json_array_foreach(json_object_get(result, "factors"), i, factor)
	{
		for (size_t c = 0; COLUMNS[c]; c++) {
			const json_t *value = json_object_get(factor, COLUMNS[c]);

			if (json_is_string(value))
				csv_put(out, !c, json_string_value(value));
			else if (json_is_boolean(value))
				csv_put(out, !c, json_is_true(value) ? "true" : "false");
			else
				csv_put_number(out, !c,
					json_is_number(value) ? json_number_value(value) : NAN);
		}
		str_add_char(out, '\n');
	}
}

int stored_csv(const struct stored *s, struct str *out, struct err *err)
{
	int rc = 0;

	if (s->n_trials) {
		study_trials_csv(out, s->trials, s->n_trials);
	} else if (has_ranking(&s->run)) {
		stored_rank_csv(s->run.result, out);
	} else if (has_load(&s->run)) {
		struct load_result load = {0};

		rc = load_from_json(&load, s->run.result, err);
		if (!rc)
			load_to_csv(out, &load);
		load_result_release(&load);
	} else if (has_profile(&s->run)) {
		rc = stored_profile_csv(s->store, &s->run, out, err);
	} else if (has_correlation(&s->run)) {
		rc = stored_correlate_csv(&s->run, out, err);
	} else if (has_recording(&s->run)) {
		rc = stored_recording_csv(&s->run, out, err);
	} else {
		rc = err_set(err, ERR_USAGE, "run %lld (%s) has no rows to export",
			(long long)s->run.id, s->run.kind);
	}
	return rc;
}

struct report_run stored_describe(const struct run *run)
{
	struct report_run r = {.title = run->title,
		.command = run->command,
		.machine = run->machine,
		.id = run->id};

	clock_label(run->started_ms, r.started);
	return r;
}

/* How long it took; NaN where that is not known. */
static double seconds_of(const struct run *run)
{
	return run->ended_ms > run->started_ms ? (double)(run->ended_ms - run->started_ms) / 1e3
					       : NAN;
}

/* Whether `trials: auto` settled it, what was saturated in the worst settings, and which functions
 * grew there. */
static void add_sentences(struct str *out, const struct run *run)
{
	static const char *const MEMBERS[] = {"settled", "slow", "profile"};

	for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++) {
		const char *sentence =
			json_text_at(json_object_get(run->result, MEMBERS[i]), "sentence");

		str_addf(out, "%s%s", out->len && *sentence ? " " : "", sentence);
	}
}

void stored_page(const struct run *run, const struct trial *trials, size_t n_trials,
	const struct rank_result *rank, struct str *out)
{
	struct report_trial *rows = mem_zalloc(n_trials + 1, sizeof(*rows));
	struct confirm confirm;
	bool confirmed = stored_confirm(run, &confirm);
	struct str slow = STR_INIT, troubles = STR_INIT;
	struct report_page page = {
		.run = stored_describe(run),
		.seed = run->seed,
		.seconds = n_trials ? seconds_of(run) : NAN,
		.rank = rank,
		.confirm = confirmed ? &confirm : NULL,
		.trials = n_trials ? rows : NULL,
	};

	/* Those of the confirmation are told apart, and stand behind the others. */
	while (page.n_trials < n_trials && study_trial_is_design(&trials[page.n_trials]))
		page.n_trials++;
	for (size_t i = 0; i < n_trials; i++)
		rows[i] = (struct report_trial){trials[i].index, trials[i].ok,
			json_text_at(trials[i].detail, "note"), trials[i].setting,
			trials[i].responses};
	add_sentences(&slow, run);
	page.slow = str_text(&slow);
	stored_troubles_sentence(&troubles, trials, n_trials);
	page.troubles = str_text(&troubles);
	report_html(out, &page);
	str_release(&troubles);
	str_release(&slow);
	confirm_release(&confirm);
	free(rows);
}

void stored_tune_page(const struct stored *s, const struct tune_result *tune, struct str *out)
{
	const struct run *run = &s->run;
	struct report_tune_page page = {
		.run = stored_describe(run),
		.seed = run->seed,
		.seconds = seconds_of(run),
		.tune = tune,
	};

	report_tune_html(out, &page);
}

static int tune_html(const struct stored *s, struct str *out, struct err *err)
{
	struct tune_result tune;
	int rc = tune_from_json(&tune, s->run.result, err);

	if (!rc)
		stored_tune_page(s, &tune, out);
	tune_release(&tune);
	return rc;
}

void stored_load_page(const struct run *run, const struct load_report *l,
	const struct profile_report *profile, struct str *out)
{
	struct profile_sources sources;
	struct report_profile_page with;
	struct report_load_page page = {
		.run = stored_describe(run),
		.load = *l,
	};

	if (profile) {
		with = stored_profile_describe(run, profile, &sources);
		page.profile = &with;
	}
	report_load_html(out, &page);
	if (profile)
		profile_sources_release(&sources);
}

static int load_html(const struct stored *s, struct str *out, struct err *err)
{
	struct stored_load load;
	int rc = stored_load_read(&load, s->run.result, err);

	struct profile_report profile;
	struct profile *p = NULL;

	if (!rc && json_object_get(s->run.result, "profile"))
		rc = stored_profile_read(s->store, s->run.id, STORED_PROFILE, &p, err);
	if (p)
		profile = stored_profile_beside(
			json_text_at(json_object_get(s->run.result, "profile"), "what"), p);
	if (!rc)
		stored_load_page(&s->run, &load.report, p ? &profile : NULL, out);
	profile_free(p);
	stored_load_release(&load);
	return rc;
}

int stored_html(const struct stored *s, struct str *out, struct err *err)
{
	struct rank_result rank = {0};
	int rc;

	if (has_load(&s->run))
		return load_html(s, out, err);
	if (has_recording(&s->run))
		return stored_recording_html(&s->run, out, err);
	if (has_correlation(&s->run))
		return stored_correlate_html(&s->run, out, err);
	if (has_profile(&s->run))
		return stored_profile_html(s->store, &s->run, out, err);
	if (has_tune(&s->run))
		return tune_html(s, out, err);
	if (!has_ranking(&s->run))
		return err_set(err, ERR_USAGE,
			"run %lld (%s, %s) has no result yet, so no HTML report; a study that has "
			"finished has, and a load",
			(long long)s->run.id, s->run.kind, RUN_STATUS_WORDS[s->run.status]);
	rc = rank_from_json(&rank, s->run.result, err);
	if (!rc)
		stored_page(&s->run, s->trials, s->n_trials, &rank, out);
	rank_release(&rank);
	return rc;
}
