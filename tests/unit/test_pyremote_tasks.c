/* Names of threads and asyncio's tasks, on every Python: what is read from outside is what the
 * program knows about itself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pyremote/dict.h"
#include "pyremote/python_internal.h"
#include "pyremote/tasks_own.h"
#include "pythons.h"
#include "unit.h"

static struct err err;
static struct script script;

static struct python *attach(const char *python, const char *source)
{
	struct python *p;
	enum python_why why;

	script_start(&script, python, source, NULL);
	ck_assert_str_eq(script_line(&script), "ready");
	why = python_attach(&p, script.pid, &err);
	ck_assert_msg(why == PYTHON_OK, "%s: %s", python, err.text);
	return p;
}

static void detach(struct python *p)
{
	python_detach(p);
	script_end(&script);
}

/* ---- names ---- */

static const char THREADS[] =
	"import threading, sys\n"
	"stop = threading.Event()\n"
	"def wait():\n"
	"    stop.wait()\n"
	"class Renamed(threading.Thread):\n"
	"    def __init__(self):\n"
	"        super().__init__(daemon=True)\n"
	"        self.more = {str(i): i for i in range(300)}\n"
	"    def run(self):\n"
	"        self.name = 'renamed \\u4f60\\u597d \\U0001f600'\n"
	"        vars(self)['later'] = 1\n"
	"        wait()\n"
	"threads = [threading.Thread(target=wait, name='w\\xf6rker %d' % i, daemon=True)\n"
	"    for i in range(20)] + [Renamed()]\n"
	"for t in threads: t.start()\n"
	"while len(threading._active) < 22 or not threads[-1].name.startswith('ren'): pass\n"
	"print('ready')\n"
	"print(len(threading._active))\n"
	"for ident, t in threading._active.items():\n"
	"    print('%d %d %s' % (ident, t.native_id, t.name))\n"
	"sys.stdin.readline()\n";

/* All states of threads in the list, as the sweep would find them. */
static size_t list_threads(struct python *p, struct python_thread *out, size_t max)
{
	const struct layout *l = &p->layout;
	uint64_t at, native = 0;
	size_t n = 0;

	ck_assert(python_read_word(p, p->about.runtime + l->runtime_interpreters, &at));
	ck_assert(python_read_word(p, at + l->interpreter.threads, &at));
	while (at && n < max) {
		out[n] = (struct python_thread){.state = at};
		ck_assert(python_read_word(p, at + l->thread.pthread, &out[n].pthread));
		if (l->thread.native_id != NO_FIELD)
			ck_assert(python_read_word(p, at + l->thread.native_id, &native));
		out[n].tid = python_tid(p, out[n].pthread, native);
		n++;
		ck_assert(python_read_word(p, at + l->thread.next, &at));
	}
	return n;
}

START_TEST(thread_names)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, THREADS);
		struct python_thread threads[64];
		size_t n_threads = list_threads(p, threads, 64);
		long said = strtol(script_line(&script), NULL, 10);

		ck_assert_uint_eq(n_threads, (size_t)said);
		for (long k = 0; k < said; k++) {
			char *end;
			uint64_t ident = strtoull(script_line(&script), &end, 10);
			long tid = strtol(end, &end, 10);
			size_t at = 0;

			while (at < n_threads && threads[at].pthread != ident)
				at++;
			ck_assert_msg(at < n_threads, "%s: no such thread", here[i].path);
			ck_assert_int_eq(threads[at].tid, tid);
			ck_assert_ptr_nonnull(python_thread_name(p, &threads[at]));
			ck_assert_msg(!strcmp(python_thread_name(p, &threads[at]), end + 1),
				"%s: %s is %s", here[i].path, end + 1,
				python_thread_name(p, &threads[at]));
		}
		detach(p);
	}
}
END_TEST

/* ---- dicts ---- */

