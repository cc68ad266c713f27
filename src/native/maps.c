#include "native/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* vm.max_map_count is 65,530 by default, some raise it tenfold; a line is 80 bytes and a path. */
enum { MAPS_MAX_BYTES = 256 << 20, CAP_SYS_PTRACE_BIT = 19 };

/* ---- /proc/PID/maps ---- */

/* A file of /proc, whole; false with errno. */
static bool read_whole(const char *path, size_t max_bytes, struct str *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	ssize_t n;

	if (fd < 0)
		return false;
	do {
		str_reserve(out, 1 << 16);
		n = read(fd, out->p + out->len, 1 << 16);
		if (n > 0)
			out->len += (size_t)n;
	} while ((n > 0 && out->len < max_bytes) || (n < 0 && errno == EINTR));
	saved = errno;
	close(fd);
	str_add(out, "");
	out->p[out->len] = '\0';
	errno = n < 0 ? saved : EFBIG;
	return n == 0;
}

static uint64_t hex(char **p)
{
	char *end;
	uint64_t value = strtoull(*p, &end, 16);

	*p = end;
	return value;
}

/* Takes one character that must be there. */
static bool skip(char **p, char c)
{
	if (**p != c)
		return false;
	++*p;
	return true;
}

/* The kernel writes a newline within a path as \012. */
static void unescape(char *path)
{
	char *to = path;

	for (char *from = path; *from; from++)
		if (!strncmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 3;
		} else {
			*to++ = *from;
		}
	*to = '\0';
}

/* "55d0-55d8 r-xp 00001000 fe:00 1234    /usr/bin/x (deleted)" */
static bool parse_line(char *line, struct map *m)
{
	char *p = line;
	unsigned major_number;
	size_t len;

	*m = (struct map){.path = ""};
	m->start = hex(&p);
	if (!skip(&p, '-'))
		return false;
	m->end = hex(&p);
	if (!skip(&p, ' ') || strlen(p) < 5 || p[4] != ' ')
		return false;
	m->readable = p[0] == 'r';
	m->writable = p[1] == 'w';
	m->executable = p[2] == 'x';
	p += 5;
	m->offset = hex(&p);
	if (!skip(&p, ' '))
		return false;
	major_number = (unsigned)hex(&p);
	if (!skip(&p, ':'))
		return false;
	m->device = makedev(major_number, (unsigned)hex(&p));
	if (!skip(&p, ' '))
		return false;
	m->inode = strtoull(p, &p, 10);
	if (!m->inode)
		m->device = 0;
	p += strspn(p, " ");
	len = strlen(p);
	if (len > 10 && !strcmp(p + len - 10, " (deleted)")) {
		p[len - 10] = '\0';
		m->deleted = true;
	}
	unescape(p);
	m->path = p;
	return m->start < m->end;
}

int maps_read(struct maps *m, pid_t pid, struct err *err)
{
	char path[64];
	struct str text = STR_INIT;
	char *next;

	*m = (struct maps){0};
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	if (!read_whole(path, MAPS_MAX_BYTES, &text)) {
		int why = errno;

		str_release(&text);
		if (why == EACCES || why == EPERM)
			return remote_denied(pid, err);
		if (why == ENOENT || why == ESRCH)
			return err_set(err, ERR_SERVICE,
				"there is no process %d (it has ended, or the number is wrong); "
				"`ps -e` lists those that run",
				(int)pid);
		return err_errno(err, ERR_SYSTEM, why, "%s cannot be read", path);
	}
	m->texts = str_take(&text);
	for (char *line = m->texts; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		m->items = mem_grow(m->items, &m->cap, m->n + 1, sizeof(*m->items));
		if (parse_line(line, &m->items[m->n]))
			m->n++;
	}
	return 0;
}

void maps_release(struct maps *m)
{
	free(m->items);
	free(m->texts);
	*m = (struct maps){0};
}

