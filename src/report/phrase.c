#include "report/phrase.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

enum phrase_sense phrase_sense(const struct rank_result *r)
{
	static const char *const MORE[] = {
		"per_second", "throughput", "rps", "qps", "rate", "/s", NULL};
	static const char *const LESS[] = {"latency", "_ms", "_us", "_ns", "_seconds", "time",
		"duration", "error", "cpu", "memory", "bytes", NULL};
	static const char *const UNITS[] = {"ms", "s", "µs", "us", "ns", "%", NULL};

	for (size_t i = 0; UNITS[i]; i++)
		if (!strcmp(r->unit, UNITS[i]))
			return PHRASE_LESS;
	for (size_t i = 0; LESS[i]; i++)
		if (strstr(r->response, LESS[i]))
			return PHRASE_LESS;
	for (size_t i = 0; MORE[i]; i++)
		if (strstr(r->response, MORE[i]) || strstr(r->unit, MORE[i]))
			return PHRASE_MORE;
	return PHRASE_UNKNOWN;
}

int phrase_decimals(double half_width, int otherwise)
{
	if (!isfinite(half_width) || half_width <= 0)
		return otherwise;
	return -(int)floor(log10(half_width / 2));
}

double phrase_half_width(const struct interval *i)
{
	return (i->high - i->low) / 2;
}

void phrase_fixed(struct str *out, double value, int decimals)
{
	char digits[400];
	size_t whole;

	if (isnan(value)) {
		str_add(out, "–");
		return;
	}
	if (decimals < 0) {
		double unit = pow(10, -decimals);

		value = round(value / unit) * unit;
		decimals = 0;
	}
	snprintf(digits, sizeof(digits), "%.*f", decimals > 12 ? 12 : decimals, fabs(value));
	if (value < 0 && strpbrk(digits, "123456789i"))
		str_add(out, "−");
	whole = strspn(digits, "0123456789");
	for (size_t i = 0; i < whole; i++) {
		if (i && (whole - i) % 3 == 0)
			str_add_char(out, ',');
		str_add_char(out, digits[i]);
	}
	str_add(out, digits + whole);
}

void phrase_significant(struct str *out, double value, int digits)
{
	double a = fabs(value);

	if (!isfinite(value) || a == 0) {
		phrase_fixed(out, value, 0);
		return;
	}
	if (a < 1e-4 || a >= 1e9) {
		str_addf(out, "%s%.*e", value < 0 ? "−" : "", digits - 1, a);
		return;
	}
	int decimals = digits - 1 - (int)floor(log10(a));

	/* 9.996 becomes 10.0 with three digits, not 10.00 */
	if (decimals > 0 && floor(log10(a + .5 * pow(10, -decimals))) > floor(log10(a)))
		decimals--;
	phrase_fixed(out, value, decimals);
}

/* Percentages in whole numbers; one decimal where all of it is below ten and the interval carries
 * it. */
static int percent_decimals(double percent, const struct interval *interval)
{
	double most = fmax(fabs(percent), fmax(fabs(interval->low), fabs(interval->high)));

	return most < 9.95 && phrase_decimals(phrase_half_width(interval), 0) > 0;
}

static void add_signed(struct str *out, double value, int decimals, bool plus)
{
	double unit = pow(10, -decimals);

	if (plus && value >= .5 * unit)
		str_add_char(out, '+');
	phrase_fixed(out, value, decimals);
}

void phrase_percent(struct str *out, double percent, const struct interval *interval, bool plus)
{
	add_signed(out, percent, percent_decimals(percent, interval), plus);
}

void phrase_interval(struct str *out, const struct interval *interval, bool plus)
{
	int decimals = percent_decimals(0, interval);

	if (!isfinite(interval->low) || !isfinite(interval->high))
		return;
	str_add_char(out, '[');
	add_signed(out, interval->low, decimals, plus);
	str_add(out, ", ");
	add_signed(out, interval->high, decimals, plus);
	str_add_char(out, ']');
}

static int r2_decimals(double r2)
{
	return r2 >= .985 ? 3 : r2 > -9.95 ? 2 : 0;
}

void phrase_r2(struct str *out, double r2)
{
	phrase_fixed(out, r2, r2_decimals(r2));
}

void phrase_r2_interval(struct str *out, const struct rank_fit *fit)
{
	const struct interval *i = &fit->r2_interval;
	int decimals = r2_decimals(fit->r2_mean);

	phrase_fixed(out, fit->r2_mean, decimals);
	if (!isfinite(i->low) || !isfinite(i->high))
		return;
	str_add(out, " [");
	phrase_fixed(out, i->low, decimals);
	str_add(out, ", ");
	phrase_fixed(out, i->high, decimals);
	str_add_char(out, ']');
}

size_t phrase_column(const struct rank_result *r, const struct rank_factor *f)
{
	size_t j = 0;

	while (j < r->data.p && strcmp(r->data.names[j], f->name))
		j++;
	return j;
}

