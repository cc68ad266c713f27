/*
 * Machine code and Python in one stack, of every Python here: what is Python has to be exactly the
 * script's own functions, with no C function between them but those that call them there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "native/native.h"
#include "pyremote/python.h"
#include "pythons.h"
#include "sampler/merge.h"
#include "unit.h"

enum { LOOKS = 20, MOST_TRIES = 2000 };

static const char SOURCE[] = "import json, re, sys, threading, time, zlib\n"
			     "DATA = [(i * 7919) % 1000 for i in range(1000)]\n"
			     "TREE = [{'a': i, 'b': [1, 2, 3.5, 'text']} for i in range(500)]\n"
			     "TEXT = b'some text of no great length, again and again ' * 20000\n"
			     "PATTERN = re.compile('(a|b)*c')\n"
			     "def key(x):\n"
			     "    n = 0\n"
			     "    for i in range(30):\n"
			     "        n += i\n"
			     "    return n\n"
			     "def numbers():\n"
			     "    for i in range(1000):\n"
			     "        yield i\n"
			     "def run_sort(): sorted(DATA, key=key)\n"
			     "def run_json(): json.dumps(TREE)\n"
			     "def run_sleep(): time.sleep(1000)\n"
			     "def run_zlib(): zlib.compress(TEXT)\n"
			     "def run_re(): PATTERN.match('ab' * 2000)\n"
			     "def run_sum(): sum(numbers())\n"
			     "def run_python(): key(3)\n"
			     "def forever(f):\n"
			     "    while True:\n"
			     "        f()\n"
			     "def thread(f):\n"
			     "    t = threading.Thread(target=forever, args=(f,))\n"
			     "    t.start()\n"
			     "    t.join()\n"
			     "print('ready', flush=True)\n"
			     "if len(sys.argv) > 2:\n"
			     "    thread(globals()[sys.argv[1]])\n"
			     "else:\n"
			     "    forever(globals()[sys.argv[1]])\n";

/* ---- looking ---- */

static struct script script;
static struct native *native, *before;
static struct python *python;
static struct err err;

static const struct native_symbol *symbols[NATIVE_MAX_FRAMES];
static struct merge_frame merged[NATIVE_MAX_FRAMES + 256];
static size_t n_merged, n_unnamed; /* n_unnamed: of frames seen, in the interpreter's file */
static enum merge_fit fit;

static void attach(const struct python_here *p, const char *what, const char *threaded)
{
	const char *const arguments[] = {what, threaded, NULL};
	enum python_why why;

	n_unnamed = 0;
	script_start(&script, p->path, SOURCE, arguments);
	ck_assert_str_eq(script_line(&script), "ready");
	ck_assert_msg(!native_attach(&native, script.pid, &err), "%s", err.text);
	why = python_attach(&python, script.pid, &err);
	ck_assert_msg(why == PYTHON_OK, "%s: %s", p->path, err.text);
}

/* The last one is kept until there is the next: what is known of its files serves that, too. */
static void detach(void)
{
	char map[64];

	snprintf(map, sizeof(map), "/tmp/perf-%d.map", (int)script.pid);
	python_detach(python);
	native_detach(before);
	before = native;
	script_end(&script);
	unlink(map); /* where it is asked to write one */
}

/* The last thread of the list is the first one that was made; the newest is what is looked at. */
static struct python_thread *find_thread(const struct python_sweep *sweep, bool threaded)
{
	for (size_t i = 0; i < sweep->n; i++)
		if ((sweep->threads[i]->tid != script.pid) == threaded)
			return sweep->threads[i];
	return NULL;
}

/* False: nothing could be seen this time. */
static bool look(bool threaded)
{
	const struct python_sweep *sweep;
	struct python_thread *t = NULL;
	uint64_t pcs[NATIVE_MAX_FRAMES];
	bool cut, copied, held;
	size_t n;
	pid_t tid;

	if (python_sweep_all(python, &sweep, &err) != PYTHON_OK)
		return false;
	t = find_thread(sweep, threaded);
	tid = t ? t->tid : 0;
	if (!tid && !threaded)
		tid = script.pid; /* 3.8 to 3.10 do not tell */
	if (!t || !tid || !native_stop(native, tid))
		return false;
	copied = native_copy(native, tid);
	if (python_sweep_all(python, &sweep, &err) != PYTHON_OK)
		copied = false;
	held = native_go(native, tid);
	t = find_thread(sweep, threaded);
	if (!copied || !held || !t || t->stack == STACK_REJECTED || t->stack == STACK_EMPTY ||
		t->n_frames > 256)
		return false;
	n = native_unwind(native, pcs, NATIVE_MAX_FRAMES, &cut);
	for (size_t i = 0; i < n; i++)
		symbols[i] = native_symbol(native, pcs[i]);
	for (size_t i = 0; i < n; i++)
		n_unnamed += str_starts(symbols[i]->function, "0x") &&
			     strstr(symbols[i]->module, "python");
	n_merged = merge_stacks(symbols, n, cut, t->frames, t->n_frames, false, merged, &fit);
	return n > 0;
}

