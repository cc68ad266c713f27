#include "proc/arrivals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LIST_EVERY_NS (10 * NS_PER_S)

enum {
	LOOKS = 3,      /* in which a missing one is asked for */
	ASK_MOST = 2000 /* numbers that are asked for one by one; beyond, /proc is listed */
};

/* The first one needs CONFIG_CHECKPOINT_RESTORE; the second one may be made up by lxcfs. */
static void open_source(struct arrivals *a)
{
	a->fd = open("/proc/sys/kernel/ns_last_pid", O_RDONLY | O_CLOEXEC);
	if (a->fd < 0)
		a->fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
}

/* The number that was handed out last: all of "11206", or the end of "0.20 0.18 0.12 1/80 11206".
 * 0: not told. */
static pid_t last_number(struct arrivals *a)
{
	char text[128];
	const char *space;
	ssize_t n;

	if (a->fd < 0)
		open_source(a);
	n = a->fd < 0 ? -1 : pread(a->fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	space = strrchr(text, ' ');
	return (pid_t)strtol(space ? space + 1 : text, NULL, 10);
}

void arrivals_init(struct arrivals *a)
{
	*a = (struct arrivals){.fd = -1};
	a->last = last_number(a);
}

void arrivals_release(struct arrivals *a)
{
	if (a->fd >= 0)
		close(a->fd);
	*a = (struct arrivals){.fd = -1};
}

static void list_all(arrivals_consider *consider, void *owner)
{
	struct dirent *entry;
	bool again = true;
	DIR *folder;

	while (again) {
		again = false;
		folder = opendir("/proc");
		while (folder && (entry = readdir(folder)))
			if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
				again |= consider(owner, (pid_t)strtol(entry->d_name, NULL, 10)) ==
					 ARRIVAL_TAKEN;
		if (folder)
			closedir(folder);
	}
}

/* True where there is nothing of that number: no process, and no thread, which takes a signal. */
static bool is_missing(pid_t pid, arrivals_consider *consider, void *owner)
{
	return consider(owner, pid) == ARRIVAL_LEFT && kill(pid, 0) && errno == ESRCH;
}

static void ask_again(struct arrivals *a, arrivals_consider *consider, void *owner)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->n_missing; i++) {
		if (!is_missing(a->missing[i].pid, consider, owner))
			continue;
		if (++a->missing[i].looks < LOOKS)
			a->missing[kept++] = a->missing[i];
		else
			a->short_lived++;
	}
	a->n_missing = kept;
}

static void ask(struct arrivals *a, pid_t pid, arrivals_consider *consider, void *owner)
{
	if (!is_missing(pid, consider, owner))
		return;
	if (a->n_missing < ARRIVALS_MISSING) {
		a->missing[a->n_missing].pid = pid;
		a->missing[a->n_missing++].looks = 1;
	} else {
		a->short_lived++;
	}
}

bool arrivals_look(struct arrivals *a, uint64_t now_ns, arrivals_consider *consider, void *owner)
{
	pid_t last = last_number(a), before = a->last;
	bool too_many = last - before > ASK_MOST;

	ask_again(a, consider, owner);
	a->last = last;
	if (last == before && now_ns < a->next_list_ns)
		return false;
	if (last < before || too_many || now_ns >= a->next_list_ns) {
		a->next_list_ns = now_ns + LIST_EVERY_NS;
		list_all(consider, owner);
	}
	for (pid_t pid = before + 1; pid <= last && !too_many; pid++)
		ask(a, pid, consider, owner);
	return true;
}
