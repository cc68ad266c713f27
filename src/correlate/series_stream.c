/*
 * Files that are read in pieces, and the temporary ones: what comes through a pipe has to be read
 * twice, and columns that do not fit into memory lie in a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "correlate/series_csv_parts.h"

enum { PIECE = 1 << 20 };

static const char *const FOLDER = "/var/tmp";

int series_temp_file(int *out, const char *folder, uint64_t bytes, struct err *err)
{
	struct str path = STR_INIT;
	char need[NUM_TEXT];
	int fd, rc = 0;

	*out = -1;
	folder = folder ? folder : FOLDER;
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) { /* file systems that have no files without names */
		str_addf(&path, "%s/culprit-XXXXXX", folder);
		fd = mkostemp(path.p, O_CLOEXEC);
		if (fd >= 0)
			unlink(path.p);
	}
	str_release(&path);
	if (fd < 0)
		return err_errno(err, ERR_SYSTEM, errno,
			"no temporary file can be made in %s; set TMPDIR to a folder where one can",
			folder);
	/* now, for a write to a mapping without room behind it would be a signal */
	if (bytes)
		rc = posix_fallocate(fd, 0, (off_t)bytes);
	if (rc) {
		close(fd);
		return err_errno(err, ERR_SYSTEM, rc,
			"%s has no room for the %s of a temporary file; set TMPDIR to a folder on "
			"another disk",
			folder, num_bytes((double)bytes, need));
	}
	*out = fd;
	return 0;
}

/* All that comes from `from` into a temporary file, which takes its place. */
static int spool(struct csv_file *f, int from, const char *temp_folder, struct err *err)
{
	char *piece = mem_alloc(PIECE, 1);
	int rc = series_temp_file(&f->fd, temp_folder, 0, err);

	while (!rc) {
		ssize_t n = read(from, piece, PIECE);

		/* a signal too: whoever sends one does not want to wait for more */
		if (n < 0)
			rc = err_errno(err, ERR_INPUT, errno, "%s: cannot be read", f->name);
		if (n <= 0)
			break;
		if (file_write_all(f->fd, piece, (size_t)n))
			rc = err_errno(err, ERR_SYSTEM, errno,
				"%s: cannot be copied into a temporary file in %s", f->name,
				temp_folder ? temp_folder : FOLDER);
		f->size += (size_t)n;
	}
	free(piece);
	return rc;
}

int csv_file_open(struct csv_file *f, const char *path, const char *temp_folder, struct err *err)
{
	bool standard = !strcmp(path, "-");
	struct stat st;
	int fd, rc = 0;

	*f = (struct csv_file){.name = standard ? "standard input" : path, .fd = -1};
	fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		rc = err_errno(err, ERR_INPUT, errno, "%s", f->name);
	} else if (S_ISDIR(st.st_mode)) {
		rc = err_set(err, ERR_INPUT, "%s: is a folder, a file is needed", f->name);
	} else if (S_ISREG(st.st_mode) && (!standard || lseek(fd, 0, SEEK_CUR) == 0)) {
		f->fd = fd;
		f->size = (uint64_t)st.st_size;
		fd = -1;
		/* two readers at different places: what the kernel reads ahead should be much */
		posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	} else {
		rc = spool(f, fd, temp_folder, err);
	}
	if (fd >= 0)
		close(fd);
	if (rc)
		csv_file_close(f);
	return rc;
}

void csv_file_close(struct csv_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int csv_file_read(const struct csv_file *f, uint64_t at, char *to, size_t n, struct err *err)
{
	while (n) {
		ssize_t got = pread(f->fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_INPUT, errno, "%s: cannot be read", f->name);
		if (!got)
			return err_set(err, ERR_INPUT,
				"%s: was cut short while it was read; try it again", f->name);
		to += got;
		at += (size_t)got;
		n -= (size_t)got;
	}
	return 0;
}

size_t csv_file_line(const struct csv_file *f, uint64_t at)
{
	char *piece = mem_alloc(PIECE, 1);
	size_t line = 1;

	for (uint64_t from = 0; from < at; from += PIECE) {
		size_t n = at - from < PIECE ? (size_t)(at - from) : PIECE;
		const char *p = piece, *end = piece + n;

		if (csv_file_read(f, from, piece, n, NULL))
			break;
		while ((p = memchr(p, '\n', (size_t)(end - p)))) {
			line++;
			p++;
		}
	}
	free(piece);
	return line;
}
