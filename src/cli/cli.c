/* What the commands share: printing, progress, and keeping a result in the store. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "proc/machine.h"

const struct opt CLI_FORMAT_OPTIONS[] = {
	{0, "json", OPT_FLAG, offsetof(struct cli_format_options, json), NULL,
		"print the result as JSON, and nothing else on stdout", 0, 0, NULL},
	{0, "csv", OPT_FLAG, offsetof(struct cli_format_options, csv), NULL,
		"print the result as CSV, and nothing else on stdout", 0, 0, NULL},
	{0}};

enum cli_format cli_format(const struct cli_format_options *o)
{
	return o->json ? CLI_JSON : o->csv ? CLI_CSV : CLI_TEXT;
}

void cli_print(const char *text)
{
	cli_print_bytes(text, strlen(text));
}

void cli_print_bytes(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			return; /* `culprit … | head`: whoever read has enough */
		if (n < 0) {
			fprintf(stderr, "culprit: cannot write the result: %s\n", strerror(errno));
			exit(1);
		}
		text += n;
		len -= (size_t)n;
	}
}

void cli_print_json(const json_t *value)
{
	struct str text = STR_INIT;

	json_write(&text, value, 2);
	str_add_char(&text, '\n');
	cli_print(text.p);
	str_release(&text);
}

static bool progress_shown;

int cli_write_report(const char *path, const struct str *page, bool say, struct err *err)
{
	int rc = file_write(path, str_text(page), page->len, err);

	if (!rc && say)
		cli_note("the report is %s", path);
	return rc;
}

void cli_note(const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;

	str_add(&text, progress_shown ? "\r\x1b[Kculprit: " : "culprit: ");
	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	str_add_char(&text, '\n');
	fputs(text.p, stderr);
	str_release(&text);
	progress_shown = false;
}

void cli_add_columns(struct str *out, const char *line, size_t width)
{
	while (*line) {
		size_t len = 1, columns = 0;

		if (line[0] == 0x1b && line[1] == '[') {
			len = 2;
			while (line[len] && (line[len] < 0x40 || line[len] > 0x7e))
				len++;
			len += line[len] != '\0';
		} else {
			char piece[8] = {line[0]};

			while (len < sizeof(piece) - 1 &&
				((unsigned char)line[len] & 0xc0) == 0x80) {
				piece[len] = line[len];
				len++;
			}
			columns = str_width(piece);
		}
		if (columns > width)
			break;
		width -= columns;
		str_add_bytes(out, line, len);
		line += len;
	}
	if (*line)
		str_add(out, "\x1b[0m");
}

void cli_progress(const struct cli *cli, const char *line)
{
	static uint64_t last_ns;
	uint64_t now = clock_now_ns();
	struct str text = STR_INIT;

	if (!cli->err.tty || (progress_shown && now - last_ns < 100 * NS_PER_MS))
		return;
	last_ns = now;
	str_add(&text, "\r");
	cli_add_columns(&text, line, cli->err.width - 1);
	str_add(&text, "\x1b[K");
	fputs(text.p, stderr);
	fflush(stderr);
	str_release(&text);
	progress_shown = true;
}

void cli_progress_line(const struct cli *cli, const char *line)
{
	cli_progress_end(cli);
	fprintf(stderr, "%s\n", line);
}

void cli_progress_end(const struct cli *cli)
{
	if (cli->err.tty && progress_shown)
		fputs("\r\x1b[K", stderr);
	progress_shown = false;
}

int cli_open_store(const struct cli *cli, struct store **out, struct err *err)
{
	int rc = file_make_parent(cli->store_path, err);

	return rc ? rc : store_open(out, cli->store_path, err);
}

void cli_describe_run(const struct cli *cli, struct run *run, const char *kind, const char *title)
{
	*run = (struct run){
		.kind = mem_strdup(kind),
		.title = mem_strdup(title),
		.status = RUN_RUNNING,
		.started_ms = cli->started_ms,
		.command = mem_strdup(cli->command),
		.key = mem_strdup(""),
		.machine = machine_describe(),
	};
}

void cli_keep(const struct cli *cli, const char *kind, const char *title, uint64_t seed,
	json_t *spec, json_t *result, int64_t *id)
{
	struct store *store = NULL;
	struct err err = {0};
	struct run run;

	*id = 0;
	cli_describe_run(cli, &run, kind, title);
	run.status = RUN_DONE;
	run.ended_ms = clock_wall_ms();
	run.seed = seed;
	run.spec = json_incref(spec);
	run.result = json_incref(result);
	if (cli_open_store(cli, &store, &err) || store_run_add(store, &run, &err))
		cli_note("not kept: %s", err.text);
	else
		*id = run.id;
	store_close(store);
	run_release(&run);
}
