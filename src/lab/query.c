#include "lab/query.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/num.h"

int query_next(struct http_slice *query, struct http_slice *name, struct http_slice *value)
{
	while (query->len && *query->p == '&')
		query->p++, query->len--;
	if (!query->len)
		return 0;

	const char *end = memchr(query->p, '&', query->len), *equals;
	size_t len = end ? (size_t)(end - query->p) : query->len;

	equals = memchr(query->p, '=', len);
	*name = (struct http_slice){query->p, equals ? (size_t)(equals - query->p) : len};
	*value = (struct http_slice){query->p + len, 0};
	if (equals)
		*value = (struct http_slice){equals + 1, len - name->len - 1};
	query->p += len;
	query->len -= len;
	return 1;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The decoded text of a slice: itself where nothing is encoded, else in `room`; cut where it is
 * longer than any number or name of a parameter. */
static struct http_slice decode(struct http_slice s, char room[64])
{
	size_t n = 0;

	if (!memchr(s.p, '%', s.len) && !memchr(s.p, '+', s.len))
		return s;
	for (size_t i = 0; i < s.len && n < 64; i++) {
		int high = s.p[i] == '%' && i + 2 < s.len ? hex(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex(s.p[i + 2]) : -1;

		if (low >= 0) {
			room[n++] = (char)(high << 4 | low);
			i += 2;
		} else {
			room[n++] = s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	return (struct http_slice){room, n};
}

/* At most 40 bytes, those that are not printable ASCII as '?': for showing what somebody sent. */
static const char *show(struct http_slice s, char out[44])
{
	size_t n = s.len < 40 ? s.len : 40;

	for (size_t i = 0; i < n; i++)
		out[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?';
	memcpy(out + n, s.len > n ? "..." : "", s.len > n ? 4 : 1);
	return out;
}

int query_put(const struct query_param *table, struct http_slice name, struct http_slice value,
	struct query_values *out, struct err *err)
{
	char name_room[64], value_room[64], shown[44];
	double number;
	size_t i = 0;

	name = decode(name, name_room);
	while (table[i].name && !http_slice_is(name, table[i].name))
		i++;
	const struct query_param *param = &table[i];

	if (!param->name)
		return 0;
	value = decode(value, value_room);
	const char *end = value.p + value.len;

	if (out->given & 1u << i)
		return err_set(err, ERR_INPUT, "%s is given twice; give it once", param->name);
	if (!value.len)
		return err_set(err, ERR_INPUT, "%s is empty; it takes %s from %g to %g",
			param->name, param->what, param->min, param->max);
	if (num_scan(value.p, end, &number) != end || !isfinite(number))
		return err_set(err, ERR_INPUT,
			"%s: '%s' is not a number; it takes %s from %g to %g", param->name,
			show(value, shown), param->what, param->min, param->max);
	if (number < param->min || number > param->max)
		return err_set(err, ERR_INPUT, "%s: %s is out of range; it takes %s from %g to %g",
			param->name, show(value, shown), param->what, param->min, param->max);
	out->value[i] = number;
	out->given |= 1u << i;
	return 1;
}

int query_need(const struct query_param *table, uint32_t needed, const struct query_values *values,
	struct err *err)
{
	uint32_t missing = needed & ~values->given;

	if (!missing)
		return 0;
	const struct query_param *param = &table[__builtin_ctz(missing)];

	return err_set(err, ERR_INPUT, "%s is missing; it takes %s from %g to %g", param->name,
		param->what, param->min, param->max);
}
