/*
 * What the parts of the recorder share. recorder.c: the thread and its clockwork; recorder_tree.c:
 * which processes belong to the tree, and where the counts of ended ones go; recorder_read.c: one
 * process's files; recorder_machine.c: the machine and the network; recorder_cgroup.c: a cgroup.
 *
 * A tick is cheap because little is read in it: of each process its CPU clock (0.2 to 0.5 µs); of
 * those that ran, 16 at most in turn, /proc/PID/stat through a descriptor that stays open (1 to
 * 3 µs). What is dearer is read in "deep" ticks only, ten times a second, again of so many in turn.
 * So the cost does not follow the size of the tree. The first and the last tick read everything.
 */
#ifndef CULPRIT_PROC_RECORDER_INTERNAL_H
#define CULPRIT_PROC_RECORDER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/arrivals.h"
#include "proc/recorder.h"

enum {
	RECORDER_PROCESSES = 65536, /* in a tree; those beyond are not looked at */
	RECORDER_THREADS = 65536,   /* of one process */
	RECORDER_TEXT = 4096,       /* of a file that is read as a whole */
	RECORDER_STATS = 16,        /* processes of which stat is read in a tick */
	RECORDER_DEAR = 16,         /* of which the dear files are read in a deep tick */
	RECORDER_SWITCHES = 32      /* threads of which status is read in a deep tick */
};

/* How much a tick reads: each more than the one before it. */
enum recorder_depth { TICK_USUAL, TICK_DEEP, TICK_WHOLE };

#define RECORDER_DEEP_NS UINT64_C(100000000)

/* Counts that only grow, and that a parent may inherit from children that ended. */
enum recorder_count {
	COUNT_CPU,
	COUNT_USER,
	COUNT_SYSTEM,
	COUNT_FAULTS,
	COUNT_VOLUNTARY,
	COUNT_INVOLUNTARY,
	COUNT_WAITED,
	COUNT_READ,
	COUNT_WRITTEN,
	N_COUNTS
};

/* A file that is read again and again; kept open while descriptors last. */
struct kept {
	int fd; /* −1: not open */
};

struct member_thread {
	pid_t tid;
	struct kept schedstat;
	bool seen, ran; /* ran: since status was read */
	double ran_ns, waited_s, voluntary, involuntary;
};

struct member {
	pid_t pid, parent, group, session;
	struct kept stat, io;
	char state;
	bool gone, stale; /* stale: stat must be read at once */
	/* ran since stat was read; since its threads' waits were; since the dear files were */
	bool unread, unread_waits, unread_dear;
	uint32_t refused; /* bit a series: could not be read the last time */
	uint64_t clock_ns;
	uint64_t start_ticks; /* tells it from another process that gets its number */
	size_t n_threads_now;
	double rss_bytes, pss_bytes, files;
	double own[N_COUNTS];
	double kids_read[N_COUNTS];  /* of ended children, as the kernel tells */
	double kids_known[N_COUNTS]; /* of the same, as seen before they ended: at least so much */
	double past_voluntary, past_involuntary, past_waited; /* of threads that ended */
	struct member_thread *threads;
	size_t n_threads, threads_cap;
};

/* What the reading needs to know. */
struct recorder_reader {
	bool deep_moves; /* processes or threads began since the last deep tick */
	bool pss;
	size_t switches_left; /* of RECORDER_SWITCHES in this tick */
	size_t fds_left;
	double tick_s, page_bytes;
	uint32_t denied; /* bit a series */
};

struct recorder_tree {
	struct recorder_reader reader;
	pid_t root, own;         /* own: of this process */
	bool exclude_root, self; /* self: the root is this process */
	struct member **items;   /* by pid */
	size_t n, cap;
	struct arrivals arrivals;
	size_t stat_turn, dear_turn; /* whose turn it is */
	double self_kids[N_COUNTS];  /* of this process's ended children when it began */
	double ended[N_COUNTS];      /* of ended members whose counts nobody inherited */
	double sum[N_COUNTS];        /* now, never less than before */
	bool begun;                  /* the root was taken in */
	bool seen; /* there was something below it, or it itself where it counts */
	size_t alive, threads;
};

/* recorder_read.c */
/* Reads the file from its start, NUL-terminated; its length, or −errno. `path` is used where it is
 * not open yet; it stays open while *fds_left lasts. */
ssize_t kept_read(struct kept *k, const char *path, size_t *fds_left, char *out, size_t size);
void kept_close(struct kept *k, size_t *fds_left);
uint64_t scan_count(const char **p); /* the next decimal number in the text, 0 at its end */
/* The CPU clock of a process; false where there is none of that number. */
bool member_clock(pid_t pid, uint64_t *ns);
/* stat; false: it is gone. */
bool member_read_stat(struct recorder_reader *r, struct member *m);
/* What its threads waited for a core. */
void member_read_waits(struct recorder_reader *r, struct member *m);
/* Disk, files, switches, proportional memory. */
void member_read_dear(struct recorder_reader *r, struct member *m);
void member_free(struct recorder_reader *r, struct member *m);

/* recorder_tree.c */
int recorder_tree_init(struct recorder_tree *t, const struct recorder_spec *spec, struct err *err);
void recorder_tree_read(struct recorder_tree *t, uint64_t now_ns, enum recorder_depth depth);
void recorder_tree_values(const struct recorder_tree *t, bool deep, double *values);
bool recorder_tree_ended(const struct recorder_tree *t);
void recorder_tree_release(struct recorder_tree *t);

/* recorder_machine.c: in deep ticks only */
struct recorder_machine {
	struct kept stat, pressure, net;
	char net_path[64];
	size_t fds_left; /* for these three */
};
/* `pid`: of whose network namespace. */
void recorder_machine_init(struct recorder_machine *m, pid_t pid);
/* `own_s`: CPU of what is recorded. */
void recorder_machine_read(struct recorder_machine *m, double own_s, double *values);
void recorder_machine_release(struct recorder_machine *m);

/* recorder_cgroup.c */
struct recorder_cgroup;
int recorder_cgroup_open(struct recorder_cgroup **out, const char *path, struct err *err);
pid_t recorder_cgroup_process(const struct recorder_cgroup *c); /* one of them, or 0 */
/* False: it is not there any more, or had processes and has none now (looked at in deep ticks). */
bool recorder_cgroup_read(struct recorder_cgroup *c, bool deep, double *values);
void recorder_cgroup_close(struct recorder_cgroup *c);

#endif
