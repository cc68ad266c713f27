/*
 * The second pass over a wide CSV file: which rows belong to which steps of the axis, room for the
 * columns, in memory or, where all would be too much, in a temporary file; then the blocks.
 */
#include "correlate/series_csv_wide.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/parallel.h"

enum {
	TILE_BYTES = 512 << 10, /* a core's share of the second cache */
	TILE_CELLS_MAX = 8192,
	HUGE_PAGE = 2 << 20,
	SPARSE = 10, /* steps a row from which a file is not written for what is not known */
};

static const uint64_t MEMORY_BYTES = UINT64_C(1) << 30;

/* ---- rows in their order ---- */

static int by_time(const void *a, const void *b, void *rows)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct csv_row *items = rows;

	if (items[x].time_s != items[y].time_s)
		return items[x].time_s < items[y].time_s ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void sort_rows(struct wide *w, struct series_set *out)
{
	for (size_t i = 1; i < w->rows.n; i++)
		out->points_unsorted += w->rows.items[i].time_s < w->rows.items[i - 1].time_s;
	if (!out->points_unsorted)
		return;
	w->order = mem_alloc(w->rows.n, sizeof(*w->order));
	for (size_t i = 0; i < w->rows.n; i++)
		w->order[i] = (uint32_t)i;
	qsort_r(w->order, w->rows.n, sizeof(*w->order), by_time, w->rows.items);
}

/* ---- the axis ---- */

static int choose_axis(struct wide *w, struct series_set *out, struct err *err)
{
	const struct align_options *o = &w->o->align;
	double *times = mem_alloc(w->rows.n + 1, sizeof(*times)), *spare, step = o->step_s;
	size_t n = 0;
	char from[40], to[40];
	int rc;

	w->end = w->rows.n;
	while (w->first < w->end && !isnan(o->from_s) && wide_time(w, w->first) < o->from_s)
		w->first++;
	while (w->end > w->first && !isnan(o->to_s) && wide_time(w, w->end - 1) > o->to_s)
		w->end--;
	for (size_t k = w->first; k < w->end; k++)
		if (!n || wide_time(w, k) > times[n - 1])
			times[n++] = wide_time(w, k);
	if (!n)
		rc = err_set(err, ERR_INPUT,
			"%s: no row lies between --from and --to; they reach from %s to %s",
			w->f->name, series_time_text(wide_time(w, 0), from),
			series_time_text(wide_time(w, w->rows.n - 1), to));
	else if (n == 1)
		rc = err_set(err, ERR_INPUT,
			"%s: all rows have one time, %s; it takes many times to see what moves "
			"together%s",
			w->f->name, series_time_text(times[0], from),
			w->end - w->first > 2 ? " (is it the right column? name it with --time)"
					      : "");
	else {
		spare = mem_alloc(n, sizeof(*spare));
		step = step > 0 ? step : series_step(times, n, spare);
		free(spare);
		rc = series_axis_make(&w->axis, times[0], times[n - 1], times[0], step, 0, 0, err);
		if (rc)
			err_prefix(err, "%s", w->f->name);
	}
	out->points_duplicate = (w->end - w->first - n) * w->h->n_values;
	for (size_t k = 0; !rc && k < n && !out->resampled; k++)
		out->resampled = series_axis_beside(&w->axis, times[k]) ||
				 (k && series_axis_cell(&w->axis, times[k]) ==
						 series_axis_cell(&w->axis, times[k - 1]));
	free(times);
	return rc;
}

/* Which rows each block has. */
static void cut_blocks(struct wide *w)
{
	size_t k = w->first;

	w->n_blocks = (w->axis.n + w->block_cells - 1) / w->block_cells;
	w->cell_first = mem_alloc(w->n_blocks + 1, sizeof(*w->cell_first));
	for (size_t b = 0; b < w->n_blocks; b++) {
		while (k < w->end &&
			series_axis_cell(&w->axis, wide_time(w, k)) < b * w->block_cells)
			k++;
		w->cell_first[b] = k;
	}
	w->cell_first[w->n_blocks] = w->end;
}

/* ---- what is wrong with a row ---- */

