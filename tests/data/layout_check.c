/* Compiled by tests/cli/test_layouts.py against the headers of a CPython: says which numbers of
 * src/pyremote/layout_3_<minor>.c are others than offsetof() of those headers. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <frameobject.h>

#include "internal/pycore_pystate.h"
#if PY_MINOR_VERSION >= 9
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#endif
#if PY_MINOR_VERSION >= 11
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#else
/* Objects/dict-common.h, which is not installed. */
struct _dictkeysobject {
	Py_ssize_t dk_refcnt, dk_size;
	void *dk_lookup;
	Py_ssize_t dk_usable, dk_nentries;
	char dk_indices[];
};
#endif
#include <stddef.h>
#include <stdio.h>

#include LAYOUT /* the file of numbers */

static int wrong, checked;

static void check(const char *what, size_t is, size_t must)
{
	checked++;
	if (is == must)
		return;
	wrong++;
	printf("%s is %zu, in the headers %zu\n", what, is, must);
}

#define OFFSET(field, type, member) check(#field, L.field, offsetof(type, member))
#define SIZE(field, type)           check(#field, L.field, sizeof(type))

#if PY_MINOR_VERSION == 8
#define L layout_3_8
#elif PY_MINOR_VERSION == 9
#define L layout_3_9
#elif PY_MINOR_VERSION == 10
#define L layout_3_10
#elif PY_MINOR_VERSION == 11
#define L layout_3_11
#elif PY_MINOR_VERSION == 12
#define L layout_3_12
#else
#define L layout_3_13
#endif

static void check_states(void)
{
	OFFSET(runtime_interpreters, _PyRuntimeState, interpreters.head);
	check("main", L.runtime_interpreters + 8U, offsetof(_PyRuntimeState, interpreters.main));
	OFFSET(runtime_initialized, _PyRuntimeState, initialized);
	OFFSET(interpreter.next, PyInterpreterState, next);
	OFFSET(interpreter.id, PyInterpreterState, id);
	check("prev", L.thread.next - 8U, offsetof(PyThreadState, prev));
	OFFSET(thread.next, PyThreadState, next);
	OFFSET(thread.interpreter, PyThreadState, interp);
	OFFSET(thread.pthread, PyThreadState, thread_id);
	SIZE(thread.size, PyThreadState);
#if PY_MINOR_VERSION <= 10
	OFFSET(interpreter.threads, PyInterpreterState, tstate_head);
	OFFSET(thread.frame, PyThreadState, frame);
#else
	OFFSET(interpreter.threads, PyInterpreterState, threads.head);
	OFFSET(thread.native_id, PyThreadState, native_thread_id);
	OFFSET(thread.chunk, PyThreadState, datastack_chunk);
#endif
#if PY_MINOR_VERSION <= 11
	OFFSET(interpreter.modules, PyInterpreterState, modules);
	OFFSET(gil.runtime_current, _PyRuntimeState, gilstate.tstate_current);
#else
	OFFSET(interpreter.modules, PyInterpreterState, imports.modules);
	OFFSET(interpreter.gil, PyInterpreterState, ceval.gil);
	OFFSET(gil.last_holder, struct _gil_runtime_state, last_holder);
	OFFSET(gil.locked, struct _gil_runtime_state, locked);
#endif
#if PY_MINOR_VERSION == 11 || PY_MINOR_VERSION == 12
	OFFSET(thread.frame, PyThreadState, cframe);
	OFFSET(cframe.current, _PyCFrame, current_frame);
#elif PY_MINOR_VERSION >= 13
	OFFSET(thread.frame, PyThreadState, current_frame);
#endif
}

