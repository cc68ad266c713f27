/*
 * Names of Prometheus' kind, x_total{job="web",path="/"}: reading them, one form for each set of
 * labels, what kind of a metric it is, and finding them again.
 */
#ifndef CULPRIT_CORRELATE_METRIC_NAME_H
#define CULPRIT_CORRELATE_METRIC_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { METRIC_LABELS_MAX = 128 };

/* Slices of the text that was read. A value is as it stood between the quotes: \\, \" and \n. */
struct metric_label {
	const char *name, *value;
	size_t name_len, value_len;
};
struct metric_labels {
	struct metric_label items[METRIC_LABELS_MAX];
	size_t n;
};

/* The byte after a metric's name at p; p where there is none. */
const char *metric_name_end(const char *p, const char *end);

/* The labels at p, which is the opening brace: the byte after the closing one; NULL with what is
 * wrong. Sorted by their names, as all that follows needs them. */
const char *metric_labels_read(
	struct metric_labels *out, const char *p, const char *end, const char **why);

/* The same for a whole name, such as a series has: where its metric's name ends; NULL where it is
 * no such name. */
const char *metric_read(struct metric_labels *out, const char *text);

/* The slice of the value; NULL where there is no such label. */
const struct metric_label *metric_label_find(const struct metric_labels *l, const char *name);

/* name{a="…",b="…"}, without `left_out` (may be NULL); braces only where there are labels. */
void metric_write(struct str *out, const char *name, size_t name_len, const struct metric_labels *l,
	const char *left_out);

/* A label's value as it stands between quotes. */
void metric_escape(struct str *out, const char *value, size_t len);

/* ---- finding names ---- */

struct metric_slot {
	char *text; /* NULL: free */
	size_t len, value;
	uint64_t hash;
};
struct metric_index {
	struct metric_slot *slots;
	size_t n, cap;
};

void metric_index_release(struct metric_index *x);
/* The number kept for this text, which may be set; SIZE_MAX where it is new. Valid until the next
 * call. */
size_t *metric_index_at(struct metric_index *x, const char *text, size_t len);
/* The same without adding: SIZE_MAX where it is not there. */
size_t metric_index_find(const struct metric_index *x, const char *text, size_t len);

/* ---- kinds ---- */

#define METRIC_TYPES(X)                                                                            \
	X(UNKNOWN, "unknown")                                                                      \
	X(UNTYPED, "untyped")                                                                      \
	X(COUNTER, "counter")                                                                      \
	X(GAUGE, "gauge")                                                                          \
	X(HISTOGRAM, "histogram")                                                                  \
	X(GAUGE_HISTOGRAM, "gaugehistogram")                                                       \
	X(SUMMARY, "summary")                                                                      \
	X(INFO, "info")                                                                            \
	X(STATE_SET, "stateset")

enum metric_type {
#define X(name, word) METRIC_##name,
	METRIC_TYPES(X)
#undef X
		METRIC_N_TYPES
};

/* By its word; METRIC_N_TYPES where it is none. */
enum metric_type metric_type_of(const char *word, size_t len);

/* What a sample of this name is, by the types of the families (name → enum metric_type): a part of
 * a family is found by its ending. Where no type is known, names that end with _total, _count, _sum
 * or (with a label le) _bucket are counters. */
enum metric_role { ROLE_GAUGE, ROLE_COUNTER, ROLE_CREATED /* when a counter began: no series */ };
enum metric_role metric_role_of(
	const struct metric_index *types, const char *name, size_t len, bool has_le);

#endif
