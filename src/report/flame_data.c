#include "report/flame_data.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "flame_assets.h"
#include "report/diff_marks.h"
#include "report/html.h"
#include "report/profile_words.h"

const char *const FLAME_STYLE = ASSET_FLAME_CSS;

void flame_scripts(struct str *out, const char *data)
{
	str_add(out, "<script type=\"application/json\" id=\"flame-data\">");
	str_add(out, data);
	str_add(out, "</script>\n<script>\n(function () {\n'use strict';\n");
	str_add(out, ASSET_FLAME_MODEL_JS);
	str_add(out, ASSET_FLAME_PAGE_JS);
	str_add(out, ASSET_FLAME_DRAW_JS);
	str_add(out, ASSET_FLAME_TABLES_JS);
	str_add(out, "})();\n</script>\n");
}

/* ---- pieces ---- */

static void add_number(struct str *out, bool first, uint64_t value)
{
	char digits[24];
	size_t n = sizeof(digits);

	do
		digits[--n] = (char)('0' + value % 10);
	while (value /= 10);
	if (!first)
		str_add_char(out, ',');
	str_add_bytes(out, digits + n, sizeof(digits) - n);
}

static void open_column(struct str *out, const char *name)
{
	char last = out->len ? out->p[out->len - 1] : '{';

	str_addf(out, "%s\"%s\":[", last == '{' ? "" : ",", name);
}

/* Files, each once: with the name that the profile knows it by, and the short one. */
struct files {
	json_t *index;
	struct str full, brief;
	json_int_t n;
};

static json_int_t files_add(
	struct files *f, const struct places *pl, enum profile_kind kind, const char *file)
{
	const json_t *at = json_object_get(f->index, file);

	if (at)
		return json_integer_value(at);
	if (json_object_set_new(f->index, file, json_integer(f->n)))
		return files_add(f, pl, kind, "(no UTF-8)");
	str_add(&f->full, f->n ? "," : "");
	html_json_text(&f->full, file);
	str_add(&f->brief, f->n ? "," : "");
	html_json_text(&f->brief, places_file(pl, kind, file));
	return f->n++;
}

/* The table of functions, a column each. */
struct functions {
	struct files files;
	struct str name, file, kind, line, library;
	size_t n;
};

static void functions_add(
	struct functions *t, const struct places *pl, const struct profile_function *f)
{
	if (!t->files.index)
		t->files.index = json_object();
	str_add(&t->name, t->n ? "," : "");
	html_json_text(&t->name, f->name);
	add_number(&t->file, !t->n, (uint64_t)files_add(&t->files, pl, f->kind, f->file));
	add_number(&t->kind, !t->n, f->kind);
	add_number(&t->line, !t->n, f->first_line > 0 ? (uint64_t)f->first_line : 0);
	add_number(&t->library, !t->n, view_is_library(f));
	t->n++;
}

static void functions_end(struct str *out, struct functions *t)
{
	str_addf(out, ",\"files\":[%s],\"briefs\":[%s]", str_text(&t->files.full),
		str_text(&t->files.brief));
	str_addf(out, ",\"functions\":{\"name\":[%s]", str_text(&t->name));
	str_addf(out, ",\"file\":[%s],\"kind\":[%s]", str_text(&t->file), str_text(&t->kind));
	str_addf(
		out, ",\"line\":[%s],\"library\":[%s]}", str_text(&t->line), str_text(&t->library));
	json_decref(t->files.index);
	str_release(&t->files.full);
	str_release(&t->files.brief);
	str_release(&t->name);
	str_release(&t->file);
	str_release(&t->kind);
	str_release(&t->line);
	str_release(&t->library);
}

static void add_kinds(struct str *out)
{
	open_column(out, "kinds");
	for (size_t i = 0; PROFILE_KIND_WORDS[i]; i++)
		str_addf(out, "%s\"%s\"", i ? "," : "", PROFILE_KIND_WORDS[i]);
	str_add(out, "]");
}

/* ---- a profile ---- */

/* Which nodes are drawn: place[i] is the number of node i in the page, or of the nearest above it
 * that is there. */
struct kept {
	uint32_t *place;
	uint32_t *nodes; /* their numbers in the profile */
	size_t n;
};

