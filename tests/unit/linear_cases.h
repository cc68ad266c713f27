/* The tables of tests/data/linear.json, with what scikit-learn makes of them (make_linear.py). */
#ifndef CULPRIT_TESTS_LINEAR_CASES_H
#define CULPRIT_TESTS_LINEAR_CASES_H

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

struct cases {
	json_t *list;
};

struct linear_case {
	const json_t *json;
	const char *name;
	size_t n, p;
	double *x, *y;
};

static inline struct cases cases_read(const char *path)
{
	struct file_bytes file;
	struct err err = {0};
	struct cases all;

	ck_assert_msg(!file_open_bytes(path, 1 << 24, &file, &err), "%s", err.text);
	all.list = json_loadb(file.data, file.len, 0, NULL);
	ck_assert_ptr_nonnull(all.list);
	ck_assert_uint_gt(json_array_size(all.list), 5);
	file_close_bytes(&file);
	return all;
}

static inline void cases_release(struct cases *all)
{
	json_decref(all->list);
}

static inline double case_number(const struct linear_case *c, const char *key, size_t i)
{
	return json_number_value(json_array_get(json_object_get(c->json, key), i));
}

static inline bool case_at(const struct cases *all, size_t i, struct linear_case *c)
{
	const json_t *x;

	c->json = json_array_get(all->list, i);
	if (!c->json)
		return false;
	x = json_object_get(c->json, "x");
	c->name = json_string_value(json_object_get(c->json, "name"));
	c->p = json_array_size(x);
	c->n = json_array_size(json_object_get(c->json, "y"));
	c->x = mem_alloc(c->n * c->p, sizeof(double));
	c->y = mem_alloc(c->n, sizeof(double));
	for (size_t row = 0; row < c->n; row++) {
		c->y[row] = case_number(c, "y", row);
		for (size_t j = 0; j < c->p; j++)
			c->x[j * c->n + row] =
				json_number_value(json_array_get(json_array_get(x, j), row));
	}
	return true;
}

static inline void case_release(struct linear_case *c)
{
	free(c->x);
	free(c->y);
}

#endif
