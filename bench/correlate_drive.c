/*
 * What bench/correlate.py measures of reading and correlating, part by part.
 *
 *     correlate_drive make SERIES TIMES DIGITS SEED > file.csv
 *     correlate_drive read FILE [MEMORY_MB]
 *     correlate_drive run FILE TARGET [MEMORY_MB]
 *     correlate_drive all FILE TARGET [MEMORY_MB]
 *
 * `make` writes a wide CSV file: a time a row from 2026-11-21 on, a minute apart; the columns
 * total, s1, s2, …: random walks with DIGITS digits behind the point, every hundredth of which
 * follows total. `read` and `run` say as JSON what each part took: wall and CPU seconds, and the
 * most memory that the process had (VmHWM), and of it what was not pages of files (RssAnon, at the
 * end). `all` looks for accounts and at an incident, the last twentieth, as well.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "correlate/accounting.h"
#include "correlate/correlate.h"
#include "correlate/incident.h"
#include "correlate/series_csv.h"

static size_t number(char **argv, int argc, int i, size_t without)
{
	int64_t value = (int64_t)without;
	struct err err = {0};

	if (i < argc && num_parse_int(argv[i], 0, INT32_MAX, argv[i], &value, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	return (size_t)value;
}

static int make(size_t n, size_t times, int digits, uint64_t seed)
{
	double *level = mem_zalloc(n, sizeof(*level));
	struct rng r;
	double total = 100;

	rng_seed(&r, seed, 1);
	for (size_t i = 0; i < n; i++)
		level[i] = 100 + 10 * rng_normal(&r);
	printf("time,total");
	for (size_t i = 1; i < n; i++)
		printf(",s%zu", i);
	for (size_t t = 0; t < times; t++) {
		double moved = rng_normal(&r);
		size_t minute = t % 1440;

		total += moved;
		/* months of 28 days, for they have no ends */
		printf("\n2026-%02zu-%02zuT%02zu:%02zu:00Z,%.*f", 1 + t / 1440 / 28 % 12,
			1 + t / 1440 % 28, minute / 60, minute % 60, digits, total);
		for (size_t i = 1; i < n; i++) {
			level[i] += rng_normal(&r) + (i % 100 == 1 ? moved : 0);
			printf(",%.*f", digits, level[i]);
		}
	}
	printf("\n");
	free(level);
	return 0;
}

struct mark {
	double wall_s, cpu_s;
};

static struct mark now(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (struct mark){(double)clock_now_ns() / 1e9,
		(double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6};
}

/* "VmHWM:	   12345 kB" of /proc/self/status, in bytes. */
static double status(const char *key)
{
	struct file_bytes file;
	double kb = 0;
	const char *at;

	if (file_open_bytes("/proc/self/status", 1 << 16, &file, NULL))
		return 0;
	at = memmem(file.data, file.len, key, strlen(key));
	if (at) {
		at += strlen(key) + 1;
		while (*at == ' ' || *at == '\t')
			at++;
		num_scan(at, file.data + file.len, &kb);
	}
	file_close_bytes(&file);
	return kb * 1024;
}

/* What else goes through all series. */
static int look_further(const struct series_set *s, size_t target, struct err *err)
{
	double end_s = s->start_s + s->step_s * (double)s->n_times;
	struct incident_spec spec = {.from_s = end_s - s->step_s * (double)(s->n_times / 20),
		.to_s = end_s,
		.before_s = NAN,
		.fdr = .05};
	struct incident_result incident;
	struct account accounts[ACCOUNT_MAX];
	size_t n = account_find(accounts, s, target);
	int rc;

	while (n)
		account_release(&accounts[--n]);
	rc = incident_run(&incident, s, &spec, err);
	incident_release(&incident);
	return rc;
}

static int drive(const char *path, const char *target, bool all, size_t memory_mb)
{
	struct series_csv_options o = {.align = {.from_s = NAN, .to_s = NAN},
		.memory_bytes = (uint64_t)memory_mb << 20,
		.temp_folder = getenv("TMPDIR")};
	struct correlate_spec spec = {
		.fdr = .05, .confidence = .95, .given = SIZE_MAX, .group_at = .9};
	struct correlate_result result = {0};
	struct series_set s;
	struct err err = {0};
	struct mark begin = now(), read, ran;

	if (series_read_csv(&s, path, &o, &err))
		goto failed;
	read = now();
	if (target) {
		spec.target = series_find(&s, target, &err);
		if (spec.target == SIZE_MAX || correlate_run(&result, &s, &spec, &err))
			goto failed;
	}
	if (all && look_further(&s, spec.target, &err))
		goto failed;
	ran = now();
	printf("{\"series\": %zu, \"times\": %zu, \"known\": %.0f, \"found\": %zu, "
	       "\"read_wall_s\": %.6f, \"read_cpu_s\": %.6f, \"run_wall_s\": %.6f, "
	       "\"run_cpu_s\": %.6f, \"peak_bytes\": %.0f, \"anon_bytes\": %.0f}\n",
		s.n, s.n_times, (double)(s.n * s.n_times) - (double)s.gaps, result.n_found,
		read.wall_s - begin.wall_s, read.cpu_s - begin.cpu_s, ran.wall_s - read.wall_s,
		ran.cpu_s - read.cpu_s, status("VmHWM"), status("RssAnon"));
	fprintf(stderr, "%s", str_text(&s.notes));
	correlate_release(&result);
	series_set_release(&s);
	return 0;
failed:
	fprintf(stderr, "%s\n", err.text);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "make"))
		return make(number(argv, argc, 2, 3000), number(argv, argc, 3, 1440),
			(int)number(argv, argc, 4, 4), number(argv, argc, 5, 6));
	if (argc > 2 && !strcmp(argv[1], "read"))
		return drive(argv[2], NULL, false, number(argv, argc, 3, 0));
	if (argc > 3 && (!strcmp(argv[1], "run") || !strcmp(argv[1], "all")))
		return drive(argv[2], argv[3], argv[1][0] == 'a', number(argv, argc, 4, 0));
	fprintf(stderr, "usage: correlate_drive make|read|run|all …\n");
	return 2;
}
