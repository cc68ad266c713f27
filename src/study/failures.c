/* Which settings failed: where one factor alone tells the failed trials from the others, it is
 * named. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "study/study.h"

enum { FEWEST = 2 };

struct sides {
	double failed_low, failed_high, good_low, good_high; /* of numbers */
	const char *word;                                    /* that all failed trials have … */
	bool one_word, elsewhere; /* … the same one, and some good trial has it too */
	size_t failed, good;
};

static void look_at(struct sides *s, const struct trial *t, const json_t *value)
{
	double number = json_is_number(value) ? json_number_value(value) : NAN;

	if (t->ok) {
		s->good++;
		s->good_low = fmin(s->good_low, number);
		s->good_high = fmax(s->good_high, number);
		return;
	}
	s->failed++;
	s->failed_low = fmin(s->failed_low, number);
	s->failed_high = fmax(s->failed_high, number);
	if (json_is_string(value)) {
		s->one_word &= !s->word || !strcmp(s->word, json_string_value(value));
		s->word = json_string_value(value);
	}
}

static struct sides sides_of(const char *name, const struct trial *trials, size_t n)
{
	struct sides s = {INFINITY, -INFINITY, INFINITY, -INFINITY, NULL, true, false, 0, 0};

	for (size_t i = 0; i < n; i++)
		if (study_trial_is_design(&trials[i]))
			look_at(&s, &trials[i], json_object_get(trials[i].setting, name));
	for (size_t i = 0; i < n && s.word; i++) {
		const char *word = json_string_value(json_object_get(trials[i].setting, name));

		s.elsewhere |= trials[i].ok && word && !strcmp(word, s.word);
	}
	return s;
}

/* Said of the first factor of which something can be said. */
static bool add_failures(struct str *out, const char *name, const struct sides *s)
{
	if (s->word && s->one_word && !s->elsewhere)
		str_addf(out, "Every trial with %s=%s failed, and no other did.", name, s->word);
	else if (!s->word && s->failed_low > s->good_high)
		str_addf(out,
			"Every trial with %s of %.4g and more failed, and none with %.4g and less.",
			name, s->failed_low, s->good_high);
	else if (!s->word && s->failed_high < s->good_low)
		str_addf(out,
			"Every trial with %s of %.4g and less failed, and none with %.4g and more.",
			name, s->failed_high, s->good_low);
	else
		return false;
	return true;
}

void study_failures(struct str *out, const struct trial *trials, size_t n)
{
	const char *name;
	json_t *value;

	if (!n)
		return;
	json_object_foreach(trials[0].setting, name, value)
	{
		struct sides s = sides_of(name, trials, n);

		if (s.failed < FEWEST || s.good < FEWEST || add_failures(out, name, &s))
			return;
	}
}
