/*
 * Values of a wide CSV file to their columns, block by block.
 *
 * Blocks of cells (steps of the axis) are independent of each other. The rows of a block are read
 * into a tile, one line a cell; then the tile is turned, and what it has of each column is written
 * to its place in one go. To write each number to its column at once would touch a page a number,
 * which costs more than parsing it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "correlate/series_csv_wide.h"

/* ---- what threads work with ---- */

static struct wide_scratch *scratch_take(struct wide *w)
{
	struct wide_scratch *s;

	pthread_mutex_lock(&w->lock);
	s = w->free;
	if (s)
		w->free = s->next;
	pthread_mutex_unlock(&w->lock);
	if (s)
		return s;
	s = mem_zalloc(1, sizeof(*s));
	s->tile = mem_alloc(w->block_cells * w->width, sizeof(double));
	s->turned = mem_alloc((w->block_cells + WIDE_TURN) * WIDE_TURN, sizeof(double));
	s->row = mem_alloc(w->width, sizeof(double));
	s->group = mem_alloc(w->width, sizeof(double));
	s->counts = mem_alloc(w->width, sizeof(uint32_t));
	s->group_counts = mem_alloc(w->width, sizeof(uint32_t));
	return s;
}

static void scratch_give(struct wide *w, struct wide_scratch *s)
{
	pthread_mutex_lock(&w->lock);
	s->next = w->free;
	w->free = s;
	pthread_mutex_unlock(&w->lock);
}

void wide_scratch_free(struct wide_scratch *s)
{
	free(s->tile);
	free(s->turned);
	free(s->row);
	free(s->group);
	free(s->counts);
	free(s->group_counts);
	free(s->text);
	free(s);
}

static void fail(struct wide *w, uint64_t at, const struct err *err)
{
	pthread_mutex_lock(&w->lock);
	if (err && !w->err.kind)
		w->err = *err;
	if (!err && at < w->bad)
		w->bad = at;
	pthread_mutex_unlock(&w->lock);
}

/* ---- one row ---- */

/* Values of a row in the order of their columns. False: it is not as it should be. */
static bool parse_row(struct wide *w, const char *p, const char *end, double *out)
{
	const struct csv_column *columns = w->h->columns;
	size_t n = w->h->n, infinite = 0;
	char separator = w->h->separator;
	double value;

	for (size_t i = 0; i < n; i++) {
		const char *q;

		if (i && *p++ != separator)
			return false;
		if (columns[i].use != CSV_VALUE) {
			p = csv_field_end(p, end, separator);
			continue;
		}
		q = series_number(p, &value);
		if (__builtin_expect(!q || (*q != separator && *q != '\n'), 0)) {
			enum csv_cell cell;

			q = csv_field_end(p, end, separator);
			cell = csv_cell_read(p, (size_t)(q - p), &value);
			if (cell == CELL_BAD)
				return false;
			infinite += cell == CELL_INFINITE;
		}
		*out++ = value;
		p = q;
	}
	if (infinite)
		atomic_fetch_add(&w->infinite, infinite);
	return p >= end || *p == '\n' || *p == '\r';
}

/* The text of a row, and of those behind it that are needed next. Ends with a line end. */
static const char *row_text(
	struct wide *w, struct wide_scratch *s, size_t k, size_t last, size_t *len)
{
	const struct csv_row *rows = w->rows.items;
	size_t row = wide_row(w, k), upto = row + 1;
	struct err err = {0};

	*len = (size_t)(rows[row + 1].at - rows[row].at);
	if (s->text_len && rows[row].at >= s->text_at &&
		rows[row].at + *len <= s->text_at + s->text_len)
		return s->text + (rows[row].at - s->text_at);
	while (++k < last && wide_row(w, k) == upto &&
		rows[upto + 1].at - rows[row].at <= CSV_PIECE)
		upto++;
	s->text_at = rows[row].at;
	s->text_len = (size_t)(rows[upto].at - s->text_at);
	if (s->text_cap < s->text_len + 2) {
		free(s->text);
		s->text_cap = (s->text_len < CSV_PIECE ? CSV_PIECE : s->text_len) + 2;
		s->text = mem_alloc(s->text_cap, 1);
	}
	if (csv_file_read(w->f, s->text_at, s->text, s->text_len, &err)) {
		fail(w, 0, &err);
		return NULL;
	}
	/* a byte that ends the last number of a file without a line end */
	s->text[s->text_len] = '\n';
	return s->text;
}

static bool read_row(struct wide *w, struct wide_scratch *s, size_t k, size_t last, double *out)
{
	size_t len;
	const char *text = row_text(w, s, k, last, &len);

	if (!text)
		return false;
	if (parse_row(w, text, text + len, out))
		return true;
	fail(w, w->rows.items[wide_row(w, k)].at, NULL);
	return false;
}

/* ---- one cell ---- */

static void fill(double *out, size_t n, double value)
{
	for (size_t i = 0; i < n; i++)
		out[i] = value;
}

/* Adds what is known in `row` to sums; of counters, the last is kept. */
static void add_known(
	const struct wide *w, const double *row, double *sums, uint32_t *counts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (isnan(row[i]))
			continue;
		if (!counts[i] || (w->counters && w->counters[i])) {
			sums[i] = row[i];
			counts[i] = 1;
		} else {
			sums[i] += row[i];
			counts[i]++;
		}
	}
}

static void to_means(double *sums, const uint32_t *counts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sums[i] = counts[i] ? sums[i] / counts[i] : NAN;
}

/* Rows of one time, from k to before `end`: means. */
static bool read_time(
	struct wide *w, struct wide_scratch *s, size_t k, size_t end, size_t last, double *out)
{
	size_t n = w->h->n_values;

