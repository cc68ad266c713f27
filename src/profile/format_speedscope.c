/*
 * speedscope's own format. A frame is a function and the line that ran in it; a profile is a
 * thread's. By the wall clock, and where moments are there, samples are in the order of time, and a
 * stretch in which the thread was not looked at is a sample without frames, so that threads line
 * up. Time that the moments do not have comes at the end.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/format.h"
#include "profile/table.h"

/* Frames that are no place of the profile; [0]: places that format_stack() left out. */
enum { FRAME_GAP, FRAME_REST, N_SPECIAL };
static const char REST_TEXT[] = "(time that is not in order)";

struct frames {
	struct table found;
	uint32_t *first; /* of each frame a node of it */
	uint32_t *of_node;
	size_t n, cap;
};

static void frames_init(struct frames *f, const struct profile *p)
{
	*f = (struct frames){0};
	table_init(&f->found, 256);
	f->of_node = mem_zalloc(p->n_nodes, sizeof(*f->of_node));
	f->first = mem_grow(f->first, &f->cap, 64, sizeof(*f->first));
	f->n = N_SPECIAL; /* whose node is the root */
	memset(f->first, 0, N_SPECIAL * sizeof(*f->first));
	for (uint32_t i = 1; i < p->n_nodes; i++) {
		const struct profile_node *n = &p->nodes[i];
		uint32_t hash = table_mix(0, n->function, (uint32_t)n->line);
		size_t at = table_first(&f->found, hash);

		for (; f->found.slots[at].index; at = table_next(&f->found, at)) {
			const struct profile_node *other =
				&p->nodes[f->first[f->found.slots[at].index - 1]];

			if (other->function == n->function && other->line == n->line)
				break;
		}
		if (!f->found.slots[at].index) {
			f->first = mem_grow(f->first, &f->cap, f->n + 1, sizeof(*f->first));
			f->first[f->n] = i;
			f->of_node[i] = (uint32_t)f->n;
			table_put(&f->found, hash, (uint32_t)f->n++);
		} else {
			f->of_node[i] = f->found.slots[at].index - 1;
		}
	}
}

static void frames_release(struct frames *f)
{
	table_discard(&f->found);
	free(f->first);
	free(f->of_node);
}

static void write_frames(struct str *out, const struct frames *f, const struct profile *p)
{
	str_add(out, "\"shared\":{\"frames\":[");
	for (size_t i = 0; i < f->n; i++) {
		const struct profile_node *n = &p->nodes[f->first[i]];
		const struct profile_function *fn = &p->functions[n->function];

		str_add(out, i ? ",\n{\"name\":" : "\n{\"name\":");
		format_json_text(out, i == FRAME_GAP    ? FORMAT_GAP_TEXT
				      : i == FRAME_REST ? REST_TEXT
							: fn->name);
		if (i >= N_SPECIAL && fn->file[0]) {
			str_add(out, ",\"file\":");
			format_json_text(out, fn->file);
		}
		if (i >= N_SPECIAL && n->line > 0)
			str_addf(out, ",\"line\":%" PRId32, n->line);
		str_add_char(out, '}');
	}
	str_add(out, "\n]},\n");
}

/* One profile while it is written: stacks go out at once, weights are kept. */
struct part {
	struct str samples, weights;
	uint64_t sum;
	const struct profile *p;
	const struct frames *frames;
};

/* `node` 0: no frames. */
static void add_sample(struct part *part, uint32_t node, uint64_t weight)
{
	struct format_stack s;
	bool first = part->samples.len == 0;
	size_t from = 0;

	format_stack(&s, part->p, node);
	/* The thread and what is above it have the profile's name already. */
	for (size_t i = 0; i < s.n; i++)
		if (part->p->functions[part->p->nodes[s.places[i]].function].kind == PROFILE_THREAD)
			from = i + 1;
	str_add(&part->samples, first ? "[" : ",[");
	for (size_t i = from; i < s.n; i++)
		str_addf(&part->samples, i > from ? ",%" PRIu32 : "%" PRIu32,
			part->frames->of_node[s.places[i]]);
	str_add_char(&part->samples, ']');
	str_addf(&part->weights, first ? "%" PRIu64 : ",%" PRIu64, weight);
	part->sum += weight;
}

static void write_part(struct str *out, struct part *part, uint32_t thread, uint32_t process,
	enum profile_clock clock, uint64_t start)
{
	const struct profile *p = part->p;
	struct str name = STR_INIT;

	if (process)
		str_add(&name, p->functions[p->nodes[process].function].name);
	if (process && thread)
		str_add(&name, " / ");
	if (thread)
		str_add(&name, p->functions[p->nodes[thread].function].name);
	str_add(out, "{\"type\":\"sampled\",\"name\":");
	format_json_text(out, name.len ? name.p : p->functions[p->nodes[0].function].name);
	str_addf(out, ",\"unit\":\"%s\",\"startValue\":%" PRIu64 ",\"endValue\":%" PRIu64,
		clock == PROFILE_CLOCK_SAMPLES ? "none" : "nanoseconds", start, start + part->sum);
	str_addf(out, ",\n\"samples\":[%s],\n\"weights\":[%s]}", str_text(&part->samples),
		str_text(&part->weights));
	str_release(&name);
	str_clear(&part->samples);
	str_clear(&part->weights);
	part->sum = 0;
}

