/*
 * A long CSV file, one row a value: time, name, value, and other columns that become labels of the
 * name. The times are known from the first pass; this one finds which series each row is of, and
 * its value. Then the points are gathered by series and put on one axis as any others are.
 *
 * Each thread knows names by the bytes that stand in the file, and asks a common table for those
 * that it has not seen yet; so quotes, spaces and doubled quotes make no other series.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/parallel.h"
#include "correlate/series_csv_parts.h"

enum { ROW_BYTES = 44 }; /* of memory, at most at a time: place, time, series, value; its point */

static const uint64_t MEMORY_BYTES = UINT64_C(1) << 30;

/* Bytes to a number, by open addressing. */
struct table {
	struct entry {
		uint64_t hash;
		char *key;
		size_t len;
		uint32_t id;
	} * entries;
	size_t n, cap; /* a power of two, at least half of it free */
};

struct scratch {
	struct scratch *next;
	struct table seen; /* what stands in the file → id */
	struct str key, name;
	char *text;
	size_t text_cap;
};

struct known {
	char *name;
	size_t first_row;
};

struct long_file {
	const struct csv_file *f;
	const struct csv_head *h;
	const struct series_csv_options *o;
	struct csv_rows rows;
	size_t *block_first;
	size_t n_blocks;
	uint32_t *ids;
	double *values;
	pthread_mutex_t lock;
	struct scratch *free;
	struct table names; /* whole names → id */
	struct known *known;
	size_t n, cap;
	size_t bad; /* row; SIZE_MAX */
	struct err err;
	atomic_bool failed;
	atomic_size_t infinite;
};

/* ---- names ---- */

static uint64_t hash_of(const char *p, size_t len)
{
	uint64_t h = len * UINT64_C(0x9e3779b97f4a7c15), word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	for (word = 0; len; len--)
		word = word << 8 | (unsigned char)*p++;
	h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 29;
}

static struct entry *table_find(const struct table *t, const char *key, size_t len, uint64_t hash)
{
	for (size_t i = hash; t->cap; i++) {
		struct entry *e = &t->entries[i & (t->cap - 1)];

		if (!e->key)
			return NULL;
		if (e->hash == hash && e->len == len && !memcmp(e->key, key, len))
			return e;
	}
	return NULL;
}

static void table_put(struct table *t, struct entry new)
{
	size_t i = new.hash;

	while (t->entries[i & (t->cap - 1)].key)
		i++;
	t->entries[i & (t->cap - 1)] = new;
}

static void table_add(struct table *t, const char *key, size_t len, uint64_t hash, uint32_t id)
{
	if (2 * (t->n + 1) > t->cap) {
		struct table old = *t;

		t->cap = old.cap ? 2 * old.cap : 1024;
		t->entries = mem_zalloc(t->cap, sizeof(*t->entries));
		for (size_t i = 0; i < old.cap; i++)
			if (old.entries[i].key)
				table_put(t, old.entries[i]);
		free(old.entries);
	}
	t->n++;
	table_put(t, (struct entry){hash, mem_copy(key, len), len, id});
}

static void table_release(struct table *t)
{
	for (size_t i = 0; i < t->cap; i++)
		free(t->entries[i].key);
	free(t->entries);
}

/* A field as it is meant. Within a label, quotes and backslashes are escaped. */
static void add_text(struct str *out, struct csv_slice raw, bool label)
{
	struct csv_slice in = csv_field_inside(raw.p, raw.p + raw.len);
	bool quoted = in.p > raw.p && in.p[-1] == '"';

	for (size_t i = 0; i < in.len && out->len < SERIES_NAME_MAX; i++) {
		char c = in.p[i];

		if (quoted && c == '"' && i + 1 < in.len && in.p[i + 1] == '"')
			i++;
		if (label && (c == '"' || c == '\\'))
			str_add_char(out, '\\');
		str_add_char(out, (unsigned char)c < ' ' ? ' ' : c);
	}
}

