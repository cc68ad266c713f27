/*
 * What booking a sample costs, and what a large profile weighs: stacks of depth 50 whose outer
 * parts are shared, as a service's are. One line of JSON a measurement.
 *
 *     profile_tree_drive
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "base/rng.h"
#include "profile/formats.h"
#include "profile/view.h"

enum { DEPTH = 50, FUNCTIONS = 400, SAMPLES = 200000, LARGE = 100000 };

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A stack at random: at every sixth frame it may go one of `ways`. */
static uint32_t stack(struct profile *p, struct rng *r, const uint32_t *functions, uint64_t ways)
{
	uint32_t at = 0;
	uint64_t way = 0;

	for (uint32_t d = 0; d < DEPTH; d++) {
		if (d % 6 == 5)
			way = rng_below(r, ways);
		at = profile_node(p, at, functions[(d * 8 + way) % FUNCTIONS], (int32_t)(d + way));
	}
	return at;
}

static struct profile *fill(uint64_t ways, size_t max_nodes, double *ns_a_sample)
{
	static const struct profile_weight one = {1, 1000000, 500000, 0};
	struct profile *p = profile_new();
	uint32_t functions[FUNCTIONS];
	struct rng r;
	char name[40];
	double begin;
	size_t n = 0;

	rng_seed(&r, 1, 0);
	for (int i = 0; i < FUNCTIONS; i++) {
		snprintf(name, sizeof(name), "Class%d.method_%d", i % 40, i);
		functions[i] = profile_function(p, PROFILE_PYTHON, name, "/srv/app/module.py", i);
	}
	begin = cpu_s();
	for (; n < SAMPLES && p->n_nodes < max_nodes; n++)
		profile_add(p, stack(p, &r, functions, ways), &one);
	*ns_a_sample = (cpu_s() - begin) * 1e9 / (double)n;
	return p;
}

static void measure_large(void)
{
	double ns, t[6];
	struct profile *p = fill(8, LARGE, &ns), *back;
	struct str text = STR_INIT, out = STR_INIT;
	struct view_options o = {.clock = PROFILE_CLOCK_WALL, .fold = true};
	struct view v;
	struct err err;
	json_t *json;

	t[0] = cpu_s();
	json = profile_to_json(p);
	json_write(&text, json, 0);
	json_decref(json);
	t[1] = cpu_s();
	json = json_read(text.p, "profile", &err);
	if (!json || profile_from_json(&back, json, &err))
		return;
	json_decref(json);
	t[2] = cpu_s();
	view_make(&v, p, &o);
	t[3] = cpu_s();
	printf("{\"nodes\": %zu, \"json_bytes\": %zu, \"write_s\": %.4f, \"read_s\": %.4f, "
	       "\"view_s\": %.4f",
		p->n_nodes, text.len, t[1] - t[0], t[2] - t[1], t[3] - t[2]);
	for (int f = 0; PROFILE_FORMAT_WORDS[f]; f++) {
		t[4] = cpu_s();
		str_clear(&out);
		profile_write(&out, p, (enum profile_format)f, PROFILE_CLOCK_WALL, "bench");
		t[5] = cpu_s();
		printf(", \"%s_bytes\": %zu, \"%s_s\": %.4f", PROFILE_FORMAT_WORDS[f], out.len,
			PROFILE_FORMAT_WORDS[f], t[5] - t[4]);
	}
	printf("}\n");
	view_release(&v);
	profile_free(back);
	profile_free(p);
	str_release(&text);
	str_release(&out);
}

int main(void)
{
	for (uint64_t ways = 1; ways <= 4; ways *= 2) {
		double ns;
		struct profile *p = fill(ways, SIZE_MAX, &ns);

		printf("{\"nodes\": %zu, \"ns_a_sample\": %.1f, \"ns_a_frame\": %.2f}\n",
			p->n_nodes, ns, ns / DEPTH);
		profile_free(p);
	}
	measure_large();
	return 0;
}
