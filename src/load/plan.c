/* From what was asked to what the workers need: addresses, requests, steps, the schedule. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"
#include "load/targets.h"

enum { ADDRESSES_MAX = 16 };

static unsigned count_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static int check_spec(const struct load_spec *spec, struct err *err)
{
	bool several = spec->targets.n || spec->urls_file || spec->har_file;

	if (!spec->scenario && !several && (!spec->url || !*spec->url))
		return err_set(
			err, ERR_USAGE, "a URL is missing; give one as http://host:port/path");
	if (spec->scenario && several)
		return err_set(err, ERR_USAGE,
			"%s: a scenario says itself what is requested; leave out other targets",
			spec->scenario);
	if (spec->connections < 1 || spec->requests < 0 || spec->threads < 0 || spec->pipeline < 1)
		return err_set(err, ERR_USAGE,
			"connections and pipeline must be at least 1; requests and threads not "
			"negative");
	if (spec->duration_ns == OPT_AUTO_NS && spec->min_duration_ns > spec->max_duration_ns)
		return err_set(err, ERR_USAGE,
			"duration: auto: min_duration is longer than max_duration; turn them "
			"round");
	if (!spec->timeout_ns || (!spec->requests && !spec->duration_ns))
		return err_set(err, ERR_USAGE, "duration and timeout must be more than 0");
	if (spec->scenario && spec->pipeline > 1)
		return err_set(err, ERR_USAGE,
			"pipeline: a user of a scenario sends one request at a time; give it more "
			"connections instead");
	if (spec->expect && spec->pipeline > 1)
		return err_set(err, ERR_USAGE,
			"expect: a body that waits for 100 Continue cannot be pipelined; leave "
			"out one of --expect and --pipeline");
	if (spec->stages && spec->requests)
		return err_set(err, ERR_USAGE,
			"stages end by time and --requests by number; leave out one of them");
	return 0;
}

/* ---- steps ---- */

static int read_data(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	int rc;

	if (!spec->data_file)
		return 0;
	rc = load_data_read(&plan->data_read, spec->data_file, err);
	if (!rc)
		plan->data = &plan->data_read;
	return rc;
}

/* Each target a step without takes and checks. */
static int make_scenario(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	struct template_names names = {0};
	struct load_targets targets = {0};
	struct load_scenario *s = &plan->made;
	int rc = read_data(plan, spec, err);

	if (rc)
		return rc;
	names.data = plan->data;
	rc = load_targets_read(&targets, spec, &plan->origins, &names, err);
	if (rc)
		return rc;
	s->steps = mem_zalloc(targets.n, sizeof(*s->steps));
	s->n_steps = targets.n;
	s->pick_one = targets.n > 1;
	for (size_t i = 0; i < targets.n; i++)
		s->steps[i].request = targets.items[i];
	free(targets.items); /* what they hold is the steps' now */
	return 0;
}

static int read_scenario(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	/* The spec has taken over what the file says of the load: nothing is set again. */
	struct load_spec same = *spec;
	int rc = load_scenario_read(&plan->file, spec->scenario, &same, &plan->origins, err);

	plan->scenario = &plan->file.scenario;
	if (!rc && plan->file.data.n_rows)
		plan->data = &plan->file.data;
	return rc;
}

static void make_orders(struct load_plan *plan, const struct load_spec *spec)
{
	const struct load_scenario *s = plan->scenario;
	size_t n = s->n_steps - s->n_start;
	double *weights = mem_alloc(n + 1, sizeof(*weights));

	for (size_t i = 0; i < n; i++)
		weights[i] = s->steps[s->n_start + i].request.weight;
	if (s->pick_one && n > 1)
		load_order_init(&plan->picks, n, weights, (enum load_order)spec->order,
			(uint64_t)spec->seed);
	if (plan->data)
		load_order_init(&plan->rows, plan->data->n_rows, NULL, (enum load_order)spec->order,
			(uint64_t)spec->seed + 1);
	free(weights);
}

/* The bytes of requests in which nothing is filled in. */
static void make_ready(struct load_plan *plan, const struct load_spec *spec)
{
	const struct load_scenario *s = plan->scenario;
	struct template_values nothing = {0};
	struct str body = STR_INIT;

	plan->ready = mem_zalloc(s->n_steps, sizeof(*plan->ready));
	for (size_t i = 0; i < s->n_steps; i++) {
		const struct load_request *r = &s->steps[i].request;

		plan->names_seq |= r->takes_seq;
		if (r->constant && !s->cookies)
			load_request_write(r, &plan->origins.items[r->origin], &nothing, NULL,
				!spec->keepalive, spec->expect, &body, &plan->ready[i].bytes,
				&plan->ready[i].head_len);
	}
	str_release(&body);
}

