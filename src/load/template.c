/*
 * A template is cut once into parts: literal text, and what is filled in. Rendering is then a walk
 * over the parts.
 */
#include "load/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "net/url.h"

enum part_kind { LITERAL, COLUMN, TAKEN, SEQ, UUID, RAND, HEX, TEXT };

struct template_part {
	enum part_kind kind;
	enum template_place place;
	char *text;    /* LITERAL */
	size_t n;      /* LITERAL, HEX, TEXT: length; COLUMN, TAKEN: which */
	int64_t min;   /* RAND */
	uint64_t span; /* RAND: largest − min */
};

/* A word, the kind it stands for, and how it is written in full. */
static const struct built_in {
	const char *word;
	enum part_kind kind;
	const char *usage;
} BUILT_IN[] = {
	{"seq", SEQ, "{seq}"},
	{"uuid", UUID, "{uuid}"},
	{"rand", RAND, "{rand:1-100}"},
	{"hex", HEX, "{hex:16}"},
	{"text", TEXT, "{text:16}"},
};
enum { N_BUILT_IN = sizeof(BUILT_IN) / sizeof(BUILT_IN[0]) };

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

static bool is_argument_char(char c)
{
	return c && !strchr("{}\"',\r\n", c);
}

bool template_is_word(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_word_char(p[i]))
			return false;
	return len > 0;
}

static const struct built_in *find_built_in(const char *word)
{
	for (size_t i = 0; i < N_BUILT_IN; i++)
		if (!strcmp(word, BUILT_IN[i].word))
			return &BUILT_IN[i];
	return NULL;
}

bool template_is_built_in(const char *word)
{
	return find_built_in(word) != NULL;
}

/* What the text is cut into. PLAIN: as it stands. QUOTED: {{word}}. WORD: a placeholder. */
struct piece {
	enum { PLAIN, QUOTED, WORD } kind;
	const char *p; /* as it is written */
	size_t len;
	const char *word, *args; /* args NULL: there is no ':' */
	size_t word_len, args_len;
};

/* Reads "word}" or "word:arguments}" at p; the byte after it, or NULL. */
static const char *scan_word(const char *p, const char *end, struct piece *out)
{
	out->word = p;
	out->args = NULL;
	while (p < end && is_word_char(*p))
		p++;
	out->word_len = (size_t)(p - out->word);
	if (p < end && *p == ':') {
		out->args = ++p;
		while (p < end && is_argument_char(*p))
			p++;
		out->args_len = (size_t)(p - out->args);
	}
	return out->word_len && p < end && *p == '}' ? p + 1 : NULL;
}

/* The piece at *at, which is moved behind it; false at the end. */
static bool next_piece(const char **at, const char *end, struct piece *out)
{
	const char *p = *at, *after;

	if (p == end)
		return false;
	*out = (struct piece){.kind = PLAIN, .p = p};
	if (*p != '{') {
		after = memchr(p, '{', (size_t)(end - p));
		after = after ? after : end;
	} else if (end - p > 1 && p[1] == '{' && (after = scan_word(p + 2, end, out)) &&
		   after < end && *after == '}') {
		out->kind = QUOTED;
		after++;
	} else if ((after = scan_word(p + 1, end, out))) {
		out->kind = WORD;
	} else {
		after = p + 1;
	}
	out->len = (size_t)(after - p);
	*at = after;
	return true;
}

/* The list of what is known, for messages; it may be long. */
static void add_known(struct str *out, const struct template_names *names)
{
	enum { SHOWN = 12 };
	size_t n = 0, columns = names && names->data ? names->data->n_columns : 0;
	size_t taken = names ? names->n_taken : 0;

	for (size_t i = 0; i < columns && n < SHOWN; i++)
		str_addf(out, n++ ? ", %s" : "%s", names->data->columns[i]);
	for (size_t i = 0; i < taken && n < SHOWN; i++)
		str_addf(out, n++ ? ", %s" : "%s", names->taken[i]);
	if (n < columns + taken)
		str_add(out, ", …");
	for (size_t i = 0; i < N_BUILT_IN; i++)
		str_addf(out, n++ ? ", %s" : "%s", BUILT_IN[i].word);
}

