/*
 * A profile in other tools' formats. Writers never fail: they give text, or bytes. One reader:
 * collapsed stacks, so that profiles of other tools can be compared and drawn.
 *
 * collapsed   "process;thread;outer (file:line);inner (file:line) WEIGHT" a line (Brendan Gregg's);
 *             weights in microseconds, or samples
 * speedscope  https://www.speedscope.app/file-format-schema.json: one profile a thread, "sampled",
 * in the order of time where the profile has moments pprof       profile.proto of
 * https://github.com/google/pprof, gzipped; sample types wall, cpu, gil (nanoseconds) and samples
 * (count); threads and processes as labels callgrind
 * https://valgrind.org/docs/manual/cl-format.html: events of the clocks, lines, calls
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

enum profile_format {
#define X(name, word, ending, binary) PROFILE_FORMAT_##name,
	PROFILE_FORMATS(X)
#undef X
};
extern const char *const PROFILE_FORMAT_WORDS[]; /* ends with NULL */

/* `clock` is the weight where the format has one only (collapsed, speedscope). `name`: a title. */
void profile_write(struct str *out, const struct profile *p, enum profile_format format,
	enum profile_clock clock, const char *name);

/* Collapsed stacks of any tool: the last word of a line is its weight, taken as samples and, for
 * the other clocks, as microseconds. ERR_INPUT names the line. `text` need not end with NUL. */
int profile_read_collapsed(
	struct profile **out, const char *text, size_t len, const char *path, struct err *err);

#endif
