#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "stats/hdr_log.h"

enum { BYTES_MAX = 1 << 20 };

/* RFC 4648, the other way round than in what is tested; the number of bytes. */
static size_t from_base64(const char *text, size_t len, unsigned char *out)
{
	unsigned bits = 0;
	size_t n = 0;

	ck_assert_uint_eq(len % 4, 0);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		int value = c >= 'A' && c <= 'Z'   ? c - 'A'
			    : c >= 'a' && c <= 'z' ? c - 'a' + 26
			    : c >= '0' && c <= '9' ? c - '0' + 52
			    : c == '+'             ? 62
			    : c == '/'             ? 63
						   : -1;

		if (c == '=') {
			ck_assert(i + 2 >= len);
			continue;
		}
		ck_assert_int_ge(value, 0);
		bits = bits << 6 | (unsigned)value;
		if (i % 4)
			out[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	return n;
}

/* The encoding within a compressed one. */
static size_t unpack(const char *base64, size_t len, unsigned char *out)
{
	unsigned char *packed = mem_alloc(len + 1, 1);
	size_t n = from_base64(base64, len, packed);
	uLongf out_len = BYTES_MAX;

	ck_assert_mem_eq(packed, "\x1c\x84\x93\x14", 4);
	ck_assert_uint_eq((size_t)packed[4] << 24 | (size_t)packed[5] << 16 |
				  (size_t)packed[6] << 8 | packed[7],
		n - 8);
	ck_assert_int_eq(uncompress(out, &out_len, packed + 8, n - 8), Z_OK);
	free(packed);
	return out_len;
}

static void record(struct hist *h, uint64_t count, uint64_t value)
{
	h->counts[hist_index(value)] += count;
	h->n += count;
	h->min = value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
}

/* "COUNTxVALUE COUNTxVALUE …" */
static void record_all(struct hist *h, const char *p, const char *end)
{
	while (p < end) {
		char *after;
		uint64_t count = strtoull(p, &after, 10);

		ck_assert_int_eq(*after, 'x');
		record(h, count, strtoull(after + 1, &after, 10));
		p = after + 1;
	}
}

static size_t from_hex(const char *p, size_t len, unsigned char *out)
{
	for (size_t i = 0; i < len; i += 2) {
		char two[3] = {p[i], p[i + 1], 0};

		out[i / 2] = (unsigned char)strtoul(two, NULL, 16);
	}
	return len / 2;
}

/* tests/data/hdr.tsv holds what HdrHistogram writes; MakeHdr.java beside it made it. Tests run in
 * the root folder. */
START_TEST(encodes_as_hdrhistogram_does)
{
	struct file_bytes file;
	struct err err = {0};
	unsigned char *expect = mem_alloc(BYTES_MAX, 1), *got = mem_alloc(BYTES_MAX, 1);
	size_t lines = 0;

	ck_assert_msg(
		!file_open_bytes("tests/data/hdr.tsv", BYTES_MAX, &file, &err), "%s", err.text);
	for (const char *p = file.data, *end = p + file.len; p < end; lines++) {
		const char *field[9] = {p};
		struct str ours = STR_INIT;
		struct hist h;

		for (int i = 1; i < 9; i++)
			field[i] = (const char *)memchr(field[i - 1], i < 8 ? '\t' : '\n',
					   (size_t)(end - field[i - 1])) +
				   1;
		hist_init(&h);
		record_all(&h, field[1], field[2] - 1);
		hdr_encode(&ours, &h);

		size_t expect_len = from_hex(field[2], (size_t)(field[3] - field[2] - 1), expect);
		size_t got_len = unpack(ours.p, ours.len, got);

		ck_assert_msg(got_len == expect_len && !memcmp(got, expect, got_len), "%.*s",
			(int)(field[1] - field[0]), field[0]);
		/* this test's own decoder, on the true thing */
		ck_assert_uint_eq(
			unpack(field[3], (size_t)(field[4] - field[3] - 1), got), expect_len);
		ck_assert_mem_eq(got, expect, expect_len);
		/* and our percentiles are the same: up to the true maximum, which they do not know
		 */
		ck_assert_uint_eq(h.n, strtoull(field[4], NULL, 10));
		for (int i = 0; i < 3; i++) {
			static const double PERCENTS[] = {50, 99, 100};
			uint64_t theirs = strtoull(field[5 + i], NULL, 10);
			uint64_t percentile = hist_percentile(&h, PERCENTS[i]);

			ck_assert_uint_eq(percentile, theirs < h.max ? theirs : h.max);
		}
		hist_release(&h);
		str_release(&ours);
		p = field[8];
	}
	ck_assert_uint_eq(lines, 12);
	file_close_bytes(&file);
	free(expect);
	free(got);
}
END_TEST

START_TEST(every_bucket_fits)
{
	unsigned char *got = mem_alloc(BYTES_MAX, 1);
	struct str text = STR_INIT;
	struct hist h;

	/* all counts of the longest form: the buffer holds them (the sanitizer looks on) */
	hist_init(&h);
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		record(&h, UINT64_C(1) << 61, hist_bucket_low(i));
	h.n = UINT64_MAX; /* so many records cannot be counted */
	hdr_encode(&text, &h);
	ck_assert_uint_eq(unpack(text.p, text.len, got), 40 + 9 * (size_t)HIST_BUCKETS);
	hist_release(&h);
	str_release(&text);
	free(got);
}
END_TEST

START_TEST(base64_of_all_lengths)
{
	/* encodings of different lengths modulo 3: each ends as it must */
	unsigned char *got = mem_alloc(BYTES_MAX, 1);
	size_t padded[3] = {0};

	for (uint64_t last = 1; last < 200; last++) {
		struct str text = STR_INIT;
		struct hist h;

		hist_init(&h);
		for (uint64_t i = 1; i <= last; i++)
			record(&h, i * i, i);
		hdr_encode(&text, &h);
		padded[(text.p[text.len - 1] == '=') + (text.p[text.len - 2] == '=')]++;
		ck_assert_uint_gt(unpack(text.p, text.len, got), 40);
		hist_release(&h);
		str_release(&text);
	}
	ck_assert(padded[0] && padded[1] && padded[2]);
	free(got);
}
END_TEST

START_TEST(a_log_has_the_lines_that_readers_want)
{
	struct str text = STR_INIT, encoded = STR_INIT, expect = STR_INIT;
	struct hist h;

	hist_init(&h);
	hist_record(&h, 1500000);
	hdr_encode(&encoded, &h);
	hdr_log_start(&text, 1700000000.25, "culprit 1\n#evil");
	hdr_log_add(&text, &h, 0, 1, NULL);
	hdr_log_add(&text, &h, 1, .5, "log in,now\n");
	str_addf(&expect,
		"#[Logged by culprit 1_#evil]\n"
		"#[Histogram log format version 1.3]\n"
		"#[StartTime: 1700000000.250 (seconds since epoch), Tue Nov 14 22:13:20 UTC 2023]\n"
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
		"\"Interval_Compressed_Histogram\"\n"
		"0.000,1.000,1.500,%s\n"
		"Tag=log_in_now_,1.000,0.500,1.500,%s\n",
		encoded.p, encoded.p);
	ck_assert_str_eq(text.p, expect.p);
	hist_release(&h);
	str_release(&text);
	str_release(&encoded);
	str_release(&expect);
}
END_TEST

UNIT_MAIN("hdr_log", encodes_as_hdrhistogram_does, every_bucket_fits, base64_of_all_lengths,
	a_log_has_the_lines_that_readers_want)