/* The text of merged[from … to): "py:name function …", without split-off parts' suffixes. */
static const char *text_of(size_t from, size_t to)
{
	static char text[8192];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = from; i < to && len < sizeof(text); i++) {
		const struct merge_frame *m = &merged[i];
		const char *name = m->python ? m->python->code->name : m->native->function;
		const char *dot = m->python ? strrchr(name, '.') : strchr(name, '.');
		int width = m->python || !dot ? (int)strlen(name) : (int)(dot - name);

		if (m->python && dot)
			name = dot + 1; /* qualified from 3.11 on */
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%.*s",
			i > from ? " " : "", m->python ? "py:" : "", width, name);
	}
	return text;
}

static size_t first_python(void)
{
	size_t i = 0;

	while (i < n_merged && !merged[i].python)
		i++;
	return i;
}

static bool is_word_of(const char *words, const char *word, size_t len)
{
	for (const char *at = words; (at = strstr(at, word)); at++)
		if ((at == words || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* Python frames from `from` on are the outer ones of `want`, as many as the moment has; the C
 * functions between them are of `between`. Returns how many C functions there were. */
static size_t check_frames(size_t from, const char *between, const char *want, const char *path)
{
	char text[8192] = "", copy[8192], *save;
	size_t between_count = 0, len, all = strlen(want);

	snprintf(copy, sizeof(copy), "%s", text_of(from, n_merged));
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		len = strlen(text);
		if (is_word_of(between, w, strlen(w)))
			between_count++;
		else if (str_starts(w, "0x"))
			continue; /* C all the same: a libc without its local symbols has no name
				     for it */
		else
			snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "", w);
	}
	len = strlen(text);
	ck_assert_msg(len <= all && !strcmp(want + all - len, text) &&
			      (len == all || want[all - len - 1] == ' '),
		"%s: %s", path, text_of(0, n_merged));
	return between_count;
}

struct expected {
	const char *what;
	const char *python;  /* innermost first */
	const char *between; /* C functions that are between Python frames, where they have names */
	const char *leaf;    /* some innermost ones have this in their name or module; NULL: any */
};

static bool has_leaf(const char *leaf)
{
	for (size_t i = 0; i < first_python(); i++)
		if (strstr(merged[i].native->function, leaf) ||
			strstr(merged[i].native->module, leaf))
			return true;
	return false;
}

static void check(const struct python_here *p, const struct expected *e, bool threaded)
{
	char want[256];
	size_t whole = 0, apart = 0, leaves = 0, between = 0;

	snprintf(want, sizeof(want), "%s py:forever py:%s", e->python,
		threaded ? "run py:_bootstrap_inner py:_bootstrap" : "<module>");
	attach(p, e->what, threaded ? "thread" : NULL);
	for (int i = 0; i < MOST_TRIES && whole < LOOKS; i++, clock_sleep_ns(NS_PER_MS)) {
		if (!look(threaded) || !strstr(text_of(0, n_merged), "py:forever"))
			continue; /* or it is not there yet */
		ck_assert_int_ne(fit, MERGE_NATIVE);
		whole += fit == MERGE_WHOLE;
		apart += fit == MERGE_APART;
		between += check_frames(
			first_python(), fit == MERGE_WHOLE ? e->between : "", want, p->path);
		leaves += e->leaf && has_leaf(e->leaf);
	}
	detach();
	ck_assert_uint_ge(whole, LOOKS);
	/* the moments in which a frame is made or left are few */
	ck_assert_msg(apart <= LOOKS / 2, "%s %s: %zu apart", p->path, e->what, apart);
	ck_assert_msg(!e->leaf || leaves, "%s %s: no %s", p->path, e->what, e->leaf);
	if (e->between[0] && !n_unnamed)
		ck_assert_msg(between > 0, "%s %s: no %s", p->path, e->what, e->between);
}

static const struct expected ALL[] = {
	{"run_sort", "py:key py:run_sort", "list_sort_impl list_sort builtin_sorted", NULL},
	{"run_json", "py:iterencode py:encode py:dumps py:run_json", "", "_json"},
	{"run_sleep", "py:run_sleep", "", NULL},
	{"run_zlib", "py:run_zlib", "", "deflate"},
	{"run_re", "py:run_re", "", NULL},
	{"run_sum", "py:numbers py:run_sum", "PyIter_Next builtin_sum", NULL},
	{"run_python", "py:key py:run_python", "", NULL},
};

START_TEST(every_python)
{
	const struct python_here *pythons;
	size_t n = pythons_here(&pythons);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(ALL) / sizeof(ALL[0]); k++)
			check(&pythons[i], &ALL[k], false);
		if (pythons[i].minor >= 12) {
			/* the same as under -X perf: what it puts around each function is seen
			 * through */
			setenv("PYTHONPERFSUPPORT", "1", 1);
			check(&pythons[i], &ALL[0], false);
			unsetenv("PYTHONPERFSUPPORT");
		}
		if (pythons[i].minor >= 11) /* those before do not tell a thread's number */
			check(&pythons[i], &ALL[0], true);
	}
	native_detach(before);
}
END_TEST

UNIT_MAIN("native_python", every_python)
