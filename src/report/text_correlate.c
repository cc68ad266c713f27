#include "report/text_correlate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/phrase.h"

enum {
	PROSE = 96,
	TOP = 10,
	SPARK_MIN = 10,
	SPARK_MAX = 30,
	NAME_MIN = 12,
	FOLDED = 3,
	SILENT = 10
};

size_t text_correlate_prose(const struct term *term)
{
	return term->width > PROSE ? PROSE : term->width;
}

void text_correlate_wrap(struct str *out, const struct term *term, struct str *text, size_t indent)
{
	phrase_plain(text, term);
	str_add_repeat(out, " ", indent);
	phrase_wrap(out, str_text(text), text_correlate_prose(term), indent);
	str_clear(text);
}

/* The same, dim. */
void text_correlate_dim(struct str *out, const struct term *term, struct str *text, size_t indent)
{
	struct str lines = STR_INIT;

	text_correlate_wrap(&lines, term, text, indent);
	if (lines.len)
		lines.p[--lines.len] = '\0';
	term_add(out, term, TERM_DIM, str_text(&lines));
	str_add_char(out, '\n');
	str_release(&lines);
}

void text_correlate_verdict(
	struct str *out, const struct term *term, struct str *head, struct str *rest)
{
	struct str text = STR_INIT;

	str_add_char(head, '.');
	term_add(&text, term, TERM_BOLD, str_text(head));
	if (rest->len)
		str_addf(&text, " %s", rest->p);
	text_correlate_wrap(out, term, &text, 0);
	str_release(&text);
	str_clear(head);
	str_clear(rest);
}

void text_correlate_head(
	struct str *out, const struct term *term, const struct correlate_report *r, const char *of)
{
	struct str text = STR_INIT, name = STR_INIT;

	if (of) {
		correlate_words_name(&name, of, 44, term->unicode ? "…" : "~");
		term_add(&text, term, TERM_BOLD, str_text(&name));
		str_add(&text, " in ");
		str_clear(&name);
	}
	correlate_words_name(&name, r->what, 60, term->unicode ? "…" : "~");
	str_addf(&text, "%s: ", str_text(&name));
	correlate_words_extent(&text, r);
	text_correlate_wrap(out, term, &text, 0);
	if (correlate_words_done(&text, r))
		text_correlate_dim(out, term, &text, 0);
	str_add_char(out, '\n');
	str_release(&text);
	str_release(&name);
}

void text_correlate_doubts(
	struct str *out, const struct term *term, const struct correlate_report *r)
{
	struct str text = STR_INIT;
	enum { MOST = 8 };
	size_t n = 0;

	while (correlate_words_doubt(&text, r, n)) {
		if (n++ < MOST) {
			if (n == 1)
				str_add_char(out, '\n');
			phrase_plain(&text, term);
			term_add(out, term, TERM_YELLOW, "! ");
			phrase_wrap(out, str_text(&text), text_correlate_prose(term), 2);
		}
		str_clear(&text);
	}
	if (n > MOST)
		str_addf(out, "  and %zu more remarks: --json has them all\n", n - MOST);
	str_release(&text);
}

size_t text_correlate_column(const struct table *t, size_t column)
{
	size_t most = str_width(t->columns[column].title);

	for (size_t i = column; i < t->n_cells; i += t->n_columns) {
		size_t w = str_width(t->cells[i]);

		most = w > most ? w : most;
	}
	return most;
}

/* ---- the table ---- */

/* A table with lines above and below its rows. */
struct sheet {
	const struct correlate_report *r;
	const struct term *term;
	struct table t;
	bool lags;
	size_t name, spark;        /* columns they may take */
	size_t longest;            /* name, with the mark before it */
	struct str *above, *below; /* of each row */
	size_t rows, cap;
	bool has_mechanical, has_doubtful;
};

static void sheet_open(struct sheet *s, const struct correlate_report *r, const struct term *term,
	size_t name, size_t spark)
{
	*s = (struct sheet){.r = r,
		.term = term,
		.lags = r->result->spec.max_lag > 0,
		.name = name,
		.spark = spark};
	table_column(&s->t, "", TABLE_LEFT);
	table_column(&s->t, "r", TABLE_RIGHT);
	table_column(&s->t, "", TABLE_LEFT);
	table_column(&s->t, "q", TABLE_RIGHT);
	if (s->lags)
		table_column(&s->t, "lead", TABLE_RIGHT);
	table_column(&s->t, "share", TABLE_RIGHT);
	table_column(&s->t, "course", TABLE_LEFT);
}

static size_t sheet_row(struct sheet *s)
{
	size_t cap = s->cap;

	s->above = mem_grow(s->above, &cap, s->rows + 1, sizeof(*s->above));
	s->below = mem_resize(s->below, cap, sizeof(*s->below));
	s->cap = cap;
	s->above[s->rows] = s->below[s->rows] = STR_INIT;
	return s->rows++;
}

