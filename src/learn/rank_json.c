/* A ranking as JSON and back. docs/rank.md documents the form; change both together. */
#include "learn/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static const char *const SCALE_WORDS[] = {"auto", "raw", "log"};
static const char *const MODEL_WORDS[] = {"linear", "forest", "gaussian process"};

/* The numbers of a factor that need no thought. */
#define FACTOR_NUMBERS(X)                                                                          \
	X(importance)                                                                              \
	X(permutation)                                                                             \
	X(permutation_sd)                                                                          \
	X(impurity)                                                                                \
	X(coef)                                                                                    \
	X(std_error)                                                                               \
	X(p_value)                                                                                 \
	X(p_active)                                                                                \
	X(p_above)                                                                                 \
	X(low)                                                                                     \
	X(high)                                                                                    \
	X(at_low)                                                                                  \
	X(at_high)                                                                                 \
	X(effect_percent)

#define FACTOR_CURVES(X)                                                                           \
	X(curve_x)                                                                                 \
	X(curve_y)                                                                                 \
	X(curve_low)                                                                               \
	X(curve_high)

static json_t *numbers(const double *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_number(v[i]));
	return list;
}

static json_t *interval_json(const struct interval *v)
{
	return numbers((double[]){v->low, v->high}, 2);
}

static json_t *fit_json(const struct rank_fit *f, const struct rank_result *r)
{
	json_t *object = json_object(), *held = json_array();

	json_object_set_new(object, "r2", json_number(f->r2));
	json_object_set_new(object, "mse", json_number(f->mse));
	json_object_set_new(object, "r2_mean", json_number(f->r2_mean));
	json_object_set_new(object, "r2_interval", interval_json(&f->r2_interval));
	json_object_set_new(object, "mse_mean", json_number(f->mse_mean));
	json_object_set_new(object, "predicted", numbers(f->predicted, r->n));
	for (size_t i = 0; i < r->n; i++)
		if (r->holdout[i])
			json_array_append_new(held, json_number(f->holdout[i]));
	json_object_set_new(object, "holdout", held);
	return object;
}

static json_t *factor_json(const struct rank_factor *f)
{
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(f->name));
	json_object_set_new(object, "group", json_integer(f->group));
	json_object_set_new(object, "active", json_boolean(f->active));
	json_object_set_new(object, "collinear", json_boolean(f->collinear));
	json_object_set_new(object, "rfecv_rank", json_integer(f->rfecv_rank));
#define X(field) json_object_set_new(object, #field, json_number(f->field));
	FACTOR_NUMBERS(X)
#undef X
	json_object_set_new(object, "importance_interval", interval_json(&f->importance_interval));
	json_object_set_new(object, "effect_interval", interval_json(&f->effect_interval));
#define X(field) json_object_set_new(object, #field, numbers(f->field, f->curve_n));
	FACTOR_CURVES(X)
#undef X
	return object;
}

