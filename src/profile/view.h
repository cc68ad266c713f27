/*
 * Views: what is shown of a profile. A view is a smaller tree, made by merging nodes (lines into
 * their function, threads into their process), by leaving out what the clock has no time of, and by
 * folding runs of library frames, as pyinstrument does. And the two tables: functions and lines.
 */
#ifndef CULPRIT_PROFILE_VIEW_H
#define CULPRIT_PROFILE_VIEW_H

#include "profile/profile.h"

struct view_options {
	enum profile_clock clock;
	bool lines;      /* a node a line, not a function */
	bool by_process; /* keep process nodes; else they are merged */
	bool by_thread;  /* keep thread nodes */
	bool by_task;    /* keep task nodes */
	bool invert;     /* innermost first: who calls what is slow */
	bool fold;       /* library frames between frames of the program become one */
	double least;    /* leave out nodes with less of the whole than this share */
};

struct view_node {
	uint32_t function;                          /* index into the profile's */
	int32_t line;                               /* 0, or with `lines` */
	uint32_t parent, first_child, next_sibling; /* 0: none; siblings by falling total */
	uint32_t folded; /* so many library frames stand behind this one node; 0: an ordinary one */
	uint64_t self, total; /* ns, or samples */
};

struct view {
	const struct profile *profile; /* borrowed */
	enum profile_clock clock;
	struct view_node *nodes; /* [0] is the root */
	size_t n;
	uint64_t total;
};

void view_make(struct view *v, const struct profile *p, const struct view_options *o);
void view_release(struct view *v);

/* Is this function one of a library (site-packages, dist-packages, the standard library,
 * <frozen …>), not of the program? Native ones are where they are of libpython, libc or the like.
 */
bool view_is_library(const struct profile_function *f);

/* A row of a table: a function, or a line of one. A function that is twice in a stack counts once.
 */
struct view_row {
	uint32_t function;
	int32_t line; /* 0 in a table of functions */
	uint64_t self, total, samples;
};

/* Rows by falling self time. An array of *n, the caller's to free(). Processes, threads and tasks
 * have none. */
struct view_row *view_functions(const struct profile *p, enum profile_clock clock, size_t *n);
struct view_row *view_lines(const struct profile *p, enum profile_clock clock, size_t *n);

/* 95 % interval of a share seen in n samples (Wilson 1927), both as shares. */
void view_share_interval(double share, double samples, double *low, double *high);

#endif
