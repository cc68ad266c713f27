/* The sentences that a reader acts on: what moved with the target, what the account says, what
 * changed during an incident, and what speaks against all that. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/correlate_words.h"
#include "report/phrase.h"
#include "stats/dist.h"

enum { NAME = 44, NAMED = 3, TERMS = 6, FEW = 60 };

static void add_name(struct str *out, const struct correlate_report *r, size_t series)
{
	correlate_words_name(out, correlate_words_series(r, series), NAME, "…");
}

static void add_row_name(struct str *out, const struct correlate_report *r, size_t row)
{
	add_name(out, r, r->result->rows[row].series);
}

static void add_number(struct str *out, size_t n)
{
	char text[NUM_TEXT];

	str_add(out, num_count((double)n, text));
}

/* ---- the correlation ---- */

/* "r = 0.81 [0.78, 0.84]" */
static void add_r(struct str *out, const struct correlate_row *row)
{
	str_add(out, "r = ");
	correlate_words_r(out, row->r);
	str_add_char(out, ' ');
	correlate_words_interval(out, row->r, row->low, row->high);
	if (out->p[out->len - 1] == ' ')
		out->p[--out->len] = '\0';
}

static void add_head(struct str *out, const struct correlate_report *r, size_t i)
{
	const struct correlate_row *row = &r->result->rows[i];
	double lead = correlate_words_lead_s(r, row);

	correlate_words_name(out, r->result->target, NAME, "…");
	str_add(out, row->r < 0 ? " moved against " : " moved with ");
	add_row_name(out, r, i);
	str_add(out, " (");
	add_r(out, row);
	str_add(out, "), which ");
	if (lead != 0) {
		str_add(out, lead > 0 ? "leads by " : "follows by ");
		correlate_words_span(out, fabs(lead));
		str_add(out, " and ");
	}
	str_add(out, "explains ");
	correlate_words_share(out, row->share);
	str_add(out, " of its changes");
	if (row->mechanical)
		str_add(out, ", and is a part of it or made of it");
}

/* "apps/data and 2 others are one group with it." */
static void add_members(struct str *out, const struct correlate_report *r, size_t leader)
{
	const struct correlate_result *c = r->result;
	const struct correlate_group *g;
	size_t n = 0, first = SIZE_MAX;

	if (c->rows[leader].group == SIZE_MAX)
		return;
	g = &c->groups[c->rows[leader].group];
	for (size_t k = 0; k < g->n; k++)
		if (g->members[k] != leader && correlate_words_sound(&c->rows[g->members[k]])) {
			first = n ? first : g->members[k];
			n++;
		}
	if (!n)
		return;
	add_row_name(out, r, first);
	if (n > 1) {
		str_add(out, " and ");
		add_number(out, n - 1);
		str_add(out, n == 2 ? " other" : " others");
	}
	str_add(out, n > 1 ? " are one group with it." : " is one group with it.");
}

/* "Besides: X (r = …, leads by 2 minutes), Y (r = …) and 3 more." */
static void add_others(struct str *out, const struct correlate_report *r, size_t leader)
{
	const struct correlate_result *c = r->result;
	size_t n = 0;

	for (size_t i = leader + 1; i < c->n_found; i++) {
		const struct correlate_row *row = &c->rows[i];
		double lead = correlate_words_lead_s(r, row);

		if (!correlate_words_leads(c, i) || ++n > NAMED)
			continue;
		str_add(out, n > 1 ? "; " : out->len ? " Found besides: " : "Found besides: ");
		add_row_name(out, r, i);
		str_add(out, " (");
		add_r(out, row);
		if (lead != 0) {
			str_add(out, lead > 0 ? ", leads by " : ", follows by ");
			correlate_words_span(out, fabs(lead));
		}
		str_add_char(out, ')');
	}
	if (n > NAMED) {
		str_add(out, "; and ");
		add_number(out, n - NAMED);
		str_add(out, " more");
	}
	if (n)
		str_add_char(out, '.');
}

/* "The other 148 series show nothing at 5 % false discoveries, among them all 120 of throughput and
 * 10 of layer." */