static const char *find_nearest(const char *word, const struct template_names *names)
{
	size_t columns = names && names->data ? names->data->n_columns : 0, n = 0;
	size_t taken = names ? names->n_taken : 0;
	const char **all = mem_alloc(columns + taken + N_BUILT_IN + 1, sizeof(*all)), *nearest;

	for (size_t i = 0; i < columns; i++)
		all[n++] = names->data->columns[i];
	for (size_t i = 0; i < taken; i++)
		all[n++] = names->taken[i];
	for (size_t i = 0; i < N_BUILT_IN; i++)
		all[n++] = BUILT_IN[i].word;
	all[n] = NULL;
	nearest = str_nearest(word, all);
	free(all);
	return nearest;
}

/* What a word is in, while it is parsed. */
struct context {
	const struct template_names *names;
	struct err *err;
};

static int unknown_word(const struct context *c, const char *word, const struct piece *piece,
	struct template_part *out)
{
	struct str known = STR_INIT;
	const char *nearest = find_nearest(word, c->names);
	int shown = piece->len < 200 ? (int)piece->len : 200, rc;

	(void)out;
	add_known(&known, c->names);
	if (nearest)
		rc = err_set(c->err, ERR_USAGE,
			"nothing is called '%.200s'; did you mean '%s'? (known: %s; for the text "
			"itself write {%.*s})",
			word, nearest, known.p, shown, piece->p);
	else
		rc = err_set(c->err, ERR_USAGE,
			"nothing is called '%.200s' (known: %s; for the text itself write {%.*s})",
			word, known.p, shown, piece->p);
	str_release(&known);
	return rc;
}

/* A whole number with its sign, of at most 64 bits, at *p; it is moved behind it. */
static bool scan_int(const char **p, int64_t *out)
{
	const char *start = *p;
	char digits[24];
	size_t len;

	*p += **p == '-';
	*p += strspn(*p, "0123456789");
	len = (size_t)(*p - start);
	if (len >= sizeof(digits))
		return false;
	memcpy(digits, start, len);
	digits[len] = '\0';
	return !num_parse_int(digits, INT64_MIN, INT64_MAX, "bound", out, NULL);
}

static int parse_rand(const struct context *c, const char *args, struct template_part *out)
{
	const char *p = args;
	int64_t max;

	if (!scan_int(&p, &out->min) || *p++ != '-' || !scan_int(&p, &max) || *p)
		return err_set(c->err, ERR_USAGE,
			"{rand:%.100s}: the bounds must be two whole numbers, as in {rand:1-100}",
			args);
	if (out->min > max)
		return err_set(c->err, ERR_USAGE,
			"{rand:%.100s}: the first bound must not be above the second", args);
	out->span = (uint64_t)max - (uint64_t)out->min;
	return 0;
}

static int parse_built_in(const struct context *c, const struct built_in *b, const char *args,
	struct template_part *out)
{
	int64_t n;

	out->kind = b->kind;
	if (b->kind == SEQ || b->kind == UUID)
		return args ? err_set(c->err, ERR_USAGE,
				      "{%s:%.100s}: nothing follows this word; "
				      "write %s",
				      b->word, args, b->usage)
			    : 0;
	if (!args)
		return err_set(c->err, ERR_USAGE, "{%s}: what it needs is missing; write %s",
			b->word, b->usage);
	if (b->kind == RAND)
		return parse_rand(c, args, out);
	if (num_parse_int(args, 1, TEMPLATE_RANDOM_MAX, "length", &n, NULL))
		return err_set(c->err, ERR_USAGE,
			"{%s:%.100s}: the length must be a whole number from 1 to %d", b->word,
			args, TEMPLATE_RANDOM_MAX);
	out->n = (size_t)n;
	return 0;
}

/* A column or a taken value; false where no name is `word`. */
static bool find_name(const struct context *c, const char *word, struct template_part *out, int *rc)
{
	const struct template_names *names = c->names;
	bool column = false;

	*rc = 0;
	for (size_t i = 0; names && names->data && i < names->data->n_columns && !column; i++)
		if (!strcmp(word, names->data->columns[i])) {
			out->kind = COLUMN;
			out->n = i;
			column = true;
		}
	for (size_t i = 0; names && i < names->n_taken; i++)
		if (!strcmp(word, names->taken[i])) {
			if (column)
				*rc = err_set(c->err, ERR_USAGE,
					"'%.200s' is a column of the data and taken from an "
					"answer too; rename one of them",
					word);
			out->kind = TAKEN;
			out->n = i;
			return true;
		}
	return column;
}