static int refuse_row(const struct wide *w, uint64_t at, struct err *err)
{
	size_t row = 0, len, n = 0, line = csv_file_line(w->f, at);
	char *text;
	const char *p, *end;
	double value;
	int rc;

	while (w->rows.items[row].at != at)
		row++;
	len = (size_t)(w->rows.items[row + 1].at - at);
	text = mem_alloc(len + 1, 1);
	rc = csv_file_read(w->f, at, text, len, err);
	if (rc)
		goto out;
	end = text + len;
	/* decimal commas that are quoted or stand between semicolons first, then how many fields */
	for (p = text;; p++) {
		const char *q = csv_field_end(p, end, w->h->separator);

		if (!rc && n < w->h->n && w->h->columns[n].use == CSV_VALUE &&
			csv_cell_read(p, (size_t)(q - p), &value) == CELL_BAD)
			rc = csv_cell_refuse(
				w->f, line, w->h->columns[n].name, p, (size_t)(q - p), err);
		n++;
		p = q;
		if (p >= end || *p != w->h->separator)
			break;
	}
	if (n != w->h->n || !rc)
		rc = csv_refuse_fields(w->f, line, n, w->h->n, w->h->separator, err);
out:
	free(text);
	return rc;
}

/* ---- all of it ---- */

static unsigned cores(const struct wide *w)
{
	unsigned n = parallel_cores();

	return n > w->n_blocks && w->n_blocks ? (unsigned)w->n_blocks : n;
}

/* Columns in memory where they fit; else in a file, by blocks of as many cells as half of the
 * memory holds, so that what is written at once is long. */
static int make_room(struct wide *w, struct series_set *out, struct err *err)
{
	uint64_t memory = w->o->memory_bytes ? w->o->memory_bytes : MEMORY_BYTES;
	uint64_t bytes = (uint64_t)w->h->n_values * w->axis.n * sizeof(double), tile = TILE_BYTES;
	char text[NUM_TEXT], from[40], to[40];
	int rc;

	/* one line more than a power of two, for those would share places of the cache */
	w->width = (w->h->n_values + WIDE_TURN - 1) / WIDE_TURN * WIDE_TURN + WIDE_TURN;
	if (bytes <= memory) {
		bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
		/* memory that is cleared by the page costs a third of the time: large ones */
		if (bytes >= UINT64_C(8) * HUGE_PAGE &&
			!posix_memalign((void **)&w->memory, HUGE_PAGE, bytes))
			madvise(w->memory, bytes, MADV_HUGEPAGE);
		else
			w->memory = mem_alloc(bytes, 1);
		out->memory = w->memory;
	} else if (w->axis.n / SPARSE > w->end - w->first) {
		return err_set(err, ERR_INPUT,
			"%s: its %zu rows reach from %s to %s, with a step of %s: %zu series of "
			"%zu "
			"values, nearly all of them not known; take a stretch of it with --from "
			"and "
			"--to, or a longer --step",
			w->f->name, w->end - w->first,
			series_time_text(wide_time(w, w->first), from),
			series_time_text(wide_time(w, w->end - 1), to),
			num_duration(w->axis.step_s, text), w->h->n_values, w->axis.n);
	} else {
		rc = series_temp_file(&w->fd, w->o->temp_folder, bytes, err);
		if (rc)
			return err_prefix(err, "%s has %zu series of %zu values, %s", w->f->name,
				w->h->n_values, w->axis.n, num_bytes((double)bytes, text));
		tile = memory / 2 / cores(w);
	}
	w->block_cells = tile / sizeof(double) / w->width / WIDE_TURN * WIDE_TURN;
	if (w->block_cells < WIDE_TURN)
		w->block_cells = WIDE_TURN;
	if (w->block_cells > TILE_CELLS_MAX)
		w->block_cells = TILE_CELLS_MAX;
	return 0;
}

static int map_columns(struct wide *w, struct series_set *out, struct err *err)
{
	size_t bytes = w->h->n_values * w->axis.n * sizeof(double);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);

	if (p == MAP_FAILED)
		return err_errno(err, ERR_SYSTEM, errno,
			"%s: the temporary file of its columns cannot be mapped", w->f->name);
	out->memory = p;
	out->mapped_bytes = bytes;
	return 0;
}

static void make_items(const struct wide *w, struct series_set *out)
{
	out->items = mem_zalloc(w->h->n_values, sizeof(*out->items));
	out->n = out->cap = w->h->n_values;
	for (size_t i = 0; i < w->h->n; i++) {
		struct csv_column *c = &w->h->columns[i];

		if (c->use != CSV_VALUE)
			continue;
		out->items[c->series] = (struct series){.name = c->name,
			.family = mem_strdup(""),
			.values = out->memory + c->series * w->axis.n,
			.kind = w->counters && w->counters[c->series] ? SERIES_COUNTER
								      : SERIES_GAUGE};
		c->name = NULL; /* it is the series' now */
	}
}

