#include "stack_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hot_lines_read(struct hot_lines *h, const char *said)
{
	int *into[] = {&h->to_a, &h->to_c, &h->deeper};

	if (strncmp(said, "ready", 5) != 0)
		return false;
	said += 5;
	for (size_t i = 0; i < 3; i++) {
		char *end;

		*into[i] = (int)strtol(said, &end, 10);
		if (end == said || *into[i] <= 0)
			return false;
		said = end;
	}
	return true;
}

/* The function's own name: of "plain.<locals>.a" the "a". */
static const char *name_of(const struct python_frame *f)
{
	const char *dot = strrchr(f->code->name, '.');

	return dot ? dot + 1 : f->code->name;
}

static bool is(const struct python_frame *f, const char *name)
{
	return strcmp(name_of(f), name) == 0;
}

const char *stack_judge(const struct hot_lines *h, const struct python_thread *t)
{
	const struct python_frame *f = t->frames;
	size_t n = t->n_frames, at = 0, deep = 0;
	int called_at = 0;

	if (at < n && (is(&f[at], "b") || is(&f[at], "d"))) {
		if (at + 1 >= n || !is(&f[at + 1], is(&f[at], "b") ? "a" : "c"))
			return "a leaf under another than its own";
		at++;
	}
	if (at < n && (is(&f[at], "a") || is(&f[at], "c")))
		called_at = is(&f[at++], "a") ? h->to_a : h->to_c;
	if (called_at && at < n && python_line(f[at].code, f[at].instruction) != called_at)
		return "line: called from the line of another call";
	for (; at < n && is(&f[at], "rec"); at++, deep++)
		if (deep > 0 && python_line(f[at].code, f[at].instruction) != h->deeper)
			return "line: the recursion goes deeper from another line";
	if (deep != h->depth + 1)
		return "the recursion has another depth";
	if (at < n && is(&f[at], "<lambda>"))
		at++;
	/* Run by another one's exec(), or not. */
	if (at + 1 > n || at + 2 < n || !is(&f[at], "<module>") || !is(&f[n - 1], "<module>"))
		return "the outermost frame is not the module's";
	return NULL;
}

void stack_text(const struct python_thread *t, char *into, size_t size)
{
	size_t at = 0;

	into[0] = '\0';
	for (size_t i = 0; i < t->n_frames && at < size; i++) {
		int n = snprintf(into + at, size - at, "%s%s:%d", i ? " < " : "",
			name_of(&t->frames[i]),
			python_line(t->frames[i].code, t->frames[i].instruction));

		at += n > 0 ? (size_t)n : 0;
	}
}
