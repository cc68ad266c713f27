/*
 * Two profiles, before and after, as one tree: each place with its time in both, as shares, for the
 * two may have taken differently long. Stacks are matched by function name and file; not by line
 * numbers, which move when a file is edited, and not by the numbers of processes, threads and tasks
 * ("Task-7" is "Task-*"). A file that only one of the two has is matched with one of the same name
 * elsewhere that only the other one has ("/srv/v1/app.py", "/srv/v2/app.py").
 *
 * What is a change and what is noise: a function's share varies from slice to slice of a profile
 * (struct profile_slices), and that says how far two profiles of the same program may lie apart;
 * as in view_worth(), from both profiles together. docs/methods.md has how often it errs.
 */
#ifndef CULPRIT_PROFILE_DIFF_H
#define CULPRIT_PROFILE_DIFF_H

#include "profile/profile.h"

struct diff_side {
	double self, total; /* share of all the time of that profile, 0 to 1 */
	uint64_t samples;   /* stacks that it is in */
};

struct diff_node {
	const char *name, *file;
	enum profile_kind kind;
	uint32_t parent, first_child,
		next_sibling; /* 0: none; siblings by the larger total first */
	struct diff_side before, after;
};

/* A function over all stacks: what changed most stands first. */
struct diff_row {
	const char *name, *file;
	enum profile_kind kind;
	struct diff_side before, after;
	double change_low, change_high; /* 95 % interval of after.self - before.self (Newcombe 1998,
					   method 10, on what the samples are worth); NaN where
					   `timed` is false */
	double p;  /* that a change of the share as large is noise; NaN as well */
	bool real; /* told from noise at 5 % over all rows (Benjamini-Hochberg) */
};

struct profile_diff {
	enum profile_clock clock;
	bool timed;              /* both have slices enough; else nothing is said to be real */
	struct diff_node *nodes; /* [0] is the root; parents before children */
	size_t n_nodes;
	struct diff_row *rows; /* by falling |change of self|, real ones first */
	size_t n_rows;
	double before_s, after_s; /* all the time of the clock in each; samples: how many */
	char **texts;             /* names without numbers, owned */
	size_t n_texts, cap_texts;
};

/* Texts are borrowed from a and b. */
void profile_diff_make(struct profile_diff *d, const struct profile *a, const struct profile *b,
	enum profile_clock clock);
void profile_diff_release(struct profile_diff *d);
json_t *profile_diff_to_json(const struct profile_diff *d);

#endif
