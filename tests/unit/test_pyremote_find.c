/* Finding an interpreter in a process: every Python, in every disguise, and everything that is
 * none. Scripts and other processes end with the test, whatever happens. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "native/elf_file.h"
#include "pyremote/find_internal.h"
#include "pythons.h"
#include "unit.h"

static const char READY[] = "print('ready'); import sys; sys.stdin.readline()";
static const char DEBIAN[] = "/usr/bin/python3";

static struct err err;
static struct script script;
static char folder[64];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/culprit-find-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static enum python_why attach_to(pid_t pid, struct python **p)
{
	enum python_why why = python_attach(p, pid, &err);

	ck_assert((why == PYTHON_OK) == (*p != NULL));
	if (why != PYTHON_OK)
		ck_assert_msg(err.text[0] && !strchr(err.text, '\n'), "%d: no sentence", why);
	return why;
}

static struct python *attach_ok(pid_t pid)
{
	struct python *p;
	enum python_why why = attach_to(pid, &p);

	ck_assert_msg(why == PYTHON_OK, "%d: %s", why, err.text);
	return p;
}

static void is_refused(pid_t pid, enum python_why wanted, const char *with)
{
	struct python *p;
	uint64_t late = clock_now_ns() + 20 * NS_PER_S;
	enum python_why why;

	do /* in the middle of an exec */
		why = attach_to(pid, &p);
	while (why == PYTHON_STARTING && clock_now_ns() < late);
	ck_assert_msg(why == wanted && strstr(err.text, with), "%d, not %d: %s (wanted: %s)", why,
		wanted, err.text, with);
}

/* A process that dies with us; 0 in it. */
static pid_t begin(void)
{
	pid_t parent = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* It has executed something else than this program. */
static bool has_executed(pid_t pid)
{
	char path[64], own[4096], its[4096];
	ssize_t a = readlink("/proc/self/exe", own, sizeof(own)), b;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	b = readlink(path, its, sizeof(its));
	return b > 0 && (a != b || memcmp(own, its, (size_t)a) != 0);
}

/* ---- every Python ---- */

START_TEST(from_its_first_moment)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = NULL;
		enum python_why why;
		uint64_t late = clock_now_ns() + 20 * NS_PER_S;
		char version[32];

		script_start(&script, here[i].path, READY, NULL);
		/* Before the exec it is this program, in which no Python is. */
		while ((why = attach_to(script.pid, &p)) != PYTHON_OK) {
			ck_assert_msg(why == PYTHON_STARTING || why == PYTHON_NOT, "%s: %d: %s",
				here[i].path, why, err.text);
			ck_assert_msg(clock_now_ns() < late, "%s", err.text);
		}
		snprintf(version, sizeof(version), "3.%d.%d", here[i].minor, here[i].micro);
		ck_assert_int_eq(python_about(p)->minor, here[i].minor);
		ck_assert_int_eq(python_about(p)->micro, here[i].micro);
		ck_assert_str_eq(python_about(p)->version, version);
		ck_assert_str_eq(python_about(p)->found_by, "symbol");
		ck_assert(python_runs(p) && python_still(p, &err) == PYTHON_OK);
		ck_assert_str_eq(script_line(&script), "ready");
		script_end(&script);
		ck_assert(!python_runs(p));
		ck_assert_int_eq(python_still(p, &err), PYTHON_GONE);
		python_detach(p);
	}
}
END_TEST

