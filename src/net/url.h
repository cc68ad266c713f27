/* URLs of services: http[s]://host[:port][/path][?query] (RFC 3986, without user and fragment). */
#ifndef CULPRIT_NET_URL_H
#define CULPRIT_NET_URL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct url {
	bool tls;
	char *host; /* without brackets of IPv6 */
	char *port; /* "80" by default, "443" for https */
	char *path; /* "/…", with the query behind it */
};

/* ERR_USAGE names what is wrong with it. A URL without a scheme is http. */
int url_parse(struct url *out, const char *text, struct err *err);
void url_release(struct url *u);

/* Adds text with everything but unreserved characters (RFC 3986, 2.3) percent-encoded. */
void url_add_encoded(struct str *out, const char *text);

/* Sets a query parameter: replaces its value where `url` has it, adds it where not. Result into
 * out. */
void url_set_query(struct str *out, const char *url, const char *name, const char *value);

#endif
