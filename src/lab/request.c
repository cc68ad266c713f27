/* What a request asks: its route and its parameters, and whether it can be had. */
#include "lab/worker.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* By enum lab_fault: with what probability; then the status of FAULT_STATUS. */
static const struct query_param FAULT_PARAMS[] = {
	[FAULT_RESET] = {"fault_reset", "a probability", 0, 1},
	[FAULT_CLOSE] = {"fault_close", "a probability", 0, 1},
	[FAULT_TRUNCATE] = {"fault_truncate", "a probability", 0, 1},
	[FAULT_MALFORMED] = {"fault_malformed", "a probability", 0, 1},
	[FAULT_SILENCE] = {"fault_silence", "a probability", 0, 1},
	[FAULT_STATUS] = {"fault_status_rate", "a probability", 0, 1},
	[REQUEST_FAULT_STATUS] = {"fault_status", "a status", 200, 599},
	[REQUEST_FAULT_STATUS + 1] = {0},
};

void request_refuse(struct conn *c, int status, const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;

	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	str_add_char(&text, '\n');
	free(c->why);
	c->why = str_take(&text);
	c->refusal = status;
}

static void find_route(struct conn *c, struct http_slice path)
{
	const struct worker *w = c->worker;

	for (size_t i = 0; i < w->n_routes; i++)
		if (http_slice_is(path, w->app->routes[i].path)) {
			c->route = i;
			return;
		}
	if (http_slice_is(path, "/health"))
		c->route = w->n_routes + ROUTE_HEALTH;
	else if (http_slice_is(path, "/counters") || http_slice_is(path, "/metrics"))
		c->route = ROUTE_COUNTERS;
	else
		c->route = w->n_routes + ROUTE_OTHER;
}

/* Does the head have a line "Accept: …application/openmetrics-text…"? */
static bool accepts_open_metrics(const struct http_request *r)
{
	static const char NAME[] = "accept:", TYPE[] = "application/openmetrics-text";
	const char *end = r->method.p + r->head_len, *next;

	for (const char *p = r->method.p; p < end; p = next) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));

		line_end = line_end ? line_end : end;
		next = line_end + 1;
		if ((size_t)(line_end - p) > sizeof(NAME) &&
			!strncasecmp(p, NAME, sizeof(NAME) - 1) &&
			memmem(p, (size_t)(line_end - p), TYPE, sizeof(TYPE) - 1))
			return true;
	}
	return false;
}

/* The parameters of the app and of the faults; others are none of ours, as in any service. */
static int read_query(struct conn *c, struct http_slice query, struct err *err)
{
	const struct app *app = c->worker->app;
	struct http_slice name, value;
	int rc = 0;

	while (query_next(&query, &name, &value)) {
		rc = c->route < c->worker->n_routes
			     ? query_put(app->params, name, value, &c->values, err)
			     : 0;
		if (!rc)
			rc = query_put(FAULT_PARAMS, name, value, &c->faults, err);
		if (rc < 0)
			return rc;
	}
	if (c->faults.given & 1u << FAULT_STATUS)
		return query_need(FAULT_PARAMS, 1u << REQUEST_FAULT_STATUS, &c->faults, err);
	if (c->faults.given & 1u << REQUEST_FAULT_STATUS) {
		c->faults.given |= 1u << FAULT_STATUS;
		c->faults.value[FAULT_STATUS] = 1;
	}
	return 0;
}

static void check_query(struct conn *c, const struct http_request *r)
{
	const struct app *app = c->worker->app;
	struct err err;
	int rc = read_query(c, r->query, &err);

	if (!rc && c->route < c->worker->n_routes)
		rc = query_need(app->params, app->routes[c->route].needs, &c->values, &err);
	if (rc)
		request_refuse(c, 400, "%s", err.text);
}

void request_admit(struct conn *c, const struct http_request *r)
{
	struct tally_slot *slot = c->worker->slot;

	find_route(c, r->path);
	c->metrics = http_slice_is(r->path, "/metrics");
	c->open_metrics = c->metrics && accepts_open_metrics(r);
	c->head_only = http_slice_is(r->method, "HEAD");
	c->keepalive = r->keepalive;
	c->old = r->minor == 0;
	c->refusal = 0;
	c->values.given = c->faults.given = 0;
	c->bytes = r->head_len;
	http_body_init(&c->body, r);
	if (!c->looked && c->route == ROUTE_COUNTERS) {
		c->own = true;
		tally_add(&slot->accepted, (uint64_t)-1);
		tally_add(&slot->own_accepted, 1);
	}
	c->looked = true;
	if (c->route != ROUTE_COUNTERS)
		check_query(c, r);
	if (c->route == c->worker->n_routes + ROUTE_OTHER)
		request_refuse(
			c, 404, "no such path; /counters, /metrics and /health are everywhere");
	else if (!c->head_only && !http_slice_is(r->method, "GET") &&
		 !http_slice_is(r->method, "POST"))
		request_refuse(c, 405, "the lab takes GET, HEAD and POST");
	else if (r->content_length > WORKER_MAX_BODY)
		request_refuse(c, 413, "a body may have %d bytes", WORKER_MAX_BODY);
	c->state = CONN_BODY;
}
