/* Which series are reported together: by rules that a person gives, or by their names. */
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "base/str.h"
#include "correlate/series.h"

enum {
	MATCH_LIMIT = 1000000, /* steps of one match, so that no pattern runs for minutes */
	RULES_MAX = 1000,
};

/* ---- by rules ---- */

struct rule {
	char *name;
	pcre2_code *code;
};

static int rule_compile(struct rule *out, const char *text, struct err *err)
{
	const char *is = strchr(text, '=');
	PCRE2_SIZE at;
	char why[160] = "";
	int code;

	if (!is || is == text || !is[1])
		return err_set(err, ERR_USAGE,
			"'%.200s' is no rule for a family; write NAME=REGEX, such as "
			"throughput=':throughput$'",
			text);
	out->code = pcre2_compile(
		(PCRE2_SPTR)(is + 1), PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &at, NULL);
	if (!out->code) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		return err_set(err, ERR_USAGE,
			"the family's pattern '%.200s' is wrong at character %zu: %s", is + 1,
			(size_t)at + 1, why);
	}
	out->name = mem_copy(text, (size_t)(is - text));
	pcre2_jit_compile(out->code, PCRE2_JIT_COMPLETE); /* where it cannot, it interprets */
	return 0;
}

static int by_rules(struct series_set *s, struct rule *rules, size_t n, const char *const *texts,
	struct err *err)
{
	pcre2_match_data *match = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	int rc = 0;

	if (!match || !context)
		abort();
	pcre2_set_match_limit(context, MATCH_LIMIT);
	for (size_t i = 0; i < s->n && !rc; i++) {
		const char *name = s->items[i].name;
		size_t k = 0;
		int found = PCRE2_ERROR_NOMATCH;

		for (; k < n; k++) {
			found = pcre2_match(rules[k].code, (PCRE2_SPTR)name, strlen(name), 0, 0,
				match, context);
			if (found != PCRE2_ERROR_NOMATCH)
				break;
		}
		/* a name that is no UTF-8 matches nothing */
		if (k < n && found < PCRE2_ERROR_UTF8_ERR21)
			rc = err_set(err, ERR_USAGE,
				"the family's rule '%.200s' takes too long on the name '%.100s'; "
				"write it without nested repetitions",
				texts[k], name);
		free(s->items[i].family);
		s->items[i].family = mem_strdup(k < n && found >= 0 ? rules[k].name : "");
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(match);
	return rc;
}

/* ---- by names ---- */

enum cut { CUT_NONE, CUT_BRACE, CUT_COLON, CUT_SLASH, CUT_SELECTORS };

struct name_cut {
	enum cut cut;
	const char *before, *behind; /* the parts that may be a family */
	size_t before_len, behind_len;
};

/* The byte behind what opens at p, whatever is in quotes; NULL where it does not close. */
static const char *behind_closing(const char *p, char close)
{
	char quote = '\0';

	for (p++; *p; p++) {
		if (quote && *p == '\\' && quote != '`' && p[1])
			p++;
		else if (quote)
			quote = *p == quote ? '\0' : quote;
		else if (*p == '"' || *p == '\'' || *p == '`')
			quote = *p;
		else if (*p == close)
			return p + 1;
	}
	return NULL;
}

/* An expression of PromQL without its labels and ranges, rate(x) of rate(x{a="b"}[5m]); NULL where
 * one does not close. */
static char *without_selectors(const char *name)
{
	struct str out = STR_INIT;

	for (const char *p = name; p && *p;) {
		if (*p == '{' || *p == '[')
			p = behind_closing(p, *p == '{' ? '}' : ']');
		else
			str_add_char(&out, *p++);
		if (!p) {
			str_release(&out);
			return NULL;
		}
	}
	return str_take(&out);
}

/* Is the brace within the parentheses of a function? */
static bool is_within(const char *name, const char *brace)
{
	long depth = 0;

	for (const char *p = name; p < brace; p++)
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
	return depth > 0;
}

static struct name_cut name_look(const char *name)
{
	const char *brace = strchr(name, '{'), *first = strchr(name, ':');
	const char *last = strrchr(name, ':'), *slash = strrchr(name, '/');

	if (brace && is_within(name, brace))
		return (struct name_cut){CUT_SELECTORS, name, "", (size_t)(brace - name), 0};
	if (brace && brace > name)
		return (struct name_cut){CUT_BRACE, name, "", (size_t)(brace - name), 0};
	/* something has to be on both sides */
	if (first && first > name && last[1])
		return (struct name_cut){
			CUT_COLON, name, last + 1, (size_t)(first - name), strlen(last + 1)};
	if (slash && slash > name)
		return (struct name_cut){CUT_SLASH, name, "", (size_t)(slash - name), 0};
	return (struct name_cut){CUT_NONE, "", "", 0, 0};
}

struct part {
	const char *p;
	size_t len;
};

static int by_text(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int c = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

	return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

static size_t count_different(struct part *parts, size_t n)
{
	size_t different = n ? 1 : 0;

	qsort(parts, n, sizeof(*parts), by_text);
	for (size_t i = 1; i < n; i++)
		different += by_text(&parts[i - 1], &parts[i]) != 0;
	return different;
}

static void by_names(struct series_set *s)
{
	struct name_cut *cuts = mem_alloc(s->n + 1, sizeof(*cuts));
	struct part *before = mem_alloc(s->n + 1, sizeof(*before));
	struct part *behind = mem_alloc(s->n + 1, sizeof(*behind));
	size_t n = 0;
	bool use_before;

	for (size_t i = 0; i < s->n; i++) {
		cuts[i] = name_look(s->items[i].name);
		if (cuts[i].cut != CUT_COLON)
			continue;
		before[n] = (struct part){cuts[i].before, cuts[i].before_len};
		behind[n++] = (struct part){cuts[i].behind, cuts[i].behind_len};
	}
	use_before = count_different(before, n) <= count_different(behind, n);
	for (size_t i = 0; i < s->n; i++) {
		const struct name_cut *c = &cuts[i];
		bool last = c->cut == CUT_COLON && !use_before;
		char *family = c->cut == CUT_SELECTORS ? without_selectors(c->before) : NULL;

		if (!family)
			family = last ? mem_copy(c->behind, c->behind_len)
				      : mem_copy(c->before, c->before_len);
		free(s->items[i].family);
		s->items[i].family = family;
	}
	free(behind);
	free(before);
	free(cuts);
}

int series_families(struct series_set *s, const char *const *rules, size_t n_rules, struct err *err)
{
	struct rule *compiled;
	int rc = 0;

	if (!n_rules) {
		by_names(s);
		return 0;
	}
	if (n_rules > RULES_MAX)
		return err_set(err, ERR_USAGE, "%zu rules for families are too many; it takes %d",
			n_rules, RULES_MAX);
	compiled = mem_zalloc(n_rules, sizeof(*compiled));
	for (size_t k = 0; k < n_rules && !rc; k++)
		rc = rule_compile(&compiled[k], rules[k], err);
	if (!rc)
		rc = by_rules(s, compiled, n_rules, rules, err);
	for (size_t k = 0; k < n_rules; k++) {
		free(compiled[k].name);
		pcre2_code_free(compiled[k].code);
	}
	free(compiled);
	return rc;
}
