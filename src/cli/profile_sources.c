#include "cli/profile_sources.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { MOST_BYTES = 4 << 20, MOST_LINES = 1000, MOST_COLUMNS = 400 };

/* The name is what another process says, so that a report must not hold what it happens to name:
 * Python's own files only, and nothing that would block. */
static bool is_source(const char *file)
{
	size_t len = strlen(file);
	struct stat st;

	return ((len > 3 && !strcmp(file + len - 3, ".py")) ||
		       (len > 4 && !strcmp(file + len - 4, ".pyw"))) &&
	       !stat(file, &st) && S_ISREG(st.st_mode);
}

/* One line, as text that a page may hold: what is no UTF-8 or a control becomes a question mark. */
static void add_line(struct str *out, const char *p, size_t len)
{
	if (len && p[len - 1] == '\r')
		len--;
	len = len < MOST_COLUMNS ? len : MOST_COLUMNS;
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)p[i];
		size_t n = c < 0x80   ? 1
			   : c < 0xc2 ? 0
			   : c < 0xe0 ? 2
			   : c < 0xf0 ? 3
			   : c < 0xf5 ? 4
				      : 0;

		for (size_t k = 1; k < n; k++)
			if (i + k >= len || ((unsigned char)p[i + k] & 0xc0) != 0x80)
				n = 0;
		if (!n || (c < 0x20 && c != '\t') || c == 0x7f) {
			str_add_char(out, '?');
			n = 1;
		} else
			str_add_bytes(out, p + i, n);
		i += n;
	}
	str_add_char(out, '\n');
}

static char *read_lines(const struct profile_wish *wish)
{
	int last = wish->last_line < wish->first_line + MOST_LINES ? wish->last_line
								   : wish->first_line + MOST_LINES;
	struct file_bytes file;
	struct str text = STR_INIT;
	struct err err;
	const char *p, *end;

	if (!is_source(wish->file) || file_open_bytes(wish->file, MOST_BYTES, &file, &err))
		return NULL;
	p = file.data;
	end = p + file.len;
	for (int line = 1; p < end && line <= last; line++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;

		if (line >= wish->first_line)
			add_line(&text, p, (size_t)(stop - p));
		p = newline ? newline + 1 : end;
	}
	file_close_bytes(&file);
	return text.len ? str_take(&text) : NULL;
}

void profile_sources_read(struct profile_sources *s, const struct profile *p)
{
	struct profile_wish *wishes;
	size_t n;

	wishes = report_profile_wishes(p, &n);
	*s = (struct profile_sources){.items = mem_alloc(n + 1, sizeof(*s->items))};
	for (size_t i = 0; i < n; i++) {
		char *text = read_lines(&wishes[i]);

		if (text)
			s->items[s->n++] =
				(struct profile_source){wishes[i].file, wishes[i].first_line, text};
	}
	free(wishes);
}

void profile_sources_release(struct profile_sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((char *)s->items[i].text);
	free(s->items);
	*s = (struct profile_sources){0};
}
