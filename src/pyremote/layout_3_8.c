/* CPython 3.8 on 64-bit machines: offsetof() of its own headers; `task`, which has none, by where
 * the known values of a living task lie. */
#include "pyremote/layout.h"

const struct layout layout_3_8 = {
	.minor = 8,
	.frames = FRAMES_HEAP,
	.lines = LINES_LNOTAB,
	.instance = INSTANCE_DICT,
	.runtime_interpreters = 32,
	.runtime_initialized = 12,
	.interpreter =
		{
			.next = 0,
			.threads = 8,
			.id = 16,
			.gil = NO_FIELD,
			.modules = 56,
		},
	.thread =
		{
			.next = 8,
			.pthread = 176,
			.native_id = NO_FIELD,
			.frame = 24,
			.chunk = NO_FIELD,
			.interpreter = 16,
			.size = 264,
		},
	.cframe = {.current = NO_FIELD},
	.frame =
		{
			.previous = 24,
			.code = 32,
			.instruction = 104,
			.owner = NO_FIELD,
			.entry = NO_FIELD,
			.size = 360,
			.instruction_is_pointer = false,
			.instruction_unit = 1,
			.locals = 360,
			.generator = 96,
			.state = 116,
			.value_stack = 64,
			.top = 72,
			.top_is_pointer = true,
		},
	.code =
		{
			.file = 104,
			.name = 112,
			.qualname = NO_FIELD,
			.first_line = 40,
			.lines = 120,
			.bytecode = 48,
			.bytecode_inline = false,
			.flags = 36,
			.n_locals = NO_FIELD,
			.per_thread = NO_FIELD,
		},
	.gil =
		{
			.runtime_current = 1368,
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
			.log2_index_bytes = NO_FIELD,
			.kind = NO_FIELD,
			.n_entries = 32,
			.indices = 40,
			.values_first = 0,
		},
	.set = {.used = 24, .mask = 32, .table = 40},
	.other = {.weak_target = 16, .module_dict = 16},
	.generator = {.frame = 16, .state = NO_FIELD},
	.task = {.size = 144, .name = 120, .coroutine = 112, .waits = 104, .state = 72},
};