static int make_steps(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	int rc;

	plan->scenario = &plan->made;
	rc = spec->scenario ? read_scenario(plan, spec, err) : make_scenario(plan, spec, err);
	if (rc)
		return rc;
	plan->minds = spec->scenario || plan->data;
	plan->n_targets = plan->scenario->n_steps > 1 ? plan->scenario->n_steps : 0;
	make_orders(plan, spec);
	make_ready(plan, spec);
	return 0;
}

/* ---- places ---- */

static int make_tls(struct tls_config **out, const struct load_spec *spec, struct err *err)
{
	static const char *const OFFERS[][3] = {
		[LOAD_HTTP_1_1] = {"http/1.1", NULL},
		[LOAD_HTTP_2] = {"h2", NULL},
		[LOAD_HTTP_AUTO] = {"h2", "http/1.1", NULL},
	};
	struct tls_options options = {
		.insecure = spec->insecure,
		.ca_file = spec->ca_file,
		.cert_file = spec->cert_file,
		.key_file = spec->key_file,
		.alpn = OFFERS[spec->http],
		.resume = spec->tls_resume,
	};

	*out = tls_config_new(&options, err);
	return *out ? 0 : -(int)err->kind;
}

static int find_address(struct load_plan *plan, struct load_place *place,
	const struct load_origin *o, const struct load_spec *spec, struct err *err)
{
	struct sock_address addresses[ADDRESSES_MAX];
	size_t n;
	int rc;

	if (spec->unix_socket)
		return sock_unix(spec->unix_socket, &place->address, err);
	rc = sock_resolve(o->host, o->port, addresses, ADDRESSES_MAX, &n, err);
	if (!rc)
		place->address = addresses[sock_pick(
			addresses, n, plan->timeout_ns < NS_PER_S ? plan->timeout_ns : NS_PER_S)];
	return rc;
}

static int find_places(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	int rc = 0;

	plan->places = mem_zalloc(plan->origins.n + 1, sizeof(*plan->places));
	for (size_t i = 0; !rc && i < plan->origins.n; i++) {
		const struct load_origin *o = &plan->origins.items[i];
		struct load_place *place = &plan->places[i];

		place->server_name = spec->server_name ? spec->server_name : o->host;
		rc = find_address(plan, place, o, spec, err);
		if (!rc && o->tls && !plan->tls)
			rc = make_tls(&plan->tls, spec, err);
		place->tls = o->tls ? plan->tls : NULL;
	}
	return rc;
}

static int read_sources(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	int rc = 0;

	if (spec->sources.n && spec->unix_socket)
		return err_set(err, ERR_USAGE,
			"source: a Unix socket has no addresses to come from; leave it out");
	plan->sources = mem_zalloc(spec->sources.n + 1, sizeof(*plan->sources));
	while (!rc && plan->n_sources < spec->sources.n) {
		rc = sock_parse_source(
			spec->sources.items[plan->n_sources], &plan->sources[plan->n_sources], err);
		if (!rc)
			rc = sock_check_source(spec->sources.items[plan->n_sources],
				&plan->sources[plan->n_sources], err);
		plan->n_sources++;
	}
	return rc;
}

/* ---- all of it ---- */

static void set_sizes(struct load_plan *plan, const struct load_spec *spec)
{
	uint64_t threads = spec->threads ? (uint64_t)spec->threads : count_cores();

	plan->requests = (uint64_t)spec->requests;
	plan->groups = (uint64_t)spec->connections;
	plan->depth = (uint64_t)spec->pipeline;
	if (plan->requests && plan->groups > plan->requests)
		plan->groups = plan->requests;
	plan->threads = (unsigned)(threads < plan->groups ? threads : plan->groups);
}

int load_plan_init(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	int rc;

	*plan = (struct load_plan){
		.spec = spec, .timeout_ns = spec->timeout_ns, .drain_ns = spec->drain_ns};
	plan->scenario = &plan->made;
	rc = check_spec(spec, err);
	if (!rc)
		rc = load_schedule_init(&plan->schedule, spec, err);
	if (!rc)
		rc = make_steps(plan, spec, err);
	if (!rc)
		rc = read_sources(plan, spec, err);
	if (!rc)
		rc = find_places(plan, spec, err);
	set_sizes(plan, spec);
	plan->by_rule = spec->duration_ns == OPT_AUTO_NS && !spec->requests && !spec->stages;
	return rc;
}

void load_plan_release(struct load_plan *plan)
{
	const struct load_scenario *s = plan->scenario;

	for (size_t i = 0; plan->ready && i < s->n_steps; i++)
		str_release(&plan->ready[i].bytes);
	free(plan->ready);
	tls_config_free(plan->tls);
	free(plan->places);
	free(plan->sources);
	load_order_release(&plan->picks);
	load_order_release(&plan->rows);
	load_schedule_release(&plan->schedule);
	load_scenario_file_release(&plan->file);
	load_scenario_release(&plan->made);
	load_data_release(&plan->data_read);
	load_origins_release(&plan->origins);
}