static void keep(struct kept *k, const struct profile *p, size_t most)
{
	uint64_t *total = mem_zalloc(p->n_nodes, sizeof(*total)), least = 0;

	k->place = mem_alloc(p->n_nodes, sizeof(*k->place));
	k->nodes = mem_alloc(p->n_nodes, sizeof(*k->nodes));
	for (size_t i = p->n_nodes; i-- > 0;) {
		total[i] += p->nodes[i].self.samples;
		if (i)
			total[p->nodes[i].parent] += total[i];
	}
	do {
		k->n = 0;
		for (size_t i = 0; i < p->n_nodes; i++)
			if (!i || total[i] >= least) {
				k->place[i] = (uint32_t)k->n;
				k->nodes[k->n++] = (uint32_t)i;
			} else
				k->place[i] = k->place[p->nodes[i].parent];
		least = 2 * least + 1;
	} while (k->n > most && least <= total[0]);
	free(total);
}

static void add_weights(
	struct str *out, const struct kept *k, const struct profile *p, enum profile_clock clock)
{
	uint64_t *self = mem_zalloc(k->n, sizeof(*self));

	for (size_t i = 0; i < p->n_nodes; i++)
		self[k->place[i]] += profile_weigh(&p->nodes[i].self, clock);
	open_column(out, PROFILE_CLOCK_WORDS[clock]);
	for (size_t i = 0; i < k->n; i++)
		add_number(out, !i, self[i]);
	str_add(out, "]");
	free(self);
}

static void add_nodes(struct str *out, const struct kept *k, const struct profile *p)
{
	str_add(out, ",\"nodes\":{");
	open_column(out, "up"); /* how far before it its parent stands */
	for (size_t i = 0; i < k->n; i++)
		add_number(out, !i, i - k->place[p->nodes[k->nodes[i]].parent]);
	str_add(out, "]");
	open_column(out, "function");
	for (size_t i = 0; i < k->n; i++)
		add_number(out, !i, p->nodes[k->nodes[i]].function);
	str_add(out, "]");
	open_column(out, "line");
	for (size_t i = 0; i < k->n; i++) {
		int32_t line = p->nodes[k->nodes[i]].line;

		add_number(out, !i, line > 0 ? (uint64_t)line : 0);
	}
	str_add(out, "]");
	for (enum profile_clock c = 0; c <= PROFILE_CLOCK_SAMPLES; c++)
		add_weights(out, k, p, c);
	str_add(out, "}");
}

static void add_moments(struct str *out, const struct kept *k, const struct profile *p)
{
	uint64_t last = 0;

	str_add(out, ",\"moments\":{");
	open_column(out, "thread");
	for (size_t i = 0; i < p->n_moments; i++)
		add_number(out, !i, k->place[p->moments[i].thread]);
	str_add(out, "]");
	open_column(out, "node");
	for (size_t i = 0; i < p->n_moments; i++)
		add_number(out, !i, k->place[p->moments[i].node]);
	str_add(out, "]");
	open_column(out, "after_us"); /* the start of the one before */
	for (size_t i = 0; i < p->n_moments; i++) {
		uint64_t us = p->moments[i].start_ns / 1000;

		us = us > last ? us : last;
		add_number(out, !i, us - last);
		last = us;
	}
	str_add(out, "]");
	open_column(out, "length_us");
	for (size_t i = 0; i < p->n_moments; i++)
		add_number(out, !i, (p->moments[i].length_ns + 500) / 1000);
	str_add(out, "]}");
}

/* What the samples of each function are worth by each clock; 0: as many as there are. */
static void add_worth(struct str *out, const struct profile *p)
{
	str_add(out, ",\"worth\":{");
	for (enum profile_clock c = 0; c <= PROFILE_CLOCK_SAMPLES; c++) {
		open_column(out, PROFILE_CLOCK_WORDS[c]);
		for (size_t i = 0; i < p->n_functions; i++) {
			double worth = view_worth(p, (uint32_t)i, c);

			add_number(out, !i, worth >= 1 ? (uint64_t)worth : worth > 0);
		}
		str_add(out, "]");
	}
	str_add(out, "}");
}

static void add_sources(struct str *out, const struct report_profile_page *page)
{
	open_column(out, "sources");
	for (size_t i = 0; i < page->n_sources; i++) {
		const struct profile_source *s = &page->sources[i];

		str_addf(out, "%s{\"file\":", i ? "," : "");
		html_json_text(out, s->file);
		str_addf(out, ",\"first\":%d,\"text\":", s->first_line);
		html_json_text(out, s->text);
		str_add(out, "}");
	}
	str_add(out, "]");
}

