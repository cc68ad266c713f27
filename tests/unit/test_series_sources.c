/* Series from text, from answers of a Prometheus server, and from what culprit measured itself. */
#include "correlate/sources.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "correlate/histograms.h"
#include "correlate/json_stream.h"
#include "correlate/metric_name.h"
#include "correlate/openmetrics.h"
#include "correlate/prometheus_json.h"
#include "guard.h"
#include "stats/recording.h"
#include "unit.h"

static const struct align_options ALL = {.from_s = NAN, .to_s = NAN};
static struct series_set set;
static struct err err;

static int read_text(const char *text, double scrape_s)
{
	err = (struct err){0};
	return openmetrics_read(&set, "file", text, strlen(text), scrape_s, &ALL, &err);
}

static const double *values_of(const char *name)
{
	for (size_t i = 0; i < set.n; i++)
		if (!strcmp(set.items[i].name, name))
			return set.items[i].values;
	ck_abort_msg("no series %s", name);
	return NULL;
}

static bool has(const char *name)
{
	for (size_t i = 0; i < set.n; i++)
		if (!strcmp(set.items[i].name, name))
			return true;
	return false;
}

static enum series_kind kind_of(const char *name)
{
	for (size_t i = 0; i < set.n; i++)
		if (!strcmp(set.items[i].name, name))
			return set.items[i].kind;
	ck_abort_msg("no series %s", name);
	return SERIES_GAUGE;
}

/* ---- text ---- */

START_TEST(open_metrics_with_times)
{
	static const char TEXT[] =
		"# TYPE http_requests counter\n# UNIT http_requests requests\n"
		"# HELP http_requests All that came.\n"
		"http_requests_total{path=\"/a\\\"b\\\\\\n\",code=\"200\"} 5 1000\n"
		"http_requests_total{code=\"200\",path=\"/a\\\"b\\\\\\n\"} 25 1010 # "
		"{trace_id=\"x}\"} 0.67 1005.5\n"
		"http_requests_total{path=\"/a\\\"b\\\\\\n\",code=\"200\",} 3 1020\n"
		"http_requests_created{code=\"200\",path=\"/a\\\"b\\\\\\n\"} 999 1000\n"
		"# TYPE temperature gauge\n"
		"temperature 20.5 1000\ntemperature NaN 1010.0\ntemperature -1e1 1020\n"
		"# TYPE load gauge\n"
		"load +Inf 1000\nload 1 1010\nload 2 1020\n"
		"# EOF\n";
	const char *name = "http_requests_total{code=\"200\",path=\"/a\\\"b\\\\\\n\"}";

	ck_assert_msg(!read_text(TEXT, 0), "%s", err.text);
	ck_assert_uint_eq(set.n, 3);
	ck_assert_uint_eq(set.n_times, 3);
	ck_assert_double_eq(set.start_s, 1000);
	ck_assert_double_eq(set.step_s, 10);
	ck_assert_int_eq(kind_of(name), SERIES_COUNTER);
	ck_assert(isnan(values_of(name)[0]));
	ck_assert_double_eq(values_of(name)[1], 2);
	ck_assert_double_eq(values_of(name)[2], .3); /* it began again */
	ck_assert_int_eq(kind_of("temperature"), SERIES_GAUGE);
	ck_assert_double_eq(values_of("temperature")[0], 20.5);
	ck_assert(isnan(values_of("temperature")[1]));
	ck_assert_double_eq(values_of("temperature")[2], -10);
	ck_assert(isnan(values_of("load")[0]));
	ck_assert_uint_eq(set.points_bad, 1); /* the infinite one */
	series_set_release(&set);
}
END_TEST

/* Without # EOF whole times are milliseconds; untyped names tell what they are. */
START_TEST(prometheus_text_with_times)
{
	ck_assert_msg(!read_text("\xef\xbb\xbf# a remark\r\n\r\n"
				 "a_total 1 1700000000000\r\na_total 31 1700000015000\r\n"
				 "  b\t2   1700000000000\r\nb 3 1700000015000",
			      0),
		"%s", err.text);
	ck_assert_double_eq(set.start_s, 1700000000);
	ck_assert_double_eq(set.step_s, 15);
	ck_assert_double_eq(values_of("a_total")[1], 2);
	ck_assert_double_eq(values_of("b")[1], 3);
	ck_assert_str_eq(str_text(&set.notes), "");
	series_set_release(&set);
	/* what cannot be is said */
	ck_assert(!read_text("b 2 1700000000\nb 3 1700000015\n", 0));
	ck_assert_double_eq(set.start_s, 1700000000);
	ck_assert_ptr_nonnull(strstr(set.notes.p, "taken as seconds"));
	series_set_release(&set);
	ck_assert(!read_text("b 2 1700000000000\nb 3 1700000015000\n# EOF\n", 0));
	ck_assert_double_eq(set.start_s, 1700000000);
	ck_assert_ptr_nonnull(strstr(set.notes.p, "taken as milliseconds"));
	series_set_release(&set);
}
END_TEST

