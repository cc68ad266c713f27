/* The section `factors` of a study file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "net/http_field.h"
#include "study/study_file.h"

/* Levels of numbers may be more than words, which the learning codes one by one. */
enum { MAX_VALUES = 1000 };

/* ---- the lever ---- */

static int read_lever(const struct study_file *f, const struct node *n, struct factor *out)
{
	struct str text = STR_INIT;
	const char *word;
	int rc = node_text(&f->in, n, "lever", &word);

	if (rc)
		return rc;
	if (!word) {
		node_add_known(&text, "", STUDY_LEVER_WORDS);
		rc = node_refuse(&f->in, out->line,
			"%s has no lever, which says how it is applied; %s", out->name, text.p);
		goto out;
	}
	for (size_t i = 0; i < STUDY_N_LEVERS; i++)
		if (!strcmp(STUDY_LEVER_WORDS[i], word)) {
			out->lever = (enum study_lever)i;
			goto out;
		}
	rc = node_refuse_word(&f->in, node_at(n, "lever")->line, "lever", word, STUDY_LEVER_WORDS);
out:
	str_release(&text);
	return rc;
}

static int check_keys(const struct study_file *f, const struct node *n, const struct factor *factor)
{
	const char *target = STUDY_LEVER_TARGETS[factor->lever];
	bool proxy = factor->lever == LEVER_PROXY;
	const char *const keys[] = {"lever", "range", "values", target ? target : "lever",
		proxy ? "upstream" : "lever", proxy ? "shape" : "lever", NULL};
	struct str what = STR_INIT;
	int rc;

	str_addf(&what, "factor %s (lever %s)", factor->name, STUDY_LEVER_WORDS[factor->lever]);
	rc = node_check_map(&f->in, n, keys, what.p);
	str_release(&what);
	return rc;
}

/* "6380" listens on this machine alone. */
static int read_proxy(
	const struct study_file *f, const struct node *n, struct factor *out, const char *listen)
{
	const char *upstream, *shape;
	struct str text = STR_INIT;
	size_t i = 0;
	int rc = node_text(&f->in, n, "upstream", &upstream);

	if (!rc)
		rc = node_text(&f->in, n, "shape", &shape);
	if (rc)
		return rc;
	if (!listen || !upstream)
		return node_refuse(&f->in, out->line,
			"the lever proxy of %s needs listen, the port that the service is given "
			"for "
			"its dependency, and upstream, where that is: {listen: 6380, upstream: "
			"127.0.0.1:6379}",
			out->name);
	str_addf(&text, strchr(listen, ':') ? "%s" : "127.0.0.1:%s", listen);
	out->target = study_keep(f->s, text.p);
	str_clear(&text);
	str_addf(&text, strchr(upstream, ':') ? "%s" : "127.0.0.1:%s", upstream);
	out->upstream = study_keep(f->s, text.p);
	str_clear(&text);
	while (shape && PROXY_SHAPES[i] && strcmp(PROXY_SHAPES[i], shape) != 0)
		i++;
	if (!PROXY_SHAPES[i])
		rc = node_refuse_word(
			&f->in, node_at(n, "shape")->line, "shape", shape, PROXY_SHAPES);
	out->shape = (enum proxy_shape)(rc ? 0 : i);
	str_release(&text);
	return rc;
}

/* Options of the load that are numbers and may differ from trial to trial. */
static int check_option(const struct study_file *f, size_t line, const struct factor *out)
{
	const struct opt *opt = opt_find(LOAD_OPTIONS, out->target);

	if (opt && (opt->type == OPT_INT || opt->type == OPT_REAL || opt->type == OPT_DURATION ||
			   opt->type == OPT_FLAG || opt->type == OPT_CHOICE))
		return 0;
	return node_refuse(&f->in, line,
		opt ? "the option %s of the load is a text, which a factor cannot vary; take the "
		      "levers query, path, header or body"
		    : "the load has no option '%s'; say option: NAME, as option: connections",
		out->target);
}

static int read_target(const struct study_file *f, const struct node *n, struct factor *out)
{
	const char *key = STUDY_LEVER_TARGETS[out->lever], *target = NULL;
	size_t line = out->line;
	int rc = key ? node_text(&f->in, n, key, &target) : 0;

	if (rc)
		return rc;
	if (target)
		line = node_at(n, key)->line;
	out->target = study_keep(f->s, target ? target : out->name);
	if (out->lever == LEVER_PROXY)
		return read_proxy(f, n, out, target);
	if (out->lever == LEVER_LOAD)
		return check_option(f, line, out);
	if (out->lever == LEVER_HEADER &&
		!http_is_token((struct http_slice){out->target, strlen(out->target)}))
		return node_refuse(&f->in, line,
			"'%s' is no name of a header; use letters, digits and '-', or say header: "
			"NAME",
			out->target);
	if (out->lever == LEVER_ENV && (strchr(out->target, '=') || strchr(out->target, ' ')))
		return node_refuse(&f->in, line,
			"'%s' is no name of a variable; say variable: NAME", out->target);
	return 0;
}

