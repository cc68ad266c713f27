#include "proc/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

/* A machine with thousands of containers has a mountinfo of about a megabyte. */
enum { MAX_TEXT = 8 << 20 };

struct slice {
	const char *p;
	size_t n;
};

/* The text up to `end_of` or the end, and goes past it. */
static struct slice cut(struct slice *rest, char end_of)
{
	const char *end = memchr(rest->p, end_of, rest->n);
	struct slice s = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
	size_t past = end ? s.n + 1 : s.n;

	rest->p += past;
	rest->n -= past;
	return s;
}

static bool is(struct slice s, const char *text)
{
	return s.n == strlen(text) && !memcmp(s.p, text, s.n);
}

static bool has_word(struct slice list, const char *word, char separator)
{
	while (list.n)
		if (is(cut(&list, separator), word))
			return true;
	return false;
}

bool cgroup_lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, " ,\n")) {
		p += strspn(p, " ,\n");
		if (strcspn(p, " ,\n") == len && !memcmp(p, word, len))
			return true;
	}
	return false;
}

/* Space, tab, newline and backslash stand as \ooo. False where it does not fit. */
static bool unescape(struct slice s, char out[CGROUP_PATH])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && s.n - i > 3 && strspn(s.p + i + 1, "01234567") >= 3) {
			c = (char)((s.p[i + 1] - '0') << 6 | (s.p[i + 2] - '0') << 3 |
				   (s.p[i + 3] - '0'));
			i += 3;
		}
		if (n + 1 >= CGROUP_PATH)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

/* A line of mountinfo: id parent device root point options [optional …] - type source super. */
struct mount {
	struct slice root, point, type, super;
};

static bool read_mount(struct slice line, struct mount *out)
{
	struct slice word;

	for (int i = 0; i < 3; i++)
		cut(&line, ' ');
	out->root = cut(&line, ' ');
	out->point = cut(&line, ' ');
	do
		word = cut(&line, ' ');
	while (line.n && !is(word, "-"));
	out->type = cut(&line, ' ');
	cut(&line, ' ');
	out->super = cut(&line, ' ');
	return out->root.n && out->point.n && out->super.n;
}

/* The path of the group in a hierarchy: "4:cpu,cpuacct:/path"; controller NULL: "0::/path". */
static bool find_path(const char *cgroup, const char *controller, struct slice *out)
{
	struct slice rest = {cgroup, strlen(cgroup)};

	while (rest.n) {
		struct slice line = cut(&rest, '\n'), id = cut(&line, ':'), list = cut(&line, ':');

		if (controller ? has_word(list, controller, ',') : is(id, "0") && !list.n) {
			*out = line;
			return line.n && line.p[0] == '/';
		}
	}
	return false;
}

/* What is left of a path below a mount's root; false where it is not below it. */
static bool below(const char *path, const char *root, const char **out)
{
	size_t n = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(path, root, n) != 0 || (path[n] && path[n] != '/'))
		return false;
	*out = strcmp(path + n, "/") ? path + n : "";
	/* "/../x": above the root of culprit's cgroup namespace, and so in no folder here */
	return !str_starts(*out, "/..");
}

static int find_folder(struct cgroup_place *out, const char *mountinfo, const char *controller,
	struct slice path, struct err *err)
{
	struct slice rest = {mountinfo, strlen(mountinfo)};
	char own[CGROUP_PATH], root[CGROUP_PATH], point[CGROUP_PATH];
	bool found = false, mounted = false;

