#include "learn/confirm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "stats/dist.h"

const char *const CONFIRM_WORDS[] = {
#define X(name, word, text) word,
	CONFIRM_VERDICTS(X)
#undef X
		NULL,
};
const char *const CONFIRM_TEXTS[] = {
#define X(name, word, text) text,
	CONFIRM_VERDICTS(X)
#undef X
};

/* Below this many pairs Student's t says next to nothing. */
enum { PAIRS_MIN = 3 };

static enum confirm_verdict verdict_of(const struct confirm_place *p)
{
	const struct interval *i = &p->interval;

	if (i->low <= 0 && i->high >= 0)
		return CONFIRM_UNSEEN;
	if (!isfinite(p->promised) || (p->promised >= i->low && p->promised <= i->high))
		return CONFIRM_HELD;
	if ((p->promised > 0) != (p->measured > 0))
		return CONFIRM_OPPOSITE;
	return fabs(p->measured) < fabs(p->promised) ? CONFIRM_LESS : CONFIRM_MORE;
}

void confirm_judge(
	struct confirm_place *p, const double *from, const double *to, size_t n, double confidence)
{
	double sum = 0, squares = 0, half, mean;

	p->pairs = 0;
	for (size_t i = 0; i < n; i++) {
		double ratio = log(to[i] / from[i]);

		if (!isfinite(ratio))
			continue;
		sum += ratio;
		squares += ratio * ratio;
		p->pairs++;
	}
	p->measured = p->interval.low = p->interval.high = NAN;
	p->verdict = CONFIRM_FAILED;
	if (p->pairs < PAIRS_MIN)
		return;
	mean = sum / (double)p->pairs;
	half = sqrt(fmax(squares - sum * mean, 0) / (double)(p->pairs - 1) / (double)p->pairs) *
	       dist_t_quantile(.5 + confidence / 2, (double)p->pairs - 1);
	p->measured = expm1(mean);
	p->interval = (struct interval){expm1(mean - half), expm1(mean + half)};
	p->verdict = verdict_of(p);
}

static double curve_at(const struct rank_factor *f, double x)
{
	size_t i = 1;

	if (f->curve_n < 2)
		return NAN;
	while (i + 1 < f->curve_n && f->curve_x[i] < x)
		i++;
	return f->curve_y[i - 1] + (f->curve_y[i] - f->curve_y[i - 1]) * (x - f->curve_x[i - 1]) /
					   (f->curve_x[i] - f->curve_x[i - 1]);
}

double confirm_promise(const struct rank_factor *f, double from, double to)
{
	return curve_at(f, to) / curve_at(f, from) - 1;
}

static void add_percent(struct str *out, double change, int decimals)
{
	str_addf(out, "%s%.*f", change < 0 ? "−" : "", decimals, fabs(100 * change));
}

/* "+8.9 %" */
static void add_change(struct str *out, double change, int decimals)
{
	str_addf(out, "%s%.*f %%", change < 0 ? "−" : "+", decimals, fabs(100 * change));
}

static int decimals_of(const struct confirm_place *p)
{
	double width = 100 * (p->interval.high - p->interval.low);

	return width > 10 ? 0 : width > .3 ? 1 : 2;
}

void confirm_sentence(struct str *out, const struct confirm *c, const struct confirm_place *p)
{
	int d = decimals_of(p);

	if (isfinite(p->moved))
		str_addf(out, "%.0f %% %s %s", fabs(100 * p->moved), p->moved < 0 ? "less" : "more",
			c->factor);
	else
		str_addf(out, "%s from %s to %s", c->factor, p->from, p->to);
	str_addf(out, " (%s instead of %s) at %s ", p->to, p->from, p->name);
	if (p->verdict == CONFIRM_FAILED) {
		str_add(out, "could not be compared: too few of its trials went well.");
		return;
	}
	str_add(out, "gives ");
	add_change(out, p->measured, d);
	str_add(out, " [");
	add_percent(out, p->interval.low, d);
	str_add(out, ", ");
	add_percent(out, p->interval.high, d);
	str_addf(out, "] %s, ", c->response);
	str_add(out, CONFIRM_TEXTS[p->verdict]);
	if (isfinite(p->promised)) {
		str_add(out, " (");
		add_change(out, p->promised, d);
		str_add(out, ")");
	}
	str_add(out, ".");
}

