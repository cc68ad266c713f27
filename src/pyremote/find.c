/*
 * From a number to a process that can be read: which one it is (and stays), where its interpreter
 * lies, whether what lives in it agrees with the layout. Everything else gets a sentence.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pyremote/find_internal.h"

/* What is read runs meanwhile: a list may be torn at one look, not at all of them. */
enum { CHECK_TRIES = 12, CHECK_PAUSE_NS = 300 * 1000, YOUNG_S = 3 };

/* ---- /proc/PID/stat and status ---- */

static bool read_file(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(out, 1, size - 1, f) : 0;

	if (f)
		fclose(f);
	out[n] = '\0';
	return n > 0;
}

struct stat_facts {
	char state;
	pid_t parent;
	uint64_t started, stack_begin, heap_begin;
};

static bool read_stat(pid_t pid, struct stat_facts *out)
{
	char path[64], text[1024], *p, *save = NULL;
	int field = 3;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_file(path, text, sizeof(text)) || !(p = strrchr(text, ')')) || !p[1])
		return false;
	*out = (struct stat_facts){.state = p[2]};
	for (p = strtok_r(p + 1, " ", &save); p; p = strtok_r(NULL, " ", &save), field++) {
		uint64_t value = strtoull(p, NULL, 10);

		if (field == 4)
			out->parent = (pid_t)value;
		else if (field == 22)
			out->started = value;
		else if (field == 28)
			out->stack_begin = value;
		else if (field == 47)
			out->heap_begin = value;
	}
	return true;
}

static double age_seconds(const struct python *p)
{
	return (double)clock_read_ns(CLOCK_BOOTTIME) / 1e9 -
	       (double)p->started / (double)sysconf(_SC_CLK_TCK);
}

/* The last number in the line NSpid: what the process's innermost namespace calls it; *n: how many
 * there are from here to there. */
static pid_t inner_number(const char *path, int *n)
{
	char text[4096], *p, *end;
	long last = 0;

	*n = 0;
	if (!read_file(path, text, sizeof(text)) || !(p = strstr(text, "\nNSpid:")))
		return 0;
	p += 7;
	for (;;) {
		p += strspn(p, "\t ");
		if (*p < '0' || *p > '9')
			return (pid_t)last;
		last = strtol(p, &end, 10);
		p = end;
		++*n;
	}
}

/* ---- still there ---- */

bool python_runs(const struct python *p)
{
	struct pollfd fd = {.fd = p->pidfd, .events = POLLIN};

	return poll(&fd, 1, 0) == 0;
}

enum python_why python_still(struct python *p, struct err *err)
{
	struct stat_facts s;

	if (!read_stat(p->pid, &s) || s.started != p->started || s.state == 'Z' || s.state == 'X' ||
		!python_runs(p)) {
		err_set(err, ERR_SERVICE, "process %d has ended", (int)p->pid);
		return PYTHON_GONE;
	}
	if (s.stack_begin != p->stack_begin || s.heap_begin != p->heap_begin) {
		err_set(err, ERR_SERVICE,
			"process %d runs another program than before (it has called exec)",
			(int)p->pid);
		return PYTHON_GONE;
	}
	return PYTHON_OK;
}

/* ---- numbers of threads ---- */

static bool is_task(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
	return access(path, F_OK) == 0;
}

/* The thread that its own pid namespace calls `inner`. */
static pid_t find_task(pid_t pid, pid_t inner)
{
	char path[64];
	pid_t found = 0;
	DIR *tasks;
	struct dirent *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && !found && (d = readdir(tasks))) {
		long tid = strtol(d->d_name, NULL, 10);
		int n;

		if (tid <= 0 || tid > INT_MAX)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%ld/status", (int)pid, tid);
		if (inner_number(path, &n) == inner)
			found = (pid_t)tid;
	}
	if (tasks)
		closedir(tasks);
	return found;
}

/* Numbers in its memory are those of its own pid namespace. 0: it has no such thread. */
static pid_t task_of(const struct python *p, uint64_t inner)
{
	if (!inner || inner > INT32_MAX)
		return 0;
	if (p->tids_as_ours)
		return is_task(p->pid, (pid_t)inner) ? (pid_t)inner : 0;
	return find_task(p->pid, (pid_t)inner);
}

/* What forks without telling Python (uWSGI) leaves the parent's number in the thread's state; the C
 * library's is right in the child, too. */
pid_t python_tid(struct python *p, uint64_t pthread, uint64_t native_id)
{
	pid_t tid = task_of(p, native_id);
	int32_t inner;

	if (tid || !p->tid_offset || !pthread ||
		!remote_read(p->pid, pthread + p->tid_offset, &inner, sizeof(inner)) || inner <= 0)
		return tid;
	return task_of(p, (uint64_t)inner);
}