START_TEST(scrapes_one_after_the_other)
{
	static const char TEXT[] = "# TYPE x counter\nx_total 10\ng 1\n# EOF\n"
				   "# TYPE x counter\nx_total 40\n# EOF\n"
				   "# TYPE x counter\nx_total 70\ng 3\n# EOF\n";

	ck_assert_msg(!read_text(TEXT, 15), "%s", err.text);
	ck_assert_uint_eq(set.n_times, 3);
	ck_assert_double_eq(set.step_s, 15);
	ck_assert_double_eq(values_of("x_total")[1], 2);
	ck_assert_double_eq(values_of("x_total")[2], 2);
	ck_assert(isnan(values_of("g")[1]));
	ck_assert_double_eq(values_of("g")[2], 3);
	ck_assert_ptr_nonnull(strstr(set.notes.p, "15.0 s apart"));
	series_set_release(&set);
	ck_assert_int_eq(read_text(TEXT, 0), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "--step"));
	ck_assert_int_eq(read_text("x 1\n# EOF\n", 15), -ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "one scrape without times"));
	/* half a number looks like a whole one: what was cut is left out */
	ck_assert(!read_text("x 1\n# EOF\nx 2\n# EOF\nx 345", 1));
	ck_assert_uint_eq(set.n_times, 2);
	ck_assert_ptr_nonnull(strstr(set.notes.p, "Line 5 has no end"));
	series_set_release(&set);
	ck_assert(!read_text("x 1\n# EOF\nx 2\n# EOF\nx 345\n", 1));
	ck_assert_uint_eq(set.n_times, 3);
	ck_assert_ptr_nonnull(strstr(set.notes.p, "no end (# EOF)"));
	series_set_release(&set);
}
END_TEST

/* 4 requests in the first step, 2 of them in the first bucket, one in the second, one beyond. */
START_TEST(histograms_become_means_and_quantiles)
{
	static const char TEXT[] =
		"# TYPE t histogram\n"
		"t_bucket{a=\"1\",le=\"0.1\"} 10 100\nt_bucket{a=\"1\",le=\"0.5\"} 20 100\n"
		"t_bucket{a=\"1\",le=\"+Inf\"} 30 100\nt_count{a=\"1\"} 30 100\nt_sum{a=\"1\"} 9 "
		"100\n"
		"t_bucket{a=\"1\",le=\"0.1\"} 12 101\nt_bucket{a=\"1\",le=\"0.5\"} 23 101\n"
		"t_bucket{a=\"1\",le=\"+Inf\"} 34 101\nt_count{a=\"1\"} 34 101\nt_sum{a=\"1\"} 10 "
		"101\n"
		"t_bucket{a=\"1\",le=\"0.1\"} 12 102\nt_bucket{a=\"1\",le=\"0.5\"} 23 102\n"
		"t_bucket{a=\"1\",le=\"+Inf\"} 34 102\nt_count{a=\"1\"} 34 102\nt_sum{a=\"1\"} 10 "
		"102\n"
		"# TYPE s summary\n"
		"s{quantile=\"0.9\"} 4 100\ns_count 1 100\ns_sum 2 100\n"
		"s{quantile=\"0.9\"} 5 101\ns_count 3 101\ns_sum 8 101\n"
		"s{quantile=\"0.9\"} 5 102\ns_count 4 102\ns_sum 8 102\n# EOF\n";

	ck_assert_msg(!read_text(TEXT, 0), "%s", err.text);
	ck_assert(!has("t_bucket{a=\"1\",le=\"0.1\"}"));
	ck_assert_uint_eq(set.n, 2 + 4 + 3 + 1);
	ck_assert_double_eq(values_of("t_count{a=\"1\"}")[1], 4);
	ck_assert_double_eq(values_of("t mean{a=\"1\"}")[1], .25);
	ck_assert_double_eq_tol(values_of("t p50{a=\"1\"}")[1], .1, 1e-12);
	ck_assert_double_eq(values_of("t p90{a=\"1\"}")[1], .5); /* beyond the last bound */
	ck_assert(isnan(values_of("t mean{a=\"1\"}")[2]));       /* nothing came */
	ck_assert(isnan(values_of("t p99{a=\"1\"}")[2]));
	ck_assert_double_eq(values_of("s mean")[1], 3);
	ck_assert_double_eq(values_of("s mean")[2], 0);
	ck_assert_double_eq(values_of("s{quantile=\"0.9\"}")[1], 5);
	ck_assert_ptr_nonnull(strstr(set.notes.p, "3 buckets of 1 histograms"));
	series_set_release(&set);
}
END_TEST

