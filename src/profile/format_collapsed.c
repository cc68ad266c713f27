/* Collapsed stacks, written. What reads them is collapsed.c. */
#include <inttypes.h>

#include "base/mem.h"
#include "profile/format.h"

/* A ";" would end the frame, a "#" at the start of a line the line. */
static void add_text(struct str *out, const char *text, bool first)
{
	size_t from = out->len;

	str_add(out, text);
	for (size_t i = from; i < out->len; i++)
		if (out->p[i] == ';' || (first && i == from && out->p[i] == '#'))
			out->p[i] = ',';
}

static void add_frame(struct str *out, const struct profile *p, uint32_t place, bool first)
{
	const struct profile_node *n = &p->nodes[place];
	const struct profile_function *f = &p->functions[n->function];

	if (place == FORMAT_GAP) {
		str_add(out, FORMAT_GAP_TEXT);
		return;
	}
	add_text(out, f->name, first);
	if (!f->file[0])
		return;
	str_add(out, " (");
	add_text(out, f->file, false);
	if (n->line > 0)
		str_addf(out, ":%" PRId32, n->line);
	str_add_char(out, ')');
}

void format_collapsed(struct str *out, const struct profile *p, enum profile_clock clock)
{
	uint64_t unit = clock == PROFILE_CLOCK_SAMPLES ? 1 : 1000, rest = 0;
	struct format_stack s;

	for (uint32_t i = 0; i < p->n_nodes; i++) {
		uint64_t weight = profile_weigh(&p->nodes[i].self, clock);

		/* What a line loses in rounding, the next one gets. */
		rest += weight % unit;
		weight = weight / unit + rest / unit;
		rest %= unit;
		if (weight == 0)
			continue;
		format_stack(&s, p, i);
		for (size_t k = 0; k < s.n; k++) {
			if (k > 0)
				str_add_char(out, ';');
			add_frame(out, p, s.places[k], k == 0);
		}
		if (s.n == 0)
			str_add(out, p->functions[p->nodes[0].function].name);
		str_addf(out, " %" PRIu64 "\n", weight);
	}
}