static json_t *place_json(const struct confirm *c, const struct confirm_place *p)
{
	struct str sentence = STR_INIT;
	json_t *o = json_object();

	confirm_sentence(&sentence, c, p);
	json_object_set_new(o, "place", json_string(p->name));
	json_object_set_new(o, "setting", json_string(p->setting));
	json_object_set_new(o, "from", json_string(p->from));
	json_object_set_new(o, "to", json_string(p->to));
	json_object_set_new(o, "moved", json_number(p->moved));
	json_object_set_new(o, "promised", json_number(p->promised));
	json_object_set_new(o, "pairs", json_integer((json_int_t)p->pairs));
	json_object_set_new(o, "measured", json_number(p->measured));
	json_object_set_new(o, "low", json_number(p->interval.low));
	json_object_set_new(o, "high", json_number(p->interval.high));
	json_object_set_new(o, "verdict", json_string(CONFIRM_WORDS[p->verdict]));
	json_object_set_new(o, "sentence", json_string(sentence.p));
	str_release(&sentence);
	return o;
}

json_t *confirm_to_json(const struct confirm *c)
{
	json_t *o = json_object(), *places = json_array();

	for (size_t i = 0; i < c->n_places; i++)
		json_array_append_new(places, place_json(c, &c->places[i]));
	json_object_set_new(o, "factor", json_string(c->factor));
	json_object_set_new(o, "response", json_string(c->response));
	json_object_set_new(o, "unit", json_string(c->unit));
	json_object_set_new(o, "confidence", json_real(c->confidence));
	json_object_set_new(o, "places", places);
	return o;
}

static bool place_from_json(struct confirm_place *p, const json_t *o)
{
	const char *verdict = json_text_at(o, "verdict");
	int v = 0;

	while (CONFIRM_WORDS[v] && strcmp(CONFIRM_WORDS[v], verdict) != 0)
		v++;
	*p = (struct confirm_place){
		.name = mem_strdup(json_text_at(o, "place")),
		.setting = mem_strdup(json_text_at(o, "setting")),
		.from = mem_strdup(json_text_at(o, "from")),
		.to = mem_strdup(json_text_at(o, "to")),
		.moved = json_number_at(o, "moved"),
		.promised = json_number_at(o, "promised"),
		.pairs = (size_t)json_int_at(o, "pairs"),
		.measured = json_number_at(o, "measured"),
		.interval = {json_number_at(o, "low"), json_number_at(o, "high")},
		.verdict = (enum confirm_verdict)(CONFIRM_WORDS[v] ? v : CONFIRM_FAILED),
	};
	return CONFIRM_WORDS[v] != NULL;
}

int confirm_from_json(struct confirm *out, const json_t *json, struct err *err)
{
	const json_t *places = json_object_get(json, "places");
	bool good = json_is_array(places);

	*out = (struct confirm){
		.factor = mem_strdup(json_text_at(json, "factor")),
		.response = mem_strdup(json_text_at(json, "response")),
		.unit = mem_strdup(json_text_at(json, "unit")),
		.confidence = json_number_at(json, "confidence"),
	};
	out->places = mem_zalloc(json_array_size(places) + 1, sizeof(*out->places));
	for (size_t i = 0; i < json_array_size(places); i++)
		good &= place_from_json(&out->places[out->n_places++], json_array_get(places, i));
	if (good)
		return 0;
	confirm_release(out);
	return err_set(err, ERR_INPUT, "this is no confirmation as this version writes them");
}

void confirm_release(struct confirm *c)
{
	for (size_t i = 0; i < c->n_places; i++) {
		free(c->places[i].name);
		free(c->places[i].setting);
		free(c->places[i].from);
		free(c->places[i].to);
	}
	free(c->places);
	free(c->factor);
	free(c->response);
	free(c->unit);
	*c = (struct confirm){0};
}
