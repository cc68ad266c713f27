/*
 * PCRE2's own limits bound the backtracking of one start, not of all of them, and not scans that
 * need no backtracking: "x+y" over four megabytes of x is quadratic and meets neither. So the
 * expression is compiled with a callout before each item, which looks at the clock; what lies
 * between two of them is at most one scan of the text. An expression that starts with a plain
 * character still skips to where that stands without any callout.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "load/regex.h"

#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* Backtracking: at a few ns a step less than REGEX_MAX_MS. Memory: 16 MiB. */
enum { MATCH_LIMIT = 1000000, HEAP_LIMIT_KIB = 16 << 10, LOOK_EVERY = 16 };

struct regex {
	pcre2_code *code;
	bool grouped;
};

struct regex *regex_compile(const char *pattern, const char *what, struct err *err)
{
	struct regex *r;
	PCRE2_SIZE at;
	uint32_t groups = 0;
	int code;
	pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
		PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_AUTO_CALLOUT, &code, &at, NULL);

	if (!compiled) {
		PCRE2_UCHAR text[256];

		if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
			text[0] = '\0';
		err_set(err, ERR_USAGE,
			"%s: '%s' is no regular expression: behind its byte %zu, %s", what, pattern,
			(size_t)at, (const char *)text);
		return NULL;
	}
	pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &groups);
	r = mem_alloc(1, sizeof(*r));
	*r = (struct regex){compiled, groups > 0};
	return r;
}

void regex_free(struct regex *r)
{
	if (r)
		pcre2_code_free(r->code);
	free(r);
}

struct watch {
	uint64_t end_ns;
	unsigned calls;
};

/* 0 goes on, a negative number ends the match with it. */
static int look_at_clock(pcre2_callout_block *block, void *data)
{
	struct watch *w = data;

	(void)block;
	return ++w->calls % LOOK_EVERY || clock_now_ns() < w->end_ns ? 0 : PCRE2_ERROR_CALLOUT;
}

bool regex_find(const struct regex *r, struct http_slice text, struct http_slice *out)
{
	struct watch watch = {clock_now_ns() + REGEX_MAX_MS * NS_PER_MS, 0};
	pcre2_match_data *match = pcre2_match_data_create(2, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	bool found = false;

	if (!match || !context)
		abort();
	pcre2_set_match_limit(context, MATCH_LIMIT);
	pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
	pcre2_set_callout(context, look_at_clock, &watch);
	/* An empty text may have no address; PCRE2 wants one. */
	if (pcre2_match(r->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, 0, 0, match,
		    context) >= 0) {
		const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match) + (r->grouped ? 2 : 0);

		found = !out || (at[0] != PCRE2_UNSET && at[1] >= at[0]);
		if (found && out)
			*out = (struct http_slice){text.p + at[0], at[1] - at[0]};
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(match);
	return found;
}
