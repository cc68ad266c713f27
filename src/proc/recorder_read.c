/* One process's files, read as seldom and as cheaply as can be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/recorder_internal.h"

ssize_t kept_read(struct kept *k, const char *path, size_t *fds_left, char *out, size_t size)
{
	int fd = k->fd >= 0 ? k->fd : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = pread(fd, out, size - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	else
		out[n] = '\0';
	if (k->fd < 0 && *fds_left) {
		k->fd = fd;
		--*fds_left;
	} else if (k->fd < 0) {
		close(fd);
	}
	return n;
}

void kept_close(struct kept *k, size_t *fds_left)
{
	if (k->fd < 0)
		return;
	close(k->fd);
	k->fd = -1;
	++*fds_left;
}

uint64_t scan_count(const char **p)
{
	uint64_t value = 0;

	while (**p && (**p < '0' || **p > '9'))
		++*p;
	for (; **p >= '0' && **p <= '9'; ++*p)
		value = value * 10 + (uint64_t)(**p - '0');
	return value;
}

/* The number behind a name of /proc/PID/status and its like, or 0. */
static double count_behind(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? (double)scan_count(&p) : 0;
}

bool member_clock(pid_t pid, uint64_t *ns)
{
	/* what clock_getcpuclockid() makes of a pid, without the system call that it asks with;
	 * the kernel refuses numbers of threads that lead no process */
	clockid_t id = (clockid_t)(~(unsigned)pid << 3 | 2u);
	struct timespec t;

	if (clock_gettime(id, &t))
		return false;
	*ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	return true;
}

bool member_read_stat(struct recorder_reader *r, struct member *m)
{
	char path[40], text[RECORDER_TEXT];
	uint64_t field[25] = {0};
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)m->pid);
	if (kept_read(&m->stat, path, &r->fds_left, text, sizeof(text)) <= 0)
		return false;
	p = strrchr(text, ')'); /* the name may hold anything */
	if (!p || !p[1] || !p[2])
		return false;
	m->state = p[2];
	p += 3;
	for (int i = 4; i <= 24;
		i++) /* as proc(5) counts them; the signs that some have are lost */
		field[i] = scan_count(&p);
	if (m->start_ticks && m->start_ticks != field[22])
		return false;
	m->start_ticks = field[22];
	m->parent = (pid_t)field[4];
	m->group = (pid_t)field[5];
	m->session = (pid_t)field[6];
	m->n_threads_now = field[20];
	m->rss_bytes = (double)field[24] * r->page_bytes;
	m->own[COUNT_FAULTS] = fmax(m->own[COUNT_FAULTS], (double)field[12]);
	m->own[COUNT_USER] = fmax(m->own[COUNT_USER], (double)field[14] * r->tick_s);
	m->own[COUNT_SYSTEM] = fmax(m->own[COUNT_SYSTEM], (double)field[15] * r->tick_s);
	m->kids_read[COUNT_FAULTS] = (double)field[13];
	m->kids_read[COUNT_USER] = (double)field[16] * r->tick_s;
	m->kids_read[COUNT_SYSTEM] = (double)field[17] * r->tick_s;
	m->kids_read[COUNT_CPU] = m->kids_read[COUNT_USER] + m->kids_read[COUNT_SYSTEM];
	/* of a zombie the clock may be silent */
	if (!m->clock_ns)
		m->own[COUNT_CPU] =
			fmax(m->own[COUNT_CPU], m->own[COUNT_USER] + m->own[COUNT_SYSTEM]);
	m->stale = m->unread = false;
	return true;
}

/* A process that is about to end refuses too; so it counts where it did the last time as well. */
static void note_denied(struct recorder_reader *r, struct member *m, ssize_t rc, uint32_t series)
{
	if (rc != -EACCES && rc != -EPERM) {
		m->refused &= ~series;
		return;
	}
	r->denied |= m->refused & series;
	m->refused |= series;
}

/* Bytes from and to disks. The kernel adds those of children that were waited for. */
static void read_io(struct recorder_reader *r, struct member *m)
{
	char path[40], text[RECORDER_TEXT];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/io", (int)m->pid);
	n = kept_read(&m->io, path, &r->fds_left, text, sizeof(text));
	note_denied(r, m, n, 1u << RECORD_READ | 1u << RECORD_WRITTEN);
	if (n <= 0)
		return;
	m->own[COUNT_READ] = fmax(m->own[COUNT_READ], count_behind(text, "\nread_bytes:"));
	m->own[COUNT_WRITTEN] = fmax(m->own[COUNT_WRITTEN], count_behind(text, "\nwrite_bytes:"));
}

/* Since Linux 6.2 the folder's size is their number; before, they are counted. */
static void read_files(struct recorder_reader *r, struct member *m)
{
	char path[40];
	struct stat s;
	size_t n = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)m->pid);
	/* whoever may not list it may still stat it, and is told a number: so it is opened first
	 * where that is not settled */
	if (isnan(m->files) || stat(path, &s) || !s.st_size) {
		folder = opendir(path);
		if (!folder) {
			note_denied(r, m, -errno, 1u << RECORD_FILES);
			return;
		}
		while (readdir(folder))
			n++;
		closedir(folder);
		m->files = n > 2 ? (double)(n - 2) : 0;
		return;
	}
	m->files = (double)s.st_size;
}

