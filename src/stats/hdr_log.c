/*
 * HdrHistogram's V2 encoding and its interval log. Facts of the format from the documentation of
 * HdrHistogram (Histogram, HistogramLogReader), whose own output for the same records is in
 * tests/data/hdr.tsv: the bytes before compression are equal.
 *
 * An encoding, all numbers big-endian: cookie, bytes of payload that follow the header, normalizing
 * index offset, significant digits, lowest discernible value, highest trackable value,
 * integer-to-double ratio; then the counts in the order of their buckets up to the largest record,
 * each a ZigZag LEB128 number of at most 9 bytes, where a negative one stands for so many zeros.
 * struct hist has the very buckets of a histogram with 3 digits and lowest value 1.
 */
#include "stats/hdr_log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/mem.h"

#define COOKIE            UINT32_C(0x1c849313)
#define COOKIE_COMPRESSED UINT32_C(0x1c849314)

enum { DIGITS = 3, NUMBER_MAX = 9 };

static unsigned char *put_big_endian(unsigned char *p, uint64_t value, unsigned bytes)
{
	while (bytes--)
		*p++ = (unsigned char)(value >> (8 * bytes));
	return p;
}

/* Seven bits a byte, the lowest first; the top bit says that more follow, but all eight bits of the
 * ninth byte are the number's. */
static unsigned char *put_number(unsigned char *p, int64_t number)
{
	uint64_t zigzag = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);

	for (int i = 0; i < NUMBER_MAX - 1 && zigzag > 0x7f; i++) {
		*p++ = (unsigned char)(zigzag | 0x80);
		zigzag >>= 7;
	}
	*p++ = (unsigned char)zigzag;
	return p;
}

static unsigned char *put_counts(unsigned char *p, const struct hist *h)
{
	size_t last = h->n ? hist_index(h->max) : 0;

	for (size_t i = 0, zeros; i <= last; i += zeros ? zeros : 1) {
		for (zeros = 0; i + zeros <= last && !h->counts[i + zeros];)
			zeros++;
		p = put_number(p, zeros > 1 ? -(int64_t)zeros : (int64_t)h->counts[i]);
	}
	return p;
}

static void put_base64(struct str *out, const unsigned char *p, size_t len)
{
	static const char LETTERS[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		unsigned bits = (unsigned)p[i] << 16 | (have > 1 ? (unsigned)p[i + 1] << 8 : 0) |
				(have > 2 ? p[i + 2] : 0);

		for (size_t j = 0; j < 4; j++)
			str_add_char(out, j <= have ? LETTERS[bits >> (18 - 6 * j) & 63] : '=');
	}
}

void hdr_encode(struct str *out, const struct hist *h)
{
	enum { HEADER = 40 };
	/* counts at most as many as buckets, the last one's index being known */
	size_t buckets = h->n ? hist_index(h->max) + 1 : 1;
	unsigned char *plain = mem_alloc(HEADER + buckets, NUMBER_MAX);
	unsigned char *end = put_counts(plain + HEADER, h), *p = plain;
	double ratio = 1;
	uint64_t ratio_bits;

	memcpy(&ratio_bits, &ratio, sizeof(ratio_bits));
	p = put_big_endian(p, COOKIE, 4);
	p = put_big_endian(p, (uint64_t)(end - plain - HEADER), 4);
	p = put_big_endian(p, 0, 4);
	p = put_big_endian(p, DIGITS, 4);
	p = put_big_endian(p, 1, 8);
	p = put_big_endian(p, UINT64_C(1) << HIST_MAX_BITS, 8);
	put_big_endian(p, ratio_bits, 8);

	uLong len = (uLong)(end - plain);
	uLongf packed_len = compressBound(len);
	unsigned char *packed = mem_alloc(8 + packed_len, 1);

	/* the buffer is as large as zlib asks, so only memory can fail */
	if (compress2(packed + 8, &packed_len, plain, len, Z_DEFAULT_COMPRESSION) != Z_OK)
		abort();
	put_big_endian(put_big_endian(packed, COOKIE_COMPRESSED, 4), packed_len, 4);
	put_base64(out, packed, 8 + packed_len);
	free(packed);
	free(plain);
}

/* Text in a place where some characters would end it. */
static void put_word(struct str *out, const char *word, const char *not_these)
{
	for (; *word; word++)
		str_add_char(out, strchr(not_these, *word) ? '_' : *word);
}

void hdr_log_start(struct str *out, double start_s, const char *made_by)
{
	time_t whole = (time_t)floor(start_s);
	struct tm utc;
	char date[64] = "";

	if (gmtime_r(&whole, &utc))
		strftime(date, sizeof(date), "%a %b %d %H:%M:%S UTC %Y", &utc);
	str_add(out, "#[Logged by ");
	put_word(out, made_by, "\r\n");
	str_addf(out,
		"]\n#[Histogram log format version 1.3]\n"
		"#[StartTime: %.3f (seconds since epoch), %s]\n"
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
		"\"Interval_Compressed_Histogram\"\n",
		start_s, date);
}

void hdr_log_add(
	struct str *out, const struct hist *h, double start_s, double seconds, const char *tag)
{
	if (tag && *tag) {
		str_add(out, "Tag=");
		put_word(out, tag, ", \t\r\n");
		str_add_char(out, ',');
	}
	str_addf(out, "%.3f,%.3f,%.3f,", start_s, seconds, (double)h->max / 1e6);
	hdr_encode(out, h);
	str_add_char(out, '\n');
}
