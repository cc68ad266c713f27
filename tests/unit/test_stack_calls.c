/* Which instructions call: bytes of code, made up, against the opcodes of a version. */
#include "pyremote/stack.h"
#include "unit.h"

enum { LOAD_FAST = 124, CALL_PY_EXACT_ARGS_3_12 = 23, RETURN_VALUE_3_12 = 83, CALL_3_13 = 53 };

/* Of 3.12: a call with its three cache entries, then a return. */
static const uint8_t CODE[] = {
	LOAD_FAST, 0, CALL_PY_EXACT_ARGS_3_12, 1, 200, 1, 201, 2, 202, 3, RETURN_VALUE_3_12, 0};

static bool calls(size_t at)
{
	return stack_call_at(&layout_3_12, CODE + at, at);
}

START_TEST(a_call_waits_at_its_caches)
{
	ck_assert(calls(2) && calls(4) && calls(6) && calls(8));
	ck_assert(!calls(0));
	ck_assert(!calls(10));
}
END_TEST

/* What lies before the code is not looked at. */
START_TEST(code_has_a_beginning)
{
	ck_assert(stack_call_at(&layout_3_12, CODE + 4, 2));
	ck_assert(!stack_call_at(&layout_3_12, CODE + 4, 0));
}
END_TEST

START_TEST(each_version_has_its_own)
{
	static const uint8_t THERE[] = {CALL_3_13, 0};

	ck_assert(stack_call_at(&layout_3_13, THERE, 0));
	ck_assert(!stack_call_at(&layout_3_12, THERE, 0));
	ck_assert_ptr_null(layout_3_10.calls);
}
END_TEST

UNIT_MAIN("stack_calls", a_call_waits_at_its_caches, code_has_a_beginning, each_version_has_its_own)