/* ---- a range ---- */

/* "0.5ms" → number and unit; false where it does not begin with a number. */
static bool split_number(const char *text, double *number, const char **unit)
{
	const char *end = text + strlen(text), *after = num_scan(text, end, number);

	if (!after || !isfinite(*number))
		return false;
	*unit = after;
	return strlen(after) <= 16 && !strpbrk(after, " \t\"'");
}

static bool is_whole(const char *text)
{
	return *text && !text[strspn(text, "+-0123456789")];
}

static int read_range(const struct study_file *f, const struct node *n, struct factor *out)
{
	const char *unit[2];
	double end[2];

	if (n->kind != NODE_LIST || n->n != 2)
		return node_refuse(&f->in, n->line,
			"the range of %s must be two numbers, as range: [0.1, 0.5]", out->name);
	for (int i = 0; i < 2; i++) {
		const struct node *item = &n->items[i];

		if (item->kind != NODE_TEXT || !split_number(item->text, &end[i], &unit[i]))
			return node_refuse(&f->in, item->line,
				"the range of %s must be two numbers, and '%s' is none; for words "
				"say "
				"values: [a, b]",
				out->name, item->text ? item->text : NODE_KIND_WORDS[item->kind]);
	}
	if (strcmp(unit[0], unit[1]) != 0)
		return node_refuse(&f->in, n->line,
			"the range of %s has two units, '%s' and '%s'; write both ends in the same",
			out->name, n->items[0].text, n->items[1].text);
	if (end[0] > end[1])
		return node_refuse(&f->in, n->line,
			"the range of %s is upside down: write range: [%s, %s]", out->name,
			n->items[1].text, n->items[0].text);
	if (end[0] == end[1])
		return node_refuse(&f->in, n->line,
			"the range of %s is one value, %s, so there is nothing to vary; widen it, "
			"or "
			"put the value where the lever would",
			out->name, n->items[0].text);
	out->low = end[0];
	out->high = end[1];
	out->unit = study_keep(f->s, unit[0]);
	out->whole = !*unit[0] && is_whole(n->items[0].text) && is_whole(n->items[1].text) &&
		     fabs(end[0]) < 1e15 && fabs(end[1]) < 1e15;
	return 0;
}

/* ---- a list of values ---- */

static bool is_number(const struct node *n)
{
	const char *end = n->text + strlen(n->text);
	double number;

	return num_scan(n->text, end, &number) == end && isfinite(number);
}

static int check_values(const struct study_file *f, const struct node *n, struct factor *out)
{
	if (n->kind != NODE_LIST || n->n < 2)
		return node_refuse(&f->in, n->line,
			"the values of %s must be a list of two or more, as values: [a, b]",
			out->name);
	for (size_t i = 0; i < n->n; i++) {
		const struct node *item = &n->items[i];

		if (item->kind != NODE_TEXT || (!*item->text && !item->quoted))
			return node_refuse(&f->in, item->line,
				"a value of %s is %s, and must be a word or a number", out->name,
				item->kind == NODE_TEXT ? "empty" : NODE_KIND_WORDS[item->kind]);
		out->words |= !is_number(item);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(n->items[j].text, item->text))
				return node_refuse(&f->in, item->line,
					"'%s' is twice among the values of %s; keep one of them",
					item->text, out->name);
	}
	if (n->n > (out->words ? (size_t)DATASET_MAX_WORDS : (size_t)MAX_VALUES))
		return node_refuse(&f->in, n->line, "%s has %zu values; it takes up to %d %s",
			out->name, n->n, out->words ? DATASET_MAX_WORDS : MAX_VALUES,
			out->words ? "words" : "numbers");
	return 0;
}

static int read_values(const struct study_file *f, const struct node *n, struct factor *out)
{
	int rc = check_values(f, n, out);

	if (rc)
		return rc;
	out->values = mem_zalloc(n->n + 1, sizeof(char *));
	out->n_values = n->n;
	out->unit = study_keep(f->s, "");
	for (size_t i = 0; i < n->n; i++)
		out->values[i] = study_keep(f->s, n->items[i].text);
	return 0;
}

/* ---- the section ---- */

