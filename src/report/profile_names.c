#include "report/profile_names.h"

#include <string.h>

#include "profile/view.h"

enum { LEAST_FOLDERS = 2 /* fewer in common ("/home") say nothing about the program */ };

/* ---- files ---- */

static size_t folder_length(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? (size_t)(slash - file) + 1 : 0;
}

static size_t common_length(const char *a, const char *b, size_t most)
{
	size_t n = 0, whole = 0;

	for (; n < most && a[n] && a[n] == b[n]; n++)
		if (a[n] == '/')
			whole = n + 1;
	return whole;
}

void places_add(struct places *pl, const struct profile *p)
{
	const char *first = NULL;
	size_t len = 0, slashes = 0;

	for (size_t i = 0; i < p->n_functions; i++) {
		const struct profile_function *f = &p->functions[i];

		if (f->kind != PROFILE_PYTHON || f->file[0] != '/' || view_is_library(f))
			continue;
		len = first ? common_length(first, f->file, len) : folder_length(f->file);
		first = first ? first : f->file;
	}
	for (size_t i = 0; i < len; i++)
		slashes += first[i] == '/';
	if (slashes < LEAST_FOLDERS || pl->n == 2)
		return;
	str_add_bytes(&pl->folder[pl->n++], first, len);
}

void places_release(struct places *pl)
{
	for (size_t i = 0; i < 2; i++)
		str_release(&pl->folder[i]);
	pl->n = 0;
}

/* Behind the last "…/python3.11/", or NULL. */
static const char *behind_standard(const char *file)
{
	const char *found = NULL;

	for (const char *at = file; (at = strstr(at, "/python")); at++) {
		const char *c = at + strlen("/python");

		while ((*c >= '0' && *c <= '9') || *c == '.')
			c++;
		if (c > at + strlen("/python") && *c == '/')
			found = c + 1;
	}
	return found;
}

static const char *behind_library(const char *file)
{
	static const char *const FOLDERS[] = {"/site-packages/", "/dist-packages/"};
	const char *found = NULL;

	for (size_t i = 0; i < 2; i++)
		for (const char *at = file; (at = strstr(at, FOLDERS[i]));)
			found = at += strlen(FOLDERS[i]);
	return found ? found : behind_standard(file);
}

const char *places_file(const struct places *pl, enum profile_kind kind, const char *file)
{
	const char *part = kind == PROFILE_NATIVE ? NULL : behind_library(file);

	if (part && *part)
		return part;
	if (kind == PROFILE_NATIVE)
		return file + folder_length(file);
	for (size_t i = 0; i < pl->n; i++)
		if (str_starts(file, pl->folder[i].p))
			return file + pl->folder[i].len;
	return file;
}

void places_where(struct str *out, const struct places *pl, enum profile_kind kind,
	const char *file, int line)
{
	if (!file[0])
		return;
	str_add(out, places_file(pl, kind, file));
	if (line > 0)
		str_addf(out, ":%d", line);
}

void places_package(struct str *out, const struct profile_function *f)
{
	static const struct places NONE = {.n = 0};
	const char *name = places_file(&NONE, f->kind, f->file), *end;

	if (str_starts(name, "<frozen "))
		name += strlen("<frozen ");
	end = f->kind == PROFILE_NATIVE ? strstr(name, ".so") : name + strcspn(name, "/.>");
	if (!end)
		end = name + strlen(name);
	if (*end == '/' && end == name) /* a path that is no library's */
		name = f->file + folder_length(f->file), end = name + strlen(name);
	str_add_bytes(out, name, (size_t)(end - name));
}

/* ---- names ---- */

/* Bytes of the character at p, at least 1; a control is one that is not shown. */
static size_t character(const char *p, bool *control)
{
	const unsigned char *c = (const unsigned char *)p;
	size_t n = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80) {
			*control = true; /* no UTF-8 */
			return i;
		}
	*control =
		c[0] < 0x20 || c[0] == 0x7f || (c[0] >= 0x80 && c[0] < 0xc2) || c[0] > 0xf4 ||
		(c[0] == 0xc2 && c[1] < 0xa0) ||
		/* marks that turn the direction of writing round */
		(c[0] == 0xe2 &&
			((c[1] == 0x80 && ((c[2] >= 0xaa && c[2] <= 0xae) || c[2] == 0x8e ||
						  c[2] == 0x8f || c[2] == 0xa8 || c[2] == 0xa9)) ||
				(c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)));
	return n;
}

static void add_clean(struct str *out, const char *text)
{
	enum { MOST = 2000 }; /* bytes: no terminal shows more */
	size_t begin = out->len;

	while (*text && out->len - begin < MOST) {
		bool control;
		size_t n = character(text, &control);

		if (control)
			str_add_char(out, '?');
		else
			str_add_bytes(out, text, n);
		text += n;
	}
}

/* Bytes from the begin of `text` that take at most `width` columns. */
static size_t bytes_of(const char *text, size_t width)
{
	size_t at = 0, columns = 0;

	while (text[at]) {
		char one[8] = "";
		bool control;
		size_t n = character(text + at, &control);

		memcpy(one, text + at, n);
		columns += str_width(one);
		if (columns > width)
			break;
		at += n;
	}
	return at;
}

void profile_add_name(struct str *out, const struct term *term, const char *text, size_t width)
{
	struct str clean = STR_INIT;
	size_t all, head, skip;

	add_clean(&clean, text);
	all = str_width(str_text(&clean));
	if (all <= width) {
		str_add(out, str_text(&clean));
		goto out;
	}
	if (!width)
		goto out;
	head = (width - 1) / 3;
	skip = all - (width - 1 - head); /* columns that are not the tail's */
	str_add_bytes(out, clean.p, bytes_of(clean.p, head));
	str_add(out, term->unicode ? "…" : "~");
	skip = bytes_of(clean.p, skip);
	if (str_width(clean.p + skip) > width - 1 - head) { /* a wide one lay across the cut */
		bool control;

		skip += character(clean.p + skip, &control);
	}
	str_add(out, clean.p + skip);
out:
	str_release(&clean);
}
