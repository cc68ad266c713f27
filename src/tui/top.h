/*
 * The live view of a profile, in a terminal (ncursesw): functions, lines, tree, threads. It draws
 * what it is given and says what a key asks for; time, sampling and the store are its caller's.
 */
#ifndef CULPRIT_TUI_TOP_H
#define CULPRIT_TUI_TOP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "profile/profile.h"

struct top_status {
	const char *what; /* "pid 1234 (gunicorn app:app)" */
	double seconds;   /* since the start */
	double rate_hz, own_cpu;
	uint64_t samples, rejected, late;
	size_t processes, threads, running;
	double gil_share;    /* of the time of the last second in which the lock was held */
	const char *message; /* a line for the person: "kept as run 7", "it has ended"; or "" */
};

enum top_wish { TOP_NOTHING, TOP_QUIT, TOP_KEEP /* freeze: into the store */, TOP_RESET };

struct top;

int top_open(
	struct top **out, struct err *err); /* takes the terminal over; ERR_USAGE: none there */
void top_close(struct top *t);              /* gives it back as it was; NULL is allowed */

/* Draws: `recent` is the last second, `all` since the start; the view shows one or the other. Waits
 * at most so long for keys, handles them (sort, filter, expand, pause …), draws again. */
enum top_wish top_turn(struct top *t, const struct profile *recent, const struct profile *all,
	const struct top_status *status, int wait_ms);

#endif