/* Things by the thread that they belong to (0: none): counting sort, in their order. */
struct groups {
	uint32_t *begin; /* of each thread's node, in `items`; n_nodes + 1 of them */
	uint32_t *items;
};

static void groups_init(struct groups *g, size_t n_nodes, size_t n,
	uint32_t (*of)(const void *arg, size_t i), const void *arg)
{
	g->begin = mem_zalloc(n_nodes + 2, sizeof(*g->begin));
	g->items = mem_alloc(n + 1, sizeof(*g->items));
	for (size_t i = 0; i < n; i++)
		g->begin[of(arg, i) + 2]++;
	for (size_t i = 2; i < n_nodes + 2; i++)
		g->begin[i] += g->begin[i - 1];
	for (size_t i = 0; i < n; i++)
		g->items[g->begin[of(arg, i) + 1]++] = (uint32_t)i;
}

static void groups_release(struct groups *g)
{
	free(g->begin);
	free(g->items);
}

static uint32_t thread_of_moment(const void *arg, size_t i)
{
	return ((const struct profile *)arg)->moments[i].thread;
}

static uint32_t thread_of_node(const void *arg, size_t i)
{
	return ((const uint32_t *)arg)[i];
}

/* The moments of a thread, if they can be believed: below that thread, and no more time than it has
 * (`whole`). Returns their time, or 0. */
static uint64_t moments_time(const struct profile *p, const struct groups *g, uint32_t thread,
	const uint32_t *nearest, uint64_t whole)
{
	uint64_t sum = 0;

	for (uint32_t k = g->begin[thread]; k < g->begin[thread + 1]; k++) {
		const struct profile_moment *m = &p->moments[g->items[k]];

		if (m->length_ns > whole - sum || nearest[m->node] != thread)
			return 0;
		sum += m->length_ns;
	}
	return sum;
}

static void add_moments(
	struct part *part, const struct groups *g, uint32_t thread, uint64_t rest, uint64_t start)
{
	uint64_t end = start;

	for (uint32_t k = g->begin[thread]; k < g->begin[thread + 1]; k++) {
		const struct profile_moment *m = &part->p->moments[g->items[k]];

		if (m->start_ns > end) {
			add_sample(part, 0, m->start_ns - end);
			end = m->start_ns;
		}
		add_sample(part, m->node, m->length_ns);
		end += m->length_ns;
	}
	if (rest > 0) { /* a frame that says so */
		str_addf(&part->samples, ",[%d]", FRAME_REST);
		str_addf(&part->weights, ",%" PRIu64, rest);
		part->sum += rest;
	}
}

void format_speedscope(
	struct str *out, const struct profile *p, enum profile_clock clock, const char *name)
{
	uint32_t *thread = format_nearest(p, PROFILE_THREAD),
		 *process = format_nearest(p, PROFILE_PROCESS);
	uint64_t *whole = mem_zalloc(p->n_nodes, sizeof(*whole));
	struct groups nodes, moments;
	struct frames frames;
	struct part part = {.p = p, .frames = &frames};
	bool any = false;

	frames_init(&frames, p);
	groups_init(&nodes, p->n_nodes, p->n_nodes, thread_of_node, thread);
	groups_init(&moments, p->n_nodes, p->n_moments, thread_of_moment, p);
	for (size_t i = 0; i < p->n_nodes; i++)
		whole[thread[i]] += profile_weigh(&p->nodes[i].self, clock);
	str_add(out,
		"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n\"name\":");
	format_json_text(out, name);
	str_add(out, ",\"exporter\":\"culprit " CULPRIT_VERSION "\",\"activeProfileIndex\":0,\n");
	write_frames(out, &frames, p);
	str_add(out, "\"profiles\":[");
	for (uint32_t t = 0; t < p->n_nodes; t++) {
		uint64_t ordered = 0, start = 0;

		if (whole[t] == 0 && (t + 1 < p->n_nodes || any))
			continue; /* but the last, when there is none yet: one is asked for */
		if (clock == PROFILE_CLOCK_WALL && t > 0)
			ordered = moments_time(p, &moments, t, thread, whole[t]);
		if (ordered > 0) {
			start = p->moments[moments.items[moments.begin[t]]].start_ns;
			add_moments(&part, &moments, t, whole[t] - ordered, start);
		}
		for (uint32_t k = nodes.begin[t]; ordered == 0 && k < nodes.begin[t + 1]; k++) {
			uint32_t i = nodes.items[k];
			uint64_t weight = profile_weigh(&p->nodes[i].self, clock);

			if (weight > 0)
				add_sample(&part, i, weight);
		}
		str_add(out, any ? ",\n" : "\n");
		any = true;
		write_part(out, &part, whole[t] ? t : 0, process[t], clock, start);
	}
	str_add(out, "\n]}\n");
	str_release(&part.samples);
	str_release(&part.weights);
	groups_release(&nodes);
	groups_release(&moments);
	frames_release(&frames);
	free(thread);
	free(process);
	free(whole);
}