/* Who holds the lock up to 3.11, and its place by what is around it. */
START_TEST(holder_of_the_lock)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p;
		uint64_t interpreter, thread, holder = 0, place;
		uint64_t late = clock_now_ns() + 20 * NS_PER_S;

		script_start(&script, here[i].path, "print('ready')\nwhile True: pass", NULL);
		ck_assert_str_eq(script_line(&script), "ready");
		p = attach_ok(script.pid);
		ck_assert(python_read_word(
			p, p->about.runtime + p->layout.runtime_interpreters, &interpreter));
		ck_assert(
			python_read_word(p, interpreter + p->layout.interpreter.threads, &thread));
		if (here[i].minor <= 11) {
			ck_assert_uint_ne(p->layout.gil.runtime_current, NO_FIELD);
			place = p->about.runtime + p->layout.gil.runtime_current;
		} else {
			ck_assert_uint_ne(p->layout.interpreter.gil, NO_FIELD);
			ck_assert(python_read_word(
				p, interpreter + p->layout.interpreter.gil, &place));
			place += p->layout.gil.last_holder;
		}
		do /* it may still be within the write of "ready", without the lock */
			ck_assert(python_read_word(p, place, &holder));
		while (!holder && clock_now_ns() < late);
		ck_assert_uint_eq(holder, thread);
		python_detach(p);
		script_end(&script);
	}
}
END_TEST

START_TEST(runtime_by_its_looks)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p;
		struct maps maps;
		uint64_t runtime;
		bool found = false;

		script_start(&script, here[i].path, READY, NULL);
		ck_assert_str_eq(script_line(&script), "ready");
		p = attach_ok(script.pid);
		runtime = p->about.runtime;
		p->about.runtime = 0;
		ck_assert_int_eq(maps_read(&maps, script.pid, &err), 0);
		for (size_t k = 0; k < maps.n && !found; k++)
			if (maps.items[k].offset == 0 && !strcmp(maps.items[k].path, p->about.path))
				found = runtime_scan(p, &maps, k, here[i].minor);
		ck_assert_msg(found && p->about.runtime == runtime, "%s", here[i].path);
		maps_release(&maps);
		python_detach(p);
		script_end(&script);
	}
}
END_TEST

/* ---- disguises ---- */

/* A copy of Debian's python3 in which these words are no longer there. */
static void copy_without(const char *to, const char *const *words)
{
	struct file_bytes file;
	char *copy;
	size_t len;

	ck_assert_msg(!file_open_bytes(DEBIAN, 64 << 20, &file, &err), "%s", err.text);
	copy = mem_copy(file.data, file.len);
	len = file.len;
	file_close_bytes(&file);
	for (; words && *words; words++) {
		size_t n = strlen(*words) + 2, hits = 0;
		char whole[64] = "";
		char *at = copy;

		ck_assert_uint_lt(n, sizeof(whole));
		memcpy(whole + 1, *words, n - 1); /* with its ends */
		while ((at = memmem(at, len - (size_t)(at - copy), whole, n))) {
			at[n - 2] = '_';
			hits++;
		}
		ck_assert_msg(hits, "%s has no %s", DEBIAN, *words);
	}
	ck_assert_msg(!file_write(to, copy, len, &err), "%s", err.text);
	free(copy);
	ck_assert_int_eq(chmod(to, 0755), 0);
}

/* Debian's is one file; another one may use a library. */
static bool debian_is_static(void)
{
	struct python *p;
	bool is;

	script_start(&script, DEBIAN, READY, NULL);
	script_line(&script);
	p = attach_ok(script.pid);
	is = strncmp(python_about(p)->path, "/usr/bin/", 9) == 0;
	python_detach(p);
	script_end(&script);
	return is;
}