static json_t *pairs_json(const struct rank_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_pairs; i++) {
		const struct rank_pair *p = &r->pairs[i];
		json_t *object = json_object();

		json_object_set_new(object, "factor", json_string(r->factors[p->a].name));
		json_object_set_new(object, "by", json_string(r->factors[p->b].name));
		json_object_set_new(object, "share", json_number(p->share));
		json_object_set_new(object, "share_interval", interval_json(&p->interval));
		json_object_set_new(object, "effect_at_low", json_number(p->at_low));
		json_object_set_new(
			object, "effect_at_low_interval", interval_json(&p->low_interval));
		json_object_set_new(object, "effect_at_high", json_number(p->at_high));
		json_object_set_new(
			object, "effect_at_high_interval", interval_json(&p->high_interval));
		json_object_set_new(object, "sentence", json_string(p->sentence));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *data_json(const struct dataset *d)
{
	json_t *object = json_object(), *columns = json_array(), *names = json_array();
	json_t *words = json_array();

	for (size_t j = 0; j < d->p; j++) {
		json_t *list = d->words && d->words[j] ? json_array() : json_null();

		for (size_t i = 0; json_is_array(list) && d->words[j][i]; i++)
			json_array_append_new(list, json_string(d->words[j][i]));
		json_array_append_new(names, json_string(d->names[j]));
		json_array_append_new(columns, numbers(d->x + j * d->n, d->n));
		json_array_append_new(words, list);
	}
	json_object_set_new(object, "names", names);
	json_object_set_new(object, "words", words);
	json_object_set_new(object, "x", columns);
	json_object_set_new(object, "y", numbers(d->y, d->n));
	if (d->connections)
		json_object_set_new(object, "connections", numbers(d->connections, d->n));
	if (d->mean_latency_s)
		json_object_set_new(object, "mean_latency_s", numbers(d->mean_latency_s, d->n));
	json_object_set_new(object, "failed", json_integer((json_int_t)d->failed));
	return object;
}

static json_t *spec_json(const struct rank_spec *s)
{
	return json_pack("{s:s, s:i, s:i, s:f, s:I}", "scale", SCALE_WORDS[s->scale], "splits",
		(int)s->splits, "trees", (int)s->trees, "confidence", s->confidence, "seed",
		(json_int_t)s->seed);
}

json_t *rank_to_json(const struct rank_result *r)
{
	json_t *object = json_object(), *factors = json_array(), *rows = json_array();
	json_t *warnings = json_array();

	json_object_set_new(object, "response", json_string(r->response));
	json_object_set_new(object, "unit", json_string(r->unit));
	json_object_set_new(object, "trials", json_integer((json_int_t)r->n));
	json_object_set_new(object, "spec", spec_json(&r->spec));
	json_object_set_new(
		object, "scale", json_string(SCALE_WORDS[r->log_scale ? RANK_LOG : RANK_RAW]));
	json_object_set_new(object, "cv_error_raw", json_number(r->cv_error_raw));
	json_object_set_new(object, "cv_error_log", json_number(r->cv_error_log));
	json_object_set_new(object, "preferred", json_string(MODEL_WORDS[r->preferred]));
	for (size_t j = 0; j < r->p; j++)
		json_array_append_new(factors, factor_json(&r->factors[j]));
	json_object_set_new(object, "factors", factors);
	json_object_set_new(object, "active", json_integer((json_int_t)r->n_active));
	json_object_set_new(object, "noise_floor", json_number(r->noise_floor));
	json_object_set_new(object, "rfecv_selected", json_integer((json_int_t)r->rfecv_n));
	json_object_set_new(object, "rfecv_score", numbers(r->rfecv_score, r->p));
	json_object_set_new(object, "linear", fit_json(&r->linear, r));
	json_object_set_new(object, "forest", fit_json(&r->forest, r));
	if (r->gp.predicted)
		json_object_set_new(object, "gaussian_process", fit_json(&r->gp, r));
	json_object_set_new(object, "pairs", pairs_json(r));
	json_object_set_new(object, "forest_oob_r2", json_number(r->forest_oob_r2));
	json_object_set_new(object, "little_r2", json_number(r->little_r2));
	if (r->little_predicted)
		json_object_set_new(object, "little_predicted", numbers(r->little_predicted, r->n));
	for (size_t i = 0; i < r->n_warnings; i++)
		json_array_append_new(warnings, json_string(r->warnings[i]));
	json_object_set_new(object, "warnings", warnings);
	for (size_t i = 0; i < r->n; i++)
		if (r->holdout[i])
			json_array_append_new(rows, json_integer((json_int_t)i + 1));
	json_object_set_new(object, "holdout", rows);
	json_object_set_new(object, "data", data_json(&r->data));
	return object;
}

/* n numbers, null as NaN; NULL where the list is not that. */
static double *read_numbers(const json_t *list, size_t n)
{
	double *v;

	if (!json_is_array(list) || json_array_size(list) != n)
		return NULL;
	v = mem_alloc(n + 1, sizeof(double));
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);

		v[i] = json_is_number(value) ? json_number_value(value) : NAN;
	}
	return v;
}

static struct interval read_interval(const json_t *object, const char *key)
{
	double *v = read_numbers(json_object_get(object, key), 2);
	struct interval i = {v ? v[0] : NAN, v ? v[1] : NAN};

	free(v);
	return i;
}

static int word_index(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(word, words[i]))
			return i;
	return 0;
}

