/*
 * The cookie algorithms of RFC 6265: parsing (5.2), dates (5.1.1), domains and paths (5.1.3,
 * 5.1.4), storing (5.3), sending (5.4). There is no list of public suffixes: a service that a user
 * chose to load can only hurt itself with a cookie for ".com".
 *
 * The jar is kept in the order in which cookies were first set, which 5.4 wants within paths of
 * equal length.
 */
#include "load/cookies.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { COOKIES_MAX = 180, COOKIE_MAX_BYTES = 4096, ATTRIBUTE_MAX_BYTES = 1024 };

/* 253402300799 is the end of the year 9999, as "never" and so that nothing overflows. */
#define TIME_NEVER INT64_C(253402300799)

struct cookie {
	char *text; /* name, value, domain and path, each with a NUL behind it */
	const char *name, *value, *domain, *path;
	size_t path_len;
	int64_t expires; /* of a session cookie: never, for a user's session is the run */
	bool host_only, secure;
};

/* What one Set-Cookie field says. */
struct set_cookie {
	struct http_slice name, value, domain, path;
	int64_t expires;
	bool has_max_age, secure;
};

void cookie_jar_release(struct cookie_jar *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->items[i].text);
	free(j->items);
	*j = (struct cookie_jar){0};
}

/* ---- text ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct http_slice trim(struct http_slice s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.len--;
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* What is before the first `c` (all of it where there is none); *rest is behind it. */
static struct http_slice cut(struct http_slice s, char c, struct http_slice *rest)
{
	const char *at = s.len ? memchr(s.p, c, s.len) : NULL;
	size_t before = at ? (size_t)(at - s.p) : s.len, skipped = at ? before + 1 : s.len;

	*rest = (struct http_slice){s.p + skipped, s.len - skipped};
	return (struct http_slice){s.p, before};
}

/* ---- dates (5.1.1) ---- */

struct date {
	int hour, minute, second, day, month, year; /* −1: not found yet */
};

/* min … max digits, then the end or no digit; the number, or −1. *used: bytes of digits. */
static int read_digits(struct http_slice s, size_t min, size_t max, size_t *used)
{
	int value = 0;
	size_t n = 0;

	while (n < s.len && n < max && is_digit(s.p[n]))
		value = value * 10 + (s.p[n++] - '0');
	*used = n;
	return n < min || (n < s.len && is_digit(s.p[n])) ? -1 : value;
}

/* "8:5:03", and what is no digit behind it. */
static bool read_time(struct http_slice s, struct date *d)
{
	int part[3];
	size_t used;

	for (int i = 0; i < 3; i++) {
		part[i] = read_digits(s, 1, 2, &used);
		if (part[i] < 0 || (i < 2 && (used == s.len || s.p[used] != ':')))
			return false;
		if (i < 2)
			used++;
		s.p += used;
		s.len -= used;
	}
	d->hour = part[0];
	d->minute = part[1];
	d->second = part[2];
	return true;
}

