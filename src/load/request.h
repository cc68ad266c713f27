/*
 * One request as it will be sent, again and again: method, origin, path, headers and body, each a
 * text with placeholders. Where nothing is to be filled in, its bytes are made once.
 */
#ifndef CULPRIT_LOAD_REQUEST_H
#define CULPRIT_LOAD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "load/template.h"
#include "net/h2.h"

/* As it is written in a spec, URL list, HAR file or scenario; texts are borrowed. */
struct load_request_text {
	const char *method;
	const char *url;            /* absolute, or "/path" on the first origin */
	const char *const *headers; /* "Name: value" */
	size_t n_headers;
	const char *body; /* or NULL; body_len bytes */
	size_t body_len;
	bool form;        /* the body is a form's: values are percent-encoded in it */
	const char *name; /* or NULL: "GET /path" */
	double weight;    /* 1 */
	const char *what; /* names its place in errors: "line 3 of urls.txt", "--header" */
};

struct load_origin { /* plan.c resolves it */
	bool tls;
	char *host, *port, *authority; /* authority: "host[:port]", as Host and :authority say it */
};

/* Headers that are not simply written where they stand. */
enum load_header_kind {
	LOAD_HEADER_PLAIN,
	LOAD_HEADER_COOKIE,     /* joined with the jar's */
	LOAD_HEADER_CONNECTION, /* HTTP/1.1 only; gives way to "Connection: close" */
	LOAD_HEADER_HOP,        /* HTTP/1.1 only: Keep-Alive, Upgrade, TE, … */
	LOAD_HEADER_EXPECT,     /* gives way to ours */
};

struct load_header {
	char *name;  /* as given */
	char *lower; /* as HTTP/2 sends it */
	enum load_header_kind kind;
	struct template value;
};

struct load_request {
	char *name;
	double weight;
	size_t origin; /* index */
	char *method;
	bool to_head; /* the method is HEAD */
	struct template path;
	struct load_header *headers; /* the user's, and a form's Content-Type; not Host */
	size_t n_headers;
	bool own_host, own_agent; /* the user gave a Host, a User-Agent */
	struct template host;     /* the user's own */
	bool has_body;
	struct template body;
	bool constant;             /* nothing in it is filled in */
	bool takes_row, takes_seq; /* a column of the data, the number of the request, is in it */
};

/* The origins that requests go to; grows as requests are made. At most 64. */
struct load_origins {
	struct load_origin *items;
	size_t n, cap;
};
enum { LOAD_ORIGINS_MAX = 64 };

/*
 * ERR_USAGE. Content-Length and Transfer-Encoding may not be given: the length is the body's. A URL
 * without a host is on the first origin; no placeholder may stand in its host or port. Values in
 * the body are escaped for JSON where the headers give it a type of JSON, percent-encoded in a
 * form.
 */
int load_request_init(struct load_request *out, const struct load_request_text *text,
	struct load_origins *origins, const struct template_names *names, struct err *err);
void load_request_release(struct load_request *r);
void load_origins_release(struct load_origins *o);

/* Whether a header can be sent: one line, "Name: value", none that is ours to compute. ERR_USAGE.
 */
int load_header_check(const char *text, const char *what, struct err *err);

/*
 * Appends the request as HTTP/1.1. `cookies`: value of the Cookie header, or NULL; a user's own is
 * joined to it. `close`: with "Connection: close". `expect`: with "Expect: 100-continue" where
 * there is a body. *head_len: length of its head, up to the body. `scratch` is cleared and used for
 * the body. Allocates nothing once the texts have the room.
 */
void load_request_write(const struct load_request *r, const struct load_origin *origin,
	const struct template_values *v, const char *cookies, bool close, bool expect,
	struct str *scratch, struct str *out, size_t *head_len);

/* A request as HTTP/2 sends it. The slices lie in `text`, `body`, and the request. */
struct load_fields {
	struct h2_field *items; /* pseudo-headers first */
	size_t n, cap;
	struct http_slice payload; /* the body; p NULL: none */
	struct str text, body;
};

/* Clears `out` and fills it; what belongs to a connection is left out. It holds until the next call
 * with the same `out`, and as long as the request. */
void load_request_fields(const struct load_request *r, const struct load_origin *origin,
	const struct template_values *v, const char *cookies, struct load_fields *out);
void load_fields_release(struct load_fields *f);

#endif
