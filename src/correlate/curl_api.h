/*
 * libcurl, loaded when it is needed: it brings thirty other libraries, and every command of culprit
 * would wait 5 ms for them at its start. What a call does is in libcurl's own documentation; its
 * name here is without "curl_".
 */
#ifndef CULPRIT_CORRELATE_CURL_API_H
#define CULPRIT_CORRELATE_CURL_API_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/err.h"

#define CURL_API(X)                                                                                \
	X(global_init)                                                                             \
	X(easy_init)                                                                               \
	X(easy_cleanup)                                                                            \
	X(easy_escape)                                                                             \
	X(easy_getinfo)                                                                            \
	X(easy_perform)                                                                            \
	X(easy_setopt)                                                                             \
	X(easy_strerror)                                                                           \
	X(free)                                                                                    \
	X(url)                                                                                     \
	X(url_cleanup)                                                                             \
	X(url_get)                                                                                 \
	X(url_set)

struct curl_api {
#define X(name) __typeof__(curl_##name) *name;
	CURL_API(X)
#undef X
};

/* The same for all, kept for good. NULL: ERR_SYSTEM says what is not there. Any thread. */
const struct curl_api *curl_api(struct err *err);

#endif