size_t phrase_n_words(const struct rank_result *r, size_t column)
{
	size_t n = 0;

	if (column < r->data.p && r->data.words && r->data.words[column])
		while (r->data.words[column][n])
			n++;
	return n;
}

void phrase_setting(struct str *out, const struct rank_result *r, size_t column, double value)
{
	size_t n = phrase_n_words(r, column);
	char text[NUM_TEXT];

	if (n && value >= 0 && value + .5 < (double)n) {
		str_add(out, r->data.words[column][(size_t)(value + .5)]);
		return;
	}
	double a = fabs(value);

	if (value < 0)
		str_add(out, "−");
	if (a == floor(a) || a >= 100 || a < 1e-4)
		str_add(out, num_short(a == floor(a) ? a : a >= 100 ? round(a) : a, text));
	else { /* three digits, without zeros at the end: 0.05003 is 0.05 to a reader */
		snprintf(text, sizeof(text), "%.3g", a);
		str_add(out, text);
	}
}

struct phrase_effect phrase_effect(const struct rank_factor *f)
{
	if (f->at_low <= 0)
		return (struct phrase_effect){NAN, {NAN, NAN}};
	return (struct phrase_effect){f->effect_percent, f->effect_interval};
}

void phrase_end(struct str *out, const struct rank_factor *f, bool high)
{
	double value = high ? f->at_high : f->at_low;
	size_t at = high && f->curve_n ? f->curve_n - 1 : 0;
	double half = f->curve_n && f->curve_low && f->curve_high
			      ? (f->curve_high[at] - f->curve_low[at]) / 2
			      : NAN;
	int most = 3 - (fabs(value) > 0 ? (int)floor(log10(fabs(value))) : 0);
	int decimals = phrase_decimals(half, most - 1);

	if (!isfinite(value) || fabs(value) < 1e-4 || fabs(value) >= 1e9)
		phrase_significant(out, value, 3);
	else /* two digits at least, four at most */
		phrase_fixed(out, value,
			decimals > most       ? most
			: decimals < most - 2 ? most - 2
					      : decimals);
}

const char *phrase_verb(const struct rank_result *r, bool several)
{
	if (phrase_sense(r) == PHRASE_MORE)
		return several ? "limit" : "limits";
	return several ? "drive" : "drives";
}

const char *phrase_model(enum rank_model model)
{
	return model == RANK_GP       ? "Gaussian process"
	       : model == RANK_FOREST ? "forest"
				      : "linear model";
}

const struct rank_fit *phrase_fit(const struct rank_result *r)
{
	return r->preferred == RANK_GP       ? &r->gp
	       : r->preferred == RANK_FOREST ? &r->forest
					     : &r->linear;
}

double phrase_quality(const struct rank_result *r)
{
	const struct rank_fit *fit = phrase_fit(r);

	return isnan(fit->r2_mean) ? fit->r2 : fit->r2_mean;
}

void phrase_plain(struct str *s, const struct term *term)
{
	static const char *const PAIRS[][2] = {{"−", "-"}, {"–", "-"}, {"→", "->"}, {"…", "..."},
		{"²", "2"}, {"×", "x"}, {"±", "+/-"}, {"·", "-"}, {"µ", "u"}, {NULL, NULL}};
	struct str out = STR_INIT;

	if (term->unicode || !s->p)
		return;
	for (const char *p = s->p; *p;) {
		size_t i = 0;

		while (PAIRS[i][0] && !str_starts(p, PAIRS[i][0]))
			i++;
		if (PAIRS[i][0]) {
			str_add(&out, PAIRS[i][1]);
			p += strlen(PAIRS[i][0]);
		} else
			str_add_char(&out, *p++);
	}
	str_release(s);
	*s = out;
}

/* The end of the piece that starts at p: up to a space where a line may be broken. */
static const char *piece_end(const char *p)
{
	enum { LONGEST_INTERVAL = 32 };

	for (; *p; p++) {
		const char *close = *p == '[' ? strchr(p, ']') : NULL;

		if (close && close - p < LONGEST_INTERVAL)
			p = close;
		if (*p == ' ' && p[1] != '%')
			break;
	}
	return p;
}

void phrase_wrap(struct str *out, const char *text, size_t width, size_t indent)
{
	size_t column = 0;

	while (*text) {
		const char *end = piece_end(text);
		char *piece = mem_copy(text, (size_t)(end - text));
		size_t w = str_width(piece);

		if (column > indent && column + 1 + w > width) {
			str_add_char(out, '\n');
			str_add_repeat(out, " ", indent);
			column = indent;
		} else if (column > indent) {
			str_add_char(out, ' ');
			column++;
		} else if (!column)
			column = indent; /* the caller has written the first line's beginning */
		str_add(out, piece);
		column += w;
		free(piece);
		text = end;
		while (*text == ' ')
			text++;
	}
	str_add_char(out, '\n');
}