static void check_frames(void)
{
#if PY_MINOR_VERSION <= 10
	OFFSET(frame.previous, struct _frame, f_back);
	OFFSET(frame.code, struct _frame, f_code);
	OFFSET(frame.instruction, struct _frame, f_lasti);
	OFFSET(frame.locals, struct _frame, f_localsplus);
	OFFSET(frame.generator, struct _frame, f_gen);
	OFFSET(frame.value_stack, struct _frame, f_valuestack);
	OFFSET(generator.frame, PyGenObject, gi_frame);
#else
	OFFSET(frame.previous, _PyInterpreterFrame, previous);
	OFFSET(frame.owner, _PyInterpreterFrame, owner);
	OFFSET(frame.locals, _PyInterpreterFrame, localsplus);
	OFFSET(frame.top, _PyInterpreterFrame, stacktop);
	OFFSET(generator.frame, PyGenObject, gi_iframe);
	OFFSET(generator.state, PyGenObject, gi_frame_state);
#endif
#if PY_MINOR_VERSION <= 9
	OFFSET(frame.top, struct _frame, f_stacktop);
	OFFSET(frame.state, struct _frame, f_executing);
#elif PY_MINOR_VERSION == 10
	OFFSET(frame.top, struct _frame, f_stackdepth);
	OFFSET(frame.state, struct _frame, f_state);
#elif PY_MINOR_VERSION <= 12
	OFFSET(frame.code, _PyInterpreterFrame, f_code);
	OFFSET(frame.instruction, _PyInterpreterFrame, prev_instr);
#else
	OFFSET(frame.code, _PyInterpreterFrame, f_executable);
	OFFSET(frame.instruction, _PyInterpreterFrame, instr_ptr);
#endif
#if PY_MINOR_VERSION == 11
	OFFSET(frame.entry, _PyInterpreterFrame, is_entry);
#endif
}

static void check_code(void)
{
	OFFSET(code.file, PyCodeObject, co_filename);
	OFFSET(code.name, PyCodeObject, co_name);
	OFFSET(code.first_line, PyCodeObject, co_firstlineno);
	OFFSET(code.flags, PyCodeObject, co_flags);
#if PY_MINOR_VERSION <= 9
	OFFSET(code.lines, PyCodeObject, co_lnotab);
#else
	OFFSET(code.lines, PyCodeObject, co_linetable);
#endif
#if PY_MINOR_VERSION <= 10
	OFFSET(code.bytecode, PyCodeObject, co_code);
#else
	OFFSET(code.qualname, PyCodeObject, co_qualname);
	OFFSET(code.bytecode, PyCodeObject, co_code_adaptive);
	OFFSET(code.n_locals, PyCodeObject, co_nlocalsplus);
#endif
}

static void check_objects(void)
{
	OFFSET(object.type, PyObject, ob_type);
	OFFSET(object.size, PyVarObject, ob_size);
	OFFSET(object.type_name, PyTypeObject, tp_name);
	OFFSET(object.type_basic_size, PyTypeObject, tp_basicsize);
	OFFSET(object.type_flags, PyTypeObject, tp_flags);
	OFFSET(object.type_base, PyTypeObject, tp_base);
	OFFSET(object.type_dict_offset, PyTypeObject, tp_dictoffset);
	OFFSET(object.type_cached_keys, PyHeapTypeObject, ht_cached_keys);
	OFFSET(text.length, PyASCIIObject, length);
	OFFSET(text.state, PyASCIIObject, state);
	SIZE(text.ascii_bytes, PyASCIIObject);
	SIZE(text.compact_bytes, PyCompactUnicodeObject);
	check("text.pointer", L.text.compact_bytes, offsetof(PyUnicodeObject, data));
	OFFSET(data.bytes, PyBytesObject, ob_sval);
	OFFSET(data.tuple_items, PyTupleObject, ob_item);
	OFFSET(data.list_items, PyListObject, ob_item);
#if PY_MINOR_VERSION <= 11
	OFFSET(data.int_digits, PyLongObject, ob_digit);
#else
	OFFSET(data.int_digits, PyLongObject, long_value.ob_digit);
#endif
	OFFSET(dict.used, PyDictObject, ma_used);
	OFFSET(dict.keys, PyDictObject, ma_keys);
	OFFSET(dict.values, PyDictObject, ma_values);
	OFFSET(dict.n_entries, struct _dictkeysobject, dk_nentries);
	OFFSET(dict.indices, struct _dictkeysobject, dk_indices);
#if PY_MINOR_VERSION <= 10
	OFFSET(dict.log2_size, struct _dictkeysobject, dk_size);
#else
	OFFSET(dict.log2_size, struct _dictkeysobject, dk_log2_size);
	OFFSET(dict.log2_index_bytes, struct _dictkeysobject, dk_log2_index_bytes);
	OFFSET(dict.kind, struct _dictkeysobject, dk_kind);
	OFFSET(dict.values_first, struct _dictvalues, values);
#endif
	OFFSET(set.used, PySetObject, used);
	OFFSET(set.mask, PySetObject, mask);
	OFFSET(set.table, PySetObject, table);
	OFFSET(other.weak_target, PyWeakReference, wr_object);
}

int main(void)
{
	check("minor", (size_t)L.minor, PY_MINOR_VERSION);
	check_states();
	check_frames();
	check_code();
	check_objects();
	printf("%d checked, %d wrong\n", checked, wrong);
	return wrong != 0;
}
