/* One ELF file: its symbols, sections and how addresses in it come to lie in memory. Read with
 * libelf; separate debug files are not looked for here. */
#ifndef CULPRIT_NATIVE_ELF_FILE_H
#define CULPRIT_NATIVE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct elf_file;

/* Takes the descriptor over. `name` is for error sentences. */
int elf_file_open(struct elf_file **out, int fd, const char *name, struct err *err);
void elf_file_close(struct elf_file *f);

/* Value and size of a symbol, of .symtab or .dynsym; false: there is none. */
bool elf_file_symbol(struct elf_file *f, const char *name, uint64_t *value, uint64_t *size);
bool elf_file_section(struct elf_file *f, const char *name, uint64_t *address, uint64_t *size);
/* The program needs this symbol of another file. */
bool elf_file_wants(struct elf_file *f, const char *name);
/* A section's bytes as they are in the file; f's. NULL: there is none, or it is empty. */
const char *elf_file_bytes(struct elf_file *f, const char *name, size_t *size);
/* What has to be added to this file's addresses when the mapping of file offset `offset` starts at
 * `start`; false: no loaded segment has that offset. */
bool elf_file_bias(struct elf_file *f, uint64_t start, uint64_t offset, uint64_t *bias);

#endif
