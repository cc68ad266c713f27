/*
 * Permutation importance. The values of a factor in the orders of all repeats are lanes of
 * forest_vary.c. Lanes are compared as numbers: every threshold of the forest has a number in its
 * factor's order, a value has the number of thresholds below it, and goes right where its number is
 * greater.
 */
#include "learn/forest_vary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"

enum {
	PAIRS = FOREST_BINS * FOREST_BINS,
	GROUP_BYTES = 64 << 20, /* of what is kept for the factors that are shuffled at once */
};

struct shuffle {
	struct vary v;
	const double *y;
	unsigned repeats, first_repeat;
	uint64_t seed;
	uint16_t *numbers; /* group × PAIRS: of the threshold between two bins */
	struct thresholds {
		double *values; /* ascending */
		size_t n;
	} * thresholds; /* group */
	uint16_t *codes;
	uint8_t *repeat;     /* as codes: which repeat the lane is */
	double *errors;      /* of block and lane: block × group × lanes */
	double *base_errors; /* blocks */
};

struct threshold {
	double value;
	unsigned pair;
};

static int by_threshold(const void *a, const void *b)
{
	const struct threshold *x = a, *y = b;

	return x->value != y->value ? (x->value > y->value) - (x->value < y->value)
				    : (x->pair > y->pair) - (x->pair < y->pair);
}

/* Numbers the thresholds of one factor that the forest uses: fewer than 2^15, as bins are 256. */
static void number_thresholds(void *arg, size_t j)
{
	struct shuffle *s = arg;
	const struct forest_bins *bins = &s->v.f->bins[s->v.first + j];
	struct thresholds *own = &s->thresholds[j];
	uint16_t *numbers = s->numbers + j * PAIRS;
	struct threshold *list;
	size_t n = 0;

	for (unsigned pair = 0; pair < PAIRS; pair++)
		n += numbers[pair];
	list = mem_alloc(n + 1, sizeof(*list));
	*own = (struct thresholds){mem_alloc(n + 1, sizeof(double)), n};
	for (unsigned pair = n = 0; pair < PAIRS; pair++) {
		unsigned below = pair / FOREST_BINS, above = pair % FOREST_BINS;

		if (numbers[pair])
			list[n++] =
				(struct threshold){forest_bins_threshold(bins, below, above), pair};
	}
	qsort(list, n, sizeof(*list), by_threshold);
	for (size_t i = 0; i < n; i++) {
		numbers[list[i].pair] = (uint16_t)i;
		own->values[i] = list[i].value;
	}
	free(list);
}

static void shuffle_ids(void *arg, size_t t)
{
	struct shuffle *s = arg;
	const struct forest_tree *tree = &s->v.f->trees[t];

	for (size_t i = 0; i < tree->n_nodes; i++) {
		size_t j = tree->nodes[i].factor - s->v.first;

		s->v.ids[t][i] = j < s->v.group ? s->numbers[j * PAIRS + tree->nodes[i].bins] : 0;
	}
}

static void number_nodes(struct shuffle *s)
{
	const struct vary *v = &s->v;
	const struct forest *f = v->f;

	s->numbers = mem_zalloc(v->group * PAIRS, sizeof(*s->numbers));
	s->thresholds = mem_alloc(v->group, sizeof(*s->thresholds));
	for (size_t t = 0; t < f->spec.trees; t++) {
		for (size_t i = 0; i < f->trees[t].n_nodes; i++) {
			const struct forest_node *node = &f->trees[t].nodes[i];
			size_t j = node->factor - v->first;

			if (node->left && j < v->group)
				s->numbers[j * PAIRS + node->bins] = 1;
		}
	}
	parallel_for(v->threads, v->group, number_thresholds, s);
	parallel_for(v->threads, f->spec.trees, shuffle_ids, s);
}

/* How many of the factor's thresholds are below the value. */
static uint16_t number_of(const struct thresholds *t, double value)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->values[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint16_t)low;
}

/* By insertion: they are few. */
static void sort_row(uint16_t *codes, uint8_t *repeat, unsigned lanes)
{
	for (unsigned r = 0; r < lanes; r++) {
		uint16_t code = codes[r];
		unsigned k = r;

		for (; k && codes[k - 1] > code; k--) {
			codes[k] = codes[k - 1];
			repeat[k] = repeat[k - 1];
		}
		codes[k] = code;
		repeat[k] = (uint8_t)r;
	}
}

/* The lanes of one factor of the group: its values, as numbers, in as many orders as there are
 * lanes; then, for each row, ascending. */
