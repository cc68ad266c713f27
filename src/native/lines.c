/*
 * Which line of the source code comes from. elfutils looks up in .debug_aranges which compilation
 * unit an address is of; clang and rustc do not write that section. So where it finds none, the
 * units' own ranges are gathered, once a file.
 */
#include <elfutils/libdw.h>
#include <stdlib.h>

#include "base/mem.h"
#include "native/native_internal.h"

enum { UNITS_MAX = 1 << 20 };

/* A piece of code, as elfutils has its addresses. */
struct code_unit {
	uint64_t start, end, bias;
	Dwarf_Die die;
};

static int by_start(const void *a, const void *b)
{
	const struct code_unit *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void units_take(struct code_file *f)
{
	Dwarf_Die *die = NULL;
	Dwarf_Addr bias;
	size_t cap = 0;

	f->units_tried = true;
	while ((die = dwfl_module_nextcu(f->mod, die, &bias)) && f->n_units < UNITS_MAX) {
		Dwarf_Addr base, start, end;
		ptrdiff_t at = 0;

		while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0 &&
			f->n_units < UNITS_MAX) {
			if (start >= end)
				continue;
			f->units = mem_grow(f->units, &cap, f->n_units + 1, sizeof(*f->units));
			f->units[f->n_units++] =
				(struct code_unit){start + bias, end + bias, bias, *die};
		}
	}
	if (f->n_units)
		qsort(f->units, f->n_units, sizeof(*f->units), by_start);
}

static Dwarf_Line *line_by_units(struct code_file *f, uint64_t address)
{
	size_t low = 0, high;

	if (!f->units_tried)
		units_take(f);
	high = f->n_units;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->units[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || address >= f->units[low - 1].end)
		return NULL;
	return dwarf_getsrc_die(&f->units[low - 1].die, address - f->units[low - 1].bias);
}

const char *file_line(struct code_file *f, uint64_t address, int *number)
{
	Dwfl_Line *line = dwfl_module_getsrc(f->mod, address);
	Dwarf_Line *of_unit = line ? NULL : line_by_units(f, address);
	const char *path = NULL;

	*number = 0;
	if (line)
		path = dwfl_lineinfo(line, NULL, number, NULL, NULL, NULL);
	else if (of_unit && !dwarf_lineno(of_unit, number))
		path = dwarf_linesrc(of_unit, NULL, NULL);
	if (!path || *number < 0)
		*number = 0;
	return path;
}

void file_lines_release(struct code_file *f)
{
	free(f->units);
}
