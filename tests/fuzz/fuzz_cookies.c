/*
 * A user's jar on any Set-Cookie fields, one a line. The first byte steers host, path and clock.
 * What is sent back is one line of "name=value" pairs, and the jar stays within its bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "load/cookies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static const char *const HOSTS[] = {"a.example.com", "example.com", "127.0.0.1", "::1"};
static const char *const PATHS[] = {"/", "/a/b?c", "/a", ""};

static void take(struct cookie_jar *jar, const uint8_t *p, size_t n, unsigned how)
{
	char *copy = malloc(n ? n : 1); /* exact, so that the sanitizer sees a byte too far */

	memcpy(copy, p, n);
	cookie_jar_take(
		jar, (struct http_slice){copy, n}, HOSTS[how & 3], PATHS[how >> 2 & 3], 1700000000);
	free(copy);
	must(jar->n <= 180);
}

static void check_sent(const struct cookie_jar *jar, unsigned how)
{
	struct str out = STR_INIT, again = STR_INIT;
	time_t now = 1700000000 + (how >> 4) * 3600;
	bool any = cookie_jar_write(jar, HOSTS[how & 3], PATHS[how >> 2 & 3], how & 1, now, &out);

	must(any == (out.len > 0));
	must(http_is_text(str_text(&out), out.len));
	must(!any || (strchr(out.p, '=') && out.p[0] != '=' && out.len == strlen(out.p)));
	/* Plain connections see no more than those of TLS. */
	cookie_jar_write(jar, HOSTS[how & 3], PATHS[how >> 2 & 3], true, now, &again);
	must(again.len >= out.len);
	str_release(&out);
	str_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cookie_jar jar = {0};
	unsigned how = size ? data[0] : 0;
	size_t at = 1;

	while (at < size) {
		const uint8_t *feed = memchr(data + at, '\n', size - at);
		size_t end = feed ? (size_t)(feed - data) : size;

		take(&jar, data + at, end - at, how);
		at = end + 1;
	}
	for (unsigned i = 0; i < 16; i++)
		check_sent(&jar, (how & 0xf0) | i);
	cookie_jar_release(&jar);
	return 0;
}
