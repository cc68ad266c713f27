/* The trials of a study as a table to learn from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "study/study.h"

const char *study_response_unit(const char *response)
{
#define X(name, unit, text) {name, unit},
	static const struct {
		const char *name, *unit;
	} ALL[] = {STUDY_RESPONSES(X)};
#undef X

	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++)
		if (!strcmp(ALL[i].name, response))
			return ALL[i].unit;
	return "";
}

/* A factor's value in a setting: the number, or the place of the word; NaN where it is neither. */
static double value_of(const struct factor *f, const json_t *setting)
{
	const json_t *value = json_object_get(setting, f->name);

	if (json_is_number(value))
		return json_number_value(value);
	for (size_t i = 0; json_is_string(value) && i < f->n_values; i++)
		if (!strcmp(f->values[i], json_string_value(value)))
			return (double)i;
	return NAN;
}

static bool is_usable(const struct study *s, const struct trial *t)
{
	bool usable = t->ok && isfinite(json_number_at(t->responses, s->response));

	for (size_t j = 0; usable && j < s->n_factors; j++)
		usable = isfinite(value_of(&s->factors[j], t->setting));
	return usable && study_trial_is_design(t);
}

static void name_columns(const struct study *s, struct dataset *d)
{
	d->words = mem_zalloc(s->n_factors, sizeof(*d->words));
	d->response = mem_strdup(s->response);
	d->unit = mem_strdup(study_response_unit(s->response));
	for (size_t j = 0; j < s->n_factors; j++) {
		const struct factor *f = &s->factors[j];

		d->names[j] = mem_strdup(f->name);
		if (!f->words)
			continue;
		d->words[j] = mem_zalloc(f->n_values + 1, sizeof(char *));
		for (size_t i = 0; i < f->n_values; i++)
			d->words[j][i] = mem_strdup(f->values[i]);
	}
}

int study_dataset(const struct study *s, const struct trial *trials, size_t n, struct dataset *out,
	struct err *err)
{
	size_t rows = 0, row = 0;
	bool law = true;

	for (size_t i = 0; i < n; i++) {
		rows += is_usable(s, &trials[i]);
		law &= !trials[i].ok ||
		       (isfinite(json_number_at(trials[i].detail, "connections")) &&
			       isfinite(json_number_at(trials[i].responses, "mean_latency_ms")));
	}
	*out = (struct dataset){0};
	if (!rows)
		return err_set(err, ERR_INPUT,
			"%s: none of its %zu trials went well, so there is nothing to learn from: "
			"%s",
			s->path, n, n ? json_text_at(trials[0].detail, "note") : "none was run");
	dataset_init(out, rows, s->n_factors);
	name_columns(s, out);
	out->failed = n - rows;
	if (law) {
		out->connections = mem_alloc(rows, sizeof(double));
		out->mean_latency_s = mem_alloc(rows, sizeof(double));
	}
	for (size_t i = 0; i < n; i++) {
		const struct trial *t = &trials[i];

		if (!is_usable(s, t))
			continue;
		out->y[row] = json_number_at(t->responses, s->response);
		for (size_t j = 0; j < s->n_factors; j++)
			out->x[j * rows + row] = value_of(&s->factors[j], t->setting);
		if (law) {
			out->connections[row] = json_number_at(t->detail, "connections");
			out->mean_latency_s[row] =
				json_number_at(t->responses, "mean_latency_ms") / 1e3;
		}
		row++;
	}
	return 0;
}
