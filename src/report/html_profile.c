/*
 * The page of a profile: what is hottest in one sentence, then an interactive flame graph with the
 * tables and the source beside it. The graph is drawn by a script from data within the page.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/flame_data.h"
#include "report/html.h"
#include "report/profile_words.h"

static bool doubt(struct str *text, const void *what, size_t n)
{
	return profile_words_doubt(text, what, n);
}

static void add_facts(struct str *out, const struct report_profile_page *page)
{
	struct str text = STR_INIT;

	html_open_facts(out, &page->run);
	if (profile_words_cost(&text, &page->profile))
		html_fact(out, "profiler", text.p);
	html_close_facts(out, &page->run);
	str_release(&text);
}

static void add_header(struct str *out, const struct report_profile_page *page)
{
	const struct profile_report *r = &page->profile;
	struct str text = STR_INIT;

	html_header(out, &page->run);
	profile_words_next(&text, r);
	str_add_html(out, str_text(&text));
	str_add(out, "</h1>\n<p class=\"lead\">");
	html_text(out, r->what);
	str_clear(&text);
	if (profile_words_span(&text, r)) {
		str_add(out, ", ");
		str_add_html(out, text.p);
	}
	str_add(out, ". ");
	str_clear(&text);
	profile_words_how(&text, r);
	str_add_html(out, str_text(&text));
	str_add(out, ".</p>\n");
	html_warnings(out, doubt, r, str_add_html);
	add_facts(out, page);
	str_add(out, "</header>\n");
	str_release(&text);
}

void report_profile_section(
	struct str *out, const struct report_profile_page *page, const char *about)
{
	struct str data = STR_INIT;

	str_addf(out,
		"<section id=\"flame\">\n<h2>Where the time goes</h2>\n%s"
		"<noscript><p class=\"sub\">The graph and the tables are drawn by a script "
		"within this file; this browser runs none.</p></noscript>\n</section>\n",
		about);
	flame_data_profile(&data, page);
	flame_scripts(out, data.p);
	str_release(&data);
}

void report_profile_html(struct str *out, const struct report_profile_page *page)
{
	html_open_with(out, page->run.title, FLAME_STYLE);
	add_header(out, page);
	report_profile_section(out, page, "");
	html_close(out);
}

/* ---- which lines of source are wanted ---- */

enum { FILES = 32, AROUND = 12, LINES = 700 };

struct wish_score {
	struct profile_wish wish;
	uint64_t score;
	int hottest;
	uint64_t most;
};

static int by_score(const void *a, const void *b)
{
	const struct wish_score *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return strcmp(x->wish.file, y->wish.file);
}

/* Functions share the text of a file, but need not: it is compared. */
static struct wish_score *wish_of(struct wish_score *all, size_t *n, const char *file)
{
	for (size_t i = 0; i < *n; i++)
		if (all[i].wish.file == file || !strcmp(all[i].wish.file, file))
			return &all[i];
	all[*n] = (struct wish_score){.wish = {.file = file}};
	return &all[(*n)++];
}

static void count_row(struct wish_score *w, const struct view_row *row, bool library)
{
	/* of the program every place on the way counts, of a library where the time was spent */
	uint64_t score = library ? row->self : row->total;

	if (!w->wish.first_line || row->line < w->wish.first_line)
		w->wish.first_line = row->line;
	if (row->line > w->wish.last_line)
		w->wish.last_line = row->line;
	w->score = score > w->score ? score : w->score;
	if (score >= w->most) {
		w->most = score;
		w->hottest = row->line;
	}
}

static void around(struct wish_score *w)
{
	struct profile_wish *wish = &w->wish;

	if (wish->last_line - wish->first_line > LINES - 2 * AROUND) {
		int first = wish->first_line, last = wish->last_line;

		wish->first_line = w->hottest - LINES / 2 > first ? w->hottest - LINES / 2 : first;
		wish->last_line = w->hottest + LINES / 2 < last ? w->hottest + LINES / 2 : last;
	}
	wish->first_line = wish->first_line > AROUND ? wish->first_line - AROUND : 1;
	wish->last_line += AROUND;
}

struct profile_wish *report_profile_wishes(const struct profile *p, size_t *n)
{
	enum { MOST = 2000 }; /* files that are looked at */
	struct wish_score *all = mem_alloc(MOST, sizeof(*all));
	struct profile_wish *wishes;
	struct view_row *rows;
	size_t n_rows, found = 0;

	rows = view_lines(p, PROFILE_CLOCK_SAMPLES, &n_rows);
	for (size_t i = 0; i < n_rows && found < MOST; i++) {
		const struct profile_function *f = &p->functions[rows[i].function];

		if (f->kind == PROFILE_PYTHON && rows[i].line > 0 && f->file[0] &&
			f->file[0] != '<')
			count_row(wish_of(all, &found, f->file), &rows[i], view_is_library(f));
	}
	if (found)
		qsort(all, found, sizeof(*all), by_score);
	*n = found < FILES ? found : FILES;
	wishes = mem_alloc(*n + 1, sizeof(*wishes));
	for (size_t i = 0; i < *n; i++) {
		around(&all[i]);
		wishes[i] = all[i].wish;
	}
	free(rows);
	free(all);
	return wishes;
}
