/* Asking a Prometheus server, through libcurl: one answer at a time, read as it comes. */
#ifndef CULPRIT_CORRELATE_PROMETHEUS_CLIENT_H
#define CULPRIT_CORRELATE_PROMETHEUS_CLIENT_H

#include "correlate/curl_api.h"
#include "correlate/prometheus_json.h"
#include "correlate/sources.h"

struct prometheus_client {
	const struct prometheus_query *query;
	const struct curl_api *api;
	CURL *curl;
	char *base; /* the URL without credentials, for asking and for messages */
	char *user, *password;
	bool by_get; /* the server, or a proxy before it, takes no POST */
	char problem[CURL_ERROR_SIZE];
	/* of the answer under way */
	struct prometheus_answer *answer;
	uint64_t bytes;
	bool too_large;
	struct str head; /* its first bytes */
};

int prometheus_client_init(
	struct prometheus_client *c, const struct prometheus_query *q, struct err *err);
void prometheus_client_release(struct prometheus_client *c);

/* Adds &name=value to a form. */
void prometheus_form(
	struct prometheus_client *c, struct str *form, const char *name, const char *value);

enum prometheus_failure {
	PROMETHEUS_FAILED,
	PROMETHEUS_TOO_MUCH, /* it would answer to less */
	PROMETHEUS_UNKNOWN,  /* it has no such page */
};

/* Asks api/v1/<page> with the form; what came is in `answer`, which the caller initialised. Where
 * it fails, *failure says whether another question may go better. */
int prometheus_ask(struct prometheus_client *c, const char *page, const char *form,
	struct prometheus_answer *answer, enum prometheus_failure *failure, struct err *err);

#endif
