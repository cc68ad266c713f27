#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/tree.h"

enum { TITLE = 200, LOOK_MS = 20 };

/* Ctrl-C reaches a command at this terminal by itself; it may end of its own accord. */
#define COURTESY_NS (300 * NS_PER_MS)

void launch_cut(struct str *text)
{
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->p[i] < ' ')
			text->p[i] = ' ';
	if (text->len > TITLE) {
		size_t len = TITLE;

		while (len && ((unsigned char)text->p[len] & 0xc0) == 0x80)
			len--;
		text->p[len] = '\0';
		text->len = len;
		str_add(text, "…");
	}
}

void launch_name(struct str *out, const struct opt_rest *command, pid_t pid)
{
	char text[TITLE];

	for (size_t i = 0; i < command->n; i++) {
		str_add(out, i ? " " : "");
		str_add_shell(out, command->items[i]);
	}
	if (!command->n)
		str_addf(out, "pid %d (%s)", (int)pid, process_command(pid, text, sizeof(text)));
	launch_cut(out);
}

int launch_start(
	struct child *c, const struct opt_rest *command, int out, const char *file, struct err *err)
{
	const char **argv = mem_zalloc(command->n + 1, sizeof(*argv));
	struct child_spec spec = {.argv = argv, .out = out, .err = STDERR_FILENO};
	int fd = -1, rc = 0;

	memcpy(argv, command->items, command->n * sizeof(*argv));
	if (file) {
		fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0)
			rc = err_errno(err, ERR_SYSTEM, errno, "--output: cannot write %s", file);
		spec.out = spec.err = fd;
	}
	if (!rc)
		rc = child_start(c, &spec, err);
	if (fd >= 0)
		close(fd);
	free(argv);
	return rc;
}

bool launch_end(struct child *c, const atomic_bool *stop)
{
	uint64_t until = clock_now_ns() + COURTESY_NS;
	bool by_itself = c->ended && !atomic_load(stop);

	while (atomic_load(stop) && c->left && clock_now_ns() < until)
		child_wait(c, LOOK_MS);
	child_end(c, LAUNCH_PATIENCE_NS);
	return by_itself;
}

int launch_code(const struct child *c)
{
	if (!c->exec_errno)
		return 0;
	return c->exec_errno == ENOENT ? 127 : 126;
}
