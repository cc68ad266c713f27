#include "study/trial_profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "profile/diff.h"
#include "profile/view.h"
#include "study/study.h"

/* Modest, for it shares the machine with what is measured. */
#define PROFILE_HZ 100

enum { FEWEST = 3, NAME_TEXT = 48, GREW_KEPT = 10 };

/* A function's share of the CPU time must grow by so much to be named. */
#define GREW .05

struct sampler *trial_profile_start(pid_t keeper)
{
	struct sampler_spec spec = {.pid = keeper,
		.below_only = true,
		.wait = true,
		.rate_hz = PROFILE_HZ,
		.states = true};
	struct sampler *s;

	return sampler_start(&s, &spec, NULL) ? NULL : s;
}

static void name_of(char name[NAME_TEXT], size_t trial)
{
	snprintf(name, NAME_TEXT, "trial-%zu-profile", trial + 1);
}

int trial_keep_profile(
	struct store *store, const struct trial *t, const struct profile *p, struct err *err)
{
	struct str text = STR_INIT;
	char name[NAME_TEXT];
	json_t *json;
	int rc;

	if (!p->about.samples)
		return 0;
	json = profile_to_json(p);
	json_write(&text, json, 0);
	name_of(name, t->index);
	rc = store_blob_put(store, t->run, name, text.p, text.len, err);
	str_release(&text);
	json_decref(json);
	return rc;
}

/* ---- the best and the worst ---- */

struct ranked {
	double badness;
	const struct trial *trial;
};

static int worst_first(const void *a, const void *b)
{
	double x = ((const struct ranked *)a)->badness, y = ((const struct ranked *)b)->badness;

	return x > y ? -1 : x < y;
}

static size_t gather(
	const struct study *s, const struct trial *trials, size_t n, struct ranked *ranked)
{
	double sign = study_less_is_better(s->response) ? 1 : -1;
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		double y = json_number_at(trials[i].responses, s->response);

		if (trials[i].ok && study_trial_is_design(&trials[i]) && isfinite(y))
			ranked[found++] = (struct ranked){sign * y, &trials[i]};
	}
	qsort(ranked, found, sizeof(*ranked), worst_first);
	return found;
}

static struct profile *read_one(struct store *store, const struct trial *t)
{
	struct profile *p = NULL;
	char name[NAME_TEXT];
	void *data;
	size_t len;
	json_t *json;

	name_of(name, t->index);
	if (store_blob_get(store, t->run, name, &data, &len, NULL))
		return NULL;
	json = json_loadb(data, len, 0, NULL);
	free(data);
	if (json && profile_from_json(&p, json, NULL))
		p = NULL;
	json_decref(json);
	return p;
}

/* All of these trials as one; NULL where none has a profile. */
static struct profile *merged(struct store *store, const struct ranked *ranked, size_t n)
{
	struct profile *all = NULL;

	for (size_t i = 0; i < n; i++) {
		struct profile *p = read_one(store, ranked[i].trial);

		if (!all) {
			all = p;
		} else if (p) {
			profile_merge(all, p);
			profile_free(p);
		}
	}
	return all;
}

/* ---- what grew ---- */

/* "app.py:41 handler": the function's hottest line; by its file's last name. */
static void add_place(struct str *out, const struct profile *p, const char *name, const char *file)
{
	const char *slash = strrchr(file, '/');
	struct view_row *lines;
	int line = 0;
	size_t n;

	lines = view_lines(p, PROFILE_CLOCK_CPU, &n);
	for (size_t i = 0; i < n && !line; i++) {
		const struct profile_function *f = &p->functions[lines[i].function];

		if (!strcmp(f->name, name) && !strcmp(f->file, file))
			line = lines[i].line;
	}
	free(lines);
	if (*file && line)
		str_addf(out, "%s:%d ", slash ? slash + 1 : file, line);
	str_add(out, name);
}

/* "goes to the same functions as that of the 3 best, most of it to app.py:41 handler (12 %)" */
static void say_same(struct str *out, const struct profile *worst, size_t quarter)
{
	size_t n;
	struct view_row *rows = view_functions(worst, PROFILE_CLOCK_CPU, &n);
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += rows[i].self;
	str_addf(out,
		"The CPU time of the %zu worst settings goes to the same functions as that of the "
		"%zu best",
		quarter, quarter);
	if (all) {
		const struct profile_function *f = &worst->functions[rows[0].function];

		str_add(out, ", most of it to ");
		add_place(out, worst, f->name, f->file);
		str_addf(out, " (%.0f %%)", 100 * (double)rows[0].self / (double)all);
	}
	str_add(out, ".");
	free(rows);
}

static json_t *row_json(const struct diff_row *row)
{
	return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:b}", "function", row->name, "file",
		row->file, "best", row->before.self, "worst", row->after.self, "change_low",
		row->change_low, "change_high", row->change_high, "real", (int)row->real);
}

static json_t *say(const struct profile *best, const struct profile *worst, size_t quarter)
{
	struct profile_diff d;
	struct str text = STR_INIT;
	json_t *rows = json_array(), *out;
	const struct diff_row *most = NULL;

	profile_diff_make(&d, best, worst, PROFILE_CLOCK_CPU);
	for (size_t i = 0; i < d.n_rows; i++) {
		const struct diff_row *row = &d.rows[i];
		double grew = row->after.self - row->before.self;

		if (i < GREW_KEPT)
			json_array_append_new(rows, row_json(row));
		if (row->real && grew > (most ? most->after.self - most->before.self : GREW))
			most = row;
	}
	if (most) {
		str_addf(&text, "In the %zu worst settings %.0f %% of the CPU time is in ", quarter,
			100 * most->after.self);
		add_place(&text, worst, most->name, most->file);
		str_addf(&text, " (%.0f %% in the %zu best).", 100 * most->before.self, quarter);
	} else {
		say_same(&text, worst, quarter);
	}
	out = json_pack("{s:s, s:i, s:s, s:o}", "sentence", text.p, "trials", (int)quarter, "clock",
		PROFILE_CLOCK_WORDS[PROFILE_CLOCK_CPU], "functions", rows);
	profile_diff_release(&d);
	str_release(&text);
	return out;
}

json_t *study_profiled(
	const struct study *s, struct store *store, const struct trial *trials, size_t n)
{
	struct ranked *ranked = mem_zalloc(n + 1, sizeof(*ranked));
	size_t found = gather(s, trials, n, ranked), quarter = found / 4;
	struct profile *best = NULL, *worst = NULL;
	json_t *out = NULL;

	quarter = quarter < FEWEST ? FEWEST : quarter;
	if (s->profile && found >= 2 * FEWEST) {
		worst = merged(store, ranked, quarter);
		best = merged(store, ranked + found - quarter, quarter);
	}
	if (best && worst)
		out = say(best, worst, quarter);
	profile_free(best);
	profile_free(worst);
	free(ranked);
	return out;
}