/* As histogram_quantile() of Prometheus 2.42 has them: computed by it, in
 * tests/cli/test_correlate_prometheus.py, from real buckets. */
START_TEST(quantiles_of_buckets)
{
	static const double BOUNDS[] = {.1, .5, 1, INFINITY}, C[] = {2, 6, 8, 10};
	static const double NEGATIVE[] = {-1, 1, INFINITY};
	static const double NONE[] = {0, 0, 0, 0};

	ck_assert_double_eq_tol(histogram_quantile(BOUNDS, C, 4, .1), .05, 1e-12);
	ck_assert_double_eq_tol(histogram_quantile(BOUNDS, C, 4, .4), .3, 1e-12);
	ck_assert_double_eq_tol(histogram_quantile(BOUNDS, C, 4, .7), .75, 1e-12);
	ck_assert_double_eq(histogram_quantile(BOUNDS, C, 4, .9), 1);
	ck_assert_double_eq(histogram_quantile(NEGATIVE, C, 3, .1), -1);
	ck_assert(isnan(histogram_quantile(BOUNDS, NONE, 4, .5)));
	ck_assert(isnan(histogram_quantile(BOUNDS, C, 3, .5))); /* no +Inf */
	ck_assert(isnan(histogram_quantile(BOUNDS, C, 0, .5)));
}
END_TEST

