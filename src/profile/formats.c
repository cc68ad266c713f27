/* The table of formats, and what the writers share. */
#include "profile/formats.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/format.h"
#include "profile/profile_index.h"

const char *const PROFILE_FORMAT_WORDS[] = {
#define X(name, word, ending, binary) word,
	PROFILE_FORMATS(X)
#undef X
		NULL};

void profile_write(struct str *out, const struct profile *p, enum profile_format format,
	enum profile_clock clock, const char *name)
{
	char title[PROFILE_MAX_NAME_BYTES + 1];

	profile_clean(title, sizeof(title), name);
	switch (format) {
	case PROFILE_FORMAT_COLLAPSED: format_collapsed(out, p, clock); break;
	case PROFILE_FORMAT_SPEEDSCOPE: format_speedscope(out, p, clock, title); break;
	case PROFILE_FORMAT_PPROF: format_pprof(out, p, title); break;
	case PROFILE_FORMAT_CALLGRIND: format_callgrind(out, p, title); break;
	}
}

void format_stack(struct format_stack *s, const struct profile *p, uint32_t node)
{
	enum { HALF = FORMAT_MAX_DEPTH / 2 };
	size_t depth = 0, at;

	for (uint32_t i = node; i > 0; i = p->nodes[i].parent)
		depth++;
	s->n = depth <= FORMAT_MAX_DEPTH ? depth : FORMAT_MAX_DEPTH + 1;
	at = depth;
	for (uint32_t i = node; i > 0; i = p->nodes[i].parent) {
		at--;
		if (depth <= FORMAT_MAX_DEPTH || at < HALF)
			s->places[at] = i;
		else if (at >= depth - HALF)
			s->places[s->n - (depth - at)] = i;
	}
	if (depth > FORMAT_MAX_DEPTH)
		s->places[HALF] = FORMAT_GAP;
}

uint32_t *format_nearest(const struct profile *p, enum profile_kind kind)
{
	uint32_t *nearest = mem_alloc(p->n_nodes, sizeof(*nearest));

	nearest[0] = 0;
	for (size_t i = 1; i < p->n_nodes; i++) {
		const struct profile_node *n = &p->nodes[i];

		nearest[i] =
			p->functions[n->function].kind == kind ? (uint32_t)i : nearest[n->parent];
	}
	return nearest;
}

/* Texts of a profile have no control characters (profile_clean()). */
void format_json_text(struct str *out, const char *text)
{
	str_add_char(out, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			str_add_char(out, '\\');
		str_add_char(out, *p);
	}
	str_add_char(out, '"');
}
