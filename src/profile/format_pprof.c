/*
 * pprof's protobuf, gzipped. Messages are encoded by protobuf-c from pprof.proto; samples one by
 * one, each as it stands, so that memory is a sample's and not the profile's.
 */
#include <profile/pprof.pb-c.h> /* made by protoc-c */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "profile/format.h"
#include "profile/table.h"

/* Into a growing text, as protobuf-c wants it. */
struct sink {
	ProtobufCBuffer base;
	struct str bytes;
};

static void sink_append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
	str_add_bytes(&((struct sink *)base)->bytes, data, len);
}

/* Texts of the table, by their address: a profile has each once. */
struct strings {
	struct table found;
	const char **items;
	size_t n, cap;
};

static int64_t string_at(struct strings *s, const char *text)
{
	uint32_t hash = table_hash_text(text, strlen(text));

	for (size_t at = table_first(&s->found, hash); s->found.slots[at].index;
		at = table_next(&s->found, at)) {
		uint32_t i = s->found.slots[at].index - 1;

		if (s->found.slots[at].hash == hash && strcmp(s->items[i], text) == 0)
			return i;
	}
	s->items = mem_grow(s->items, &s->cap, s->n + 1, sizeof(*s->items));
	s->items[s->n] = text;
	table_put(&s->found, hash, (uint32_t)s->n);
	return (int64_t)s->n++;
}

struct writer {
	const struct profile *p;
	struct sink out;
	struct strings strings;
	uint32_t *location;   /* of each node, from 1 */
	uint32_t *of_kind[3]; /* of each node, the nearest process, thread and task */
};

static const enum profile_kind LABEL_KINDS[3] = {PROFILE_PROCESS, PROFILE_THREAD, PROFILE_TASK};

/* A message can be written in pieces: encodings that follow each other are merged. `profile` holds
 * pointers to one thing at a time. */
static void put(struct writer *w, const Pprof__Profile *profile)
{
	pprof__profile__pack_to_buffer(profile, &w->out.base);
}

static bool is_frame(const struct profile *p, uint32_t node)
{
	enum profile_kind kind = p->functions[p->nodes[node].function].kind;

	return kind == PROFILE_PYTHON || kind == PROFILE_NATIVE || kind == PROFILE_MARK;
}

static void put_types(struct writer *w)
{
	Pprof__ValueType types[4], *list[4];
	Pprof__Profile profile = PPROF__PROFILE__INIT;

	for (int i = 0; i < 4; i++) {
		/* samples first, as everywhere; then the clocks */
		enum profile_clock clock = i ? (enum profile_clock)(i - 1) : PROFILE_CLOCK_SAMPLES;

		types[i] = (Pprof__ValueType)PPROF__VALUE_TYPE__INIT;
		types[i].type = string_at(&w->strings, PROFILE_CLOCK_WORDS[clock]);
		types[i].unit = string_at(&w->strings, i ? "nanoseconds" : "count");
		list[i] = &types[i];
	}
	profile.n_sample_type = 4;
	profile.sample_type = list;
	profile.default_sample_type = types[1].type;
	profile.period_type = list[1];
	if (w->p->about.rate_hz >= 1e-3 && w->p->about.rate_hz <= 1e9)
		profile.period = (int64_t)(1e9 / w->p->about.rate_hz);
	if (w->p->about.duration_s <= 9e9)
		profile.duration_nanos = (int64_t)(w->p->about.duration_s * 1e9);
	put(w, &profile);
}

/* And one that stands for the places which format_stack() leaves out. */
static void put_functions(struct writer *w)
{
	static const struct profile_function gap = {PROFILE_MARK, FORMAT_GAP_TEXT, "", 0};

	for (size_t i = 0; i <= w->p->n_functions; i++) {
		const struct profile_function *f =
			i < w->p->n_functions ? &w->p->functions[i] : &gap;
		Pprof__Function function = PPROF__FUNCTION__INIT, *list = &function;
		Pprof__Profile profile = PPROF__PROFILE__INIT;

		function.id = i + 1;
		function.name = function.system_name = string_at(&w->strings, f->name);
		function.filename = string_at(&w->strings, f->file);
		function.start_line = f->first_line;
		profile.n_function = 1;
		profile.function = &list;
		put(w, &profile);
	}
}

/* pprof wants a mapping, if only one that says that names are there already. */
static void put_mapping(struct writer *w)
{
	Pprof__Mapping mapping = PPROF__MAPPING__INIT, *list = &mapping;
	Pprof__Profile profile = PPROF__PROFILE__INIT;

	mapping.id = 1;
	mapping.has_functions = mapping.has_filenames = mapping.has_line_numbers = true;
	profile.n_mapping = 1;
	profile.mapping = &list;
	put(w, &profile);
}

static void put_location(struct writer *w, uint64_t id, uint32_t function, int32_t line_number)
{
	Pprof__Line line = PPROF__LINE__INIT, *lines = &line;
	Pprof__Location location = PPROF__LOCATION__INIT, *list = &location;
	Pprof__Profile profile = PPROF__PROFILE__INIT;

	line.function_id = function + 1;
	line.line = line_number;
	location.id = id;
	location.mapping_id = 1;
	location.n_line = 1;
	location.line = &lines;
	profile.n_location = 1;
	profile.location = &list;
	put(w, &profile);
}

