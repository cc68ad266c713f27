/* A set of series: freeing it, finding one by its name, marking what cannot be correlated. */
#include "correlate/series.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parallel.h"

void series_set_release(struct series_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].name);
		free(s->items[i].family);
		if (!s->memory)
			free(s->items[i].values);
	}
	free(s->items);
	if (s->mapped_bytes)
		munmap(s->memory, s->mapped_bytes);
	else
		free(s->memory);
	str_release(&s->notes);
	*s = (struct series_set){0};
}

void series_note(struct series_set *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	str_vaddf(&s->notes, format, args);
	va_end(args);
	str_add_char(&s->notes, '\n');
}

/* A page of a file that is touched brings those around it, up to so many bytes. */
enum { FAULT_AROUND = 64 << 10 };

void series_forget(const struct series_set *s, size_t first, size_t n)
{
	size_t from, to;

	if (!s->mapped_bytes || first >= s->n)
		return;
	n = n < s->n - first ? n : s->n - first;
	/* with what the kernel put there around them */
	from = (size_t)(s->items[first].values - s->memory) * sizeof(double);
	to = (size_t)(s->items[first + n - 1].values + s->n_times - s->memory) * sizeof(double);
	from = from / FAULT_AROUND * FAULT_AROUND;
	to = (to + FAULT_AROUND - 1) / FAULT_AROUND * FAULT_AROUND;
	to = to < s->mapped_bytes ? to : s->mapped_bytes;
	madvise((char *)s->memory + from, to - from, MADV_DONTNEED);
}

/* ---- by name ---- */

/* Does `text` end with `end`, at the beginning of a word of it? */
static bool ends_so(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	if (m >= n || !m || strcmp(text + n - m, end))
		return false;
	return !isalnum((unsigned char)end[0]) || !isalnum((unsigned char)text[n - m - 1]);
}

static bool same_letters(const char *a, const char *b)
{
	return !strcasecmp(a, b);
}

static bool holds(const char *text, const char *part)
{
	return strlen(part) >= 2 && strcasestr(text, part);
}

/* The names that a person may have meant: other capitals, the nearest, those that hold the word. */
static void say_nearest(const struct series_set *s, const char *name, struct str *out)
{
	enum { SHOWN = 4 };
	const char **names = mem_alloc(s->n + 1, sizeof(*names)), *near;
	const char *chosen[SHOWN];
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		names[i] = s->items[i].name;
	names[s->n] = NULL;
	for (size_t i = 0; i < s->n && n < SHOWN; i++)
		if (same_letters(names[i], name))
			chosen[n++] = names[i];
	near = n ? NULL : str_nearest(name, names);
	if (near)
		chosen[n++] = near;
	for (size_t i = 0; i < s->n && n < SHOWN; i++)
		if (holds(names[i], name) && (!n || names[i] != chosen[0]))
			chosen[n++] = names[i];
	for (size_t i = 0; !n && i < s->n && i < SHOWN; i++)
		chosen[n++] = names[i]; /* nothing is near: what there is */
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s'%.100s'", !i ? "" : i + 1 == n ? " or " : ", ", chosen[i]);
	free(names);
}

size_t series_find(const struct series_set *s, const char *name, struct err *err)
{
	struct str list = STR_INIT;
	size_t found = SIZE_MAX, n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->items[i].name, name))
			return i;
	for (size_t i = 0; i < s->n; i++) {
		if (!ends_so(s->items[i].name, name))
			continue;
		found = i;
		if (n++ < 4)
			str_addf(&list, "%s'%.100s'", n == 1 ? "" : ", ", s->items[i].name);
	}
	if (n == 1) {
		str_release(&list);
		return found;
	}
	if (n > 1) {
		err_set(err, ERR_USAGE, "'%.200s' is the end of %zu names (%s%s); give one whole",
			name, n, list.p, n > 4 ? ", …" : "");
	} else if (!s->n) {
		err_set(err, ERR_USAGE, "there is no series '%.200s': there are none", name);
	} else {
		say_nearest(s, name, &list);
		err_set(err, ERR_USAGE,
			"there is no series '%.200s' among the %zu; did you mean %s?", name, s->n,
			str_text(&list));
	}
	str_release(&list);
	return SIZE_MAX;
}

/* ---- what cannot be correlated ---- */

/* The same for equal values: NaN is one value, and so is zero. */
static uint64_t bits_of(double value)
{
	uint64_t bits;

	if (isnan(value))
		return UINT64_C(0x7ff8000000000000);
	value += 0.0; /* −0 becomes 0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static uint64_t mark_one(struct series *s, size_t n_times)
{
	/* four sums that do not wait for each other; odd factors, so that the order counts */
	uint64_t h[4] = {1, 2, 3, 4};
	double least = INFINITY, most = -INFINITY;
	size_t known = 0;

	for (size_t t = 0; t < n_times; t++) {
		double v = s->values[t];

		known += !isnan(v);
		least = v < least ? v : least;
		most = v > most ? v : most;
		h[t & 3] = (h[t & 3] ^ bits_of(v)) * UINT64_C(0x9e3779b97f4a7c15);
		h[t & 3] ^= h[t & 3] >> 32;
	}
	s->known = known;
	s->constant = !known || least == most;
	s->same_as = SIZE_MAX;
	return ((h[0] * 31 + h[1]) * 31 + h[2]) * 31 + h[3];
}

static bool same_values(const double *a, const double *b, size_t n)
{
	for (size_t t = 0; t < n; t++)
		if (bits_of(a[t]) != bits_of(b[t]))
			return false;
	return true;
}

struct numbered {
	uint64_t number;
	size_t series;
};

static int by_number(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->series < y->series ? -1 : x->series > y->series;
}

static void mark_same(struct series_set *s, const uint64_t *numbers)
{
	struct numbered *order = mem_alloc(s->n + 1, sizeof(*order));

	for (size_t i = 0; i < s->n; i++)
		order[i] = (struct numbered){numbers[i], i};
	qsort(order, s->n, sizeof(*order), by_number);
	for (size_t i = 0, first = 0; i < s->n; i++) {
		struct series *one = &s->items[order[i].series];

		one->same_as = SIZE_MAX;
		if (order[i].number != order[first].number)
			first = i;
		for (size_t k = first; k < i && one->same_as == SIZE_MAX; k++) {
			const struct series *other = &s->items[order[k].series];

			if (other->same_as == SIZE_MAX &&
				same_values(one->values, other->values, s->n_times))
				one->same_as = order[k].series;
			series_forget(s, order[k].series, 1);
			series_forget(s, order[i].series, 1);
		}
	}
	free(order);
}

struct marking {
	struct series_set *set;
	uint64_t *numbers;
};

enum { MARK_CHUNK = 64 };

static void mark_chunk(void *arg, size_t task)
{
	struct marking *m = arg;

	for (size_t i = task * MARK_CHUNK; i < (task + 1) * MARK_CHUNK && i < m->set->n; i++) {
		m->numbers[i] = mark_one(&m->set->items[i], m->set->n_times);
		series_forget(m->set, i, 1);
	}
}

void series_mark(struct series_set *s)
{
	struct marking m = {s, mem_alloc(s->n + 1, sizeof(*m.numbers))};

	parallel_for(0, (s->n + MARK_CHUNK - 1) / MARK_CHUNK, mark_chunk, &m);
	mark_same(s, m.numbers);
	free(m.numbers);
}
