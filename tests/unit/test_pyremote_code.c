/* Code objects, texts, lines and layouts: what is read from outside against what each Python says
 * itself; the decoders of tables against garbage. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "pyremote/lines.h"
#include "pyremote/python_internal.h"
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

/* ---- code objects of the standard library ---- */

/* Of each code object, three lines: address, first line, bytes of bytecode; its name; its file; and
 * the lines of all instructions, as "offset:line" where they change, 0 for none. */
static const char CODES[] =
	"import sys, dis, argparse, asyncio, typing, json, inspect, http.client, tarfile\n"
	"import types\n"
	"print('ready')\n"
	"def lines(code):\n"
	"    n = len(code.co_code); out = [code.co_firstlineno] * n\n"
	"    if hasattr(code, 'co_lines'):\n"
	"        for a, b, line in code.co_lines():\n"
	"            for i in range(a, min(b, n)): out[i] = line or 0\n"
	"    else:\n"
	"        for a, line in dis.findlinestarts(code):\n"
	"            out[a:] = [line] * (n - a)\n"
	"    text, last = [], None\n"
	"    for i in range(0, n, 2):\n"
	"        if out[i] != last: text.append('%d:%d' % (i, out[i])); last = out[i]\n"
	"    return ' '.join(text)\n"
	"def show(code, seen):\n"
	"    if id(code) in seen: return\n"
	"    seen[id(code)] = code\n"
	"    print(id(code), code.co_firstlineno, len(code.co_code))\n"
	"    print(getattr(code, 'co_qualname', code.co_name))\n"
	"    print(code.co_filename)\n"
	"    print(lines(code))\n"
	"    for c in code.co_consts:\n"
	"        if isinstance(c, types.CodeType): show(c, seen)\n"
	"seen = {}\n"
	"for m in (argparse, asyncio.tasks, typing, json.decoder, inspect, http.client, tarfile):\n"
	"    for o in list(vars(m).values()):\n"
	"        for f in [o] + (list(vars(o).values()) if isinstance(o, type) else []):\n"
	"            if isinstance(f, types.FunctionType): show(f.__code__, seen)\n"
	"for k, name in enumerate(('caf\\xe9', '\\u4f60\\u597d', '\\U00020000x', 'a' * 3000)):\n"
	"    c = compile('def %s():\\n\\n  x = (1,\\n  f())\\n' % name, '<%s>' % name, 'exec')\n"
	"    if len(name) < 1000: show(c, seen)\n"
	"c = compile('\\n' * 70000 + 'x = 1\\n' + '\\n' * 300 + 'y = [z\\nfor z in q]\\n' +\n"
	"    'f(\\n' + '1,\\n' * 200 + 'g())', '<far>', 'exec')\n"
	"show(c, seen)\n"
	"print('end')\n"
	"sys.stdin.readline()\n";

static size_t check_lines(const struct python_code *code, const char *runs, int32_t bytes)
{
	char *end;
	int32_t start = (int32_t)strtol(runs, &end, 10);
	long line = strtol(end + 1, &end, 10);
	size_t checked = 0;

	for (int32_t i = 0; i < bytes; i += 2, checked++) {
		char *next = end;
		long then = *end == ' ' ? strtol(end + 1, &next, 10) : -1;

		if (then == i) {
			start = i;
			line = strtol(next + 1, &end, 10);
		}
		if (python_line(code, i) != line) /* an assertion costs more than the look */
			ck_abort_msg("%s %s: instruction %d is in line %d, not %ld (run from %d)",
				code->file, code->name, i, python_line(code, i), line, start);
	}
	ck_assert_int_eq(python_line(code, -1), code->first_line);
	return checked;
}