START_TEST(without_symbols)
{
	static const char *const SYMBOL[] = {"_PyRuntime", NULL};
	static const char *const BOTH[] = {"_PyRuntime", ".PyRuntime", NULL};
	static const char *const ALL[] = {"_PyRuntime", ".PyRuntime", "Py_Version", NULL};
	/* Nothing that says Python, but for the extension module that the script loads. */
	static const char *const BARE[] = {"_PyRuntime", ".PyRuntime", "Py_Version",
		"PyEval_EvalFrameEx", "Py_GetVersion", NULL};
	static const struct {
		const char *const *words;
		const char *found_by;
	} CASES[] = {{NULL, "symbol"}, {SYMBOL, "section"}, {BOTH, "scan"}, {ALL, "scan"},
		{BARE, "scan"}};
	const struct python_here *here;
	char path[128], command[256], micro[16];

	pythons_here(&here);
	if (!debian_is_static())
		return;
	make_folder();
	snprintf(micro, sizeof(micro), "3.%d.%d", here[0].minor, here[0].micro);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct python *p;

		snprintf(path, sizeof(path), "%s/app%zu", folder, i);
		copy_without(path, CASES[i].words);
		snprintf(command, sizeof(command), "strip %s 2>/dev/null", path);
		if (system(command)) /* no binutils: it is stripped as Debian has it */
			errno = 0;
		script_start(&script, path,
			"import termios, sys; print('ready'); sys.stdin.readline()", NULL);
		ck_assert_str_eq(script_line(&script), "ready");
		p = attach_ok(script.pid);
		ck_assert_str_eq(python_about(p)->found_by, CASES[i].found_by);
		ck_assert_str_eq(python_about(p)->version, micro);
		ck_assert_str_eq(python_about(p)->path, path);
		python_detach(p);
		script_end(&script);
	}
	remove_folder();
}
END_TEST

START_TEST(file_deleted_or_replaced)
{
	char path[128], other[128];
	struct python *p;

	make_folder();
	snprintf(path, sizeof(path), "%s/python3", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	for (int replaced = 0; replaced < 2; replaced++) {
		copy_without(path, NULL);
		script_start(&script, path, READY, NULL);
		ck_assert_str_eq(script_line(&script), "ready");
		if (replaced) {
			ck_assert(!file_write(other, "#!/bin/sh\n", 10, &err));
			ck_assert_int_eq(rename(other, path), 0);
		} else {
			ck_assert_int_eq(unlink(path), 0);
		}
		p = attach_ok(script.pid);
		ck_assert_str_eq(python_about(p)->version[0] ? "3." : "", "3.");
		python_detach(p);
		script_end(&script);
	}
	remove_folder();
}
END_TEST

/* In a namespace where this path is another file: it must be read as the process sees it. */
START_TEST(other_mount_namespace)
{
	char path[128], text[64];
	struct python *p;
	int ready[2];
	pid_t pid;

	make_folder();
	snprintf(path, sizeof(path), "%s/python3", folder);
	ck_assert_int_eq(pipe(ready), 0);
	pid = begin();
	if (!pid) {
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
			mount("none", folder, "tmpfs", 0, NULL))
			_exit(7);
		copy_without(path, NULL);
		dup2(ready[1], STDOUT_FILENO);
		execl(path, path, "-u", "-c", "print('ready'); import time; time.sleep(60)", NULL);
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], text, sizeof(text)) <= 0) {
		int status;

		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(WEXITSTATUS(status), 7); /* not permitted here */
	} else {
		ck_assert_int_ne(access(path, F_OK), 0);
		p = attach_ok(pid);
		ck_assert_str_eq(python_about(p)->path, path);
		python_detach(p);
		end(pid);
	}
	close(ready[0]);
	remove_folder();
}
END_TEST

static pid_t child_of(pid_t pid)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

