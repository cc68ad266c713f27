#include "net/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

/* Ceiling of a URL; what servers take ends well below. */
enum { URL_MAX = 32768 };

static char *slice(const char *p, size_t len)
{
	return mem_copy(p, len);
}

static int check_bytes(const char *text, struct err *err)
{
	if (strlen(text) > URL_MAX)
		return err_set(err, ERR_USAGE, "the URL is longer than %d bytes", URL_MAX);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127)
			return err_set(err, ERR_USAGE,
				"%s: a URL has no spaces or control characters; write them as "
				"%%20 and so on",
				text);
	return 0;
}

/* Passes over "http://" or "https://". */
static int parse_scheme(struct url *out, const char **text, struct err *err)
{
	const char *colon = strstr(*text, "://");
	size_t stop = strcspn(*text, "/?#");

	if (!colon || colon > *text + stop)
		return 0; /* no scheme: http */
	if (colon - *text == 4 && !strncasecmp(*text, "http", 4))
		out->tls = false;
	else if (colon - *text == 5 && !strncasecmp(*text, "https", 5))
		out->tls = true;
	else
		return err_set(err, ERR_USAGE, "%s: the scheme must be http:// or https://", *text);
	*text = colon + 3;
	return 0;
}

static int parse_port(
	struct url *out, const char *port, size_t len, const char *text, struct err *err)
{
	int64_t number;

	out->port = slice(port, len);
	if (!len || num_parse_int(out->port, 1, 65535, "port", &number, NULL))
		return err_set(err, ERR_USAGE, "%s: the port '%s' is not a number from 1 to 65535",
			text, out->port);
	return 0;
}

/* host, host:port, [v6], [v6]:port */
static int parse_authority(
	struct url *out, const char *p, size_t len, const char *text, struct err *err)
{
	const char *end = p + len, *host_end, *port = NULL;

	const char *at = memrchr(p, '@', len);

	if (at) /* what is before it may be a secret, and is not repeated */
		return err_set(err, ERR_USAGE,
			"…%s: a user or password in a URL is not sent; leave out what is before "
			"the @ and give a header, as Authorization: Basic …",
			at);
	for (const char *c = p; c < end; c++)
		if ((unsigned char)*c > 127)
			return err_set(err, ERR_USAGE,
				"%s: the host has letters outside ASCII; write it in punycode, as "
				"xn--bcher-kva.example for bücher.example",
				text);
	if (len && *p == '[') {
		host_end = memchr(p, ']', len);
		if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
			return err_set(
				err, ERR_USAGE, "%s: the [ of an IPv6 address is not closed", text);
		port = host_end + 1 < end ? host_end + 2 : NULL;
		p++;
	} else {
		host_end = memchr(p, ':', len);
		port = host_end ? host_end + 1 : NULL;
		host_end = host_end ? host_end : end;
		if (port && memchr(port, ':', (size_t)(end - port)))
			return err_set(err, ERR_USAGE, "%s: write an IPv6 address in [ ]", text);
	}
	if (host_end == p)
		return err_set(err, ERR_USAGE, "%s: the URL has no host", text);
	out->host = slice(p, (size_t)(host_end - p));
	if (port)
		return parse_port(out, port, (size_t)(end - port), text, err);
	out->port = mem_strdup(out->tls ? "443" : "80");
	return 0;
}

int url_parse(struct url *out, const char *text, struct err *err)
{
	const char *p = text;
	size_t len;
	int rc;

	*out = (struct url){0};
	rc = check_bytes(text, err);
	if (!rc)
		rc = parse_scheme(out, &p, err);
	if (rc)
		goto out;
	len = strcspn(p, "/?#");
	rc = parse_authority(out, p, len, text, err);
	if (rc)
		goto out;
	p += len;
	len = strcspn(p, "#"); /* a fragment is never sent */
	out->path = mem_alloc(len + 2, 1);
	out->path[0] = '/';
	memcpy(out->path + (*p != '/'), p, len);
	out->path[len + (*p != '/')] = '\0';
out:
	if (rc)
		url_release(out);
	return rc;
}

void url_release(struct url *u)
{
	free(u->host);
	free(u->port);
	free(u->path);
	*u = (struct url){0};
}

void url_add_encoded(struct str *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 128 && (isalnum(c) || strchr("-._~", c)))
			str_add_char(out, (char)c);
		else
			str_addf(out, "%%%02X", c);
	}
}

void url_set_query(struct str *out, const char *url, const char *name, const char *value)
{
	struct str encoded = STR_INIT;
	const char *fragment = url + strcspn(url, "#"), *p = url + strcspn(url, "?#");
	char separator = '?';

	url_add_encoded(&encoded, name);
	str_add_char(&encoded, '=');
	size_t name_len = encoded.len;

	url_add_encoded(&encoded, value);
	str_add_bytes(out, url, (size_t)(p - url));
	/* The first of that name is replaced, more of them are left out. */
	bool written = false;

	for (p += p < fragment; p < fragment; p += *p == '&') {
		size_t len = strcspn(p, "&#");
		bool same = (len >= name_len && !strncmp(p, encoded.p, name_len)) ||
			    (len == name_len - 1 && !strncmp(p, encoded.p, len));

		if (len && !(same && written)) {
			str_add_char(out, separator);
			if (same)
				str_add(out, encoded.p);
			else
				str_add_bytes(out, p, len);
			separator = '&';
		}
		written |= same;
		p += len;
	}
	if (!written) {
		str_add_char(out, separator);
		str_add(out, encoded.p);
	}
	str_add(out, fragment);
	str_release(&encoded);
}
