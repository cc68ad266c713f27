#include "load/load.h"

const char *const LOAD_ERROR_WORDS[LOAD_N_ERRORS] = {
#define X(name, word, text) word,
	LOAD_ERRORS(X)
#undef X
};

const char *const LOAD_ERROR_TEXTS[LOAD_N_ERRORS] = {
#define X(name, word, text) text,
	LOAD_ERRORS(X)
#undef X
};

#define AT(field) offsetof(struct load_spec, field)
#define DAY_NS    (86400 * 1e9)

const struct opt LOAD_OPTIONS[] = {
	{0, "url", OPT_TEXT, AT(url), "URL", "what to request, as the argument does", 0, 0, NULL},
	{'c', "connections", OPT_INT, AT(connections), NULL,
		"connections kept busy, each with one request at a time (50)", 1, 1000000, NULL},
	{'d', "duration", OPT_DURATION, AT(duration_ns), NULL, "how long to measure (10s)", 1e6,
		30 * DAY_NS, NULL},
	{'n', "requests", OPT_INT, AT(requests), NULL,
		"start exactly so many requests, however long it takes, instead of a duration", 0,
		1e15, NULL},
	{'t', "threads", OPT_INT, AT(threads), NULL, "threads (one a core)", 0, 1024, NULL},
	{0, "warmup", OPT_DURATION, AT(warmup_ns), NULL,
		"load before the measurement that does not count (0)", 0, DAY_NS, NULL},
	{0, "timeout", OPT_DURATION, AT(timeout_ns), NULL,
		"for a request, from its send to the end of its answer (10s)", 1e6, DAY_NS, NULL},
	{0, "drain", OPT_DURATION, AT(drain_ns), NULL,
		"at the end, wait so long for answers under way (2s)", 0, DAY_NS, NULL},
	{'m', "method", OPT_TEXT, AT(method), "METHOD", "request method (GET)", 0, 0, NULL},
	{'H', "header", OPT_LIST, AT(headers), "'NAME: VALUE'",
		"request header; may be given again", 0, 0, NULL},
	{'b', "body", OPT_TEXT, AT(body), "TEXT", "request body", 0, 0, NULL},
	{0, "keepalive", OPT_FLAG, AT(keepalive), NULL,
		"use a connection again (yes); --no-keepalive opens one a request", 0, 0, NULL},
	{0}};

void load_spec_init(struct load_spec *spec)
{
	*spec = (struct load_spec)LOAD_SPEC_INIT;
}