static const char DICTS[] = "import sys, types\n"
			    "m = types.ModuleType('facts'); sys.modules['facts'] = m\n"
			    "m.texts = {'k%d' % i: i for i in range(1000)}\n"
			    "m.texts_2 = {'k%d' % i: i for i in range(70000)}\n"
			    "m.mixed = {1: 10, 'two': 20, (3,): 30}\n"
			    "del m.texts['k7']\n"
			    "m.big = (1 << 63) + 12345\n"
			    "m.zero = 0\n"
			    "m.minus = -5\n"
			    "m.items = set(range(5000)); m.items.discard(17)\n"
			    "class A: pass\n"
			    "class S:\n"
			    "    __slots__ = ('x', '__dict__')\n"
			    "class D(dict): pass\n"
			    "m.a = A(); m.a.one = 1; m.a.two = 2\n"
			    "m.b = A(); m.b.one = 11; m.b.two = 22; m.b.__dict__\n"
			    "m.c = A(); m.c.two = 222; vars(m.c)[5] = 1\n"
			    "m.s = S(); m.s.x = 1; m.s.two = 2222\n"
			    "m.d = D(); m.d.two = 22222\n"
			    "print('ready'); sys.stdin.readline()\n";

static uint64_t facts;

static uint64_t fact_int(struct python *p, uint64_t dict, const char *name)
{
	uint64_t value = UINT64_MAX, object = dict_find(p, dict, name);

	ck_assert_msg(object && object_int(p, object, &value), "%s", name);
	return value;
}

static uint64_t two_of(struct python *p, const char *name)
{
	uint64_t value = UINT64_MAX, at = dict_find(p, facts, name);

	at = object_attribute(p, at, "two");
	ck_assert_msg(at && object_int(p, at, &value), "%s.two", name);
	return value;
}

START_TEST(dicts_and_attributes)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, DICTS);
		struct dict_item *items;
		size_t count;
		uint64_t interpreter, value;

		ck_assert(python_read_word(
			p, p->about.runtime + p->layout.runtime_interpreters, &interpreter));
		facts = module_dict(p, interpreter, "facts");
		ck_assert_uint_ne(facts, 0);
		ck_assert_uint_eq(module_dict(p, interpreter, "no such"), 0);
		ck_assert_uint_eq(fact_int(p, dict_find(p, facts, "texts"), "k999"), 999);
		ck_assert_uint_eq(dict_find(p, dict_find(p, facts, "texts"), "k7"), 0);
		/* Its indices have four bytes. */
		ck_assert(dict_read(p, dict_find(p, facts, "texts_2"), &items, &count));
		ck_assert_uint_eq(count, 70000);
		ck_assert(object_int(p, items[69999].value, &value));
		ck_assert_uint_eq(value, 69999);
		free(items);
		ck_assert_uint_eq(fact_int(p, dict_find(p, facts, "mixed"), "two"), 20);
		ck_assert(dict_read(p, dict_find(p, facts, "mixed"), &items, &count));
		ck_assert_uint_eq(count, 3);
		free(items);
		ck_assert(set_read(p, dict_find(p, facts, "items"), &items, &count));
		ck_assert_uint_eq(count, 4999);
		free(items);
		ck_assert_uint_eq(fact_int(p, facts, "big"), (UINT64_C(1) << 63) + 12345);
		ck_assert_uint_eq(fact_int(p, facts, "zero"), 0);
		ck_assert(!object_int(p, dict_find(p, facts, "minus"), &value));
		ck_assert_uint_eq(two_of(p, "a"), 2);
		ck_assert_uint_eq(two_of(p, "b"), 22);
		ck_assert_uint_eq(two_of(p, "c"), 222);
		ck_assert_uint_eq(two_of(p, "s"), 2222);
		ck_assert_uint_eq(two_of(p, "d"), 22222);
		ck_assert_uint_eq(object_attribute(p, dict_find(p, facts, "a"), "no"), 0);
		detach(p);
	}
}
END_TEST

/* ---- tasks ---- */

