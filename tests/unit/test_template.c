#include "unit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "load/template.h"

static char *columns[] = {"name", "city", "user-id"};
static char text[] = "Zoë & co\0a\"b\\c\0"
		     "1\r\nX: y";
static size_t starts[] = {0, 10, 16};
static const struct load_data data = {columns, 3, 1, text, starts};
static const char *const taken_names[] = {"token", "page.next"};
static char *const taken[] = {"t/1", NULL};
static const struct template_names names = {&data, taken_names, 2};

static struct template_values values(struct rng *rng)
{
	rng_seed(rng, 1, 0);
	return (struct template_values){.data = &data, .taken = taken, .seq = 42, .rng = rng};
}

/* What the text is rendered to; the caller frees it. */
static char *render(const char *from, enum template_place place)
{
	struct err err = {0};
	struct str out = STR_INIT;
	struct template t;
	struct rng rng;
	struct template_values v = values(&rng);

	ck_assert_msg(!template_parse(&t, from, strlen(from), place, &names, "here", &err),
		"%s: %s", from, err.text);
	template_render(&t, &v, &out);
	template_release(&t);
	return str_take(&out);
}

static const struct rendered {
	const char *from;
	enum template_place place;
	const char *want;
} RENDERED[] = {
	{"", TEMPLATE_RAW, ""},
	{"plain", TEMPLATE_RAW, "plain"},
	{"/a/{seq}?n={name}", TEMPLATE_URL, "/a/42?n=Zo%C3%AB%20%26%20co"},
	{"{name}", TEMPLATE_RAW, "Zoë & co"},
	{"{city}", TEMPLATE_RAW, "a\"b\\c"},
	{"{\"c\":\"{city}\"}", TEMPLATE_JSON, "{\"c\":\"a\\\"b\\\\c\"}"},
	{"{\"u\":\"{user-id}\"}", TEMPLATE_JSON, "{\"u\":\"1\\u000d\\nX: y\"}"},
	/* a line end in the data must never become one of the header */
	{"id={user-id}", TEMPLATE_HEADER, "id=1  X: y"},
	{"{user-id}", TEMPLATE_URL, "1%0D%0AX%3A%20y"},
	{"{token}", TEMPLATE_URL, "t%2F1"},
	{"[{page.next}]", TEMPLATE_RAW, "[]"}, /* not taken yet */
	{"{seq}{seq}", TEMPLATE_RAW, "4242"},
	{"{rand:7-7}{rand:-3--3}{rand:-0-0}", TEMPLATE_RAW, "7-30"},
	{"{rand:-9223372036854775808--9223372036854775808}", TEMPLATE_RAW, "-9223372036854775808"},
	{"{rand:9223372036854775807-9223372036854775807}", TEMPLATE_RAW, "9223372036854775807"},
	/* braces: what closes by nature stays */
	{"{\"a\":{\"b\":{seq}}}", TEMPLATE_JSON, "{\"a\":{\"b\":42}}"},
	{"{\"a\":{\"b\":1}}", TEMPLATE_JSON, "{\"a\":{\"b\":1}}"},
	{"{ }{}{{}}{{ }}}{", TEMPLATE_RAW, "{ }{}{{}}{{ }}}{"},
	{"{{name}}", TEMPLATE_RAW, "{name}"},
	{"{{nothing}} {{x:1}}", TEMPLATE_RAW, "{nothing} {x:1}"},
	{"{{seq}", TEMPLATE_RAW, "{42"},
	{"{seq}}", TEMPLATE_RAW, "42}"},
	{"{{{seq}}}", TEMPLATE_RAW, "{{seq}}"},
	{"{{seq}}}", TEMPLATE_RAW, "{seq}}"},
	{"{a b} {a,b} {a:\"b\"} {a:b,c} {:x} {ä}", TEMPLATE_RAW,
		"{a b} {a,b} {a:\"b\"} {a:b,c} {:x} {ä}"},
	{"{seq", TEMPLATE_RAW, "{seq"},
	{"{{seq", TEMPLATE_RAW, "{{seq"},
	{"{rand:1", TEMPLATE_RAW, "{rand:1"},
};