static bool read_fit(struct rank_fit *f, const struct rank_result *r, const json_t *object)
{
	const json_t *held = json_object_get(object, "holdout");
	size_t at = 0;

	f->r2 = json_number_at(object, "r2");
	f->mse = json_number_at(object, "mse");
	f->r2_mean = json_number_at(object, "r2_mean");
	f->r2_interval = read_interval(object, "r2_interval");
	f->mse_mean = json_number_at(object, "mse_mean");
	f->predicted = read_numbers(json_object_get(object, "predicted"), r->n);
	f->holdout = mem_alloc(r->n, sizeof(double));
	for (size_t i = 0; i < r->n; i++) {
		const json_t *value = r->holdout[i] ? json_array_get(held, at++) : NULL;

		f->holdout[i] = json_is_number(value) ? json_number_value(value) : NAN;
	}
	return f->predicted != NULL;
}

static bool read_factor(struct rank_factor *f, const struct rank_result *r, const json_t *object)
{
	const char *name = json_text_at(object, "name");

	for (size_t j = 0; j < r->p; j++)
		if (!strcmp(r->data.names[j], name))
			f->name = r->data.names[j];
	f->group = (int)json_int_at(object, "group");
	f->active = json_is_true(json_object_get(object, "active"));
	f->collinear = json_is_true(json_object_get(object, "collinear"));
	f->rfecv_rank = (int)json_int_at(object, "rfecv_rank");
#define X(field) f->field = json_number_at(object, #field);
	FACTOR_NUMBERS(X)
#undef X
	f->importance_interval = read_interval(object, "importance_interval");
	f->effect_interval = read_interval(object, "effect_interval");
	f->curve_n = json_array_size(json_object_get(object, "curve_x"));
#define X(field) f->field = read_numbers(json_object_get(object, #field), f->curve_n);
	FACTOR_CURVES(X)
#undef X
	return f->name && f->curve_x && f->curve_y && f->curve_low && f->curve_high;
}

static bool read_words(struct dataset *d, size_t j, const json_t *list)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list))
		return true;
	d->words[j] = mem_zalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		const char *word = json_string_value(json_array_get(list, i));

		if (!word)
			return false;
		d->words[j][i] = mem_strdup(word);
	}
	return true;
}

static bool read_data(struct dataset *d, const json_t *object)
{
	const json_t *names = json_object_get(object, "names"), *x = json_object_get(object, "x");
	size_t p = json_array_size(names), n = json_array_size(json_object_get(object, "y"));

	dataset_init(d, n, p);
	d->words = mem_zalloc(p + 1, sizeof(*d->words));
	free(d->y);
	d->y = read_numbers(json_object_get(object, "y"), n);
	for (size_t j = 0; j < p; j++) {
		double *column = read_numbers(json_array_get(x, j), n);

		d->names[j] = mem_strdup(json_string_value(json_array_get(names, j)));
		if (column)
			memcpy(d->x + j * n, column, n * sizeof(double));
		free(column);
		if (!column || !d->names[j] ||
			!read_words(d, j, json_array_get(json_object_get(object, "words"), j)))
			return false;
	}
	d->connections = read_numbers(json_object_get(object, "connections"), n);
	d->mean_latency_s = read_numbers(json_object_get(object, "mean_latency_s"), n);
	d->failed = (size_t)json_int_at(object, "failed");
	return n && p && d->y;
}

static void read_spec(struct rank_spec *s, const json_t *object)
{
	*s = RANK_SPEC_DEFAULT;
	s->scale = (enum rank_scale)word_index(json_text_at(object, "scale"), SCALE_WORDS, 3);
	s->splits = (unsigned)json_int_at(object, "splits");
	s->trees = (unsigned)json_int_at(object, "trees");
	s->confidence = json_number_at(object, "confidence");
	s->seed = (uint64_t)json_int_at(object, "seed");
}

static bool read_holdout(struct rank_result *r, const json_t *rows)
{
	r->holdout = mem_zalloc(r->n, sizeof(bool));
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_int_t row = json_integer_value(json_array_get(rows, i));

		if (row < 1 || (size_t)row > r->n)
			return false;
		r->holdout[row - 1] = true;
	}
	return true;
}