START_TEST(bad_text_names_its_line)
{
	static const struct {
		const char *text, *says;
	} CASES[] = {
		{"a 1 1\n{x=\"1\"} 1 1\n", "file:2: it begins with no name"},
		{"a{x=1} 1 1\n", ":1: a label's value is not in double quotes"},
		{"a{x} 1 1\n", "a label is not written as"},
		{"a{x=\"1\" y=\"2\"} 1 1\n", "no comma"},
		{"a{x=\"1\n b 1\n", "closing quote"},
		{"a{x=\"1\" 1 1\n", "no comma"},
		{"a{x=\"1\"\n", "closing brace"},
		{"a{x=\"\\t\"} 1 1\n", "backslash"},
		{"a{x=\"1\",x=\"2\"} 1 1\n", "twice"},
		{"a\n", "no number"},
		{"a 1,5 1\n", "no number"},
		{"a 0x10 1\n", "no number"},
		{"a-b 1 1\n", "no letter, digit"},
		{"a 1 x\n", "no time"},
		{"a 1 NaN\n", "no time"},
		{"a 1 1 1\n", "more behind"},
		{"a 1 1 # x\n", "exemplar"},
		{"a 1 1 # {x=\"1\"}\n", "exemplar"},
		{"a 1 1 # {x=\"1\"} 1 2 3\n", "exemplar"},
		{"# TYPE a meter\n", "the type is none of"},
		{"# TYPE 1a counter\n", "no name"},
		{"# TYPE a counter\n# TYPE a gauge\n", ":2: the metric has another type"},
		{"a 1\na 2\n# EOF\n", ":2: the series is there a second time"},
		{"", "holds no sample"},
		{"a NaN 1\n", "there is no value"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		ck_assert_msg(read_text(CASES[i].text, 0) == -ERR_INPUT, "%s", CASES[i].text);
		ck_assert_msg(
			strstr(err.text, CASES[i].says) != NULL, "%s: %s", CASES[i].text, err.text);
	}
	ck_assert(openmetrics_read(&set, "file", "a{b=\"\0\"} 1 1\n", 14, 0, &ALL, &err) < 0);
	ck_assert_ptr_nonnull(strstr(err.text, "NUL"));
	ck_assert(series_read_openmetrics(&set, "/nowhere", 0, &ALL, &err) < 0);
}
END_TEST

/* At the edge of memory, cut at every byte. */
START_TEST(text_is_not_read_beyond_its_end)
{
	static const char TEXT[] = "# TYPE a counter\na_total{b=\"c\\n\"} 1 10 # {d=\"e\"} 1\n"
				   "a_total{b=\"c\\n\"} 2 11\n# EOF\n";

	struct guard g = guard_new(sizeof(TEXT));

	for (size_t n = 0; n < sizeof(TEXT); n++) {
		char *p = guard_put(&g, TEXT, n);

		if (!openmetrics_read(&set, "file", p, n, 1, &ALL, &err))
			series_set_release(&set);
	}
	guard_free(&g);
}
END_TEST

/* ---- names ---- */

START_TEST(roles)
{
	struct metric_index types = {0};
	static const struct {
		const char *name, *type;
	} TYPES[] = {{"c", "counter"}, {"old_total", "counter"}, {"h", "histogram"},
		{"s", "summary"}, {"threads_count", "gauge"}, {"g", "gauge"},
		{"gh", "gaugehistogram"}, {"u_total", "unknown"}};
	static const struct {
		const char *name;
		bool le;
		enum metric_role role;
	} CASES[] = {{"c_total", false, ROLE_COUNTER}, {"c_created", false, ROLE_CREATED},
		{"old_total", false, ROLE_COUNTER}, {"h_bucket", true, ROLE_COUNTER},
		{"h_count", false, ROLE_COUNTER}, {"s_sum", false, ROLE_COUNTER},
		{"s", false, ROLE_GAUGE}, {"threads_count", false, ROLE_GAUGE},
		{"g", false, ROLE_GAUGE}, {"gh_bucket", true, ROLE_GAUGE},
		{"u_total", false, ROLE_COUNTER}, {"x_total", false, ROLE_COUNTER},
		{"x_bucket", true, ROLE_COUNTER}, {"x_bucket", false, ROLE_GAUGE},
		{"x_created", false, ROLE_GAUGE}, {"_total", false, ROLE_GAUGE}};

	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
		*metric_index_at(&types, TYPES[i].name, strlen(TYPES[i].name)) =
			metric_type_of(TYPES[i].type, strlen(TYPES[i].type));
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		ck_assert_msg(metric_role_of(&types, CASES[i].name, strlen(CASES[i].name),
				      CASES[i].le) == CASES[i].role,
			"%s", CASES[i].name);
	metric_index_release(&types);
}
END_TEST

START_TEST(an_index_finds_what_was_put_there)
{
	struct metric_index x = {0};
	char text[32];

	for (size_t i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "name%zu", i * 7);
		*metric_index_at(&x, text, strlen(text)) = i;
	}
	for (size_t i = 0; i < 140000; i++) {
		snprintf(text, sizeof(text), "name%zu", i);
		ck_assert_uint_eq(
			metric_index_find(&x, text, strlen(text)), i % 7 ? SIZE_MAX : i / 7);
	}
	metric_index_release(&x);
}
END_TEST

/* ---- answers ---- */

static struct str told;

static int tell(void *arg, const char *metric, const struct metric_labels *labels,
	const double *time_s, const double *values, size_t n, struct err *e)
{
	(void)arg, (void)e;
	metric_write(&told, metric, strlen(metric), labels, NULL);
	for (size_t i = 0; i < n; i++)
		str_addf(&told, " %.15g=%.15g", time_s[i], values[i]);
	str_add_char(&told, ';');
	return 0;
}

static void tell_type(void *arg, const char *metric, const char *type)
{
	(void)arg;
	str_addf(&told, "%s is %s;", metric, type);
}

static const struct prometheus_hooks HOOKS = {.series = tell, .type = tell_type};

/* In pieces of so many bytes; 0: whole. */
static int feed(struct prometheus_answer *a, const char *text, size_t len, size_t piece)
{
	int rc = 0;

	str_clear(&told);
	prometheus_answer_init(a, &HOOKS, &err);
	for (size_t at = 0; !rc && at < len; at += piece ? piece : len)
		rc = prometheus_answer_feed(
			a, text + at, piece && piece < len - at ? piece : len - at);
	return rc;
}