static int parse_word(const struct context *c, const struct piece *piece, struct template_part *out)
{
	char *word = mem_copy(piece->word, piece->word_len);
	char *args = piece->args ? mem_copy(piece->args, piece->args_len) : NULL;
	const struct built_in *b = find_built_in(word);
	int rc;

	if (b)
		rc = parse_built_in(c, b, args, out);
	else if (!find_name(c, word, out, &rc))
		rc = unknown_word(c, word, piece, out);
	else if (!rc && args)
		rc = err_set(c->err, ERR_USAGE,
			"{%.100s:%.100s}: nothing follows this word; write {%.100s}", word, args,
			word);
	free(word);
	free(args);
	return rc;
}

static struct template_part *add_part(struct template *t, enum template_place place)
{
	t->parts = mem_grow(t->parts, &t->cap, t->n + 1, sizeof(*t->parts));
	t->parts[t->n] = (struct template_part){.place = place};
	return &t->parts[t->n++];
}

static void add_literal(struct template *t, struct str *text)
{
	struct template_part *part;

	if (!text->len)
		return;
	part = add_part(t, TEMPLATE_RAW);
	part->kind = LITERAL;
	part->n = text->len;
	part->text = mem_copy(text->p, text->len);
	str_clear(text);
}

int template_parse(struct template *out, const char *text, size_t len, enum template_place place,
	const struct template_names *names, const char *what, struct err *err)
{
	struct context c = {names, err};
	struct str literal = STR_INIT;
	struct piece piece;
	int rc = 0;

	*out = (struct template){0};
	for (const char *at = text, *end = text + len; !rc && next_piece(&at, end, &piece);) {
		if (piece.kind == PLAIN) {
			str_add_bytes(&literal, piece.p, piece.len);
		} else if (piece.kind == QUOTED) {
			str_add_bytes(&literal, piece.p + 1, piece.len - 2);
		} else {
			add_literal(out, &literal);
			rc = parse_word(&c, &piece, add_part(out, place));
		}
	}
	add_literal(out, &literal);
	str_release(&literal);
	if (rc) {
		template_release(out);
		if (what && *what)
			err_prefix(err, "%s", what);
	}
	return rc;
}

void template_release(struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->parts[i].text);
	free(t->parts);
	*t = (struct template){0};
}

static bool has_kind(const struct template *t, enum part_kind kind)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].kind == kind)
			return true;
	return false;
}

/* Literals that are neighbours were made one, so a constant template has at most one part. */
bool template_is_constant(const struct template *t)
{
	return !t->n || (t->n == 1 && t->parts[0].kind == LITERAL);
}

bool template_takes_row(const struct template *t)
{
	return has_kind(t, COLUMN);
}

bool template_takes_seq(const struct template *t)
{
	return has_kind(t, SEQ);
}

bool template_fixed(const struct template *t, const char **p, size_t *len)
{
	if (!template_is_constant(t))
		return false;
	*p = t->n ? t->parts[0].text : "";
	*len = t->n ? t->parts[0].n : 0;
	return true;
}

static void add_json(struct str *out, const char *value)
{
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\') {
			str_add_char(out, '\\');
			str_add_char(out, (char)c);
		} else if (c == '\n') {
			str_add_bytes(out, "\\n", 2);
		} else if (c < ' ') {
			str_addf(out, "\\u%04x", c);
		} else {
			str_add_char(out, (char)c);
		}
	}
}

static void add_value(struct str *out, const char *value, enum template_place place)
{
	size_t from = out->len;

	switch (place) {
	case TEMPLATE_RAW: str_add(out, value); break;
	case TEMPLATE_URL: url_add_encoded(out, value); break;
	case TEMPLATE_JSON: add_json(out, value); break;
	case TEMPLATE_HEADER:
		str_add(out, value);
		for (; from < out->len; from++) {
			unsigned char c = (unsigned char)out->p[from];

			if ((c < ' ' && c != '\t') || c == 127)
				out->p[from] = ' ';
		}
		break;
	}
}

