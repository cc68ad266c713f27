#include "proc/tree.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

/* The precise clock of a process where it can be had; /proc counts in ticks of 10 ms. */
static double precise_cpu_s(pid_t pid, double ticks_s)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
		return ticks_s;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool process_read(pid_t pid, struct process *out)
{
	/* fields after the name, counted as proc(5) does */
	enum { PARENT = 4, GROUP, SESSION, UTIME = 14, STIME, CUTIME, CSTIME, START = 22 };
	char path[40], text[1024], *p;
	unsigned long long field[START + 1] = {0};
	double tick = (double)sysconf(_SC_CLK_TCK);

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read_small(path, text, sizeof(text)) <= 0)
		return false;
	p = strrchr(text, ')'); /* the name may hold anything */
	if (!p || !p[1] || !p[2])
		return false;
	*out = (struct process){.pid = pid, .state = p[2]};
	p += 3;
	for (int i = PARENT; i <= START; i++)
		field[i] = strtoull(p, &p, 10);
	out->parent = (pid_t)field[PARENT];
	out->group = (pid_t)field[GROUP];
	out->session = (pid_t)field[SESSION];
	out->start_ticks = field[START];
	out->cpu_s = (double)(field[UTIME] + field[STIME]) / tick;
	out->children_cpu_s = (double)(field[CUTIME] + field[CSTIME]) / tick;
	return true;
}

bool process_lives(pid_t pid, struct process *out)
{
	return process_read(pid, out) && out->state != 'Z' && out->state != 'X';
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static void read_all(struct process_tree *all)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		struct process p;

		if (!is_number(entry->d_name) ||
			!process_read((pid_t)strtol(entry->d_name, NULL, 10), &p))
			continue;
		all->items = mem_grow(all->items, &all->cap, all->n + 1, sizeof(*all->items));
		all->items[all->n++] = p;
	}
	if (folder)
		closedir(folder);
}

static void take(struct process_tree *t, const struct process *p)
{
	t->items = mem_grow(t->items, &t->cap, t->n + 1, sizeof(*t->items));
	t->items[t->n] = *p;
	t->items[t->n++].cpu_s = precise_cpu_s(p->pid, p->cpu_s);
}

void process_tree_read(struct process_tree *t, pid_t root)
{
	struct process_tree all = {0};

	t->n = 0;
	read_all(&all);
	for (size_t i = 0; i < all.n; i++)
		if (all.items[i].pid == root)
			take(t, &all.items[i]);
	for (size_t done = 0; done < t->n; done++)
		for (size_t i = 0; i < all.n; i++)
			if (all.items[i].parent == t->items[done].pid)
				take(t, &all.items[i]);
	process_tree_release(&all);
}

void process_tree_release(struct process_tree *t)
{
	free(t->items);
	*t = (struct process_tree){0};
}

char *process_command(pid_t pid, char *out, size_t size)
{
	char path[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	n = file_read_small(path, out, size);
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)out[i] < ' ')
			out[i] = ' ';
	while (n > 0 && out[n - 1] == ' ')
		out[--n] = '\0';
	if (n > 0)
		return out;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	n = size > 3 ? file_read_small(path, out + 1, size - 2) : -1;
	if (n <= 0) {
		snprintf(out, size, "?");
		return out;
	}
	out[0] = '[';
	n -= out[n] == '\n';
	out[n + 1] = ']';
	out[n + 2] = '\0';
	return out;
}
