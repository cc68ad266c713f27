/*
 * The Pythons of this machine, and small scripts that they run for a test. Whatever happens to the
 * test, the scripts end with it.
 */
#ifndef CULPRIT_TESTS_PYTHONS_H
#define CULPRIT_TESTS_PYTHONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Debian's /usr/bin/python3 first, where it is there; then those of CULPRIT_PYTHONS (a colon list
 * of executables), else ~/.pyenv/versions/3.*; only 3.8 to 3.13, the minor versions rising. */
struct python_here {
	char path[4096];
	int minor, micro;
};
size_t pythons_here(const struct python_here **out);

struct script {
	pid_t pid;
	int out;    /* what it prints */
	int in;     /* what it reads */
	char *text; /* what it has printed, from the last line handed out on */
	size_t from, n, cap;
};

/* Runs `source` (python -c) with these arguments, which end with NULL; NULL: none. */
void script_start(
	struct script *s, const char *python, const char *source, const char *const *arguments);
/* The next line that it prints, without the newline, until the next call; fails the test when none
 * comes within 20 s. A script says "ready" so. */
const char *script_line(struct script *s);
/* It goes on: one line into its standard input. */
void script_say(struct script *s, const char *line);
/* Kills it and takes its status. */
void script_end(struct script *s);

#endif
