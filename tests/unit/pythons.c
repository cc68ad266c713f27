#include "pythons.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "unit.h"

enum { PYTHONS_MAX = 32, WAIT_S = 20, LINE_MAX_BYTES = 64 << 20 };

static struct python_here pythons[PYTHONS_MAX];
static size_t n_pythons;

/* ---- which there are ---- */

/* What it says about itself; false: it is not to be run, or none of ours. */
static bool ask_version(const char *path, struct python_here *out)
{
	struct script s;
	int major = 0, i = 0;
	int64_t numbers[3] = {0};
	char *text, *save = NULL;

	script_start(&s, path, "import sys; print('%d %d %d' % sys.version_info[:3])", NULL);
	text = mem_strdup(script_line(&s));
	script_end(&s);
	for (char *t = strtok_r(text, " ", &save); t && i < 3; t = strtok_r(NULL, " ", &save))
		if (num_parse_int(t, 0, 999, "version", &numbers[i++], NULL))
			break;
	free(text);
	major = (int)numbers[0];
	snprintf(out->path, sizeof(out->path), "%s", path);
	out->minor = (int)numbers[1];
	out->micro = (int)numbers[2];
	return major == 3 && out->minor >= 8 && out->minor <= 13;
}

static void take(const char *path)
{
	if (n_pythons < PYTHONS_MAX && !access(path, X_OK) &&
		ask_version(path, &pythons[n_pythons]))
		n_pythons++;
}

static int by_minor(const void *a, const void *b)
{
	const struct python_here *x = a, *y = b;

	return x->minor != y->minor ? x->minor - y->minor : x->micro - y->micro;
}

size_t pythons_here(const struct python_here **out)
{
	const char *list = getenv("CULPRIT_PYTHONS"), *home = getenv("HOME");

	*out = pythons;
	if (n_pythons)
		return n_pythons;
	take("/usr/bin/python3");
	if (list) {
		char *copy = mem_strdup(list), *save = NULL;

		for (char *p = strtok_r(copy, ":", &save); p; p = strtok_r(NULL, ":", &save))
			take(p);
		free(copy);
	} else if (home) {
		char pattern[4096];
		glob_t found;

		snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/3.*/bin/python3", home);
		if (!glob(pattern, 0, NULL, &found)) {
			for (size_t i = 0; i < found.gl_pathc; i++)
				if (!strstr(found.gl_pathv[i], "/3.6.") &&
					!strstr(found.gl_pathv[i], "/3.7."))
					take(found.gl_pathv[i]);
			globfree(&found);
		}
	}
	if (n_pythons > 1)
		qsort(pythons + 1, n_pythons - 1, sizeof(pythons[0]), by_minor);
	ck_assert_msg(n_pythons > 0, "no Python: /usr/bin/python3 is needed (apt install python3)");
	return n_pythons;
}

/* ---- scripts ---- */

void script_start(
	struct script *s, const char *python, const char *source, const char *const *arguments)
{
	const char *argv[16] = {python, "-c", source};
	int out[2], in[2];
	pid_t parent = getpid();

	for (size_t i = 0; arguments && arguments[i]; i++) {
		ck_assert_uint_lt(i + 4, sizeof(argv) / sizeof(argv[0]));
		argv[i + 3] = arguments[i];
	}
	*s = (struct script){0};
	ck_assert(!pipe2(out, O_CLOEXEC) && !pipe2(in, O_CLOEXEC));
	s->pid = fork();
	ck_assert_int_ge(s->pid, 0);
	if (!s->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		setenv("PYTHONUNBUFFERED", "1", 1);
		setenv("PYTHONIOENCODING", "utf-8", 1);
		execv(python, (char *const *)argv);
		_exit(127);
	}
	close(out[1]);
	close(in[0]);
	s->out = out[0];
	s->in = in[1];
}

/* Reads on, at the end of what is there. */
static void read_more(struct script *s, uint64_t end)
{
	struct pollfd fd = {.fd = s->out, .events = POLLIN};
	uint64_t now = clock_now_ns();
	ssize_t n;

	ck_assert_msg(now < end, "the script printed nothing for %d s", WAIT_S);
	if (poll(&fd, 1, (int)((end - now) / NS_PER_MS) + 1) <= 0)
		return;
	ck_assert_uint_lt(s->n, LINE_MAX_BYTES);
	s->text = mem_grow(s->text, &s->cap, s->n + 65536, 1);
	n = read(s->out, s->text + s->n, s->cap - s->n);
	ck_assert_msg(n > 0, "the script ended before it said what it had to");
	s->n += (size_t)n;
}

const char *script_line(struct script *s)
{
	uint64_t end = clock_now_ns() + WAIT_S * NS_PER_S;
	size_t looked = s->from;
	char *line, *newline;

	while (!(newline = looked < s->n ? memchr(s->text + looked, '\n', s->n - looked) : NULL)) {
		if (s->from) {
			memmove(s->text, s->text + s->from, s->n - s->from);
			s->n -= s->from;
			s->from = 0;
		}
		looked = s->n;
		read_more(s, end);
	}
	*newline = '\0';
	line = s->text + s->from;
	s->from = (size_t)(newline + 1 - s->text);
	return line;
}

void script_say(struct script *s, const char *line)
{
	ck_assert_int_gt(dprintf(s->in, "%s\n", line), 0);
}

void script_end(struct script *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(s->in);
	close(s->out);
	free(s->text);
	*s = (struct script){0};
}
