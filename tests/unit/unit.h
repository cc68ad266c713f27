/*
 * The frame of every unit test: list the tests, call unit_main(). Each test runs in a process of
 * its own (Check), unless CK_FORK=no.
 */
#ifndef CULPRIT_TESTS_UNIT_H
#define CULPRIT_TESTS_UNIT_H

#include <check.h>

/* Runs the tests (n of them); the exit code for main(). */
static inline int unit_main(const char *name, const TTest *const *tests, int n)
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);

	for (int i = 0; i < n; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}

#define UNIT_MAIN(name, ...)                                                                       \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = {__VA_ARGS__};                                        \
		return unit_main(name, tests, (int)(sizeof(tests) / sizeof(tests[0])));            \
	}

#endif