/* Its numbers of threads are others than ours. */
START_TEST(other_pid_namespace)
{
	static const char SOURCE[] =
		"import threading, time, os\n"
		"for i in range(3): threading.Thread(target=time.sleep, args=(60,)).start()\n"
		"os.write(1, b'%d\\n' % os.getpid()); time.sleep(60)";
	int ready[2];
	char text[64];
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p;
		uint64_t at, pthread, native = 0, threads = 0;
		pid_t outer, pid;

		ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
		outer = begin();
		if (!outer) {
			if (unshare(CLONE_NEWPID))
				_exit(7);
			pid = fork();
			if (!pid) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				dup2(ready[1], STDOUT_FILENO);
				execl(here[i].path, here[i].path, "-c", SOURCE, NULL);
			}
			waitpid(pid, NULL, 0);
			_exit(1);
		}
		close(ready[1]);
		if (read(ready[0], text, sizeof(text)) <= 0) {
			end(outer);
			close(ready[0]);
			return; /* not permitted here */
		}
		ck_assert_int_eq(strtol(text, NULL, 10), 1);
		pid = child_of(outer);
		ck_assert_int_gt(pid, 1);
		p = attach_ok(pid);
		ck_assert(python_read_word(
			p, p->about.runtime + p->layout.runtime_interpreters, &at));
		ck_assert(python_read_word(p, at + p->layout.interpreter.threads, &at));
		for (; at; threads++) {
			char path[64];
			pid_t tid;

			ck_assert(python_read_word(p, at + p->layout.thread.pthread, &pthread));
			if (p->layout.thread.native_id != NO_FIELD)
				ck_assert(python_read_word(
					p, at + p->layout.thread.native_id, &native));
			tid = python_tid(p, pthread, native);
			snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
			ck_assert_msg(tid > 0 && !access(path, F_OK), "%s: %s", here[i].path, path);
			ck_assert(python_read_word(p, at + p->layout.thread.next, &at));
		}
		ck_assert_uint_eq(threads, 4);
		python_detach(p);
		end(outer);
		close(ready[0]);
	}
}
END_TEST

/* This program loads a libpython and waits: a Python in another program, in which nothing runs. */
static void embed(const char *library, int ready)
{
	char home[256];
	void *lib;
	void (*initialize)(int);

	snprintf(home, sizeof(home), "%s", library);
	*strstr(home, "/lib/libpython") = '\0';
	setenv("PYTHONHOME", home, 1);
	lib = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
	if (!lib)
		_exit(7);
	*(void **)&initialize = dlsym(lib, "Py_InitializeEx");
	initialize(0);
	if (write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

START_TEST(within_another_program)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p;
		char library[256], c;
		int ready[2];
		pid_t pid;

		script_start(&script, here[i].path, READY, NULL);
		ck_assert_str_eq(script_line(&script), "ready");
		p = attach_ok(script.pid);
		snprintf(library, sizeof(library), "%s", python_about(p)->path);
		python_detach(p);
		script_end(&script);
		if (!strstr(library, "/lib/libpython"))
			continue;
		ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
		pid = begin();
		if (!pid)
			embed(library, ready[1]);
		close(ready[1]);
		ck_assert_int_eq(read(ready[0], &c, 1), 1);
		p = attach_ok(pid);
		ck_assert_str_eq(python_about(p)->path, library);
		ck_assert_int_eq(python_about(p)->minor, here[i].minor);
		python_detach(p);
		end(pid);
		close(ready[0]);
	}
}
END_TEST

/* The C library's fork(), of which Python is not told (as uWSGI forks): the child's main thread
 * still has the parent's number in its state. */
static const char FORKS[] = "import ctypes, os, time\n"
			    "child = ctypes.PyDLL(None).fork()\n"
			    "if not child:\n"
			    "    ctypes.PyDLL(None).prctl(1, 9)\n"
			    "    time.sleep(100)\n"
			    "print(child, flush=True)\n"
			    "time.sleep(100)\n";

START_TEST(forked_behind_its_back)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		const struct python_sweep *sweep;
		struct python *p;
		pid_t child;

		script_start(&script, here[i].path, FORKS, NULL);
		child = (pid_t)strtol(script_line(&script), NULL, 10);
		p = attach_ok(child);
		ck_assert_int_eq(python_sweep_all(p, &sweep, &err), PYTHON_OK);
		ck_assert_uint_eq(sweep->n, 1);
		ck_assert_int_eq(sweep->threads[0]->tid, child);
		python_detach(p);
		script_end(&script);
	}
}
END_TEST

/* ---- none, or not to be read ---- */

