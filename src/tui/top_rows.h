/*
 * What the live view shows, without a screen: rows are made from a profile (top_rows_make), then
 * sorted, filtered, and of a tree opened (top_rows_show). They own their texts, so the profile may
 * go. A row has an id that is the same for the same thing in the next profile: what is selected and
 * what is open are kept by it.
 */
#ifndef CULPRIT_TUI_TOP_ROWS_H
#define CULPRIT_TUI_TOP_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "profile/profile.h"

/* word; what is in it */
#define TOP_VIEWS(X)                                                                               \
	X(FUNCTIONS, "functions")                                                                  \
	X(LINES, "lines")                                                                          \
	X(TREE, "tree")                                                                            \
	X(THREADS, "threads")

enum top_view {
#define X(name, word) TOP_##name,
	TOP_VIEWS(X)
#undef X
		TOP_N_VIEWS
};
extern const char *const TOP_VIEW_WORDS[]; /* ends with NULL */

/* What rows can be sorted by: numbers fall, texts rise. */
enum top_sort { TOP_SELF, TOP_TOTAL, TOP_SAMPLES, TOP_NAME, TOP_FILE, TOP_CPU, TOP_GIL, TOP_TID };

/* How a profile is looked at. */
struct top_look {
	enum top_view view;
	enum profile_clock clock;
	bool lines;   /* of the tree: a node a line */
	bool threads; /* of the tree: threads apart */
	bool invert;  /* of the tree: innermost first */
	bool unicode; /* else texts are brought down to ASCII */
};

/* A function, file or thread, as it is written. Offsets into `texts`. */
struct top_place {
	size_t name, file;
	size_t file_short; /* the end of the file's text, as much as tells files apart */
	int first_line;
	enum profile_kind kind;
	bool library;
};

struct top_item {
	uint64_t id;
	uint32_t place, line;
	uint64_t self, total; /* of the clock; total of a thread: time on the wall */
	uint64_t samples;     /* not of the tree */
	uint32_t parent, first_child, next_sibling; /* tree, 0: none */
	uint64_t cpu, gil;                          /* threads */
	uint32_t tid, process, inside; /* threads: number, places of process and function; 0: none
					*/
};

/* An item on the screen. */
struct top_shown {
	uint32_t item, depth;
	bool can_open, open;
};

struct top_rows {
	struct top_look look;
	struct str texts;
	struct top_place *places; /* [0] is empty */
	struct top_item *items;   /* [0] is the root of the tree, and no row */
	struct top_shown *shown;
	size_t n_places, n_items, n_shown, cap_places, cap_items, cap_shown;
	size_t n_processes;
	uint64_t whole; /* of the clock, all of the profile */
	uint64_t seen;  /* samples in all */
	double samples; /* of them those that the clock counts: what a share of it is seen in */
};

/* What a person opened and closed; a fixed number of marks, past which nothing more is kept. */
enum { TOP_MAX_MARKS = 1 << 15 };
enum top_opening { TOP_OPEN_WHERE_TIME_IS, TOP_OPEN_ALL, TOP_OPEN_NONE };

struct top_marks {
	enum top_opening opening; /* of what has no mark */
	uint64_t *ids;            /* 0: free; NULL until there is one */
	bool *open;
	size_t n;
};

void top_marks_release(struct top_marks *m);
void top_marks_set(struct top_marks *m, uint64_t id, bool open);
/* False where it has no mark. */
bool top_marks_get(const struct top_marks *m, uint64_t id, bool *open);
/* Forgets every mark; from now on this holds. */
void top_marks_all(struct top_marks *m, enum top_opening opening);

void top_rows_release(struct top_rows *r);
void top_rows_make(struct top_rows *r, const struct profile *p, const struct top_look *look);

/* What is shown of it, in which order. Of a tree, what holds much of the time is opened, and stays
 * open, unless it is marked otherwise; with a filter, what leads to a match is open. */
void top_rows_show(
	struct top_rows *r, enum top_sort sort, const char *filter, struct top_marks *marks);

const char *top_rows_name(const struct top_rows *r, uint32_t place);
const char *top_rows_file(const struct top_rows *r, uint32_t place);
/* "flask/app.py" of a library; of the program from the folder that its files have in common. */
const char *top_rows_file_short(const struct top_rows *r, uint32_t place);
/* The line to write behind the file: of a function its first. */
int top_rows_line(const struct top_rows *r, const struct top_item *item);

/* Where the row with this id is shown; n_shown where it is not. */
size_t top_rows_find(const struct top_rows *r, uint64_t id);

#endif
