/* Private: what a profile keeps beside its arrays, to find things in them. */
#ifndef CULPRIT_PROFILE_PROFILE_INDEX_H
#define CULPRIT_PROFILE_PROFILE_INDEX_H

#include "base/rng.h"
#include "profile/profile.h"
#include "profile/table.h"

struct profile_index {
	struct table functions, nodes, texts;
	char **text; /* every name and file once */
	size_t n_texts, cap_texts, text_bytes;
	uint32_t *last_moment; /* of each thread's node: its newest moment + 1; 0: none */
	size_t cap_last_moment;
	struct rng rng; /* which of two merged moments gives its node */
};

/* The tables' first sizes, and what is in them. */
void profile_index_init(struct profile *p);
void profile_index_free(struct profile *p);

/* Text made printable, cut to size - 1 bytes: UTF-8 without control characters. */
size_t profile_clean(char *out, size_t size, const char *text);
/* Puts a moment behind the others as it is: it begins no earlier than they do. */
void profile_put_moment(struct profile *p, const struct profile_moment *m);

/* As if nothing were known of the order of time. */
void profile_slices_drop(struct profile *p);
/* One empty slice. */
void profile_slices_begin(struct profile *p);
/* A function's row, made where it is not there; begins the first slice. */
struct profile_slice_row *profile_slice_row(struct profile *p, uint32_t function);
/* `samples` more are in the newest slice: begins the next one when it is full. */
void profile_slices_step(struct profile *p, uint64_t samples);
void profile_slices_merge(
	struct profile *p, const struct profile *from, const uint32_t *function_of);

static inline uint64_t profile_sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#endif
