/* Calls that are believed: copies of two frames, made up, that agree or do not. */
#include <string.h>

#include "pyremote/stack.h"
#include "unit.h"

enum { FRAME = 128, COPY = 2 * FRAME, CALLEE = 0, CALLER = FRAME };
enum { LEAF_B = 0x1000, LEAF_D = 0x2000, IN_A = 0x3000, AT_CALL = 0x3020 };

static uint8_t copies[STACK_COPIES * COPY];
static struct stack_scratch scratch;
static struct python_thread_work work = {.bytes = COPY};

static void put(uint8_t *at, uint64_t value, size_t size)
{
	memcpy(at, &value, size);
}

/* A leaf under its caller in one copy; the caller waits. */
static void copy_is(size_t copy, uint64_t leaf, bool caller_waits)
{
	const struct layout *l = &layout_3_12;
	uint8_t *callee = copies + copy * COPY + CALLEE, *caller = copies + copy * COPY + CALLER;

	put(callee + l->frame.code, leaf, 8);
	put(callee + l->frame.previous, 0x500, 8);
	put(callee + l->frame.top, UINT64_MAX, 4);
	put(caller + l->frame.code, IN_A, 8);
	put(caller + l->frame.instruction, AT_CALL, 8);
	put(caller + l->frame.top, caller_waits ? 2 : UINT64_MAX, 4);
}

static bool known(unsigned n_copies, uint64_t leaf)
{
	struct stack_raw raws[] = {
		{.code = leaf, .at = CALLEE},
		{.code = IN_A, .instruction = AT_CALL, .at = CALLER},
	};

	scratch.raws.items = raws;
	scratch.raws.n = 2;
	work.copies = n_copies;
	return stack_calls_known(&layout_3_12, &scratch, &work, copies, 1);
}

static void begin(void)
{
	memset(copies, 0, sizeof(copies));
	for (size_t i = 0; i < STACK_COPIES; i++)
		copy_is(i, LEAF_B, true);
}

START_TEST(copies_that_agree_are_believed)
{
	begin();
	ck_assert(!known(1, LEAF_B));
	ck_assert(!known(1, LEAF_B));
	ck_assert(known(STACK_COPIES, LEAF_B));
	ck_assert(known(1, LEAF_B));
	/* That is of this call alone. */
	ck_assert(!known(1, LEAF_D));
	stack_calls_free(scratch.calls);
}
END_TEST

/* Several reads together have to agree often enough. */
START_TEST(agreement_adds_up)
{
	begin();
	copy_is(2, LEAF_D, true);
	ck_assert(!known(STACK_COPIES, LEAF_B));
	ck_assert(!known(STACK_COPIES, LEAF_B));
	ck_assert(known(STACK_COPIES, LEAF_B));
	stack_calls_free(scratch.calls);
}
END_TEST

/* One bad moment in a hundred reads: copies that agree by chance do not make a call. */
START_TEST(chance_is_no_agreement)
{
	begin();
	copy_is(2, LEAF_D, true);
	for (int i = 1; i < 5000; i++) {
		copy_is(1, i % 100 ? LEAF_D : LEAF_B, true);
		ck_assert(!known(STACK_COPIES, LEAF_B));
	}
	stack_calls_free(scratch.calls);
}
END_TEST

/* A caller that runs in one of the copies did not wait for this leaf then. */
START_TEST(a_caller_that_runs_does_not_agree)
{
	begin();
	for (size_t i = 1; i < STACK_COPIES; i++)
		copy_is(i, LEAF_B, false);
	for (int i = 0; i < 10; i++)
		ck_assert(!known(STACK_COPIES, LEAF_B));
	stack_calls_free(scratch.calls);
}
END_TEST

/* The outermost frame was called by nobody, and marks of the interpreter are looked through. */
START_TEST(marks_are_looked_through)
{
	struct stack_raw raws[] = {
		{.code = LEAF_B, .at = CALLEE},
		{.code = 7, .flags = RAW_SHIM},
		{.code = IN_A, .instruction = AT_CALL, .at = CALLER},
		{.code = 7, .flags = RAW_SHIM},
	};

	begin();
	scratch.raws.items = raws;
	scratch.raws.n = 4;
	work.copies = STACK_COPIES;
	ck_assert(stack_calls_known(&layout_3_12, &scratch, &work, copies, 4));
	ck_assert(known(1, LEAF_B));
	stack_calls_free(scratch.calls);
}
END_TEST

/* More calls than there is room for are forgotten, and asked about again. */
START_TEST(a_full_table_starts_anew)
{
	begin();
	for (uint64_t i = 0; i < 300000; i++) {
		for (size_t copy = 0; copy < STACK_COPIES; copy++)
			copy_is(copy, 0x10000 + 64 * i, true);
		ck_assert(known(STACK_COPIES, 0x10000 + 64 * i));
	}
	ck_assert(known(1, 0x10000 + 64 * UINT64_C(299999)));
	ck_assert(!known(1, 0x10000));
	stack_calls_free(scratch.calls);
}
END_TEST

UNIT_MAIN("stack_calls", copies_that_agree_are_believed, agreement_adds_up, chance_is_no_agreement,
	a_caller_that_runs_does_not_agree, marks_are_looked_through, a_full_table_starts_anew)
