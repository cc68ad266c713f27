/* JITs' maps: what is taken of them, what is left out, and which file is believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native/perf_map.h"
#include "unit.h"

static struct perf_map *map;

static const char *find(uint64_t address)
{
	uint64_t start;
	const char *name = perf_map_find(map, address, &start);

	if (!name)
		return "";
	ck_assert_uint_le(start, address);
	return name;
}

static void add(const char *text)
{
	ck_assert_uint_eq(perf_map_add(map, text, strlen(text)), strlen(text));
}

START_TEST(lines)
{
	map = perf_map_new();
	add("1000 10 one\n0x2000 0x20 two words (x)\nABCDEF 1 upper\n");
	ck_assert_str_eq(find(0xfff), "");
	ck_assert_str_eq(find(0x1000), "one");
	ck_assert_str_eq(find(0x100f), "one");
	ck_assert_str_eq(find(0x1010), "");
	ck_assert_str_eq(find(0x201f), "two words (x)");
	ck_assert_str_eq(find(0xabcdef), "upper");
	/* half a line waits for the rest */
	ck_assert_uint_eq(perf_map_add(map, "3000 10 th", 10), 0);
	perf_map_free(map);
}
END_TEST

START_TEST(what_is_no_line)
{
	static const char *const BAD[] = {"\n", "1000\n", "1000 10\n", "1000 10 \n", "1000  10 a\n",
		" 1000 10 a\n", "1000 0 a\n", "-1000 10 a\n", "0x 10 a\n", "1000 1g a\n",
		"10000000000000000 10 a\n", "ffffffffffffffff 10 a\n", "1000 10 a\tb\n",
		"1000 10 \x1b[31m\n"};

	map = perf_map_new();
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		add(BAD[i]);
	ck_assert_str_eq(find(0x1000), "");
	ck_assert_str_eq(find(UINT64_MAX), "");
	perf_map_free(map);
}
END_TEST

START_TEST(memory_used_again)
{
	map = perf_map_new();
	add("1000 100 old\n1100 100 other\n1040 20 new\n");
	ck_assert_str_eq(find(0x103f), "old");
	ck_assert_str_eq(find(0x1040), "new");
	ck_assert_str_eq(find(0x1060), "old");
	add("1000 200 newest\n");
	ck_assert_str_eq(find(0x1050), "newest");
	ck_assert_str_eq(find(0x1150), "newest");
	perf_map_free(map);
}
END_TEST

START_TEST(a_long_name)
{
	char *text = malloc(3 * PERF_MAP_MAX_NAME);
	int len = snprintf(text, 3 * PERF_MAP_MAX_NAME, "1000 10 %0*d\n", 2 * PERF_MAP_MAX_NAME, 7);

	map = perf_map_new();
	ck_assert_uint_eq(perf_map_add(map, text, (size_t)len), (size_t)len);
	ck_assert_uint_eq(strlen(find(0x1000)), PERF_MAP_MAX_NAME);
	perf_map_free(map);
	free(text);
}
END_TEST

static void write_file(const char *path, const char *text, const char *mode)
{
	FILE *file = fopen(path, mode);

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(the_file)
{
	char path[64], other[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	snprintf(other, sizeof(other), "/tmp/perf-%d.other", (int)getpid());
	map = perf_map_new();
	unlink(path);
	ck_assert(!perf_map_update(map, getpid(), getpid()));
	write_file(path, "1000 10 one\n2000 1", "w");
	ck_assert(perf_map_update(map, getpid(), getpid()));
	ck_assert(!perf_map_update(map, getpid(), getpid()));
	ck_assert_str_eq(find(0x1000), "one");
	write_file(path, "0 two\n", "a"); /* the rest of the line */
	ck_assert(perf_map_update(map, getpid(), getpid()));
	ck_assert_str_eq(find(0x2000), "two");
	/* begun anew */
	write_file(path, "1000 10 uno\n", "w");
	ck_assert(perf_map_update(map, getpid(), getpid()));
	ck_assert_str_eq(find(0x1000), "uno");
	/* a link could lead anywhere */
	write_file(other, "5000 10 five\n5000 10 five\n5000 10 five\n", "w");
	unlink(path);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert(!perf_map_update(map, getpid(), getpid()));
	unlink(path);
	/* another user's */
	if (getuid() == 0) {
		write_file(path, "5000 10 five\n5000 10 five\n5000 10 five\n", "w");
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert(!perf_map_update(map, getpid(), getpid()));
		unlink(path);
	}
	unlink(other);
	perf_map_free(map);
}
END_TEST

UNIT_MAIN("perf_map", lines, what_is_no_line, memory_used_again, a_long_name, the_file)
