/*
 * A profile as JSON: columns, so that 100,000 nodes are some MB and not some tens. Reading takes
 * nothing on trust: a file may come from anywhere. What is read is built by the same functions that
 * the sampler uses, and must come out with the same indexes.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "profile/profile.h"
#include "profile/profile_index.h"

enum { PROFILE_JSON_VERSION = 1 };

/* ---- writing ---- */

static json_t *whole(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static void put(json_t *array, uint64_t value)
{
	json_array_append_new(array, whole(value));
}

/* A new array under `key` of `object`, borrowed. */
static json_t *column(json_t *object, const char *key)
{
	json_t *array = json_array();

	json_object_set_new(object, key, array);
	return array;
}

static json_t *about_to_json(const struct profile_about *a)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:s}",
		"rate_hz", json_number(a->rate_hz), "duration_s", json_number(a->duration_s),
		"sweeps", whole(a->sweeps), "samples", whole(a->samples), "retries",
		whole(a->retries), "rejected", whole(a->rejected), "late", whole(a->late), "folded",
		whole(a->folded), "own_cpu_s", json_number(a->own_cpu_s), "core_wait_ns",
		whole(a->core_wait_ns), "core_ns", whole(a->core_ns), "native", a->native, "paused",
		a->paused, "python", a->python);
}

static json_t *functions_to_json(const struct profile *p)
{
	json_t *o = json_object(), *kind = column(o, "kind"), *name = column(o, "name"),
	       *file = column(o, "file"), *line = column(o, "first_line");

	for (size_t i = 0; i < p->n_functions; i++) {
		const struct profile_function *f = &p->functions[i];

		json_array_append_new(kind, json_string(PROFILE_KIND_WORDS[f->kind]));
		json_array_append_new(name, json_string(f->name));
		json_array_append_new(file, json_string(f->file));
		json_array_append_new(line, json_integer(f->first_line));
	}
	return o;
}

static json_t *nodes_to_json(const struct profile *p)
{
	json_t *o = json_object(), *parent = column(o, "parent"), *function = column(o, "function"),
	       *line = column(o, "line");

	for (size_t i = 0; i < p->n_nodes; i++) {
		put(parent, p->nodes[i].parent);
		put(function, p->nodes[i].function);
		json_array_append_new(line, json_integer(p->nodes[i].line));
	}
	return o;
}

/* Most nodes were never innermost: only those that were. */
static json_t *self_to_json(const struct profile *p)
{
	json_t *o = json_object(), *node = column(o, "node"), *samples = column(o, "samples"),
	       *wall = column(o, "wall_ns"), *cpu = column(o, "cpu_ns"), *gil = column(o, "gil_ns");

	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct profile_weight *w = &p->nodes[i].self;

		if (!w->samples && !w->wall_ns && !w->cpu_ns && !w->gil_ns)
			continue;
		put(node, i);
		put(samples, w->samples);
		put(wall, w->wall_ns);
		put(cpu, w->cpu_ns);
		put(gil, w->gil_ns);
	}
	return o;
}

static json_t *moments_to_json(const struct profile *p)
{
	json_t *o = json_object(), *start, *length, *thread, *node;

	json_object_set_new(o, "least_ns", whole(p->moment_least_ns));
	start = column(o, "start_ns");
	length = column(o, "length_ns");
	thread = column(o, "thread");
	node = column(o, "node");
	for (size_t i = 0; i < p->n_moments; i++) {
		put(start, p->moments[i].start_ns);
		put(length, p->moments[i].length_ns);
		put(thread, p->moments[i].thread);
		put(node, p->moments[i].node);
	}
	return o;
}

/* `function` −1: of all, −2: of those for which there was no room. */
static json_t *slices_to_json(const struct profile *p)
{
	const struct profile_slices *s = &p->slices;
	json_t *o = json_object(), *function, *slice, *wall, *cpu, *gil;

	json_object_set_new(o, "n", whole(s->n));
	json_object_set_new(o, "samples", whole(s->samples));
	json_object_set_new(o, "filled", whole(s->filled));
	function = column(o, "function");
	slice = column(o, "slice");
	wall = column(o, "wall_ns");
	cpu = column(o, "cpu_ns");
	gil = column(o, "gil_ns");
	for (int64_t f = -2; s->n > 0 && f < (int64_t)s->cap_row_of; f++) {
		const struct profile_slice_row *row = &s->rows[f < 0 ? -f - 1 : s->row_of[f]];

		for (size_t i = 0; (f < 0 || s->row_of[f]) && i < s->n; i++) {
			if (!row->wall_ns[i] && !row->cpu_ns[i] && !row->gil_ns[i])
				continue;
			json_array_append_new(function, json_integer(f));
			put(slice, i);
			put(wall, row->wall_ns[i]);
			put(cpu, row->cpu_ns[i]);
			put(gil, row->gil_ns[i]);
		}
	}
	return o;
}