static void read_warnings(struct rank_result *r, const json_t *list)
{
	size_t n = json_array_size(list);

	r->warnings = mem_zalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text)
			r->warnings[r->n_warnings++] = mem_strdup(text);
	}
}

static size_t factor_index(const struct rank_result *r, const char *name)
{
	size_t j = 0;

	while (j < r->p && strcmp(r->factors[j].name, name))
		j++;
	return j;
}

/* Rankings that were stored before there were pairs have none. */
static bool read_pairs(struct rank_result *r, const json_t *list)
{
	size_t n = json_array_size(list);

	r->pairs = mem_zalloc(n + 1, sizeof(*r->pairs));
	for (size_t i = 0; i < n; i++) {
		const json_t *object = json_array_get(list, i);
		struct rank_pair *p = &r->pairs[r->n_pairs];

		p->a = factor_index(r, json_text_at(object, "factor"));
		p->b = factor_index(r, json_text_at(object, "by"));
		if (p->a == r->p || p->b == r->p)
			return false;
		p->share = json_number_at(object, "share");
		p->interval = read_interval(object, "share_interval");
		p->at_low = json_number_at(object, "effect_at_low");
		p->low_interval = read_interval(object, "effect_at_low_interval");
		p->at_high = json_number_at(object, "effect_at_high");
		p->high_interval = read_interval(object, "effect_at_high_interval");
		p->sentence = mem_strdup(json_text_at(object, "sentence"));
		r->n_pairs++;
	}
	return true;
}

static bool read_parts(struct rank_result *r, const json_t *json)
{
	const json_t *factors = json_object_get(json, "factors");

	if (!read_data(&r->data, json_object_get(json, "data")))
		return false;
	r->n = r->data.n;
	r->p = r->data.p;
	r->factors = mem_zalloc(r->p, sizeof(*r->factors));
	if (json_array_size(factors) != r->p || !read_holdout(r, json_object_get(json, "holdout")))
		return false;
	for (size_t j = 0; j < r->p; j++)
		if (!read_factor(&r->factors[j], r, json_array_get(factors, j)))
			return false;
	r->rfecv_score = read_numbers(json_object_get(json, "rfecv_score"), r->p);
	r->little_predicted = read_numbers(json_object_get(json, "little_predicted"), r->n);
	if (!read_pairs(r, json_object_get(json, "pairs")))
		return false;
	r->gp.r2 = r->gp.r2_mean = NAN;
	if (json_object_get(json, "gaussian_process") &&
		!read_fit(&r->gp, r, json_object_get(json, "gaussian_process")))
		return false;
	return r->rfecv_score && read_fit(&r->linear, r, json_object_get(json, "linear")) &&
	       read_fit(&r->forest, r, json_object_get(json, "forest"));
}

int rank_from_json(struct rank_result *r, const json_t *json, struct err *err)
{
	*r = (struct rank_result){.response = mem_strdup(json_text_at(json, "response")),
		.unit = mem_strdup(json_text_at(json, "unit"))};
	if (!read_parts(r, json)) {
		rank_release(r);
		return err_set(err, ERR_STORE,
			"the stored ranking is not whole; rank the trials again with `culprit "
			"rank`");
	}
	r->data.response = mem_strdup(r->response);
	r->data.unit = mem_strdup(r->unit);
	read_spec(&r->spec, json_object_get(json, "spec"));
	r->log_scale = !strcmp(json_text_at(json, "scale"), "log");
	r->cv_error_raw = json_number_at(json, "cv_error_raw");
	r->cv_error_log = json_number_at(json, "cv_error_log");
	r->preferred = (enum rank_model)word_index(json_text_at(json, "preferred"), MODEL_WORDS, 3);
	r->n_active = (size_t)json_int_at(json, "active");
	r->noise_floor = json_number_at(json, "noise_floor");
	r->rfecv_n = (size_t)json_int_at(json, "rfecv_selected");
	r->forest_oob_r2 = json_number_at(json, "forest_oob_r2");
	r->little_r2 = json_number_at(json, "little_r2");
	read_warnings(r, json_object_get(json, "warnings"));
	return 0;
}
