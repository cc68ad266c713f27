/*
 * The first pass over a CSV file: where rows begin, and when they are.
 *
 * The file is cut into pieces anywhere, and threads look for line ends in them. A line end within
 * quotes is none; where each line holds an even number of quotes there is no such, and that is
 * counted as well. Only where it fails are the pieces gone through again, one after the other.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/mem.h"
#include "base/parallel.h"
#include "correlate/series_csv_parts.h"

enum { OVERLAP = 4096 };

struct piece {
	uint64_t from, to;
	struct csv_row *rows;
	size_t n, cap;
	uint64_t bad; /* where the first row with no time begins */
	size_t line_ends;
	bool head_odd, tail_odd, any_odd; /* quotes before the first, after the last, between two
					     line ends */
	bool quoted;                      /* it ends within quotes */
	bool either, month_cannot, day_cannot;
	struct err err;
};

struct scan {
	const struct csv_file *f;
	const struct csv_head *h;
	struct piece *pieces;
	size_t n;
	uint64_t end;
	enum series_time_order order;
	bool one_by_one; /* line ends within quotes are minded */
	atomic_size_t rows;
};

struct buffer {
	char *p;
	uint64_t from;
	size_t len;
};

/* ---- a row ---- */

/* Its time's field, when the buffer reaches far enough. */
static bool time_field(const struct scan *s, const struct buffer *b, uint64_t at,
	struct csv_slice *field, bool *blank)
{
	const char *p = b->p + (at - b->from), *end = b->p + b->len, *q;
	bool last = b->from + b->len == s->end;

	*blank = *p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n');
	for (size_t column = 0;; column++) {
		q = csv_field_end(p, end, s->h->separator);
		if (q + 1 >= end && !last)
			return false;
		if (column == s->h->time || q == end || *q != s->h->separator)
			break;
		p = q + 1;
	}
	*field = csv_field_inside(p, q);
	return true;
}

/* The same for a row that the buffer does not hold enough of. */
static int time_field_far(const struct scan *s, struct buffer *far, uint64_t at,
	struct csv_slice *field, bool *blank, struct err *err)
{
	for (size_t max = 64 << 10;; max *= 4) {
		int rc;

		if (max > CSV_ROW_MAX)
			return err_set(err, ERR_INPUT,
				"%s:%zu: the line is longer than %d MB; is it CSV, with line ends?",
				s->f->name, csv_file_line(s->f, at), CSV_ROW_MAX >> 20);
		far->from = at;
		far->len = s->end - at < max ? (size_t)(s->end - at) : max;
		far->p = mem_resize(far->p, far->len + 1, 1);
		rc = csv_file_read(s->f, at, far->p, far->len, err);
		if (rc)
			return rc;
		if (time_field(s, far, at, field, blank))
			return 0;
	}
}

static void add_row(const struct scan *s, struct piece *piece, const struct buffer *b, uint64_t at)
{
	struct buffer far = {0};
	struct csv_slice field;
	struct series_time time;
	bool blank = false;

	if (piece->err.kind || at >= s->end)
		return;
	if (!time_field(s, b, at, &field, &blank) &&
		time_field_far(s, &far, at, &field, &blank, &piece->err))
		goto out;
	if (blank)
		goto out;
	piece->rows = mem_grow(piece->rows, &piece->cap, piece->n + 1, sizeof(*piece->rows));
	if (!series_time_parse(field.p, field.len, s->order, &time) || !isfinite(time.time_s)) {
		piece->bad = piece->bad < at ? piece->bad : at;
		time = (struct series_time){0};
	}
	piece->either |= time.either;
	piece->month_cannot |= time.month_cannot;
	piece->day_cannot |= time.day_cannot;
	piece->rows[piece->n++] = (struct csv_row){time.local ? at | CSV_LOCAL : at, time.time_s};
out:
	free(far.p);
}

/* ---- a piece ---- */

