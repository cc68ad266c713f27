#include "load/load.h"

#include <stdlib.h>

#include "base/mem.h"
#include "load/scenario.h"

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

const char *const LOAD_ENDING_WORDS[LOAD_N_ENDINGS] = {
#define X(name, word) word,
	LOAD_ENDINGS(X)
#undef X
};

const char *const LOAD_ARRIVALS[] = {"constant", "poisson", NULL};
const char *const LOAD_ORDERS[] = {"random", "in-order", "spread", NULL};
const char *const LOAD_HTTPS[] = {"1.1", "2", "auto", NULL};

#define AT(field) offsetof(struct load_spec, field)
#define DAY_NS    (86400 * 1e9)

const struct opt LOAD_OPTIONS[] = {
	/* what is requested */
	{0, "url", OPT_TEXT, AT(url), "URL", "what to request, as the argument does", 0, 0, NULL},
	{0, "target", OPT_LIST, AT(targets), "'[Nx ][METHOD ]URL'",
		"request this too, N times as often as others; may be given again", 0, 0, NULL},
	{0, "urls", OPT_TEXT, AT(urls_file), "FILE",
		"request what is in this file, a target a line", 0, 0, NULL},
	{0, "har", OPT_TEXT, AT(har_file), "FILE",
		"request what is in this HTTP archive, as a browser saves it", 0, 0, NULL},
	{'s', "scenario", OPT_TEXT, AT(scenario), "FILE",
		"each connection is a user who goes through these steps (docs/scenarios.md)", 0, 0,
		NULL},
	{'m', "method", OPT_TEXT, AT(method), "METHOD", "request method (GET; POST with a body)", 0,
		0, NULL},
	{'H', "header", OPT_LIST, AT(headers), "'NAME: VALUE'",
		"request header; may be given again", 0, 0, NULL},
	{'b', "body", OPT_TEXT, AT(body), "TEXT", "request body", 0, 0, NULL},
	{0, "body-file", OPT_TEXT, AT(body_file), "FILE", "request body, from a file", 0, 0, NULL},
	{'F', "form", OPT_LIST, AT(form), "NAME=VALUE",
		"field of a form that is the body; may be given again", 0, 0, NULL},
	{0, "data", OPT_TEXT, AT(data_file), "FILE",
		"CSV whose rows fill in {column} in paths, headers and bodies", 0, 0, NULL},
	{0, "order", OPT_CHOICE, AT(order), NULL,
		"draw targets and rows: random, in-order, or spread evenly (random)", 0, 0,
		LOAD_ORDERS},
	{0, "seed", OPT_INT, AT(seed), NULL, "of everything that is drawn (1)", 0, 9007199254740991,
		NULL},
	/* how much of it */
	{'c', "connections", OPT_INT, AT(connections), NULL,
		"connections kept busy, each with one request at a time (50)", 1, 1000000, NULL},
	{'p', "pipeline", OPT_INT, AT(pipeline), "N",
		"requests under way on each connection: pipelined, or HTTP/2 streams (1)", 1, 1000,
		NULL},
	{'d', "duration", OPT_AUTO, AT(duration_ns), NULL,
		"how long to measure; auto: until the rate (open loop: the latency) is known to "
		"--precision (10s)",
		1e6, 30 * DAY_NS, NULL},
	{0, "precision", OPT_SHARE, AT(precision), NULL,
		"wanted half width of the 95 % interval, for -d auto; with --max-rate, of the "
		"highest rate (5%)",
		.001, 1, NULL},
	{0, "min-duration", OPT_DURATION, AT(min_duration_ns), NULL,
		"with -d auto: measure so long at least (1s)", 1e6, 3600e9, NULL},
	{0, "max-duration", OPT_DURATION, AT(max_duration_ns), NULL,
		"with -d auto: measure so long at most (30s)", 1e6, 3600e9, NULL},
	{'n', "requests", OPT_INT, AT(requests), NULL,
		"start exactly so many requests, however long it takes, instead of a duration", 1,
		1e15, NULL},
	{'r', "rate", OPT_REAL, AT(rate), "R",
		"open loop: start R requests a second, whether or not the service keeps up", 1e-6,
		1e8, NULL},
	{0, "arrivals", OPT_CHOICE, AT(arrivals), NULL,
		"open loop: spacing of the starts, constant or poisson (constant)", 0, 0,
		LOAD_ARRIVALS},
	{0, "stages", OPT_TEXT, AT(stages), "LIST",
		"open loop in stages: 10s:100,30s:100-2000 holds 100 a second, then ramps up", 0, 0,
		NULL},
	{'t', "threads", OPT_INT, AT(threads), NULL, "threads (one a core)", 0, 1024, NULL},
	{0, "warmup", OPT_AUTO, AT(warmup_ns), NULL,
		"load before the measurement that does not count; auto: leave out what is not "
		"steady yet (auto)",
		0, DAY_NS, NULL},
	{0, "timeout", OPT_DURATION, AT(timeout_ns), NULL,
		"for a request, from its send to the end of its answer (10s)", 1e6, DAY_NS, NULL},
	{0, "drain", OPT_DURATION, AT(drain_ns), NULL,
		"at the end, wait so long for answers under way (2s)", 0, DAY_NS, NULL},
	/* how it travels */
	{0, "http", OPT_CHOICE, AT(http), NULL,
		"version: 1.1; 2 (ALPN, or prior knowledge without TLS); auto takes 2 where ALPN "
		"gives it (1.1)",
		0, 0, LOAD_HTTPS},
	{0, "keepalive", OPT_FLAG, AT(keepalive), NULL,
		"use a connection again (yes); --no-keepalive opens one a request", 0, 0, NULL},
	{0, "requests-per-connection", OPT_INT, AT(requests_per_connection), "N",
		"close a connection after N requests (no limit)", 0, 1e15, NULL},
	{0, "unix-socket", OPT_TEXT, AT(unix_socket), "PATH",
		"connect to this socket, whatever the URL's host", 0, 0, NULL},
	{0, "source", OPT_LIST, AT(sources), "ADDRESS",
		"connect from this address; given again, from each by turns", 0, 0, NULL},
	{0, "expect", OPT_FLAG, AT(expect), NULL, "send a body only after 100 Continue", 0, 0,
		NULL},
	{'k', "insecure", OPT_FLAG, AT(insecure), NULL,
		"TLS: do not verify the service's certificate", 0, 0, NULL},
	{0, "ca", OPT_TEXT, AT(ca_file), "FILE", "TLS: trust these certificates (the system's)", 0,
		0, NULL},
	{0, "cert", OPT_TEXT, AT(cert_file), "FILE", "TLS: show this certificate of our own", 0, 0,
		NULL},
	{0, "key", OPT_TEXT, AT(key_file), "FILE", "TLS: its key (in the same file)", 0, 0, NULL},
	{0, "server-name", OPT_TEXT, AT(server_name), "NAME",
		"TLS: name to ask for and to verify (the URL's host)", 0, 0, NULL},
	{0, "tls-resume", OPT_FLAG, AT(tls_resume), NULL,
		"TLS: resume sessions on new connections (yes)", 0, 0, NULL},
	{0}};

void load_spec_init(struct load_spec *spec)
{
	*spec = (struct load_spec)LOAD_SPEC_INIT;
}

const char *load_spec_method(const struct load_spec *spec)
{
	if (spec->method)
		return spec->method;
	return spec->body || spec->body_file || spec->form.n ? "POST" : "GET";
}

void load_spec_release(struct load_spec *spec)
{
	free(spec->targets.items);
	free(spec->headers.items);
	free(spec->form.items);
	free(spec->sources.items);
	spec->targets = spec->headers = spec->form = spec->sources = (struct opt_list){0};
	if (spec->file)
		load_scenario_file_release(spec->file);
	free(spec->file);
	spec->file = NULL;
}

int load_spec_prepare(struct load_spec *spec, struct err *err)
{
	struct load_origins origins = {0};
	int rc;

	if (!spec->scenario || spec->file)
		return 0;
	spec->file = mem_zalloc(1, sizeof(*spec->file));
	rc = load_scenario_read(spec->file, spec->scenario, spec, &origins, err);
	load_origins_release(&origins);
	return rc;
}
