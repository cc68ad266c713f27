/*
 * RFECV alone, for bench/rfecv.py: rfecv_drive FILE REPEATS. A table is a file of doubles in the
 * machine's order: rows, factors, then the factors column by column, then the response. Prints a
 * JSON line a repeat: CPU seconds, and the ranking.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "learn/rfecv.h"

static int repeat(const double *cells, size_t n, size_t p, struct err *err)
{
	uint64_t start = clock_process_cpu_ns(), spent;
	struct rfecv r;
	int rc = rfecv_fit(&r, cells, cells + n * p, n, p, NULL, n, err);

	spent = clock_process_cpu_ns() - start;
	if (!rc)
		printf("{\"cpu\": %.6f, \"ranking\": [", (double)spent / 1e9);
	for (size_t j = 0; !rc && j < p; j++)
		printf("%s%d", j ? ", " : "", r.ranking[j]);
	if (!rc)
		puts("]}");
	rfecv_release(&r);
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	struct file_bytes file;
	int64_t repeats;
	double *cells = NULL;
	int rc = argc == 3 ? num_parse_int(argv[2], 1, 1000, "REPEATS", &repeats, &err)
			   : err_set(&err, ERR_USAGE, "usage: rfecv_drive FILE REPEATS");

	if (!rc && !(rc = file_open_bytes(argv[1], (size_t)4 << 30, &file, &err))) {
		cells = mem_copy(file.data, file.len);
		file_close_bytes(&file);
	}
	for (int64_t i = 0; !rc && i < repeats; i++)
		rc = repeat(cells + 2, (size_t)cells[0], (size_t)cells[1], &err);
	free(cells);
	if (rc)
		fprintf(stderr, "rfecv_drive: %s\n", err.text);
	return err_exit_code(err.kind);
}