void flame_data_profile(struct str *out, const struct report_profile_page *page)
{
	const struct profile *p = page->profile.profile;
	struct functions functions = {.n = 0};
	struct places places = {.n = 0};
	struct kept kept;

	keep(&kept, p, FLAME_MOST_NODES);
	places_add(&places, p);
	str_addf(out, "{\"kind\":\"profile\",\"clock\":\"%s\",\"clocks\":[",
		PROFILE_CLOCK_WORDS[page->profile.view.clock]);
	for (size_t i = 0; PROFILE_CLOCK_WORDS[i]; i++)
		str_addf(out, "%s\"%s\"", i ? "," : "", PROFILE_CLOCK_WORDS[i]);
	str_addf(out, "],\"booked\":%zu", p->n_nodes - kept.n);
	str_addf(out, ",\"gap_us\":%" PRIu64,
		p->moment_least_ns / 1000 +
			(p->about.rate_hz > 0 ? (uint64_t)(2e6 / p->about.rate_hz) : 0));
	add_kinds(out);
	for (size_t i = 0; i < p->n_functions; i++)
		functions_add(&functions, &places, &p->functions[i]);
	functions_end(out, &functions);
	add_nodes(out, &kept, p);
	add_worth(out, p);
	add_moments(out, &kept, p);
	add_sources(out, page);
	str_add(out, "}");
	places_release(&places);
	free(kept.place);
	free(kept.nodes);
}

/* ---- a difference ---- */

/* Shares are whole billionths there, as weights of nodes are whole numbers. */
static uint64_t billionths(double share)
{
	return share > 0 ? (uint64_t)(1e9 * share + .5) : 0;
}

static uint32_t *number_functions(
	const struct profile_diff *d, struct functions *t, const struct places *pl)
{
	uint32_t *of = mem_alloc(d->n_nodes + 1, sizeof(*of));
	json_t *index = json_object();

	for (size_t i = 0; i < d->n_nodes; i++) {
		const struct diff_node *n = &d->nodes[i];
		const struct profile_function f = {
			.kind = n->kind, .name = n->name, .file = n->file};
		struct str key = STR_INIT;
		const json_t *at;

		str_addf(&key, "%d\n%s\n%s", (int)n->kind, n->name, n->file);
		at = json_object_get(index, key.p);
		of[i] = at ? (uint32_t)json_integer_value(at) : (uint32_t)t->n;
		if (!at) {
			functions_add(t, pl, &f);
			json_object_set_new(index, key.p, json_integer(of[i]));
		}
		str_release(&key);
	}
	json_decref(index);
	return of;
}

static void add_side(struct str *out, const struct profile_diff *d, bool after)
{
	open_column(out, after ? "after" : "before");
	for (size_t i = 0; i < d->n_nodes; i++)
		add_number(out, !i,
			billionths(after ? d->nodes[i].after.self : d->nodes[i].before.self));
	str_add(out, "]");
}

static void add_marks(struct str *out, const struct profile_diff *d)
{
	unsigned char *marks = diff_marks(d);

	open_column(out, "mark");
	for (size_t i = 0; i < d->n_nodes; i++)
		add_number(out, !i, marks[i]);
	str_add(out, "]");
	free(marks);
}

/* The change of each function, with what can be said of it. */
static void add_rows(struct str *out, const struct profile_diff *d)
{
	open_column(out, "changes");
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct diff_row *row = &d->rows[i];

		str_addf(out, "%s[%d,", i ? "," : "", (int)row->kind);
		html_json_text(out, row->name);
		str_add(out, ",");
		html_json_text(out, row->file);
		if (isfinite(row->change_low))
			str_addf(
				out, ",%d,%.6g,%.6g", row->real, row->change_low, row->change_high);
		str_add(out, "]");
	}
	str_add(out, "]");
}

void flame_data_diff(struct str *out, const struct report_profile_diff_page *page)
{
	const struct profile_diff *d = page->diff.diff;
	struct functions functions = {.n = 0};
	struct places places = {.n = 0};
	uint32_t *function;

	places_add(&places, page->diff.b);
	places_add(&places, page->diff.a);
	str_add(out, "{\"kind\":\"diff\",\"clock\":\"after\",\"clocks\":[\"after\",\"before\"],"
		     "\"booked\":0,\"gap_us\":0");
	str_addf(out, ",\"timed\":%s", d->timed ? "true" : "false");
	add_kinds(out);
	function = number_functions(d, &functions, &places);
	functions_end(out, &functions);
	str_add(out, ",\"nodes\":{");
	open_column(out, "up");
	for (size_t i = 0; i < d->n_nodes; i++)
		add_number(out, !i, i - d->nodes[i].parent);
	str_add(out, "]");
	open_column(out, "function");
	for (size_t i = 0; i < d->n_nodes; i++)
		add_number(out, !i, function[i]);
	str_add(out, "]");
	add_side(out, d, true);
	add_side(out, d, false);
	add_marks(out, d);
	str_add(out, "},\"sources\":[]");
	add_rows(out, d);
	str_add(out, "}");
	free(function);
	places_release(&places);
}
