#include "study/live.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/url.h"
#include "proc/limits.h"
#include "proc/relay.h"
#include "proc/workers.h"

/* Workers are to serve within this time of the last signal. */
#define WORKERS_NS (30 * NS_PER_S)

/* One proxy; several factors may shape it. */
struct live_proxy {
	const char *listen, *upstream;
	struct relay *relay;
	struct relay_counts before;
};

struct live {
	const struct study *s;
	struct live_proxy *proxies;
	size_t n_proxies;
	struct limits *limits;
	double throttled_s;    /* before the trial */
	double cores, workers; /* of the setting; NaN */
};

/* ---- before the service starts ---- */

static struct live_proxy *proxy_of(const struct live *l, const struct factor *f)
{
	for (size_t i = 0; i < l->n_proxies; i++)
		if (!strcmp(l->proxies[i].listen, f->target))
			return &l->proxies[i];
	return NULL;
}

static int open_proxy(struct live *l, const struct factor *f, struct err *err)
{
	const char *upstreams[] = {f->upstream, NULL};
	struct relay_spec spec = {.listen = f->target, .upstreams = upstreams, .seed = l->s->seed};
	struct live_proxy *proxy = proxy_of(l, f);
	int rc;

	if (proxy)
		return 0;
	l->proxies = mem_resize(l->proxies, l->n_proxies + 1, sizeof(*l->proxies));
	proxy = &l->proxies[l->n_proxies];
	*proxy = (struct live_proxy){.listen = f->target, .upstream = f->upstream};
	rc = relay_start(&proxy->relay, &spec, err);
	if (rc)
		return err_prefix(err, "the proxy of %s", f->name);
	l->n_proxies++;
	return 0;
}

int live_open(struct live **out, const struct study *s, struct err *err)
{
	struct live *l = mem_zalloc(1, sizeof(*l));
	unsigned needs = 0;
	int rc = 0;

	l->s = s;
	l->cores = l->workers = NAN;
	for (size_t i = 0; i < s->n_factors && !rc; i++) {
		const struct factor *f = &s->factors[i];

		if (f->lever == LEVER_PROXY)
			rc = open_proxy(l, f, err);
		needs |= f->lever == LEVER_QUOTA ? LIMITS_CPU : 0;
		needs |= f->lever == LEVER_MEMORY ? LIMITS_MEMORY : 0;
	}
	if (!rc && needs)
		rc = limits_open(&l->limits, needs, err);
	if (rc) {
		live_close(l);
		l = NULL;
	}
	*out = l;
	return rc;
}

void live_close(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_proxies; i++)
		relay_stop(l->proxies[i].relay);
	free(l->proxies);
	if (l->limits)
		limits_close(l->limits);
	free(l);
}

const char *live_cgroup_procs(const struct live *l)
{
	return l->limits ? limits_procs_path(l->limits) : NULL;
}

/* ---- before a trial ---- */

/* "4" of "4", or of what is behind it: levers take whole values. */
static size_t whole(const char *value)
{
	return (size_t)strtoul(value, NULL, 10);
}

static int set_shape(
	struct relay_shape *shape, const struct factor *f, const char *value, struct err *err)
{
	double number = strtod(value, NULL);

	switch (f->shape) {
	case PROXY_LATENCY:
		return num_parse_duration(
			value, 0, 3600 * NS_PER_S, f->name, &shape->delay_ns, err);
	case PROXY_JITTER:
		return num_parse_duration(
			value, 0, 3600 * NS_PER_S, f->name, &shape->jitter_ns, err);
	case PROXY_SIGMA: shape->sigma = number; return 0;
	case PROXY_BANDWIDTH:
		return num_parse_size(
			value, 1, UINT64_C(1) << 40, f->name, &shape->bytes_per_second, err);
	case PROXY_DROP: shape->drop = number; return 0;
	}
	return 0;
}

static int apply_proxies(struct live *l, const struct setting *t, json_t *seen, struct err *err)
{
	for (size_t p = 0; p < l->n_proxies; p++) {
		struct live_proxy *proxy = &l->proxies[p];
		struct relay_shape shape = {0};
		int rc = 0;

		for (size_t i = 0; i < l->s->n_factors && !rc; i++) {
			const struct factor *f = &l->s->factors[i];

			if (f->lever != LEVER_PROXY || strcmp(f->target, proxy->listen) != 0)
				continue;
			rc = set_shape(&shape, f, t->values[i], err);
			json_object_set_new(seen, f->name, json_string(t->values[i]));
		}
		if (!rc)
			rc = relay_check(proxy->relay, err);
		if (!rc)
			rc = relay_set(proxy->relay, &shape, err);
		if (rc)
			return err_prefix(err, "the proxy on %s", proxy->listen);
		relay_count(proxy->relay, &proxy->before);
	}
	return 0;
}

