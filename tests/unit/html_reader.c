#include "html_reader.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "unit.h"

#include "base/str.h"

enum { DEPTH = 64, NAME = 32 };

struct reader {
	const char *p;
	char open[DEPTH][NAME];
	size_t depth, tags;
};

static void fail_at(const struct reader *r, const char *what)
{
	ck_abort_msg("%s at: %.80s", what, r->p);
}

static void read_name(struct reader *r, char name[NAME])
{
	size_t n = 0;

	while (isalnum((unsigned char)*r->p) || *r->p == '-' || *r->p == ':') {
		if (n + 1 == NAME)
			fail_at(r, "a name too long");
		name[n++] = *r->p++;
	}
	if (!n)
		fail_at(r, "no name");
	name[n] = '\0';
}

static void read_entity(struct reader *r)
{
	size_t n = strcspn(r->p, ";<> \n");

	if (n < 2 || n > 8 || r->p[n] != ';')
		fail_at(r, "a bare &");
	r->p += n;
}

static void read_attributes(struct reader *r)
{
	char names[24][NAME];
	size_t n = 0;

	for (;;) {
		while (*r->p == ' ')
			r->p++;
		if (*r->p == '>' || *r->p == '/')
			return;
		ck_assert_uint_lt(n, 24);
		read_name(r, names[n]);
		for (size_t i = 0; i < n; i++)
			if (!strcmp(names[i], names[n]))
				fail_at(r, "an attribute given twice");
		n++;
		if (r->p[0] != '=' || r->p[1] != '"')
			fail_at(r, "an attribute without a quoted value");
		for (r->p += 2; *r->p != '"'; r->p++) {
			if (!*r->p || *r->p == '<')
				fail_at(r, "a value that is not closed");
			if (*r->p == '&')
				read_entity(r);
		}
		r->p++;
	}
}

static void read_tag(struct reader *r)
{
	char name[NAME];
	bool closing = *r->p == '/';

	r->p += closing;
	read_name(r, name);
	r->tags++;
	if (closing) {
		if (!r->depth || strcmp(r->open[r->depth - 1], name))
			fail_at(r, "a tag closed that is not open");
		r->depth--;
	} else {
		read_attributes(r);
		if (*r->p == '/') {
			r->p++;
		} else {
			ck_assert_uint_lt(r->depth, DEPTH);
			memcpy(r->open[r->depth++], name, NAME);
		}
	}
	if (*r->p++ != '>')
		fail_at(r, "a tag that does not end");
	if (!closing && (!strcmp(name, "script") || !strcmp(name, "style"))) {
		r->p = strstr(r->p, "</");
		ck_assert_ptr_nonnull(r->p);
	}
}

size_t html_assert_well_formed(const char *html)
{
	struct reader r = {.p = html};

	ck_assert(str_starts(html, "<!DOCTYPE html>\n"));
	r.p += strlen("<!DOCTYPE html>\n");
	while (*r.p) {
		if (*r.p == '&')
			read_entity(&r);
		else if (*r.p == '>')
			fail_at(&r, "a bare >");
		else if (*r.p == '<') {
			r.p++;
			read_tag(&r);
			continue;
		}
		r.p++;
	}
	ck_assert_msg(!r.depth, "<%s> is not closed", r.depth ? r.open[r.depth - 1] : "");
	return r.tags;
}

void html_assert_alone(const char *html)
{
	static const char *const FORBIDDEN[] = {" src=", " href=", "@import", "url(", "<link",
		"<iframe", "<img", "NaN", ">nan", " nan", "\"nan", "nan%", "inf%", "\"inf",
		"\"-inf", NULL};

	for (size_t i = 0; FORBIDDEN[i]; i++) {
		const char *at = strstr(html, FORBIDDEN[i]);

		ck_assert_msg(!at, "'%s' at: %.80s", FORBIDDEN[i], at ? at : "");
	}
}
