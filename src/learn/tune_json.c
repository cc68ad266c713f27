/* A search for the best setting as JSON, and back. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "learn/tune.h"

static json_t *texts_json(char *const *texts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(texts[i]));
	return list;
}

static json_t *numbers_json(const double *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_number(v[i]));
	return list;
}

static json_t *factor_json(const struct tune_factor *f)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", json_string(f->name));
	json_object_set_new(o, "steps", json_integer((json_int_t)f->steps));
	json_object_set_new(o, "words", json_boolean(f->words));
	json_object_set_new(o, "levels", f->levels ? texts_json(f->levels, f->steps) : json_null());
	return o;
}

static json_t *setting_json(const struct tune_setting *s, size_t p)
{
	json_t *o = json_object();

	json_object_set_new(o, "values", texts_json(s->values, p));
	json_object_set_new(o, "value", json_number(s->value));
	json_object_set_new(o, "low", json_number(s->interval.low));
	json_object_set_new(o, "high", json_number(s->interval.high));
	json_object_set_new(o, "n", json_integer((json_int_t)s->n));
	json_object_set_new(o, "failed", json_integer((json_int_t)s->failed));
	json_object_set_new(o, "searched", json_number(s->searched));
	json_object_set_new(o, "repeated", json_boolean(s->repeated));
	json_object_set_new(o, "same_as_best", json_boolean(s->same));
	json_object_set_new(o, "regime", json_string(s->regime ? s->regime : ""));
	json_object_set_new(o, "regime_text", json_string(s->regime_text ? s->regime_text : ""));
	json_object_set_new(o, "u", numbers_json(s->u, p));
	return o;
}

static json_t *index_json(size_t i)
{
	return i == TUNE_NONE ? json_null() : json_integer((json_int_t)i);
}

json_t *tune_to_json(const struct tune_result *r)
{
	json_t *o = json_object(), *factors = json_array(), *settings = json_array();

	for (size_t j = 0; j < r->p; j++)
		json_array_append_new(factors, factor_json(&r->factors[j]));
	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(settings, setting_json(&r->settings[i], r->p));
	json_object_set_new(o, "response", json_string(r->response));
	json_object_set_new(o, "unit", json_string(r->unit));
	json_object_set_new(o, "better", json_string(r->less ? "min" : "max"));
	json_object_set_new(o, "confidence", json_real(r->confidence));
	json_object_set_new(o, "full", json_boolean(r->full));
	json_object_set_new(o, "ended", json_string(TUNE_END_WORDS[r->end]));
	json_object_set_new(o, "promise", json_number(r->promise));
	json_object_set_new(o, "blocks", json_integer((json_int_t)r->blocks));
	json_object_set_new(o, "trials", json_integer((json_int_t)r->trials));
	json_object_set_new(o, "failed", json_integer((json_int_t)r->failed));
	json_object_set_new(o, "log", json_boolean(r->log));
	json_object_set_new(o, "judged", json_boolean(r->judged));
	json_object_set_new(o, "flat", json_boolean(r->flat));
	json_object_set_new(o, "noise", json_number(r->noise));
	json_object_set_new(o, "spread", json_number(r->spread));
	json_object_set_new(o, "best", index_json(r->best));
	json_object_set_new(o, "worst", index_json(r->worst));
	json_object_set_new(o, "centre", index_json(r->centre));
	json_object_set_new(o, "smallest", index_json(r->smallest));
	json_object_set_new(o, "factors", factors);
	json_object_set_new(o, "settings", settings);
	return o;
}

/* ---- and back ---- */

/* n texts; NULL where it is none such list. */
static char **texts_from(const json_t *list, size_t n)
{
	char **texts;

	if (json_array_size(list) != n)
		return NULL;
	texts = mem_zalloc(n + 1, sizeof(*texts));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		texts[i] = mem_strdup(text ? text : "");
	}
	return texts;
}

static bool factor_from(struct tune_factor *f, const json_t *o)
{
	const json_t *levels = json_object_get(o, "levels");
	int64_t steps = json_int_at(o, "steps");

	*f = (struct tune_factor){.name = mem_strdup(json_text_at(o, "name")),
		.words = json_is_true(json_object_get(o, "words"))};
	f->steps = steps > 0 ? (size_t)steps : 0;
	if (!json_is_array(levels))
		return steps >= 0;
	f->levels = texts_from(levels, f->steps);
	return f->levels != NULL;
}

