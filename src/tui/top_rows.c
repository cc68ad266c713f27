#include "tui/top_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/view.h"
#include "tui/top_text.h"

const char *const TOP_VIEW_WORDS[] = {
#define X(name, word) word,
	TOP_VIEWS(X)
#undef X
		NULL};

/* Less of the whole than this is no node of the tree: it bounds what a screen has to carry. */
static const double LEAST = .0002;
/* So much of it is opened by itself. */
static const double OPENED = .05;

/* ---- ids ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t mix_text(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = mix(h, (unsigned char)*text);
	return mix(h, 256);
}

static uint64_t id_of(const struct top_rows *r, uint64_t parent, uint32_t place, uint32_t line)
{
	uint64_t h = mix(parent, (uint64_t)r->places[place].kind + 1);

	h = mix_text(h, top_rows_name(r, place));
	h = mix_text(h, top_rows_file(r, place));
	h = mix(mix(h, (uint64_t)r->places[place].first_line), line);
	return h ? h : 1;
}

/* ---- what is open ---- */

static bool is_open(struct top_marks *m, const struct top_rows *r, const struct top_item *item)
{
	bool open;

	if (top_marks_get(m, item->id, &open))
		return open;
	if (m->opening != TOP_OPEN_WHERE_TIME_IS)
		return m->opening == TOP_OPEN_ALL;
	if ((double)item->total < OPENED * (double)r->whole)
		return false;
	top_marks_set(m, item->id, true); /* or it would close when its share wavers */
	return true;
}

/* ---- rows of a profile ---- */

void top_rows_release(struct top_rows *r)
{
	str_release(&r->texts);
	free(r->places);
	free(r->items);
	free(r->shown);
	*r = (struct top_rows){0};
}

const char *top_rows_name(const struct top_rows *r, uint32_t place)
{
	return r->texts.p + r->places[place].name;
}

const char *top_rows_file(const struct top_rows *r, uint32_t place)
{
	return r->texts.p + r->places[place].file;
}

const char *top_rows_file_short(const struct top_rows *r, uint32_t place)
{
	return r->texts.p + r->places[place].file_short;
}

int top_rows_line(const struct top_rows *r, const struct top_item *item)
{
	return item->line ? (int)item->line : r->places[item->place].first_line;
}

static size_t add_text(struct top_rows *r, const char *text)
{
	size_t at = r->texts.len;

	top_clean(&r->texts, text, r->look.unicode);
	str_add_char(&r->texts, '\0');
	return at;
}

static void add_place(struct top_rows *r, const struct profile_function *f)
{
	struct top_place *place;

	r->places = mem_grow(r->places, &r->cap_places, r->n_places + 1, sizeof(*r->places));
	place = &r->places[r->n_places++];
	*place = (struct top_place){.name = add_text(r, f->name),
		.file = add_text(r, f->file),
		.first_line = f->first_line > 0 ? f->first_line : 0,
		.kind = f->kind,
		.library = view_is_library(f)};
}

/* Bytes that all the program's own files begin with, up to a folder's end. */
static size_t common_folder(const struct top_rows *r)
{
	const char *first = NULL;
	size_t len = 0;

	for (uint32_t i = 1; i < r->n_places; i++) {
		const char *file = top_rows_file(r, i);
		size_t same = 0;

		if (r->places[i].kind != PROFILE_PYTHON || r->places[i].library || *file != '/')
			continue;
		if (!first) {
			first = file;
			len = (size_t)(strrchr(file, '/') - file) + 1;
		}
		while (same < len && file[same] == first[same])
			same++;
		while (same && first[same - 1] != '/')
			same--;
		len = same;
	}
	return len;
}

static void shorten_files(struct top_rows *r)
{
	size_t common = common_folder(r);

	for (uint32_t i = 0; i < r->n_places; i++) {
		struct top_place *place = &r->places[i];
		const char *file = top_rows_file(r, i), *cut = top_short_file(file);

		if (place->kind == PROFILE_NATIVE && strrchr(file, '/'))
			cut = strrchr(file, '/') + 1;
		else if (place->kind == PROFILE_PYTHON && !place->library && *file == '/')
			cut = file + common;
		place->file_short = (size_t)(cut - r->texts.p);
	}
}

static struct top_item *add_item(struct top_rows *r)
{
	r->items = mem_grow(r->items, &r->cap_items, r->n_items + 1, sizeof(*r->items));
	r->items[r->n_items] = (struct top_item){0};
	return &r->items[r->n_items++];
}

/* Function `i` of the profile is place i + 1. */
static uint32_t place_of(uint32_t function)
{
	return function + 1;
}

