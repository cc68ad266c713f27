/*
 * The live view of a profile, in a terminal (ncursesw): functions, lines, tree, threads. It draws
 * what it is given and says what a key asks for; time, sampling and the store are its caller's.
 *
 * One at a time in a process, and one thread at a time. ncurses catches SIGWINCH (the terminal's
 * size) and SIGTSTP (Ctrl-Z gives the terminal back until the program goes on) where nobody did
 * before, and SIGINT and SIGTERM only where they still have their default action; nothing else is
 * caught here.
 */
#ifndef CULPRIT_TUI_TOP_H
#define CULPRIT_TUI_TOP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "profile/profile.h"

struct top_status {
	const char *what; /* "pid 1234 (gunicorn app:app)" */
	double seconds;   /* since the start; moves when the profiles are new */
	double rate_hz, own_cpu;
	uint64_t samples, rejected, late;
	size_t processes, threads, running;
	/* Of the time since the last look; NaN: not known. */
	double cpu_share;    /* of a core, all threads that run or want to */
	double gil_share;    /* in which the interpreter lock was held, of one process */
	const char *message; /* a line for the person: "kept as run 7", "it has ended"; or "" */
};

enum top_wish { TOP_NOTHING, TOP_QUIT, TOP_KEEP /* freeze: into the store */, TOP_RESET };

struct top;

struct top_spec {
	bool colour;
	bool unicode;             /* works where LC_CTYPE is one of UTF-8, too */
	enum profile_clock clock; /* the first one */
};

/* 0 where there is a terminal that can show it; else what top_open() would say. */
int top_check(struct err *err);

/* Takes the terminal over. ERR_USAGE: there is none, or none that can. */
int top_open(struct top **out, const struct top_spec *spec, struct err *err);
void top_close(struct top *t); /* gives it back as it was; NULL is allowed */

/* Gives the terminal back from within a signal handler, when the program is about to end in it.
 * Does nothing where no view is open. */
void top_rescue(void);

/* Draws: `recent` is the last seconds, `all` since the start; the view shows one or the other.
 * Waits at most so long for keys, handles them (sort, filter, expand, pause …), draws again. */
enum top_wish top_turn(struct top *t, const struct profile *recent, const struct profile *all,
	const struct top_status *status, int wait_ms);

#endif
