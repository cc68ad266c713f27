#include "correlate/prometheus_client.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static const uint64_t TIMEOUT_NS = UINT64_C(60000000000), MAX_BYTES = UINT64_C(256) << 20;
enum { CONNECT_MS = 10000, HEAD_MAX = 300, SHOWN_MAX = 160 };

/* ---- set up ---- */

static char *url_part(const struct curl_api *api, CURLU *u, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy = NULL;

	if (!api->url_get(u, part, &text, flags))
		copy = mem_strdup(text);
	api->free(text);
	return copy;
}

/* The URL without credentials, without a slash at its end. */
static int take_url(struct prometheus_client *c, const char *url, struct err *err)
{
	CURLU *u = c->api->url();
	char *scheme = NULL;
	int rc = 0;

	if (!u)
		abort(); /* out of memory */
	if (c->api->url_set(u, CURLUPART_URL, url, CURLU_GUESS_SCHEME))
		rc = err_set(err, ERR_USAGE,
			"--prometheus: this is no URL; write http://host:9090, or "
			"https://user:password@host/path");
	scheme = rc ? NULL : url_part(c->api, u, CURLUPART_SCHEME, 0);
	if (!rc && (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)))
		rc = err_set(err, ERR_USAGE,
			"--prometheus: a server is asked by http or https, not by '%.20s'",
			scheme ? scheme : "");
	free(scheme);
	if (!rc) {
		size_t n;

		c->user = url_part(c->api, u, CURLUPART_USER, CURLU_URLDECODE);
		c->password = url_part(c->api, u, CURLUPART_PASSWORD, CURLU_URLDECODE);
		c->api->url_set(u, CURLUPART_USER, NULL, 0);
		c->api->url_set(u, CURLUPART_PASSWORD, NULL, 0);
		c->api->url_set(u, CURLUPART_QUERY, NULL, 0);
		c->api->url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		c->base = url_part(c->api, u, CURLUPART_URL, 0);
		n = c->base ? strlen(c->base) : 0;
		while (n && c->base[n - 1] == '/')
			c->base[--n] = '\0';
	}
	c->api->url_cleanup(u);
	return rc;
}

static size_t take_bytes(char *p, size_t size, size_t n, void *arg)
{
	struct prometheus_client *c = arg;
	uint64_t most = c->query->max_bytes ? c->query->max_bytes : MAX_BYTES;
	size_t len = size * n;

	c->bytes += len;
	c->too_large = c->bytes > most;
	if (c->head.len < HEAD_MAX)
		str_add_bytes(
			&c->head, p, len < HEAD_MAX - c->head.len ? len : HEAD_MAX - c->head.len);
	if (c->too_large || prometheus_answer_feed(c->answer, p, len))
		return len ? 0 : 1;
	return len;
}

static int look_at_stop(void *arg, curl_off_t all, curl_off_t now, curl_off_t up, curl_off_t up_now)
{
	const struct prometheus_client *c = arg;

	(void)all, (void)now, (void)up, (void)up_now;
	return c->query->stop && atomic_load(c->query->stop);
}

