/* culprit lab: runs a built-in service, or lists them. */
#include <unistd.h>

#include "cli/cli.h"
#include "lab/lab.h"

static struct lab_spec spec = LAB_SPEC_INIT;

struct telling {
	const struct lab *lab;
};

static void on_ready(void *arg, const char *address)
{
	const struct telling *t = arg;

	cli_note("lab %s at http://%s, %lld worker%s, master %d; SIGTTIN and SIGTTOU add and "
		 "remove one",
		t->lab->name, address, (long long)spec.workers, spec.workers == 1 ? "" : "s",
		(int)getpid());
	cli_note("try http://%s%s", address, t->lab->example);
	cli_note("counters at http://%s/counters", address);
}

static void on_note(void *arg, const char *text)
{
	const struct telling *t = arg;

	cli_note("lab %s: %s", t->lab->name, text);
}

static void list_labs(const struct cli *cli)
{
	struct table t = TABLE_INIT;
	struct str text = STR_INIT;

	table_column(&t, "lab", TABLE_LEFT);
	table_column(&t, "what it is", TABLE_LEFT);
	for (const struct lab *lab = LABS; lab->name; lab++) {
		table_cell(&t, lab->name);
		table_cell(&t, lab->summary);
	}
	table_render(&t, &cli->out, &text);
	cli_print(text.p);
	table_release(&t);
	str_release(&text);
}

static int run_lab(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct telling telling = {0};
	struct lab_hooks hooks = {on_ready, on_note, &telling, cli->stop};

	if (!rest->n) {
		list_labs(cli);
		return 0;
	}
	telling.lab = lab_find(rest->items[0], err);
	return telling.lab ? telling.lab->run(&spec, &hooks, err) : -ERR_USAGE;
}

const struct cmd cmd_lab = {
	.name = "lab",
	.arguments = "[NAME]",
	.summary = "run a built-in service with known costs and exact counters",
	.about = "Runs a lab: a small web service whose costs are in the parameters of each "
		 "request, "
		 "with a master and workers as gunicorn has them. SIGTTIN and SIGTTOU add and "
		 "remove a "
		 "worker, SIGTERM finishes what is under way and ends, a worker that dies is "
		 "replaced. "
		 "/counters tells exactly what it did. Without a name the labs are listed.",
	.examples = (const char *const[]){"culprit lab", "list the labs", "culprit lab mixed -w 4",
		"the lab `mixed` with four workers, on 127.0.0.1:5001", NULL},
	.sections = (const struct opt_section[]){{NULL, LAB_OPTIONS, &spec}, {0}},
	.max_rest = 1,
	.run = run_lab,
};