static void shuffle_factor(void *arg, size_t j)
{
	struct shuffle *s = arg;
	const struct vary *v = &s->v;
	size_t factor = v->first + j, n = v->n_rows;
	uint16_t *own = mem_alloc(n, sizeof(*own)), *codes = s->codes + j * v->width;
	uint32_t *order = mem_alloc(n, sizeof(*order));
	struct rng rng;

	for (size_t i = 0; i < n; i++)
		own[i] = number_of(
			&s->thresholds[j], v->x[factor * v->n + (v->rows ? v->rows[i] : i)]);
	for (unsigned r = 0; r < v->lanes; r++) {
		rng_seed(&rng, s->seed, factor * s->repeats + s->first_repeat + r);
		rng_permutation(&rng, order, n);
		for (size_t i = 0; i < n; i++)
			codes[i * v->row_codes + r] = own[order[i]];
	}
	for (size_t i = 0; i < n; i++)
		sort_row(codes + i * v->row_codes, s->repeat + i * v->row_codes + j * v->width,
			v->lanes);
	free(own);
	free(order);
}

static void shuffle_take(const struct vary *v, size_t task, size_t start, size_t count,
	const double *base, const double *change)
{
	const struct shuffle *s = v->arg;
	size_t group = v->group;
	double *errors = s->errors + task * group * v->lanes, sum = 0;

	memset(errors, 0, group * v->lanes * sizeof(*errors));
	for (size_t i = 0; i < count; i++) {
		double d = base[i] - s->y[v->rows ? v->rows[start + i] : start + i];

		sum += d * d;
		for (size_t j = 0; j < group; j++) {
			const double *c = change + (i * group + j) * (v->lanes + 1);
			const uint8_t *repeat =
				s->repeat + (start + i) * v->row_codes + j * v->width;

			for (unsigned k = 0; k < v->lanes; k++)
				errors[j * v->lanes + repeat[k]] += (d + c[k]) * (d + c[k]);
		}
	}
	s->base_errors[task] = sum;
}

static double spread(const double *y, const unsigned *rows, size_t n)
{
	double mean = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		mean += y[rows ? rows[i] : i] / (double)n;
	for (size_t i = 0; i < n; i++) {
		double d = y[rows ? rows[i] : i] - mean;

		sum += d * d;
	}
	return sum;
}

/* Some factors, some repeats. */
static void shuffle_group(struct shuffle *s, double *drops)
{
	struct vary *v = &s->v;
	double all = spread(s->y, v->rows, v->n_rows);
	size_t blocks = vary_blocks(v), cells = v->group * v->lanes;

	number_nodes(s);
	s->codes = mem_zalloc(v->n_rows * v->row_codes, sizeof(*s->codes));
	s->repeat = mem_alloc(v->n_rows * v->row_codes, sizeof(*s->repeat));
	s->errors = mem_alloc(blocks * cells, sizeof(*s->errors));
	s->base_errors = mem_alloc(blocks, sizeof(*s->base_errors));
	v->codes = s->codes;
	parallel_for(v->threads, v->group, shuffle_factor, s);
	vary_run(v);
	for (size_t c = 0; c < cells; c++) {
		double rise = 0;

		for (size_t b = 0; b < blocks; b++)
			rise += s->errors[b * cells + c] - s->base_errors[b];
		drops[(v->first + c / v->lanes) * s->repeats + s->first_repeat + c % v->lanes] =
			all > 0 ? rise / all : NAN;
	}
	for (size_t j = 0; j < v->group; j++)
		free(s->thresholds[j].values);
	free(s->thresholds);
	free(s->numbers);
	free(s->codes);
	free(s->repeat);
	free(s->errors);
	free(s->base_errors);
}

void forest_permutation_importance(const struct forest *f, const double *x, const double *y,
	size_t n, const unsigned *rows, size_t n_rows, unsigned repeats, uint64_t seed,
	double *drops)
{
	struct shuffle s = {.y = y, .repeats = repeats, .seed = seed};
	size_t count = rows ? n_rows : n;

	for (unsigned lanes; s.first_repeat < repeats; s.first_repeat += lanes) {
		size_t most;

		lanes = repeats - s.first_repeat < VARY_LANES ? repeats - s.first_repeat
							      : VARY_LANES;
		most = GROUP_BYTES /
		       (count * lanes * sizeof(*s.codes) + PAIRS * sizeof(*s.numbers));
		most = most ? most : 1;
		for (size_t first = 0; first < f->p; first += most) {
			s.v = (struct vary){f, x, n, count, rows, .take = shuffle_take, .arg = &s};
			vary_init(&s.v, lanes, first, f->p - first < most ? f->p - first : most);
			shuffle_group(&s, drops);
			vary_release(&s.v);
		}
	}
}
