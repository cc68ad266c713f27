/* One process: what it is (a Python, another program, one that may not be read), asked again with
 * patience while it starts and when it executes something else; what is kept of it, let go of at
 * its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "proc/tree.h"
#include "sampler/sampler_internal.h"

/* A process that was just forked often executes something else at once. */
#define FIRST_TRY_NS (2 * NS_PER_MS)
#define LONGEST_NS   (500 * NS_PER_MS)
#define STARTING_NS  (10 * NS_PER_S) /* a Python that is not ready after that never is */

/* ---- what /proc tells ---- */

/* Device and inode of what it executes; zeros where that is not told. */
static void read_exe(pid_t pid, uint64_t exe[2])
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	exe[0] = exe[1] = 0;
	if (!stat(path, &st)) {
		exe[0] = (uint64_t)st.st_dev;
		exe[1] = (uint64_t)st.st_ino;
	}
}

/* A number in /proc/PID/status, behind "\nTgid:\t" and the like; 0: there is none. */
static long status_number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

int subject_explain(pid_t pid, struct err *err)
{
	char path[32], text[8192];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read_small(path, text, sizeof(text)) <= 0)
		return err_set(err, ERR_USAGE,
			"there is no process %d (it has ended, or the number is wrong); `ps -e` "
			"lists those that run",
			(int)pid);
	if (status_number(text, "\nTgid:\t") != pid)
		return err_set(err, ERR_INPUT,
			"%d is a thread, of process %ld: --pid %ld profiles it with all its "
			"threads",
			(int)pid, status_number(text, "\nTgid:\t"),
			status_number(text, "\nTgid:\t"));
	if (strstr(text, "\nState:\tZ"))
		return err_set(err, ERR_SERVICE,
			"process %d has ended; its parent, %ld, has not asked for its exit code "
			"yet",
			(int)pid, status_number(text, "\nPPid:\t"));
	if (!strstr(text, "\nVmSize:"))
		return err_set(err, ERR_INPUT,
			"process %d is a thread of the kernel: there is nothing in it to profile",
			(int)pid);
	return 0;
}

/* ---- coming and going ---- */

struct subject *subject_new(pid_t pid, uint64_t start_ticks, uint64_t now)
{
	struct subject *j = mem_zalloc(1, sizeof(*j));

	*j = (struct subject){.pid = pid,
		.start_ticks = start_ticks,
		.found_ns = now,
		.try_ns = now + FIRST_TRY_NS};
	clock_getcpuclockid(pid, &j->clock);
	return j;
}

void subject_detach(struct sampler *s, struct subject *j)
{
	for (size_t i = 0; i < j->n_threads; i++)
		known_thread_free(s, j->threads[i]);
	j->n_threads = j->n_others = 0;
	j->running = j->gil_held = 0;
	j->others_ns = j->tasks_ns = 0;
	j->epoch = 0;
	place_cache_clear(&j->places); /* its code objects end with it */
	python_detach(j->python);
	native_detach(j->native);
	j->python = NULL;
	j->native = NULL;
	j->command[0] = '\0';
}

void subject_again(struct sampler *s, struct subject *j, uint64_t now)
{
	subject_detach(s, j);
	j->kind = SUBJECT_NEW;
	j->found_ns = now;
	j->try_ns = now + FIRST_TRY_NS;
	j->tries = 0;
}

static void count_unread(struct unread *u, const struct subject *j)
{
	char command[COMMAND];

	if (!u->n++)
		u->err = j->err;
	snprintf(command, sizeof(command), "%s", j->command);
	for (size_t i = 0; i < u->n_names; i++)
		if (!strcmp(u->names[i], command))
			return;
	if (u->n_names < NAMES_OF_OTHERS)
		memcpy(u->names[u->n_names++], command, sizeof(command));
}

/* The name of the program, for the sentence on what was not read. */
static void name_it(struct subject *j)
{
	char *end;

	process_command(j->pid, j->command, sizeof(j->command));
	end = strchr(j->command, ' ');
	if (end && j->command[0] == '/')
		*end = '\0';
}

/* By a signal, or another tracer. */
static bool is_stopped(pid_t pid)
{
	struct process p;

	return process_read(pid, &p) && (p.state == 'T' || p.state == 't');
}

void subject_free(struct sampler *s, struct subject *j)
{
	if (subject_is_seen(j) && !j->gone && is_stopped(j->pid))
		s->stopped = j->pid;
	if (subject_is_seen(j) && j->traced)
		s->traced = j->pid;
	if (j->kind == SUBJECT_OTHER)
		count_unread(&s->not_python, j);
	else if (j->kind == SUBJECT_DENIED)
		count_unread(j->why == PYTHON_DENIED ? &s->denied : &s->unsupported, j);
	else if (j->kind == SUBJECT_NEW && j->gone && !j->looks)
		s->short_lived++;
	subject_detach(s, j);
	free(j->threads);
	free(j->others);
	place_cache_release(&j->places);
	free(j);
}

bool subject_is_seen(const struct subject *j)
{
	return j->kind == SUBJECT_PYTHON || j->kind == SUBJECT_NATIVE;
}

/* ---- what it is ---- */

