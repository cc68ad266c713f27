/*
 * The parser against answers of real servers, recorded byte by byte (tests/data/make_answers.py),
 * and what Python's http.client reads out of them. Each file is read whole and in two parts cut at
 * every byte; what is read ends at a page that must not be touched. Run in the top folder.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/num.h"
#include "net/http_response.h"

#define FOLDER "tests/data/answers/"

enum { COLUMNS = 8, MOST = 2, ROOM = 1 << 16, PAGE = 4096 };

/* A file: the answers that are in it, one behind the other. */
struct recorded {
	char file[64];
	size_t n;
	struct answer {
		bool to_head, keepalive, continued, closed;
		uint64_t status, body_bytes, fields;
	} answers[MOST];
};

/* What the sink saw of one answer. */
struct seen {
	uint64_t fields, body_bytes;
	uint32_t sum;
};

static void see_field(void *arg, struct http_slice name, struct http_slice value)
{
	struct seen *s = arg;

	s->fields++;
	for (size_t i = 0; i < name.len; i++)
		s->sum = s->sum * 31 + (unsigned char)name.p[i];
	for (size_t i = 0; i < value.len; i++)
		s->sum = s->sum * 31 + (unsigned char)value.p[i];
}

static void see_body(void *arg, const char *p, size_t n)
{
	struct seen *s = arg;

	s->body_bytes += n;
	for (size_t i = 0; i < n; i++)
		s->sum = s->sum * 31 + (unsigned char)p[i];
}

/* Check writes to a file at each assertion of its own, and there are hundreds of thousands. */
#define MUST(x, file, cut)                                                                         \
	do {                                                                                       \
		if (!(x))                                                                          \
			ck_abort_msg("%s, cut at %zu: %s", file, cut, #x);                         \
	} while (0)

/* One reading of a file: which answer is under way, and what is kept of a line. */
struct reading {
	const struct recorded *file;
	struct http_response r;
	struct http_memo *memo; /* or NULL: through the sink */
	size_t cut, at;         /* where it is cut; answers read */
	struct seen seen[MOST];
};

static void check_answer(struct reading *s)
{
	const struct answer *a = &s->file->answers[s->at];
	const struct seen *seen = &s->seen[s->at];

	MUST(s->r.status == a->status, s->file->file, s->cut);
	MUST(s->r.keepalive == a->keepalive, s->file->file, s->cut);
	MUST(s->r.continued == a->continued, s->file->file, s->cut);
	MUST(s->r.body_bytes == a->body_bytes, s->file->file, s->cut);
	MUST(s->memo || seen->fields == a->fields, s->file->file, s->cut);
	MUST(s->memo || seen->body_bytes == a->body_bytes, s->file->file, s->cut);
	s->at++;
}

/* Reads what is there; how much of it was used. */
static size_t read_part(struct reading *s, const char *p, size_t len)
{
	size_t all = 0, used = 1;

	while (all < len && used) {
		MUST(s->at < s->file->n, s->file->file, s->cut);
		struct http_sink sink = {see_field, see_body, &s->seen[s->at]};
		enum http_progress progress =
			s->memo ? http_response_feed(&s->r, s->memo, p + all, len - all, &used)
				: http_response_feed_to(&s->r, &sink, p + all, len - all, &used);

		MUST(progress != HTTP_MALFORMED, s->file->file, s->cut);
		all += used;
		if (progress == HTTP_DONE) {
			check_answer(s);
			if (s->at < s->file->n)
				http_response_init(&s->r, s->file->answers[s->at].to_head);
		}
	}
	return all;
}

/* The first `cut` bytes, then what is left of them and the others; each part at the guard page. */
static struct reading read_cut(const struct recorded *file, const char *bytes, size_t len,
	char *guard, size_t cut, struct http_memo *memo)
{
	struct reading s = {.file = file, .cut = cut, .memo = memo};
	size_t used = 0;

	http_response_init(&s.r, file->answers[0].to_head);
	if (cut) {
		memcpy(guard - cut, bytes, cut);
		used = read_part(&s, guard - cut, cut);
	}
	memcpy(guard - (len - used), bytes + used, len - used);
	used += read_part(&s, guard - (len - used), len - used);
	MUST(used == len, file->file, cut);
	if (s.at < file->n) {
		MUST(file->answers[s.at].closed, file->file, cut);
		MUST(http_response_end(&s.r) == HTTP_DONE, file->file, cut);
		check_answer(&s);
	}
	MUST(s.at == file->n, file->file, cut);
	return s;
}

static void check_file(const struct recorded *file, char *guard)
{
	static struct http_memo memo; /* of the file before, at first */
	char path[128];
	struct file_bytes bytes;
	struct err err = {0};
	struct reading whole, part;

	snprintf(path, sizeof(path), FOLDER "%s", file->file);
	ck_assert_msg(!file_open_bytes(path, ROOM, &bytes, &err), "%s", err.text);
	ck_assert_uint_gt(bytes.len, 0);
	whole = read_cut(file, bytes.data, bytes.len, guard, 0, NULL);
	for (size_t cut = 0; cut < bytes.len; cut++) {
		part = read_cut(file, bytes.data, bytes.len, guard, cut, NULL);
		MUST(!memcmp(part.seen, whole.seen, sizeof(part.seen)), file->file, cut);
		read_cut(file, bytes.data, bytes.len, guard, cut, &memo);
	}
	file_close_bytes(&bytes);
}

static uint64_t number(const struct csv_field *f)
{
	double value;

	ck_assert_ptr_nonnull(num_scan(f->p, f->p + f->len, &value));
	return (uint64_t)value;
}

static void add_row(struct recorded *file, const struct csv_field *f)
{
	ck_assert_uint_lt(file->n, MOST);
	snprintf(file->file, sizeof(file->file), "%.*s", (int)f[0].len, f[0].p);
	file->answers[file->n++] = (struct answer){
		.to_head = f[1].len == 4 && !memcmp(f[1].p, "HEAD", 4),
		.status = number(&f[2]),
		.keepalive = number(&f[3]),
		.body_bytes = number(&f[4]),
		.continued = number(&f[5]),
		.fields = number(&f[6]),
		.closed = number(&f[7]),
	};
}

START_TEST(recorded_answers)
{
	char *room =
		mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct recorded file = {0};
	struct file_bytes table;
	struct csv_field f[COLUMNS];
	struct csv_reader reader;
	struct err err = {0};
	size_t n, files = 0;

	ck_assert_ptr_ne(room, MAP_FAILED);
	ck_assert_int_eq(mprotect(room + ROOM, PAGE, PROT_NONE), 0);
	ck_assert_msg(!file_open_bytes(FOLDER "table.csv", 1 << 20, &table, &err), "%s", err.text);
	csv_init(&reader, "table.csv", table.data, table.len, ',');
	ck_assert_int_eq(csv_next(&reader, f, COLUMNS, &n, &err), 1); /* the heading */
	while (csv_next(&reader, f, COLUMNS, &n, &err) > 0) {
		ck_assert_uint_eq(n, COLUMNS);
		if (file.n && (f[0].len != strlen(file.file) ||
				      memcmp(f[0].p, file.file, f[0].len) != 0)) {
			check_file(&file, room + ROOM);
			file = (struct recorded){0};
			files++;
		}
		add_row(&file, f);
	}
	check_file(&file, room + ROOM);
	ck_assert_uint_eq(files + 1, 4 * 17); /* servers, cases */
	file_close_bytes(&table);
	munmap(room, ROOM + PAGE);
}
END_TEST

UNIT_MAIN("http_answers", recorded_answers)
