#include "proc/port.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { TABLE_MAX = 64 << 20, SOCKETS_MAX = 16, STATE_LISTEN = 0x0a };

/* Inodes of the listening sockets on this port, in /proc/net/tcp or tcp6. */
static size_t listening(const char *table, unsigned port, unsigned long long *inodes, size_t n)
{
	struct file_bytes file;
	const char *at, *end;

	if (file_open_bytes(table, TABLE_MAX, &file, NULL))
		return n;
	end = file.data + file.len;
	for (at = file.data; at < end && n < SOCKETS_MAX;) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		char line[256], *field[12] = {0}, *rest = line, *colon;
		size_t len = (size_t)((line_end ? line_end : end) - at);

		snprintf(line, sizeof(line), "%.*s", (int)(len < 255 ? len : 255), at);
		at += len + 1;
		for (int i = 0; i < 10; i++)
			field[i] = strtok_r(rest, " ", &rest);
		colon = field[9] && field[1] ? strrchr(field[1], ':') : NULL;
		if (colon && strtoul(colon + 1, NULL, 16) == port &&
			strtoul(field[3], NULL, 16) == STATE_LISTEN)
			inodes[n++] = strtoull(field[9], NULL, 10);
	}
	file_close_bytes(&file);
	return n;
}

static int holds(const char *pid, const unsigned long long *inodes, size_t n)
{
	char path[300], target[64], want[40];
	struct dirent *entry;
	DIR *folder;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	while (folder && !found && (entry = readdir(folder))) {
		ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		for (size_t i = 0; i < n && !found; i++) {
			snprintf(want, sizeof(want), "socket:[%llu]", inodes[i]);
			found = !strcmp(target, want);
		}
	}
	if (folder)
		closedir(folder);
	return found;
}

size_t port_holders(unsigned port, pid_t **out)
{
	unsigned long long inodes[SOCKETS_MAX];
	size_t n_inodes = listening("/proc/net/tcp", port, inodes, 0), n = 0, cap = 0;
	struct dirent *entry;
	DIR *folder;

	*out = NULL;
	n_inodes = listening("/proc/net/tcp6", port, inodes, n_inodes);
	if (!n_inodes)
		return 0;
	folder = opendir("/proc");
	while (folder && (entry = readdir(folder))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
			!holds(entry->d_name, inodes, n_inodes))
			continue;
		*out = mem_grow(*out, &cap, n + 1, sizeof(**out));
		(*out)[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	if (folder)
		closedir(folder);
	return n;
}

void port_holder_text(struct str *out, pid_t pid)
{
	char path[40], command[160];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, command, sizeof(command) - 1);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)command[i] < ' ')
			command[i] = ' ';
	while (n > 0 && command[n - 1] == ' ')
		n--;
	command[n > 0 ? n : 0] = '\0';
	str_addf(out, "pid %d", (int)pid);
	if (n > 0)
		str_addf(out, " (%s)", command);
}
