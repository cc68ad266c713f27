/* Tables from CSV: whatever the bytes are, they are refused with a sentence or become a table whose
 * numbers are finite, and reading them again gives the same. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/str.h"
#include "learn/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

/* Fields are slices of the input, and what is written reads back as the same. */
static void walk(const char *p, size_t len)
{
	struct csv_reader r;
	struct csv_field f[4];
	struct err err = {0};
	struct str text = STR_INIT, row = STR_INIT, again = STR_INIT;
	size_t count;
	int rc;

	csv_init(&r, "fuzz", p, len, ',');
	while ((rc = csv_next(&r, f, 4, &count, &err)) > 0)
		for (size_t i = 0; i < count && i < 4; i++) {
			struct csv_reader back;
			struct csv_field one;
			size_t n;

			must(f[i].p >= p && f[i].p + f[i].len <= p + len);
			str_clear(&text);
			str_clear(&row);
			str_clear(&again);
			csv_field_text(&f[i], &text);
			if (!text.len)
				continue;
			csv_put(&row, true, text.p);
			if (memcmp(row.p, "\xef\xbb\xbf", row.len < 3 ? row.len : 3) == 0)
				continue; /* would be a mark of the encoding */
			csv_init(&back, "back", row.p, row.len, ',');
			must(csv_next(&back, &one, 1, &n, &err) == 1 && n == 1);
			csv_field_text(&one, &again);
			must(!strcmp(str_text(&again), text.p));
		}
	must(rc == 0 || err.text[0]);
	str_release(&text);
	str_release(&row);
	str_release(&again);
}

static void check_table(const struct dataset *d)
{
	must(d->n >= 2 && d->p >= 1);
	for (size_t i = 0; i < d->n * d->p; i++)
		must(isfinite(d->x[i]));
	for (size_t i = 0; i < d->n; i++)
		must(isfinite(d->y[i]));
	for (size_t j = 0; j < d->p; j++)
		must(*d->names[j] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dataset_csv_spec SPECS[] = {{.response = NULL}, {.response = "y"}};
	char *p = malloc(size + 1); /* exact, so that the sanitizer sees a byte too far */

	memcpy(p, data, size);
	p = realloc(p, size ? size : 1);
	walk(p, size);
	for (size_t i = 0; i < 2; i++) {
		struct dataset d, copy;
		struct err err = {0};

		if (dataset_read(&d, "fuzz", p, size, &SPECS[i], &err)) {
			must(err.text[0] != '\0');
			continue;
		}
		check_table(&d);
		dataset_copy(&copy, &d);
		check_table(&copy);
		dataset_release(&d);
		dataset_release(&copy);
	}
	free(p);
	return 0;
}
