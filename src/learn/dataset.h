/*
 * A table of trials to learn from: n rows, p factors, one response. Column-major, so that a factor
 * is a contiguous array. Categories are coded before they come here (dataset_add_words).
 */
#ifndef CULPRIT_LEARN_DATASET_H
#define CULPRIT_LEARN_DATASET_H

#include <stddef.h>

#include "base/err.h"

struct dataset {
	size_t n, p;
	char **names;   /* p factor names */
	char *response; /* name of the response */
	char *unit;     /* of the response: "requests/s", "ms", or "" */
	double *x;      /* x[j * n + i]: factor j of row i */
	double *y;      /* n */
	/* What operational laws need, where the table has it, else NULL: n values each. */
	double *connections; /* requests held in the service by the closed loop (N of Little's law)
			      */
	double *mean_latency_s; /* mean response time, seconds (R) */
	/* For factors whose values are words: words[j] is a list of words that ends with NULL, and
	 * x holds indices into it; NULL for numbers. words itself may be NULL. */
	char ***words;
	size_t failed; /* trials that were left out because they failed (column "status") */
};

/* Columns that culprit itself writes: responses (name, unit) … */
#define DATASET_RESPONSES(X)                                                                       \
	X("requests_per_second", "requests/s")                                                     \
	X("mean_latency_ms", "ms")                                                                 \
	X("p50_ms", "ms")                                                                          \
	X("p90_ms", "ms")                                                                          \
	X("p99_ms", "ms")                                                                          \
	X("max_ms", "ms")                                                                          \
	X("cpu_ms_per_request", "ms")                                                              \
	X("peak_memory_mb", "MB")                                                                  \
	X("switches_per_request", "switches")                                                      \
	X("error_percent", "%")
/* … and what else stands beside the factors. */
#define DATASET_NOTES(X) X("trial") X("started") X("status") X("connections") X("note")

/* A file may not be larger, a column of words may not have more different ones. */
enum { DATASET_MAX_WORDS = 32 };
#define DATASET_MAX_BYTES ((size_t)4 << 30)

void dataset_init(struct dataset *d, size_t n, size_t p);
void dataset_release(struct dataset *d);
void dataset_copy(struct dataset *to, const struct dataset *from);

/* What to take from a CSV file. */
struct dataset_csv_spec {
	const char *response;       /* column name; NULL: the only one that culprit itself writes */
	const char *const *factors; /* column names, ends with NULL; NULL: every other column */
	const char *const *ignore;  /* columns to leave out, ends with NULL; may be NULL */
	const char *connections;    /* column of N, or NULL: "connections" where it is there */
	const char *mean_latency;   /* column of R in milliseconds, or NULL: "mean_latency_ms" */
};

/*
 * Reads a CSV file with a header row ("-": standard input). Names the line and column of a missing
 * cell, of text in a number column, of a row too short or too long; refuses fewer than 2 rows, a
 * response or factor that is not there (naming the nearest). Fields are separated by commas, or by
 * semicolons or tabs where the header has no comma. Columns whose every cell is a word (no number)
 * become factors of words. Left out unless they are named: columns that culprit itself writes
 * beside the factors, and a first column without a name (a row number). Rows whose "status" is
 * "failed" are left out and counted.
 */
int dataset_read_csv(
	struct dataset *d, const char *path, const struct dataset_csv_spec *spec, struct err *err);

/* The same on bytes in memory; `name` stands in messages. */
int dataset_read(struct dataset *d, const char *name, const char *data, size_t len,
	const struct dataset_csv_spec *spec, struct err *err);

#endif