static int apply_workers(const struct live *l, const struct fleet *fleet, const char *value,
	const atomic_bool *stop, json_t *seen, const char *name, struct err *err)
{
	struct str text = STR_INIT;
	struct url url;
	int rc = url_parse(&url, l->s->load.url, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < fleet->n && !rc; i++) {
		pid_t master = workers_master(service_pid(fleet->items[i]), url.port);

		if (!master)
			rc = err_set(err, ERR_SERVICE,
				"%s: no process of the service listens on port %s and has "
				"workers below it; is it started with a master, as gunicorn is?",
				name, url.port);
		else
			rc = workers_set(master, (unsigned)whole(value), WORKERS_NS, stop, err);
		if (!rc)
			str_addf(&text, "%s%u", i ? ", " : "", workers_count(master));
	}
	json_object_set_new(seen, name, json_string(str_text(&text)));
	str_release(&text);
	url_release(&url);
	return rc;
}

static int apply_limit(struct live *l, const struct factor *f, const char *value,
	const struct fleet *fleet, struct err *err)
{
	uint64_t bytes;
	cpu_set_t cores;
	int rc;

	switch (f->lever) {
	case LEVER_QUOTA:
		l->cores = strtod(value, NULL);
		return limits_set_cpus(l->limits, strtod(value, NULL), err);
	case LEVER_MEMORY:
		rc = num_parse_size(value, 1, UINT64_C(1) << 50, f->name, &bytes, err);
		return rc ? rc : limits_set_memory(l->limits, bytes, err);
	default: break;
	}
	rc = limits_parse_cores(value, &cores, err);
	if (rc)
		return rc;
	l->cores = (double)CPU_COUNT(&cores);
	for (size_t i = 0; i < fleet->n; i++) {
		rc = limits_pin(service_pid(fleet->items[i]), value, err);
		if (rc)
			return rc;
	}
	return 0;
}

int live_apply(struct live *l, const struct setting *t, const struct fleet *fleet,
	const atomic_bool *stop, json_t *seen, struct err *err)
{
	int rc = apply_proxies(l, t, seen, err);

	for (size_t i = 0; i < l->s->n_factors && !rc; i++) {
		const struct factor *f = &l->s->factors[i];

		if (f->lever == LEVER_WORKERS) {
			l->workers = (double)whole(t->values[i]);
			rc = apply_workers(l, fleet, t->values[i], stop, seen, f->name, err);
		} else if (f->lever == LEVER_QUOTA || f->lever == LEVER_MEMORY ||
			   f->lever == LEVER_CORES) {
			rc = apply_limit(l, f, t->values[i], fleet, err);
			json_object_set_new(seen, f->name, json_string(t->values[i]));
		}
	}
	if (l->limits) {
		double used_s;

		if (!limits_cpu(l->limits, &used_s, &l->throttled_s))
			l->throttled_s = 0;
	}
	return rc;
}

/* ---- after it ---- */

static json_t *proxy_json(const struct live_proxy *p)
{
	struct relay_counts now;
	uint64_t pieces;

	relay_count(p->relay, &now);
	pieces = now.pieces - p->before.pieces;
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f}", "listen", p->listen, "upstream",
		p->upstream, "connections", (json_int_t)(now.accepted - p->before.accepted),
		"dropped", (json_int_t)(now.dropped - p->before.dropped), "refused",
		(json_int_t)(now.refused - p->before.refused), "pieces", (json_int_t)pieces,
		"mean_delay_ms",
		pieces ? (double)(now.delay_ns - p->before.delay_ns) / (double)pieces / 1e6 : 0);
}

double live_allowed_cores(const struct live *l)
{
	return l->cores;
}

double live_workers(const struct live *l)
{
	return l->workers;
}

double live_throttled_s(const struct live *l)
{
	double used_s, throttled_s;

	if (!l->limits || !limits_cpu(l->limits, &used_s, &throttled_s))
		return 0;
	return throttled_s - l->throttled_s;
}

int live_account(struct live *l, json_t *detail, struct err *err)
{
	json_t *list = json_array();
	int rc = 0;

	for (size_t i = 0; i < l->n_proxies; i++) {
		json_array_append_new(list, proxy_json(&l->proxies[i]));
		if (!rc && relay_check(l->proxies[i].relay, err))
			rc = err_prefix(err, "the proxy on %s", l->proxies[i].listen);
	}
	if (l->n_proxies)
		json_object_set(detail, "proxies", list);
	json_decref(list);
	if (l->limits)
		json_object_set_new(detail, "throttled_s", json_real(live_throttled_s(l)));
	return rc;
}