/* The lowest n hexadecimal digits, n at most 16; the room is there. */
static void put_hex(struct str *out, uint64_t bits, size_t n)
{
	static const char DIGITS[] = "0123456789abcdef";

	while (n--)
		out->p[out->len++] = DIGITS[bits >> 4 * n & 15];
}

static void add_hex(struct str *out, struct rng *rng, size_t n)
{
	str_reserve(out, n);
	for (; n > 16; n -= 16)
		put_hex(out, rng_next(rng), 16);
	put_hex(out, rng_next(rng), n);
	out->p[out->len] = '\0';
}

static void add_text(struct str *out, struct rng *rng, size_t n)
{
	static const char CHARS[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	str_reserve(out, n);
	while (n--)
		out->p[out->len++] = CHARS[rng_below(rng, sizeof(CHARS) - 1)];
	out->p[out->len] = '\0';
}

/* RFC 9562, 5.4: 122 random bits, version 4, variant 10. */
static void add_uuid(struct str *out, struct rng *rng)
{
	uint64_t a = rng_next(rng), b = rng_next(rng);

	a = (a & ~UINT64_C(0xf000)) | 0x4000;
	b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
	str_reserve(out, 36);
	put_hex(out, a >> 32, 8);
	out->p[out->len++] = '-';
	put_hex(out, a >> 16, 4);
	out->p[out->len++] = '-';
	put_hex(out, a, 4);
	out->p[out->len++] = '-';
	put_hex(out, b >> 48, 4);
	out->p[out->len++] = '-';
	put_hex(out, b, 12);
	out->p[out->len] = '\0';
}

/* Decimal digits; printf() would cost as much as the rest of a request. */
static void add_number(struct str *out, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + value % 10);
	while (value /= 10);
	str_add_bytes(out, p, (size_t)(digits + sizeof(digits) - p));
}

static void add_rand(struct str *out, struct rng *rng, int64_t min, uint64_t span)
{
	uint64_t drawn = span == UINT64_MAX ? rng_next(rng) : rng_below(rng, span + 1);

	drawn += (uint64_t)min;
	if (drawn >> 63) {
		str_add_char(out, '-');
		drawn = -drawn;
	}
	add_number(out, drawn);
}

static void render_part(
	const struct template_part *part, const struct template_values *v, struct str *out)
{
	switch (part->kind) {
	case LITERAL: str_add_bytes(out, part->text, part->n); break;
	case COLUMN: add_value(out, load_data_value(v->data, v->row, part->n), part->place); break;
	case TAKEN:
		if (v->taken[part->n])
			add_value(out, v->taken[part->n], part->place);
		break;
	case SEQ: add_number(out, v->seq); break;
	case UUID: add_uuid(out, v->rng); break;
	case RAND: add_rand(out, v->rng, part->min, part->span); break;
	case HEX: add_hex(out, v->rng, part->n); break;
	case TEXT: add_text(out, v->rng, part->n); break;
	}
}

void template_render(const struct template *t, const struct template_values *v, struct str *out)
{
	for (size_t i = 0; i < t->n; i++)
		render_part(&t->parts[i], v, out);
}

void template_escape(struct str *out, const char *text, size_t len)
{
	struct piece piece;

	for (const char *at = text, *end = text + len; next_piece(&at, end, &piece);) {
		if (piece.kind != PLAIN)
			str_add_char(out, '{');
		str_add_bytes(out, piece.p, piece.len);
		if (piece.kind != PLAIN)
			str_add_char(out, '}');
	}
}

static void encode_bytes(struct str *out, const char *p, size_t len)
{
	char *text = mem_copy(p, len);

	url_add_encoded(out, text);
	free(text);
}

void template_encode(struct str *out, const char *text, size_t len)
{
	struct piece piece;

	for (const char *at = text, *end = text + len; next_piece(&at, end, &piece);) {
		if (piece.kind == WORD)
			str_add_bytes(out, piece.p, piece.len);
		else if (piece.kind == QUOTED)
			encode_bytes(out, piece.p + 1, piece.len - 2);
		else
			encode_bytes(out, piece.p, piece.len);
	}
}
