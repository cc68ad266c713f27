#include "report/outline.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "report/profile_names.h"

enum { STEP = 3 /* columns of a level */ };

void outline_init(struct outline *o)
{
	*o = (struct outline){.n = 1};
	o->items = mem_grow(NULL, &o->cap, 1, sizeof(*o->items));
	o->items[0] = (struct outline_item){0};
}

void outline_release(struct outline *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->items[i].text);
	free(o->items);
	*o = (struct outline){0};
}

uint32_t outline_add(struct outline *o, uint32_t parent, const struct outline_item *item)
{
	uint32_t i = (uint32_t)o->n;

	o->items = mem_grow(o->items, &o->cap, o->n + 1, sizeof(*o->items));
	o->items[i] = *item;
	o->items[i].parent = parent;
	o->items[i].next = o->items[i].first_child = o->items[i].last_child = 0;
	if (o->items[parent].last_child)
		o->items[o->items[parent].last_child].next = i;
	else
		o->items[parent].first_child = i;
	o->items[parent].last_child = i;
	o->n++;
	return i;
}

static bool is_alone(const struct outline *o, uint32_t i)
{
	return o->items[o->items[i].parent].first_child == i && !o->items[i].next;
}

/* The levels to the left of a line: true where a line goes on below. */
struct levels {
	bool *goes_on;
	size_t n, cap;
};

static void draw_line(struct str *out, const struct term *term, const struct outline *o,
	const struct outline_drawer *d, const struct levels *levels, uint32_t i)
{
	const struct outline_item *item = &o->items[i];
	size_t room = term->width > d->cells_width ? term->width - d->cells_width : 0;
	size_t most = room / 2 / STEP, own = !is_alone(o, i);
	size_t shown = levels->n + own <= most ? levels->n : most > own ? most - own : 0;
	struct str box = STR_INIT;

	d->cells(out, item, d->context);
	for (size_t k = levels->n - shown; k < levels->n; k++)
		if (k && k == levels->n - shown)
			str_add(&box, term->unicode ? "⋯  " : ">  ");
		else
			str_add(&box, !levels->goes_on[k] ? "   " : term->unicode ? "│  " : "|  ");
	if (own)
		str_add(&box, !term->unicode ? (item->next ? "|- " : "`- ")
			      : item->next   ? "├─ "
					     : "└─ ");
	term_add(out, term, TERM_DIM, str_text(&box));
	str_release(&box);
	room -= room < (shown + own) * STEP ? room : (shown + own) * STEP;
	if (item->text) {
		struct str text = STR_INIT;

		profile_add_name(&text, term, item->text, room);
		term_add(out, term, TERM_DIM, str_text(&text));
		str_release(&text);
	} else
		d->label(out, item, room, d->context);
	str_add_char(out, '\n');
}

void outline_draw(struct str *out, const struct term *term, const struct outline *o,
	const struct outline_drawer *d)
{
	struct levels levels = {0};
	uint32_t i = o->items[0].first_child;

	while (i) {
		draw_line(out, term, o, d, &levels, i);
		if (o->items[i].first_child) {
			if (!is_alone(o, i)) {
				levels.goes_on = mem_grow(levels.goes_on, &levels.cap, levels.n + 1,
					sizeof(*levels.goes_on));
				levels.goes_on[levels.n++] = o->items[i].next != 0;
			}
			i = o->items[i].first_child;
			continue;
		}
		while (i && !o->items[i].next) {
			i = o->items[i].parent;
			if (i && !is_alone(o, i))
				levels.n--;
		}
		i = o->items[i].next;
	}
	free(levels.goes_on);
}
