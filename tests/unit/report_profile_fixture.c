#include "report_profile_fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

#define MS UINT64_C(1000000)

enum { TURNS = 200 };

/* A stack under construction. */
struct stack {
	struct profile *p;
	uint32_t thread, node;
	uint64_t *now; /* of this thread */
};

static void call(struct stack *s, const char *name, const char *file, int first_line, int line)
{
	s->node = profile_node(s->p, s->node,
		profile_function(s->p, PROFILE_PYTHON, name, file, first_line), line);
}

/* Seen there, a millisecond a sample: on a core, or waiting. */
static void seen(struct stack s, unsigned ms, bool cpu)
{
	const struct profile_weight w = {.samples = ms,
		.wall_ns = ms * MS,
		.cpu_ns = cpu ? ms * MS : 0,
		.gil_ns = cpu ? ms * MS : 0};

	profile_add(s.p, s.node, &w);
	profile_add_moment(s.p, s.thread, s.node, *s.now, ms * MS);
	*s.now += ms * MS;
	s.p->about.samples += ms;
}

static struct stack thread(struct profile *p, const char *process, const char *name, uint64_t *now)
{
	struct stack s = {.p = p, .now = now};

	s.node = profile_node(p, 0, profile_function(p, PROFILE_PROCESS, process, "", 0), 0);
	s.node = profile_node(p, s.node, profile_function(p, PROFILE_THREAD, name, "", 0), 0);
	s.thread = s.node;
	return s;
}

#define APP  "/srv/shop/app/"
#define SITE "/srv/shop/venv/lib/python3.11/site-packages/"
#define LIB  "/usr/lib/python3.11/"

static struct stack fetch(struct stack s)
{
	call(&s, "fetch_prices", APP "prices.py", 9, 14);
	call(&s, "get", SITE "requests/api.py", 62, 73);
	call(&s, "request", SITE "requests/api.py", 14, 59);
	call(&s, "Session.request", SITE "requests/sessions.py", 502, 589);
	call(&s, "Session.send", SITE "requests/sessions.py", 673, 703);
	call(&s, "HTTPAdapter.send", SITE "requests/adapters.py", 434, 486);
	call(&s, "HTTPConnectionPool.urlopen", SITE "urllib3/connectionpool.py", 595, 791);
	call(&s, "HTTPConnection.getresponse", LIB "http/client.py", 1364, 1395);
	call(&s, "HTTPResponse.begin", LIB "http/client.py", 317, 331);
	call(&s, "SocketIO.readinto", LIB "socket.py", 694, 706);
	return s;
}

struct profile *profile_fixture_app(unsigned cpu_ms)
{
	struct profile *p = profile_new();
	uint64_t now = 0, then = 3 * MS;
	struct stack top = thread(p, "python app.py (812)", "MainThread (812)", &now), s;
	struct stack waits = thread(p, "python app.py (812)", "worker-1 (815)", &then);
	call(&waits, "Thread._bootstrap", LIB "threading.py", 984, 1002);
	call(&waits, "Thread._bootstrap_inner", LIB "threading.py", 1016, 1045);
	call(&waits, "Thread.run", LIB "threading.py", 968, 982);
	call(&waits, "work", APP "worker.py", 20, 25);
	call(&waits, "Queue.get", LIB "queue.py", 154, 171);
	call(&waits, "Condition.wait", LIB "threading.py", 295, 327);

	call(&top, "<module>", APP "main.py", 1, 88);
	call(&top, "main", APP "main.py", 70, 80);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		seen(waits, 20, false);
		s = top;
		call(&s, "cpu_bound", APP "main.py", 38, 41);
		seen(s, cpu_ms / TURNS - cpu_ms / TURNS / 10, true);
		s.node = profile_node(p, p->nodes[s.node].parent, p->nodes[s.node].function, 42);
		seen(s, cpu_ms / TURNS / 10, true);
		seen(fetch(top), 15, false);
		s = top;
		call(&s, "<listcomp>", APP "main.py", 51, 52);
		seen(s, 1, true);
		call(&s, PROFILE_FIXTURE_HOSTILE, APP "a&b.py", 3, 4);
		seen(s, 1, true);
	}
	s = top;
	call(&s, "Größe_\x1b[31m表格計算", APP "übrig.py", 5, 6);
	seen(s, 10, true);
	s = top;
	call(&s,
		"a_function_whose_name_is_so_long_that_no_terminal_of_eighty_columns_has_room_for_"
		"it",
		APP "some/package/of/many/folders/with_a_long_module_name.py", 5, 1206);
	seen(s, 100, true);
	p->about.rate_hz = 1000;
	p->about.duration_s = (double)(now > then ? now : then) / 1e9;
	p->about.sweeps = (uint64_t)(1000 * p->about.duration_s);
	p->about.retries = 12;
	p->about.rejected = 1;
	p->about.late = 2;
	p->about.own_cpu_s = .031 * p->about.duration_s;
	snprintf(p->about.python, sizeof(p->about.python), "CPython 3.11.2");
	return p;
}

struct profile *profile_fixture_deep(unsigned depth, unsigned branch)
{
	struct profile *p = profile_new();
	uint64_t now = 0;
	struct stack s = thread(p, "python deep.py (9)", "MainThread (9)", &now);

	for (unsigned i = 0; i < depth; i++) {
		call(&s, i % 2 ? "even" : "odd", APP "deep.py", 3, 4 + (int)(i % 2));
		if (branch && i % branch == 0) {
			struct stack side = s;

			call(&side, "side", APP "deep.py", 30, 31);
			seen(side, 10, true);
		}
	}
	seen(s, 10 * depth, true);
	return p;
}

struct profile *profile_fixture_big(unsigned nodes)
{
	struct profile *p = profile_new();
	struct rng rng;
	uint64_t now[8] = {0};
	char name[64], file[96];

	rng_seed(&rng, 1, 0);
	while (p->n_nodes < nodes) {
		unsigned k = (unsigned)rng_below(&rng, 8);
		struct stack s;

		snprintf(name, sizeof(name), "worker-%u (%u)", k, 100 + k);
		s = thread(p, "gunicorn: worker (99)", name, &now[k]);
		for (unsigned depth = 4 + (unsigned)rng_below(&rng, 50), i = 0; i < depth; i++) {
			/* small numbers more often, so that stacks share their beginnings */
			unsigned f = (unsigned)(40 * pow(rng_uniform(&rng), 4) * (i % 7 + 1));

			snprintf(name, sizeof(name), "Class%u.method_%u", f % 11, f);
			snprintf(file, sizeof(file),
				f % 3 ? SITE "package%u/module_%u.py" : APP "part%u/module_%u.py",
				f % 5, f % 17);
			call(&s, name, file, (int)(f * 10 + 1), (int)(f * 10 + 1 + i % 9));
		}
		seen(s, 1 + (unsigned)rng_below(&rng, 4), rng_uniform(&rng) < .6);
	}
	p->about.rate_hz = 1000;
	p->about.duration_s = (double)now[0] / 1e9;
	p->about.sweeps = (uint64_t)(1000 * p->about.duration_s);
	return p;
}

struct profile *profile_fixture_empty(void)
{
	return profile_new();
}