static void cell(struct sheet *s, struct str *text)
{
	phrase_plain(text, s->term);
	table_cell(&s->t, str_text(text));
	str_clear(text);
}

static const char *cut_mark(const struct sheet *s)
{
	return s->term->unicode ? "…" : "~";
}

static void spark_cell(struct sheet *s, size_t series)
{
	struct correlate_course c;
	struct str text = STR_INIT;

	if (correlate_words_course(&c, s->r, series))
		term_spark(&text, s->term, c.values, c.n, s->spark);
	table_cell(&s->t, str_text(&text));
	str_release(&text);
}

static void name_cell(struct sheet *s, const char *mark, const char *name)
{
	struct str text = STR_INIT;
	size_t width = str_width(name) + 2;

	s->longest = width > s->longest ? width : s->longest;
	str_add(&text, mark);
	correlate_words_name(&text, name, s->name - 2, s->term->unicode ? "…" : "~");
	cell(s, &text);
	str_release(&text);
}

static void target_row(struct sheet *s)
{
	sheet_row(s);
	name_cell(s, "  ", s->r->result->target);
	for (size_t i = 0; i < 4 + (size_t)s->lags; i++)
		table_cell(&s->t, "");
	spark_cell(s, s->r->result->spec.target);
}

static void series_row(struct sheet *s, const struct correlate_row *row)
{
	struct str text = STR_INIT;

	sheet_row(s);
	s->has_mechanical |= row->mechanical;
	s->has_doubtful |= row->doubtful;
	name_cell(s,
		row->doubtful     ? "? "
		: row->mechanical ? "= "
				  : "  ",
		correlate_words_series(s->r, row->series));
	correlate_words_r(&text, row->r);
	cell(s, &text);
	correlate_words_interval(&text, row->r, row->low, row->high);
	cell(s, &text);
	correlate_words_p(&text, row->q);
	cell(s, &text);
	if (s->lags) {
		if (row->lag)
			correlate_words_short_span(&text, correlate_words_lead_s(s->r, row));
		cell(s, &text);
	}
	correlate_words_share(&text, row->share);
	cell(s, &text);
	spark_cell(s, row->series);
	str_release(&text);
}

static bool of_family(const struct correlate_report *r, size_t row, const char *family)
{
	const char *own = r->result->shown.items[r->result->rows[row].series].family;

	return !strcmp(own ? own : "", family);
}

/* The members of the row's group that have no row of their own: "+ 3 that move with it: a, b, c";
 * or, where the group's first is in another family, which one that is. */
static void fold(struct sheet *s, size_t row, const char *family)
{
	const struct correlate_result *c = s->r->result;
	const struct correlate_group *g = &c->groups[c->rows[row].group];
	struct str text = STR_INIT, names = STR_INIT;
	struct str *below = &s->below[s->rows - 1];
	size_t n = 0;

	for (size_t k = 0; k < g->n; k++) {
		if (g->members[k] == row || !of_family(s->r, g->members[k], family))
			continue;
		if (n++ >= FOLDED)
			continue;
		str_add(&names, n > 1 ? ", " : "");
		correlate_words_name(&names,
			correlate_words_series(s->r, c->rows[g->members[k]].series), 32, "…");
	}
	if (n)
		str_addf(&text, "+ %zu that move%s with it: %s", n, n == 1 ? "s" : "", names.p);
	if (n > FOLDED)
		str_addf(&text, " and %zu more", n - FOLDED);
	if (g->members[0] != row) {
		str_add(&text, n ? "; one group with " : "+ one group with ");
		correlate_words_name(&text,
			correlate_words_series(s->r, c->rows[g->members[0]].series), 32, "…");
	}
	if (text.len)
		text_correlate_dim(below, s->term, &text, 4);
	str_release(&text);
	str_release(&names);
}

/* Is it the first of its group within the family? */
static bool first_of_group(const struct correlate_report *r, size_t row, const char *family)
{
	const struct correlate_result *c = r->result;
	const struct correlate_group *g;
	size_t k = 0;

	if (c->rows[row].group == SIZE_MAX)
		return true;
	g = &c->groups[c->rows[row].group];
	while (k < g->n && !of_family(r, g->members[k], family))
		k++;
	return k < g->n && g->members[k] == row;
}

static void family_head(
	struct sheet *s, struct str *out, const struct correlate_family *f, bool one)
{
	struct str text = STR_INIT, title = STR_INIT;
	char found[NUM_TEXT], all[NUM_TEXT];

	if (!one)
		correlate_words_name(
			&title, f->name[0] ? f->name : "without a family", 40, cut_mark(s));
	else
		str_add(&title, "series");
	str_add_char(out, '\n');
	term_add(out, s->term, TERM_BOLD, str_text(&title));
	str_addf(out, ": %s of %s found\n", f->found ? num_count((double)f->found, found) : "none",
		num_count((double)f->looked_at, all));
	str_release(&text);
	str_release(&title);
}