struct marks {
	const struct scan *s;
	struct piece *piece;
	const struct buffer *b;
	bool odd; /* quotes since the last line end, or, one by one, since the beginning */
};

/* A line end or a quote. */
static void see(struct marks *m, const char *p)
{
	struct piece *piece = m->piece;

	if (*p == '"') {
		m->odd = !m->odd;
		return;
	}
	if (m->odd && m->s->one_by_one)
		return;
	if (!piece->line_ends++)
		piece->head_odd = m->odd;
	else
		piece->any_odd |= m->odd;
	m->odd = false;
	add_row(m->s, piece, m->b, m->b->from + (uint64_t)(p + 1 - m->b->p));
}

static void find_marks(struct marks *m, const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i newline = _mm_set1_epi8('\n'), quote = _mm_set1_epi8('"');

	for (; end - p >= 32; p += 32) {
		__m128i a = _mm_loadu_si128((const __m128i *)p);
		__m128i b = _mm_loadu_si128((const __m128i *)(p + 16));
		__m128i in_a = _mm_or_si128(_mm_cmpeq_epi8(a, newline), _mm_cmpeq_epi8(a, quote));
		__m128i in_b = _mm_or_si128(_mm_cmpeq_epi8(b, newline), _mm_cmpeq_epi8(b, quote));

		if (!_mm_movemask_epi8(_mm_or_si128(in_a, in_b)))
			continue;
		unsigned bits =
			(unsigned)_mm_movemask_epi8(in_a) | (unsigned)_mm_movemask_epi8(in_b) << 16;

		for (; bits; bits &= bits - 1)
			see(m, p + __builtin_ctz(bits));
	}
#endif
	for (; p < end; p++)
		if (*p == '\n' || *p == '"')
			see(m, p);
}

static void scan_piece(void *arg, size_t i)
{
	struct scan *s = arg;
	struct piece *piece = &s->pieces[i];
	struct buffer b = {.from = piece->from};
	struct marks m = {s, piece, &b, s->one_by_one && i && s->pieces[i - 1].quoted};

	piece->bad = UINT64_MAX;
	if (atomic_load(&s->rows) > CSV_ROWS_MAX)
		return;
	b.len = (size_t)(piece->to - piece->from);
	b.len = s->end - piece->to < OVERLAP ? (size_t)(s->end - piece->from) : b.len + OVERLAP;
	b.p = mem_alloc(b.len + 1, 1);
	if (!csv_file_read(s->f, b.from, b.p, b.len, &piece->err)) {
		if (!i)
			add_row(s, piece, &b, b.from);
		find_marks(&m, b.p, b.p + (piece->to - piece->from));
	}
	atomic_fetch_add(&s->rows, piece->n);
	piece->tail_odd = m.odd;
	piece->quoted = m.odd;
	free(b.p);
}

/* ---- all pieces ---- */

/* Does each line have an even number of quotes? */
static bool lines_even(const struct scan *s)
{
	bool odd = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct piece *p = &s->pieces[i];

		if (p->line_ends && (p->any_odd || odd != p->head_odd))
			return false;
		odd = p->line_ends ? p->tail_odd : odd != p->tail_odd;
	}
	return !odd;
}

static void scan_release(struct scan *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->pieces[i].rows);
	free(s->pieces);
	s->pieces = NULL;
}

static void scan_all(struct scan *s)
{
	uint64_t begin = s->h->body;

	scan_release(s);
	atomic_store(&s->rows, 0);
	s->n = (size_t)((s->end - begin + CSV_PIECE - 1) / CSV_PIECE);
	s->pieces = mem_zalloc(s->n + 1, sizeof(*s->pieces));
	for (size_t i = 0; i < s->n; i++) {
		s->pieces[i].from = begin + i * CSV_PIECE;
		s->pieces[i].to = i + 1 < s->n ? begin + (i + 1) * CSV_PIECE : s->end;
	}
	parallel_for(s->one_by_one ? 1 : 0, s->n, scan_piece, s);
	if (s->one_by_one || lines_even(s))
		return;
	s->one_by_one = true;
	scan_all(s);
}

