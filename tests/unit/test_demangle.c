/* Names of C++ and Rust: what is made of them, and what is left alone. */
#include <stdlib.h>
#include <string.h>

#include "native/demangle.h"
#include "unit.h"

static const struct {
	const char *name, *plain;
} NAMES[] = {
	{"_ZN2v88Function4CallEii", "v8::Function::Call"},
	{"_ZNK3abc4sizeEv", "abc::size"},
	{"_ZNKR3abc4sizeEv", "abc::size"},
	{"_Z4burni.cold", "burn"},
	{"_Z4burni.part.0.cold", "burn"},
	{"_ZN12_GLOBAL__N_14burnEPFviE", "(anonymous namespace)::burn"},
	{"_ZN3abcclEi", "abc::operator()"},
	{"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()"},
	{"_Z3maxIiET_S0_S0_", "int max<int>"},
	{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
	{"_ZTV3abc", "vtable for abc"},
};

START_TEST(plain_names)
{
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		char *plain = demangle(NAMES[i].name);

		ck_assert_msg(plain, "%s", NAMES[i].name);
		ck_assert_str_eq(plain, NAMES[i].plain);
		free(plain);
	}
}
END_TEST

START_TEST(no_such_names)
{
	static const char *const OTHERS[] = {"", "main", "_Z", "_Zzz", "_PyEval_Vector", "Z4burni"};
	char *deep = malloc(DEMANGLE_MAX_NAME + 8);

	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
		ck_assert_ptr_null(demangle(OTHERS[i]));
	/* pointers to pointers to …, as deep as a name may be, and deeper */
	memset(deep, 'P', DEMANGLE_MAX_NAME + 7);
	memcpy(deep, "_Z1f", 4);
	deep[DEMANGLE_MAX_NAME + 7] = '\0';
	ck_assert_ptr_null(demangle(deep));
	deep[DEMANGLE_MAX_NAME] = '\0';
	free(demangle(deep));
	deep[DEMANGLE_MAX_NAME - 1] = 'i';
	free(demangle(deep));
	free(deep);
}
END_TEST

START_TEST(shortened)
{
	static const char *const TEXTS[][2] = {{"f(int) const &", "f"}, {"f() [clone .cold]", "f"},
		{"f", "f"}, {"", ""}, {")", ")"}, {"(x)", "(x)"}, {"f)", "f)"},
		{"a::h0123456789abcdef", "a"}, {"::h0123456789abcdef", "::h0123456789abcdef"},
		{"f(int) ]", "f(int) ]"}, {"f(int)[clone", "f(int)[clone"}};

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		char *text = strdup(TEXTS[i][0]);

		demangle_shorten(text);
		ck_assert_str_eq(text, TEXTS[i][1]);
		free(text);
	}
}
END_TEST

UNIT_MAIN("demangle", plain_names, no_such_names, shortened)
