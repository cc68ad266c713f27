/*
 * The HTML report: one file, no network. It is XML as well as HTML (every tag closed, every
 * attribute quoted), so that a test can check it; style and script are real files beside this one,
 * embedded when culprit is built. All text from outside goes through html_text() or str_add_html().
 */
#include "report/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "assets.h"
#include "report/phrase.h"
#include "report/verdict.h"

size_t *html_row_trials(const struct report_page *page)
{
	size_t n = page->rank->n, ok = 0;
	size_t *rows = mem_alloc(n + 1, sizeof(*rows));

	for (size_t i = 0; i < page->n_trials; i++)
		ok += page->trials[i].ok;
	for (size_t i = 0; i < n; i++)
		rows[i] = i;
	if (page->trials && ok == n)
		for (size_t i = 0, row = 0; i < page->n_trials; i++)
			if (page->trials[i].ok)
				rows[row++] = page->trials[i].index;
	return rows;
}

static void add_byte(struct str *out, char c)
{
	char text[2] = {c, '\0'};

	str_add_html(out, text);
}

/* `length` and longer may be broken: a short name reads better whole. */
static void add_breakable(struct str *out, const char *text, size_t length)
{
	bool breakable = strlen(text) >= length;

	for (; *text; text++) {
		add_byte(out, *text);
		if (breakable && strchr("_./", *text) && text[1])
			str_add(out, "<wbr/>");
	}
}

void html_text(struct str *out, const char *text)
{
	add_breakable(out, text, 12);
}

/* A command line: broken between words only, "--trials" never after its dashes. */
static void add_words(struct str *out, const char *text)
{
	str_add(out, "<span>");
	for (; *text; text++) {
		if (*text == ' ')
			str_add(out, "</span> <span>");
		else
			add_byte(out, *text);
	}
	str_add(out, "</span>");
}

/* The longest name that `text` begins with and that ends there as a word; 0 when there is none. */
static size_t name_length(const char *text, const struct rank_result *r)
{
	size_t longest = 0;

	for (size_t i = 0; i <= r->p; i++) {
		const char *name = i < r->p ? r->factors[i].name : r->response;
		size_t len = strlen(name);
		const char *after = text + len;

		if (len > longest && str_starts(text, name) &&
			(!*after || strchr(" ,.;:()", *after)))
			longest = len;
	}
	return longest;
}

void html_prose(struct str *out, const char *text, const struct rank_result *r)
{
	bool word_start = true, in_interval = false;

	while (*text) {
		size_t len = r && word_start ? name_length(text, r) : 0;

		if (len) {
			char *name = mem_copy(text, len);

			str_add(out, "<span class=\"name\">");
			add_breakable(out, name, 24);
			str_add(out, "</span>");
			free(name);
			text += len;
			word_start = false;
			continue;
		}
		word_start = *text == ' ' || *text == '(';
		in_interval = *text == '[' || (in_interval && *text != ']');
		if (*text == ' ' && (in_interval || text[1] == '%'))
			str_add(out, "&#160;");
		else
			add_byte(out, *text);
		text++;
	}
}

void html_sentence(struct str *out, const char *text)
{
	html_prose(out, text, NULL);
}

void html_warnings(struct str *out, html_words *words, const void *what, html_setter *set)
{
	struct str text = STR_INIT;
	size_t n = 0;

	for (; words(&text, what, n); n++) {
		str_add(out, n ? "<li>" : "<ul class=\"warnings\">\n<li>");
		set(out, str_text(&text));
		str_add(out, "</li>\n");
		str_clear(&text);
	}
	if (n)
		str_add(out, "</ul>\n");
	str_release(&text);
}

void html_header(struct str *out, const struct report_run *run)
{
	str_add(out, "<header>\n<p class=\"brand\"><b>culprit</b> ");
	html_text(out, run->title);
	str_add(out, "</p>\n<h1>");
}

void html_open_facts(struct str *out, const struct report_run *run)
{
	char text[24];

	str_add(out, "<dl class=\"facts\">\n");
	snprintf(text, sizeof(text), "%lld", (long long)run->id);
	html_fact(out, "run", run->id ? text : NULL);
	html_fact(out, "started", run->started);
}

void html_fact(struct str *out, const char *name, const char *text)
{
	if (!text || !text[0])
		return;
	str_add(out, "<div><dt>");
	str_add_html(out, name);
	str_add(out, "</dt><dd>");
	html_text(out, text);
	str_add(out, "</dd></div>\n");
}

/* Numbers as they are for people, where the key says what they are. */
static void machine_value(struct str *out, const char *key, const json_t *value)
{
	char number[NUM_TEXT];

	if (json_is_string(value) &&
		!strcmp(key, "git_commit")) /* as much as tells it from others */
		str_addf(out, "%.12s", json_string_value(value));
	else if (json_is_string(value))
		str_add(out, json_string_value(value));
	else if (json_is_boolean(value))
		str_add(out, json_is_true(value) ? "yes" : "no");
	else if (json_is_number(value) && strstr(key, "bytes"))
		str_add(out, num_bytes(json_number_value(value), number));
	else if (json_is_number(value))
		str_add(out, num_short(json_number_value(value), number));
}

