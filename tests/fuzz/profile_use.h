/* What a profile that was read must be able to do: every view, format and difference. */
#ifndef CULPRIT_TESTS_PROFILE_USE_H
#define CULPRIT_TESTS_PROFILE_USE_H

#include <stdlib.h>

#include "profile/diff.h"
#include "profile/formats.h"
#include "profile/view.h"

static inline void must(int condition)
{
	if (!condition)
		abort();
}

static inline uint64_t use_total(const struct profile *p, enum profile_clock clock)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n_nodes; i++)
		sum += profile_weigh(&p->nodes[i].self, clock);
	return sum;
}

static inline void use_views(const struct profile *p, enum profile_clock clock, unsigned turn)
{
	for (unsigned bits = turn % 4; bits < 32; bits += 4) {
		struct view_options o = {.clock = clock,
			.lines = bits & 1,
			.by_process = bits & 2,
			.by_thread = bits & 2,
			.by_task = bits & 2,
			.invert = bits & 4,
			.fold = bits & 8,
			.least = bits & 16 ? .05 : 0};
		struct view v;
		uint64_t below = 0;

		view_make(&v, p, &o);
		must(v.nodes[0].total == use_total(p, clock));
		for (uint32_t c = v.nodes[0].first_child; c; c = v.nodes[c].next_sibling)
			below += v.nodes[c].total;
		must(o.least > 0 ? below + v.nodes[0].self <= v.nodes[0].total
				 : below + v.nodes[0].self == v.nodes[0].total);
		view_release(&v);
	}
}

static inline void use_tables(const struct profile *p, enum profile_clock clock)
{
	for (int lines = 0; lines < 2; lines++) {
		size_t n;
		struct view_row *rows =
			lines ? view_lines(p, clock, &n) : view_functions(p, clock, &n);

		for (size_t i = 0; i < n; i++) {
			double low, high, worth = view_worth(p, rows[i].function, clock);

			must(rows[i].self <= rows[i].total && rows[i].total <= use_total(p, clock));
			view_share_interval((double)rows[i].self / (double)use_total(p, clock),
				worth, &low, &high);
			must(low >= 0 && high <= 1 && low <= high);
		}
		free(rows);
	}
}

/* `turn` says which clock, and which of the views. */
static inline void use_profile(const struct profile *p, size_t turn)
{
	enum profile_clock clock = (enum profile_clock)(turn % 4);
	struct profile *sum = profile_new();
	struct profile_diff d;
	struct str out = STR_INIT;

	profile_merge(sum, p);
	profile_merge(sum, p);
	use_views(p, clock, (unsigned)turn / 4);
	use_tables(p, clock);
	for (int f = 0; PROFILE_FORMAT_WORDS[f]; f++)
		profile_write(&out, p, (enum profile_format)f, clock, "fuzz");
	profile_diff_make(&d, p, sum, clock);
	json_decref(profile_diff_to_json(&d));
	for (size_t i = 0; i < d.n_rows; i++)
		must(!d.rows[i].real || d.timed);
	profile_diff_release(&d);
	str_release(&out);
	profile_free(sum);
}

#endif
