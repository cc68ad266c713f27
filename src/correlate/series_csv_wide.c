/*
 * The second pass over a wide CSV file: values to their columns.
 *
 * Blocks of cells (steps of the axis) are independent of each other. The rows of a block are read
 * into a tile, one line a cell; then the tile is turned, and what it has of each column is written
 * to its place in one go: to memory, or, where all would be too much, to a temporary file. To write
 * each number to its column at once would touch a page a number, which costs more than parsing it.
 */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/parallel.h"
#include "correlate/series_csv_parts.h"

enum {
	TILE_BYTES = 512 << 10, /* a core's share of the second cache */
	TURN = 8,               /* doubles of a cache line */
	TILE_CELLS_MAX = 8192,
	HUGE_PAGE = 2 << 20,
	SPARSE = 10, /* steps a row from which a file is not written for what is not known */
};

static const uint64_t MEMORY_BYTES = UINT64_C(1) << 30;

/* What a thread needs; kept for its next block. */
struct scratch {
	struct scratch *next;
	double *tile;
	double *turned;      /* TURN columns of a block */
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
	struct scratch *free;
	uint64_t bad;   /* where the first row begins that cannot be read */
	struct err err; /* of reading and writing */
	atomic_size_t infinite;
	atomic_size_t failed; /* the first block that is wrong; SIZE_MAX */
};

/* ---- rows in their order ---- */

static size_t row_of(const struct wide *w, size_t k)
{
	return w->order ? w->order[k] : k;
}

static double time_of(const struct wide *w, size_t k)
{
	return w->rows.items[row_of(w, k)].time_s;
}

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
	while (w->first < w->end && !isnan(o->from_s) && time_of(w, w->first) < o->from_s)
		w->first++;
	while (w->end > w->first && !isnan(o->to_s) && time_of(w, w->end - 1) > o->to_s)
		w->end--;
	for (size_t k = w->first; k < w->end; k++)
		if (!n || time_of(w, k) > times[n - 1])
			times[n++] = time_of(w, k);
	if (!n)
		rc = err_set(err, ERR_INPUT,
			"%s: no row lies between --from and --to; they reach from %s to %s",
			w->f->name, series_time_text(time_of(w, 0), from),
			series_time_text(time_of(w, w->rows.n - 1), to));
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
		while (k < w->end && series_axis_cell(&w->axis, time_of(w, k)) < b * w->block_cells)
			k++;
		w->cell_first[b] = k;
	}
	w->cell_first[w->n_blocks] = w->end;
}

/* ---- what threads work with ---- */

static struct scratch *scratch_take(struct wide *w)
{
	struct scratch *s;

	pthread_mutex_lock(&w->lock);
	s = w->free;
	if (s)
		w->free = s->next;
	pthread_mutex_unlock(&w->lock);
	if (s)
		return s;
	s = mem_zalloc(1, sizeof(*s));
	s->tile = mem_alloc(w->block_cells * w->width, sizeof(double));
	s->turned = mem_alloc((w->block_cells + TURN) * TURN, sizeof(double));
	s->row = mem_alloc(w->width, sizeof(double));
	s->group = mem_alloc(w->width, sizeof(double));
	s->counts = mem_alloc(w->width, sizeof(uint32_t));
	s->group_counts = mem_alloc(w->width, sizeof(uint32_t));
	return s;
}

static void scratch_give(struct wide *w, struct scratch *s)
{
	pthread_mutex_lock(&w->lock);
	s->next = w->free;
	w->free = s;
	pthread_mutex_unlock(&w->lock);
}

static void scratch_free(struct scratch *s)
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
static const char *row_text(struct wide *w, struct scratch *s, size_t k, size_t last, size_t *len)
{
	const struct csv_row *rows = w->rows.items;
	size_t row = row_of(w, k), upto = row + 1;
	struct err err = {0};

	*len = (size_t)(rows[row + 1].at - rows[row].at);
	if (s->text_len && rows[row].at >= s->text_at &&
		rows[row].at + *len <= s->text_at + s->text_len)
		return s->text + (rows[row].at - s->text_at);
	while (++k < last && row_of(w, k) == upto && rows[upto + 1].at - rows[row].at <= CSV_PIECE)
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

static bool read_row(struct wide *w, struct scratch *s, size_t k, size_t last, double *out)
{
	size_t len;
	const char *text = row_text(w, s, k, last, &len);

	if (!text)
		return false;
	if (parse_row(w, text, text + len, out))
		return true;
	fail(w, w->rows.items[row_of(w, k)].at, NULL);
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
	struct wide *w, struct scratch *s, size_t k, size_t end, size_t last, double *out)
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
	double t = time_of(w, k);

	while (k < end && time_of(w, k) == t)
		k++;
	return k;
}