static bool setting_from(struct tune_setting *s, const json_t *o, size_t p)
{
	const json_t *u = json_object_get(o, "u");

	*s = (struct tune_setting){.values = texts_from(json_object_get(o, "values"), p),
		.u = mem_zalloc(p + 1, sizeof(double)),
		.value = json_number_at(o, "value"),
		.interval = {json_number_at(o, "low"), json_number_at(o, "high")},
		.n = (size_t)json_int_at(o, "n"),
		.failed = (size_t)json_int_at(o, "failed"),
		.searched = json_number_at(o, "searched"),
		.repeated = json_is_true(json_object_get(o, "repeated")),
		.same = json_is_true(json_object_get(o, "same_as_best")),
		.regime = mem_strdup(json_text_at(o, "regime")),
		.regime_text = mem_strdup(json_text_at(o, "regime_text"))};
	for (size_t j = 0; j < p; j++)
		s->u[j] = json_number_value(json_array_get(u, j));
	return s->values && json_array_size(u) == p;
}

static bool index_from(size_t *out, const json_t *o, const char *key, size_t n)
{
	const json_t *value = json_object_get(o, key);
	int64_t i = json_int_at(o, key);

	*out = json_is_integer(value) && i >= 0 ? (size_t)i : TUNE_NONE;
	return *out == TUNE_NONE || *out < n;
}

/* Every cell has its place: as many as the levels make. */
static bool is_whole(const struct tune_result *r)
{
	size_t cells = 1;

	for (size_t j = 0; j < r->p; j++) {
		if (!r->factors[j].levels || r->factors[j].steps > r->n)
			return false;
		cells *= r->factors[j].steps;
		if (cells > r->n)
			return false;
	}
	return cells == r->n;
}

static bool parts_from(struct tune_result *out, const json_t *json)
{
	const json_t *factors = json_object_get(json, "factors");
	const json_t *settings = json_object_get(json, "settings");
	size_t n = json_array_size(settings);
	bool good = json_array_size(factors) > 0;

	out->factors = mem_zalloc(json_array_size(factors) + 1, sizeof(*out->factors));
	for (size_t j = 0; j < json_array_size(factors); j++)
		good &= factor_from(&out->factors[out->p++], json_array_get(factors, j));
	out->settings = mem_zalloc(n + 1, sizeof(*out->settings));
	for (size_t i = 0; good && i < n; i++)
		good &= setting_from(&out->settings[out->n++], json_array_get(settings, i), out->p);
	good = index_from(&out->best, json, "best", n) && good;
	good = index_from(&out->worst, json, "worst", n) && good;
	good = index_from(&out->centre, json, "centre", n) && good;
	good = index_from(&out->smallest, json, "smallest", n) && good;
	return good && (!out->full || is_whole(out));
}

int tune_from_json(struct tune_result *out, const json_t *json, struct err *err)
{
	const char *end = json_text_at(json, "ended");
	int e = 0;

	while (TUNE_END_WORDS[e] && strcmp(TUNE_END_WORDS[e], end) != 0)
		e++;
	*out = (struct tune_result){
		.response = mem_strdup(json_text_at(json, "response")),
		.unit = mem_strdup(json_text_at(json, "unit")),
		.less = !strcmp(json_text_at(json, "better"), "min"),
		.confidence = json_number_at(json, "confidence"),
		.full = json_is_true(json_object_get(json, "full")),
		.end = (enum tune_end)(TUNE_END_WORDS[e] ? e : 0),
		.promise = json_number_at(json, "promise"),
		.blocks = (size_t)json_int_at(json, "blocks"),
		.trials = (size_t)json_int_at(json, "trials"),
		.failed = (size_t)json_int_at(json, "failed"),
		.log = json_is_true(json_object_get(json, "log")),
		.judged = json_is_true(json_object_get(json, "judged")),
		.flat = json_is_true(json_object_get(json, "flat")),
		.noise = json_number_at(json, "noise"),
		.spread = json_number_at(json, "spread"),
	};
	if (parts_from(out, json) && TUNE_END_WORDS[e])
		return 0;
	tune_release(out);
	return err_set(err, ERR_INPUT,
		"this is no search for the best setting as this version writes them");
}
