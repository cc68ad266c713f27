#include "correlate/metric_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- reading ---- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *metric_name_end(const char *p, const char *end)
{
	if (p == end || !(is_letter(*p) || *p == ':'))
		return p;
	while (p < end && (is_letter(*p) || is_digit(*p) || *p == ':'))
		p++;
	return p;
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* The closing quote of the value at p; NULL with what is wrong. */
static const char *value_end(const char *p, const char *end, const char **why)
{
	for (; p < end && *p != '"' && *p != '\n' && *p; p++) {
		if (*p != '\\')
			continue;
		if (++p == end || !*p || !strchr("\\\"n", *p)) {
			*why = "a label's value has a backslash that is followed by none of \\, \" "
			       "and n";
			return NULL;
		}
	}
	if (p == end || *p != '"') {
		*why = p < end && !*p ? "a label's value has a NUL byte"
				      : "a label's value has no closing quote";
		return NULL;
	}
	return p;
}

static int by_name(const struct metric_label *a, const struct metric_label *b)
{
	size_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int c = memcmp(a->name, b->name, n);

	return c ? c : a->name_len < b->name_len ? -1 : a->name_len > b->name_len;
}

/* In its place among those before it; false where there is one of that name. */
static bool insert(struct metric_labels *l, struct metric_label label)
{
	size_t at = l->n;

	for (; at && by_name(&label, &l->items[at - 1]) < 0; at--)
		;
	if (at && !by_name(&label, &l->items[at - 1]))
		return false;
	memmove(l->items + at + 1, l->items + at, (l->n - at) * sizeof(*l->items));
	l->items[at] = label;
	l->n++;
	return true;
}

/* name="value" at p: the byte after it. */
static const char *label_read(
	struct metric_labels *out, const char *p, const char *end, const char **why)
{
	struct metric_label label = {.name = p};
	const char *q = p;

	while (q < end && (is_letter(*q) || (q > p && is_digit(*q))))
		q++;
	label.name_len = (size_t)(q - p);
	q = skip_blanks(q, end);
	if (!label.name_len || q == end || *q != '=') {
		*why = "a label is not written as name=\"value\"";
		return NULL;
	}
	q = skip_blanks(q + 1, end);
	if (q == end || *q != '"') {
		*why = "a label's value is not in double quotes";
		return NULL;
	}
	label.value = ++q;
	q = value_end(q, end, why);
	if (!q)
		return NULL;
	label.value_len = (size_t)(q - label.value);
	if (out->n == METRIC_LABELS_MAX) {
		*why = "it has more than 128 labels";
		return NULL;
	}
	/* an empty value is the same as no label */
	if (label.value_len && !insert(out, label)) {
		*why = "a label is there twice";
		return NULL;
	}
	return q + 1;
}

const char *metric_labels_read(
	struct metric_labels *out, const char *p, const char *end, const char **why)
{
	out->n = 0;
	for (p = skip_blanks(p + 1, end); p < end && *p != '}'; p = skip_blanks(p, end)) {
		p = label_read(out, p, end, why);
		if (!p)
			return NULL;
		p = skip_blanks(p, end);
		if (p < end && *p == ',')
			p++;
		else if (p < end && *p != '}') {
			*why = "between two labels there is no comma";
			return NULL;
		}
	}
	if (p == end) {
		*why = "the labels have no closing brace";
		return NULL;
	}
	return p + 1;
}

const char *metric_read(struct metric_labels *out, const char *text)
{
	const char *end = text + strlen(text), *name = metric_name_end(text, end), *why;

	out->n = 0;
	if (name == text)
		return NULL;
	if (name == end)
		return name;
	return *name == '{' && metric_labels_read(out, name, end, &why) == end ? name : NULL;
}

const struct metric_label *metric_label_find(const struct metric_labels *l, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].name_len == len && !memcmp(l->items[i].name, name, len))
			return &l->items[i];
	return NULL;
}

/* ---- writing ---- */

void metric_write(struct str *out, const char *name, size_t name_len, const struct metric_labels *l,
	const char *left_out)
{
	const struct metric_label *without = left_out ? metric_label_find(l, left_out) : NULL;
	char before = '{';

	str_add_bytes(out, name, name_len);
	for (size_t i = 0; i < l->n; i++) {
		if (&l->items[i] == without)
			continue;
		str_add_char(out, before);
		str_add_bytes(out, l->items[i].name, l->items[i].name_len);
		str_add(out, "=\"");
		str_add_bytes(out, l->items[i].value, l->items[i].value_len);
		str_add_char(out, '"');
		before = ',';
	}
	if (before == ',')
		str_add_char(out, '}');
}

