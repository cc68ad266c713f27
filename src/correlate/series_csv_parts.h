/*
 * Inside of the CSV reader: the file, what its head says, the places of its rows, its cells.
 *
 * A file is gone through twice: once for where rows begin and what times they have, which gives the
 * whole axis, and once for the values, which go straight to where they belong. So rows in any order
 * cost nothing more, and nothing has to be turned afterwards. Both passes read pieces with pread(),
 * on all cores: no file is mapped, so memory does not grow with it, and one that is cut short while
 * it is read is an error and no signal.
 */
#ifndef CULPRIT_CORRELATE_SERIES_CSV_PARTS_H
#define CULPRIT_CORRELATE_SERIES_CSV_PARTS_H

#include <pthread.h>
#include <string.h>

#include "correlate/series_axis.h"
#include "correlate/series_csv.h"
#include "correlate/series_number.h"
#include "correlate/series_time.h"

enum {
	CSV_HEAD_MAX = 256 << 20, /* bytes: names and the first row */
	CSV_ROW_MAX = 256 << 20,
	CSV_ROWS_MAX = 4 * SERIES_TIMES_MAX, /* of 16 bytes, in memory */
	CSV_PIECE = 256 << 10,               /* bytes read at once, by each thread */
	CSV_SAMPLE = 50,                     /* rows that columns are judged by */
};

/* ---- the file (series_stream.c) ---- */

struct csv_file {
	const char *name; /* "standard input", or the path */
	int fd;
	uint64_t size;
};

/* A pipe is copied into a temporary file first. */
int csv_file_open(struct csv_file *f, const char *path, const char *temp_folder, struct err *err);
void csv_file_close(struct csv_file *f);
/* All of n bytes from `at`; ERR_INPUT where they are not there. */
int csv_file_read(const struct csv_file *f, uint64_t at, char *to, size_t n, struct err *err);
/* Lines before this byte, plus one. */
size_t csv_file_line(const struct csv_file *f, uint64_t at);

/* A file without a name in the folder, of this size and with room on the disk for it: its
 * descriptor. */
int series_temp_file(int *fd, const char *folder, uint64_t bytes, struct err *err);

/* ---- what the head says (series_csv_head.c) ---- */

enum csv_use { CSV_VALUE, CSV_TIME, CSV_NAME, CSV_LABEL, CSV_WORDS };

struct csv_column {
	char *name;
	enum csv_use use;
	size_t series; /* of CSV_VALUE, in a wide file */
};

struct csv_head {
	char separator;
	uint64_t body; /* where the first row begins */
	struct csv_column *columns;
	size_t n;
	size_t time; /* column */
	bool is_long;
	size_t name, value; /* columns of a long file */
	size_t n_values;    /* columns of values of a wide one */
};

/* Reads the names, looks at the first rows, decides what each column is. What it left out goes to
 * the notes of the set. */
int csv_head_read(struct csv_head *h, const struct csv_file *f, const struct series_csv_options *o,
	struct series_set *notes, struct err *err);
void csv_head_release(struct csv_head *h);

/* ---- one cell (series_csv_cell.c) ---- */

enum csv_cell { CELL_VALUE, CELL_GAP, CELL_INFINITE, CELL_BAD };

/* Is it a word for nothing: "", NaN, null, None, NA, - …? */
bool csv_is_gap(const char *p, size_t len);

/* What a whole field is, quotes and spaces around it taken off. */
enum csv_cell csv_cell_read(const char *p, size_t len, double *out);

/* The end of the field at p: a separator, '\n', "\r\n" or `end`. Quotes are minded. */
const char *csv_field_end(const char *p, const char *end, char separator);

/* The inside of a field: without spaces and quotes around it. Doubled quotes stay. */
struct csv_slice {
	const char *p;
	size_t len;
};
struct csv_slice csv_field_inside(const char *p, const char *end);

/* A cell as a message quotes it: its beginning, and no line ends. Returns out. */
enum { CSV_SHOWN = 64 };
char *csv_shown(struct csv_slice cell, char out[CSV_SHOWN]);

/* Why a cell cannot be taken, with the mend, to be put behind "line 7, column 'x': "; always
 * ERR_INPUT. */
int csv_cell_refuse(const struct csv_file *f, size_t line, const char *column, const char *p,
	size_t len, struct err *err);

/* A row with another number of fields than the names have. */
int csv_refuse_fields(const struct csv_file *f, size_t line, size_t count, size_t names,
	char separator, struct err *err);

/* ---- where rows are and when (series_csv_rows.c) ---- */

struct csv_row {
	uint64_t at; /* in the file */
	double time_s;
};

struct csv_rows {
	struct csv_row *items; /* as they are in the file; items[n].at: its end */
	size_t n;
};

static const uint64_t CSV_LOCAL = UINT64_C(1) << 63; /* in `at`: time_s is local time */

/* All rows with their times. A last line that was cut is left out, with a note. */
int csv_rows_read(struct csv_rows *rows, const struct csv_file *f, const struct csv_head *h,
	struct series_set *notes, struct err *err);
/* All times to UTC, those that the clocks showed twice by the row before. */
int csv_rows_utc(struct csv_rows *rows, const struct series_csv_options *o,
	struct series_set *notes, struct err *err);
void csv_rows_release(struct csv_rows *rows);

/* Local times to UTC one after the other; last_s: what came before it. */
struct csv_clock {
	const struct series_zone *zone;
	size_t twice, never;
	double twice_s, never_s; /* the first such, as local time */
};
double csv_clock_utc(struct csv_clock *c, double local_s, double last_s);
void csv_clock_note(const struct csv_clock *c, const char *zone, struct series_set *notes);

/* ---- both kinds ---- */

int csv_read_wide(struct series_set *out, const struct csv_file *f, const struct csv_head *h,
	const struct series_csv_options *o, struct err *err);
int csv_read_long(struct series_set *out, const struct csv_file *f, const struct csv_head *h,
	const struct series_csv_options *o, struct err *err);

bool csv_is_counter(const struct series_csv_options *o, const char *name);

#endif
