/* Functions and their texts, each once. What comes in was read from another process's memory or
 * from a file: it is cut to length, and made printable. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/profile.h"
#include "profile/profile_index.h"

/* The first texts: what stands for those for which there is no room. */
enum { TEXT_EMPTY, TEXT_OTHER };

static size_t text_intern(struct profile_index *x, const char *raw);

void profile_index_init(struct profile *p)
{
	p->index = mem_zalloc(1, sizeof(*p->index));
	table_init(&p->index->functions, 256);
	table_init(&p->index->nodes, 1024);
	table_init(&p->index->texts, 256);
	rng_seed(&p->index->rng, 1, 0);
	text_intern(p->index, "");
	text_intern(p->index, "(other functions)");
}

void profile_index_free(struct profile *p)
{
	struct profile_index *x = p->index;

	for (size_t i = 0; i < x->n_texts; i++)
		free(x->text[i]);
	free(x->text);
	free(x->last_moment);
	table_discard(&x->functions);
	table_discard(&x->nodes);
	table_discard(&x->texts);
	free(x);
}

/* How many bytes at p are one printable character of UTF-8 (RFC 3629); 0: they are none. */
static size_t character(const unsigned char *p, size_t len)
{
	uint32_t c;
	size_t n;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	c = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff)
		return 0;
	if ((c >= 0xd800 && c <= 0xdfff) || c < 0xa0 || c == 0x2028 || c == 0x2029)
		return 0;
	return n;
}

size_t profile_clean(char *out, size_t size, const char *text)
{
	size_t max = size - 1, len = strnlen(text, max + 1), n = 0;
	bool cut = len > max;

	if (cut)
		len = max - 3; /* room for the dots */
	for (size_t i = 0; i < len;) {
		size_t bytes = character((const unsigned char *)text + i, len - i);

		if (bytes == 0) {
			out[n++] = '?';
			i++;
			continue;
		}
		memcpy(out + n, text + i, bytes);
		n += bytes;
		i += bytes;
	}
	if (cut) {
		memcpy(out + n, "...", 3);
		n += 3;
	}
	out[n] = '\0';
	return n;
}

/* The index of a text that is kept once; SIZE_MAX when there is no room. */
static size_t text_intern(struct profile_index *x, const char *raw)
{
	char text[PROFILE_MAX_NAME_BYTES + 1];
	size_t len = profile_clean(text, sizeof(text), raw);
	uint32_t hash = table_hash_text(text, len);

	for (size_t at = table_first(&x->texts, hash); x->texts.slots[at].index;
		at = table_next(&x->texts, at)) {
		size_t i = x->texts.slots[at].index - 1;

		if (x->texts.slots[at].hash == hash && strcmp(x->text[i], text) == 0)
			return i;
	}
	if (x->text_bytes + len + 1 > PROFILE_MAX_TEXT_BYTES)
		return SIZE_MAX;
	x->text = mem_grow(x->text, &x->cap_texts, x->n_texts + 1, sizeof(*x->text));
	x->text[x->n_texts] = mem_copy(text, len);
	x->text_bytes += len + 1;
	table_put(&x->texts, hash, (uint32_t)x->n_texts);
	return x->n_texts++;
}

/* The function of these texts; UINT32_MAX where it is not there and there are `max` already. */
static uint32_t function_intern(struct profile *p, enum profile_kind kind, size_t name, size_t file,
	int first_line, size_t max)
{
	struct profile_index *x = p->index;
	uint32_t hash = table_mix((uint32_t)name, (uint32_t)file,
		(uint32_t)first_line * 2654435761u + (uint32_t)kind);

	for (size_t at = table_first(&x->functions, hash); x->functions.slots[at].index;
		at = table_next(&x->functions, at)) {
		uint32_t i = x->functions.slots[at].index - 1;
		const struct profile_function *f = &p->functions[i];

		if (x->functions.slots[at].hash == hash && f->name == x->text[name] &&
			f->file == x->text[file] && f->first_line == first_line && f->kind == kind)
			return i;
	}
	if (p->n_functions >= max)
		return UINT32_MAX;
	p->functions = mem_grow(
		p->functions, &p->cap_functions, p->n_functions + 1, sizeof(*p->functions));
	p->functions[p->n_functions] =
		(struct profile_function){kind, x->text[name], x->text[file], first_line};
	table_put(&x->functions, hash, (uint32_t)p->n_functions);
	return (uint32_t)p->n_functions++;
}

uint32_t profile_function(struct profile *p, enum profile_kind kind, const char *name,
	const char *file, int first_line)
{
	size_t name_at = text_intern(p->index, name), file_at = text_intern(p->index, file);
	uint32_t i = UINT32_MAX;

	if (first_line < 0)
		first_line = 0;
	if (name_at != SIZE_MAX && file_at != SIZE_MAX)
		i = function_intern(p, kind, name_at, file_at, first_line,
			PROFILE_MAX_FUNCTIONS - PROFILE_N_KINDS);
	if (i != UINT32_MAX)
		return i;
	/* One of each kind, for which room was kept: a thread stays a thread. */
	return function_intern(p, kind, TEXT_OTHER, TEXT_EMPTY, 0, SIZE_MAX);
}