/* Says of each task: name, what it waits for, and its chain with lines, by Python's own means. */
static const char TASKS[] =
	"import asyncio, sys, threading\n"
	"class Agen:\n"
	"    def __aiter__(self): return self\n"
	"    async def __anext__(self):\n"
	"        await forever()\n"
	"async def forever():\n"
	"    await asyncio.get_running_loop().create_future()\n"
	"async def deep(n):\n"
	"    if n: return await deep(n - 1)\n"
	"    for x in (y for y in range(3)):\n"
	"        await forever()\n"
	"async def agen():\n"
	"    await forever()\n"
	"    yield 1\n"
	"async def over_agen():\n"
	"    async for x in agen(): pass\n"
	"async def over_class():\n"
	"    async for x in Agen(): pass\n"
	"async def on_task(t):\n"
	"    await t\n"
	"async def on_gather(*all):\n"
	"    await asyncio.gather(*all)\n"
	"async def done(): pass\n"
	"class Mine(asyncio.Task): pass\n"
	"async def main():\n"
	"    loop = asyncio.get_running_loop()\n"
	"    def make(coro, name):\n"
	"        t = loop.create_task(coro); t.set_name(name); return t\n"
	"    a = make(deep(5), 'd\\xe9\\xe9p'); b = make(over_agen(), 'agen')\n"
	"    c = make(over_class(), 'class'); d = make(on_task(a), 'on_task')\n"
	"    f = loop.create_task(done())\n"
	"    e = make(on_gather(f, b, c), 'on_gather')\n"
	"    g = loop.create_task(forever())\n"
	"    h = Mine(forever(), loop=loop); h.set_name('mine')\n"
	"    more = [make(asyncio.sleep(1000), 's%d' % i) for i in range(200)]\n"
	"    for i in range(4): await asyncio.sleep(0)\n"
	"    assert f.done()\n"
	"    print('ready')\n"
	"    for t in sorted(asyncio.all_tasks(), key=lambda t: t.get_name()):\n"
	"        if t is asyncio.current_task(): continue\n"
	"        w = a if t is d else b if t is e else None\n"
	"        print('%d %d %s' % (id(t), id(w) if w else 0, t.get_name()))\n"
	"        chain = []; co = t.get_coro()\n"
	"        while hasattr(co, 'cr_frame') or hasattr(co, 'ag_frame'):\n"
	"            f = getattr(co, 'cr_frame', None) or getattr(co, 'ag_frame', None)\n"
	"            chain.append('%s:%d' % (f.f_code.co_name, f.f_lineno))\n"
	"            n = getattr(co, 'cr_await', None) or getattr(co, 'ag_await', None)\n"
	"            if type(n).__name__ == 'async_generator_asend': n = gen[0]\n"
	"            co = n\n"
	"        print(' '.join(reversed(chain)))\n"
	"    print('end')\n"
	"    def hold(): sys.stdin.readline()\n"
	"    hold()\n"
	"import gc\n"
	"class G:\n"
	"    def __getitem__(self, i):\n"
	"        return [o for o in gc.get_objects() if type(o).__name__ == 'async_generator'][0]\n"
	"gen = G()\n"
	"asyncio.run(main())\n";

static const struct python_task *find_task(const struct python_task *t, size_t n, uint64_t address)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].address == address)
			return &t[i];
	return NULL;
}

/* "forever:7 deep:11 …", with names as they are without their classes. */
static void chain_text(const struct python_task *t, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < t->n_frames; i++) {
		const struct python_frame *f = &t->frames[i];
		const char *dot = strrchr(f->code->name, '.');

		at += (size_t)snprintf(out + at, size - at, "%s%s:%d", i ? " " : "",
			dot ? dot + 1 : f->code->name, python_line(f->code, f->instruction));
		ck_assert_uint_lt(at, size);
	}
}

START_TEST(tasks_that_wait)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, TASKS);
		struct python_task *tasks;
		size_t n_tasks, said = 0, running = 0;
		const char *line;

		/* It says all it has to, and then holds still. */
		ck_assert_msg(python_tasks(p, &tasks, &n_tasks), "%s", here[i].path);
		while (strcmp(line = script_line(&script), "end") != 0) {
			char *end, chain[4096], name[128];
			uint64_t address = strtoull(line, &end, 10);
			uint64_t waits = strtoull(end, &end, 10);
			const struct python_task *t;

			snprintf(name, sizeof(name), "%s", end + 1);
			if (!said++)
				ck_assert(python_tasks(p, &tasks, &n_tasks));
			t = find_task(tasks, n_tasks, address);
			ck_assert_msg(t != NULL, "%s: no task %s", here[i].path, name);
			ck_assert_str_eq(t->name, name);
			ck_assert_msg(t->waits_for == waits, "%s: %s waits for %#lx, not %#lx",
				here[i].path, name, t->waits_for, waits);
			chain_text(t, chain, sizeof(chain));
			line = script_line(&script);
			ck_assert_msg(!strcmp(chain, line), "%s: %s:\n%s\n%s", here[i].path, name,
				chain, line);
		}
		for (size_t k = 0; k < n_tasks; k++)
			running += tasks[k].running;
		ck_assert_uint_eq(n_tasks, said + 1);
		ck_assert_uint_eq(running, 1);
		detach(p);
	}
}
END_TEST

