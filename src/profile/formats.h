/*
 * A profile in other tools' formats. Writers never fail: they give text, or bytes. One reader:
 * collapsed stacks, so that profiles of other tools can be compared and drawn.
 *
 * - collapsed: "process;thread;outer (file:line);inner (file:line) WEIGHT" a line (Brendan Gregg's
 *   flame graphs); weights in microseconds, or samples. ";" in a name becomes ",".
 * - speedscope: https://www.speedscope.app/file-format-schema.json. One profile a thread, of type
 *   "sampled"; by the wall clock in the order of time where the profile has moments (stretches
 *   without any are samples without frames).
 * - pprof: profile.proto of https://github.com/google/pprof, gzipped; sample types samples (count),
 *   wall, cpu, gil (nanoseconds); processes, threads and tasks as labels.
 * - callgrind: https://valgrind.org/docs/manual/cl-format.html; the four clocks as events, lines,
 *   calls. Processes, threads and tasks are functions. What a call took is written so that a
 *   function's own time and its calls add up to its total, each stack once, recursion or not: a
 *   stack counts on the outermost call from one function to another, and on none where that
 *   function is innermost as well. Calls are counted as stacks seen in them.
 *
 * Every format has the whole weight of the profile, to the nanosecond (collapsed: the microsecond).
 * Of a stack deeper than FORMAT_MAX_DEPTH, collapsed, speedscope and pprof leave the middle out.
 */
#ifndef CULPRIT_PROFILE_FORMATS_H
#define CULPRIT_PROFILE_FORMATS_H

#include "profile/profile.h"

/* word of --format and of export; file name ending; true: binary */
#define PROFILE_FORMATS(X)                                                                         \
	X(COLLAPSED, "collapsed", "collapsed", false)                                              \
	X(SPEEDSCOPE, "speedscope", "speedscope.json", false)                                      \
	X(PPROF, "pprof", "pb.gz", true)                                                           \
	X(CALLGRIND, "callgrind", "callgrind", false)

enum { FORMAT_MAX_DEPTH = 1000 };

enum profile_format {
#define X(name, word, ending, binary) PROFILE_FORMAT_##name,
	PROFILE_FORMATS(X)
#undef X
};
extern const char *const PROFILE_FORMAT_WORDS[]; /* ends with NULL */

/* `clock` is the weight where the format has one only (collapsed, speedscope). `name`: a title. */
void profile_write(struct str *out, const struct profile *p, enum profile_format format,
	enum profile_clock clock, const char *name);

enum { COLLAPSED_MAX_LINE_BYTES = 4 << 20, COLLAPSED_MAX_DEPTH = 20000 };

/* Collapsed stacks of any tool (culprit, austin, py-spy's raw, perf's stackcollapse): the last word
 * of a line is its weight, taken as samples and, for the other clocks, as microseconds. Lines that
 * begin with "#" are comments. ERR_INPUT names the line. `text` need not end with NUL. */
int profile_read_collapsed(
	struct profile **out, const char *text, size_t len, const char *path, struct err *err);

#endif
