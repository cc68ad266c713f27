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

struct load_header {
	char *name; /* as given; HTTP/2 is sent its lower case */
	struct template value;
};

struct load_request {
	char *name;
	double weight;
	size_t origin; /* index */
	char *method;
	bool to_head; /* the method is HEAD */
	struct template path;
	struct load_header
		*headers; /* user's, and User-Agent; not Host, Content-Length, Connection */
	size_t n_headers;
	char *host; /* the user's own Host header, or NULL */
	bool has_body;
	struct template body;
	bool constant; /* nothing in it is filled in */
};

/* The origins that requests go to; grows as requests are made. At most 64. */
struct load_origins {
	struct load_origin *items;
	size_t n, cap;
};
enum { LOAD_ORIGINS_MAX = 64 };

/* ERR_USAGE. Content-Length and Transfer-Encoding may not be given: the length is the body's. */
int load_request_init(struct load_request *out, const struct load_request_text *text,
	struct load_origins *origins, const struct template_names *names, struct err *err);
void load_request_release(struct load_request *r);
void load_origins_release(struct load_origins *o);

/*
 * Appends the request as HTTP/1.1. `cookies`: value of the Cookie header, or NULL. `close`: with
 * "Connection: close". `expect`: with "Expect: 100-continue" where there is a body. *head_len:
 * bytes up to the body. `scratch` is cleared and used for the body.
 */
void load_request_write(const struct load_request *r, const struct load_origin *origin,
	const struct template_values *v, const char *cookies, bool close, bool expect,
	struct str *scratch, struct str *out, size_t *head_len);

#endif