/* Every entry of the machine, whatever it holds; an object within it on one line. */
static void machine_facts(struct str *out, const json_t *machine)
{
	const char *key, *inner;
	json_t *value, *part;

	json_object_foreach((json_t *)machine, key, value)
	{
		struct str name = STR_INIT, text = STR_INIT;

		for (const char *c = key; *c; c++)
			str_add_char(&name, *c == '_' ? ' ' : *c);
		if (strstr(key, "bytes") && name.len > 6)
			name.p[name.len - 6] = '\0'; /* the value carries the unit */
		if (json_is_object(value)) {
			json_object_foreach(value, inner, part)
			{
				str_addf(&text, "%s%s ", text.len ? ", " : "", inner);
				machine_value(&text, inner, part);
			}
		} else
			machine_value(&text, key, value);
		html_fact(out, name.p, str_text(&text));
		str_release(&name);
		str_release(&text);
	}
}

static size_t failed_trials(const struct report_page *page)
{
	size_t failed = 0;

	for (size_t i = 0; i < page->n_trials; i++)
		failed += !page->trials[i].ok;
	return failed;
}

static void trial_fact(struct str *out, const struct report_page *page)
{
	size_t failed = failed_trials(page), all = page->trials ? page->n_trials : page->rank->n;
	struct str text = STR_INIT;
	char number[NUM_TEXT];

	str_add(&text, num_count((double)all, number));
	if (failed)
		str_addf(&text, ", %s of them failed", num_count((double)failed, number));
	else if (!page->trials && page->rank->data.failed)
		str_addf(&text, ", %s more had failed",
			num_count((double)page->rank->data.failed, number));
	if (isfinite(page->seconds))
		str_addf(&text, ", in %s", num_duration(page->seconds, number));
	html_fact(out, "trials", text.p);
	str_release(&text);
}

void html_close_facts(struct str *out, const struct report_run *run)
{
	str_add(out, "</dl>\n");
	if (run->command && run->command[0]) {
		str_add(out, "<p class=\"command\"><code>");
		add_words(out, run->command);
		str_add(out, "</code></p>\n");
	}
	if (json_object_size(run->machine)) {
		str_add(out, "<dl class=\"facts machine\">\n");
		machine_facts(out, run->machine);
		str_add(out, "</dl>\n");
	}
}

static void add_facts(struct str *out, const struct report_page *page)
{
	struct str text = STR_INIT;

	html_open_facts(out, &page->run);
	trial_fact(out, page);
	str_addf(&text, "%llu", (unsigned long long)page->seed);
	html_fact(out, "seed", text.p);
	html_close_facts(out, &page->run);
	str_release(&text);
}

static void add_warnings(struct str *out, const struct report_page *page)
{
	const struct rank_result *r = page->rank;
	bool troubles = page->troubles && *page->troubles;

	if (!r->n_warnings && !troubles)
		return;
	str_add(out, "<ul class=\"warnings\">\n");
	for (size_t i = 0; i < r->n_warnings; i++) {
		str_add(out, "<li>");
		html_prose(out, r->warnings[i], r);
		str_add(out, "</li>\n");
	}
	if (troubles) {
		str_add(out, "<li>");
		html_sentence(out, page->troubles);
		str_add(out, "</li>\n");
	}
	str_add(out, "</ul>\n");
}

static void add_header(struct str *out, const struct report_page *page)
{
	struct verdict v;

	verdict_build(&v, page->rank);
	html_header(out, &page->run);
	html_prose(out, v.head.p, page->rank);
	str_add(out, "</h1>\n");
	if (v.rest.len) {
		str_add(out, "<p class=\"lead\">");
		html_prose(out, v.rest.p, page->rank);
		str_add(out, "</p>\n");
	}
	if (page->slow && *page->slow) {
		str_add(out, "<p class=\"lead\">");
		html_prose(out, page->slow, page->rank);
		str_add(out, "</p>\n");
	}
	add_warnings(out, page);
	add_facts(out, page);
	str_add(out, "</header>\n");
	verdict_release(&v);
}

void html_open(struct str *out, const char *title)
{
	html_open_with(out, title, "");
}

void html_open_with(struct str *out, const char *title, const char *style)
{
	str_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
		     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
		     "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
		     "<meta name=\"generator\" content=\"culprit " CULPRIT_VERSION "\"/>\n<title>");
	str_add_html(out, title);
	str_add(out, " · culprit</title>\n<style>\n");
	str_add(out, ASSET_PAGE_CSS);
	str_add(out, style);
	str_add(out, "</style>\n</head>\n<body>\n<main>\n");
}

void html_close(struct str *out)
{
	str_add(out,
		"</main>\n<footer>Made by culprit " CULPRIT_VERSION
		". This file holds all that it shows and asks no network for anything."
		"</footer>\n<div id=\"tip\" role=\"status\" hidden=\"hidden\"></div>\n<script>\n");
	str_add(out, ASSET_PAGE_JS);
	str_add(out, "</script>\n</body>\n</html>\n");
}

void report_html(struct str *out, const struct report_page *page)
{
	html_open(out, page->run.title);
	add_header(out, page);
	html_ranking(out, page);
	html_confirm(out, page);
	html_responses(out, page);
	html_fit(out, page);
	html_trials(out, page);
	html_notes(out, page);
	html_close(out);
}

void html_json_text(struct str *out, const char *text)
{
	json_t *value = json_string(text);
	struct str raw = STR_INIT;

	if (!value)
		value = json_string("(no UTF-8)");
	json_write(&raw, value, 0);
	for (const char *c = str_text(&raw); *c; c++)
		if (*c == '<')
			str_add(out, "\\u003c");
		else if (*c != '\n') /* that json_write() may end with */
			str_add_char(out, *c);
	str_release(&raw);
	json_decref(value);
}