static void add_silence(struct str *out, const struct correlate_report *r)
{
	const struct correlate_result *c = r->result;
	size_t n_families, silent = 0, said = 0, rest = c->n - c->n_found;
	struct correlate_family *f = correlate_words_families(r, &n_families, NULL);

	for (size_t i = 0; i < n_families; i++)
		silent += n_families > 1 && !f[i].found;
	if (rest) {
		str_add(out, out->len ? " The other " : "The other ");
		if (rest > 1) {
			add_number(out, rest);
			str_add_char(out, ' ');
		}
		str_addf(out, "series show%s nothing at %.3g %% false discoveries",
			rest > 1 ? "" : "s", 100 * c->spec.fdr);
	}
	for (size_t i = 0; i < n_families && said < silent && said < NAMED; i++) {
		if (f[i].found)
			continue;
		str_add(out, !said ? ", among them all " : said + 1 < silent ? ", " : " and ");
		said++;
		add_number(out, f[i].looked_at);
		str_add(out, " of ");
		correlate_words_name(
			out, f[i].name[0] ? f[i].name : "those without a family", NAME, "…");
	}
	if (said < silent) {
		str_add(out, " and ");
		add_number(out, silent - said);
		str_add(out, silent - said == 1 ? " more family" : " more families");
	}
	if (rest)
		str_add_char(out, '.');
	free(f);
}

static size_t first_leader(const struct correlate_result *c)
{
	size_t i = 0;

	while (i < c->n && !correlate_words_leads(c, i))
		i++;
	return i;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The effective size that the middle one of the series has. */
static double middle_n(const struct correlate_result *c)
{
	double *n = mem_alloc(c->n + 1, sizeof(*n)), middle;

	for (size_t i = 0; i < c->n; i++)
		n[i] = fmin(c->rows[i].n_eff, (double)c->rows[i].n);
	qsort(n, c->n, sizeof(*n), by_size);
	middle = n[c->n / 2];
	free(n);
	return middle;
}

/* The least |r| of a single true one that the first step of Benjamini and Hochberg lets through, by
 * Fisher's z. */
static double least_r(const struct correlate_result *c)
{
	double n = middle_n(c), z = -dist_normal_quantile(c->spec.fdr / 2 / (double)c->tests);

	return n > 3.5 ? tanh(z / sqrt(n - 3)) : 1;
}

static void say_none(struct str *head, struct str *rest, const struct correlate_report *r)
{
	const struct correlate_result *c = r->result;

	if (!c->n) {
		str_add(head, "No series could be compared with ");
		correlate_words_name(head, c->target, NAME, "…");
		str_addf(rest,
			"Each is constant, equal to another, or has fewer than %d steps in which "
			"both are known.",
			CORRELATE_PAIRS_MIN);
		return;
	}
	str_add(head, "No series moved with ");
	correlate_words_name(head, c->target, NAME, "…");
	str_add(head, " as far as can be told");
	if (c->n_found) {
		str_add(rest, "pearson-diff finds ");
		add_number(rest, c->n_found);
		str_add(rest, ", but its assumptions hold for none of them.");
		return;
	}
	str_add(rest, "Of ");
	add_number(rest, c->n);
	str_addf(rest,
		" that were looked at none is found at %.3g %% false discoveries; the nearest is ",
		100 * c->spec.fdr);
	add_row_name(rest, r, 0);
	str_add(rest, " (");
	add_r(rest, &c->rows[0]);
	str_add(rest, ", q = ");
	correlate_words_p(rest, c->rows[0].q);
	str_add(rest, "). One alone would be found from about |r| = ");
	phrase_fixed(rest, least_r(c), 2);
	str_add(rest, " on.");
}

void correlate_words_verdict(struct str *head, struct str *rest, const struct correlate_report *r)
{
	size_t leader = first_leader(r->result);
	struct str more = STR_INIT;

	if (leader == r->result->n) {
		say_none(head, rest, r);
		return;
	}
	add_head(head, r, leader);
	add_members(&more, r, leader);
	add_others(&more, r, leader);
	add_silence(&more, r);
	str_add(rest, str_text(&more));
	str_release(&more);
}

void report_correlate_verdict(struct str *out, const struct correlate_report *r)
{
	struct str rest = STR_INIT;

	correlate_words_verdict(out, &rest, r);
	str_addf(out, ".%s%s", rest.len ? " " : "", str_text(&rest));
	str_release(&rest);
}

/* ---- what speaks against it ---- */

static bool doubt_pearson(struct str *out, const struct correlate_report *r)
{
	const struct correlate_result *c = r->result;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->rows[i].doubtful;
	if (!n)
		return false;
	add_number(out, n);
	str_add(out, " of the ");
	add_number(out, c->n_found);
	str_add(out,
		" that pearson-diff finds may be phantoms (marked ?): they are autocorrelated, "
		"heavy-tailed or volatile together, and --method robust does not find them.");
	return true;
}

static bool doubt_few(struct str *out, const struct correlate_report *r)
{
	const struct correlate_result *c = r->result;

	if (!c->n || !(middle_n(c) < FEW))
		return false;
	str_add(out, "There is little to go by: about ");
	phrase_fixed(out, middle_n(c), 0);
	str_add(out, " independent steps a series, in which only |r| from about ");
	phrase_fixed(out, least_r(c), 2);
	str_add(out, " on can be found. A longer time, or fewer series, would tell more.");
	return true;
}

static bool note_line(struct str *out, const struct series_set *s, size_t i)
{
	const char *p = str_text(&s->notes);
	size_t n;

	for (; *p; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		if (!n || i--)
			continue;
		str_add_bytes(out, p, n);
		return true;
	}
	return false;
}

bool correlate_words_doubt(struct str *out, const struct correlate_report *r, size_t i)
{
	typedef bool doubt(struct str *, const struct correlate_report *);
	static doubt *const DOUBTS[] = {doubt_pearson, doubt_few};

	for (size_t k = 0; r->result && k < sizeof(DOUBTS) / sizeof(DOUBTS[0]); k++) {
		struct str text = STR_INIT;
		bool holds = DOUBTS[k](&text, r), said = holds && !i--;

		if (said)
			str_add(out, str_text(&text));
		str_release(&text);
		if (said)
			return true;
	}
	return note_line(out, r->set, i);
}

/* ---- the account ---- */

static int by_falling(const void *a, const void *b)
{
	const struct correlate_term *x = a, *y = b;
	double u = fabs(x->value), v = fabs(y->value);

	if (u != v)
		return u < v ? 1 : -1;
	return x->part != y->part ? (x->part < y->part ? -1 : 1) : x->mix - y->mix;
}

struct correlate_term *correlate_words_terms(
	const struct correlate_report *r, size_t which, size_t *n)
{
	const struct account_change *c = &r->changes[which];
	struct correlate_term *t = mem_zalloc(2 * c->n + 1, sizeof(*t));

	*n = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct account_effect *e = &c->effects[i];

		t[(*n)++] = (struct correlate_term){e->part, false, e->latency};
		if (!r->accounts[which].is_sum)
			t[(*n)++] = (struct correlate_term){e->part, true, e->mix};
	}
	qsort(t, *n, sizeof(*t), by_falling);
	return t;
}