static const char ANSWER[] =
	"{\"status\":\"success\",\"isPartial\":false,\"data\":{\"resultType\":\"matrix\","
	"\"result\":"
	"[{\"metric\":{\"__name__\":\"up\",\"job\":\"a\\\"b\",\"instance\":"
	"\"\\u00e4\\ud83d\\ude00\"},"
	"\"values\":[[1435781430.781,\"1\"],[1435781445,\"+Inf\"],[1.4357814600e9,\"NaN\"]]},"
	" {\"values\" : [ [1, \"-2.5e3\"] ], \"histograms\":[[1,{\"count\":\"1\",\"buckets\":[[1,"
	"\"0\",\"1\",\"2\"]]}]],\"metric\":{}}, {\"metric\":{\"__name__\":\"n\"}}],\"stats\":{}},"
	"\"warnings\":[\"one\\u0007\",\"two\"],\"infos\":[\"three\"]}\n";

START_TEST(an_answer_in_any_pieces)
{
	const char *should = "up{instance=\"ä😀\",job=\"a\\\"b\"} 1435781430.781=1 "
			     "1435781445=inf 1435781460=nan; 1=-2500;n;";
	struct guard g = guard_new(sizeof(ANSWER));
	struct prometheus_answer a;

	for (size_t piece = 0; piece < sizeof(ANSWER); piece++) {
		ck_assert_int_eq(feed(&a, ANSWER, sizeof(ANSWER) - 1, piece), 0);
		ck_assert(json_stream_done(&a.json));
		ck_assert(a.success && a.has_result);
		ck_assert_str_eq(told.p, should);
		ck_assert_str_eq(str_text(&a.warnings), "one \ntwo\nthree");
		prometheus_answer_release(&a);
	}
	for (size_t n = 0; n < sizeof(ANSWER) - 2; n++) { /* cut anywhere it is not whole */
		char *p = guard_put(&g, ANSWER, n);

		ck_assert_int_eq(feed(&a, p, n, 0), 0);
		ck_assert(!json_stream_done(&a.json));
		prometheus_answer_release(&a);
	}
	guard_free(&g);
	str_release(&told);
}
END_TEST

START_TEST(other_answers)
{
	static const char ERROR[] = "{\"status\":\"error\",\"errorType\":\"bad_data\","
				    "\"error\":\"parse\\n error\"}";
	static const char TYPES[] =
		"{\"status\":\"success\",\"data\":{\"a\":[{\"type\":\"counter\",\"help\":\"\","
		"\"unit\":\"\"}],\"resultish\":[{\"help\":\"\",\"type\":\"gauge\"}]}}";
	struct prometheus_answer a;

	ck_assert_int_eq(feed(&a, ERROR, sizeof(ERROR) - 1, 3), 0);
	ck_assert(!a.success && json_stream_done(&a.json));
	ck_assert_str_eq(a.error_type, "bad_data");
	ck_assert_str_eq(str_text(&a.error), "parse  error");
	prometheus_answer_release(&a);
	ck_assert_int_eq(feed(&a, TYPES, sizeof(TYPES) - 1, 5), 0);
	ck_assert_str_eq(told.p, "a is counter;resultish is gauge;");
	prometheus_answer_release(&a);
	str_release(&told);
}
END_TEST

START_TEST(what_is_no_answer)
{
	static const char *const CASES[] = {"<html>", "{]", "[1,]", "{\"a\" 1}", "{\"a\":1,}",
		"{\"a\":1}}", "[1 2]", "01", "1.", "-", "1e", "tru ", "nulls ", "\"\\x\"",
		"\"\\ud800x\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\u00g0\"", "\"\n\"",
		"\"\\u0000\"", "{1:2}", "[1]]", "{\"a\":}",
		"{\"data\":{\"resultType\":\"vector\"}}",
		"{\"data\":{\"result\":[{\"values\":[[1]]}]}}",
		"{\"data\":{\"result\":[{\"values\":[[1,\"x\"]]}]}}",
		"{\"data\":{\"result\":[{\"metric\":{\"a\":\"1\",\"a\":\"2\"}}]}}"};
	struct prometheus_answer a;
	struct str deep = STR_INIT;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		int rc = feed(&a, CASES[i], strlen(CASES[i]), 0);

		ck_assert_msg(rc < 0 || !json_stream_done(&a.json), "%s", CASES[i]);
		ck_assert_msg(rc == 0 || a.json.why, "%s", CASES[i]);
		prometheus_answer_release(&a);
	}
	str_add_repeat(&deep, "[", 65);
	ck_assert_int_lt(feed(&a, deep.p, deep.len, 0), 0);
	prometheus_answer_release(&a);
	str_clear(&deep);
	str_add(&deep, "{\"data\":{\"result\":[{\"values\":[[1,\"1\"]");
	str_add_repeat(&deep, ",[1,\"1\"]", PROMETHEUS_POINTS_MAX + 1);
	ck_assert_int_lt(feed(&a, deep.p, deep.len, 0), 0);
	prometheus_answer_release(&a);
	str_clear(&deep);
	str_add_char(&deep, '"');
	str_add_repeat(&deep, "x", JSON_STREAM_TEXT_MAX + 1);
	ck_assert_int_lt(feed(&a, deep.p, deep.len, 1000), 0);
	prometheus_answer_release(&a);
	str_release(&deep);
}
END_TEST