START_TEST(no_python)
{
	char path[128], command[256], number[32];
	pid_t pid = begin();

	if (!pid) {
		execl("/bin/sleep", "sleep", "60", NULL);
		_exit(1);
	}
	while (!has_executed(pid))
		;
	is_refused(pid, PYTHON_NOT, "there is no CPython in it");
	end(pid);
	snprintf(number, sizeof(number), "no process %d", (int)pid);
	is_refused(pid, PYTHON_GONE, number); /* nobody else has its number so soon */
	is_refused(0, PYTHON_GONE, "no process 0");
	is_refused(-5, PYTHON_GONE, "no process -5");
	is_refused(INT32_MAX, PYTHON_GONE, "no process");

	/* A zombie: it waits for us. */
	pid = begin();
	if (!pid)
		_exit(0);
	for (siginfo_t info; waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);)
		ck_assert_int_eq(errno, EINTR);
	is_refused(pid, PYTHON_GONE, "has ended already");
	end(pid);

	/* Something that is called PyPy. */
	make_folder();
	snprintf(path, sizeof(path), "%s/pypy3", folder);
	snprintf(command, sizeof(command), "cp /bin/sleep %s", path);
	ck_assert_int_eq(system(command), 0);
	pid = begin();
	if (!pid) {
		execl(path, "pypy3", "60", NULL);
		_exit(1);
	}
	while (!has_executed(pid))
		;
	is_refused(pid, PYTHON_UNSUPPORTED, "PyPy");
	end(pid);
	remove_folder();
}
END_TEST

START_TEST(number_of_a_thread)
{
	const struct python_here *here;
	char number[32];
	long tid;

	pythons_here(&here);
	script_start(&script, here[0].path,
		"import threading, time\n"
		"t = threading.Thread(target=time.sleep, args=(60,)); t.start()\n"
		"print(t.native_id)",
		NULL);
	tid = strtol(script_line(&script), NULL, 10);
	snprintf(number, sizeof(number), "that of its process, %d", (int)script.pid);
	is_refused((pid_t)tid, PYTHON_NOT, number);
	script_end(&script);
}
END_TEST

START_TEST(too_old)
{
	static const char *const OLD[] = {"2.7.18", "3.6.15", "3.7.16"};
	const char *home = getenv("HOME");
	char path[4096], version[32];

	for (size_t i = 0; i < sizeof(OLD) / sizeof(OLD[0]); i++) {
		snprintf(path, sizeof(path), "%s/.pyenv/versions/%s/bin/python", home ? home : "",
			OLD[i]);
		if (access(path, X_OK))
			continue;
		script_start(&script, path,
			"import sys, os; os.write(1, b'ready\\n'); sys.stdin.readline()", NULL);
		ck_assert_str_eq(script_line(&script), "ready");
		snprintf(version, sizeof(version), "Python %s", OLD[i]);
		is_refused(script.pid, PYTHON_UNSUPPORTED, version);
		ck_assert_ptr_nonnull(strstr(err.text, "too old"));
		script_end(&script);
	}
}
END_TEST

START_TEST(no_file_for_us)
{
	/* The first bytes of a 32-bit program, and of none at all. */
	static const unsigned char ELF32[52] = {
		0x7f, 'E', 'L', 'F', 1, 1, 1, [16] = 2, [18] = 3, [20] = 1, [40] = 52};
	static const char *const SENTENCES[] = {"32-bit", "no ELF file"};
	struct elf_file *elf;
	char path[128];

	make_folder();
	snprintf(path, sizeof(path), "%s/file", folder);
	for (int i = 0; i < 2; i++) {
		ck_assert(!file_write(path, i ? (const void *)"#!/bin/sh\n" : ELF32,
			i ? 10 : sizeof(ELF32), &err));
		ck_assert_int_ne(elf_file_open(&elf, open(path, O_RDONLY), path, &err), 0);
		ck_assert_ptr_null(elf);
		ck_assert_ptr_nonnull(strstr(err.text, SENTENCES[i]));
	}
	remove_folder();
}
END_TEST

