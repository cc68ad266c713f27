/* OpenMetrics and Prometheus text: whatever the bytes are, they are refused with a sentence, or
 * become a set whose parts fit together. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/metric_name.h"
#include "correlate/openmetrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a grid of few steps, so that two times far apart take no gigabytes */
	const struct align_options o = {.step_s = 1, .from_s = 0, .to_s = 3600};
	char *p = malloc(size ? size : 1); /* exact, so that the sanitizer sees a byte too far */
	struct series_set set;
	struct err err = {0};

	memcpy(p, data, size);
	if (openmetrics_read(&set, "fuzz", p, size, 1, &o, &err)) {
		must(err.text[0] != '\0');
		free(p);
		return 0;
	}
	for (size_t i = 0; i < set.n; i++) {
		struct metric_labels labels;
		struct str again = STR_INIT;
		const char *name = set.items[i].name, *end = metric_read(&labels, name);

		/* names read back as the same, but for those that were derived */
		must(end || strchr(name, ' '));
		if (end) {
			metric_write(&again, name, (size_t)(end - name), &labels, NULL);
			must(!strcmp(again.p, name));
		}
		str_release(&again);
		must(set.items[i].known <= set.n_times);
		for (size_t t = 0; t < set.n_times; t++)
			must(!isinf(set.items[i].values[t]) || strchr(name, ' ') != NULL ||
				set.items[i].kind == SERIES_COUNTER);
	}
	series_set_release(&set);
	free(p);
	return 0;
}