static void check_codes(const struct python_here *here)
{
	struct python *p = attach(here->path, CODES);
	size_t codes = 0, instructions = 0;
	const char *line;

	while (strcmp(line = script_line(&script), "end") != 0) {
		char *end;
		uint64_t address = strtoull(line, &end, 10);
		long first = strtol(end, &end, 10), bytes = strtol(end, &end, 10);
		const struct python_code *code = code_find(p, address);

		ck_assert_ptr_nonnull(code);
		ck_assert_int_eq(code->first_line, first);
		ck_assert_str_eq(code->name, script_line(&script));
		ck_assert_str_eq(code->file, script_line(&script));
		instructions += check_lines(code, script_line(&script), (int32_t)bytes);
		ck_assert_ptr_eq(code_find(p, address), code);
		codes++;
	}
	ck_assert_msg(codes > 500 && instructions > 25000, "only %zu, %zu", codes, instructions);
	/* What is no code object, or nothing at all. */
	ck_assert_ptr_null(code_find(p, p->about.runtime & ~UINT64_C(7)));
	ck_assert_ptr_null(code_find(p, p->code_type));
	ck_assert_ptr_null(code_find(p, 8));
	ck_assert_ptr_null(code_find(p, UINT64_MAX - 7));
	detach(p);
}

START_TEST(codes_of_the_library)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++)
		check_codes(&here[i]);
}
END_TEST

/* ---- one freed, another put in its place ---- */

static const char REUSED[] =
	"import sys\n"
	"def make(name):\n"
	"    return compile('def %s(): pass' % name, '<made>', 'exec').co_consts[0]\n"
	"print('ready')\n"
	"c = make('first'); at = id(c); print(at)\n"
	"for name in ('other', 'first'):\n"
	"    sys.stdin.readline()\n"
	"    kept = []; del c\n"
	"    while True:\n"
	"        c = make(name)\n"
	"        if id(c) == at: break\n"
	"        kept.append(c)\n"
	"        if len(kept) > 100000: at = id(c); break\n"
	"    print(at)\n"
	"sys.stdin.readline()\n";

START_TEST(code_that_was_replaced)
{
	const struct python_here *here;
	size_t n = pythons_here(&here), seen = 0;

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, REUSED);
		uint64_t at = strtoull(script_line(&script), NULL, 10), again;
		const struct python_code *first = code_find(p, at), *other;

		ck_assert_ptr_nonnull(first);
		ck_assert_str_eq(first->name, "first");
		script_say(&script, "");
		again = strtoull(script_line(&script), NULL, 10);
		if (again == at) {
			seen++;
			clock_sleep_ns(2 * CODE_FRESH_NS);
			other = code_find(p, at);
			ck_assert_ptr_nonnull(other);
			ck_assert_ptr_ne(other, first);
			ck_assert_str_eq(other->name, "other");
			ck_assert_str_eq(first->name, "first");
			script_say(&script, "");
			again = strtoull(script_line(&script), NULL, 10);
			clock_sleep_ns(2 * CODE_FRESH_NS);
			if (again == at)
				ck_assert_ptr_eq(code_find(p, at), first);
		}
		detach(p);
	}
	ck_assert_uint_gt(seen, 0);
}
END_TEST

/* ---- decoders ---- */

static void check_runs(const struct python_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->runs[i].start < 0 || l->runs[i].line < 0 ||
			(i && l->runs[i].start <= l->runs[i - 1].start))
			ck_abort_msg("run %zu of %zu is wrong", i, l->n);
	lines_at(l, 0);
	lines_at(l, INT32_MAX);
}

START_TEST(tables_of_garbage)
{
	struct rng rng;

	rng_seed(&rng, 7, 0);
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)(rng_next(&rng) % 300);
		uint8_t *bytes = malloc(n ? n : 1); /* exact, for the sanitizer */

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)rng_next(&rng);
		for (enum layout_lines form = LINES_LNOTAB; form <= LINES_3_11; form++) {
			struct python_lines l;

			lines_decode(&l, form, bytes, n,
				i % 3 ? (int)(rng_next(&rng) % 100000) : INT32_MAX);
			check_runs(&l);
			lines_release(&l);
		}
		free(bytes);
	}
}
END_TEST

