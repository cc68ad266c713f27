/* Series from a CSV file: what it is, then one of the two forms. */
#include "correlate/series_csv.h"

#include "correlate/series_csv_parts.h"

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return m <= n && !strcmp(text + n - m, end);
}

bool csv_is_counter(const struct series_csv_options *o, const char *name)
{
	size_t base = strcspn(name, "{");

	if (base >= 6 && !memcmp(name + base - 6, "_total", 6))
		return true;
	for (size_t i = 0; i < o->n_counters; i++)
		if (ends_with(name, o->counters[i]) ||
			(name[base] && strlen(o->counters[i]) <= base &&
				!memcmp(name + base - strlen(o->counters[i]), o->counters[i],
					strlen(o->counters[i]))))
			return true;
	return false;
}

int series_read_csv(struct series_set *out, const char *path, const struct series_csv_options *o,
	struct err *err)
{
	struct csv_file f;
	struct csv_head h = {0};
	int rc;

	*out = (struct series_set){.source = path};
	rc = csv_file_open(&f, path, o->temp_folder, err);
	if (rc)
		return rc;
	rc = csv_head_read(&h, &f, o, out, err);
	if (!rc)
		rc = (h.is_long ? csv_read_long : csv_read_wide)(out, &f, &h, o, err);
	csv_head_release(&h);
	csv_file_close(&f);
	if (rc)
		series_set_release(out);
	return rc;
}
