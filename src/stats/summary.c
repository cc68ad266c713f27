#include "stats/summary.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

double summary_mean(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return n ? sum / (double)n : NAN;
}

double summary_variance(const double *v, size_t n)
{
	double mean = summary_mean(v, n), sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (v[i] - mean) * (v[i] - mean);
	return n > 1 ? sum / (double)(n - 1) : NAN;
}

double summary_min(const double *v, size_t n)
{
	double least = n ? v[0] : NAN;

	for (size_t i = 1; i < n; i++)
		least = v[i] < least ? v[i] : least;
	return least;
}

double summary_max(const double *v, size_t n)
{
	double most = n ? v[0] : NAN;

	for (size_t i = 1; i < n; i++)
		most = v[i] > most ? v[i] : most;
	return most;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double summary_quantile(const double *v, size_t n, double p)
{
	double *sorted, at, result;
	size_t below;

	if (!n || !(p >= 0 && p <= 1))
		return NAN;
	sorted = mem_copy(v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), ascending);
	at = p * (double)(n - 1);
	below = (size_t)at;
	result = sorted[below];
	if (below + 1 < n)
		result += (at - (double)below) * (sorted[below + 1] - sorted[below]);
	free(sorted);
	return result;
}