START_TEST(tables_by_hand)
{
	static const uint8_t lnotab[] = {4, 1, 255, 0, 1, 2, 0, 127, 2, 0xff};
	static const uint8_t t310[] = {2, 1, 4, 0x80, 2, 2, 0, 5, 2, 0xfe};
	/* long +3, one-line +1, short, none, no columns −2, as far as the next */
	static const uint8_t t311[] = {0x80 | 14 << 3 | 1, 6, 0, 1, 2, 0x80 | 11 << 3, 1, 2,
		0x80 | 3 << 3, 7, 0x80 | 15 << 3 | 2, 0x80 | 13 << 3, 5};
	struct python_lines l;

	lines_decode(&l, LINES_LNOTAB, lnotab, sizeof(lnotab), 10);
	ck_assert_int_eq(lines_at(&l, 0), 10);
	ck_assert_int_eq(lines_at(&l, 4), 11);
	ck_assert_int_eq(lines_at(&l, 259), 11);
	ck_assert_int_eq(lines_at(&l, 260), 140);
	ck_assert_int_eq(lines_at(&l, 262), 139);
	lines_release(&l);
	lines_decode(&l, LINES_3_10, t310, sizeof(t310), 10);
	ck_assert_int_eq(lines_at(&l, 0), 11);
	ck_assert_int_eq(lines_at(&l, 2), 0);
	ck_assert_int_eq(lines_at(&l, 6), 13);
	ck_assert_int_eq(lines_at(&l, 8), 16);
	lines_release(&l);
	lines_decode(&l, LINES_3_11, t311, sizeof(t311), 10);
	ck_assert_int_eq(lines_at(&l, 0), 13);
	ck_assert_int_eq(lines_at(&l, 4), 14);
	ck_assert_int_eq(lines_at(&l, 6), 14);
	ck_assert_int_eq(lines_at(&l, 8), 0);
	ck_assert_int_eq(lines_at(&l, 14), 12);
	lines_release(&l);
}
END_TEST

/* ---- layouts ---- */

START_TEST(own_layout_is_the_table)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);
	static uint8_t bytes[OWN_BYTES];
	struct layout own, table;
	uint32_t hex;

	for (int minor = 0; minor < 20; minor++)
		ck_assert(!layout_of(minor) == (minor < 8 || minor > 13));
	for (size_t i = 0; i < n; i++) {
		struct python *p;

		if (here[i].minor < 13)
			continue;
		p = attach(here[i].path, "print('ready'); import sys; sys.stdin.readline()");
		ck_assert(p->about.own_offsets);
		ck_assert(remote_read(p->pid, p->about.runtime, bytes, sizeof(bytes)));
		ck_assert_int_eq(layout_read_own(bytes, sizeof(bytes), &own, &hex), OWN_READ);
		ck_assert_int_eq(hex >> 16, 0x30d);
		table = layout_3_13;
		ck_assert_mem_eq(&own, &table, sizeof(own));
		detach(p);
	}
}
END_TEST

/* 3.14's offsets as they would be, in its order; the numbers are made up, but for their place. */
static size_t write_3_14(uint8_t *bytes)
{
	static const uint64_t WORDS[] = {0x030e00f0, 0,
		/* runtime */ 400000, 560, 632,
		/* interpreter */ 200000, 7272, 7264, 7344, 7352, 7700, 7656, 7800, 7808, 16, 100,
		0, 116, 108, 9000, 0,
		/* thread */ 800, 0, 8, 16, 72, 152, 160, 232, 40,
		/* frame */ 88, 8, 0, 56, 80, 74, 64, 0,
		/* code */ 216, 112, 120, 128, 136, 68, 52, 96, 104, 208, 0,
		/* object, type, tuple, list, set */ 16, 8, 424, 24, 88, 168, 32, 24, 16, 40, 24,
		16, 200, 24, 40, 32,
		/* dict, float, int, bytes */ 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32,
		/* text, gc, generator */ 64, 32, 16, 40, 304, 8, 160, 24, 72, 67,
		/* list node, debugger */ 0, 8, 1, 2, 3, 4, 5, 6};

	memset(bytes, 0, OWN_BYTES);
	memcpy(bytes, "xdebugpy", 8);
	memcpy(bytes + 8, WORDS, sizeof(WORDS));
	return 8 + sizeof(WORDS);
}