START_TEST(renders)
{
	const struct rendered *r = &RENDERED[_i];
	char *got = render(r->from, r->place);

	ck_assert_str_eq(got, r->want);
	free(got);
}
END_TEST

static const struct refused {
	const char *from, *want;
} REFUSED[] = {
	{"/{nmae}", "here: nothing is called 'nmae'; did you mean 'name'? (known: name, city, "
		    "user-id, token, page.next, seq, uuid, rand, hex, text; for the text itself "
		    "write {{nmae}})"},
	{"{zzzzzz:1}", "here: nothing is called 'zzzzzz' (known: name, city, user-id, token, "
		       "page.next, seq, uuid, rand, hex, text; for the text itself write "
		       "{{zzzzzz:1}})"},
	{"{3}", "{{3}}"},
	{"{seq:1}", "here: {seq:1}: nothing follows this word; write {seq}"},
	{"{uuid:4}", "write {uuid}"},
	{"{name:4}", "here: {name:4}: nothing follows this word; write {name}"},
	{"{rand}", "here: {rand}: what it needs is missing; write {rand:1-100}"},
	{"{hex}", "write {hex:16}"},
	{"{text}", "write {text:16}"},
	{"{hex:0}", "here: {hex:0}: the length must be a whole number from 1 to 65536"},
	{"{hex:65537}", "65536"},
	{"{text:}", "65536"},
	{"{text:x}", "65536"},
	{"{rand:}", "two whole numbers"},
	{"{rand:5}", "here: {rand:5}: the bounds must be two whole numbers, as in {rand:1-100}"},
	{"{rand:1-}", "two whole numbers"},
	{"{rand:-1}", "two whole numbers"},
	{"{rand:1-2-3}", "two whole numbers"},
	{"{rand: 1-2}", "two whole numbers"},
	{"{rand:1.5-2}", "two whole numbers"},
	{"{rand:1-9223372036854775808}", "two whole numbers"},
	{"{rand:1-99999999999999999999999999999}", "two whole numbers"},
	{"{rand:2-1}", "here: {rand:2-1}: the first bound must not be above the second"},
};

START_TEST(refuses)
{
	const struct refused *r = &REFUSED[_i];
	struct err err = {0};
	struct template t;

	ck_assert_int_eq(
		template_parse(&t, r->from, strlen(r->from), TEMPLATE_URL, &names, "here", &err),
		-ERR_USAGE);
	ck_assert_msg(strstr(err.text, r->want) != NULL, "'%s' is not in: %s", r->want, err.text);
	ck_assert_ptr_null(t.parts);
}
END_TEST

START_TEST(names_may_be_missing_or_ambiguous)
{
	static const char *const both[] = {"city"};
	const struct template_names ambiguous = {&data, both, 1}, none = {0};
	struct err err = {0};
	struct template t;

	ck_assert_int_eq(
		template_parse(&t, "{city}", 6, TEMPLATE_RAW, &ambiguous, NULL, &err), -ERR_USAGE);
	ck_assert_str_eq(err.text, "'city' is a column of the data and taken from an answer too; "
				   "rename one of them");
	ck_assert_int_eq(template_parse(&t, "{x}", 3, TEMPLATE_RAW, &none, "", &err), -ERR_USAGE);
	ck_assert_str_eq(err.text, "nothing is called 'x' (known: seq, uuid, rand, hex, text; for "
				   "the text itself write {{x}})");
	ck_assert_int_eq(template_parse(&t, "{x}", 3, TEMPLATE_RAW, NULL, NULL, NULL), -ERR_USAGE);
}
END_TEST

static void parse(struct template *t, const char *from)
{
	ck_assert_int_eq(
		template_parse(t, from, strlen(from), TEMPLATE_RAW, &names, NULL, NULL), 0);
}

