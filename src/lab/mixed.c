#include "lab/mixed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lab/master.h"
#include "lab/worker.h"

/* One entry of the object: its key, as text, and its value. */
struct entry {
	uint32_t value;
	uint8_t len;
	char key[11];
};

/* '"', the key, '": ', the value, ', ': seven digits at most */
enum { ENTRY_TEXT = 2 * 7 + 6 };

size_t mixed_json_bytes(size_t length)
{
	return length * (sizeof(struct entry) + ENTRY_TEXT) + 16;
}

static size_t write_number(char *out, uint32_t value)
{
	char digits[10];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

size_t mixed_serialise(void *memory, size_t length, const char **text)
{
	struct entry *entries = memory;
	char *start = (char *)(entries + length), *p = start;

	for (size_t i = 0; i < length; i++) {
		entries[i].value = (uint32_t)i;
		entries[i].len = (uint8_t)write_number(entries[i].key, (uint32_t)i);
	}
	*p++ = '{';
	for (size_t i = 0; i < length; i++) {
		if (i) {
			*p++ = ',';
			*p++ = ' ';
		}
		*p++ = '"';
		memcpy(p, entries[i].key, entries[i].len);
		p += entries[i].len;
		*p++ = '"';
		*p++ = ':';
		*p++ = ' ';
		p += write_number(p, entries[i].value);
	}
	*p++ = '}';
	*text = start;
	return (size_t)(p - start);
}

uint64_t mixed_sleep_ns(struct rng *rng, double minimum_s, double median_s, double sigma)
{
	double seconds = minimum_s + median_s * exp(sigma * rng_normal(rng));

	return seconds < 3600 ? (uint64_t)(seconds * 1e9) : 3600 * NS_PER_S;
}

enum param { FRACTION, MEAN, MINIMUM, DEVIATION, LENGTH, ROUNDS };
#define BIT(param) (1u << (param))

static const struct query_param PARAMS[] = {
	[FRACTION] = {"fraction_io_bound", "a fraction", 0, 1},
	[MEAN] = {"mean_response_time", "seconds", 0, 3600},
	[MINIMUM] = {"min_response_time", "seconds", 0, 3600},
	[DEVIATION] = {"std_response_time", "a standard deviation of the logarithm", 0, 10},
	[LENGTH] = {"json_object_length", "a number of entries", 0, MIXED_MAX_LENGTH},
	[ROUNDS] = {"cpu_rounds", "a number of rounds", 0, 1e6},
	[ROUNDS + 1] = {0},
};

enum route { MIX, IO, CPU };
#define IO_NEEDS  (BIT(MEAN) | BIT(MINIMUM) | BIT(DEVIATION))
#define CPU_NEEDS BIT(LENGTH)

/* "/" needs all, whichever way it goes, so that a wrong request is always wrong. */
static const struct app_route ROUTES[] = {
	[MIX] = {"/", BIT(FRACTION) | IO_NEEDS | CPU_NEEDS},
	[IO] = {"/io", IO_NEEDS},
	[CPU] = {"/cpu", CPU_NEEDS},
	[CPU + 1] = {0},
};

static void compute(struct worker *w, size_t length, double rounds)
{
	size_t n = (size_t)(rounds * w->cost + .5);
	size_t bytes = mixed_json_bytes(length);
	uint64_t began = clock_thread_cpu_ns();
	const char *text;

	if (bytes > w->state_bytes) {
		free(w->state);
		w->state = mem_alloc(bytes, 1);
		w->state_bytes = bytes;
	}
	for (size_t i = 0; i < n; i++) {
		mixed_serialise(w->state, length, &text);
		/* the compiler must take the text for read, or there is nothing to do */
		__asm__ volatile("" : : "r"(text) : "memory");
	}
	tally_add(&w->slot->cpu_ns, clock_thread_cpu_ns() - began);
	tally_add(&w->slot->computed, 1);
}

static uint64_t work(
	struct worker *w, size_t route, const struct query_values *values, uint64_t arrived_ns)
{
	const double *v = values->value;

	(void)arrived_ns;
	if (route == MIX)
		route = rng_uniform(&w->rng) < v[FRACTION] ? IO : CPU;
	if (route == IO)
		return mixed_sleep_ns(
			&w->rng, v[MINIMUM] * w->cost, v[MEAN] * w->cost, v[DEVIATION]);
	compute(w, (size_t)v[LENGTH],
		values->given & BIT(ROUNDS) ? floor(v[ROUNDS]) : (double)w->spec->cpu_rounds);
	return 0;
}

static const struct app APP = {.name = "mixed", .routes = ROUTES, .params = PARAMS, .work = work};

int lab_mixed_run(const struct lab_spec *spec, const struct lab_hooks *hooks, struct err *err)
{
	return master_run(&APP, spec, hooks, err);
}