/* name{label="value",…} */
static void make_name(const struct long_file *l, const struct csv_slice *fields, struct str *out)
{
	size_t labels = 0;

	str_clear(out);
	add_text(out, fields[l->h->name], false);
	if (!out->len)
		str_add(out, "(no name)");
	for (size_t i = 0; i < l->h->n; i++) {
		struct csv_slice in;

		if (l->h->columns[i].use != CSV_LABEL)
			continue;
		in = csv_field_inside(fields[i].p, fields[i].p + fields[i].len);
		if (!in.len)
			continue;
		str_addf(out, "%s%s=\"", labels++ ? "," : "{", l->h->columns[i].name);
		add_text(out, fields[i], true);
		str_add_char(out, '"');
	}
	if (labels)
		str_add_char(out, '}');
}

/* From the table that all threads share. */
static uint32_t ask_id(struct long_file *l, const struct str *name, size_t row)
{
	uint64_t hash = hash_of(name->p, name->len);
	struct entry *e;
	uint32_t id;

	pthread_mutex_lock(&l->lock);
	e = table_find(&l->names, name->p, name->len, hash);
	if (e) {
		id = e->id;
		l->known[id].first_row =
			row < l->known[id].first_row ? row : l->known[id].first_row;
	} else {
		id = (uint32_t)l->n;
		l->known = mem_grow(l->known, &l->cap, l->n + 1, sizeof(*l->known));
		l->known[l->n++] = (struct known){mem_strdup(name->p), row};
		table_add(&l->names, name->p, name->len, hash, id);
		if (l->n > SERIES_MAX && !l->err.kind)
			err_set(&l->err, ERR_INPUT,
				"%s: holds more than %d series; is '%.100s' the column of their "
				"names?",
				l->f->name, SERIES_MAX, l->h->columns[l->h->name].name);
		if (l->err.kind)
			atomic_store(&l->failed, true);
	}
	pthread_mutex_unlock(&l->lock);
	return id;
}

/* The series of a row, by what stands in its fields. */
static uint32_t find_id(
	struct long_file *l, struct scratch *s, const struct csv_slice *fields, size_t row)
{
	struct csv_slice key = fields[l->h->name];
	struct entry *e;
	uint64_t hash;
	uint32_t id;

	if (l->h->n > 3) { /* there are labels */
		str_clear(&s->key);
		for (size_t i = 0; i < l->h->n; i++) {
			if (i == l->h->time || i == l->h->value)
				continue;
			str_add_bytes(&s->key, fields[i].p, fields[i].len);
			str_add_char(&s->key, l->h->separator);
		}
		key = (struct csv_slice){s->key.p, s->key.len};
	}
	hash = hash_of(key.p, key.len);
	e = table_find(&s->seen, key.p, key.len, hash);
	if (e)
		return e->id;
	make_name(l, fields, &s->name);
	id = ask_id(l, &s->name, row);
	table_add(&s->seen, key.p, key.len, hash, id);
	return id;
}

/* ---- rows ---- */

static size_t split(
	const struct long_file *l, const char *p, const char *end, struct csv_slice *fields)
{
	size_t n = 0;

	for (;; p++) {
		const char *q = csv_field_end(p, end, l->h->separator);

		if (n < l->h->n)
			fields[n] = (struct csv_slice){p, (size_t)(q - p)};
		n++;
		p = q;
		if (p >= end || *p != l->h->separator)
			return n;
	}
}

static bool read_row(struct long_file *l, struct scratch *s, struct csv_slice *fields, size_t row,
	const char *p, const char *end)
{
	const struct csv_slice *value = &fields[l->h->value];
	enum csv_cell cell;

	if (split(l, p, end, fields) != l->h->n)
		return false;
	cell = csv_cell_read(value->p, value->len, &l->values[row]);
	if (cell == CELL_BAD)
		return false;
	if (cell == CELL_INFINITE)
		atomic_fetch_add(&l->infinite, 1);
	l->ids[row] = find_id(l, s, fields, row);
	return true;
}

static struct scratch *scratch_take(struct long_file *l)
{
	struct scratch *s;

	pthread_mutex_lock(&l->lock);
	s = l->free;
	if (s)
		l->free = s->next;
	pthread_mutex_unlock(&l->lock);
	return s ? s : mem_zalloc(1, sizeof(*s));
}

