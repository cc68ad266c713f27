/*
 * Errors as values: a kind, which decides the exit code, and one sentence, complete enough to be
 * printed as it is. The sentence names the place (file, line, key, pid, URL) and the mend.
 *
 * A function that can fail takes `struct err *err` last and returns 0, or a negative `enum
 * err_kind`. The struct is a fixed buffer: failing allocates nothing, and a caller that does not
 * care may pass NULL.
 */
#ifndef CULPRIT_BASE_ERR_H
#define CULPRIT_BASE_ERR_H

#include <stdarg.h>

/* kind, exit code, what it stands for */
#define ERR_KINDS(X)                                                                               \
	X(USAGE, 2, "the command line or a file that steers culprit is wrong")                     \
	X(INPUT, 1, "data given to culprit cannot be used")                                        \
	X(SYSTEM, 1, "the operating system refused something")                                     \
	X(SERVICE, 1, "the service did not do what was needed")                                    \
	X(BUSY, 1, "somebody else holds what is needed")                                           \
	X(STORE, 1, "the store cannot be read or written")                                         \
	X(STOPPED, 1, "a person stopped it")                                                       \
	X(MISSED, 1, "a gate was missed")

enum err_kind {
	ERR_NONE,
#define X(name, code, text) ERR_##name,
	ERR_KINDS(X)
#undef X
};

struct err {
	enum err_kind kind;
	char text[2048];
};

/* Sets kind and sentence; returns -kind, so that `return err_set(err, …)` reads well. */
int err_set(struct err *err, enum err_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with ": <text of errnum>" after the sentence. */
int err_errno(struct err *err, enum err_kind kind, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "format: " before the sentence that is there; returns -err->kind. For naming a place that
 * only the caller knows. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The process exit code that a kind stands for: 0 for ERR_NONE. */
int err_exit_code(enum err_kind kind);

#endif