/* One for each function and line. Returns the first number that is free. */
static uint32_t put_locations(struct writer *w)
{
	const struct profile *p = w->p;
	uint32_t *node_of = mem_alloc(p->n_nodes + 1, sizeof(*node_of)), n = 0;
	struct table found;

	table_init(&found, 256);
	for (uint32_t i = 0; i < p->n_nodes; i++) {
		const struct profile_node *node = &p->nodes[i];
		uint32_t hash = table_mix(0, node->function, (uint32_t)node->line);
		size_t at = table_first(&found, hash);

		for (; found.slots[at].index; at = table_next(&found, at)) {
			const struct profile_node *other =
				&p->nodes[node_of[found.slots[at].index]];

			if (other->function == node->function && other->line == node->line)
				break;
		}
		if (found.slots[at].index) {
			w->location[i] = found.slots[at].index;
			continue;
		}
		table_put(&found, hash, n++);
		node_of[n] = i;
		w->location[i] = n;
		put_location(w, n, node->function, node->line);
	}
	table_discard(&found);
	free(node_of);
	return n + 1;
}

static void put_sample(struct writer *w, uint32_t node, uint64_t gap)
{
	static const char *const keys[3] = {"process", "thread", "task"};
	const struct profile *p = w->p;
	const struct profile_weight *self = &p->nodes[node].self;
	Pprof__Sample sample = PPROF__SAMPLE__INIT, *list = &sample;
	Pprof__Profile profile = PPROF__PROFILE__INIT;
	Pprof__Label labels[3], *label_list[3];
	uint64_t places[FORMAT_MAX_DEPTH + 1];
	int64_t values[4] = {(int64_t)self->samples, (int64_t)self->wall_ns, (int64_t)self->cpu_ns,
		(int64_t)self->gil_ns};
	struct format_stack s;

	format_stack(&s, p, node);
	for (size_t i = s.n; i-- > 0;)
		if (s.places[i] == FORMAT_GAP)
			places[sample.n_location_id++] = gap;
		else if (is_frame(p, s.places[i]))
			places[sample.n_location_id++] = w->location[s.places[i]];
	if (sample.n_location_id == 0) /* a thread without frames: its name */
		places[sample.n_location_id++] = w->location[node];
	for (int k = 0; k < 3; k++) {
		uint32_t at = w->of_kind[k][node];
		Pprof__Label *label = &labels[sample.n_label];

		if (at == 0)
			continue;
		*label = (Pprof__Label)PPROF__LABEL__INIT;
		label->key = string_at(&w->strings, keys[k]);
		label->str = string_at(&w->strings, p->functions[p->nodes[at].function].name);
		label_list[sample.n_label++] = label;
	}
	sample.location_id = places;
	sample.n_value = 4;
	sample.value = values;
	sample.label = label_list;
	profile.n_sample = 1;
	profile.sample = &list;
	put(w, &profile);
}

static void put_strings(struct writer *w)
{
	for (size_t i = 0; i < w->strings.n; i++) {
		char *text = (char *)w->strings.items[i];
		Pprof__Profile profile = PPROF__PROFILE__INIT;

		profile.n_string_table = 1;
		profile.string_table = &text;
		put(w, &profile);
	}
}

/* The gzip header has no time in it, so that equal profiles are equal bytes. */
static void add_gzipped(struct str *out, const struct str *bytes)
{
	z_stream z = {.next_in = (unsigned char *)bytes->p};
	size_t left = bytes->len;
	unsigned char room[65536];
	int rc = Z_OK;

	if (deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* zlib refuses for want of memory only */
	while (rc != Z_STREAM_END) {
		uInt some = left > (1u << 30) ? 1u << 30 : (uInt)left;

		if (z.avail_in == 0) {
			z.avail_in = some;
			left -= some;
		}
		z.next_out = room;
		z.avail_out = sizeof(room);
		rc = deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
		str_add_bytes(out, room, sizeof(room) - z.avail_out);
	}
	deflateEnd(&z);
}

void format_pprof(struct str *out, const struct profile *p, const char *name)
{
	struct writer w = {.p = p, .out.base.append = sink_append};
	Pprof__Profile profile = PPROF__PROFILE__INIT;
	int64_t comment;
	uint32_t gap;

	table_init(&w.strings.found, 256);
	string_at(&w.strings, "");
	w.location = mem_alloc(p->n_nodes, sizeof(*w.location));
	for (int k = 0; k < 3; k++)
		w.of_kind[k] = format_nearest(p, LABEL_KINDS[k]);
	put_types(&w);
	put_mapping(&w);
	put_functions(&w);
	gap = put_locations(&w);
	put_location(&w, gap, (uint32_t)p->n_functions, 0);
	for (uint32_t i = 0; i < p->n_nodes; i++) {
		const struct profile_weight *s = &p->nodes[i].self;

		if (s->samples || s->wall_ns || s->cpu_ns || s->gil_ns)
			put_sample(&w, i, gap);
	}
	comment = string_at(&w.strings, name);
	profile.n_comment = 1;
	profile.comment = &comment;
	put(&w, &profile);
	put_strings(&w);
	add_gzipped(out, &w.out.bytes);
	for (int k = 0; k < 3; k++)
		free(w.of_kind[k]);
	free(w.location);
	free(w.strings.items);
	table_discard(&w.strings.found);
	str_release(&w.out.bytes);
}