static void do_block(void *arg, size_t block)
{
	struct long_file *l = arg;
	size_t first = l->block_first[block], end = l->block_first[block + 1];
	const struct csv_row *rows = l->rows.items;
	uint64_t from = rows[first].at & ~CSV_LOCAL, to = rows[end].at & ~CSV_LOCAL;
	struct csv_slice *fields;
	struct scratch *s;
	struct err err = {0};

	if (atomic_load(&l->failed))
		return;
	s = scratch_take(l);
	fields = mem_alloc(l->h->n, sizeof(*fields));
	if (s->text_cap < to - from + 1) {
		free(s->text);
		s->text_cap = (size_t)(to - from) + 1;
		s->text = mem_alloc(s->text_cap, 1);
	}
	if (csv_file_read(l->f, from, s->text, (size_t)(to - from), &err)) {
		pthread_mutex_lock(&l->lock);
		l->err = l->err.kind ? l->err : err;
		pthread_mutex_unlock(&l->lock);
		atomic_store(&l->failed, true);
		end = first;
	}
	for (size_t row = first; row < end; row++) {
		uint64_t at = rows[row].at & ~CSV_LOCAL, next = rows[row + 1].at & ~CSV_LOCAL;

		if (read_row(l, s, fields, row, s->text + (at - from), s->text + (next - from)))
			continue;
		pthread_mutex_lock(&l->lock);
		l->bad = row < l->bad ? row : l->bad;
		pthread_mutex_unlock(&l->lock);
		break;
	}
	free(fields);
	pthread_mutex_lock(&l->lock);
	s->next = l->free;
	l->free = s;
	pthread_mutex_unlock(&l->lock);
}

/* Blocks of rows of some CSV_PIECE bytes. */
static void cut_blocks(struct long_file *l)
{
	const struct csv_row *rows = l->rows.items;
	size_t cap = 0, n = 0;
	uint64_t from = 0;

	for (size_t row = 0; row <= l->rows.n; row++) {
		uint64_t at = rows[row].at & ~CSV_LOCAL;

		if (row && row < l->rows.n && at - from < CSV_PIECE)
			continue;
		l->block_first = mem_grow(l->block_first, &cap, n + 1, sizeof(*l->block_first));
		l->block_first[n++] = row;
		from = at;
	}
	l->n_blocks = n - 1;
}

static int refuse_row(const struct long_file *l, struct err *err)
{
	uint64_t at = l->rows.items[l->bad].at & ~CSV_LOCAL;
	size_t len = (size_t)((l->rows.items[l->bad + 1].at & ~CSV_LOCAL) - at), n;
	size_t line = csv_file_line(l->f, at);
	struct csv_slice *fields = mem_zalloc(l->h->n, sizeof(*fields));
	char *text = mem_alloc(len + 1, 1);
	int rc = csv_file_read(l->f, at, text, len, err);

	if (!rc) {
		n = split(l, text, text + len, fields);
		if (n != l->h->n)
			rc = csv_refuse_fields(l->f, line, n, l->h->n, l->h->separator, err);
		else
			rc = csv_cell_refuse(l->f, line, l->h->columns[l->h->value].name,
				fields[l->h->value].p, fields[l->h->value].len, err);
	}
	free(fields);
	free(text);
	return rc;
}

/* ---- to points ---- */

static int by_first_row(const void *a, const void *b, void *known)
{
	const struct known *k = known;
	size_t x = k[*(const uint32_t *)a].first_row, y = k[*(const uint32_t *)b].first_row;

	return x < y ? -1 : x > y;
}

static int to_utc(struct long_file *l, struct series_set *out, struct err *err)
{
	struct series_zone *zone;
	struct csv_clock clock = {0};
	double *last;
	int rc = series_zone_open(&zone, l->o->zone, err);

	if (rc)
		return rc;
	clock.zone = zone;
	last = mem_alloc(l->n, sizeof(*last));
	for (size_t i = 0; i < l->n; i++)
		last[i] = -INFINITY;
	for (size_t i = 0; i < l->rows.n; i++) {
		struct csv_row *row = &l->rows.items[i];

		if (row->at & CSV_LOCAL)
			row->time_s = csv_clock_utc(&clock, row->time_s, last[l->ids[i]]);
		last[l->ids[i]] = row->time_s;
	}
	free(last);
	csv_clock_note(&clock, l->o->zone ? l->o->zone : "UTC", out);
	series_zone_free(zone);
	return 0;
}

