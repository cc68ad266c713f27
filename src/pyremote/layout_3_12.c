/* CPython 3.12 on 64-bit machines: offsetof() of its own headers; `task`, which has none, by where
 * the known values of a living task lie. */
#include "pyremote/layout.h"

/* CALL, CALL_FUNCTION_EX, BINARY_SUBSCR, LOAD_ATTR, FOR_ITER, SEND, and what stands for an
 * instrumented instruction, with what they are specialised to: opcode.h. */
static const struct call_opcodes CALLS[] = {{171, 171, 3}, {23, 24, 3}, {28, 29, 3}, {34, 34, 3},
	{38, 48, 3}, {56, 56, 3}, {241, 241, 3}, {142, 142, 0}, {244, 244, 0}, {25, 25, 1},
	{19, 22, 1}, {106, 106, 9}, {70, 70, 9}, {72, 73, 9}, {76, 82, 9}, {93, 93, 1}, {62, 65, 1},
	{248, 248, 1}, {123, 123, 1}, {168, 168, 1}, {253, 254, 9}, {0}};

const struct layout layout_3_12 = {
	.minor = 12,
	.frames = FRAMES_CFRAME,
	.lines = LINES_3_11,
	.instance = INSTANCE_TAGGED,
	.runtime_interpreters = 40,
	.runtime_initialized = 16,
	.interpreter =
		{
			.next = 0,
			.threads = 72,
			.id = 8,
			.gil = 384,
			.modules = 944,
		},
	.thread =
		{
			.next = 8,
			.pthread = 136,
			.native_id = 144,
			.frame = 56,
			.chunk = 232,
			.interpreter = 16,
			.size = 288,
		},
	.cframe = {.current = 0},
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
			.bytecode = 192,
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
			.values_first = 0,
		},
	.set = {.used = 24, .mask = 32, .table = 40},
	.other = {.weak_target = 16, .module_dict = 16},
	.generator = {.frame = 72, .state = 67},
	.task = {.size = 176, .name = 144, .coroutine = 136, .waits = 128, .state = 88},
};
