#include "report/diff_words.h"

#include <math.h>

#include "base/num.h"
#include "report/phrase.h"
#include "report/profile_words.h"

enum { NAMED = 3 };
static const double NOTHING = .0005; /* half of the last digit of a change */

void diff_add_points(struct str *out, double change, bool plus)
{
	double points = 100 * change;

	if (plus && points >= .05)
		str_add_char(out, '+');
	phrase_fixed(out, fabs(points) < .05 ? 0 : points, 1);
}

void diff_add_interval(struct str *out, const struct diff_row *row)
{
	if (isnan(row->change_low))
		return;
	str_add_char(out, '[');
	diff_add_points(out, row->change_low, true);
	str_add(out, ", ");
	diff_add_points(out, row->change_high, true);
	str_add_char(out, ']');
}

static void add_function(
	struct str *out, const struct places *pl, const struct diff_row *row, bool first)
{
	struct term plain = TERM_PLAIN;
	struct str where = STR_INIT;

	str_add(out, first ? "" : "; ");
	profile_add_name(out, &plain, row->name, 60);
	places_where(&where, pl, row->kind, row->file, 0);
	if (where.len) {
		str_add(out, " (");
		profile_add_name(out, &plain, where.p, 50);
		str_add(out, ")");
	}
	str_add(out, row->after.self > row->before.self ? " rose from " : " fell from ");
	profile_add_share(out, row->before.self);
	str_add(out, " to ");
	profile_add_share(out, row->after.self);
	str_release(&where);
}

static void add_change(struct str *out, const struct diff_row *row)
{
	str_add(out, " (");
	diff_add_points(out, row->after.self - row->before.self, true);
	str_add(out, isnan(row->change_low) ? " points" : " points ");
	diff_add_interval(out, row);
	str_add(out, ")");
}

static void add_all_the_time(struct str *out, const struct profile_diff *d)
{
	char before[NUM_TEXT], after[NUM_TEXT];
	bool samples = d->clock == PROFILE_CLOCK_SAMPLES;

	if (!(d->before_s > 0) || !(d->after_s > 0))
		return;
	if (samples)
		str_addf(out, "In all there were %s samples before, %s after.",
			num_count(d->before_s, before), num_count(d->after_s, after));
	else
		str_addf(out, "In all there was %s of %s before, %s after.",
			num_duration(d->before_s, before), profile_clock_name(d->clock),
			num_duration(d->after_s, after));
}

static size_t count_real(const struct profile_diff *d)
{
	size_t n = 0;

	while (n < d->n_rows && d->rows[n].real)
		n++;
	return n;
}

void diff_words_head(struct str *out, const struct profile_diff_report *r)
{
	const struct profile_diff *d = r->diff;
	struct places pl = {.n = 0};
	bool real = count_real(d) > 0;

	places_add(&pl, r->b);
	places_add(&pl, r->a);
	if (!(d->before_s > 0) || !(d->after_s > 0)) {
		str_addf(out, "There is nothing to compare: the %s one has none of the %s.",
			d->before_s > 0 ? "second" : "first", profile_clock_name(d->clock));
	} else if (!d->n_rows || fabs(d->rows[0].after.self - d->rows[0].before.self) < NOTHING) {
		str_addf(out, "No function's share of the %s changed.",
			profile_clock_name(d->clock));
	} else {
		if (!real && d->timed)
			str_add(out, "No function's share changed by more than noise. The largest "
				     "change: ");
		str_addf(out, "%s the %s, ", !real && d->timed ? "of" : "Of",
			profile_clock_name(d->clock));
		add_function(out, &pl, &d->rows[0], true);
		add_change(out, &d->rows[0]);
		str_add(out, ".");
	}
	places_release(&pl);
}

void diff_words_rest(struct str *out, const struct profile_diff_report *r)
{
	const struct profile_diff *d = r->diff;
	struct places pl = {.n = 0};
	size_t real = count_real(d);

	places_add(&pl, r->b);
	places_add(&pl, r->a);
	for (size_t i = 1; i < real && i < NAMED; i++) {
		add_function(out, &pl, &d->rows[i], i == 1);
		add_change(out, &d->rows[i]);
	}
	if (real > NAMED)
		str_addf(out, "; %zu more changed", real - NAMED);
	str_add(out, real > 1 ? ". " : "");
	if (!d->timed && d->before_s > 0 && d->after_s > 0)
		str_add(out, "What is noise cannot be told: not both hold how the shares varied "
			     "over time. ");
	add_all_the_time(out, d);
	places_release(&pl);
}

void report_profile_diff_verdict(struct str *out, const struct profile_diff_report *r)
{
	struct str rest = STR_INIT;

	diff_words_head(out, r);
	diff_words_rest(&rest, r);
	if (rest.len)
		str_addf(out, " %s", rest.p);
	str_release(&rest);
}