/* Whatever jansson writes is read, and all of it. */
static size_t n_events;
static int count_event(void *arg, enum json_event e, const char *text, size_t len, size_t depth)
{
	(void)arg, (void)e, (void)depth;
	ck_assert_uint_eq(strlen(text), len);
	n_events++;
	return 0;
}

static json_t *random_json(struct rng *rng, int depth, size_t *events)
{
	static const char *const TEXTS[] = {"", "a", "\"\\\b\f\n\r\t/", "ä€😀", "\x7f"};
	json_t *j;
	size_t n = rng_below(rng, 4);

	switch (rng_below(rng, depth > 5 ? 4 : 6)) {
	case 0: ++*events; return json_string(TEXTS[rng_below(rng, 5)]);
	case 1: ++*events; return json_integer((json_int_t)rng_below(rng, 1000) - 500);
	case 2: ++*events; return json_real(rng_normal(rng) * 1e30);
	case 3: ++*events; return rng_below(rng, 2) ? json_null() : json_true();
	case 4:
		j = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append_new(j, random_json(rng, depth + 1, events));
		break;
	default:
		j = json_object();
		for (size_t i = 0; i < n; i++) {
			char key[24];

			snprintf(key, sizeof(key), "k%zu", i);
			json_object_set_new(j, key, random_json(rng, depth + 1, events));
			++*events;
		}
	}
	*events += 2;
	return j;
}

START_TEST(any_json_is_read)
{
	struct rng rng;

	rng_seed(&rng, 11, 0);
	for (int i = 0; i < 2000; i++) {
		struct json_stream j;
		size_t events = 0;
		json_t *json = random_json(&rng, 0, &events);
		char *text = json_dumps(json,
			JSON_ENCODE_ANY |
				(rng_below(&rng, 2) ? JSON_ENSURE_ASCII | JSON_INDENT(1) : 0));

		n_events = 0;
		json_stream_init(&j, count_event, NULL);
		ck_assert_msg(!json_stream_feed(&j, text, strlen(text)), "%s: %s", text, j.why);
		ck_assert(json_stream_done(&j));
		ck_assert_uint_eq(n_events, events);
		json_stream_release(&j);
		free(text);
		json_decref(json);
	}
}
END_TEST

/* ---- runs ---- */

/* 20 s every 10 ms: CPU grows by .5 a second, from second 10 on by .9; memory is the time. */
static json_t *recording_json(void)
{
	struct recording r = {.interval_s = .01};
	double v[RECORD_N_SERIES], cpu = 0;
	json_t *json;

	for (size_t i = 0; i <= 2000; i++) {
		for (size_t s = 0; s < RECORD_N_SERIES; s++)
			v[s] = NAN;
		v[RECORD_CPU] = cpu;
		v[RECORD_OTHERS] = 2 * cpu;
		if (i % 10 == 0)
			v[RECORD_RSS] = (double)i;
		recording_add(&r, (double)i * .01, v);
		cpu += i < 1000 ? .005 : .009;
	}
	json = recording_to_json(&r);
	recording_release(&r);
	return json;
}

START_TEST(a_recording)
{
	json_t *json = recording_json();

	ck_assert_msg(!series_read_run(&set, "recording", json, &err), "%s", err.text);
	ck_assert_double_eq(set.step_s, .1);
	ck_assert_uint_eq(set.n_times, 201);
	ck_assert_double_eq_tol(values_of("cpu")[50], .5, 1e-6);
	ck_assert_double_eq_tol(values_of("cpu")[150], .9, 1e-6);
	ck_assert_double_eq_tol(values_of("others_cpu")[150], 1.8, 1e-6);
	ck_assert_double_eq(values_of("rss")[150], 1500);
	ck_assert_str_eq(str_text(&set.notes), "");
	series_set_release(&set);
	json_decref(json);
}
END_TEST

