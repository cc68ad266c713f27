/*
 * The files that a process's code lies in. Each has a Dwfl of its own, in which it lies at its own
 * addresses: so nothing depends on where it is loaded, and one that goes away takes only itself
 * along. Separate debug files are looked for in /usr/lib/debug by build id, nowhere else: elfutils'
 * own search would ask debuginfod servers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/native_internal.h"
#include "native/remote.h"

enum { VDSO_MAX_BYTES = 1 << 20, TABLE_MAX = 1 << 24, LOOK_BACK = 8, PAGE = 4096 };

/* ---- how elfutils finds files ---- */

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
	char **file_name, Elf **elf)
{
	(void)mod, (void)userdata, (void)name, (void)base, (void)file_name, (void)elf;
	return -1;
}

static int find_debug(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
	const char *file, const char *link, GElf_Word crc, char **found)
{
	const unsigned char *id;
	GElf_Addr where;
	char path[160];
	int len = dwfl_module_build_id(mod, &id, &where), at, fd;

	(void)userdata, (void)name, (void)base, (void)file, (void)crc;
	if (len < 2 || len > 64 || (link && strstr(link, ".dwz")))
		return -1;
	at = snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (int i = 1; i < len; i++)
		at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", id[i]);
	if ((size_t)at + sizeof(".debug") > sizeof(path))
		return -1;
	memcpy(path + at, ".debug", sizeof(".debug"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		*found = mem_strdup(path);
	return fd;
}

static const Dwfl_Callbacks CALLBACKS = {.find_elf = find_elf, .find_debuginfo = find_debug};

/* ---- one file ---- */

/* Little-endian numbers of .eh_frame_hdr (x86-64 and aarch64 are). */
static int32_t read_i32(const uint8_t *p)
{
	int32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* The sorted table in .eh_frame_hdr, in the one form that linkers write (version 1, count as
 * udata4, pairs relative to the header as sdata4). */
static void find_table(struct module *m, const GElf_Phdr *ph)
{
	size_t size;
	const uint8_t *file = (const uint8_t *)elf_rawfile(m->elf, &size);
	const uint8_t *p;
	uint32_t count;

	if (!file || ph->p_offset > size || ph->p_filesz > size - ph->p_offset || ph->p_filesz < 12)
		return;
	p = file + ph->p_offset;
	if (p[0] != 1 || p[1] != 0x1b || p[2] != 0x03 || p[3] != 0x3b)
		return;
	count = (uint32_t)read_i32(p + 8);
	if (count > TABLE_MAX || count > (ph->p_filesz - 12) / 8)
		return;
	m->table = p + 12;
	m->n_table = count;
	m->table_base = ph->p_vaddr;
}

uint64_t module_function(const struct module *m, uint64_t address)
{
	size_t low = 0, high = m->n_table;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->table_base + (uint64_t)(int64_t)read_i32(m->table + mid * 8) <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? m->table_base + (uint64_t)(int64_t)read_i32(m->table + (low - 1) * 8) : 0;
}

/* ---- its symbols ---- */

/* A name that people know, before one that only the linker uses. */
static int symbol_rank(const GElf_Sym *sym, const char *name)
{
	int binding = GELF_ST_BIND(sym->st_info);
	int rank = binding == STB_GLOBAL ? 4 : binding == STB_WEAK ? 2 : 0;

	return rank + (name[0] != '_') + (sym->st_size ? 8 : 0);
}

static int by_start(const void *a, const void *b)
{
	const struct code_symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(y->name, x->name);
}

/* elfutils' own search goes through all symbols each time. */
static void symbols_take(struct module *m)
{
	int count = m->mod ? dwfl_module_getsymtab(m->mod) : 0;
	size_t cap = 0, kept = 0;

	m->symbols_tried = true;
	for (int i = 1; i < count; i++) {
		GElf_Sym sym;
		GElf_Addr address;
		GElf_Word section;
		const char *name =
			dwfl_module_getsym_info(m->mod, i, &sym, &address, &section, NULL, NULL);
		int type = GELF_ST_TYPE(sym.st_info);

		if (!name || !*name || section == SHN_UNDEF || name[0] == '$' ||
			(type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE))
			continue;
		m->symbols = mem_grow(m->symbols, &cap, m->n_symbols + 1, sizeof(*m->symbols));
		m->symbols[m->n_symbols++] =
			(struct code_symbol){address, sym.st_size, name, symbol_rank(&sym, name)};
	}
	if (m->n_symbols)
		qsort(m->symbols, m->n_symbols, sizeof(*m->symbols), by_start);
	for (size_t i = 0; i < m->n_symbols; i++) /* of those at one place, the last */
		if (i + 1 == m->n_symbols || m->symbols[i + 1].start != m->symbols[i].start)
			m->symbols[kept++] = m->symbols[i];
	m->n_symbols = kept;
}

/* One without a size (assembler) reaches as far as its call frame information, if it begins there,
 * or to the next symbol where there is none. */
static bool covers(const struct module *m, const struct code_symbol *s, uint64_t address)
{
	uint64_t function;

	if (s->size)
		return address - s->start < s->size;
	function = module_function(m, address - m->main_bias);
	return !m->n_table || function == s->start - m->main_bias;
}

const struct code_symbol *module_symbol(struct module *m, uint64_t address)
{
	size_t low = 0, high;

	if (!m->symbols_tried)
		symbols_take(m);
	high = m->n_symbols;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->symbols[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t back = 0; back < LOOK_BACK && low > back; back++)
		if (covers(m, &m->symbols[low - 1 - back], address))
			return &m->symbols[low - 1 - back];
	return NULL;
}

/* ---- opening ---- */

/* What loads the mapping: address in the process − address in the file. */
static bool find_bias(struct module *m, const struct map *map, uint64_t *bias)
{
	size_t count;
	bool found = false;

	if (elf_getphdrnum(m->elf, &count) || count > 1024)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr ph;
		uint64_t begin;

		if (!gelf_getphdr(m->elf, (int)i, &ph))
			continue;
		if (ph.p_type == PT_GNU_EH_FRAME)
			find_table(m, &ph);
		if (ph.p_type != PT_LOAD || found || !(ph.p_flags & PF_X))
			continue;
		begin = ph.p_offset & ~(uint64_t)(PAGE - 1);
		if (map->offset < begin || map->offset >= ph.p_offset + ph.p_filesz)
			continue;
		*bias = map->start - map->offset + ph.p_offset - ph.p_vaddr;
		found = true;
	}
	return found;
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

static void module_close(struct module *m)
{
	if (m->dwfl)
		dwfl_end(m->dwfl);
	m->dwfl = NULL;
	m->table = NULL;
	m->n_table = 0;
	free(m->symbols);
	m->symbols = NULL;
	m->n_symbols = 0;
}

static void module_open(struct native *n, struct module *m, const struct map *map)
{
	int fd = map->inode ? maps_open(n->pid, map) : open_vdso(n, map);

	if (fd < 0)
		return;
	m->dwfl = dwfl_begin(&CALLBACKS);
	if (!m->dwfl) {
		close(fd);
		return;
	}
	dwfl_report_begin(m->dwfl);
	m->mod = dwfl_report_elf(m->dwfl, m->name, m->name, fd, 0, true); /* takes fd, or not */
	if (!m->mod)
		close(fd);
	dwfl_report_end(m->dwfl, NULL, NULL);
	m->elf = m->mod ? dwfl_module_getelf(m->mod, &m->main_bias) : NULL;
	if (!m->elf || gelf_getclass(m->elf) != ELFCLASS64 || !find_bias(m, map, &m->bias))
		module_close(m);
	else
		m->bias -= m->main_bias;
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
	module_close(m);
	free(m->path);
	free(m->name);
	free(m);
}

Dwarf_CFI *module_eh(struct module *m)
{
	if (!m->eh_tried && m->mod)
		m->eh = dwfl_module_eh_cfi(m->mod, &m->eh_bias);
	m->eh_tried = true;
	return m->eh;
}

Dwarf_CFI *module_debug_frame(struct module *m)
{
	if (!m->debug_tried && m->mod)
		m->debug = dwfl_module_dwarf_cfi(m->mod, &m->debug_bias);
	m->debug_tried = true;
	return m->debug;
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
