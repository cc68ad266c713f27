/*
 * Collapsed stacks of other tools, read. Nobody wrote down what a frame looks like, so it is told
 * from its form:
 *
 *   "name (file:12)"       culprit, py-spy: a Python function and its line
 *   "file.py:name:12"      austin
 *   "name (module)"        culprit, py-spy: machine code; Python where the file ends in .py
 *   "name", "name_[k]"     perf
 *   "(rejected)"           no function
 *
 * and the first two, "P123", "process 123…", "python (123)" a process, "T0:123", "thread (0x…) …",
 * "Thread 123 …", "MainThread (123)" a thread.
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "profile/formats.h"
#include "profile/profile_index.h"

struct frame {
	enum profile_kind kind;
	char *name, *file;
	int32_t line;
};

struct reader {
	struct profile *p;
	const char *path;
	size_t line;
	uint64_t sum;
	char *text; /* of the line, a copy that is cut up */
	size_t cap;
	struct err *err;
};

static int refuse(const struct reader *r, const char *what)
{
	return err_set(r->err, ERR_INPUT,
		"%s: line %zu: %s; a line is frames with \";\" between them, a space and a whole "
		"number",
		r->path, r->line, what);
}

/* A line number that ends at `end`, after a colon; 0: none. *colon is where it stands. */
static int32_t line_before(char *text, char *end, char **colon)
{
	int64_t value = 0;
	char *p = end;

	while (p > text && isdigit((unsigned char)p[-1]))
		p--;
	if (p == end || end - p > 9 || p == text || p[-1] != ':')
		return 0;
	for (char *q = p; q < end; q++)
		value = 10 * value + (*q - '0');
	*colon = p - 1;
	return (int32_t)value;
}

static bool is_python_file(const char *file)
{
	size_t len = strlen(file);

	return (len > 3 && strcmp(file + len - 3, ".py") == 0) || file[0] == '<';
}

static bool all_digits(const char *text)
{
	return text[0] && strspn(text, "0123456789") == strlen(text);
}

/* "name (file:12)" */
static bool read_parentheses(struct frame *f, char *text, size_t len)
{
	char *open, *colon;

	if (len < 4 || text[len - 1] != ')')
		return false;
	/* The last that opens: names such as "operator()" have their own. */
	open = strstr(text, " (");
	for (char *next = open; next; next = strstr(next + 1, " ("))
		open = next;
	if (!open || open == text)
		return false;
	f->line = line_before(open + 2, text + len - 1, &colon);
	*(f->line > 0 ? colon : text + len - 1) = '\0';
	*open = '\0';
	f->name = text;
	f->file = open + 2;
	f->kind = f->line > 0 || is_python_file(f->file) ? PROFILE_PYTHON : PROFILE_NATIVE;
	return true;
}

/* "file.py:name:12" */
static bool read_austin(struct frame *f, char *text, size_t len)
{
	char *colon, *second;
	int32_t line = line_before(text, text + len, &colon);

	if (line == 0 && !(len > 2 && strcmp(text + len - 2, ":0") == 0))
		return false;
	if (line == 0)
		colon = text + len - 2;
	second = colon;
	while (second > text && second[-1] != ':')
		second--;
	if (second == text || second == colon)
		return false;
	*colon = second[-1] = '\0';
	f->name = second;
	f->file = text;
	f->line = line;
	f->kind = PROFILE_PYTHON;
	return true;
}

/* "P123", "T0:123", "T7f…" */
static bool is_austin_head(const char *text, char letter)
{
	return text[0] == letter && isdigit((unsigned char)text[1]) &&
	       strspn(text + 1, "0123456789abcdefx:") == strlen(text + 1);
}

static bool is_process(const char *text)
{
	return is_austin_head(text, 'P') ||
	       (strncmp(text, "process ", 8) == 0 && isdigit((unsigned char)text[8]));
}

static bool is_thread(const char *text)
{
	return is_austin_head(text, 'T') || strncmp(text, "thread (", 8) == 0 ||
	       (strncasecmp(text, "thread ", 7) == 0 && isxdigit((unsigned char)text[7]));
}

