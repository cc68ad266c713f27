/*
 * ELF files that code lies in. Each has a Dwfl of its own, in which it lies at its own addresses:
 * so nothing depends on where it is loaded, and all processes that have it loaded share one, for
 * debug information takes long to open and much memory. Separate debug files are looked for in
 * /usr/lib/debug by build id, nowhere else: elfutils' own search would ask debuginfod servers.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/native_internal.h"

enum { TABLE_MAX = 1 << 24, LOOK_BACK = 8, /* symbols within another one */ HEADERS_MAX = 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct code_file *files; /* under the lock: those that are shared */

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

/* ---- its functions ---- */

/* Little-endian numbers of .eh_frame_hdr (x86-64 and aarch64 are). */
static int32_t read_i32(const uint8_t *p)
{
	int32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* The sorted table in .eh_frame_hdr, in the one form that linkers write (version 1, count as
 * udata4, pairs relative to the header as sdata4). */
static void find_table(struct code_file *f, const GElf_Phdr *ph)
{
	size_t size;
	const uint8_t *file = (const uint8_t *)elf_rawfile(f->elf, &size);
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
	f->table = p + 12;
	f->n_table = count;
	f->table_base = ph->p_vaddr;
}

uint64_t file_function(const struct code_file *f, uint64_t address)
{
	size_t low = 0, high = f->n_table;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->table_base + (uint64_t)(int64_t)read_i32(f->table + mid * 8) <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? f->table_base + (uint64_t)(int64_t)read_i32(f->table + (low - 1) * 8) : 0;
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
static void symbols_take(struct code_file *f)
{
	int count = f->mod ? dwfl_module_getsymtab(f->mod) : 0;
	size_t cap = 0, kept = 0;

	f->symbols_tried = true;
	for (int i = 1; i < count; i++) {
		GElf_Sym sym;
		GElf_Addr address;
		GElf_Word section;
		const char *name =
			dwfl_module_getsym_info(f->mod, i, &sym, &address, &section, NULL, NULL);
		int type = GELF_ST_TYPE(sym.st_info);

		if (!name || !*name || section == SHN_UNDEF || name[0] == '$' ||
			(type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE))
			continue;
		f->symbols = mem_grow(f->symbols, &cap, f->n_symbols + 1, sizeof(*f->symbols));
		f->symbols[f->n_symbols++] =
			(struct code_symbol){address, sym.st_size, name, symbol_rank(&sym, name)};
	}
	if (f->n_symbols)
		qsort(f->symbols, f->n_symbols, sizeof(*f->symbols), by_start);
	for (size_t i = 0; i < f->n_symbols; i++) /* of those at one place, the last */
		if (i + 1 == f->n_symbols || f->symbols[i + 1].start != f->symbols[i].start)
			f->symbols[kept++] = f->symbols[i];
	f->n_symbols = kept;
}

/* One without a size (assembler) reaches as far as its call frame information, if it begins there,
 * or to the next symbol where there is none. */
static bool covers(const struct code_file *f, const struct code_symbol *s, uint64_t address)
{
	uint64_t function;

	if (s->size)
		return address - s->start < s->size;
	function = file_function(f, address - f->main_bias);
	return !f->n_table || function == s->start - f->main_bias;
}

const struct code_symbol *file_symbol(struct code_file *f, uint64_t address)
{
	size_t low = 0, high;

	if (!f->symbols_tried)
		symbols_take(f);
	high = f->n_symbols;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->symbols[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t back = 0; back < LOOK_BACK && low > back; back++)
		if (covers(f, &f->symbols[low - 1 - back], address))
			return &f->symbols[low - 1 - back];
	return NULL;
}

/* ---- call frame information ---- */

Dwarf_CFI *file_eh(struct code_file *f)
{
	if (!f->eh_tried && f->mod)
		f->eh = dwfl_module_eh_cfi(f->mod, &f->eh_bias);
	f->eh_tried = true;
	return f->eh;
}

Dwarf_CFI *file_debug_frame(struct code_file *f)
{
	if (!f->debug_tried && f->mod)
		f->debug = dwfl_module_dwarf_cfi(f->mod, &f->debug_bias);
	f->debug_tried = true;
	return f->debug;
}

/* ---- opening, once ---- */

static void file_close(struct code_file *f)
{
	if (f->dwfl)
		dwfl_end(f->dwfl);
	free(f->symbols);
	file_lines_release(f);
	free(f);
}

static bool take_headers(struct code_file *f)
{
	size_t count;

	if (gelf_getclass(f->elf) != ELFCLASS64 || elf_getphdrnum(f->elf, &count) ||
		count > HEADERS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(f->elf, (int)i, &ph) && ph.p_type == PT_GNU_EH_FRAME)
			find_table(f, &ph);
	}
	return true;
}

static void file_open(struct code_file *f, int fd, const char *name)
{
	f->dwfl = dwfl_begin(&CALLBACKS);
	if (f->dwfl) {
		dwfl_report_begin(f->dwfl);
		f->mod = dwfl_report_elf(f->dwfl, name, name, fd, 0, true); /* takes fd, or not */
		dwfl_report_end(f->dwfl, NULL, NULL);
	}
	if (!f->mod)
		close(fd);
	f->elf = f->mod ? dwfl_module_getelf(f->mod, &f->main_bias) : NULL;
	if (f->dwfl && (!f->elf || !take_headers(f))) {
		dwfl_end(f->dwfl);
		f->dwfl = NULL;
		f->mod = NULL;
		f->elf = NULL;
	}
}

static bool is_same(const struct code_file *f, const struct code_file *key)
{
	return f->device == key->device && f->inode == key->inode && f->size == key->size &&
	       f->changed_ns == key->changed_ns && pthread_equal(f->owner, key->owner);
}

struct code_file *file_take(int fd, const char *name, bool shared)
{
	struct code_file key = {.owner = pthread_self(), .refs = 1}, *f;
	struct stat st;

	if (shared && !fstat(fd, &st)) {
		key.device = st.st_dev;
		key.inode = st.st_ino;
		key.size = (uint64_t)st.st_size;
		key.changed_ns =
			(uint64_t)st.st_ctim.tv_sec * NS_PER_S + (uint64_t)st.st_ctim.tv_nsec;
	}
	pthread_mutex_lock(&lock);
	for (f = files; f && key.inode; f = f->next)
		if (is_same(f, &key)) {
			f->refs++;
			pthread_mutex_unlock(&lock);
			close(fd);
			return f;
		}
	pthread_mutex_unlock(&lock);
	f = mem_copy(&key, sizeof(key));
	file_open(f, fd, name);
	if (key.inode) {
		pthread_mutex_lock(&lock);
		f->next = files;
		files = f;
		pthread_mutex_unlock(&lock);
	}
	return f;
}

void file_release(struct code_file *f)
{
	bool last;

	if (!f)
		return;
	pthread_mutex_lock(&lock);
	last = !--f->refs;
	for (struct code_file **p = &files; last && *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	if (last)
		file_close(f);
}