/* Days or months first, where the form asks for it. */
static int judge_order(struct scan *s, struct err *err)
{
	bool either = false, month_cannot = false, day_cannot = false;
	const char *column = s->h->columns[s->h->time].name;

	for (size_t i = 0; i < s->n; i++) {
		either |= s->pieces[i].either;
		month_cannot |= s->pieces[i].month_cannot;
		day_cannot |= s->pieces[i].day_cannot;
	}
	if (!either || (day_cannot && !month_cannot))
		return 0;
	if (month_cannot && day_cannot)
		return err_set(err, ERR_INPUT,
			"%s: some times of column '%.100s' have the day first and some the month; "
			"write them as 2026-11-21T19:00:00Z",
			s->f->name, column);
	if (!month_cannot)
		return err_set(err, ERR_INPUT,
			"%s: nothing in column '%.100s' tells whether the day or the month comes "
			"first; write times as 2026-11-21T19:00:00Z",
			s->f->name, column);
	s->order = TIME_DAY_FIRST;
	scan_all(s);
	return 0;
}

static int refuse_time(const struct scan *s, uint64_t at, struct err *err)
{
	struct buffer far = {0};
	struct csv_slice field;
	char text[CSV_SHOWN];
	bool blank;
	int rc = time_field_far(s, &far, at, &field, &blank, err);

	if (!rc)
		rc = err_set(err, ERR_INPUT,
			"%s:%zu: '%s' in column '%.100s' is no time; write it as "
			"2026-11-21T19:00:00Z or as Unix seconds",
			s->f->name, csv_file_line(s->f, at), csv_shown(field, text),
			s->h->columns[s->h->time].name);
	free(far.p);
	return rc;
}

/* What went wrong in the pieces, the first of it. */
static int scan_check(const struct scan *s, struct err *err)
{
	size_t rows = atomic_load(&s->rows);

	if (rows > CSV_ROWS_MAX)
		return err_set(err, ERR_INPUT, "%s: has more than %d rows; cut it into stretches",
			s->f->name, CSV_ROWS_MAX);
	for (size_t i = 0; i < s->n; i++) {
		const struct piece *p = &s->pieces[i];

		if (p->err.kind)
			return err_set(err, p->err.kind, "%s", p->err.text);
		if (p->bad != UINT64_MAX)
			return refuse_time(s, p->bad, err);
	}
	if (s->n && s->pieces[s->n - 1].quoted && s->one_by_one) {
		uint64_t at = s->h->body;

		for (size_t i = 0; i < s->n; i++)
			if (s->pieces[i].n)
				at = s->pieces[i].rows[s->pieces[i].n - 1].at & ~CSV_LOCAL;
		return err_set(err, ERR_INPUT,
			"%s: a quote that is opened in line %zu, or behind it, is not closed",
			s->f->name, csv_file_line(s->f, at));
	}
	if (!rows)
		return err_set(err, ERR_INPUT, "%s: has a line of names and no rows", s->f->name);
	return 0;
}

/* ---- a last line without an end ---- */

static size_t count_fields(const char *p, const char *end, char separator)
{
	size_t n = 1;

	for (p = csv_field_end(p, end, separator); p < end && *p == separator; n++)
		p = csv_field_end(p + 1, end, separator);
	return n;
}

/* A file that somebody still writes ends within a line: that one is left for the next time. One
 * that has all its fields is taken: many files end without a line end. */