static void set_options(struct prometheus_client *c)
{
	const struct prometheus_query *q = c->query;
	uint64_t timeout = q->timeout_ns ? q->timeout_ns : TIMEOUT_NS;

	c->api->easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	c->api->easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	c->api->easy_setopt(c->curl, CURLOPT_USERAGENT, "culprit/" CULPRIT_VERSION);
	/* no compression: it would cost the server five times what its answer does */
	c->api->easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->problem);
	c->api->easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)(timeout / 1000000 + 1));
	c->api->easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	c->api->easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_bytes);
	c->api->easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	c->api->easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
	c->api->easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, look_at_stop);
	c->api->easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
	if (c->user) {
		c->api->easy_setopt(c->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		c->api->easy_setopt(c->curl, CURLOPT_USERNAME, c->user);
		c->api->easy_setopt(c->curl, CURLOPT_PASSWORD, c->password ? c->password : "");
	}
	if (q->token) {
		c->api->easy_setopt(c->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		c->api->easy_setopt(c->curl, CURLOPT_XOAUTH2_BEARER, q->token);
	}
	if (q->ca_file)
		c->api->easy_setopt(c->curl, CURLOPT_CAINFO, q->ca_file);
	if (q->insecure) {
		c->api->easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		c->api->easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

int prometheus_client_init(
	struct prometheus_client *c, const struct prometheus_query *q, struct err *err)
{
	const struct curl_api *api = curl_api(err);
	int rc;

	*c = (struct prometheus_client){.query = q, .api = api};
	if (!api)
		return -ERR_SYSTEM;
	c->curl = api->easy_init();
	if (!c->curl)
		return err_set(err, ERR_SYSTEM, "libcurl could not be started");
	rc = take_url(c, q->url, err);
	if (!rc)
		set_options(c);
	return rc;
}

void prometheus_client_release(struct prometheus_client *c)
{
	if (c->curl)
		c->api->easy_cleanup(c->curl);
	free(c->base);
	free(c->user);
	free(c->password);
	str_release(&c->head);
}

void prometheus_form(
	struct prometheus_client *c, struct str *form, const char *name, const char *value)
{
	char *text = c->api->easy_escape(c->curl, value, 0);

	if (!text)
		abort(); /* out of memory */
	str_addf(form, "%s%s=%s", form->len ? "&" : "", name, text);
	c->api->free(text);
}

/* ---- what went wrong ---- */

/* The beginning of what came, as one line. */
static void show_head(struct str *out, const struct str *head)
{
	bool blank = true;

	for (size_t i = 0; i < head->len && out->len < SHOWN_MAX; i++) {
		unsigned char ch = (unsigned char)head->p[i];
		bool space = ch <= ' ' || ch == 0x7f;

		if (!(space && blank))
			str_add_char(out, space ? ' ' : (char)ch);
		blank = space;
	}
}

static int not_json(const struct prometheus_client *c, long status, struct err *err)
{
	struct str shown = STR_INIT;
	const char *type = NULL;
	int rc;

	c->api->easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
	show_head(&shown, &c->head);
	rc = err_set(err, ERR_SERVICE,
		"%s answered HTTP %ld with %s, not with Prometheus's JSON (%s): %s%s; is this the "
		"server's own URL, and is there a proxy before it?",
		c->base, status, type ? type : "something",
		c->answer->json.why ? c->answer->json.why : "it ends in the middle",
		str_text(&shown), c->head.len > shown.len ? " …" : "");
	str_release(&shown);
	return rc;
}

static int not_reached(const struct prometheus_client *c, CURLcode code, struct err *err)
{
	uint64_t timeout = c->query->timeout_ns ? c->query->timeout_ns : TIMEOUT_NS;
	char text[NUM_TEXT], bytes[NUM_TEXT];
	const char *why = c->problem[0] ? c->problem : c->api->easy_strerror(code);

	switch (code) {
	case CURLE_ABORTED_BY_CALLBACK:
		return err_set(err, ERR_STOPPED, "stopped while %s was asked", c->base);
	case CURLE_OPERATION_TIMEDOUT:
		if (!c->bytes)
			return err_set(err, ERR_SERVICE,
				"%s gave no answer within %s: %s; is it there, and is it busy?",
				c->base, num_duration((double)timeout / 1e9, text), why);
		return err_set(err, ERR_SERVICE,
			"%s stopped answering in the middle: %s came within %s; ask for less "
			"(--from, --to, a narrower --match) or allow more time",
			c->base, num_bytes((double)c->bytes, bytes),
			num_duration((double)timeout / 1e9, text));
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return err_set(err, ERR_SERVICE,
			"%s ended its answer in the middle, after %s: %s; ask again, or for less",
			c->base, num_bytes((double)c->bytes, bytes), why);
	default: return err_set(err, ERR_SERVICE, "%s cannot be asked: %s", c->base, why);
	}
}

/* Without the credentials that a redirect may name. */
static int redirected(const struct prometheus_client *c, long status, struct err *err)
{
	const char *to = NULL;
	CURLU *u = c->api->url();
	char *shown = NULL;
	int rc;

	c->api->easy_getinfo(c->curl, CURLINFO_REDIRECT_URL, &to);
	if (u && to && !c->api->url_set(u, CURLUPART_URL, to, 0)) {
		c->api->url_set(u, CURLUPART_USER, NULL, 0);
		c->api->url_set(u, CURLUPART_PASSWORD, NULL, 0);
		c->api->url_set(u, CURLUPART_QUERY, NULL, 0);
		shown = url_part(c->api, u, CURLUPART_URL, 0);
	}
	rc = err_set(err, ERR_SERVICE,
		"%s sends elsewhere (HTTP %ld, to %.300s); give the URL below which api/v1 is "
		"answered",
		c->base, status, shown ? shown : "nowhere");
	free(shown);
	c->api->url_cleanup(u);
	return rc;
}

static int refused(const struct prometheus_client *c, long status, enum prometheus_failure *failure,
	struct err *err)
{
	const struct prometheus_answer *a = c->answer;
	const char *text = str_text(&a->error);

	if (status == 404)
		*failure = PROMETHEUS_UNKNOWN;
	if (strstr(text, "too many samples") || strstr(text, "maximum resolution"))
		*failure = PROMETHEUS_TOO_MUCH;
	if (status == 401 || status == 403)
		return err_set(err, ERR_SERVICE,
			"%s wants other credentials (HTTP %ld%s%s); give "
			"https://user:password@host "
			"or a token",
			c->base, status, *text ? ": " : "", text);
	if (*failure == PROMETHEUS_TOO_MUCH)
		return err_set(err, ERR_SERVICE,
			"%s would have to read too much: %s; narrow --match, or ask for a shorter "
			"stretch",
			c->base, text);
	if (!strcmp(a->error_type, "bad_data"))
		return err_set(err, ERR_INPUT, "%s refuses the question: %s", c->base, text);
	if (!strcmp(a->error_type, "timeout"))
		return err_set(err, ERR_SERVICE,
			"%s took too long for itself (HTTP %ld): %s; narrow --match, or ask for a "
			"shorter stretch",
			c->base, status, text);
	return err_set(err, ERR_SERVICE, "%s answered HTTP %ld%s%s%s%s", c->base, status,
		a->error_type[0] ? ", " : "", a->error_type, *text ? ": " : "", text);
}

static int judge(struct prometheus_client *c, CURLcode code, enum prometheus_failure *failure,
	struct err *err)
{
	struct prometheus_answer *a = c->answer;
	char bytes[NUM_TEXT];
	long status = 0;

	c->api->easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (a->rc)
		return a->rc;
	if (c->too_large)
		return err_set(err, ERR_SERVICE,
			"%s answers with more than %s; narrow --match, or take a longer --step",
			c->base,
			num_bytes((double)(c->query->max_bytes ? c->query->max_bytes : MAX_BYTES),
				bytes));
	if (status >= 300 && status < 400)
		return redirected(c, status, err);
	if (code && !a->json.why)
		return not_reached(c, code, err);
	if (a->json.why || (!json_stream_done(&a->json) && (status >= 300 || !c->bytes))) {
		if (status == 404)
			*failure = PROMETHEUS_UNKNOWN;
		if (status == 401 || status == 403)
			return refused(c, status, failure, err);
		return not_json(c, status, err);
	}
	if (!json_stream_done(&a->json))
		return err_set(err, ERR_SERVICE,
			"%s ended its answer in the middle, after %s; ask again, or for less",
			c->base, num_bytes((double)c->bytes, bytes));
	if (status >= 300 || !a->success)
		return refused(c, status, failure, err);
	return 0;
}

/* ---- asking ---- */

static CURLcode perform(struct prometheus_client *c, const char *page, const char *form)
{
	struct str url = STR_INIT;
	CURLcode code;

	c->bytes = 0;
	c->too_large = false;
	c->problem[0] = '\0';
	str_clear(&c->head);
	str_addf(&url, "%s/api/v1/%s%s%s", c->base, page, c->by_get && *form ? "?" : "",
		c->by_get ? form : "");
	c->api->easy_setopt(c->curl, CURLOPT_URL, url.p);
	if (c->by_get)
		c->api->easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	else {
		c->api->easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, -1L);
		c->api->easy_setopt(c->curl, CURLOPT_COPYPOSTFIELDS, form);
	}
	code = c->api->easy_perform(c->curl);
	str_release(&url);
	return code;
}

int prometheus_ask(struct prometheus_client *c, const char *page, const char *form,
	struct prometheus_answer *answer, enum prometheus_failure *failure, struct err *err)
{
	const struct prometheus_hooks *hooks = answer->hooks;
	bool by_get = c->by_get, only_get = !strcmp(page, "metadata");
	CURLcode code;
	long status = 0;

	*failure = PROMETHEUS_FAILED;
	c->answer = answer;
	c->by_get = by_get || only_get;
	code = perform(c, page, form);
	c->api->easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!c->by_get && (status == 405 || status == 501)) {
		prometheus_answer_release(answer);
		prometheus_answer_init(answer, hooks, err);
		by_get = c->by_get = true;
		code = perform(c, page, form);
	}
	c->by_get = by_get;
	return judge(c, code, failure, err);
}
