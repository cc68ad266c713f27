/* Files as wholes. Every read has a ceiling; every write is whole or not there. */
#ifndef CULPRIT_BASE_FILE_H
#define CULPRIT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* A file's bytes: mapped where possible, read where not (pipes, "-" for standard input). `data` is
 * not NUL-terminated. */
struct file_bytes {
	const char *data;
	size_t len;
	bool mapped;
};

/* max_bytes is a ceiling: a larger file is an error. */
int file_open_bytes(const char *path, size_t max_bytes, struct file_bytes *out, struct err *err);
void file_close_bytes(struct file_bytes *file);

/* Writes beside `path`, then renames over it: a reader sees the old file or the new one. A symbolic
 * link to a file stays one; what is no regular file (/dev/stdout, a pipe) is written as it is. */
int file_write(const char *path, const void *data, size_t len, struct err *err);

/* All of it to an open file, whatever a single write() takes. −1: errno says why. */
int file_write_all(int fd, const void *data, size_t len);

/* Whether file_write() can begin, for whoever would else find out after an hour: writes nothing.
 * NULL: nothing is to be written. */
int file_check_write(const char *path, struct err *err);

/* Makes the folder and those above it. */
int file_make_folder(const char *path, struct err *err);

/* Makes the folder that `path` lies in. */
int file_make_parent(const char *path, struct err *err);

bool file_exists(const char *path);

/* What a small file says, such as those of /proc and of a cgroup: at most size − 1 bytes in one
 * read, NUL-terminated. Their number; −1, and an empty text, where it cannot be read. */
ssize_t file_read_small(const char *path, char *out, size_t size);

#endif
