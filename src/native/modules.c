/*
 * Where a process's code lies: its mappings, and the files behind them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/native_internal.h"
#include "native/remote.h"

enum { VDSO_MAX_BYTES = 1 << 20 };

/* ---- one ---- */

/* What the mapping adds to the file's addresses; false: none of its code is loaded so. */
static bool find_bias(struct code_file *f, const struct map *map, uint64_t *bias)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t count = 0;

	elf_getphdrnum(f->elf, &count);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr ph;
		uint64_t begin;

		if (!gelf_getphdr(f->elf, (int)i, &ph) || ph.p_type != PT_LOAD ||
			!(ph.p_flags & PF_X))
			continue;
		begin = ph.p_offset & ~(page - 1);
		if (map->offset < begin || map->offset >= ph.p_offset + ph.p_filesz)
			continue;
		*bias = map->start - map->offset + ph.p_offset - ph.p_vaddr;
		return true;
	}
	return false;
}

/* A copy of the kernel's own code in the process, as a file. */
static int open_vdso(struct native *n, const struct map *map)
{
	size_t size = map->end - map->start;
	uint8_t *bytes;
	int fd = -1;

	if (size > VDSO_MAX_BYTES)
		return -1;
	bytes = mem_alloc(size, 1);
	if (remote_read(n->pid, map->start, bytes, size)) {
		fd = memfd_create("vdso", MFD_CLOEXEC);
		if (fd >= 0 && write(fd, bytes, size) != (ssize_t)size) {
			close(fd);
			fd = -1;
		}
	}
	free(bytes);
	return fd;
}

static void module_open(struct native *n, struct module *m, const struct map *map)
{
	int fd = map->inode ? maps_open(n->pid, map) : open_vdso(n, map);

	if (fd < 0)
		return;
	m->file = file_take(fd, m->name, map->inode);
	if (!m->file->dwfl || !find_bias(m->file, map, &m->bias)) {
		file_release(m->file);
		m->file = NULL;
		return;
	}
	m->bias -= m->file->main_bias;
}

static struct module *module_add(struct native *n, const struct map *map)
{
	const char *slash = strrchr(map->path, '/');
	struct module *m = mem_zalloc(1, sizeof(*m));

	m->device = map->device;
	m->inode = map->inode;
	m->path = mem_strdup(map->path);
	m->name = mem_strdup(slash && slash[1] ? slash + 1 : map->path);
	m->start = map->start;
	m->offset = map->offset;
	module_open(n, m, map);
	n->modules = mem_grow(n->modules, &n->cap_modules, n->n_modules + 1, sizeof(*n->modules));
	n->modules[n->n_modules++] = m;
	return m;
}

static bool module_is(const struct module *m, const struct map *map)
{
	return m->start == map->start && m->offset == map->offset && m->inode == map->inode &&
	       m->device == map->device && !strcmp(m->path, map->path);
}

static void module_free(struct module *m)
{
	file_release(m->file);
	free(m->path);
	free(m->name);
	free(m);
}

/* ---- all of them ---- */

static bool has_file(const struct map *map)
{
	return (map->inode && map->path[0] == '/') || !strcmp(map->path, "[vdso]");
}

struct module *module_find(struct native *n, uint64_t pc, const struct map **map)
{
	struct module *m = NULL;

	*map = maps_find(&n->maps, pc);
	if (!*map || !(*map)->executable || !has_file(*map))
		return NULL;
	if (n->last_module < n->n_modules && module_is(n->modules[n->last_module], *map))
		return n->modules[n->last_module];
	for (size_t i = 0; i < n->n_modules && !m; i++)
		if (module_is(n->modules[i], *map)) {
			m = n->modules[i];
			n->last_module = i;
		}
	if (!m && n->n_modules < MAX_MODULES)
		m = module_add(n, *map);
	return m;
}

/* Lets go of files that are not mapped any more, or elsewhere. */
static bool modules_drop(struct native *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->n_modules; i++) {
		struct module *m = n->modules[i];
		const struct map *map = maps_find(&n->maps, m->start);

		if (map && module_is(m, map))
			n->modules[kept++] = m;
		else
			module_free(m);
	}
	bool dropped = kept < n->n_modules;

	n->n_modules = kept;
	return dropped;
}

bool modules_update(struct native *n, bool urgent)
{
	uint64_t now = clock_now_ns(), least = urgent ? 20 * NS_PER_MS : NS_PER_S;
	struct maps maps;

	/* a process with very many mappings is looked at less often: at most 2 % of the time */
	if (least < n->maps_cost_ns * 50)
		least = n->maps_cost_ns * 50;
	if (n->maps_ns && now - n->maps_ns < least)
		return false;
	if (maps_read(&maps, n->pid, NULL)) {
		n->maps_ns = now;
		return false;
	}
	maps_release(&n->maps);
	n->maps = maps;
	n->maps_stale = false;
	n->maps_ns = clock_now_ns();
	n->maps_cost_ns = n->maps_ns - now;
	if (modules_drop(n)) {
		rows_clear(n);
		symbols_clear(n);
	}
	return true;
}

void modules_release(struct native *n)
{
	for (size_t i = 0; i < n->n_modules; i++)
		module_free(n->modules[i]);
	free(n->modules);
	n->modules = NULL;
	n->n_modules = n->cap_modules = 0;
}
