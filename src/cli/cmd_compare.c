/*
 * culprit compare: one result against another. What the two are decides how they are compared; so
 * far that is profiles: runs of the store, or files of collapsed stacks that other tools wrote.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/run_name.h"
#include "cli/stored_profile.h"
#include "profile/diff.h"
#include "profile/formats.h"

enum { MOST_BYTES = 1 << 30 };

static struct compare_options {
	struct cli_format_options format;
	int clock; /* enum profile_clock; -1: as they were taken */
	bool all;
	int64_t rows;
	const char *html;
} options = {.clock = -1, .rows = 15};

#define AT(field) offsetof(struct compare_options, field)

static const struct opt COMPARE_OPTIONS[] = {
	{0, "clock", OPT_CHOICE, AT(clock), NULL,
		"what counts: time that passed, time on a core, time with the interpreter lock, "
		"samples (as the first one was taken; samples for files)",
		0, 0, PROFILE_CLOCK_WORDS},
	{0, "all", OPT_FLAG, AT(all), NULL, "the whole tree, not what is large or changed", 0, 0,
		NULL},
	{0, "rows", OPT_INT, AT(rows), "N", "functions in the table [15]", 1, 10000, NULL},
	{0, "html", OPT_TEXT, AT(html), "FILE", "write a differential flame graph there", 0, 0,
		NULL},
	{0, "json", OPT_FLAG, AT(format.json), NULL,
		"the result as JSON, and nothing else on stdout", 0, 0, NULL},
	{0}};

/* One of the two. */
struct side {
	char *title; /* "run 7: python app.py", the file */
	struct profile *profile;
	int clock; /* that it was shown by; -1: a file, which does not say */
};

static void side_release(struct side *s)
{
	free(s->title);
	profile_free(s->profile);
}

/* ---- which two ---- */

static int clock_of(const struct run *run)
{
	const char *word = json_text_at(run->result, "clock");

	for (int c = 0; PROFILE_CLOCK_WORDS[c]; c++)
		if (!strcmp(word, PROFILE_CLOCK_WORDS[c]))
			return c;
	return PROFILE_CLOCK_CPU;
}

static int read_run(struct store *store, const char *which, struct side *out, struct err *err)
{
	struct run run = {0};
	struct str title = STR_INIT;
	int64_t id;
	int rc;

	rc = run_name_find(store, which, &id, err);
	if (!rc)
		rc = store_run_read(store, id, &run, err);
	if (rc)
		goto out;
	if (stored_profile_read(store, run.id, STORED_PROFILE, &out->profile, err)) {
		rc = -(int)err->kind;
		if (err->kind == ERR_INPUT)
			rc = err_set(err, ERR_USAGE,
				"run %lld is a %s without a profile, and so far profiles are what "
				"can "
				"be compared; `culprit runs --kind profile` lists them",
				(long long)run.id, run.kind);
		goto out;
	}
	str_addf(&title, "run %lld: %s", (long long)run.id, run.title);
	out->title = str_take(&title);
	out->clock = clock_of(&run);
out:
	run_release(&run);
	return rc;
}

static int read_file(const char *path, struct side *out, struct err *err)
{
	struct file_bytes file;
	int rc = file_open_bytes(path, MOST_BYTES, &file, err);

	if (rc)
		return rc;
	rc = profile_read_collapsed(&out->profile, file.data, file.len, path, err);
	file_close_bytes(&file);
	out->title = mem_strdup(path);
	out->clock = -1;
	return rc;
}

static int read_side(const struct cli *cli, const char *which, struct side *out, struct err *err)
{
	struct store *store = NULL;
	int rc;

	if (!run_name_is(which)) {
		if (strcmp(which, "-") && !file_exists(which))
			return err_set(err, ERR_USAGE,
				"'%s' is neither a run (a number, last, last~1) nor a file of "
				"collapsed stacks",
				which);
		return read_file(which, out, err);
	}
	rc = cli_open_store(cli, &store, err);
	if (!rc)
		rc = read_run(store, which, out, err);
	store_close(store);
	return rc;
}

/* ---- the result ---- */

static int write_html(const struct cli *cli, const struct profile_diff_report *r, struct err *err)
{
	const struct report_profile_diff_page page = {
		.run = {.title = "before and after", .command = cli->command}, .diff = *r};
	struct str text = STR_INIT;
	int rc;

	report_profile_diff_html(&text, &page);
	rc = cli_write_report(options.html, &text, true, err);
	str_release(&text);
	return rc;
}

static json_t *result_json(const struct profile_diff_report *r)
{
	json_t *json = profile_diff_to_json(r->diff);
	struct str verdict = STR_INIT;

	report_profile_diff_verdict(&verdict, r);
	json_object_set_new(json, "before", json_string(r->before));
	json_object_set_new(json, "after", json_string(r->after));
	json_object_set_new(json, "verdict", json_string(str_text(&verdict)));
	str_release(&verdict);
	return json;
}

static int show(const struct cli *cli, const struct side *a, const struct side *b, struct err *err)
{
	enum profile_clock clock = options.clock >= 0 ? (enum profile_clock)options.clock
				   : a->clock >= 0 && b->clock >= 0 ? (enum profile_clock)a->clock
								    : PROFILE_CLOCK_SAMPLES;
	struct profile_diff diff;
	const struct profile_diff_report report = {.before = a->title,
		.after = b->title,
		.a = a->profile,
		.b = b->profile,
		.diff = &diff,
		.all = options.all,
		.rows = (size_t)options.rows};
	struct str text = STR_INIT;
	int rc = 0;

	profile_diff_make(&diff, a->profile, b->profile, clock);
	if (options.format.json) {
		json_t *json = result_json(&report);

		cli_print_json(json);
		json_decref(json);
	} else {
		report_profile_diff(&text, &cli->out, &report);
		cli_print(str_text(&text));
	}
	if (options.html)
		rc = write_html(cli, &report, err);
	profile_diff_release(&diff);
	str_release(&text);
	return rc;
}

static int run_compare(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct side a = {0}, b = {0};
	int rc = read_side(cli, rest->items[0], &a, err);

	if (!rc)
		rc = read_side(cli, rest->items[1], &b, err);
	if (!rc)
		rc = show(cli, &a, &b, err);
	side_release(&a);
	side_release(&b);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit compare last~1 last",
	"the two newest runs: which functions take more, which take less",
	"culprit compare 7 9 --clock wall --html diff.html",
	"runs 7 and 9 by the time that passed, with a differential flame graph",
	"culprit compare before.collapsed after.collapsed",
	"two files of collapsed stacks, whoever wrote them",
	NULL,
};

static const struct opt_section SECTIONS[] = {{NULL, COMPARE_OPTIONS, &options}, {0}};

const struct cmd cmd_compare = {
	.name = "compare",
	.arguments = "BEFORE AFTER",
	.summary = "compare two profiles: what grew, what shrank",
	.about = "Compares two profiles: a tree with the share of each place before and after, the "
		 "functions by the change of their own share with its interval, and whether it can "
		 "be told from noise. BEFORE and AFTER are runs with a profile (a number, `last`, "
		 "`last~1` for the one before it), or files of collapsed stacks as perf, py-spy, "
		 "austin and culprit write them.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.min_rest = 2,
	.max_rest = 2,
	.run = run_compare,
};
