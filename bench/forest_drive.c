/*
 * The forest alone, for bench/forest.py and bench/permutation.py. A table is a file of doubles in
 * the machine's order: rows, factors, then the factors column by column, then the response.
 *
 *   forest_drive fit FILE TRAIN TREES REPEATS SEED    fits on the first TRAIN rows, REPEATS times
 *   forest_drive permute FILE TRAIN TREES REPEATS SEED    fits once, then permutes REPEATS times in
 * the other rows
 *
 * Prints one JSON line a fit: CPU seconds (all threads), wall seconds, R² on the rows that were
 * left out.
 */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "learn/forest.h"

struct job {
	double *cells, *x, *y;
	size_t n, p, train;
	unsigned *train_rows, *test_rows;
	struct forest_spec spec;
	unsigned repeats;
};

static int job_read(struct job *j, char **args, struct err *err)
{
	struct file_bytes file;
	int64_t train, trees, repeats, seed;
	int rc = file_open_bytes(args[0], (size_t)4 << 30, &file, err);

	if (rc)
		return rc;
	j->cells = mem_copy(file.data, file.len);
	j->n = (size_t)j->cells[0];
	j->p = (size_t)j->cells[1];
	if (file.len != (2 + j->n * (j->p + 1)) * sizeof(double))
		rc = err_set(err, ERR_INPUT, "%s: not a table of %zu × %zu", args[0], j->n, j->p);
	file_close_bytes(&file);
	if (rc || (rc = num_parse_int(args[1], 2, (int64_t)j->n, "TRAIN", &train, err)) ||
		(rc = num_parse_int(args[2], 1, 100000, "TREES", &trees, err)) ||
		(rc = num_parse_int(args[3], 1, 1000, "REPEATS", &repeats, err)) ||
		(rc = num_parse_int(args[4], 0, 1 << 30, "SEED", &seed, err)))
		return rc;
	j->x = j->cells + 2;
	j->y = j->x + j->n * j->p;
	j->train = (size_t)train;
	j->spec = FOREST_SPEC_DEFAULT;
	j->spec.trees = (unsigned)trees;
	j->spec.seed = (uint64_t)seed;
	j->repeats = (unsigned)repeats;
	j->train_rows = mem_alloc(j->n, sizeof(*j->train_rows));
	for (size_t i = 0; i < j->n; i++)
		j->train_rows[i] = (unsigned)i;
	j->test_rows = j->train_rows + j->train;
	return 0;
}

static double score(const struct job *j, const struct forest *f)
{
	size_t n = j->n - j->train;
	double *out = mem_alloc(n, sizeof(*out)), mean = 0, error = 0, spread = 0;

	forest_predict(f, j->x, j->n, j->test_rows, n, out);
	for (size_t i = 0; i < n; i++)
		mean += j->y[j->train + i] / (double)n;
	for (size_t i = 0; i < n; i++) {
		double y = j->y[j->train + i];

		error += (y - out[i]) * (y - out[i]);
		spread += (y - mean) * (y - mean);
	}
	free(out);
	return 1 - error / spread;
}

static int fit(struct job *j, struct err *err)
{
	for (unsigned r = 0; r < j->repeats; r++, j->spec.seed++) {
		uint64_t cpu = clock_process_cpu_ns(), wall = clock_now_ns();
		struct forest *f;
		int rc = forest_fit(
			&f, &j->spec, j->x, j->y, j->n, j->p, j->train_rows, j->train, err);

		if (rc)
			return rc;
		cpu = clock_process_cpu_ns() - cpu;
		wall = clock_now_ns() - wall;
		printf("{\"cpu\": %.6f, \"wall\": %.6f, \"r2\": %.6f, \"oob\": %.6f}\n",
			(double)cpu / 1e9, (double)wall / 1e9, j->train < j->n ? score(j, f) : 0,
			forest_oob_r2(f));
		forest_free(f);
	}
	return 0;
}

static int permute(struct job *j, struct err *err)
{
	double *drops = mem_alloc(j->p * j->repeats, sizeof(*drops));
	struct forest *f;
	uint64_t cpu, wall;
	int rc = forest_fit(&f, &j->spec, j->x, j->y, j->n, j->p, j->train_rows, j->train, err);

	if (rc)
		return rc;
	cpu = clock_process_cpu_ns();
	wall = clock_now_ns();
	forest_permutation_importance(f, j->x, j->y, j->n, j->test_rows, j->n - j->train,
		j->repeats, j->spec.seed, drops);
	printf("{\"cpu\": %.6f, \"wall\": %.6f, \"r2\": %.6f, \"mean\": [",
		(double)(clock_process_cpu_ns() - cpu) / 1e9, (double)(clock_now_ns() - wall) / 1e9,
		score(j, f));
	for (size_t k = 0; k < j->p; k++) {
		double mean = 0;

		for (unsigned r = 0; r < j->repeats; r++)
			mean += drops[k * j->repeats + r] / j->repeats;
		printf("%s%.6f", k ? ", " : "", mean);
	}
	printf("]}\n");
	free(drops);
	forest_free(f);
	return 0;
}

int main(int argc, char **argv)
{
	struct job j = {0};
	struct err err = {0};
	int rc;

	if (argc != 7 || (strcmp(argv[1], "fit") && strcmp(argv[1], "permute"))) {
		fprintf(stderr, "forest_drive fit|permute FILE TRAIN TREES REPEATS SEED\n");
		return 2;
	}
	rc = job_read(&j, argv + 2, &err);
	if (!rc)
		rc = strcmp(argv[1], "fit") ? permute(&j, &err) : fit(&j, &err);
	if (rc)
		fprintf(stderr, "forest_drive: %s\n", err.text);
	free(j.cells);
	free(j.train_rows);
	return rc ? err_exit_code(err.kind) : 0;
}