static void make_table(struct top_rows *r, const struct profile *p, bool lines)
{
	size_t n = 0;
	struct view_row *rows = (lines ? view_lines : view_functions)(p, r->look.clock, &n);

	for (size_t i = 0; i < n; i++) {
		struct top_item *item = add_item(r);

		item->place = place_of(rows[i].function);
		item->line = rows[i].line > 0 ? (uint32_t)rows[i].line : 0;
		item->self = rows[i].self;
		item->total = rows[i].total;
		item->samples = rows[i].samples;
		item->id = id_of(r, 0, item->place, item->line);
	}
	free(rows);
}

/* The ids come from above to below; the order of the view's nodes is its own affair. */
static void give_ids(struct top_rows *r)
{
	uint32_t at = r->items[0].first_child;

	while (at) {
		struct top_item *item = &r->items[at];

		item->id = id_of(r, r->items[item->parent].id, item->place, item->line);
		if (item->first_child) {
			at = item->first_child;
			continue;
		}
		while (at && !r->items[at].next_sibling)
			at = r->items[at].parent;
		if (at)
			at = r->items[at].next_sibling;
	}
}

static void make_tree(struct top_rows *r, const struct profile *p)
{
	struct view_options options = {.clock = r->look.clock,
		.lines = r->look.lines,
		.by_process = r->n_processes > 1,
		.by_thread = r->look.threads,
		.by_task = r->look.threads,
		.invert = r->look.invert,
		.least = LEAST};
	struct view v = {0};

	view_make(&v, p, &options);
	for (size_t i = 0; i < v.n; i++) {
		struct top_item *item = i ? add_item(r) : &r->items[0];
		const struct view_node *node = &v.nodes[i];

		item->place = place_of(node->function);
		item->line = node->line > 0 ? (uint32_t)node->line : 0;
		item->self = node->self;
		item->total = node->total;
		item->parent = node->parent;
		item->first_child = node->first_child;
		item->next_sibling = node->next_sibling;
	}
	view_release(&v);
	give_ids(r);
}

/* ---- threads ---- */

/* "MainThread (1234)": the number, and where the name ends. */
static uint32_t number_behind(const char *name, size_t *name_len)
{
	size_t len = strlen(name), at = len;
	uint32_t number = 0;

	*name_len = len;
	if (len < 4 || name[len - 1] != ')')
		return 0;
	for (at = len - 1; at && name[at - 1] >= '0' && name[at - 1] <= '9'; at--)
		;
	if (at < 2 || name[at - 1] != '(' || name[at - 2] != ' ' || len - 1 - at > 9)
		return 0;
	for (size_t i = at; i < len - 1; i++)
		number = number * 10 + (uint32_t)(name[i] - '0');
	*name_len = at - 2;
	return number;
}

/* Where a thread spent how long: a thread's largest is what it is in. */
struct inside {
	uint32_t item, function;
	int32_t line;
	uint64_t wall;
};