	if (path.n >= sizeof(own))
		return err_set(err, ERR_SYSTEM,
			"the name of the group that culprit is in is too long (%zu bytes): start "
			"it in another one",
			path.n);
	memcpy(own, path.p, path.n);
	own[path.n] = '\0';
	while (rest.n) {
		struct slice line = cut(&rest, '\n');
		const char *left;
		struct mount m;
		int n;

		if (!read_mount(line, &m) || !is(m.type, controller ? "cgroup" : "cgroup2") ||
			(controller && !has_word(m.super, controller, ',')) ||
			!unescape(m.root, root) || !unescape(m.point, point))
			continue;
		mounted = true;
		/* at one point the last that is mounted lies over those before; a copy elsewhere
		 * (of a chroot being built) may go again */
		if (!below(own, root, &left) ||
			(found && (strlen(point) != out->mount_len ||
					  strncmp(point, out->folder, out->mount_len) != 0)))
			continue;
		n = snprintf(out->folder, sizeof(out->folder), "%s%s", point, left);
		if (n > 0 && (size_t)n < sizeof(out->folder)) {
			found = true;
			out->mount_len = strlen(point);
		}
	}
	out->v2 = !controller;
	if (found)
		return 0;
	if (mounted)
		return err_set(err, ERR_SYSTEM,
			"the group that culprit is in (%s) is not below what is mounted of the "
			"cgroup file system, as in a container that was given another one's: start "
			"the container with a cgroup namespace of its own (docker: "
			"--cgroupns=private), or culprit outside",
			own);
	return err_set(err, ERR_SYSTEM,
		"no cgroup file system%s%s is mounted, so nothing can be limited or counted by "
		"group: mount it as root (mount -t %s none FOLDER), or use pinning, which needs "
		"none",
		controller ? " with the controller " : "", controller ? controller : "",
		controller ? "cgroup -o CONTROLLER" : "cgroup2");
}

int cgroup_find(struct cgroup_place *out, const char *mountinfo, const char *cgroup,
	const char *controller, struct err *err)
{
	struct slice path;

	*out = (struct cgroup_place){0};
	if (controller && find_path(cgroup, controller, &path))
		return find_folder(out, mountinfo, controller, path, err);
	if (find_path(cgroup, NULL, &path))
		return find_folder(out, mountinfo, NULL, path, err);
	return err_set(err, ERR_SYSTEM,
		"this kernel has no control groups%s%s (/proc/self/cgroup does not name any): they "
		"are needed for limits and for counting by group; pinning needs none",
		controller ? " for " : "", controller ? controller : "");
}

static int read_text(const char *path, struct str *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	ssize_t n = 1;

	while (fd >= 0 && n && out->len < MAX_TEXT) {
		str_reserve(out, 65536);
		n = read(fd, out->p + out->len, 65535);
		if (n > 0)
			out->len += (size_t)n;
		else if (n < 0 && errno != EINTR)
			break;
	}
	if (fd < 0 || n < 0)
		rc = err_errno(err, ERR_SYSTEM, errno, "%s cannot be read", path);
	else if (n)
		rc = err_set(err, ERR_SYSTEM, "%s is longer than %d bytes", path, MAX_TEXT);
	if (out->p)
		out->p[out->len] = '\0';
	if (fd >= 0)
		close(fd);
	return rc;
}

int cgroup_find_own(struct cgroup_place *out, const char *controller, struct err *err)
{
	struct str mountinfo = STR_INIT, cgroup = STR_INIT;
	int rc = read_text("/proc/self/mountinfo", &mountinfo, err);

	if (!rc)
		rc = read_text("/proc/self/cgroup", &cgroup, err);
	if (!rc)
		rc = cgroup_find(out, str_text(&mountinfo), str_text(&cgroup), controller, err);
	str_release(&mountinfo);
	str_release(&cgroup);
	return rc;
}

bool cgroup_read(const char *folder, const char *name, char *out, size_t size)
{
	char path[CGROUP_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return file_read_small(path, out, size) >= 0;
}

int cgroup_write(const char *folder, const char *name, const char *text)
{
	char path[CGROUP_PATH + 64];
	size_t len = strlen(text);
	ssize_t n;
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	rc = n < 0 ? errno : (size_t)n == len ? 0 : EIO;
	close(fd);
	return rc;
}
