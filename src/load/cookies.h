/* A user's cookies (RFC 6265): what Set-Cookie said, and what goes into Cookie. Bounded: at most
 * 180 cookies of 4 KiB a user, the oldest go. */
#ifndef CULPRIT_LOAD_COOKIES_H
#define CULPRIT_LOAD_COOKIES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/str.h"
#include "net/http_field.h"

struct cookie;

struct cookie_jar {
	struct cookie *items;
	size_t n, cap;
};

void cookie_jar_release(struct cookie_jar *j);

/* The value of one Set-Cookie field, of an answer from `host` to a request for `path` at `now`
 * (seconds since the epoch). What is not to be kept is passed over, as the RFC has it. */
void cookie_jar_take(struct cookie_jar *j, struct http_slice value, const char *host,
	const char *path, time_t now);

/* Appends what Cookie says for a request ("a=1; b=2"); false, and nothing, where there is none. */
bool cookie_jar_write(const struct cookie_jar *j, const char *host, const char *path, bool tls,
	time_t now, struct str *out);

#endif
