/*
 * A Gaussian process on a table from stdin, for bench/gp.py: numbers as doubles, n, p, m, then
 * n × p values, n responses, m × p points, and p length scales, signal and noise. Prints the
 * likelihood there, the predictions there, then what a fit of its own found and its CPU seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "learn/gp.h"

static double *take(size_t n)
{
	double *v = mem_alloc(n, sizeof(double));

	if (fread(v, sizeof(double), n, stdin) != n)
		exit(1);
	return v;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void show(const char *name, const double *v, size_t n)
{
	printf("%s", name);
	for (size_t i = 0; i < n; i++)
		printf(" %.17g", v[i]);
	printf("\n");
}

int main(void)
{
	double *size = take(3), start, took;
	size_t n = (size_t)size[0], p = (size_t)size[1], m = (size_t)size[2];
	double *x = take(n * p), *y = take(n), *points = take(m * p), *theta = take(p + 2);
	double *mean = mem_alloc(2 * m, sizeof(double));
	struct gp at = {.scale = theta, .signal = theta[p], .noise = theta[p + 1]}, g;
	struct err err = {0};

	if (gp_fit_spec(&g, &(struct gp_spec){.from = &at, .keep = true}, x, y, n, p, &err))
		return fprintf(stderr, "%s\n", err.text), 1;
	gp_predict(&g, points, m, mean, mean + m);
	show("likelihood", &g.log_likelihood, 1);
	show("mean", mean, m);
	show("sd", mean + m, m);
	show("loo", g.loo, n);
	gp_release(&g);
	start = seconds();
	if (gp_fit(&g, x, y, n, p, 1, &err))
		return fprintf(stderr, "%s\n", err.text), 1;
	took = seconds() - start;
	show("seconds", &took, 1);
	show("found", &g.log_likelihood, 1);
	show("scale", g.scale, p);
	show("signal", &g.signal, 1);
	show("noise", &g.noise, 1);
	gp_release(&g);
	free(theta);
	free(points);
	free(mean);
	free(size);
	free(x);
	free(y);
	return 0;
}