static void read_pss(struct recorder_reader *r, struct member *m)
{
	char path[48], text[RECORDER_TEXT];
	struct kept once = {-1};
	size_t none = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)m->pid);
	n = kept_read(&once, path, &none, text, sizeof(text));
	note_denied(r, m, n, 1u << RECORD_PSS);
	if (n > 0)
		m->pss_bytes = count_behind(text, "\nPss:") * 1024;
}

/* ---- threads ---- */

static void thread_forget(struct recorder_reader *r, struct member *m, size_t i)
{
	struct member_thread *t = &m->threads[i];

	m->past_voluntary += t->voluntary;
	m->past_involuntary += t->involuntary;
	m->past_waited += t->waited_s;
	kept_close(&t->schedstat, &r->fds_left);
	*t = m->threads[--m->n_threads];
}

/* The thread of that number, or a new one; `at` walks along, for they come in the same order. */
static struct member_thread *thread_at(struct member *m, pid_t tid, size_t *at)
{
	for (size_t i = 0; i < m->n_threads; i++, ++*at) {
		*at = *at < m->n_threads ? *at : 0;
		if (m->threads[*at].tid == tid)
			return &m->threads[(*at)++];
	}
	if (m->n_threads == RECORDER_THREADS)
		return NULL;
	m->threads = mem_grow(m->threads, &m->threads_cap, m->n_threads + 1, sizeof(*m->threads));
	m->threads[m->n_threads] = (struct member_thread){.tid = tid, .schedstat = {-1}};
	return &m->threads[m->n_threads++];
}

static void list_threads(struct recorder_reader *r, struct member *m)
{
	char path[40];
	struct dirent *entry;
	size_t at = 0;
	DIR *folder;

	for (size_t i = 0; i < m->n_threads; i++)
		m->threads[i].seen = false;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)m->pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		struct member_thread *t;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		t = thread_at(m, (pid_t)strtol(entry->d_name, NULL, 10), &at);
		if (t)
			t->seen = true;
	}
	if (folder)
		closedir(folder);
	for (size_t i = m->n_threads; i-- > 0;)
		if (!m->threads[i].seen)
			thread_forget(r, m, i);
}

static void read_thread_wait(struct recorder_reader *r, struct member *m, struct member_thread *t)
{
	char path[64], text[RECORDER_TEXT];
	const char *p = text;
	double ran;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)m->pid, (int)t->tid);
	if (kept_read(&t->schedstat, path, &r->fds_left, text, sizeof(text)) <= 0) {
		t->ran = true; /* a kernel without them */
		return;
	}
	ran = (double)scan_count(&p);
	t->waited_s = (double)scan_count(&p) / 1e9;
	t->ran |= ran > t->ran_ns;
	t->ran_ns = ran;
}

void member_read_waits(struct recorder_reader *r, struct member *m)
{
	size_t at = 0;

	m->unread_waits = false;
	if (m->n_threads_now <= 1 && m->n_threads <= 1)
		thread_at(m, m->pid, &at);
	else if (m->n_threads != m->n_threads_now || r->deep_moves)
		list_threads(r, m);
	m->own[COUNT_WAITED] = m->past_waited;
	for (size_t i = 0; i < m->n_threads; i++) {
		read_thread_wait(r, m, &m->threads[i]);
		m->own[COUNT_WAITED] += m->threads[i].waited_s;
	}
}

/* Of threads that ran, so many in a tick; false: some are left for the next one. */
static bool read_switches(struct recorder_reader *r, struct member *m)
{
	char path[64], text[RECORDER_TEXT];
	size_t none = 0;
	bool all = true;

	m->own[COUNT_VOLUNTARY] = m->past_voluntary;
	m->own[COUNT_INVOLUNTARY] = m->past_involuntary;
	for (size_t i = 0; i < m->n_threads; i++) {
		struct member_thread *t = &m->threads[i];
		struct kept once = {-1};

		if (t->ran && r->switches_left) {
			r->switches_left--;
			t->ran = false;
			snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)m->pid,
				(int)t->tid);
			if (kept_read(&once, path, &none, text, sizeof(text)) > 0) {
				t->voluntary = count_behind(text, "\nvoluntary_ctxt_switches:");
				t->involuntary =
					count_behind(text, "\nnonvoluntary_ctxt_switches:");
			}
		}
		all &= !t->ran;
		m->own[COUNT_VOLUNTARY] += t->voluntary;
		m->own[COUNT_INVOLUNTARY] += t->involuntary;
	}
	return all;
}

void member_read_dear(struct recorder_reader *r, struct member *m)
{
	if (m->state == 'Z' && m->n_threads_now <= 1) {
		m->files = m->pss_bytes = 0;
		m->unread_dear = false;
		return;
	}
	read_io(r, m);
	read_files(r, m);
	m->unread_dear = !read_switches(r, m);
	if (r->pss)
		read_pss(r, m);
	m->unread_dear |= (m->refused & ~r->denied) != 0; /* once more, to be sure */
}

void member_free(struct recorder_reader *r, struct member *m)
{
	kept_close(&m->stat, &r->fds_left);
	kept_close(&m->io, &r->fds_left);
	for (size_t i = 0; i < m->n_threads; i++)
		kept_close(&m->threads[i].schedstat, &r->fds_left);
	free(m->threads);
	free(m);
}