json_t *profile_to_json(const struct profile *p)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version", PROFILE_JSON_VERSION,
		"about", about_to_json(&p->about), "functions", functions_to_json(p), "nodes",
		nodes_to_json(p), "self", self_to_json(p), "moments", moments_to_json(p), "slices",
		slices_to_json(p));
}

/* ---- reading ---- */

enum { MAX_COLUMNS = 5 };

/* A table: columns of equal length, integers but for texts. */
struct table_reader {
	const char *name;
	const json_t *columns[MAX_COLUMNS];
	const char *const *keys;
	size_t n;
	struct err *err;
};

static int wrong(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(struct err *err, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return err_set(err, ERR_INPUT,
		"the profile cannot be read: %s; take it again, or export it again", text);
}

static int table_open(struct table_reader *t, const json_t *json, const char *name,
	const char *const *keys, size_t max, struct err *err)
{
	const json_t *object = json_object_get(json, name);

	*t = (struct table_reader){.name = name, .keys = keys, .err = err};
	for (size_t c = 0; keys[c]; c++) {
		t->columns[c] = json_object_get(object, keys[c]);
		if (!json_is_array(t->columns[c]))
			return wrong(err, "%s.%s is no array", name, keys[c]);
		if (c == 0)
			t->n = json_array_size(t->columns[c]);
		if (json_array_size(t->columns[c]) != t->n)
			return wrong(
				err, "%s.%s is not as long as %s.%s", name, keys[c], name, keys[0]);
	}
	if (t->n > max)
		return wrong(err, "%s has more than %zu rows", name, max);
	return 0;
}

static int cell(
	const struct table_reader *t, size_t c, size_t row, int64_t min, int64_t max, int64_t *out)
{
	const json_t *value = json_array_get(t->columns[c], row);

	if (!json_is_integer(value) || json_integer_value(value) < min ||
		json_integer_value(value) > max)
		return wrong(t->err, "%s.%s[%zu] is no whole number from %lld to %lld", t->name,
			t->keys[c], row, (long long)min, (long long)max);
	*out = json_integer_value(value);
	return 0;
}

static int cell_text(const struct table_reader *t, size_t c, size_t row, const char **out)
{
	const json_t *value = json_array_get(t->columns[c], row);

	if (!json_is_string(value))
		return wrong(t->err, "%s.%s[%zu] is no text", t->name, t->keys[c], row);
	*out = json_string_value(value);
	return 0;
}

/* A column of sums, each and together within what a signed number holds. */
static int cell_sum(const struct table_reader *t, size_t c, size_t row, uint64_t *sum, uint64_t *to)
{
	int64_t value = 0;
	int rc = cell(t, c, row, 0, INT64_MAX, &value);

	if (rc)
		return rc;
	if (*sum + (uint64_t)value > INT64_MAX)
		return wrong(t->err, "%s.%s is more than 2^63 - 1 together", t->name, t->keys[c]);
	*sum += (uint64_t)value;
	*to = (uint64_t)value;
	return 0;
}

static int read_functions(struct profile *p, const json_t *json, struct err *err)
{
	static const char *const keys[] = {"first_line", "kind", "name", "file", NULL};
	struct table_reader t;
	int rc = table_open(&t, json, "functions", keys, PROFILE_MAX_FUNCTIONS, err);

	for (size_t i = 0; !rc && i < t.n; i++) {
		const char *word = "", *name = "", *file = "";
		int64_t line = 0;
		int kind = 0;

		if ((rc = cell(&t, 0, i, 0, INT_MAX, &line)) || (rc = cell_text(&t, 1, i, &word)) ||
			(rc = cell_text(&t, 2, i, &name)) || (rc = cell_text(&t, 3, i, &file)))
			return rc;
		while (PROFILE_KIND_WORDS[kind] && strcmp(PROFILE_KIND_WORDS[kind], word) != 0)
			kind++;
		if (!PROFILE_KIND_WORDS[kind])
			return wrong(err, "functions.kind[%zu] is no kind that is known", i);
		if ((kind == PROFILE_ROOT) != (i == 0))
			return wrong(err, "functions[%zu]: the first one is the root, no other", i);
		if (i > 0 &&
			profile_function(p, (enum profile_kind)kind, name, file, (int)line) != i)
			return wrong(err, "functions[%zu] is there twice", i);
	}
	return rc ? rc : t.n > 0 ? 0 : wrong(err, "functions is empty");
}

static int read_nodes(struct profile *p, const json_t *json, struct err *err)
{
	static const char *const keys[] = {"parent", "function", "line", NULL};
	struct table_reader t;
	int rc = table_open(&t, json, "nodes", keys, PROFILE_MAX_NODES, err);

	for (size_t i = 0; !rc && i < t.n; i++) {
		int64_t parent = 0, function = 0, line = 0;

		if ((rc = cell(&t, 0, i, 0, i ? (int64_t)i - 1 : 0, &parent)) ||
			(rc = cell(&t, 1, i, i > 0, i ? (int64_t)p->n_functions - 1 : 0,
				 &function)) ||
			(rc = cell(&t, 2, i, 0, i ? INT32_MAX : 0, &line)))
			return rc;
		if (i > 0 &&
			profile_node(p, (uint32_t)parent, (uint32_t)function, (int32_t)line) != i)
			return wrong(err, "nodes[%zu] is there twice", i);
	}
	return rc ? rc : t.n > 0 ? 0 : wrong(err, "nodes is empty");
}

static int read_self(struct profile *p, const json_t *json, struct err *err)
{
	static const char *const keys[] = {"node", "samples", "wall_ns", "cpu_ns", "gil_ns", NULL};
	struct table_reader t;
	uint64_t sums[4] = {0};
	int64_t least = 0;
	int rc = table_open(&t, json, "self", keys, p->n_nodes, err);

	for (size_t i = 0; !rc && i < t.n; i++) {
		struct profile_weight *w;
		int64_t node = 0;

		if ((rc = cell(&t, 0, i, least, (int64_t)p->n_nodes - 1, &node)))
			return rc;
		least = node + 1; /* rising, so that none is there twice */
		w = &p->nodes[node].self;
		if ((rc = cell_sum(&t, 1, i, &sums[0], &w->samples)) ||
			(rc = cell_sum(&t, 2, i, &sums[1], &w->wall_ns)) ||
			(rc = cell_sum(&t, 3, i, &sums[2], &w->cpu_ns)) ||
			(rc = cell_sum(&t, 4, i, &sums[3], &w->gil_ns)))
			return rc;
	}
	return rc;
}

static int read_moments(struct profile *p, const json_t *json, struct err *err)
{
	static const char *const keys[] = {"start_ns", "length_ns", "thread", "node", NULL};
	const json_t *least = json_object_get(json_object_get(json, "moments"), "least_ns");
	struct table_reader t;
	uint64_t sum = 0;
	int64_t start = 0, thread = 0, node = 0;
	int rc = table_open(&t, json, "moments", keys, PROFILE_MAX_MOMENTS, err);

	if (!rc && (!json_is_integer(least) || json_integer_value(least) < 0))
		return wrong(err, "moments.least_ns is no whole number");
	if (!rc)
		p->moment_least_ns = (uint64_t)json_integer_value(least);
	for (size_t i = 0; !rc && i < t.n; i++) {
		uint64_t length = 0;

		/* in order of their start */
		if ((rc = cell(&t, 0, i, start, INT64_MAX, &start)) ||
			(rc = cell_sum(&t, 1, i, &sum, &length)) ||
			(rc = cell(&t, 2, i, 0, (int64_t)p->n_nodes - 1, &thread)) ||
			(rc = cell(&t, 3, i, 0, (int64_t)p->n_nodes - 1, &node)))
			return rc;
		if (p->functions[p->nodes[thread].function].kind != PROFILE_THREAD)
			return wrong(err, "moments.thread[%zu] is no thread", i);
		profile_put_moment(p, &(struct profile_moment){(uint64_t)start, length,
					      (uint32_t)thread, (uint32_t)node});
	}
	return rc;
}

static int read_slice_rows(
	struct profile *p, const struct table_reader *t, size_t n, struct err *err)
{
	uint64_t sums[2][3] = {0};
	int64_t last = INT64_MIN;
	int rc = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct profile_slice_row *row;
		int64_t function = 0, slice = 0;

		if ((rc = cell(t, 0, i, -2, (int64_t)p->n_functions - 1, &function)) ||
			(rc = cell(t, 1, i, 0, (int64_t)n - 1, &slice)))
			return rc;
		if (function * PROFILE_MAX_SLICES + slice <= last)
			return wrong(err, "slices are not in order at row %zu", i);
		last = function * PROFILE_MAX_SLICES + slice;
		row = function < 0 ? &p->slices.rows[-function - 1]
				   : profile_slice_row(p, (uint32_t)function);
		if ((rc = cell_sum(t, 2, i, &sums[function == -1][0], &row->wall_ns[slice])) ||
			(rc = cell_sum(t, 3, i, &sums[function == -1][1], &row->cpu_ns[slice])) ||
			(rc = cell_sum(t, 4, i, &sums[function == -1][2], &row->gil_ns[slice])))
			return rc;
	}
	return 0;
}