static void note_version(struct sampler *s, const struct python_about *about)
{
	for (size_t i = 0; i < s->n_versions; i++)
		if (!strcmp(s->versions[i], about->version))
			return;
	if (s->n_versions < sizeof(s->versions) / sizeof(s->versions[0]))
		snprintf(s->versions[s->n_versions++], sizeof(s->versions[0]), "%.15s",
			about->version);
}

/* Again after a while that doubles. */
static void later(struct subject *j, uint64_t now)
{
	uint64_t wait = FIRST_TRY_NS << (j->tries < 8 ? j->tries : 8);

	j->tries++;
	j->try_ns = now + (wait < LONGEST_NS ? wait : LONGEST_NS);
}

static enum python_why attach(struct sampler *s, struct subject *j)
{
	enum python_why why = python_attach(&j->python, j->pid, &j->err);

	if (why == PYTHON_OK && (s->spec.native || s->spec.pause) &&
		native_attach(&j->native, j->pid, &j->err)) {
		python_detach(j->python);
		j->python = NULL;
		return PYTHON_DENIED;
	}
	return why;
}

static void set_unread(struct subject *j, enum python_why why, enum subject_kind kind)
{
	name_it(j);
	if (j->command[0] == '[') {
		/* without a command line: it is ending, and nothing can be said of it */
		j->kind = SUBJECT_NEW;
		return;
	}
	j->kind = kind;
	j->why = why;
}

static void ask(struct sampler *s, struct subject *j, uint64_t now)
{
	enum python_why why = attach(s, j);

	j->why = why;
	switch (why) {
	case PYTHON_OK:
		j->kind = SUBJECT_PYTHON;
		j->try_ns = UINT64_MAX;
		j->last_ns = 0;
		s->looked = true;
		note_version(s, python_about(j->python));
		return;
	case PYTHON_STARTING:
		if (now - j->found_ns < STARTING_NS)
			return;
		set_unread(j, why, SUBJECT_DENIED);
		return;
	case PYTHON_GONE: /* or it executes something else; family.c sees it go */ return;
	case PYTHON_DENIED: set_unread(j, why, SUBJECT_DENIED); return;
	case PYTHON_NOT:
	case PYTHON_UNSUPPORTED: break;
	}
	if (s->spec.native && !native_attach(&j->native, j->pid, &j->err)) {
		j->kind = SUBJECT_NATIVE;
		s->looked = true;
		return;
	}
	set_unread(j, why, why == PYTHON_NOT && !s->spec.native ? SUBJECT_OTHER : SUBJECT_DENIED);
}

void subject_try(struct sampler *s, struct subject *j, uint64_t now)
{
	uint64_t exe[2];

	if (j->kind == SUBJECT_UNSEEN || j->kind == SUBJECT_PYTHON) {
		j->try_ns = UINT64_MAX;
		return;
	}
	later(j, now);
	read_exe(j->pid, exe);
	if (j->kind != SUBJECT_NEW && !memcmp(exe, j->exe, sizeof(exe)))
		return;
	if (j->kind != SUBJECT_NEW) { /* it executes something else */
		subject_again(s, j, now);
		later(j, now);
	}
	memcpy(j->exe, exe, sizeof(exe));
	ask(s, j, now);
}

/* ---- what was not read ---- */

/* "3 processes below it are not Python: redis-server, sh" */
static void say(struct str *out, const struct unread *u, const char *one, const char *many)
{
	if (!u->n)
		return;
	if (out->len)
		str_add(out, "; ");
	if (u->n == 1)
		str_addf(out, "1 process %s: ", one);
	else
		str_addf(out, "%zu processes %s: ", u->n, many);
	for (size_t i = 0; i < u->n_names; i++)
		str_addf(out, "%s%s", i ? ", " : "", u->names[i]);
	if (u->n > u->n_names && u->n_names == NAMES_OF_OTHERS)
		str_add(out, ", …");
}

void subject_say_unread(const struct sampler *s, struct str *out)
{
	say(out, &s->not_python, "is not Python (--native shows machine code)",
		"are not Python (--native shows machine code)");
	say(out, &s->denied, "may not be read", "may not be read");
	if (s->denied.n)
		str_addf(out, " (%s)", s->denied.err.text);
	say(out, &s->unsupported, "cannot be read", "cannot be read");
	if (s->unsupported.n)
		str_addf(out, " (%s)", s->unsupported.err.text);
	if (s->stopped)
		str_addf(out,
			"%sprocess %d is stopped by a signal or a debugger, so nothing of it "
			"moves; "
			"kill -CONT %d, or the debugger, lets it go on",
			out->len ? "; " : "", (int)s->stopped, (int)s->stopped);
	if (s->traced)
		str_addf(out,
			"%sprocess %d is traced by another program (gdb, strace), so it could not "
			"be "
			"stopped to be read: no machine code while it runs",
			out->len ? "; " : "", (int)s->traced);
	if (s->short_lived)
		str_addf(out, "%s%zu %s ended before %s could be read", out->len ? "; " : "",
			s->short_lived, s->short_lived == 1 ? "process" : "processes",
			s->short_lived == 1 ? "it" : "they");
}
