/*
 * Which processes begin on this machine, cheaply. The kernel hands numbers out in order and tells
 * the last one (1 µs), so while it stands still nothing began, and when it moved only the numbers
 * between are asked for (0.3 µs each). All of /proc is listed at the first look, where the numbers
 * began anew, where more were handed out than are worth asking for, and every ten seconds.
 *
 * A number is handed out a little before a process has it. So one that nobody has is asked for in
 * three looks, and counts as a process that was too short-lived to be seen where nobody ever has.
 *
 * What is done with a process is the owner's affair; only one thread may use it at a time.
 */
#ifndef CULPRIT_PROC_ARRIVALS_H
#define CULPRIT_PROC_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { ARRIVALS_MISSING = 512 };

enum arrival {
	ARRIVAL_KNOWN, /* it was taken in before */
	ARRIVAL_TAKEN, /* it is now */
	ARRIVAL_LEFT   /* it is not wanted, or there is no process of that number */
};

/* Asked for a number, of a process or of a thread, as often as it is come across. */
typedef enum arrival arrivals_consider(void *owner, pid_t pid);

struct arrivals {
	int fd; /* tells the last number; −1: not open */
	pid_t last;
	uint64_t next_list_ns;
	struct {
		pid_t pid;
		int looks;
	} missing[ARRIVALS_MISSING]; /* handed out, and not there (yet, or any more) */
	size_t n_missing;
	uint64_t short_lived; /* numbers that nobody ever had: a lower bound */
};

/* What begins after this is found by the looks. */
void arrivals_init(struct arrivals *a);
void arrivals_release(struct arrivals *a);

/* Asks `consider` for what began since the last look. Where all is listed, that is done until a
 * round takes nothing in, for who belongs to the owner may rest on who was taken in before. True
 * where anything may have begun. `now_ns` is of CLOCK_MONOTONIC. */
bool arrivals_look(struct arrivals *a, uint64_t now_ns, arrivals_consider *consider, void *owner);

#endif
