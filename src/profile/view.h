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
	bool invert;     /* innermost first: who calls what is slow; does not fold */
	bool fold;       /* library frames that hang together become one, where there are frames of
			    the program too */
	double least;    /* leave out nodes with less of the whole than this share */
};

struct view_node {
	uint32_t function;                          /* index into the profile's */
	int32_t line;                               /* 0, or with `lines` */
	uint32_t parent, first_child, next_sibling; /* 0: none; siblings by falling total */
	uint32_t folded; /* so many library frames stand behind this one node, whose function is
			    the outermost of them; 0: an ordinary one */
	const char *libraries; /* of a folded one: "requests, urllib3, http, …"; else NULL */
	uint64_t self,
		total; /* ns, or samples; what is left out stays in the total of its parent */
};

enum {
	VIEW_MAX_NODES = 1000000, /* of an inverted view; what is behind them stays in their self */
	VIEW_MAX_INVERTED_DEPTH = 256,
};

/* The root's function is 0 and its total that of the profile. An inverted view has processes,
 * threads and tasks above its frames too; self is the time of stacks that begin there. */
struct view {
	const struct profile *profile; /* borrowed */
	enum profile_clock clock;
	struct view_node *nodes; /* [0] is the root; parents before children */
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
	int32_t line;         /* 0 in a table of functions */
	uint64_t self, total; /* of the clock */
	uint64_t samples;     /* stacks that it is in */
};

/* Rows by falling self time. An array of *n, the caller's to free(). Processes, threads and tasks
 * have none. */
struct view_row *view_functions(const struct profile *p, enum profile_clock clock, size_t *n);
struct view_row *view_lines(const struct profile *p, enum profile_clock clock, size_t *n);

/* The package or module that a library function belongs to: "requests", "http". */
void view_library_name(const struct profile_function *f, char *out, size_t size);

/* 95 % interval of a share seen in so many samples that are independent of each other (Wilson
 * 1927), as shares. */
void view_share_interval(double share, double samples, double *low, double *high);

/*
 * How many independent samples a function's own share is worth; NaN where that is not known (fewer
 * than 8 full slices, or a profile without the order of time). Samples of one call are not
 * independent: what counts is how its time spreads over slices (struct profile_slices), by batch
 * means: worth = share (1 - share) / variance of the mean of the slices, at most the number of
 * samples, and less for the uncertainty of that variance (Korn & Graubard 1998). Slices one by one,
 * by two and by four: the largest variance counts, for calls may be longer than a slice. A program
 * that goes through phases once is worth few samples: whether it would do so again, one profile
 * cannot know.
 */
double view_worth(const struct profile *p, uint32_t function, enum profile_clock clock);

#endif