/* The points of each series, the series in the order in which the file names them first. What the
 * rows took is freed. */
static struct series_points *gather(struct long_file *l)
{
	struct series_points *points = mem_zalloc(l->n, sizeof(*points));
	uint32_t *order = mem_alloc(l->n, sizeof(*order)), *place = mem_alloc(l->n, sizeof(*place));

	for (size_t i = 0; i < l->n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, l->n, sizeof(*order), by_first_row, l->known);
	for (size_t i = 0; i < l->n; i++)
		place[order[i]] = (uint32_t)i;
	for (size_t i = 0; i < l->rows.n; i++)
		points[place[l->ids[i]]].cap++;
	for (size_t i = 0; i < l->n; i++) {
		struct series_points *p = &points[i];

		p->name = l->known[order[i]].name;
		p->family = (char *)"";
		p->kind = csv_is_counter(l->o, p->name) ? SERIES_COUNTER : SERIES_GAUGE;
		p->time_s = mem_alloc(p->cap, sizeof(double));
		p->value = mem_alloc(p->cap, sizeof(double));
	}
	for (size_t i = 0; i < l->rows.n; i++) {
		struct series_points *p = &points[place[l->ids[i]]];

		p->time_s[p->n] = l->rows.items[i].time_s;
		p->value[p->n++] = l->values[i];
	}
	csv_rows_release(&l->rows);
	free(l->ids);
	free(l->values);
	l->ids = NULL;
	l->values = NULL;
	free(order);
	free(place);
	return points;
}

static int align_points(struct long_file *l, struct series_set *out, struct err *err)
{
	struct series_points *points = gather(l);
	struct series_set aligned;
	int rc = series_align(&aligned, points, l->n, &l->o->align, err);

	for (size_t i = 0; i < l->n; i++) {
		free(points[i].time_s);
		free(points[i].value);
	}
	free(points);
	if (rc)
		return err_prefix(err, "%s", l->f->name);
	str_add(&out->notes, str_text(&aligned.notes));
	str_release(&aligned.notes);
	aligned.notes = out->notes;
	aligned.source = out->source;
	aligned.points_bad += atomic_load(&l->infinite);
	*out = aligned;
	return 0;
}

static void release(struct long_file *l)
{
	while (l->free) {
		struct scratch *s = l->free;

		l->free = s->next;
		table_release(&s->seen);
		str_release(&s->key);
		str_release(&s->name);
		free(s->text);
		free(s);
	}
	for (size_t i = 0; i < l->n; i++)
		free(l->known[i].name);
	free(l->known);
	table_release(&l->names);
	free(l->block_first);
	free(l->ids);
	free(l->values);
	csv_rows_release(&l->rows);
}

int csv_read_long(struct series_set *out, const struct csv_file *f, const struct csv_head *h,
	const struct series_csv_options *o, struct err *err)
{
	struct long_file l = {
		.f = f, .h = h, .o = o, .bad = SIZE_MAX, .lock = PTHREAD_MUTEX_INITIALIZER};
	uint64_t memory = o->memory_bytes ? o->memory_bytes : MEMORY_BYTES;
	char need[NUM_TEXT], have[NUM_TEXT];
	int rc = csv_rows_read(&l.rows, f, h, out, err);

	if (!rc && l.rows.n > memory / ROW_BYTES)
		rc = err_set(err, ERR_INPUT,
			"%s: its %zu rows need %s of memory in the long form, and %s may be taken; "
			"write it in the wide form, one row a time and one column a series",
			f->name, l.rows.n, num_bytes((double)l.rows.n * ROW_BYTES, need),
			num_bytes((double)memory, have));
	if (rc)
		goto out;
	l.ids = mem_alloc(l.rows.n, sizeof(*l.ids));
	l.values = mem_alloc(l.rows.n, sizeof(*l.values));
	cut_blocks(&l);
	parallel_for(0, l.n_blocks, do_block, &l);
	if (l.err.kind)
		rc = err_set(err, l.err.kind, "%s", l.err.text);
	else if (l.bad != SIZE_MAX)
		rc = refuse_row(&l, err);
	if (!rc)
		rc = to_utc(&l, out, err);
	if (!rc)
		rc = align_points(&l, out, err);
out:
	release(&l);
	return rc;
}
