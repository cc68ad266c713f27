/*
 * A tree of lines for a terminal, drawn with box lines. A line that is the only one below another
 * stands under it without further indentation, so that a chain of calls, however long, is read
 * down a column; where branches lie in branches, the leftmost are left out before the lines run
 * off the right edge.
 */
#ifndef CULPRIT_REPORT_OUTLINE_H
#define CULPRIT_REPORT_OUTLINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/term.h"

struct outline_item {
	uint32_t node;         /* of the caller's tree */
	char *text;            /* a remark instead of a node, or NULL */
	uint64_t self, total;  /* for the caller */
	bool leaf;             /* for the caller: nothing of what is below the node */
	uint32_t parent, next; /* 0: none */
	uint32_t first_child, last_child;
};

struct outline {
	struct outline_item *items; /* [0] is above all and not drawn */
	size_t n, cap;
};

void outline_init(struct outline *o);
void outline_release(struct outline *o);

/* Adds the last child of `parent`; its index. The text is taken over. */
uint32_t outline_add(struct outline *o, uint32_t parent, const struct outline_item *item);

/* Adds the columns before the box lines, all of them equally wide, and the text behind them within
 * `width` columns; no newline. */
struct outline_drawer {
	void (*cells)(struct str *out, const struct outline_item *item, void *context);
	void (*label)(
		struct str *out, const struct outline_item *item, size_t width, void *context);
	size_t cells_width;
	void *context;
};

void outline_draw(struct str *out, const struct term *term, const struct outline *o,
	const struct outline_drawer *d);

#endif
