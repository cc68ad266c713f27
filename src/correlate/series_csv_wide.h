/*
 * Inside of the reader of wide CSV files: what its two files share. Rows, axis and room are made in
 * series_csv_wide.c, the blocks of values are read in series_csv_tile.c.
 */
#ifndef CULPRIT_CORRELATE_SERIES_CSV_WIDE_H
#define CULPRIT_CORRELATE_SERIES_CSV_WIDE_H

#include <stdatomic.h>

#include "correlate/series_csv_parts.h"

enum { WIDE_TURN = 8 }; /* columns that are turned at once: doubles of a cache line */

/* What a thread needs; kept for its next block. */
struct wide_scratch {
	struct wide_scratch *next;
	double *tile;
	double *turned;      /* WIDE_TURN columns of a block */
	double *row, *group; /* rows that share a cell, or a time */
	uint32_t *counts, *group_counts;
	char *text;
	size_t text_cap;
	uint64_t text_at;
	size_t text_len;
};

struct wide {
	const struct csv_file *f;
	const struct csv_head *h;
	const struct series_csv_options *o;
	struct csv_rows rows;
	uint32_t *order;   /* rows by their times; NULL: as they are in the file */
	size_t first, end; /* of these, what lies within --from and --to */
	struct series_axis axis;
	size_t *cell_first; /* of each block, the first of its rows; n_blocks + 1 */
	size_t n_blocks, block_cells, width;
	bool *counters; /* NULL: none is */
	double *cell_time_s;
	double *memory; /* of all values; NULL: they go to fd */
	int fd;
	pthread_mutex_t lock;
	struct wide_scratch *free;
	uint64_t bad;   /* where the first row begins that cannot be read */
	struct err err; /* of reading and writing */
	atomic_size_t infinite;
	atomic_size_t failed; /* the first block that is wrong; SIZE_MAX */
};

/* The k-th row by time. */
static inline size_t wide_row(const struct wide *w, size_t k)
{
	return w->order ? w->order[k] : k;
}

static inline double wide_time(const struct wide *w, size_t k)
{
	return w->rows.items[wide_row(w, k)].time_s;
}

/* Reads the rows of a block and puts their values to their columns; `w` is a struct wide. What went
 * wrong stands in it: err, or bad. */
void wide_read_block(void *w, size_t block);
void wide_scratch_free(struct wide_scratch *s);

#endif
