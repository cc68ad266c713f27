/*
 * Where _PyRuntime lies: in the executable or in libpython, by its symbol, by its section
 * (from 3.11 on, for files without symbols), or by what it looks like. And which version it is, by
 * what the interpreter says itself (Py_Version, its offsets, the text behind sys.version), else by
 * a text in the file or the file's name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "native/elf_file.h"
#include "pyremote/find_internal.h"

enum { CHUNK_BYTES = 1 << 20, SCAN_MAX_BYTES = 64 << 20, MODULES_MAX = 512 };

/* One mapped file. */
struct module {
	const struct maps *maps;
	size_t first; /* its mapping of the file's beginning */
	const char *name;
	struct elf_file *elf;
	uint64_t bias;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- texts of a version ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "3.11.7", "3.13.0b2", with what ends it; sets the numbers. Returns the length, 0: it is none. */
static size_t scan_version(const char *p, size_t n, struct python_about *a)
{
	int numbers[3] = {0};
	size_t at = 0;

	for (int i = 0; i < 3; i++) {
		size_t from = at;

		while (at < n && is_digit(p[at]) && at - from < 3)
			numbers[i] = numbers[i] * 10 + (p[at++] - '0');
		if (at == from || (i < 2 && (at >= n || p[at++] != '.')))
			return 0;
	}
	if (numbers[0] != 2 && numbers[0] != 3)
		return 0;
	while (at < n && at < sizeof(a->version) - 1 &&
		(is_digit(p[at]) || (p[at] >= 'a' && p[at] <= 'z') || p[at] == '+'))
		at++;
	a->major = numbers[0];
	a->minor = numbers[1];
	a->micro = numbers[2];
	return at;
}

static void keep_version(
	struct python_about *to, struct python_about *from, const char *p, size_t n)
{
	to->major = from->major;
	to->minor = from->minor;
	to->micro = from->micro;
	snprintf(to->version, sizeof(to->version), "%.*s", (int)n, p);
}

/* The text behind sys.version: "3.8.18 (default, May …". */
static bool find_long_version(const char *p, size_t n, struct python_about *about)
{
	const char *at = p;

	while ((at = memmem(at, n - (size_t)(at - p), " (", 2))) {
		struct python_about a;

		for (size_t back = 5; back <= 12 && back <= (size_t)(at - p); back++)
			if ((back == (size_t)(at - p) || at[-(ssize_t)back - 1] == '\0') &&
				scan_version(at - back, back, &a) == back) {
				keep_version(about, &a, at - back, back);
				return true;
			}
		at += 2;
	}
	return false;
}

/* PY_VERSION, a text of its own, in constants; `minor` is which it must be, for other libraries
 * have versions too. */
static bool find_short_version(const char *p, size_t n, int minor, struct python_about *about)
{
	char wanted[16];
	size_t len = (size_t)snprintf(wanted, sizeof(wanted), "3.%d.", minor);
	const char *at = p;

	while ((at = memmem(at, n - (size_t)(at - p), wanted, len))) {
		size_t left = n - (size_t)(at - p), text;
		struct python_about a;

		text = scan_version(at, left, &a);
		/* Linkers put a text into the end of a longer one: ".../versions/3.10.13". */
		if (text && text < left && at[text] == '\0' &&
			(at == p || (at[-1] != '.' && !is_digit(at[-1])))) {
			keep_version(about, &a, at, text);
			return true;
		}
		at += len;
	}
	return false;
}

/* "libpython3.8.so.1.0", "python3.11"; -1: it does not say. */
static int minor_of_name(const char *path)
{
	const char *at = strstr(base_name(path), "python3.");
	int minor = 0;

	if (!at || !is_digit(at[8]))
		return -1;
	for (at += 8; is_digit(*at) && minor < 100; at++)
		minor = minor * 10 + (*at - '0');
	return minor;
}

/* By the name of an extension module, "_ssl.cpython-311-x86_64-linux-gnu.so": which Python it was
 * built for. */
static int minor_of_extension(const char *path)
{
	const char *at = strstr(base_name(path), ".cpython-3");
	int minor = 0;

	for (at = at ? at + 10 : ""; is_digit(*at) && minor < 100; at++)
		minor = minor * 10 + (*at - '0');
	return minor ? minor : -1;
}

/* ---- what is written in the process ---- */

/* Calls `look` for the module's data, .bss included, a piece at a time (of equal mappings only);
 * until it says that it has found something. */
static bool each_data(struct python *p, const struct module *m,
	bool (*look)(struct python *p, uint64_t address, const char *bytes, size_t n, void *with),
	void *with)
{
	const struct map *file = &m->maps->items[m->first];
	uint64_t last_end = 0, left = SCAN_MAX_BYTES;
	char *bytes = mem_alloc(CHUNK_BYTES, 1);
	bool found = false;

	for (size_t i = m->first; i < m->maps->n && !found; i++) {
		const struct map *map = &m->maps->items[i];
		bool ours = map->inode == file->inode && map->device == file->device && file->inode;

		/* What has no file and follows at once is its .bss. */
		if (!ours && !(map->start == last_end && !map->inode && !*map->path))
			continue;
		last_end = map->end;
		if (!map->writable || !map->readable)
			continue;
		for (uint64_t at = map->start; at < map->end && left && !found;) {
			size_t n = map->end - at < CHUNK_BYTES ? map->end - at : CHUNK_BYTES;

			if (remote_read(p->pid, at, bytes, n))
				found = look(p, at, bytes, n, with);
			at += n;
			left -= left < n ? left : n;
		}
	}
	free(bytes);
	return found;
}

static bool look_version(
	struct python *p, uint64_t address, const char *bytes, size_t n, void *with)
{
	(void)address;
	(void)with;
	return find_long_version(bytes, n, &p->about);
}

static bool version_of_hex(struct python_about *a, uint32_t hex)
{
	static const char *const LEVELS[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
	const char *level = LEVELS[hex >> 4 & 15];

	if (hex >> 24 != 3)
		return false;
	a->major = 3;
	a->minor = (int)(hex >> 16 & 255);
	a->micro = (int)(hex >> 8 & 255);
	if (level)
		snprintf(a->version, sizeof(a->version), "3.%d.%d%s%u", a->minor, a->micro, level,
			hex & 15);
	else
		snprintf(a->version, sizeof(a->version), "3.%d.%d", a->minor, a->micro);
	return true;
}

static bool find_version(struct python *p, const struct module *m)
{
	uint64_t value, size;
	size_t n;
	const char *constants;
	uint32_t hex;
	int minor = minor_of_name(m->name);

	if (elf_file_symbol(m->elf, "Py_Version", &value, &size) &&
		remote_read(p->pid, m->bias + value, &hex, sizeof(hex)) &&
		version_of_hex(&p->about, hex))
		return true;
	if (each_data(p, m, look_version, NULL))
		return true;
	constants = elf_file_bytes(m->elf, ".rodata", &n);
	if (constants && minor >= 0 && find_short_version(constants, n, minor, &p->about))
		return true;
	if (minor < 0)
		return false;
	p->about.major = 3;
	p->about.minor = minor;
	snprintf(p->about.version, sizeof(p->about.version), "3.%d", minor);
	return true;
}

/* ---- by what it looks like ---- */

/* An interpreter whose first thread points back to it. */
static bool is_interpreter(struct python *p, const struct layout *l, uint64_t address)
{
	uint64_t thread, back;

	return address && address % 8 == 0 &&
	       python_read_word(p, address + l->interpreter.threads, &thread) && thread &&
	       thread % 8 == 0 && python_read_word(p, thread + l->thread.interpreter, &back) &&
	       back == address;
}

/* The runtime has the list of interpreters, and beside its head the main one, which is its tail. */
static bool look_runtime(
	struct python *p, uint64_t address, const char *bytes, size_t n, void *with)
{
	const struct layout *l = with;

	for (size_t i = 0; i + 16 <= n; i += 8) {
		uint64_t head, main_one, next;

		if (!memcmp(bytes + i, "xdebugpy", 8) && i + 16 <= n) {
			p->about.runtime = address + i;
			return true;
		}
		memcpy(&head, bytes + i, 8);
		memcpy(&main_one, bytes + i + 8, 8);
		if (!l || !head || !main_one || address + i < l->runtime_interpreters ||
			!is_interpreter(p, l, head) || !is_interpreter(p, l, main_one) ||
			!python_read_word(p, main_one + l->interpreter.next, &next) || next)
			continue;
		p->about.runtime = address + i - l->runtime_interpreters;
		return true;
	}
	return false;
}

bool runtime_scan(struct python *p, const struct maps *maps, size_t first, int minor)
{
	struct module m = {.maps = maps, .first = first};

	return each_data(p, &m, look_runtime, (void *)layout_of(minor));
}

/* ---- one module ---- */

/* Symbols that every Python has, old ones as well. */
static bool is_python(const struct module *m)
{
	uint64_t value, size;

	return elf_file_symbol(m->elf, "PyEval_EvalFrameEx", &value, &size) ||
	       elf_file_symbol(m->elf, "Py_GetVersion", &value, &size) ||
	       !strncmp(base_name(m->name), "libpython", 9);
}

/* A small executable whose interpreter is a library that is not mapped yet. */
static bool waits_for_library(const struct module *m)
{
	return elf_file_wants(m->elf, "Py_BytesMain") || elf_file_wants(m->elf, "Py_Main") ||
	       elf_file_wants(m->elf, "Py_RunMain") || elf_file_wants(m->elf, "_Py_UnixMain");
}

static enum runtime_found look_module(struct python *p, const struct module *m)
{
	uint64_t value, size;
	bool python = is_python(m) || !strncmp(base_name(m->name), "python", 6);

	p->about.runtime = 0;
	if (elf_file_symbol(m->elf, "_PyRuntime", &value, &size)) {
		p->about.runtime = m->bias + value;
		p->about.found_by = "symbol";
	} else if (elf_file_section(m->elf, ".PyRuntime", &value, &size)) {
		p->about.runtime = m->bias + value;
		p->about.found_by = "section";
	} else if (!python || waits_for_library(m)) {
		return waits_for_library(m) ? RUNTIME_STARTING : RUNTIME_NONE;
	}
	if (!find_version(p, m))
		return p->about.runtime || is_python(m) ? RUNTIME_HIDDEN : RUNTIME_NONE;
	if (p->about.major < 3 || p->about.minor < 8)
		return RUNTIME_OLD;
	if (!p->about.runtime) {
		if (!runtime_scan(p, m->maps, m->first, p->about.minor))
			return RUNTIME_HIDDEN;
		p->about.found_by = "scan";
	}
	return RUNTIME_FOUND;
}

/* Opens the file of this mapping and looks. */
static enum runtime_found try_module(
	struct python *p, const struct maps *maps, size_t first, struct err *err)
{
	struct module m = {.maps = maps, .first = first, .name = maps->items[first].path};
	enum runtime_found found = RUNTIME_NONE;
	const struct map *map = &maps->items[first];
	int fd = maps_open(p->pid, map);

	if (fd < 0 && errno == ESTALE) {
		err_set(err, ERR_SYSTEM,
			"process %d: %s was replaced since it started, and only root may look at "
			"the old "
			"file; run culprit as root (sudo), or start the process anew",
			(int)p->pid, map->path);
		return RUNTIME_DENIED;
	}
	if (fd < 0) {
		err_errno(err, ERR_SYSTEM, errno, "process %d: its file %s cannot be opened",
			(int)p->pid, map->path);
		return RUNTIME_FILE;
	}
	if (elf_file_open(&m.elf, fd, map->path, err)) {
		err_prefix(err, "process %d: ", (int)p->pid);
		return RUNTIME_FILE;
	}
	if (elf_file_bias(m.elf, map->start, map->offset, &m.bias))
		found = look_module(p, &m);
	if (found != RUNTIME_NONE)
		snprintf(p->about.path, sizeof(p->about.path), "%s", map->path);
	elf_file_close(m.elf);
	return found;
}

/* ---- all of them ---- */

/* Beginnings of mapped files: what is not such is no module. */
static bool begins(const struct maps *maps, size_t i)
{
	const struct map *map = &maps->items[i];

	return map->inode && map->path[0] == '/' && map->offset == 0 &&
	       (i == 0 || maps->items[i - 1].inode != map->inode ||
		       strcmp(maps->items[i - 1].path, map->path) != 0);
}

/* An executable without any symbol that has loaded extension modules: the Python is in it. */
static enum runtime_found find_bare(
	struct python *p, const struct maps *maps, const char *exe, int minor)
{
	struct module m = {.maps = maps, .name = exe};

	while (m.first < maps->n &&
		(!begins(maps, m.first) || strcmp(maps->items[m.first].path, exe) != 0))
		m.first++;
	if (m.first == maps->n)
		return RUNTIME_NONE;
	snprintf(p->about.path, sizeof(p->about.path), "%s", exe);
	if (!each_data(p, &m, look_version, NULL)) {
		p->about.major = 3;
		p->about.minor = minor;
		snprintf(p->about.version, sizeof(p->about.version), "3.%d", minor);
	}
	if (!runtime_scan(p, maps, m.first, p->about.minor))
		return RUNTIME_HIDDEN;
	p->about.found_by = "scan";
	return RUNTIME_FOUND;
}

enum runtime_found runtime_find(
	struct python *p, const struct maps *maps, const char *exe, struct err *err)
{
	enum runtime_found found = RUNTIME_NONE, worst = RUNTIME_NONE;
	bool hints = false;
	size_t tried = 0;
	int minor = -1;

	if (!strncmp(base_name(exe), "pypy", 4))
		return RUNTIME_PYPY;
	for (size_t i = 0; i < maps->n; i++) {
		const char *name = base_name(maps->items[i].path);

		if (!strncmp(name, "libpypy", 7))
			return RUNTIME_PYPY;
		hints = hints || strstr(maps->items[i].path, "python");
		if (minor < 0)
			minor = minor_of_extension(maps->items[i].path);
	}
	/* First the executable, then libpython, then, where something points to a Python, the rest:
	 * programs that carry one in a library of their own. */
	for (int round = 0; round < 3 && found != RUNTIME_FOUND; round++)
		for (size_t i = 0; i < maps->n && found != RUNTIME_FOUND; i++) {
			const char *path = maps->items[i].path;
			bool lib = !strncmp(base_name(path), "libpython", 9) && strstr(path, ".so");
			bool own = !strcmp(path, exe);

			if (!begins(maps, i) ||
				round != (own          ? 0
						 : lib ? 1
						       : 2) ||
				(round == 2 && (!hints || !strstr(base_name(path), ".so") ||
						       tried++ >= MODULES_MAX)))
				continue;
			found = try_module(p, maps, i, err);
			/* A library that is not Python's and cannot be read is nobody's trouble. */
			if (found != RUNTIME_NONE &&
				(round < 2 || (found != RUNTIME_FILE && found != RUNTIME_DENIED)))
				worst = found;
		}
	if (found != RUNTIME_FOUND && worst == RUNTIME_NONE && minor >= 8)
		return find_bare(p, maps, exe, minor);
	return found == RUNTIME_FOUND ? found : worst;
}