static int find_end(struct scan *s, struct series_set *notes, struct err *err)
{
	struct buffer b = {.from = s->f->size};
	const char *line = NULL;
	int rc = 0;

	s->end = s->f->size;
	for (size_t max = 64 << 10; !line; max *= 4) {
		b.from = s->end - s->h->body < max ? s->h->body : s->end - max;
		b.len = (size_t)(s->end - b.from);
		b.p = mem_resize(b.p, b.len + 1, 1);
		rc = csv_file_read(s->f, b.from, b.p, b.len, err);
		if (rc || !b.len || b.p[b.len - 1] == '\n')
			goto out;
		line = memrchr(b.p, '\n', b.len);
		line = line ? line + 1 : b.from == s->h->body ? b.p : NULL;
		if (!line && max > CSV_ROW_MAX)
			break;
	}
	if (line && count_fields(line, b.p + b.len, s->h->separator) < s->h->n) {
		s->end = b.from + (uint64_t)(line - b.p);
		series_note(notes, "The last line has no end and too few fields, as that of a file "
				   "that is still being written: it was left out.");
	}
out:
	free(b.p);
	return rc;
}

/* ---- local time ---- */

double csv_clock_utc(struct csv_clock *c, double local_s, double last_s)
{
	double whole = floor(local_s);
	int64_t utc[2];
	int times = series_zone_utc(c->zone, (int64_t)whole, utc);

	if (times == 0 && !c->never++)
		c->never_s = local_s;
	if (times == 2 && !c->twice++)
		c->twice_s = local_s;
	double first = (double)utc[0] + (local_s - whole);

	/* where clocks were put back, the second time has come once the first was passed */
	return times == 2 && first <= last_s ? (double)utc[1] + (local_s - whole) : first;
}

void csv_clock_note(const struct csv_clock *c, const char *zone, struct series_set *notes)
{
	char text[40];

	if (c->twice) {
		series_time_text(c->twice_s, text);
		series_note(notes,
			"%zu rows have a time that %s's clocks showed twice (%.19s first): the "
			"earlier of the two was taken, and the later one once that was passed.",
			c->twice, zone, text);
	}
	if (c->never) {
		series_time_text(c->never_s, text);
		series_note(notes,
			"%zu rows have a time that %s's clocks passed over (%.19s first): it was "
			"taken as if they had not been put forward yet.",
			c->never, zone, text);
	}
}

int csv_rows_utc(struct csv_rows *rows, const struct series_csv_options *o,
	struct series_set *notes, struct err *err)
{
	struct series_zone *zone;
	struct csv_clock clock = {0};
	double last = -INFINITY;
	int rc = series_zone_open(&zone, o->zone, err);

	if (rc)
		return rc;
	clock.zone = zone;
	for (size_t i = 0; i < rows->n; i++) {
		struct csv_row *row = &rows->items[i];

		if (row->at & CSV_LOCAL) {
			row->at &= ~CSV_LOCAL;
			row->time_s = csv_clock_utc(&clock, row->time_s, last);
		}
		last = row->time_s;
	}
	csv_clock_note(&clock, o->zone ? o->zone : "UTC", notes);
	series_zone_free(zone);
	return 0;
}

int csv_rows_read(struct csv_rows *rows, const struct csv_file *f, const struct csv_head *h,
	struct series_set *notes, struct err *err)
{
	struct scan s = {.f = f, .h = h};
	int rc = find_end(&s, notes, err);

	*rows = (struct csv_rows){0};
	if (rc)
		return rc;
	scan_all(&s);
	rc = judge_order(&s, err);
	if (!rc)
		rc = scan_check(&s, err);
	if (!rc) {
		for (size_t i = 0; i < s.n; i++)
			rows->n += s.pieces[i].n;
		rows->items = mem_alloc(rows->n + 1, sizeof(*rows->items));
		for (size_t i = 0, k = 0; i < s.n; i++) {
			if (s.pieces[i].n)
				memcpy(rows->items + k, s.pieces[i].rows,
					s.pieces[i].n * sizeof(*rows->items));
			k += s.pieces[i].n;
			free(s.pieces[i].rows);
			s.pieces[i].rows = NULL;
		}
		rows->items[rows->n] = (struct csv_row){s.end, 0};
	}
	scan_release(&s);
	return rc;
}

void csv_rows_release(struct csv_rows *rows)
{
	free(rows->items);
	*rows = (struct csv_rows){0};
}