/* Rows of several times in one cell: for each column the nearest that is known, or the mean of
 * all. */
static bool read_cell(
	struct wide *w, struct scratch *s, size_t k, size_t end, size_t cell, double *out)
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
		double t = time_of(w, k), off = fabs(t - at);

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

static bool fill_tile(struct wide *w, struct scratch *s, size_t block, size_t cells)
{
	size_t k = w->cell_first[block], last = w->cell_first[block + 1];

	s->text_len = 0;
	for (size_t c = 0; c < cells; c++) {
		size_t cell = block * w->block_cells + c, end = k;
		double *out = s->tile + c * w->width;

		while (end < last && series_axis_cell(&w->axis, time_of(w, end)) == cell)
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
				w->cell_time_s[cell] = time_of(w, k);
		}
		k = end;
	}
	return true;
}

/* Up to TURN columns of the tile, from `column` on, as lines of `cells`. */
static void turn(const struct wide *w, const struct scratch *s, size_t column, size_t cells,
	double *const *to)
{
	size_t n = w->h->n_values - column < TURN ? w->h->n_values - column : TURN;
	const double *from = s->tile + column;

	for (size_t c = 0; c < cells; c += TURN) {
		size_t m = cells - c < TURN ? cells - c : TURN;

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

static bool put_tile(struct wide *w, struct scratch *s, size_t block, size_t cells)
{
	size_t first = block * w->block_cells;
	struct err err = {0};

	for (size_t column = 0; column < w->h->n_values; column += TURN) {
		double *to[TURN];

		for (size_t i = 0; i < TURN; i++)
			to[i] = w->memory ? w->memory + (column + i) * w->axis.n + first
					  : s->turned + i * cells;
		turn(w, s, column, cells, to);
		for (size_t i = 0; !w->memory && i < TURN && column + i < w->h->n_values; i++) {
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

static void do_block(void *arg, size_t block)
{
	struct wide *w = arg;
	struct scratch *s;
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
	w->width = (w->h->n_values + TURN - 1) / TURN * TURN + TURN;
	if (bytes <= memory) {
		bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
		/* memory that is cleared by the page costs a third of the time: large ones */
		if (bytes >= 8 * HUGE_PAGE &&
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
			w->f->name, w->end - w->first, series_time_text(time_of(w, w->first), from),
			series_time_text(time_of(w, w->end - 1), to),
			num_duration(w->axis.step_s, text), w->h->n_values, w->axis.n);
	} else {
		rc = series_temp_file(&w->fd, w->o->temp_folder, bytes, err);
		if (rc)
			return err_prefix(err, "%s has %zu series of %zu values, %s", w->f->name,
				w->h->n_values, w->axis.n, num_bytes((double)bytes, text));
		tile = memory / 2 / cores(w);
	}
	w->block_cells = tile / sizeof(double) / w->width / TURN * TURN;
	if (w->block_cells < TURN)
		w->block_cells = TURN;
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
	for (size_t i = 0; w->counters && i < out->n; i++)
		if (w->counters[i])
			out->items[i].resets =
				series_rates(out->items[i].values, w->cell_time_s, w->axis.n);
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
		fill(w->cell_time_s, w->axis.n, NAN);
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

	parallel_for(0, w->n_blocks, do_block, w);
	if (w->err.kind)
		rc = err_set(err, w->err.kind, "%s", w->err.text);
	else if (w->bad != UINT64_MAX)
		rc = refuse_row(w, w->bad, err);
	while (w->free) {
		struct scratch *s = w->free;

		w->free = s->next;
		scratch_free(s);
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