static void to_rates(struct wide *w, struct series_set *out)
{
	for (size_t i = 0; w->counters && i < out->n; i++) {
		if (!w->counters[i])
			continue;
		out->items[i].resets =
			series_rates(out->items[i].values, w->cell_time_s, w->axis.n);
		series_forget(out, i, 1);
	}
}

static void find_counters(struct wide *w)
{
	for (size_t i = 0; i < w->h->n; i++) {
		const struct csv_column *c = &w->h->columns[i];

		if (c->use != CSV_VALUE || !csv_is_counter(w->o, c->name))
			continue;
		if (!w->counters)
			w->counters = mem_zalloc(w->h->n_values, sizeof(*w->counters));
		w->counters[c->series] = true;
	}
	if (w->counters) {
		w->cell_time_s = mem_alloc(w->axis.n, sizeof(double));
		for (size_t t = 0; t < w->axis.n; t++)
			w->cell_time_s[t] = NAN;
	}
}

/* One row a value, taken for one a time: times again and again, and a column of words beside. */
static int check_form(const struct wide *w, const struct series_set *out, struct err *err)
{
	size_t rows = w->end - w->first, words = SIZE_MAX, value = SIZE_MAX;

	for (size_t i = w->h->n; i-- > 0;) {
		words = w->h->columns[i].use == CSV_WORDS ? i : words;
		value = w->h->columns[i].use == CSV_VALUE ? i : value;
	}
	if (words == SIZE_MAX || out->points_duplicate * 2 <= rows * w->h->n_values)
		return 0;
	return err_set(err, ERR_INPUT,
		"%s: most times are there more than once, with different words in column '%.60s'; "
		"if each row is of one series, say so: --name '%.60s' --value '%.60s'",
		w->f->name, w->h->columns[words].name, w->h->columns[words].name,
		w->h->columns[value].name);
}

static int read_blocks(struct wide *w, struct series_set *out, struct err *err)
{
	int rc = 0;

	parallel_for(0, w->n_blocks, wide_read_block, w);
	if (w->err.kind)
		rc = err_set(err, w->err.kind, "%s", w->err.text);
	else if (w->bad != UINT64_MAX)
		rc = refuse_row(w, w->bad, err);
	while (w->free) {
		struct wide_scratch *s = w->free;

		w->free = s->next;
		wide_scratch_free(s);
	}
	if (!rc && !w->memory)
		rc = map_columns(w, out, err);
	return rc;
}

int csv_read_wide(struct series_set *out, const struct csv_file *f, const struct csv_head *h,
	const struct series_csv_options *o, struct err *err)
{
	struct wide w = {.f = f,
		.h = h,
		.o = o,
		.fd = -1,
		.bad = UINT64_MAX,
		.failed = SIZE_MAX,
		.lock = PTHREAD_MUTEX_INITIALIZER};
	int rc = csv_rows_read(&w.rows, f, h, out, err);

	if (!rc)
		rc = csv_rows_utc(&w.rows, o, out, err);
	if (rc)
		goto out;
	sort_rows(&w, out);
	rc = choose_axis(&w, out, err);
	if (!rc)
		rc = check_form(&w, out, err);
	if (!rc)
		rc = make_room(&w, out, err);
	if (rc)
		goto out;
	cut_blocks(&w);
	find_counters(&w);
	rc = read_blocks(&w, out, err);
	if (rc)
		goto out;
	out->start_s = w.axis.start_s;
	out->step_s = w.axis.step_s;
	out->n_times = w.axis.n;
	out->points_read = (w.end - w.first) * h->n_values;
	out->points_bad = atomic_load(&w.infinite);
	make_items(&w, out);
	to_rates(&w, out);
	series_mark(out);
	for (size_t i = 0; i < out->n; i++)
		out->gaps += out->n_times - out->items[i].known;
out:
	if (w.fd >= 0)
		close(w.fd);
	free(w.order);
	free(w.cell_first);
	free(w.counters);
	free(w.cell_time_s);
	csv_rows_release(&w.rows);
	return rc;
}