/* As another user: one may read one's own processes, and of others one is told whose they are. */
START_TEST(another_user)
{
	struct python *p;
	pid_t pid;
	int status;

	if (geteuid() != 0) {
		is_refused(1, PYTHON_DENIED, "user 0");
		return;
	}
	script_start(&script, DEBIAN, READY, NULL);
	ck_assert_str_eq(script_line(&script), "ready");
	pid = begin();
	if (!pid) {
		struct script own;
		enum python_why why;

		if (setgid(65534) || setuid(65534))
			_exit(2);
		why = python_attach(&p, script.pid, &err);
		if (why != PYTHON_DENIED || !strstr(err.text, "user 0") ||
			!strstr(err.text, "65534"))
			_exit(3);
		script_start(&own, DEBIAN, READY, NULL);
		script_line(&own);
		why = python_attach(&p, own.pid, &err);
		python_detach(p);
		script_end(&own);
		/* kernel.yama.ptrace_scope may leave that to parents. */
		_exit(why == PYTHON_OK || (why == PYTHON_DENIED && strstr(err.text, "yama")) ? 0
											     : 4);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%d", WEXITSTATUS(status));
	script_end(&script);
}
END_TEST

/* ---- another program, or none, while attached ---- */

START_TEST(executes_something_else)
{
	static const char SOURCE[] = "import os, sys\n"
				     "print('ready', flush=True); os.read(0, 10)\n"
				     "os.execv(sys.argv[1], sys.argv[1:])";
	const char *const arguments[] = {"/bin/sleep", "60", NULL};
	struct python *p;
	uint64_t late = clock_now_ns() + 20 * NS_PER_S;

	script_start(&script, DEBIAN, SOURCE, arguments);
	ck_assert_str_eq(script_line(&script), "ready");
	p = attach_ok(script.pid);
	ck_assert_int_eq(python_still(p, &err), PYTHON_OK);
	script_say(&script, "go");
	while (python_still(p, &err) == PYTHON_OK)
		ck_assert(clock_now_ns() < late);
	ck_assert_ptr_nonnull(strstr(err.text, "exec"));
	ck_assert(python_runs(p));
	python_detach(p);
	script_end(&script);
}
END_TEST

/* Killed at any moment of an attach: told, never a crash, never for long. */
START_TEST(killed_meanwhile)
{
	const struct python_here *here;
	struct rng rng;
	size_t seen[8] = {0}, n = pythons_here(&here);
	int rounds = getenv("CULPRIT_LONG") ? 2000 : getenv("CULPRIT_SANITIZED") ? 60 : 200;

	rng_seed(&rng, 3, 0);
	for (int i = 0; i < rounds; i++) {
		uint64_t after = rng_below(&rng, 15 * NS_PER_MS), late;
		enum python_why why;
		pid_t killer;
		struct python *p;

		script_start(&script, here[(size_t)i % n].path, READY, NULL);
		killer = begin();
		if (!killer) {
			clock_sleep_ns(after);
			kill(script.pid, SIGKILL);
			_exit(0);
		}
		late = clock_now_ns() + 20 * NS_PER_S;
		do {
			why = attach_to(script.pid, &p);
			seen[why]++;
			python_detach(p);
			ck_assert_msg(
				why != PYTHON_DENIED && why != PYTHON_UNSUPPORTED, "%s", err.text);
			ck_assert(clock_now_ns() < late);
		} while (why != PYTHON_GONE);
		waitpid(killer, NULL, 0);
		script_end(&script);
	}
	ck_assert_uint_eq(seen[PYTHON_GONE], (size_t)rounds);
	ck_assert_uint_gt(seen[PYTHON_STARTING], 0);
}
END_TEST

UNIT_MAIN("pyremote_find", from_its_first_moment, holder_of_the_lock, runtime_by_its_looks,
	without_symbols, file_deleted_or_replaced, other_mount_namespace, other_pid_namespace,
	within_another_program, forked_behind_its_back, no_python, number_of_a_thread, too_old,
	no_file_for_us, another_user, executes_something_else, killed_meanwhile)
