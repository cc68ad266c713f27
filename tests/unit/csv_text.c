#include "csv_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

struct series_csv_options csv_text_options(void)
{
	return (struct series_csv_options){.align = {.from_s = NAN, .to_s = NAN}};
}

static void write_file(char *path, const char *text, size_t len)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	while (len) {
		ssize_t n = write(fd, text, len);

		ck_assert_int_gt(n, 0);
		text += n;
		len -= (size_t)n;
	}
	close(fd);
}

int csv_text_read(struct series_set *s, const char *text, size_t len,
	const struct series_csv_options *o, struct err *err)
{
	char path[] = "/tmp/culprit-csv-XXXXXX";
	int rc;

	*err = (struct err){0};
	write_file(path, text, len);
	rc = series_read_csv(s, path, o, err);
	unlink(path);
	return rc;
}

struct series_set csv_text_set(const char *text, const struct series_csv_options *o)
{
	struct series_csv_options all = csv_text_options();
	struct series_set s;
	struct err err;

	ck_assert_msg(!csv_text_read(&s, text, strlen(text), o ? o : &all, &err), "%s\n%.300s",
		err.text, text);
	return s;
}
