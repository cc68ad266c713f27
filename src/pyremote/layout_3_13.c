/* CPython 3.13 on 64-bit machines: offsetof() of its own headers; `task`, which has none, by where
 * the known values of a living task lie. */
#include "pyremote/layout.h"

/* CALL, CALL_KW, CALL_FUNCTION_EX, BINARY_SUBSCR, LOAD_ATTR, FOR_ITER, SEND, ENTER_EXECUTOR,
 * EXIT_INIT_CHECK (where the caller of __init__ waits), and what stands for an instrumented
 * instruction, with what they are specialised to: opcode.h. */
static const struct call_opcodes CALLS[] = {{53, 53, 3}, {162, 181, 3}, {244, 244, 3}, {57, 57, 0},
	{245, 245, 0}, {54, 54, 0}, {246, 246, 0}, {5, 5, 1}, {157, 161, 1}, {82, 82, 9},
	{191, 202, 9}, {72, 72, 1}, {187, 190, 1}, {243, 243, 1}, {104, 104, 1}, {208, 208, 1},
	{70, 70, 0}, {13, 13, 0}, {247, 247, 9}, {254, 254, 9}, {0}};

const struct layout layout_3_13 = {
	.minor = 13,
	.frames = FRAMES_DIRECT,
	.lines = LINES_3_11,
	.instance = INSTANCE_INLINE,
	.runtime_interpreters = 632,
	.runtime_initialized = 600,
	.interpreter =
		{
			.next = 7264,
			.threads = 7344,
			.id = 7272,
			.gil = 16,
			.modules = 7656,
		},
	.thread =
		{
			.next = 8,
			.pthread = 152,
			.native_id = 160,
			.frame = 72,
			.chunk = 232,
			.interpreter = 16,
			.size = 304,
		},
	.cframe = {.current = NO_FIELD},
	.frame =
		{
			.previous = 8,
			.code = 0,
			.instruction = 56,
			.owner = 70,
			.entry = NO_FIELD,
			.size = 72,
			.instruction_is_pointer = true,
			.instruction_unit = 2,
			.locals = 72,
			.generator = NO_FIELD,
			.state = NO_FIELD,
			.value_stack = NO_FIELD,
			.top = 64,
			.top_is_pointer = false,
		},
	.calls = CALLS,
	.code =
		{
			.file = 112,
			.name = 120,
			.qualname = 128,
			.first_line = 68,
			.lines = 136,
			.bytecode = 200,
			.bytecode_inline = true,
			.flags = 48,
			.n_locals = 72,
			.per_thread = NO_FIELD,
		},
	.gil =
		{
			.runtime_current = NO_FIELD,
			.last_holder = 8,
			.locked = 16,
		},
	.object =
		{
			.type = 8,
			.size = 16,
			.type_name = 24,
			.type_basic_size = 32,
			.type_flags = 168,
			.type_base = 256,
			.type_dict_offset = 288,
			.type_cached_keys = 880,
		},
	.text =
		{
			.length = 16,
			.state = 32,
			.ascii_bytes = 40,
			.compact_bytes = 56,
			.kind_bit = 2,
		},
	.data =
		{
			.bytes = 32,
			.tuple_items = 24,
			.list_items = 24,
			.int_digits = 24,
		},
	.dict =
		{
			.used = 16,
			.keys = 32,
			.values = 40,
			.log2_size = 8,
			.log2_index_bytes = 9,
			.kind = 10,
			.n_entries = 24,
			.indices = 32,
			.values_first = 8,
		},
	.set = {.used = 24, .mask = 32, .table = 40},
	.other = {.weak_target = 16, .module_dict = 16},
	.generator = {.frame = 72, .state = 67},
	.task = {.size = 144, .name = 128, .coroutine = 120, .waits = 112, .state = 96},
};
