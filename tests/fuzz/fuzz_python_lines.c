/* The tables by which CPython finds lines, and its own offsets, come from another process's memory:
 * whatever the bytes are, runs rise and lines are none or positive, and a layout that was taken has
 * offsets within the sizes that it was given with. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pyremote/layout.h"
#include "pyremote/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void walk_lines(enum layout_lines form, int first_line, const uint8_t *table, size_t n)
{
	struct python_lines l;

	lines_decode(&l, form, table, n, first_line);
	must(l.n <= n + 1);
	for (size_t i = 0; i < l.n; i++) {
		must(l.runs[i].line >= 0 && l.runs[i].start >= 0);
		must(!i || l.runs[i].start > l.runs[i - 1].start);
		must(lines_at(&l, l.runs[i].start) == l.runs[i].line);
	}
	lines_at(&l, INT32_MIN);
	lines_at(&l, INT32_MAX);
	lines_release(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact; /* so that the sanitizer sees a byte too far */
	int32_t first_line;
	struct layout own;
	uint32_t hex;

	if (size < 5)
		return 0;
	memcpy(&first_line, data + 1, 4);
	exact = malloc(size - 5 ? size - 5 : 1);
	must(exact != NULL);
	memcpy(exact, data + 5, size - 5);
	if (data[0] % 4 < 3)
		walk_lines((enum layout_lines)(data[0] % 4), first_line, exact, size - 5);
	else if (layout_read_own(exact, size - 5, &own, &hex) == OWN_READ)
		must(own.minor >= 13 && own.frame.owner < 256 && own.thread.native_id < 8192);
	free(exact);
	return 0;
}