static int read_slices(struct profile *p, const json_t *json, struct err *err)
{
	static const char *const keys[] = {
		"function", "slice", "wall_ns", "cpu_ns", "gil_ns", NULL};
	const json_t *o = json_object_get(json, "slices");
	int64_t n = json_int_at(o, "n"), samples = json_int_at(o, "samples"),
		filled = json_int_at(o, "filled");
	struct table_reader t;
	int rc =
		table_open(&t, json, "slices", keys, p->n_functions * PROFILE_MAX_SLICES + 64, err);

	if (rc)
		return rc;
	if (n == 0 && t.n == 0)
		return 0;
	if (n < 1 || n > PROFILE_MAX_SLICES || samples < 1 || filled < 0 || filled >= samples)
		return wrong(err, "slices has a wrong n, samples or filled");
	profile_slices_begin(p);
	p->slices.n = (size_t)n;
	p->slices.samples = (uint64_t)samples;
	p->slices.filled = (uint64_t)filled;
	return read_slice_rows(p, &t, (size_t)n, err);
}

static uint64_t count_at(const json_t *object, const char *key)
{
	int64_t value = json_int_at(object, key);

	return value > 0 ? (uint64_t)value : 0;
}

static double real_at(const json_t *object, const char *key)
{
	double value = json_number_at(object, key);

	return isfinite(value) && value > 0 ? value : 0;
}

