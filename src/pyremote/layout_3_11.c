/* CPython 3.11 on 64-bit machines: offsetof() of its own headers; `task`, which has none, by where
 * the known values of a living task lie. */
#include "pyremote/layout.h"

/* CALL and BINARY_SUBSCR, with what they are specialised to: opcode.h. */
static const struct call_opcodes CALLS[] = {
	{171, 171, 4}, {22, 24, 4}, {17, 21, 4}, {25, 25, 4}, {0}};

const struct layout layout_3_11 = {
	.minor = 11,
	.frames = FRAMES_CFRAME,
	.lines = LINES_3_11,
	.instance = INSTANCE_BEFORE,
	.runtime_interpreters = 40,
	.runtime_initialized = 16,
	.interpreter =
		{
			.next = 0,
			.threads = 16,
			.id = 48,
			.gil = NO_FIELD,
			.modules = 888,
		},
	.thread =
		{
			.next = 8,
			.pthread = 152,
			.native_id = 160,
			.frame = 56,
			.chunk = 296,
			.interpreter = 16,
			.size = 360,
		},
	.cframe = {.current = 8},
	.frame =
		{
			.previous = 48,
			.code = 32,
			.instruction = 56,
			.owner = 69,
			.entry = 68,
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
			.first_line = 72,
			.lines = 136,
			.bytecode = 184,
			.bytecode_inline = true,
			.flags = 48,
			.n_locals = 76,
			.per_thread = NO_FIELD,
		},
	.gil =
		{
			.runtime_current = 576,
			.last_holder = NO_FIELD,
			.locked = NO_FIELD,
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
			.type_cached_keys = 872,
		},
	.text =
		{
			.length = 16,
			.state = 32,
			.ascii_bytes = 48,
			.compact_bytes = 72,
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
	.generator = {.frame = 80, .state = 75},
	.task = {.size = 176, .name = 144, .coroutine = 136, .waits = 128, .state = 88},
};