START_TEST(knows_what_it_takes)
{
	struct template t;
	const char *p;
	size_t len;

	parse(&t, "a{{b}}c");
	ck_assert(template_is_constant(&t) && !template_takes_row(&t) && !template_takes_seq(&t));
	ck_assert(template_fixed(&t, &p, &len));
	ck_assert_uint_eq(len, 5);
	ck_assert_int_eq(memcmp(p, "a{b}c", 5), 0);
	template_release(&t);
	parse(&t, "");
	ck_assert(template_fixed(&t, &p, &len) && len == 0 && p);
	template_release(&t);
	parse(&t, "{city}{uuid}");
	ck_assert(!template_is_constant(&t) && template_takes_row(&t) && !template_takes_seq(&t));
	ck_assert(!template_fixed(&t, &p, &len));
	template_release(&t);
	parse(&t, "{token} {seq}");
	ck_assert(!template_is_constant(&t) && !template_takes_row(&t) && template_takes_seq(&t));
	template_release(&t);
}
END_TEST

START_TEST(seq_is_written_whole)
{
	static const uint64_t NUMBERS[] = {0, 9, 10, 1234567890, UINT64_MAX};
	static const char *const want[] = {"0", "9", "10", "1234567890", "18446744073709551615"};
	struct str out = STR_INIT;
	struct template t;

	parse(&t, "{seq}");
	for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
		struct template_values v = {.seq = NUMBERS[i]};

		str_clear(&out);
		template_render(&t, &v, &out);
		ck_assert_str_eq(out.p, want[i]);
	}
	template_release(&t);
	str_release(&out);
}
END_TEST