/* The found ones, at most r->top; where there are none, the nearest. */
static void family_rows(struct sheet *s, const struct correlate_family *f, bool one)
{
	const struct correlate_result *c = s->r->result;
	size_t most = s->r->top ? s->r->top : TOP, n = 0, left = 0;
	struct str text = STR_INIT;

	/* found ones stand first */
	for (size_t i = f->best; i == f->best || i < c->n_found; i++) {
		if (!of_family(s->r, i, f->name) || !first_of_group(s->r, i, f->name))
			continue;
		if (n++ >= most) {
			left++;
			continue;
		}
		series_row(s, &c->rows[i]);
		if (n == 1)
			family_head(s, &s->above[s->rows - 1], f, one);
		if (c->rows[i].group != SIZE_MAX)
			fold(s, i, f->name);
	}
	if (left) {
		char count[NUM_TEXT];

		str_addf(&text, "and %s more found", num_count((double)left, count));
		text_correlate_dim(&s->below[s->rows - 1], s->term, &text, 2);
	}
	str_release(&text);
}

static void sheet_release(struct sheet *s)
{
	for (size_t i = 0; i < s->rows; i++) {
		str_release(&s->above[i]);
		str_release(&s->below[i]);
	}
	free(s->above);
	free(s->below);
	table_release(&s->t);
}

static void sheet_render(const struct sheet *s, struct str *out)
{
	struct str lines = STR_INIT;
	const char *p;

	table_render(&s->t, s->term, &lines);
	p = str_text(&lines);
	for (size_t i = 0; *p; i++) {
		size_t n = strcspn(p, "\n") + 1;

		if (i)
			str_add(out, str_text(&s->above[i - 1]));
		str_add_bytes(out, p, n);
		if (i)
			str_add(out, str_text(&s->below[i - 1]));
		p += n;
	}
	str_release(&lines);
}

/* Columns of the table but for names and courses. */
static size_t fixed_width(const struct sheet *s)
{
	size_t total = 2 * (s->t.n_columns - 1);

	for (size_t c = 1; c + 1 < s->t.n_columns; c++)
		total += text_correlate_column(&s->t, c);
	return total;
}

static void sheet_fill(struct sheet *s)
{
	size_t n, silent = 0;
	struct correlate_family *f = correlate_words_families(s->r, &n, NULL);

	target_row(s);
	for (size_t i = 0; i < n; i++)
		if (f[i].found || ++silent <= SILENT)
			family_rows(s, &f[i], n == 1 && !f[i].name[0]);
	if (silent > SILENT)
		str_addf(&s->below[s->rows - 1], "\nin %zu more families: none found\n",
			silent - SILENT);
	free(f);
}

/* Once to see how wide it is, then so that names are whole if they can be, and courses long. */
static void add_table(struct str *out, const struct term *term, const struct correlate_report *r)
{
	struct str text = STR_INIT;
	struct sheet s;
	size_t fixed, room, name;

	sheet_open(&s, r, term, NAME_MIN, SPARK_MIN);
	sheet_fill(&s);
	fixed = fixed_width(&s);
	room = term->width > fixed + NAME_MIN + SPARK_MIN ? term->width - fixed
							  : NAME_MIN + SPARK_MIN;
	name = s.longest < room - SPARK_MIN ? s.longest : room - SPARK_MIN;
	sheet_release(&s);
	sheet_open(&s, r, term, name, room - name < SPARK_MAX ? room - name : SPARK_MAX);
	sheet_fill(&s);
	sheet_render(&s, out);
	sheet_release(&s);
	str_add_char(out, '\n');
	correlate_words_method(&text, r);
	if (s.lags)
		str_add(&text, " lead: how long before the target it moved.");
	str_add(&text, " share: of the target's changes that it explains.");
	if (s.has_mechanical)
		str_add(&text, " = a part of the target or made of it: it moves with it by "
			       "arithmetic.");
	text_correlate_dim(out, term, &text, 0);
	str_release(&text);
}

static void add_account(struct str *out, const struct term *term, const struct correlate_report *r)
{
	struct str text = STR_INIT;

	for (size_t i = 0; correlate_words_account(&text, r, i); i++) {
		str_add_char(out, '\n');
		text_correlate_wrap(out, term, &text, 0);
	}
	str_release(&text);
}

void report_correlate(struct str *out, const struct term *term, const struct correlate_report *r)
{
	struct str head = STR_INIT, rest = STR_INIT;

	text_correlate_head(out, term, r, r->result->target);
	correlate_words_verdict(&head, &rest, r);
	text_correlate_verdict(out, term, &head, &rest);
	add_account(out, term, r);
	if (r->result->n) {
		str_add_char(out, '\n');
		add_table(out, term, r);
	}
	if (r->incident) {
		str_add_char(out, '\n');
		text_correlate_incident(out, term, r);
	}
	text_correlate_doubts(out, term, r);
	str_release(&head);
	str_release(&rest);
}