static void read_about(struct profile_about *a, const json_t *json)
{
	a->rate_hz = real_at(json, "rate_hz");
	a->duration_s = real_at(json, "duration_s");
	a->sweeps = count_at(json, "sweeps");
	a->samples = count_at(json, "samples");
	a->retries = count_at(json, "retries");
	a->rejected = count_at(json, "rejected");
	a->late = count_at(json, "late");
	a->folded = count_at(json, "folded");
	a->own_cpu_s = real_at(json, "own_cpu_s");
	a->core_wait_ns = count_at(json, "core_wait_ns");
	a->core_ns = count_at(json, "core_ns");
	a->native = json_is_true(json_object_get(json, "native"));
	a->paused = json_is_true(json_object_get(json, "paused"));
	profile_clean(a->python, sizeof(a->python), json_text_at(json, "python"));
}

int profile_from_json(struct profile **out, const json_t *json, struct err *err)
{
	struct profile *p = profile_new();
	int rc = 0;

	*out = NULL;
	if (!json_is_object(json))
		rc = wrong(err, "it is no JSON object");
	else if (json_int_at(json, "version") != PROFILE_JSON_VERSION)
		rc = wrong(err, "its version is %lld, this culprit knows %d",
			(long long)json_int_at(json, "version"), PROFILE_JSON_VERSION);
	else if (!json_is_object(json_object_get(json, "about")))
		rc = wrong(err, "about is missing");
	if (rc || (rc = read_functions(p, json, err)) || (rc = read_nodes(p, json, err)) ||
		(rc = read_self(p, json, err)) || (rc = read_moments(p, json, err)) ||
		(rc = read_slices(p, json, err))) {
		profile_free(p);
		return rc;
	}
	read_about(&p->about, json_object_get(json, "about"));
	*out = p;
	return 0;
}
