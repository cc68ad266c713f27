/* The answers of Prometheus' HTTP API, read as they come: series of a range query, types of
 * metrics, what went wrong. */
#ifndef CULPRIT_CORRELATE_PROMETHEUS_JSON_H
#define CULPRIT_CORRELATE_PROMETHEUS_JSON_H

#include "base/err.h"
#include "correlate/json_stream.h"
#include "correlate/metric_name.h"

enum { PROMETHEUS_POINTS_MAX = 11000 /* of a series in one answer, as the server has it */ };

struct prometheus_hooks {
	/* A series of the answer, whole; n may be 0 (native histograms have other values). A
	 * negative number, with err, ends the reading. */
	int (*series)(void *arg, const char *metric, const struct metric_labels *labels,
		const double *time_s, const double *values, size_t n, struct err *err);
	/* /api/v1/metadata: a metric and the word for its type */
	void (*type)(void *arg, const char *metric, const char *type);
	void *arg;
};

struct prometheus_answer {
	bool success; /* "status": "success" */
	char error_type[64];
	struct str error;    /* what it says, at most 500 bytes */
	struct str warnings; /* warnings and infos, a line each, at most 2,000 bytes */
	bool has_result;
	/* inside */
	struct json_stream json;
	const struct prometheus_hooks *hooks;
	struct err *err;
	int rc; /* what a hook gave */
	unsigned char inside[JSON_STREAM_DEPTH + 1], key;
	struct str name, metric, labels; /* of a label or metric; of the series */
	double time_s, value;
	unsigned parts; /* of a pair: bit 0 its time, bit 1 its value */
	double *times, *values;
	size_t n, cap;
};

void prometheus_answer_init(
	struct prometheus_answer *a, const struct prometheus_hooks *hooks, struct err *err);
void prometheus_answer_release(struct prometheus_answer *a);

/* 0; or negative: it is no JSON (json.why), it has another form than such an answer (then json.why
 * says so too), or a hook ended it (rc, and err is set). */
int prometheus_answer_feed(struct prometheus_answer *a, const char *p, size_t len);

#endif