static int by_item_and_function(const void *a, const void *b)
{
	const struct inside *x = a, *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static void find_inside(struct top_rows *r, struct inside *seen, size_t n)
{
	uint64_t most = 0, sum = 0, line_most = 0, line_sum = 0;
	int32_t line = 0;

	if (n)
		qsort(seen, n, sizeof(*seen), by_item_and_function);
	for (size_t i = 0; i < n; i++) {
		bool item_ends = i + 1 == n || seen[i + 1].item != seen[i].item;
		bool function_ends = item_ends || seen[i + 1].function != seen[i].function;
		bool line_ends = function_ends || seen[i + 1].line != seen[i].line;

		sum += seen[i].wall;
		line_sum += seen[i].wall;
		if (line_ends) {
			line = line_sum >= line_most ? seen[i].line : line;
			line_most = line_sum > line_most ? line_sum : line_most;
			line_sum = 0;
		}
		if (function_ends) {
			if (sum > most) {
				most = sum;
				r->items[seen[i].item].inside = place_of(seen[i].function);
				r->items[seen[i].item].line = line > 0 ? (uint32_t)line : 0;
			}
			sum = line_most = 0;
		}
		if (item_ends)
			most = 0;
	}
}

static void add_thread(struct top_rows *r, uint32_t function, uint32_t process)
{
	struct top_item *item = add_item(r);
	size_t len;

	item->place = place_of(function);
	item->process = process;
	item->tid = number_behind(top_rows_name(r, item->place), &len);
	item->id = id_of(r, process ? id_of(r, 0, process, 0) : 0, item->place, 0);
	/* ids are of whole names; on the screen the number has a column of its own */
	if (item->tid)
		r->texts.p[r->places[item->place].name + len] = '\0';
}

static void make_threads(struct top_rows *r, const struct profile *p)
{
	uint32_t *item_of = mem_zalloc(p->n_nodes, sizeof(*item_of));
	uint32_t *process_of = mem_zalloc(p->n_nodes, sizeof(*process_of));
	struct inside *seen = mem_alloc(p->n_nodes, sizeof(*seen));
	size_t n = 0;

	for (size_t i = 1; i < p->n_nodes; i++) {
		const struct profile_node *node = &p->nodes[i];
		enum profile_kind kind = p->functions[node->function].kind;

		item_of[i] = item_of[node->parent];
		process_of[i] = process_of[node->parent];
		if (kind == PROFILE_PROCESS)
			process_of[i] = place_of(node->function);
		if (kind == PROFILE_THREAD) {
			item_of[i] = (uint32_t)r->n_items;
			add_thread(r, node->function, process_of[i]);
		}
		if (!item_of[i])
			continue;
		r->items[item_of[i]].total += node->self.wall_ns;
		r->items[item_of[i]].cpu += node->self.cpu_ns;
		r->items[item_of[i]].gil += node->self.gil_ns;
		r->items[item_of[i]].samples += node->self.samples;
		if (kind > PROFILE_TASK && node->self.samples)
			seen[n++] = (struct inside){
				item_of[i], node->function, node->line, node->self.wall_ns};
	}
	find_inside(r, seen, n);
	free(item_of);
	free(process_of);
	free(seen);
}

void top_rows_make(struct top_rows *r, const struct profile *p, const struct top_look *look)
{
	uint64_t wall = 0;
	struct profile_function nothing = {.kind = PROFILE_ROOT, .name = "", .file = ""};

	r->look = *look;
	str_clear(&r->texts);
	r->n_places = r->n_items = r->n_shown = r->n_processes = 0;
	r->whole = r->seen = 0;
	add_place(r, &nothing);
	add_item(r);
	for (size_t i = 0; i < p->n_functions; i++)
		add_place(r, &p->functions[i]);
	shorten_files(r);
	for (size_t i = 1; i < p->n_nodes; i++) {
		r->n_processes += p->functions[p->nodes[i].function].kind == PROFILE_PROCESS;
		r->whole += profile_weigh(&p->nodes[i].self, look->clock);
		r->seen += p->nodes[i].self.samples;
		wall += p->nodes[i].self.wall_ns;
	}
	r->samples = wall ? (double)r->seen * (double)r->whole / (double)wall : 0;
	switch (look->view) {
	case TOP_FUNCTIONS: make_table(r, p, false); break;
	case TOP_LINES: make_table(r, p, true); break;
	case TOP_TREE: make_tree(r, p); break;
	default: make_threads(r, p);
	}
}

size_t top_rows_find(const struct top_rows *r, uint64_t id)
{
	size_t i = 0;

	while (i < r->n_shown && r->items[r->shown[i].item].id != id)
		i++;
	return i;
}

/* ---- what is shown of them ---- */

struct order {
	const struct top_rows *rows;
	enum top_sort sort;
};

static uint64_t figure(const struct top_item *item, enum top_sort sort)
{
	switch (sort) {
	case TOP_SELF: return item->self;
	case TOP_TOTAL: return item->total;
	case TOP_SAMPLES: return item->samples;
	case TOP_CPU: return item->cpu;
	case TOP_GIL: return item->gil;
	case TOP_TID: return UINT32_MAX - item->tid;
	default: return 0;
	}
}

static int by_order(const void *a, const void *b, void *data)
{
	const struct order *o = data;
	const struct top_rows *r = o->rows;
	const struct top_item *x = &r->items[((const struct top_shown *)a)->item];
	const struct top_item *y = &r->items[((const struct top_shown *)b)->item];
	uint64_t fx = figure(x, o->sort), fy = figure(y, o->sort);
	int rc = 0;

	if (fx != fy)
		return fx > fy ? -1 : 1;
	if (o->sort == TOP_FILE) {
		rc = strcmp(top_rows_file(r, x->place), top_rows_file(r, y->place));
		if (!rc && x->line != y->line)
			rc = x->line < y->line ? -1 : 1;
	} else if (x->total != y->total && o->sort != TOP_NAME) {
		return x->total > y->total ? -1 : 1;
	}
	if (!rc)
		rc = strcmp(top_rows_name(r, x->place), top_rows_name(r, y->place));
	return rc ? rc : (x->id > y->id) - (x->id < y->id);
}

static void add_shown(struct top_rows *r, uint32_t item, uint32_t depth)
{
	r->shown = mem_grow(r->shown, &r->cap_shown, r->n_shown + 1, sizeof(*r->shown));
	r->shown[r->n_shown++] = (struct top_shown){.item = item, .depth = depth};
}

static bool place_matches(const struct top_rows *r, uint32_t place, const char *filter)
{
	return place && (strcasestr(top_rows_name(r, place), filter) ||
				strcasestr(top_rows_file(r, place), filter));
}

/* "function", "file.py" or "file.py:12", in any case of letters. */
static bool matches(const struct top_rows *r, const struct top_item *item, const char *filter)
{
	struct str whole = STR_INIT;
	bool found;

	if (place_matches(r, item->place, filter) || place_matches(r, item->process, filter) ||
		place_matches(r, item->inside, filter))
		return true;
	if (!strpbrk(filter, "0123456789:"))
		return false;
	str_addf(&whole, "%s:%d %u", top_rows_file(r, item->inside ? item->inside : item->place),
		top_rows_line(r, item), item->tid);
	found = strcasestr(whole.p, filter);
	str_release(&whole);
	return found;
}

static void show_table(struct top_rows *r, const char *filter)
{
	for (uint32_t i = 1; i < r->n_items; i++)
		if (!*filter || matches(r, &r->items[i], filter))
			add_shown(r, i, 0);
}

/* What of the tree matches, and what leads there. */
enum { LEADS = 1, MATCHES = 2 };

static unsigned char *find_matches(const struct top_rows *r, const char *filter)
{
	unsigned char *found = mem_zalloc(r->n_items, 1);

	for (size_t i = 1; i < r->n_items; i++) {
		if (!matches(r, &r->items[i], filter))
			continue;
		found[i] |= MATCHES;
		for (uint32_t up = r->items[i].parent; up && !(found[up] & LEADS);
			up = r->items[up].parent)
			found[up] |= LEADS;
	}
	return found;
}

/* Nodes that wait to be shown; of what stands below a match all are. */
struct waiting {
	struct top_shown *nodes;
	bool *below_match;
	size_t n, cap, cap_below;
};

/* Puts a node's children on the pile, the first one uppermost. */
static void pile_children(struct waiting *w, const struct order *order, uint32_t parent,
	uint32_t depth, bool below_match, const unsigned char *found)
{
	const struct top_rows *r = order->rows;
	size_t first = w->n;

	for (uint32_t at = r->items[parent].first_child; at; at = r->items[at].next_sibling) {
		if (found && !below_match && !found[at])
			continue;
		w->nodes = mem_grow(w->nodes, &w->cap, w->n + 1, sizeof(*w->nodes));
		w->below_match =
			mem_grow(w->below_match, &w->cap_below, w->n + 1, sizeof(*w->below_match));
		w->below_match[w->n] = below_match;
		w->nodes[w->n++] = (struct top_shown){.item = at, .depth = depth};
	}
	if (w->n > first)
		qsort_r(w->nodes + first, w->n - first, sizeof(*w->nodes), by_order, (void *)order);
	for (size_t i = first, j = w->n; i + 1 < j; i++) {
		struct top_shown swap = w->nodes[i];

		w->nodes[i] = w->nodes[--j];
		w->nodes[j] = swap;
	}
}

static void show_tree(
	struct top_rows *r, const struct order *order, const char *filter, struct top_marks *marks)
{
	unsigned char *found = *filter ? find_matches(r, filter) : NULL;
	struct waiting w = {0};

	pile_children(&w, order, 0, 0, false, found);
	while (w.n) {
		struct top_shown node = w.nodes[--w.n];
		bool below = w.below_match[w.n];
		const struct top_item *item = &r->items[node.item];
		bool leads = found && (found[node.item] & LEADS);

		below = below || (found && (found[node.item] & MATCHES) && !leads);
		add_shown(r, node.item, node.depth);
		r->shown[r->n_shown - 1].can_open = item->first_child != 0;
		r->shown[r->n_shown - 1].open =
			leads || (item->first_child && is_open(marks, r, item));
		if (r->shown[r->n_shown - 1].open)
			pile_children(&w, order, node.item, node.depth + 1, below, found);
	}
	free(w.nodes);
	free(w.below_match);
	free(found);
}

void top_rows_show(
	struct top_rows *r, enum top_sort sort, const char *filter, struct top_marks *marks)
{
	struct order order = {r, sort};

	r->n_shown = 0;
	if (!r->n_items)
		return;
	if (r->look.view == TOP_TREE) {
		show_tree(r, &order, filter, marks);
		return;
	}
	show_table(r, filter);
	if (r->n_shown)
		qsort_r(r->shown, r->n_shown, sizeof(*r->shown), by_order, &order);
}