void correlate_words_term(struct str *out, const struct account *a, const struct correlate_term *t)
{
	if (!a->is_sum)
		str_add(out, t->mix ? "mix of " : "latency of ");
	correlate_words_name(out, a->parts[t->part].name, NAME, "…");
}

static void add_unit(struct str *out, const struct correlate_report *r)
{
	if (r->unit && r->unit[0])
		str_addf(out, " %s", r->unit);
}

static void add_stretch(
	struct str *out, const struct correlate_report *r, double from_s, double to_s)
{
	correlate_words_time(out, r->set, from_s);
	str_add(out, " to ");
	correlate_words_time(out, r->set, to_s);
}

/* "latency of apps/data +61, its traffic +9, …, all others −2" */
static void add_terms(struct str *out, const struct correlate_report *r, size_t which)
{
	const struct account_change *c = &r->changes[which];
	double size = fabs(c->change), rest = c->change;
	struct correlate_term *t;
	size_t n, k = 0;

	t = correlate_words_terms(r, which, &n);
	for (; k < n && k < TERMS; k++) {
		if (k && (fabs(t[k].value) < .01 * size ||
				 correlate_words_is_nothing(t[k].value, size)))
			break;
		str_add(out, k ? ", " : "");
		correlate_words_term(out, &r->accounts[which], &t[k]);
		str_add_char(out, ' ');
		correlate_words_change(out, t[k].value, size);
		rest -= t[k].value;
	}
	if (k < n) {
		str_add(out, ", all others ");
		correlate_words_change(out, rest, size);
	}
	free(t);
}