static int read_month(struct http_slice s)
{
	static const char NAMES[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	int month = 0;

	if (s.len < 3)
		return -1;
	for (const char *name = NAMES; *name; name += 3, month++)
		if (lower(s.p[0]) == name[0] && lower(s.p[1]) == name[1] &&
			lower(s.p[2]) == name[2])
			return month;
	return -1;
}

static void read_date_token(struct http_slice s, struct date *d)
{
	size_t used;
	int value;

	if (d->hour < 0 && read_time(s, d))
		return;
	if (d->day < 0) {
		value = read_digits(s, 1, 2, &used);
		if (value >= 0) {
			d->day = value;
			return;
		}
	}
	if (d->month < 0) {
		value = read_month(s);
		if (value >= 0) {
			d->month = value;
			return;
		}
	}
	if (d->year < 0) {
		value = read_digits(s, 2, 4, &used);
		if (value >= 0)
			d->year = value < 70 ? value + 2000 : value < 100 ? value + 1900 : value;
	}
}

static bool is_delimiter(unsigned char c)
{
	return c == 0x09 || (c >= 0x20 && c <= 0x2f) || (c >= 0x3b && c <= 0x40) ||
	       (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7e);
}

static bool read_date(struct http_slice s, int64_t *out)
{
	struct date d = {-1, -1, -1, -1, -1, -1};
	struct tm tm;

	while (s.len) {
		struct http_slice token = s;

		for (token.len = 0;
			token.len < s.len && !is_delimiter((unsigned char)s.p[token.len]);)
			token.len++;
		if (token.len)
			read_date_token(token, &d);
		s.p += token.len;
		s.len -= token.len;
		if (s.len)
			s.p++, s.len--;
	}
	if (d.hour < 0 || d.hour > 23 || d.minute > 59 || d.second > 59 || d.day < 1 ||
		d.month < 0 || d.year < 1601)
		return false;
	tm = (struct tm){.tm_sec = d.second,
		.tm_min = d.minute,
		.tm_hour = d.hour,
		.tm_mday = d.day,
		.tm_mon = d.month,
		.tm_year = d.year - 1900};
	*out = timegm(&tm);
	return tm.tm_mday == d.day; /* else there is no such day, and timegm() took another */
}

/* ---- the field (5.2) ---- */

static void read_max_age(struct http_slice s, int64_t now, struct set_cookie *c)
{
	bool negative = s.len && s.p[0] == '-';
	int64_t seconds = 0;

	if (!s.len || (negative && s.len == 1))
		return;
	for (size_t i = negative; i < s.len; i++) {
		if (!is_digit(s.p[i]))
			return;
		if (seconds < TIME_NEVER)
			seconds = seconds * 10 + (s.p[i] - '0');
	}
	c->has_max_age = true;
	c->expires = negative || !seconds          ? INT64_MIN
		     : seconds >= TIME_NEVER - now ? TIME_NEVER
						   : now + seconds;
}

static void read_attribute(
	struct http_slice name, struct http_slice value, int64_t now, struct set_cookie *c)
{
	int64_t when;

	if (value.len > ATTRIBUTE_MAX_BYTES)
		return;
	if (http_is(name, "expires")) {
		if (!c->has_max_age && read_date(value, &when))
			c->expires = when;
	} else if (http_is(name, "max-age")) {
		read_max_age(value, now, c);
	} else if (http_is(name, "domain")) {
		if (value.len && value.p[0] == '.')
			value.p++, value.len--;
		if (value.len)
			c->domain = value;
	} else if (http_is(name, "path")) {
		c->path = value.len && value.p[0] == '/' ? value : (struct http_slice){0};
	} else if (http_is(name, "secure")) {
		c->secure = true;
	}
}

static bool read_set_cookie(struct http_slice field, int64_t now, struct set_cookie *c)
{
	struct http_slice rest, pair = cut(field, ';', &rest);

	*c = (struct set_cookie){.expires = TIME_NEVER};
	/* It is sent back in a request's head, where a line end would be another header. */
	if (!http_is_text(field.p, field.len) || !pair.len || !memchr(pair.p, '=', pair.len))
		return false;
	c->name = trim(cut(pair, '=', &c->value));
	c->value = trim(c->value);
	if (!c->name.len || c->name.len + c->value.len > COOKIE_MAX_BYTES)
		return false;
	while (rest.len) {
		struct http_slice value, attribute = cut(rest, ';', &rest);
		struct http_slice name = trim(cut(attribute, '=', &value));

		read_attribute(name, trim(value), now, c);
	}
	return true;
}

/* ---- domains and paths (5.1.3, 5.1.4) ---- */

static bool is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool slice_equal(struct http_slice s, const char *text, size_t len)
{
	if (s.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(s.p[i]) != lower(text[i]))
			return false;
	return true;
}

static bool domain_matches(const char *host, struct http_slice domain)
{
	size_t len = strlen(host);

	if (slice_equal(domain, host, len))
		return true;
	return len > domain.len && host[len - domain.len - 1] == '.' &&
	       slice_equal(domain, host + len - domain.len, domain.len) && !is_address(host);
}

/* The path without its query. */
static size_t path_length(const char *path)
{
	return strcspn(path, "?#");
}

static struct http_slice default_path(const char *path)
{
	size_t len = path_length(path);

	if (path[0] != '/')
		return (struct http_slice){"/", 1};
	while (path[len - 1] != '/')
		len--;
	return len == 1 ? (struct http_slice){"/", 1} : (struct http_slice){path, len - 1};
}

static bool path_matches(const struct cookie *c, const char *path)
{
	size_t len = path_length(path);

	if (!len)
		return c->path_len == 1;
	if (len < c->path_len || memcmp(path, c->path, c->path_len) != 0)
		return false;
	return len == c->path_len || c->path[c->path_len - 1] == '/' || path[c->path_len] == '/';
}

/* ---- storing (5.3) ---- */

static void jar_remove(struct cookie_jar *j, size_t i)
{
	free(j->items[i].text);
	j->n--;
	memmove(&j->items[i], &j->items[i + 1], (j->n - i) * sizeof(*j->items));
}

static char *put(char *at, struct http_slice s, const char **out)
{
	if (s.len)
		memcpy(at, s.p, s.len);
	at[s.len] = '\0';
	*out = at;
	return at + s.len + 1;
}

static struct cookie make_cookie(const struct set_cookie *from, const char *host, const char *path)
{
	struct http_slice domain =
		from->domain.len ? from->domain : (struct http_slice){host, strlen(host)};
	struct http_slice where = from->path.len ? from->path : default_path(path);
	struct cookie c = {
		.path_len = where.len,
		.expires = from->expires,
		.host_only = !from->domain.len,
		.secure = from->secure,
	};
	char *at;

	c.text = at = mem_alloc(from->name.len + from->value.len + domain.len + where.len + 4, 1);
	at = put(at, from->name, &c.name);
	at = put(at, from->value, &c.value);
	at = put(at, domain, &c.domain);
	for (char *p = (char *)c.domain; *p; p++)
		*p = lower(*p);
	put(at, where, &c.path);
	return c;
}

static bool same_cookie(const struct cookie *a, const struct cookie *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->domain, b->domain) &&
	       !strcmp(a->path, b->path);
}