	if (k + 1 == end)
		return read_row(w, s, k, last, out);
	memset(s->group_counts, 0, n * sizeof(*s->group_counts));
	fill(out, n, 0);
	for (; k < end; k++) {
		if (!read_row(w, s, k, last, s->row))
			return false;
		add_known(w, s->row, out, s->group_counts, n);
	}
	to_means(out, s->group_counts, n);
	return true;
}

static size_t time_end(const struct wide *w, size_t k, size_t end)
{
	double t = wide_time(w, k);

	while (k < end && wide_time(w, k) == t)
		k++;
	return k;
}

/* Rows of several times in one cell: for each column the nearest that is known, or the mean of
 * all. */
static bool read_cell(
	struct wide *w, struct wide_scratch *s, size_t k, size_t end, size_t cell, double *out)
{
	double at = w->axis.start_s + (double)cell * w->axis.step_s, sum = 0, nearest = INFINITY;
	size_t n = w->h->n_values, times = 0;
	double *distance = NULL;
	bool ok = true, mean = w->o->align.how == ALIGN_MEAN;

	memset(s->counts, 0, n * sizeof(*s->counts));
	fill(out, n, mean ? 0 : NAN);
	if (!mean) {
		distance = mem_alloc(n, sizeof(*distance));
		fill(distance, n, INFINITY);
	}
	for (size_t same; ok && k < end; k = same) {
		double t = wide_time(w, k), off = fabs(t - at);

		same = time_end(w, k, end);
		ok = read_time(w, s, k, same, end, s->group);
		sum += t;
		times++;
		nearest = off < fabs(nearest - at) ? t : nearest;
		if (mean) {
			add_known(w, s->group, out, s->counts, n);
			continue;
		}
		for (size_t i = 0; i < n; i++)
			if (!isnan(s->group[i]) && off < distance[i]) {
				out[i] = s->group[i];
				distance[i] = off;
			}
	}
	if (mean)
		to_means(out, s->counts, n);
	if (w->cell_time_s)
		w->cell_time_s[cell] = mean ? sum / (double)times : nearest;
	free(distance);
	return ok;
}

/* ---- a block ---- */

static bool fill_tile(struct wide *w, struct wide_scratch *s, size_t block, size_t cells)
{
	size_t k = w->cell_first[block], last = w->cell_first[block + 1];

	s->text_len = 0;
	for (size_t c = 0; c < cells; c++) {
		size_t cell = block * w->block_cells + c, end = k;
		double *out = s->tile + c * w->width;

		while (end < last && series_axis_cell(&w->axis, wide_time(w, end)) == cell)
			end++;
		if (end == k) {
			fill(out, w->h->n_values, NAN);
			continue;
		}
		if (time_end(w, k, end) < end) {
			if (!read_cell(w, s, k, end, cell, out))
				return false;
		} else {
			if (!read_time(w, s, k, end, last, out))
				return false;
			if (w->cell_time_s)
				w->cell_time_s[cell] = wide_time(w, k);
		}
		k = end;
	}
	return true;
}

/* Up to WIDE_TURN columns of the tile, from `column` on, as lines of `cells`. */
static void turn(const struct wide *w, const struct wide_scratch *s, size_t column, size_t cells,
	double *const *to)
{
	size_t n = w->h->n_values - column < WIDE_TURN ? w->h->n_values - column : WIDE_TURN;
	const double *from = s->tile + column;

	for (size_t c = 0; c < cells; c += WIDE_TURN) {
		size_t m = cells - c < WIDE_TURN ? cells - c : WIDE_TURN;

		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < m; j++)
				to[i][c + j] = from[(c + j) * w->width + i];
	}
}

static int write_at(int fd, const char *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t wrote = pwrite(fd, p, n, (off_t)at);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return errno ? errno : EIO;
		p += wrote;
		at += (size_t)wrote;
		n -= (size_t)wrote;
	}
	return 0;
}

static bool put_tile(struct wide *w, struct wide_scratch *s, size_t block, size_t cells)
{
	size_t first = block * w->block_cells;
	struct err err = {0};

	for (size_t column = 0; column < w->h->n_values; column += WIDE_TURN) {
		double *to[WIDE_TURN];

		for (size_t i = 0; i < WIDE_TURN; i++)
			to[i] = w->memory ? w->memory + (column + i) * w->axis.n + first
					  : s->turned + i * cells;
		turn(w, s, column, cells, to);
		for (size_t i = 0; !w->memory && i < WIDE_TURN && column + i < w->h->n_values;
			i++) {
			int failed = write_at(w->fd, (const char *)to[i], cells * sizeof(double),
				((column + i) * w->axis.n + first) * sizeof(double));

			if (!failed)
				continue;
			err_errno(&err, ERR_SYSTEM, failed,
				"%s: the temporary file of its columns cannot be written",
				w->f->name);
			fail(w, 0, &err);
			return false;
		}
	}
	return true;
}

void wide_read_block(void *arg, size_t block)
{
	struct wide *w = arg;
	struct wide_scratch *s;
	size_t cells = w->axis.n - block * w->block_cells;

	/* blocks before the one that failed may be wrong as well: the first is said */
	if (block > atomic_load(&w->failed))
		return;
	s = scratch_take(w);
	cells = cells < w->block_cells ? cells : w->block_cells;
	if (!fill_tile(w, s, block, cells) || !put_tile(w, s, block, cells)) {
		size_t first = atomic_load(&w->failed);

		while (block < first && !atomic_compare_exchange_weak(&w->failed, &first, block))
			;
	}
	scratch_give(w, s);
}