void metric_escape(struct str *out, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '\n')
			str_add(out, "\\n");
		else {
			if (value[i] == '\\' || value[i] == '"')
				str_add_char(out, '\\');
			str_add_char(out, value[i]);
		}
	}
}

/* ---- finding ---- */

/* FNV-1a over eight bytes at a time, mixed at the end. */
static uint64_t hash_of(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len, word;

	for (; len >= 8; text += 8, len -= 8) {
		memcpy(&word, text, 8);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	for (; len; text++, len--)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

void metric_index_release(struct metric_index *x)
{
	for (size_t i = 0; i < x->cap; i++)
		free(x->slots[i].text);
	free(x->slots);
	*x = (struct metric_index){0};
}

/* The slot that holds the text, or the free one in which it would be. */
static struct metric_slot *slot_of(
	const struct metric_index *x, const char *text, size_t len, uint64_t hash)
{
	for (size_t i = hash & (x->cap - 1);; i = (i + 1) & (x->cap - 1)) {
		struct metric_slot *s = &x->slots[i];

		if (!s->text || (s->hash == hash && s->len == len && !memcmp(s->text, text, len)))
			return s;
	}
}

static void grow(struct metric_index *x)
{
	struct metric_index larger = {.cap = x->cap ? 2 * x->cap : 64, .n = x->n};

	larger.slots = mem_zalloc(larger.cap, sizeof(*larger.slots));
	for (size_t i = 0; i < x->cap; i++) {
		const struct metric_slot *s = &x->slots[i];

		if (s->text)
			*slot_of(&larger, s->text, s->len, s->hash) = *s;
	}
	free(x->slots);
	*x = larger;
}

size_t *metric_index_at(struct metric_index *x, const char *text, size_t len)
{
	uint64_t hash = hash_of(text, len);
	struct metric_slot *s;

	if (2 * (x->n + 1) > x->cap)
		grow(x);
	s = slot_of(x, text, len, hash);
	if (!s->text) {
		*s = (struct metric_slot){mem_copy(text, len), len, SIZE_MAX, hash};
		x->n++;
	}
	return &s->value;
}

size_t metric_index_find(const struct metric_index *x, const char *text, size_t len)
{
	const struct metric_slot *s = x->cap ? slot_of(x, text, len, hash_of(text, len)) : NULL;

	return s && s->text ? s->value : SIZE_MAX;
}

/* ---- kinds ---- */

static const char *const TYPE_WORDS[METRIC_N_TYPES] = {
#define X(name, word) word,
	METRIC_TYPES(X)
#undef X
};

enum metric_type metric_type_of(const char *word, size_t len)
{
	int i = 0;

	while (i < METRIC_N_TYPES &&
		(strlen(TYPE_WORDS[i]) != len || memcmp(TYPE_WORDS[i], word, len)))
		i++;
	return (enum metric_type)i;
}

static const struct ending {
	const char *text;
	unsigned of; /* a bit a type of the family that has such parts */
	enum metric_role role;
	bool shows; /* it tells a counter where no type is known */
} ENDINGS[] = {
	{"_total", 1u << METRIC_COUNTER, ROLE_COUNTER, true},
	{"_bucket", 1u << METRIC_HISTOGRAM, ROLE_COUNTER, true},
	{"_count", 1u << METRIC_HISTOGRAM | 1u << METRIC_SUMMARY, ROLE_COUNTER, true},
	{"_sum", 1u << METRIC_HISTOGRAM | 1u << METRIC_SUMMARY, ROLE_COUNTER, true},
	{"_created", 1u << METRIC_COUNTER | 1u << METRIC_HISTOGRAM | 1u << METRIC_SUMMARY,
		ROLE_CREATED, false},
};

enum metric_role metric_role_of(
	const struct metric_index *types, const char *name, size_t len, bool has_le)
{
	size_t type = metric_index_find(types, name, len);
	const struct ending *e = ENDINGS, *end = ENDINGS + sizeof(ENDINGS) / sizeof(ENDINGS[0]);
	size_t n = 0;

	if (type != SIZE_MAX && type != METRIC_UNKNOWN && type != METRIC_UNTYPED)
		return type == METRIC_COUNTER ? ROLE_COUNTER : ROLE_GAUGE;
	for (; e < end; e++) {
		n = strlen(e->text);
		if (len > n && !memcmp(name + len - n, e->text, n))
			break;
	}
	if (e == end)
		return ROLE_GAUGE;
	if (type == SIZE_MAX)
		type = metric_index_find(types, name, len - n);
	if (type != SIZE_MAX && type != METRIC_UNKNOWN && type != METRIC_UNTYPED)
		return e->of & 1u << type ? e->role : ROLE_GAUGE;
	return e->shows && (has_le || strcmp(e->text, "_bucket") != 0) ? ROLE_COUNTER : ROLE_GAUGE;
}
