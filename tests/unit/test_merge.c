/* Two stacks into one, with stacks made by hand; those of real interpreters are in
 * test_native_python.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "sampler/merge.h"
#include "unit.h"

enum { MOST = 64 };

/* A native stack from "function@module function …"; "LOOP" is the evaluation loop. Python frames
 * from "name name| …": | follows one that is an entry. */
struct both {
	struct native_symbol symbols[MOST];
	const struct native_symbol *native[MOST];
	struct python_code codes[MOST];
	struct python_frame python[MOST];
	char text[2][512];
	size_t n_native, n_python;
};

static void make(struct both *b, const char *native, const char *python)
{
	char *save, *word;

	memset(b, 0, sizeof(*b));
	snprintf(b->text[0], sizeof(b->text[0]), "%s", native);
	snprintf(b->text[1], sizeof(b->text[1]), "%s", python);
	for (word = strtok_r(b->text[0], " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		struct native_symbol *s = &b->symbols[b->n_native];
		char *at = strchr(word, '@');

		*s = (struct native_symbol){.function = word, .module = "python3", .file = ""};
		if (at) {
			*at = '\0';
			s->module = at + 1;
		}
		if (!strcmp(word, "LOOP")) {
			s->interpreter = true;
			s->function = "_PyEval_EvalFrameDefault";
		}
		b->native[b->n_native++] = s;
	}
	for (word = strtok_r(b->text[1], " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *bar = strchr(word, '|');

		if (bar)
			*bar = '\0';
		b->codes[b->n_python].name = word;
		b->python[b->n_python] =
			(struct python_frame){.code = &b->codes[b->n_python], .entry = bar != NULL};
		b->n_python++;
	}
}

/* The stack as "function py:name …". */
static const char *join(
	const char *native, const char *python, bool cut, bool machinery, enum merge_fit want)
{
	static char text[2048];
	struct merge_frame out[2 * MOST];
	enum merge_fit fit;
	struct both b;
	size_t n, len = 0;

	make(&b, native, python);
	n = merge_stacks(b.native, b.n_native, cut, b.python, b.n_python, machinery, out, &fit);
	ck_assert_int_eq(fit, want);
	ck_assert_uint_le(n, b.n_native + b.n_python);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		ck_assert(!out[i].python != !out[i].native);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s", i ? " " : "",
			out[i].python ? "py:" : "",
			out[i].python ? out[i].python->code->name : out[i].native->function);
	}
	return text;
}

#define WHOLE(native, python, want)                                                                \
	ck_assert_str_eq(join(native, python, false, false, MERGE_WHOLE), want)

START_TEST(a_loop_is_its_python_frames)
{
	WHOLE("LOOP", "f|", "py:f");
	WHOLE("LOOP", "h g f|", "py:h py:g py:f");
	WHOLE("read@libc.so.6 LOOP", "g f|", "read py:g py:f");
	WHOLE("key LOOP list_sort LOOP", "less| main|", "key py:less list_sort py:main");
	WHOLE("LOOP list_sort LOOP", "a b| c d|", "py:a py:b list_sort py:c py:d");
	WHOLE("LOOP LOOP LOOP", "a| b c| d|", "py:a py:b py:c py:d");
}
END_TEST

START_TEST(machinery_is_left_out)
{
	const char *native = "c_make_encoder@_json.so _PyObject_MakeTpCall LOOP _PyEval_Vector "
			     "method_vectorcall.part.0 list_sort cfunction_vectorcall_FASTCALL "
			     "PyObject_Vectorcall LOOP PyEval_EvalCode run_mod.lto_priv.0 "
			     "PyRun_StringFlags pymain_run_python Py_BytesMain main "
			     "__libc_start_main@libc.so.6 _start";

	WHOLE(native, "key| run <module>|", "c_make_encoder py:key list_sort py:run py:<module>");
	ck_assert_str_eq(join(native, "key| run <module>|", false, true, MERGE_WHOLE),
		"c_make_encoder _PyObject_MakeTpCall py:key _PyEval_Vector "
		"method_vectorcall.part.0 "
		"list_sort cfunction_vectorcall_FASTCALL PyObject_Vectorcall py:run py:<module> "
		"PyEval_EvalCode run_mod.lto_priv.0 PyRun_StringFlags pymain_run_python "
		"Py_BytesMain main __libc_start_main _start");
	/* names that only begin alike */
	WHOLE("run_module type_caller LOOP", "f|", "run_module type_caller py:f");
	/* the frames around every Python function under python -X perf */
	WHOLE("LOOP py::f:/x.py@perf-12.map LOOP", "f| g|", "py:f py:g");
	WHOLE("py::f@libx.so LOOP", "f|", "py::f py:f");
}
END_TEST

START_TEST(what_is_outside_of_python_stays)
{
	const char *native = "LOOP _PyObject_Call uwsgi_request@uwsgi main@uwsgi "
			     "__libc_start_main@libc.so.6 _start@uwsgi";

	WHOLE(native, "app|", "py:app uwsgi_request main __libc_start_main _start");
	WHOLE("LOOP thread_run pythread_wrapper start_thread@libc.so.6 clone3@libc.so.6", "work|",
		"py:work");
	/* a thread of a C library that calls back */
	WHOLE("LOOP PyObject_CallObject worker_loop@libpool.so start_thread@libc.so.6 "
	      "clone3@libc.so.6",
		"work|", "py:work worker_loop start_thread clone3");
}
END_TEST

START_TEST(without_names)
{
	/* of a stripped interpreter: shown where time is spent, left out between Python frames */
	WHOLE("0x5dcc20 0x53ad40 LOOP 0x5c7010 LOOP 0x647d50 main _start", "f| g|",
		"0x5dcc20 0x53ad40 py:f py:g");
	WHOLE("LOOP 0x1000@libother.so LOOP", "f| g|", "py:f 0x1000 py:g");
}
END_TEST

#define APART(native, python, cut, want)                                                           \
	ck_assert_str_eq(join(native, python, cut, false, MERGE_APART), want)

START_TEST(what_does_not_fit_is_not_guessed)
{
	/* one loop more: it was entered, its frame is not there yet */
	APART("LOOP _PyEval_Vector list_sort LOOP", "f|", false, "py:f");
	APART("malloc@libc.so.6 LOOP list_sort LOOP", "f|", false, "malloc py:f");
	/* one less */
	APART("list_sort LOOP main", "f| g|", false, "list_sort py:f py:g");
	/* the outermost one is no entry */
	APART("LOOP main", "f| g", false, "py:f py:g");
	/* no loop known: nobody knows who called whom */
	APART("0x1 0x2 main", "f|", false, "py:f");
	/* cut: the counts cannot be compared, even where they happen to be equal */
	APART("read LOOP list_sort", "f|", true, "read py:f");
	APART("read futex", "f|", true, "read futex py:f");
	APART("", "f|", true, "py:f");
}
END_TEST

START_TEST(no_python)
{
	ck_assert_str_eq(join("read _PyObject_Call main _start", "", false, false, MERGE_NATIVE),
		"read _PyObject_Call main _start");
	ck_assert_str_eq(
		join("LOOP main", "", false, false, MERGE_NATIVE), "_PyEval_EvalFrameDefault main");
	ck_assert_str_eq(join("", "", false, false, MERGE_NATIVE), "");
}
END_TEST

UNIT_MAIN("merge", a_loop_is_its_python_frames, machinery_is_left_out,
	what_is_outside_of_python_stays, without_names, what_does_not_fit_is_not_guessed, no_python)
