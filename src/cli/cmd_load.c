/* culprit load: drive HTTP requests at a service and say what came of them. */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "cli/cli.h"
#include "load/load.h"
#include "report/report.h"

static struct load_options {
	struct cli_format_options format;
	struct load_spec spec;
} options = {.spec = LOAD_SPEC_INIT};

/* "warming up 0.4 of 10.0 s   20,413 requests/s   20,100 answers   0 failed": ten times a second on
 * a terminal, a line every ten seconds elsewhere. */
static void show(void *arg, const struct load_tick *t)
{
	static double next_line_s = 10;
	const struct cli *cli = arg;
	struct str line = STR_INIT;
	char rate[NUM_TEXT], done[NUM_TEXT], failed[NUM_TEXT], wanted[NUM_TEXT];

	str_addf(&line, "%s %.1f", t->warming ? "warming up" : "measuring", t->elapsed_s);
	if (isfinite(t->total_s))
		str_addf(&line, " of %.1f", t->total_s);
	str_addf(&line, " s   %s requests/s   %s", num_count(t->rate, rate),
		num_count((double)t->completed, done));
	if (t->requests_wanted)
		str_addf(&line, " of %s", num_count((double)t->requests_wanted, wanted));
	str_addf(&line, " answers   %s failed", num_count((double)t->errors, failed));
	cli_progress(cli, line.p);
	if (!cli->err.tty && t->elapsed_s >= next_line_s) {
		cli_progress_line(cli, line.p);
		next_line_s = t->elapsed_s + 10;
	}
	str_release(&line);
}

/* Why nothing succeeded: the kind of error that was most frequent. */
static int nothing_succeeded(
	const struct load_spec *spec, const struct load_result *r, struct err *err)
{
	size_t worst = 0, status = 0;
	char count[NUM_TEXT];

	for (size_t i = 1; i < LOAD_N_ERRORS; i++)
		worst = r->errors_all[i] > r->errors_all[worst] ? i : worst;
	for (size_t i = 400; i < 600; i++)
		status = r->status_all[i] > r->status_all[status] ? i : status;
	if (!r->errors_all[worst])
		return err_set(err, ERR_SERVICE,
			"%s: no answer came within the %.3g s that were measured; give it longer "
			"(-d)",
			spec->url, r->seconds);
	num_count((double)r->errors_all[worst], count);
	switch ((enum load_error)worst) {
	case LOAD_REFUSED:
		return err_set(err, ERR_SERVICE,
			"%s: nothing succeeded: connection refused, %s times; does the service "
			"run, and is this its port?",
			spec->url, count);
	case LOAD_STATUS:
		return err_set(err, ERR_SERVICE,
			"%s: nothing succeeded: status %zu, most of %s failed answers; check path, "
			"method and headers",
			spec->url, status, count);
	case LOAD_TIMEOUT:
		return err_set(err, ERR_SERVICE,
			"%s: nothing succeeded: no whole answer within %.3g s, %s times; check the "
			"service or allow more with --timeout",
			spec->url, (double)spec->timeout_ns / 1e9, count);
	default:
		return err_set(err, ERR_SERVICE, "%s: nothing succeeded: %s, %s times", spec->url,
			LOAD_ERROR_TEXTS[worst], count);
	}
}

static void print_result(const struct cli *cli, const json_t *json, const struct load_result *r)
{
	struct str text = STR_INIT;

	switch (cli_format(&options.format)) {
	case CLI_JSON: cli_print_json(json); break;
	case CLI_CSV: load_to_csv(&text, r); break;
	case CLI_TEXT: report_load(&text, &cli->out, &options.spec, r); break;
	}
	cli_print(str_text(&text));
	str_release(&text);
}

static int load_cmd_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct load_spec *spec = &options.spec;
	struct load_hooks hooks = {.tick = show, .arg = cli, .stop = cli->stop};
	struct load_result result = {0};
	json_t *json = NULL, *asked = NULL;
	int64_t id;
	int rc;

	if (rest->n && spec->url)
		return err_set(
			err, ERR_USAGE, "the URL is given twice: as an argument and by --url");
	if (rest->n)
		spec->url = rest->items[0];
	rc = load_run(spec, &hooks, &result, err);
	cli_progress_end(cli);
	if (rc)
		goto out;
	json = load_to_json(spec, &result);
	asked = load_spec_to_json(spec);
	print_result(cli, json, &result);
	cli_keep(cli, "load", spec->url, 0, asked, json, &id);
	if (id && cli_format(&options.format) == CLI_TEXT)
		cli_note("kept as run %lld", (long long)id);
	if (!result.completed)
		rc = nothing_succeeded(spec, &result, err);
out:
	json_decref(asked);
	json_decref(json);
	load_result_release(&result);
	free(spec->headers.items);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit load http://127.0.0.1:5001/ -c 100 -d 10s",
	"100 connections for ten seconds",
	"culprit load http://127.0.0.1:5001/ -n 10000 --json",
	"exactly 10,000 requests, the result as JSON",
	"culprit load http://127.0.0.1:5001/items -m POST -H 'Content-Type: application/json' "
	"-b '{\"name\":\"x\"}'",
	"a request with a body",
	NULL,
};

static const struct opt_section SECTIONS[] = {{"Load", LOAD_OPTIONS, &options.spec},
	{"Output", CLI_FORMAT_OPTIONS, &options.format}, {0}};

const struct cmd cmd_load = {
	.name = "load",
	.arguments = "URL",
	.summary = "drive HTTP requests at a service and measure its rate and latency",
	.about =
		"Keeps a number of connections busy, each with one request at a time, and says how "
		"many answers a second came, how long they took, and what failed. Failed requests "
		"are counted by kind and are in neither the rate nor the latency. Ctrl-C ends "
		"early and keeps what was measured. Exit 1 when nothing succeeded.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.min_rest = 0,
	.max_rest = 1,
	.run = load_cmd_run,
};
