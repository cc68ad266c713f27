#include "lab/tally.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/json.h"

static const char *const FAULT_WORDS[] = {
#define X(name, word, text) word,
	LAB_FAULTS(X)
#undef X
};

struct tally *tally_new(struct err *err)
{
	/* pages that no worker touches are never made */
	struct tally *t =
		mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED) {
		err_errno(err, ERR_SYSTEM, errno, "cannot share %zu bytes for the counters",
			sizeof(*t));
		return NULL;
	}
	t->began_ns = clock_now_ns();
	return t;
}

void tally_free(struct tally *t)
{
	if (t)
		munmap(t, sizeof(*t));
}

static uint64_t answered(const struct tally_slot *slot, size_t route)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TALLY_STATUSES; i++)
		sum += tally_get(&slot->status[route][i]);
	return sum;
}

/* Requests that are over, whatever came of them. */
static uint64_t over(const struct tally_slot *slot)
{
	uint64_t sum = tally_get(&slot->abandoned) + tally_get(&slot->lost);

	for (size_t i = 0; i < N_FAULTS; i++)
		if (i != FAULT_STATUS)
			sum += tally_get(&slot->faults[i]);
	for (size_t i = 0; i < TALLY_ROUTES; i++)
		sum += answered(slot, i);
	return sum;
}

static uint64_t received(const struct tally_slot *slot)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TALLY_ROUTES; i++)
		sum += tally_get(&slot->received[i]);
	return sum;
}

/* Of counters that are written while they are read: never below nothing. */
static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void tally_bury(struct tally_slot *slot)
{
	tally_add(&slot->lost, less(received(slot), over(slot)));
	tally_add(&slot->doubtful, slot->sending);
	tally_set(&slot->sending, 0);
	tally_set(&slot->closed, slot->accepted);
	tally_set(&slot->own_closed, slot->own_accepted);
	tally_set(&slot->pid, 0);
	tally_set(&slot->state, SLOT_FREE);
}

static uint64_t open_now(const struct tally_slot *slot)
{
	uint64_t closed = tally_get(&slot->closed);

	return less(tally_get(&slot->accepted), closed);
}

uint64_t tally_fewest_open(const struct tally *t)
{
	uint64_t fewest = UINT64_MAX, n = tally_get(&t->n_slots);

	for (uint64_t i = 0; i < n; i++) {
		const struct tally_slot *slot = &t->slots[i];
		uint64_t open = open_now(slot);

		if (tally_get(&slot->state) == SLOT_SERVING && open < fewest)
			fewest = open;
	}
	return fewest;
}

/* The sum of one field, given by its place in a slot, over all slots. */
static uint64_t sum_at(const struct tally *t, size_t offset)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < t->n_slots; i++)
		sum += tally_get((const uint64_t *)((const char *)&t->slots[i] + offset));
	return sum;
}

#define SUM(field) sum_at(t, offsetof(struct tally_slot, field))

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* {"200": 5, …}: of one route, or of all with route TALLY_ROUTES. Returns their sum. */
static uint64_t put_statuses(const struct tally *t, size_t route, json_t *into)
{
	json_t *statuses = json_object();
	uint64_t all = 0;

	for (size_t status = 0; status < TALLY_STATUSES; status++) {
		char key[8];
		uint64_t n = 0;

		for (size_t r = 0; r < TALLY_ROUTES; r++)
			if (route == r || route == TALLY_ROUTES)
				n += SUM(status[r][status]);
		snprintf(key, sizeof(key), "%zu", status);
		if (n)
			put(statuses, key, n);
		all += n;
	}
	json_object_set_new(into, "status", statuses);
	return all;
}

static json_t *routes_to_json(const struct tally *t, const char *const *routes)
{
	json_t *all = json_object();

	for (size_t r = 0; routes[r]; r++) {
		json_t *one = json_object();

		put(one, "received", SUM(received[r]));
		put(one, "answered", put_statuses(t, r, one));
		tally_times_to_json(&t->times[r], one);
		json_object_set_new(all, routes[r], one);
	}
	return all;
}

static json_t *workers_to_json(const struct tally *t)
{
	static const char *const STATES[] = {"gone", "starting", "serving", "retiring"};
	json_t *all = json_array();

	for (uint64_t i = 0; i < t->n_slots; i++) {
		const struct tally_slot *slot = &t->slots[i];
		json_t *one = json_object();

		put(one, "pid", tally_get(&slot->pid));
		json_object_set_new(one, "state", json_string(STATES[tally_get(&slot->state) & 3]));
		put(one, "received", received(slot));
		put(one, "accepted", tally_get(&slot->accepted));
		put(one, "open", open_now(slot));
		json_array_append_new(all, one);
	}
	return all;
}

static uint64_t serving(const struct tally *t)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < t->n_slots; i++)
		n += tally_get(&t->slots[i].state) == SLOT_SERVING;
	return n;
}

json_t *tally_to_json(const struct tally *t, const char *lab, const char *const *routes)
{
	json_t *all = json_object(), *faults = json_object(), *requests = json_object();
	uint64_t n_received = 0, n_over = 0;

	for (uint64_t i = 0; i < t->n_slots; i++) {
		/* ended ones first: a request that ends between the two is under way, not less than
		 * none */
		n_over += over(&t->slots[i]);
		n_received += received(&t->slots[i]);
	}
	json_object_set_new(all, "lab", json_string(lab));
	put(all, "workers", serving(t));
	put(all, "worker_starts", tally_get(&t->starts));
	put(all, "worker_deaths", tally_get(&t->deaths));
	json_object_set_new(
		all, "uptime_seconds", json_real((double)(clock_now_ns() - t->began_ns) / 1e9));
	put(all, "seed", t->seed);
	put(requests, "received", n_received);
	put(requests, "answered", put_statuses(t, TALLY_ROUTES, requests));
	put(requests, "under_way", less(n_received, n_over));
	put(requests, "abandoned", SUM(abandoned));
	put(requests, "lost", SUM(lost));
	put(requests, "doubtful", SUM(doubtful));
	json_object_set_new(all, "requests", requests);
	json_object_set_new(all, "routes", routes_to_json(t, routes));
	for (size_t i = 0; i < N_FAULTS; i++)
		put(faults, FAULT_WORDS[i], SUM(faults[i]));
	json_object_set_new(all, "faults", faults);
	json_object_set_new(all, "bytes",
		json_pack("{sI sI}", "in", (json_int_t)SUM(bytes_in), "out",
			(json_int_t)SUM(bytes_out)));
	uint64_t accepted = SUM(accepted);

	json_object_set_new(all, "connections",
		json_pack("{sI sI}", "accepted", (json_int_t)accepted, "open",
			(json_int_t)less(accepted, SUM(closed))));
	json_object_set_new(all, "busy",
		json_pack("{sf sf sf sI sI}", "cpu_seconds", (double)SUM(cpu_ns) / 1e9,
			"slept_seconds", (double)SUM(slept_ns) / 1e9, "asked_seconds",
			(double)SUM(asked_ns) / 1e9, "computed", (json_int_t)SUM(computed), "slept",
			(json_int_t)SUM(slept)));
	json_object_set_new(all, "counters",
		json_pack("{sI sI sI sI sI}", "received", (json_int_t)SUM(own_received), "answered",
			(json_int_t)SUM(own_answered), "connections", (json_int_t)SUM(own_accepted),
			"bytes_in", (json_int_t)SUM(own_bytes_in), "bytes_out",
			(json_int_t)SUM(own_bytes_out)));
	json_object_set_new(all, "worker", workers_to_json(t));
	return all;
}
