#include "native/elf_file.h"

#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct elf_file {
	int fd;
	Elf *elf;
	Elf_Scn *dynsym, *symtab;
};

static void find_tables(struct elf_file *f)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(f->elf, scn))) {
		if (!gelf_getshdr(scn, &sh))
			continue;
		if (sh.sh_type == SHT_DYNSYM)
			f->dynsym = scn;
		else if (sh.sh_type == SHT_SYMTAB)
			f->symtab = scn;
	}
}

int elf_file_open(struct elf_file **out, int fd, const char *name, struct err *err)
{
	struct elf_file *f = mem_zalloc(1, sizeof(*f));
	int rc = 0;

	*out = NULL;
	f->fd = fd;
	elf_version(EV_CURRENT);
	f->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF)
		rc = err_set(
			err, ERR_INPUT, "%s: is no ELF file, so there are no symbols in it", name);
	else if (gelf_getclass(f->elf) != ELFCLASS64)
		rc = err_set(
			err, ERR_INPUT, "%s: is a 32-bit program; culprit reads 64-bit ones", name);
	if (rc) {
		elf_file_close(f);
		return rc;
	}
	find_tables(f);
	*out = f;
	return 0;
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	if (f->elf)
		elf_end(f->elf);
	close(f->fd);
	free(f);
}

/* Looks through one table; `defined` or not is what the symbol must be. */
static bool table_symbol(
	struct elf_file *f, Elf_Scn *scn, const char *name, bool defined, GElf_Sym *sym)
{
	GElf_Shdr sh;
	Elf_Data *data, *names;
	Elf_Scn *strings;
	size_t n;

	if (!scn || !gelf_getshdr(scn, &sh) || !sh.sh_entsize)
		return false;
	data = elf_getdata(scn, NULL);
	strings = elf_getscn(f->elf, sh.sh_link);
	names = strings ? elf_getdata(strings, NULL) : NULL;
	if (!data || !names || !names->d_buf)
		return false;
	n = data->d_size / sh.sh_entsize;
	for (size_t i = 0; i < n && gelf_getsym(data, (int)i, sym); i++) {
		size_t len = strlen(name) + 1;

		if ((sym->st_shndx != SHN_UNDEF) == defined && sym->st_name < names->d_size &&
			names->d_size - sym->st_name >= len &&
			!memcmp((const char *)names->d_buf + sym->st_name, name, len))
			return true;
	}
	return false;
}

bool elf_file_symbol(struct elf_file *f, const char *name, uint64_t *value, uint64_t *size)
{
	GElf_Sym sym;

	if (!table_symbol(f, f->dynsym, name, true, &sym) &&
		!table_symbol(f, f->symtab, name, true, &sym))
		return false;
	*value = sym.st_value;
	*size = sym.st_size;
	return true;
}

bool elf_file_wants(struct elf_file *f, const char *name)
{
	GElf_Sym sym;

	return table_symbol(f, f->dynsym, name, false, &sym);
}

static Elf_Scn *section(struct elf_file *f, const char *name, GElf_Shdr *sh)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(f->elf, &names))
		return NULL;
	while ((scn = elf_nextscn(f->elf, scn))) {
		const char *is =
			gelf_getshdr(scn, sh) ? elf_strptr(f->elf, names, sh->sh_name) : NULL;

		if (is && !strcmp(is, name))
			return scn;
	}
	return NULL;
}

bool elf_file_section(struct elf_file *f, const char *name, uint64_t *address, uint64_t *size)
{
	GElf_Shdr sh;

	if (!section(f, name, &sh))
		return false;
	*address = sh.sh_addr;
	*size = sh.sh_size;
	return true;
}

const char *elf_file_bytes(struct elf_file *f, const char *name, size_t *size)
{
	GElf_Shdr sh;
	Elf_Scn *scn = section(f, name, &sh);
	Elf_Data *data = scn ? elf_rawdata(scn, NULL) : NULL;

	*size = data && data->d_buf ? data->d_size : 0;
	return *size ? data->d_buf : NULL;
}

bool elf_file_bias(struct elf_file *f, uint64_t start, uint64_t offset, uint64_t *bias)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t n;
	GElf_Phdr ph;

	if (elf_getphdrnum(f->elf, &n))
		return false;
	for (size_t i = 0; i < n && gelf_getphdr(f->elf, (int)i, &ph); i++) {
		/* What is mapped starts and ends at pages, what the header says need not. */
		uint64_t first = ph.p_offset & ~(page - 1);

		if (ph.p_type != PT_LOAD || offset < first || offset >= ph.p_offset + ph.p_filesz)
			continue;
		*bias = start - (ph.p_vaddr - ph.p_offset + offset);
		return true;
	}
	return false;
}
