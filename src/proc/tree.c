#include "proc/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static unsigned long long next_number(const char **p)
{
	char *end;
	unsigned long long value = strtoull(*p, &end, 10);

	*p = end + (*end == ' ');
	return value;
}

static const char *skip_fields(const char *p, int n)
{
	while (n-- && *p) {
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	return p;
}

bool proc_stat_read(pid_t pid, struct proc_stat *out)
{
	char path[40], line[1024];
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return false;
	line[n] = '\0';
	/* the name may hold anything, so the fields are counted from its last parenthesis */
	p = strrchr(line, ')');
	if (!p || p[1] != ' ')
		return false;
	p += 2;
	*out = (struct proc_stat){.pid = pid, .state = *p};
	p = skip_fields(p, 1);
	out->parent = (pid_t)next_number(&p);
	p = skip_fields(p, 9);
	out->user = next_number(&p);
	out->system = next_number(&p);
	out->child_user = next_number(&p);
	out->child_system = next_number(&p);
	return true;
}

static size_t all_processes(struct proc_stat **out)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	size_t n = 0, cap = 0;

	*out = NULL;
	while (folder && (entry = readdir(folder))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		*out = mem_grow(*out, &cap, n + 1, sizeof(**out));
		n += proc_stat_read((pid_t)strtol(entry->d_name, NULL, 10), &(*out)[n]);
	}
	if (folder)
		closedir(folder);
	return n;
}

size_t tree_below(pid_t root, pid_t **out)
{
	struct proc_stat *all;
	size_t n_all = all_processes(&all), n = 0, cap = 0;

	*out = NULL;
	/* breadth first: the ones found are looked at in turn as parents */
	for (size_t at = 0; at <= n; at++) {
		pid_t parent = at ? (*out)[at - 1] : root;

		for (size_t i = 0; i < n_all; i++) {
			if (all[i].parent != parent || all[i].state == 'Z')
				continue;
			*out = mem_grow(*out, &cap, n + 1, sizeof(**out));
			(*out)[n++] = all[i].pid;
		}
	}
	free(all);
	return n;
}