/* ---- what is no Python ---- */

static enum python_why say_gone(pid_t pid, struct err *err)
{
	err_set(err, ERR_SERVICE,
		"there is no process %d (it has ended, or the number is wrong); `ps -e` lists "
		"those that run",
		(int)pid);
	return PYTHON_GONE;
}

/* A number of a thread, not of a process. */
static enum python_why say_thread(pid_t pid, struct err *err)
{
	char path[64], text[4096], *p;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_file(path, text, sizeof(text)) || !(p = strstr(text, "\nTgid:")) ||
		strtol(p + 6, NULL, 10) == pid)
		return say_gone(pid, err);
	err_set(err, ERR_SERVICE, "%d is the number of a thread: give that of its process, %ld",
		(int)pid, strtol(p + 6, NULL, 10));
	return PYTHON_NOT;
}

static enum python_why open_process(struct python *p, struct err *err)
{
	struct stat_facts s;
	int n;
	char path[64];

	if (p->pid <= 0)
		return say_gone(p->pid, err);
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOSYS)) {
		err_errno(err, ERR_SYSTEM, errno,
			"process %d cannot be held (pidfd_open; Linux 5.3 or later is needed)",
			(int)p->pid);
		return PYTHON_UNSUPPORTED;
	}
	if (p->pidfd < 0)
		return say_thread(p->pid, err);
	if (!read_stat(p->pid, &s) || (s.state != 'Z' && !python_runs(p)))
		s.state = 'X';
	if (s.state == 'Z') {
		err_set(err, ERR_SERVICE,
			"process %d has ended already, and only waits for its parent %d to take "
			"note",
			(int)p->pid, (int)s.parent);
		return PYTHON_GONE;
	}
	if (s.state == 'X')
		return say_gone(p->pid, err);
	p->started = s.started;
	p->stack_begin = s.stack_begin;
	p->heap_begin = s.heap_begin;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	inner_number(path, &n);
	p->tids_as_ours = n <= 1;
	return PYTHON_OK;
}

static enum python_why say_found(
	struct python *p, enum runtime_found found, const char *exe, struct err *err)
{
	const struct python_about *a = &p->about;
	int pid = (int)p->pid;

	switch (found) {
	case RUNTIME_NONE:
		err_set(err, ERR_SERVICE,
			"process %d runs %s, and there is no CPython in it; --native alone "
			"profiles "
			"programs of machine code",
			pid, exe);
		return PYTHON_NOT;
	case RUNTIME_STARTING:
		err_set(err, ERR_SERVICE,
			"process %d (%s) is starting: its Python library is not loaded yet; try "
			"again",
			pid, exe);
		return PYTHON_STARTING;
	case RUNTIME_PYPY:
		err_set(err, ERR_SERVICE,
			"process %d runs PyPy (%s); culprit reads CPython 3.8 and later; use "
			"PyPy's own "
			"vmprof, or --native alone",
			pid, exe);
		return PYTHON_UNSUPPORTED;
	case RUNTIME_OLD:
		err_set(err, ERR_SERVICE,
			"process %d runs Python %s (%s), which is too old: culprit reads CPython "
			"3.8 and later, and of this one with --native its machine code",
			pid, a->version, a->path);
		return PYTHON_UNSUPPORTED;
	case RUNTIME_DENIED: return PYTHON_DENIED;
	case RUNTIME_FILE: return PYTHON_UNSUPPORTED;
	case RUNTIME_HIDDEN:
	case RUNTIME_FOUND: break;
	}
	err_set(err, ERR_SERVICE,
		"process %d runs a Python%s%s (%s), but where its state lies cannot be found: it "
		"has "
		"neither the symbol _PyRuntime nor anything that looks like it; profile it with "
		"--native alone",
		pid, *a->version ? " " : "", a->version, a->path);
	return PYTHON_UNSUPPORTED;
}

/* ---- its layout ---- */

static enum python_why choose_layout(struct python *p, struct err *err)
{
	const struct layout *table = layout_of(p->about.minor);
	uint8_t *own = mem_zalloc(OWN_BYTES, 1);
	enum layout_own is = OWN_NONE;
	uint32_t hex;
	int pid = (int)p->pid;