START_TEST(none_without_asyncio)
{
	const struct python_here *here;

	pythons_here(&here);

	struct python *p = attach(here[0].path, "print('ready'); import sys; sys.stdin.readline()");
	struct python_task *tasks;
	size_t n;

	ck_assert(!python_tasks(p, &tasks, &n));
	ck_assert_uint_eq(n, 0);
	detach(p);
}
END_TEST

/* ---- 3.14's lists, which nothing here has: made up in this program's own memory ---- */

struct fake_task {
	uint64_t count, type, more[6], coroutine, name, next, before;
};

static struct {
	uint64_t runtime[8], interpreter[64], thread[2][64], type[64], digits[8];
	struct fake_task task[4];
} fake;

static uint64_t at(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* A list of these tasks, its head at `head`. */
static void link_tasks(uint64_t *head, int first, int n)
{
	uint64_t before = at(head), *place = head;

	for (int i = first; i < first + n; i++) {
		*place = at(&fake.task[i].next);
		fake.task[i].before = before;
		before = *place;
		place = &fake.task[i].next;
	}
	*place = at(head);
	head[1] = before;
}

static void fill_fake(struct python *p)
{
	static const uint64_t NUMBERS[TASKS_OWN_BYTES / 8] = {sizeof(struct fake_task),
		offsetof(struct fake_task, name), 16, 24, 28, offsetof(struct fake_task, coroutine),
		offsetof(struct fake_task, next), 512, 320, 512, 240, 248, 256};
	uint8_t bytes[TASKS_OWN_BYTES];

	*p = (struct python){.pid = getpid(), .pidfd = -1, .layout = layout_3_13};
	p->layout.minor = 14;
	p->layout.runtime_interpreters = 8;
	p->layout.interpreter.threads = 16;
	memcpy(bytes, NUMBERS, sizeof(bytes));
	ck_assert(tasks_own_read(bytes, &p->layout));
	p->about.runtime = at(fake.runtime);
	fake.runtime[1] = fake.runtime[2] = at(fake.interpreter);
	fake.interpreter[2] = at(fake.thread[0]);
	fake.thread[0][1] = at(fake.thread[1]);
	fake.type[3] = at("_asyncio.Task");
	fake.type[4] = sizeof(struct fake_task);
	for (int i = 0; i < 4; i++)
		fake.task[i].type = at(fake.type);
	link_tasks(&fake.interpreter[40], 0, 1);
	link_tasks(&fake.thread[0][32], 1, 2);
	link_tasks(&fake.thread[1][32], 3, 1);
	fake.thread[1][31] = at(&fake.task[3]); /* it runs */
}

START_TEST(lists_of_3_14)
{
	struct python p;
	struct python_task *tasks;
	uint8_t bytes[TASKS_OWN_BYTES] = {0};
	size_t n;

	fill_fake(&p);
	ck_assert(python_tasks(&p, &tasks, &n));
	ck_assert_uint_eq(n, 4);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(tasks[i].address, at(&fake.task[i]));
		ck_assert(tasks[i].running == (i == 3));
		ck_assert_uint_eq(tasks[i].n_frames, 0);
	}
	/* A link that does not point back ends its list; a circle ends too. */
	fake.task[2].before = 8;
	ck_assert(python_tasks(&p, &tasks, &n));
	ck_assert_uint_eq(n, 3);
	fake.task[2].before = at(&fake.task[1].next);
	fake.task[2].next = at(&fake.task[1].next);
	ck_assert(python_tasks(&p, &tasks, &n));
	ck_assert_uint_eq(n, 4);
	ck_assert(!tasks_own_read(bytes, &p.layout));
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert(!tasks_own_read(bytes, &p.layout));
	tasks_release(&p);
}
END_TEST

UNIT_MAIN("pyremote_tasks", thread_names, dicts_and_attributes, tasks_that_wait,
	none_without_asyncio, lists_of_3_14)
