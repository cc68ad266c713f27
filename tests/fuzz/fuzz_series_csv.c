/* Series from CSV: whatever the bytes are, they are refused with a sentence that names the file, or
 * become series on one axis, the same ones in memory and through a temporary file. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <stdio.h>
#include <unistd.h>

#include "correlate/series_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_set(const struct series_set *s)
{
	size_t gaps = 0;

	must(s->n >= 1 && s->n_times >= 2 && s->step_s > 0 && isfinite(s->start_s));
	for (size_t i = 0; i < s->n; i++) {
		const struct series *one = &s->items[i];
		size_t known = 0;

		must(*one->name != '\0' && !strchr(one->name, '\n'));
		must(one->same_as == SIZE_MAX || one->same_as < i);
		for (size_t t = 0; t < s->n_times; t++) {
			must(!isinf(one->values[t]));
			known += !isnan(one->values[t]);
		}
		must(known == one->known);
		gaps += s->n_times - known;
	}
	must(gaps == s->gaps);
}

static void check_same(const struct series_set *a, const struct series_set *b)
{
	must(a->n == b->n && a->n_times == b->n_times && a->gaps == b->gaps);
	for (size_t i = 0; i < a->n; i++) {
		must(!strcmp(a->items[i].name, b->items[i].name));
		for (size_t t = 0; t < a->n_times; t++) {
			double x = a->items[i].values[t], y = b->items[i].values[t];

			must(x == y || (isnan(x) && isnan(y)));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct series_csv_options o = {.align = {.from_s = NAN, .to_s = NAN},
		.memory_bytes = 64 << 20,
		.temp_folder = "/tmp"};
	struct series_set s, filed;
	struct err err = {0};
	int fd = memfd_create("fuzz", 0);
	char path[64];

	/* the first byte chooses what is asked for */
	if (!size || fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
		goto out;
	o.zone = data[0] & 1 ? "Europe/Berlin" : NULL;
	o.align.how = data[0] & 2 ? ALIGN_MEAN : ALIGN_NEAREST;
	o.align.step_s = data[0] & 4 ? 60 : 0;
	o.name_column = data[0] & 8 ? "a" : NULL;
	o.value_column = data[0] & 8 ? "b" : NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (series_read_csv(&s, path, &o, &err)) {
		must(err.text[0] != '\0' && !strchr(err.text, '\n'));
		must(s.n == 0 && !s.memory && !s.notes.p);
		goto out;
	}
	check_set(&s);
	o.memory_bytes = 1;
	if (!series_read_csv(&filed, path, &o, &err)) {
		check_set(&filed);
		check_same(&s, &filed);
		series_set_release(&filed);
	} else {
		/* what is long, and what is nearly empty, has no file */
		must(strstr(err.text, "wide form") || strstr(err.text, "nearly all"));
	}
	series_set_release(&s);
out:
	if (fd >= 0)
		close(fd);
	return 0;
}