bool correlate_words_account(struct str *out, const struct correlate_report *r, size_t which)
{
	const struct account_change *c;

	if (which >= r->n_accounts || !r->changes || !r->changes[which].n)
		return false;
	c = &r->changes[which];
	correlate_words_name(out, correlate_words_series(r, r->accounts[which].total), NAME, "…");
	str_add(out, c->change < 0 ? " fell by " : " rose by ");
	correlate_words_value(out, fabs(c->change));
	add_unit(out, r);
	str_add(out, ", from ");
	correlate_words_value(out, c->before);
	str_add(out, " to ");
	correlate_words_value(out, c->after);
	str_add(out, " (");
	add_stretch(out, r, c->is.from_s, c->is.to_s);
	str_add(out, " against ");
	add_stretch(out, r, c->was.from_s, c->was.to_s);
	str_add(out, "): ");
	add_terms(out, r, which);
	str_add_char(out, '.');
	return true;
}

/* ---- the incident ---- */

void correlate_words_incident(struct str *out, const struct correlate_report *r)
{
	const struct incident_spec *s = &r->incident->spec;

	add_stretch(out, r, s->from_s, s->to_s);
	str_add(out, " (");
	correlate_words_span(out, s->to_s - s->from_s);
	str_add(out, ")");
	if (s->before_s > 0) {
		str_add(out, ", held against the ");
		correlate_words_span(out, s->before_s);
		str_add(out, " before");
	}
}

static void add_onset(
	struct str *out, const struct correlate_report *r, const struct incident_row *row)
{
	correlate_words_time(out, r->set, row->began_s);
	if (row->began_high_s > row->began_low_s) {
		str_add(out, " [");
		correlate_words_time(out, r->set, row->began_low_s);
		str_add(out, ", ");
		correlate_words_time(out, r->set, row->began_high_s);
		str_add_char(out, ']');
	}
}

static void add_movement(struct str *out, const struct incident_row *row)
{
	double to = row->step ? row->during : row->peak;

	str_add(out, to < row->before ? "fell from " : "rose from ");
	correlate_words_value(out, row->before);
	str_add(out, " to ");
	correlate_words_value(out, to);
	str_add(out, row->step ? " and stayed there" : " for a short time");
}

void correlate_words_incident_verdict(
	struct str *head, struct str *rest, const struct correlate_report *r)
{
	const struct incident_result *c = r->incident;
	size_t k;

	if (!c->n_found) {
		str_add(head, "Nothing changed during the incident as far as can be told");
		str_add(rest, "None of ");
		add_number(rest, c->n);
		str_addf(rest, " series stands out from its own past at %.3g %% false discoveries.",
			100 * c->spec.fdr);
		return;
	}
	add_name(head, r, c->rows[0].series);
	str_add(head, c->n_found > 1 ? " began first, at " : " alone changed, from ");
	add_onset(head, r, &c->rows[0]);
	str_add(head, c->n_found > 1 ? ": it " : " on: it ");
	add_movement(head, &c->rows[0]);
	for (k = 1; k < c->n_found && k <= NAMED; k++) {
		str_add(rest, k > 1 ? "; " : "Then ");
		add_name(rest, r, c->rows[k].series);
		str_add(rest, " at ");
		add_onset(rest, r, &c->rows[k]);
	}
	if (k < c->n_found) {
		str_add(rest, "; and ");
		add_number(rest, c->n_found - k);
		str_add(rest, " more");
	}
	if (c->n_found > 1)
		str_add(rest, ". ");
	str_add(rest, "Of the other ");
	add_number(rest, c->n - c->n_found);
	str_addf(rest, " series none stands out from its own past at %.3g %% false discoveries.",
		100 * c->spec.fdr);
}

void report_incident_verdict(struct str *out, const struct correlate_report *r)
{
	struct str rest = STR_INIT;

	correlate_words_incident_verdict(out, &rest, r);
	str_addf(out, ".%s%s", rest.len ? " " : "", str_text(&rest));
	str_release(&rest);
}