static void read_frame(struct frame *f, char *text, size_t depth, enum profile_kind above)
{
	static char nothing[] = "";
	size_t len = strlen(text);
	char *open = strrchr(text, '(');

	*f = (struct frame){PROFILE_NATIVE, text, nothing, 0};
	if (depth == 0 && is_process(text)) {
		f->kind = PROFILE_PROCESS;
	} else if (depth < 2 && is_thread(text)) {
		f->kind = PROFILE_THREAD;
	} else if (depth < 2 && (above == PROFILE_ROOT || above == PROFILE_PROCESS) && open &&
		   open > text && len > 2 && text[len - 1] == ')' &&
		   strspn(open + 1, "0123456789") == (size_t)(text + len - 1 - (open + 1)) &&
		   open[1] != ')') {
		f->kind = depth == 0 ? PROFILE_PROCESS : PROFILE_THREAD;
	} else if (text[0] == '(' && text[len - 1] == ')') {
		f->kind = PROFILE_MARK;
	} else if (!read_parentheses(f, text, len)) {
		read_austin(f, text, len);
	}
}

/* The weight: the last word; austin's full mode has more than one, with commas: the first. */
static int read_weight(struct reader *r, char *word, uint64_t *weight)
{
	char what[32];
	int64_t value;

	word[strcspn(word, ",")] = '\0';
	snprintf(what, sizeof(what), "line %zu: the weight", r->line);
	if (!all_digits(word) || num_parse_int(word, 0, INT64_MAX / 1000, what, &value, NULL))
		return refuse(r, "its last word is no weight");
	*weight = (uint64_t)value;
	if (r->sum + *weight > INT64_MAX / 1000)
		return refuse(r, "the weights are more than 2^63 microseconds together");
	r->sum += *weight;
	return 0;
}

static int read_line(struct reader *r, char *text, size_t len)
{
	enum profile_kind above = PROFILE_ROOT;
	uint32_t node = 0;
	uint64_t weight = 0;
	char *word, *next = text;
	size_t depth = 0;
	int rc;

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	if (len == 0 || text[0] == '#')
		return 0;
	word = strrchr(text, ' ');
	if (!word)
		return refuse(r, "there is no weight");
	if ((rc = read_weight(r, word + 1, &weight)))
		return rc;
	*word = '\0';
	while (next) {
		char *semicolon = strchr(next, ';'), *part = next;
		struct frame f;

		next = semicolon ? semicolon + 1 : NULL;
		if (semicolon)
			*semicolon = '\0';
		if (part[0] == '\0')
			continue;
		if (depth == COLLAPSED_MAX_DEPTH)
			return refuse(r, "it has more than 20000 frames");
		read_frame(&f, part, depth++, above);
		above = f.kind;
		node = profile_node(
			r->p, node, profile_function(r->p, f.kind, f.name, f.file, 0), f.line);
	}
	profile_add(r->p, node,
		&(struct profile_weight){weight, 1000 * weight, 1000 * weight, 1000 * weight});
	return 0;
}

int profile_read_collapsed(
	struct profile **out, const char *text, size_t len, const char *path, struct err *err)
{
	struct reader r = {.p = profile_new(), .path = path, .err = err};
	int rc = 0;

	*out = NULL;
	for (const char *at = text, *end = text + len; !rc && at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t bytes = (size_t)((newline ? newline : end) - at);

		r.line++;
		if (bytes > COLLAPSED_MAX_LINE_BYTES) {
			rc = refuse(&r, "it is longer than 4 MB");
		} else if (memchr(at, '\0', bytes)) {
			rc = refuse(&r, "it has a NUL byte");
		} else {
			r.text = mem_grow(r.text, &r.cap, bytes + 1, 1);
			memcpy(r.text, at, bytes);
			r.text[bytes] = '\0';
			rc = read_line(&r, r.text, bytes);
		}
		at += bytes + (newline != NULL);
	}
	free(r.text);
	if (!rc && r.sum == 0)
		rc = err_set(err, ERR_INPUT,
			"%s: there are no stacks in it; give collapsed stacks, a line a stack",
			path);
	if (rc) {
		profile_free(r.p);
		return rc;
	}
	profile_slices_drop(r.p); /* lines are not in the order of time */
	r.p->about.samples = r.sum;
	*out = r.p;
	return 0;
}