static bool is_name(const char *name)
{
	return *name && strlen(name) <= 100 && !strpbrk(name, " \t\r\n\"'{}=,;");
}

/* Columns of the trials' table that are not factors. */
static bool is_taken(const char *name)
{
#define X(column, ...) column,
	static const char *const TAKEN[] = {DATASET_RESPONSES(X) DATASET_NOTES(X)};
#undef X

	for (size_t i = 0; i < sizeof(TAKEN) / sizeof(TAKEN[0]); i++)
		if (!strcmp(TAKEN[i], name))
			return true;
	return false;
}

static int read_factor(const struct study_file *f, const struct node_key *key, const struct node *n,
	struct factor *out)
{
	const struct node *range, *values;
	int rc;

	out->name = study_keep(f->s, key->name);
	out->line = key->line;
	out->unit = study_keep(f->s, "");
	if (!is_name(key->name))
		return node_refuse(&f->in, key->line,
			"'%s' cannot be the name of a factor; use letters, digits, '_' and '-'",
			key->name);
	if (is_taken(key->name))
		return node_refuse(&f->in, key->line,
			"'%s' is a column that culprit writes itself; give the factor another "
			"name, "
			"and say what it sets with parameter:, header: or variable:",
			key->name);
	if (n->kind != NODE_MAP)
		return node_refuse(&f->in, n->line,
			"%s must be a map, as %s: {range: [1, 10], lever: query}", out->name,
			out->name);
	rc = read_lever(f, n, out);
	if (!rc)
		rc = check_keys(f, n, out);
	if (!rc)
		rc = read_target(f, n, out);
	if (rc)
		return rc;
	range = node_at(n, "range");
	values = node_at(n, "values");
	if (!range == !values)
		return node_refuse(&f->in, key->line,
			"%s has %s; give it range: [low, high] or values: [a, b]", out->name,
			range ? "both range and values" : "neither range nor values");
	return range ? read_range(f, range, out) : read_values(f, values, out);
}

/* The service has one of it, whatever the factor's name. */
static bool only_once(enum study_lever lever)
{
	return lever == LEVER_REPLICAS || lever == LEVER_WORKERS || lever == LEVER_QUOTA ||
	       lever == LEVER_MEMORY || lever == LEVER_CORES;
}

/* A proxy goes to one place, whatever else of it is varied. */
static int check_upstream(
	const struct study_file *f, const struct factor *a, const struct factor *b)
{
	if (a->lever != LEVER_PROXY || b->lever != LEVER_PROXY || strcmp(a->target, b->target) ||
		!strcmp(a->upstream, b->upstream))
		return 0;
	return node_refuse(&f->in, b->line,
		"%s and %s (line %zu) listen on %s, and go to %s and to %s; give each dependency a "
		"port of its own",
		b->name, a->name, a->line, a->target, b->upstream, a->upstream);
}

/* Two factors that set the same thing would undo each other. */
static int check_same(const struct study_file *f, const struct factor *factors, size_t n)
{
	const struct factor *last = &factors[n - 1];
	int rc = 0;

	for (size_t i = 0; i + 1 < n && !rc; i++)
		rc = check_upstream(f, &factors[i], last);
	if (rc)
		return rc;
	for (size_t i = 0; i + 1 < n; i++)
		if (factors[i].lever == last->lever && last->lever != LEVER_NONE &&
			(!strcmp(factors[i].target, last->target) || only_once(last->lever)) &&
			factors[i].shape == last->shape)
			return node_refuse(&f->in, last->line,
				"%s and %s (line %zu) both set the %s '%s'; keep one of them",
				last->name, factors[i].name, factors[i].line,
				STUDY_LEVER_WORDS[last->lever], last->target);
	return 0;
}

int study_file_factors(const struct study_file *f, const struct node *section)
{
	struct study *s = f->s;

	if (section->kind != NODE_MAP || !section->n)
		return node_refuse(&f->in, section->line,
			"factors must be a map of names, as factors: {size: {range: [1, 100], "
			"lever: "
			"query}}");
	if (section->n > DESIGN_MAX_FACTORS)
		return node_refuse(&f->in, section->line, "%zu factors; a study takes up to %d",
			section->n, DESIGN_MAX_FACTORS);
	s->factors = mem_zalloc(section->n, sizeof(*s->factors));
	for (size_t i = 0; i < section->n; i++) {
		int rc;

		s->n_factors = i + 1;
		rc = read_factor(f, &section->keys[i], &section->items[i], &s->factors[i]);
		if (!rc)
			rc = check_same(f, s->factors, s->n_factors);
		if (rc)
			return rc;
	}
	return 0;
}