void cookie_jar_take(struct cookie_jar *j, struct http_slice value, const char *host,
	const char *path, time_t now)
{
	struct set_cookie set;
	struct cookie cookie;
	size_t at;

	if (!read_set_cookie(value, now, &set) ||
		(set.domain.len && !domain_matches(host, set.domain)))
		return;
	cookie = make_cookie(&set, host, path);
	for (at = j->n; at-- > 0;)
		if (j->items[at].expires <= now)
			jar_remove(j, at);
	for (at = 0; at < j->n && !same_cookie(&j->items[at], &cookie);)
		at++;
	if (cookie.expires <= now) {
		if (at < j->n)
			jar_remove(j, at);
		free(cookie.text);
		return;
	}
	if (at < j->n) { /* keeps its place: the moment at which it was first set */
		free(j->items[at].text);
	} else {
		if (j->n == COOKIES_MAX)
			jar_remove(j, 0);
		j->items = mem_grow(j->items, &j->cap, j->n + 1, sizeof(*j->items));
		at = j->n++;
	}
	j->items[at] = cookie;
}

/* ---- sending (5.4) ---- */

static bool is_sent(
	const struct cookie *c, const char *host, const char *path, bool tls, int64_t now)
{
	struct http_slice domain = {c->domain, strlen(c->domain)};

	if (c->expires <= now || (c->secure && !tls) || !path_matches(c, path))
		return false;
	return c->host_only ? slice_equal(domain, host, strlen(host))
			    : domain_matches(host, domain);
}

bool cookie_jar_write(const struct cookie_jar *j, const char *host, const char *path, bool tls,
	time_t now, struct str *out)
{
	uint8_t order[COOKIES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++) {
		size_t at = n;

		if (!is_sent(&j->items[i], host, path, tls, now))
			continue;
		for (; at && j->items[order[at - 1]].path_len < j->items[i].path_len; at--)
			order[at] = order[at - 1];
		order[at] = (uint8_t)i;
		n++;
	}
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s%s=%s", i ? "; " : "", j->items[order[i]].name,
			j->items[order[i]].value);
	return n > 0;
}