	if (p->about.minor >= 13 && remote_read(p->pid, p->about.runtime, own, OWN_BYTES))
		is = layout_read_own(own, OWN_BYTES, &p->layout, &hex);
	free(own);
	if (is == OWN_FREE_THREADED) {
		err_set(err, ERR_SERVICE,
			"process %d runs a free-threaded build of Python %s, whose objects look "
			"different and have no interpreter lock to read them by; culprit reads the "
			"ordinary builds, and this one with --native alone",
			pid, p->about.version);
		return PYTHON_UNSUPPORTED;
	}
	p->about.own_offsets = is == OWN_READ && p->layout.minor == p->about.minor;
	if (p->about.own_offsets)
		return PYTHON_OK;
	if (table) {
		p->layout = *table;
		return PYTHON_OK;
	}
	err_set(err, ERR_SERVICE,
		"process %d runs Python %s, which is newer than this culprit knows, and what it "
		"says "
		"about its own layout is not understood; a newer culprit may read it, --native "
		"alone "
		"does",
		pid, p->about.version);
	return PYTHON_UNSUPPORTED;
}

/* Looks until it fits, or is not going to. */
static enum python_why check(struct python *p, struct err *err)
{
	const char *what = "";
	enum python_why why = PYTHON_STARTING;
	struct layout layout = p->layout;

	for (int i = 0; i < CHECK_TRIES && why != PYTHON_OK; i++) {
		if (i)
			clock_sleep_ns(CHECK_PAUSE_NS);
		p->layout = layout; /* a look at something torn leaves nothing */
		why = check_layout(p, &what);
		if (why == PYTHON_STARTING)
			break;
	}
	if (why == PYTHON_UNSUPPORTED && age_seconds(p) < YOUNG_S)
		why = PYTHON_STARTING;
	if (why == PYTHON_STARTING)
		err_set(err, ERR_SERVICE,
			"process %d: its Python %s is starting or ending, and runs nothing yet; "
			"try again",
			(int)p->pid, p->about.version);
	else if (why == PYTHON_UNSUPPORTED)
		err_set(err, ERR_SERVICE,
			"process %d runs Python %s (%s), but %s than in the official release: a "
			"debug "
			"build or a modified one; profile it with --native alone",
			(int)p->pid, p->about.version, p->about.path, what);
	return why;
}

static enum python_why find(struct python *p, const char *exe, struct err *err)
{
	struct maps maps;
	enum runtime_found found;
	enum python_why why;
	char probe[8];

	if (maps_read(&maps, p->pid, err))
		return err && err->kind == ERR_SYSTEM ? PYTHON_DENIED : PYTHON_GONE;
	if (!maps.n) {
		maps_release(&maps);
		err_set(err, ERR_SERVICE,
			"process %d has no memory of its own: a thread of the kernel, or a process "
			"that "
			"is ending",
			(int)p->pid);
		return PYTHON_NOT;
	}
	/* To read the mappings and to read the memory are different rights. */
	if (!remote_read(p->pid, maps.items[0].start, probe, sizeof(probe)) && errno == EPERM) {
		maps_release(&maps);
		remote_denied(p->pid, err);
		return PYTHON_DENIED;
	}
	found = runtime_find(p, &maps, exe, err);
	maps_release(&maps);
	if (found != RUNTIME_FOUND)
		return say_found(p, found, exe, err);
	why = choose_layout(p, err);
	return why == PYTHON_OK ? check(p, err) : why;
}

enum python_why python_attach(struct python **out, pid_t pid, struct err *err)
{
	struct python *p = mem_zalloc(1, sizeof(*p));
	char path[64], exe[PATH_MAX];
	enum python_why why;
	struct err ignored;
	ssize_t n;

	*out = NULL;
	p->pid = pid;
	p->pidfd = -1;
	p->about.found_by = "";
	err = err ? err : &ignored;
	why = open_process(p, err);
	if (why == PYTHON_OK) {
		snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
		n = readlink(path, exe, sizeof(exe) - 1);
		exe[n > 0 ? n : 0] = '\0';
		if (n > 10 && !strcmp(exe + n - 10, " (deleted)"))
			exe[n - 10] = '\0';
		why = find(p, exe, err);
		/* What was found is worth nothing when it was another program, or none any more. */
		if (why != PYTHON_GONE && python_still(p, &ignored) != PYTHON_OK) {
			bool gone = !python_runs(p);

			*err = ignored;
			why = gone ? PYTHON_GONE : PYTHON_STARTING;
		}
	}
	if (why == PYTHON_OK)
		*out = p;
	else
		python_detach(p);
	return why;
}

void python_detach(struct python *p)
{
	if (!p)
		return;
	sweep_release(p);
	tasks_release(p);
	names_release(p);
	code_cache_free(p->codes);
	if (p->pidfd >= 0)
		close(p->pidfd);
	free(p);
}

const struct python_about *python_about(const struct python *p)
{
	return &p->about;
}
