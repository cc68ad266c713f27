/* An answer of Prometheus' API: read whole and byte by byte, it is the same series, or refused in
 * both. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/prometheus_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static int take_series(void *arg, const char *metric, const struct metric_labels *labels,
	const double *time_s, const double *values, size_t n, struct err *err)
{
	struct str *out = arg;

	(void)err;
	metric_write(out, metric, strlen(metric), labels, NULL);
	for (size_t i = 0; i < n; i++)
		str_addf(out, " %.17g=%.17g", time_s[i], values[i]);
	str_add_char(out, ';');
	return 0;
}

static void take_type(void *arg, const char *metric, const char *type)
{
	str_addf(arg, "%s is %s;", metric, type);
}

static bool read_it(const char *p, size_t size, size_t piece, struct str *told)
{
	const struct prometheus_hooks hooks = {
		.series = take_series, .type = take_type, .arg = told};
	struct prometheus_answer a;
	struct err err = {0};
	bool good = true;

	prometheus_answer_init(&a, &hooks, &err);
	for (size_t at = 0; at < size && good; at += piece)
		good = !prometheus_answer_feed(&a, p + at, piece < size - at ? piece : size - at);
	must(good || a.json.why);
	good = good && json_stream_done(&a.json);
	str_addf(told, "%d %s %s %s", a.success, a.error_type, str_text(&a.error),
		str_text(&a.warnings));
	prometheus_answer_release(&a);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size ? size : 1); /* exact, so that the sanitizer sees a byte too far */
	struct str whole = STR_INIT, bytes = STR_INIT;

	memcpy(p, data, size);
	must(read_it(p, size, size ? size : 1, &whole) == read_it(p, size, 1, &bytes));
	must(!strcmp(str_text(&whole), str_text(&bytes)));
	str_release(&whole);
	str_release(&bytes);
	free(p);
	return 0;
}