START_TEST(own_layout_of_3_14)
{
	uint8_t bytes[OWN_BYTES];
	size_t n = write_3_14(bytes);
	struct layout l;
	uint32_t hex;
	uint64_t word;

	ck_assert_int_eq(layout_read_own(bytes, OWN_BYTES, &l, &hex), OWN_READ);
	ck_assert_uint_eq(hex, 0x030e00f0);
	ck_assert_int_eq(l.minor, 14);
	ck_assert_uint_eq(l.runtime_interpreters, 632);
	ck_assert_uint_eq(l.interpreter.next, 7264);
	ck_assert_uint_eq(l.interpreter.threads, 7344);
	ck_assert_uint_eq(l.interpreter.modules, 7656);
	ck_assert_uint_eq(l.interpreter.gil, 16);
	ck_assert_uint_eq(l.gil.locked, 16);
	ck_assert_uint_eq(l.gil.last_holder, 8);
	ck_assert_uint_eq(l.thread.native_id, 160);
	ck_assert_uint_eq(l.frame.owner, 74);
	ck_assert_uint_eq(l.frame.top, 64);
	ck_assert(l.frame.top_is_pointer);
	ck_assert_uint_eq(l.frame.code_tags, 3);
	ck_assert_uint_eq(l.code.bytecode, 208);
	ck_assert_uint_eq(l.code.flags, 48);
	ck_assert_uint_eq(l.object.type_cached_keys, 888);
	ck_assert_uint_eq(l.set.mask, 32);
	ck_assert_uint_eq(l.text.compact_bytes, 56);
	ck_assert_uint_eq(l.generator.state, 67);
	ck_assert_uint_eq(l.task.size, 0);
	ck_assert_uint_eq(l.runtime_initialized, NO_FIELD);
	for (size_t cut = 0; cut < n - 8 * 8; cut++) {
		enum layout_own is = layout_read_own(bytes, cut, &l, &hex);

		ck_assert(is == (cut < 24 ? OWN_NONE : OWN_STRANGE));
	}
	word = 1;
	memcpy(bytes + 16, &word, 8);
	ck_assert_int_eq(layout_read_own(bytes, n, &l, &hex), OWN_FREE_THREADED);
	write_3_14(bytes);
	word = 500000; /* an offset beyond its structure */
	memcpy(bytes + 8 * 5, &word, 8);
	ck_assert_int_eq(layout_read_own(bytes, n, &l, &hex), OWN_STRANGE);
	bytes[0] = 'X';
	ck_assert_int_eq(layout_read_own(bytes, n, &l, &hex), OWN_NONE);
}
END_TEST

START_TEST(own_layout_of_garbage)
{
	struct rng rng;
	uint8_t bytes[OWN_BYTES];
	struct layout l;
	uint32_t hex;

	rng_seed(&rng, 11, 0);
	for (int i = 0; i < 20000; i++) {
		size_t n = write_3_14(bytes);

		for (int k = 0; k < 1 + i % 4; k++)
			bytes[8 + rng_next(&rng) % (n - 8)] = (uint8_t)rng_next(&rng);
		if (layout_read_own(bytes, n, &l, &hex) != OWN_READ)
			continue;
		if (l.minor < 13 || l.frame.owner >= 256 || l.code.lines >= 512)
			ck_abort_msg("round %d: an offset beyond its structure", i);
	}
}
END_TEST

UNIT_MAIN("pyremote_code", codes_of_the_library, code_that_was_replaced, tables_of_garbage,
	tables_by_hand, own_layout_is_the_table, own_layout_of_3_14, own_layout_of_garbage)
