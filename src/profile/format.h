/* Private: what the writers of other tools' formats share. */
#ifndef CULPRIT_PROFILE_FORMAT_H
#define CULPRIT_PROFILE_FORMAT_H

#include "profile/formats.h"

/* The places from below the root to `node`, outermost first, at most FORMAT_MAX_DEPTH + 1 of them.
 * Of a deeper stack the middle is left out: FORMAT_GAP stands there. */
enum { FORMAT_GAP = 0 }; /* the root's index: it is in no stack */
struct format_stack {
	uint32_t places[FORMAT_MAX_DEPTH + 1];
	size_t n;
};
void format_stack(struct format_stack *s, const struct profile *p, uint32_t node);

#define FORMAT_GAP_TEXT "(frames left out)"

/* The nearest node of this kind, `node` itself or above it; 0: none. For all nodes at once, the
 * caller's to free(). */
uint32_t *format_nearest(const struct profile *p, enum profile_kind kind);

/* Text as a JSON string, quotes included. */
void format_json_text(struct str *out, const char *text);

void format_collapsed(struct str *out, const struct profile *p, enum profile_clock clock);
void format_speedscope(
	struct str *out, const struct profile *p, enum profile_clock clock, const char *name);
void format_pprof(struct str *out, const struct profile *p, const char *name);
void format_callgrind(struct str *out, const struct profile *p, const char *name);

#endif