/* Ten seconds from second 5 of the recording on. */
static json_t *load_json(void)
{
	json_t *load = json_object(), *list = json_array();

	for (int i = 0; i < 11; i++)
		json_array_append_new(
			list, json_pack("{sf sf si si sn sf sf sf sf sn}", "start_s", (double)i,
				      "seconds", i == 10 ? .2 : 1., "completed", 100 + i, "errors",
				      i, "asked_rate", "mean_latency_ms", 10. + i, "p50_ms", 9. + i,
				      "p99_ms", 20. + i, "max_ms", 30. + i, "late_p99_ms"));
	json_object_set_new(load, "series", list);
	return load;
}

START_TEST(a_load_and_the_service_beside_it)
{
	json_t *load = load_json(), *recording = recording_json();

	ck_assert_msg(!series_read_run(&set, "load", load, &err), "%s", err.text);
	ck_assert_uint_eq(set.n, 6);
	ck_assert_uint_eq(set.n_times, 10); /* the stump of a second is none */
	ck_assert_double_eq(values_of("load:rate")[3], 103);
	ck_assert_double_eq(values_of("load:errors")[9], 9);
	ck_assert_double_eq(values_of("load:p99")[9], 29);
	ck_assert(!has("load:asked"));
	series_set_release(&set);
	json_object_set_new(recording, "start_s", json_real(-5));
	json_object_set_new(load, "recording", recording);
	ck_assert_msg(!series_read_run(&set, "load", load, &err), "%s", err.text);
	ck_assert_uint_eq(set.n, 9);
	ck_assert_double_eq(set.step_s, 1);
	ck_assert_double_eq(values_of("load:p99")[9], 29);
	/* second 5 of the load is 10 of the recording, where it began to work harder */
	ck_assert_double_eq_tol(values_of("service:cpu")[4], .5, 1e-6);
	ck_assert_double_eq_tol(values_of("service:cpu")[6], .9, 1e-6);
	ck_assert_double_eq_tol(values_of("machine:others_cpu")[6], 1.8, 1e-6);
	ck_assert_double_eq_tol(values_of("service:rss")[6], 1145, 6);
	ck_assert_uint_eq(series_find(&set, "p99", &err), 4);
	series_set_release(&set);
	json_decref(load);
}
END_TEST

START_TEST(measures_of_the_same_latencies_are_mechanical)
{
	json_t *load = load_json();
	bool marks[6] = {false};
	size_t latencies = 0;

	ck_assert_msg(!series_read_run(&set, "load", load, &err), "%s", err.text);
	series_run_mechanical(marks, &set, series_find(&set, "load:rate", &err));
	for (size_t i = 0; i < set.n; i++)
		ck_assert(!marks[i]);
	series_run_mechanical(marks, &set, series_find(&set, "load:p99", &err));
	for (size_t i = 0; i < set.n; i++)
		latencies += marks[i];
	ck_assert_uint_eq(latencies, 3);
	ck_assert(marks[series_find(&set, "load:mean", &err)]);
	ck_assert(marks[series_find(&set, "load:p50", &err)]);
	ck_assert(marks[series_find(&set, "load:max", &err)]);
	series_set_release(&set);
	json_decref(load);
}
END_TEST

START_TEST(runs_without_series)
{
	json_t *json = json_object();

	ck_assert_int_eq(series_read_run(&set, "study", json, &err), -ERR_USAGE);
	ck_assert_int_eq(series_read_run(&set, "recording", json, &err), -ERR_INPUT);
	ck_assert_int_eq(series_read_run(&set, "load", json, &err), -ERR_INPUT);
	json_decref(json);
}
END_TEST

UNIT_MAIN("series_sources", open_metrics_with_times, prometheus_text_with_times,
	scrapes_one_after_the_other, histograms_become_means_and_quantiles, quantiles_of_buckets,
	bad_text_names_its_line, text_is_not_read_beyond_its_end, roles,
	an_index_finds_what_was_put_there, an_answer_in_any_pieces, other_answers,
	what_is_no_answer, any_json_is_read, a_recording, a_load_and_the_service_beside_it,
	measures_of_the_same_latencies_are_mechanical, runs_without_series)