START_TEST(random_words_have_their_form)
{
	char *got = render("{uuid} {hex:17} {text:70}", TEMPLATE_URL);
	char *again = render("{uuid} {hex:17} {text:70}", TEMPLATE_HEADER);

	ck_assert_str_eq(got, again); /* by the seed alone */
	ck_assert_uint_eq(strlen(got), 36 + 1 + 17 + 1 + 70);
	for (size_t i = 0; i < 36; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23)
			ck_assert_int_eq(got[i], '-');
		else
			ck_assert_ptr_nonnull(strchr("0123456789abcdef", got[i]));
	ck_assert_int_eq(got[14], '4');
	ck_assert_ptr_nonnull(strchr("89ab", got[19]));
	ck_assert_uint_eq(strspn(got + 37, "0123456789abcdef"), 17);
	ck_assert_uint_eq(strspn(got + 55, "0123456789abcdefghijklmnopqrstuvwxyz"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
		70);
	free(got);
	free(again);
}
END_TEST

/* Ten values, 100,000 draws: chi-square with 9 degrees of freedom is above 33.7 once in 10,000
 * seeds; this seed is fixed. */
START_TEST(rand_is_even_and_keeps_its_bounds)
{
	struct template t;
	struct str out = STR_INIT;
	struct rng rng;
	struct template_values v = values(&rng);
	size_t counts[10] = {0};
	double chi = 0;

	parse(&t, "{rand:-4-5}");
	for (int i = 0; i < 100000; i++) {
		int64_t got;

		str_clear(&out);
		template_render(&t, &v, &out);
		ck_assert_int_eq(num_parse_int(out.p, -4, 5, "drawn", &got, NULL), 0);
		counts[got + 4]++;
	}
	for (int i = 0; i < 10; i++)
		chi += ((double)counts[i] - 10000) * ((double)counts[i] - 10000) / 10000;
	ck_assert_msg(chi < 33.7, "chi-square %g", chi);
	template_release(&t);
	str_release(&out);
}
END_TEST

START_TEST(rand_takes_all_of_64_bits)
{
	struct template t;
	struct str out = STR_INIT;
	struct rng rng;
	struct template_values v = values(&rng);
	size_t negative = 0, large = 0;

	parse(&t, "{rand:-9223372036854775808-9223372036854775807}");
	for (int i = 0; i < 1000; i++) {
		int64_t got;

		str_clear(&out);
		template_render(&t, &v, &out);
		ck_assert_int_eq(
			num_parse_int(out.p, INT64_MIN, INT64_MAX, "drawn", &got, NULL), 0);
		negative += got < 0;
		large += got > INT64_MAX / 2;
	}
	/* binomial, 1,000 draws: outside these by less than one in 10,000 seeds */
	ck_assert(negative > 435 && negative < 565);
	ck_assert(large > 195 && large < 305);
	template_release(&t);
	str_release(&out);
}
END_TEST

/* Whatever was recorded comes out again, and needs no names. */
static const char *const RECORDED[] = {"", "{", "{name}", "{{name}}", "{{{name}}}", "{{name}",
	"{name}}", "{\"a\":{\"b\":{c}}}", "query{user(id:1){name}}", "{rand:1-5}{rand}", "{{}}",
	"{x:{y}}", "{a}{b}{{c}}{"};

START_TEST(escaped_text_is_itself)
{
	struct str escaped = STR_INIT;
	struct template t;
	const char *p;
	size_t len;

	template_escape(&escaped, RECORDED[_i], strlen(RECORDED[_i]));
	ck_assert_int_eq(
		template_parse(&t, str_text(&escaped), escaped.len, TEMPLATE_RAW, NULL, NULL, NULL),
		0);
	ck_assert(template_fixed(&t, &p, &len));
	ck_assert_uint_eq(len, strlen(RECORDED[_i]));
	ck_assert_int_eq(memcmp(p, RECORDED[_i], len), 0);
	template_release(&t);
	str_release(&escaped);
}
END_TEST

START_TEST(encoding_keeps_placeholders)
{
	struct str out = STR_INIT;
	const char *from = "a b&{name}={{name}} {x y}";

	template_encode(&out, from, strlen(from));
	ck_assert_str_eq(out.p, "a%20b%26{name}%3D%7Bname%7D%20%7Bx%20y%7D");
	str_release(&out);
}
END_TEST

/* Nothing is read behind the end: the text ends where the next page may not be touched. */
START_TEST(stays_within_its_text)
{
	static const char FULL[] = "a{{seq}}{\"x\":{rand:1-5}}{name}{hex:4}{{{city}}}{token";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct str out = STR_INIT;

	ck_assert(map != MAP_FAILED);
	ck_assert_int_eq(mprotect(map + page, page, PROT_NONE), 0);
	for (size_t len = 0; len < sizeof(FULL); len++) {
		char *p = memcpy(map + page - len, FULL, len);
		struct template t;

		ck_assert_int_eq(template_parse(&t, p, len, TEMPLATE_RAW, &names, NULL, NULL), 0);
		template_release(&t);
		template_escape(&out, p, len);
		template_encode(&out, p, len);
	}
	str_release(&out);
	munmap(map, 2 * page);
}
END_TEST

START_TEST(rendering_allocates_once)
{
	struct str out = STR_INIT;
	struct template t;
	struct rng rng;
	struct template_values v = values(&rng);
	const char *p;

	parse(&t, "{name}{city}{seq}{uuid}{rand:1-9}{hex:40}{text:40}{token}");
	template_render(&t, &v, &out);
	str_reserve(&out, 64); /* a number may take more digits */
	p = out.p;
	for (int i = 0; i < 1000; i++) {
		str_clear(&out);
		template_render(&t, &v, &out);
		ck_assert_ptr_eq(out.p, p);
	}
	template_release(&t);
	str_release(&out);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	const TTest *const ONCE[] = {names_may_be_missing_or_ambiguous, knows_what_it_takes,
		seq_is_written_whole, random_words_have_their_form,
		rand_is_even_and_keeps_its_bounds, rand_takes_all_of_64_bits,
		encoding_keeps_placeholders, stays_within_its_text, rendering_allocates_once};
	Suite *suite = suite_create("template");
	TCase *tc = tcase_create("template");
	int failed;

	tcase_add_loop_test(tc, renders, 0, COUNT(RENDERED));
	tcase_add_loop_test(tc, refuses, 0, COUNT(REFUSED));
	tcase_add_loop_test(tc, escaped_text_is_itself, 0, COUNT(RECORDED));
	for (int i = 0; i < COUNT(ONCE); i++)
		tcase_add_test(tc, ONCE[i]);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
