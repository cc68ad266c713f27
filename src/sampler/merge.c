#include "sampler/merge.h"

#include <string.h>

#include "base/str.h"

/* ---- the interpreter's own call machinery, CPython 3.8 to 3.14 ---- */

/* Names, and whether all that begin so are meant. */
static const struct {
	const char *name;
	bool prefix;
} MACHINERY[] = {
	/* calling an object */
	{"PyObject_Call", true},
	{"_PyObject_Call", true},
	{"PyObject_Vectorcall", true},
	{"_PyObject_Vectorcall", true},
	{"_PyObject_FastCall", true},
	{"_PyObject_MakeTpCall", false},
	{"PyVectorcall_Call", false},
	{"_PyVectorcall_Call", false},
	{"object_vacall", false},
	{"call_function", false},
	{"trace_call_function", false},
	{"do_call_core", false},
	/* Python functions, methods, built-in functions */
	{"_PyFunction_Vectorcall", false},
	{"_PyFunction_FastCall", true},
	{"function_code_fastcall", false},
	{"method_vectorcall", true},
	{"method_call", false},
	{"cfunction_vectorcall", true},
	{"cfunction_call", true},
	{"PyCFunction_Call", false},
	{"_PyMethodDef_RawFastCall", true},
	{"_PyMethodDescr_Vectorcall", false},
	{"_PyCFunction_Vectorcall", false},
	{"builtin_vectorcall", true},
	/* classes and their special methods */
	{"type_call", false},
	{"slot_", true},
	{"call_method", false},
	{"call_unbound", true},
	{"vectorcall_method", false},
	{"vectorcall_unbound", false},
	{"vectorcall_maybe", false},
	/* generators and coroutines */
	{"gen_send_ex", true},
	{"gen_send", false},
	{"gen_iternext", false},
	{"_PyGen_Send", false},
	{"PyGen_am_send", false},
	{"PyIter_Send", false},
	/* evaluation */
	{"_PyEval_Vector", false},
	{"_PyEval_EvalFrame", false},
	{"_PyEval_EvalCode", true},
	{"PyEval_EvalCode", true},
	{"PyEval_EvalFrame", true},
	{"py_trampoline_evaluator", false},
	/* running a program */
	{"run_mod", false},
	{"run_eval_code_obj", false},
	{"PyRun_", true},
	{"_PyRun_", true},
	{"pyrun_", true},
	{"pymain_", true},
	{"Py_RunMain", false},
	{"Py_BytesMain", false},
	{"Py_Main", false},
	{"thread_run", false},
	{"t_bootstrap", false},
	{"pythread_wrapper", false},
};

/* How any program and thread begins: left out below Python frames, where nothing else is there. */
static const char *const BEGINNINGS[] = {"_start", "main", "__libc_start_main",
	"__libc_start_call_main", "__libc_start_main_impl", "start_thread", "clone", "clone3",
	"__clone", "__clone3"};

/* The name as it is in the source: without .part.0, .constprop.0, .lto_priv.1 … */
static size_t source_length(const char *name)
{
	return name[0] ? 1 + strcspn(name + 1, ".") : 0;
}

bool merge_is_machinery(const struct native_symbol *s)
{
	size_t len = source_length(s->function);

	/* what `python -X perf` puts around every Python function */
	if (str_starts(s->function, "py::") && str_starts(s->module, "perf-"))
		return true;
	for (size_t i = 0; i < sizeof(MACHINERY) / sizeof(MACHINERY[0]); i++) {
		size_t want = strlen(MACHINERY[i].name);

		if (len >= want && (MACHINERY[i].prefix || len == want) &&
			!memcmp(s->function, MACHINERY[i].name, want))
			return true;
	}
	return false;
}