const struct map *maps_find(const struct maps *m, uint64_t address)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->items[mid].end <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->n && m->items[low].start <= address ? &m->items[low] : NULL;
}

/* ---- the files behind ---- */

/* The executable's file is had through /proc/PID/exe even where map_files needs more rights. */
static int open_if_same(const char *path, const struct map *map)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != map->inode) {
		close(fd);
		errno = ESTALE;
		return -1;
	}
	return fd;
}

int maps_open(pid_t pid, const struct map *map)
{
	char path[PATH_MAX + 64];
	int fd;

	if (!map->inode || map->path[0] != '/') {
		errno = ENOENT;
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
		map->start, map->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open_if_same(path, map);
	if (fd >= 0)
		return fd;
	if (map->deleted) {
		errno = ESTALE;
		return -1;
	}
	/* No comparison of inodes here: overlay file systems show others in maps than in stat. */
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, map->path);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* ---- no right ---- */

/* The numbers after "Name:" in /proc/PID/status, in base 10 or 16; the first of them. */
static bool status_number(const char *status, const char *name, int base, uint64_t *out)
{
	const char *p = strstr(status, name);

	if (!p || (p != status && p[-1] != '\n'))
		return false;
	*out = strtoull(p + strlen(name), NULL, base);
	return true;
}

static int ptrace_scope(void)
{
	struct str text = STR_INIT;
	int scope = 0;

	if (read_whole("/proc/sys/kernel/yama/ptrace_scope", 64, &text) && text.len)
		scope = text.p[0] - '0';
	str_release(&text);
	return scope;
}

static bool may_ptrace(void)
{
	struct str text = STR_INIT;
	uint64_t caps = 0;
	bool may = read_whole("/proc/self/status", 1 << 16, &text) &&
		   status_number(text.p, "CapEff:", 16, &caps) && (caps >> CAP_SYS_PTRACE_BIT & 1);

	str_release(&text);
	return may;
}

int remote_denied(pid_t pid, struct err *err)
{
	char path[64];
	struct str text = STR_INIT;
	uint64_t uid = 0;
	int scope = ptrace_scope();
	bool known, ours;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	known = read_whole(path, 1 << 16, &text) && status_number(text.p, "Uid:", 10, &uid);
	str_release(&text);
	ours = known && uid == geteuid();
	if (scope == 3)
		return err_set(err, ERR_SYSTEM,
			"process %d may not be read: kernel.yama.ptrace_scope is 3, which forbids "
			"it "
			"to everybody until the next boot",
			(int)pid);
	if (geteuid() == 0 && !may_ptrace())
		return err_set(err, ERR_SYSTEM,
			"process %d may not be read: root lacks CAP_SYS_PTRACE here, as in a "
			"container; start it with --cap-add SYS_PTRACE, or run culprit on the host",
			(int)pid);
	if (known && !ours && geteuid() != 0)
		return err_set(err, ERR_SYSTEM,
			"process %d may not be read: it belongs to user %" PRIu64
			", and culprit runs as %u; run culprit as that user, or as root (sudo)",
			(int)pid, uid, (unsigned)geteuid());
	if (scope > 0 && geteuid() != 0)
		return err_set(err, ERR_SYSTEM,
			"process %d may not be read: kernel.yama.ptrace_scope is %d; let culprit "
			"start "
			"the program itself (culprit profile -- …), run it as root, or allow it: "
			"sudo "
			"sysctl kernel.yama.ptrace_scope=0",
			(int)pid, scope);
	if (geteuid() != 0)
		return err_set(err, ERR_SYSTEM,
			"process %d may not be read: it has more rights than culprit (setuid, "
			"capabilities), or has made itself unreadable; run culprit as root (sudo)",
			(int)pid);
	return err_set(err, ERR_SYSTEM,
		"process %d may not be read, though culprit is root: a security module or another "
		"user namespace forbids it; run culprit on the host, unconfined",
		(int)pid);
}
