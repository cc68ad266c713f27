#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int read_stream(
	int fd, const char *name, size_t max_bytes, struct file_bytes *out, struct err *err)
{
	struct str all = STR_INIT;
	ssize_t n;

	do {
		str_reserve(&all, 1 << 16);
		n = read(fd, all.p + all.len, 1 << 16);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n > 0)
			all.len += (size_t)n;
	} while (n > 0 && all.len <= max_bytes);
	if (n < 0 || all.len > max_bytes) {
		str_release(&all);
		return n < 0 ? err_errno(err, ERR_INPUT, errno, "%s: cannot be read", name)
			     : err_set(err, ERR_INPUT, "%s: larger than %zu bytes", name,
				       max_bytes);
	}
	out->len = all.len;
	out->data = str_take(&all);
	return 0;
}

int file_open_bytes(const char *path, size_t max_bytes, struct file_bytes *out, struct err *err)
{
	struct stat st;
	int fd = -1, rc = 0;

	*out = (struct file_bytes){0};
	if (!strcmp(path, "-"))
		return read_stream(STDIN_FILENO, "standard input", max_bytes, out, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_INPUT, errno, "%s", path);
	if (fstat(fd, &st)) {
		rc = err_errno(err, ERR_INPUT, errno, "%s", path);
	} else if (S_ISDIR(st.st_mode)) {
		rc = err_set(err, ERR_INPUT, "%s: is a folder, a file is needed", path);
	} else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		rc = read_stream(fd, path, max_bytes, out, err);
	} else if ((uint64_t)st.st_size > max_bytes) {
		rc = err_set(err, ERR_INPUT, "%s: has %lld bytes, more than the %zu that are read",
			path, (long long)st.st_size, max_bytes);
	} else {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (p == MAP_FAILED) {
			rc = read_stream(fd, path, max_bytes, out, err);
		} else {
			madvise(p, (size_t)st.st_size, MADV_SEQUENTIAL);
			*out = (struct file_bytes){p, (size_t)st.st_size, true};
		}
	}
	close(fd);
	return rc;
}

void file_close_bytes(struct file_bytes *file)
{
	if (file->mapped)
		munmap((void *)file->data, file->len);
	else
		free((void *)file->data);
	*file = (struct file_bytes){0};
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int cannot_write(const char *path, struct err *err)
{
	return err_errno(err, ERR_SYSTEM, errno, "%s: cannot be written", path);
}

/* Nothing can take the place of a device or a pipe. */
static int write_special(const char *path, const void *data, size_t len, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), failed = fd < 0 || file_write_all(fd, data, len);

	if (failed)
		cannot_write(path, err);
	if (fd >= 0)
		close(fd);
	return failed ? -(int)ERR_SYSTEM : 0;
}

int file_write(const char *path, const void *data, size_t len, struct err *err)
{
	struct str beside = STR_INIT;
	struct stat st;
	char *real;
	int fd, rc = 0;

	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return write_special(path, data, len, err);
	real = realpath(path, NULL); /* NULL: not there yet */
	str_addf(&beside, "%s.%ld.tmp", real ? real : path, (long)getpid());
	fd = open(beside.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = cannot_write(path, err);
		goto out;
	}
	if (file_write_all(fd, data, len))
		rc = cannot_write(path, err);
	if (close(fd) && !rc)
		rc = cannot_write(path, err);
	if (!rc && rename(beside.p, real ? real : path))
		rc = cannot_write(path, err);
	if (rc)
		unlink(beside.p);
out:
	free(real);
	str_release(&beside);
	return rc;
}

int file_check_write(const char *path, struct err *err)
{
	char *folder, *slash;
	struct stat st;
	bool there;
	int rc = 0;

	if (!path)
		return 0;
	folder = mem_strdup(path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	there = !stat(path, &st);
	errno = there && S_ISDIR(st.st_mode) ? EISDIR : 0;
	if (errno || (there && access(path, W_OK)) ||
		(!there && access(slash ? folder : ".", W_OK | X_OK)))
		rc = cannot_write(path, err);
	free(folder);
	return rc;
}

int file_make_folder(const char *path, struct err *err)
{
	char *copy = mem_strdup(path);
	int rc = 0;

	for (char *p = copy + 1; !rc; p++) {
		if (*p && *p != '/')
			continue;
		char kept = *p;

		*p = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			rc = err_errno(err, ERR_SYSTEM, errno, "%s: cannot make this folder", copy);
		*p = kept;
		if (!kept)
			break;
	}
	free(copy);
	return rc;
}

int file_make_parent(const char *path, struct err *err)
{
	char *copy = mem_strdup(path), *slash = strrchr(copy, '/');
	int rc = 0;

	if (slash && slash != copy) {
		*slash = '\0';
		rc = file_make_folder(copy, err);
	}
	free(copy);
	return rc;
}

bool file_exists(const char *path)
{
	return !access(path, F_OK);
}

ssize_t file_read_small(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		do
			n = read(fd, out, size - 1);
		while (n < 0 && errno == EINTR);
		close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	return n;
}