static bool is_beginning(const struct native_symbol *s)
{
	/* what __libc_start_main calls has no name in a libc that is stripped */
	if (str_starts(s->function, "0x") &&
		(str_starts(s->module, "libc.so") || str_starts(s->module, "libc-")))
		return true;
	for (size_t i = 0; i < sizeof(BEGINNINGS) / sizeof(BEGINNINGS[0]); i++)
		if (!strcmp(s->function, BEGINNINGS[i]))
			return true;
	return false;
}

/* ---- putting together ---- */

struct merge {
	const struct native_symbol *const *native;
	size_t n_native, first, last; /* first, last: of the evaluation loop; n_native: none */
	const char *interpreter;      /* the file that it lies in */
	bool machinery;
	struct merge_frame *out;
	size_t n;
};

static bool is_unnamed(const struct merge *m, const struct native_symbol *s)
{
	return m->interpreter && str_starts(s->function, "0x") &&
	       !strcmp(s->module, m->interpreter);
}

static void add_native(struct merge *m, const struct native_symbol *s)
{
	m->out[m->n++] = (struct merge_frame){.native = s};
}

/* Called by the innermost Python frame. */
static void add_leaves(struct merge *m, size_t end)
{
	for (size_t i = 0; i < end; i++)
		if (m->machinery || !merge_is_machinery(m->native[i]))
			add_native(m, m->native[i]);
}

/* What called the outermost Python frame: a program that has Python in it, or only Python's start.
 */
static void add_outside(struct merge *m)
{
	bool foreign = m->machinery;

	for (size_t i = m->last + 1; i < m->n_native; i++)
		foreign |= !merge_is_machinery(m->native[i]) && !is_beginning(m->native[i]) &&
			   !is_unnamed(m, m->native[i]);
	for (size_t i = m->last + 1; i < m->n_native && foreign; i++)
		if (m->machinery ||
			(!merge_is_machinery(m->native[i]) && !is_unnamed(m, m->native[i])))
			add_native(m, m->native[i]);
}

static void add_python(struct merge *m, const struct python_frame *frame)
{
	m->out[m->n++] = (struct merge_frame){.python = frame};
}

/* All of them, each run of Python frames where its evaluation loop stands. */
static void add_all(struct merge *m, const struct python_frame *python)
{
	const struct python_frame *frame = python;

	add_leaves(m, m->first);
	for (size_t i = m->first; i <= m->last; i++) {
		const struct native_symbol *s = m->native[i];

		if (!s->interpreter) {
			if (m->machinery || (!merge_is_machinery(s) && !is_unnamed(m, s)))
				add_native(m, s);
			continue;
		}
		do
			add_python(m, frame);
		while (!frame++->entry);
	}
	add_outside(m);
}

static void find_loops(struct merge *m, size_t *count)
{
	*count = 0;
	m->first = m->last = m->n_native;
	for (size_t i = 0; i < m->n_native; i++) {
		if (!m->native[i]->interpreter)
			continue;
		if (!(*count)++)
			m->first = i;
		m->last = i;
		m->interpreter = m->native[i]->module;
	}
}

size_t merge_stacks(const struct native_symbol *const *native, size_t n_native, bool cut,
	const struct python_frame *python, size_t n_python, bool machinery, struct merge_frame *out,
	enum merge_fit *fit)
{
	struct merge m = {
		.native = native, .n_native = n_native, .machinery = machinery, .out = out};
	size_t loops, entries = 0;

	find_loops(&m, &loops);
	if (!n_python) {
		*fit = MERGE_NATIVE;
		for (size_t i = 0; i < n_native; i++)
			add_native(&m, native[i]);
		return m.n;
	}
	for (size_t i = 0; i < n_python; i++)
		entries += python[i].entry;
	if (!cut && loops == entries && python[n_python - 1].entry) {
		*fit = MERGE_WHOLE;
		add_all(&m, python);
		return m.n;
	}
	*fit = MERGE_APART;
	/* a stack that is cut before the first evaluation loop has only what that calls */
	if (loops || cut)
		add_leaves(&m, m.first);
	for (size_t i = 0; i < n_python; i++)
		add_python(&m, &python[i]);
	return m.n;
}
