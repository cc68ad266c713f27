/*
 * Two profiles, before and after, as one tree: each place with its time in both. Stacks are matched
 * by function name and file name (not line numbers: those move when a file is edited; not the
 * numbers of processes and threads). Where the two took differently long, times are per second of
 * profile, or as shares.
 */
#ifndef CULPRIT_PROFILE_DIFF_H
#define CULPRIT_PROFILE_DIFF_H

#include "profile/profile.h"

struct diff_side {
	double self, total; /* share of all the time of that profile, 0 to 1 */
	uint64_t samples;   /* within it, total */
};

struct diff_node {
	const char *name, *file; /* of the profiles */
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
					   method 10) */
	bool real; /* told from noise at 5 % over all rows (Benjamini-Hochberg) */
};

struct profile_diff {
	enum profile_clock clock;
	struct diff_node *nodes; /* [0] is the root */
	size_t n_nodes;
	struct diff_row *rows; /* by falling |change of self|, real ones first */
	size_t n_rows;
	double before_s, after_s; /* all the time of the clock in each */
};

/* Texts are borrowed from a and b. */
void profile_diff_make(struct profile_diff *d, const struct profile *a, const struct profile *b,
	enum profile_clock clock);
void profile_diff_release(struct profile_diff *d);
json_t *profile_diff_to_json(const struct profile_diff *d);

#endif
