/* What of the tree a person opened and closed: a table of a fixed size, by id. */
#include <stdlib.h>

#include "base/mem.h"
#include "tui/top_rows.h"

void top_marks_release(struct top_marks *m)
{
	free(m->ids);
	free(m->open);
	*m = (struct top_marks){0};
}

/* Where this id is, or would be. */
static size_t mark_slot(const struct top_marks *m, uint64_t id)
{
	size_t at = id % (2 * TOP_MAX_MARKS);

	while (m->ids[at] && m->ids[at] != id)
		at = (at + 1) % (2 * TOP_MAX_MARKS);
	return at;
}

void top_marks_set(struct top_marks *m, uint64_t id, bool open)
{
	size_t at;

	if (!m->ids) {
		m->ids = mem_zalloc(2 * TOP_MAX_MARKS, sizeof(*m->ids));
		m->open = mem_zalloc(2 * TOP_MAX_MARKS, sizeof(*m->open));
	}
	at = mark_slot(m, id);
	if (!m->ids[at] && m->n == TOP_MAX_MARKS)
		return;
	m->n += !m->ids[at];
	m->ids[at] = id;
	m->open[at] = open;
}

void top_marks_all(struct top_marks *m, enum top_opening opening)
{
	top_marks_release(m);
	m->opening = opening;
}

bool top_marks_get(const struct top_marks *m, uint64_t id, bool *open)
{
	size_t at = m->ids ? mark_slot(m, id) : 0;

	if (!m->ids || !m->ids[at])
		return false;
	*open = m->open[at];
	return true;
}
