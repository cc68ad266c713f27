/*
 * What the parts of native.h share. stop.c: stopping threads, and copying them; sleep.c, trace.c:
 * those that sleep, those that run; modules.c: the files that code lies in; rules.c: call frame
 * information as rows that are computed once per program counter; unwind.c: the walk; symbols.c,
 * lines.c: names, and lines of the source.
 */
#ifndef CULPRIT_NATIVE_INTERNAL_H
#define CULPRIT_NATIVE_INTERNAL_H

#include <elfutils/libdwfl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "native/maps.h"
#include "native/native.h"
#include "native/perf_map.h"

/* Registers by their DWARF numbers. What is not mentioned survives a call only by being saved. */
#if defined(__x86_64__)
enum { REGISTERS = 17, REG_SP = 7, REG_FP = 6, REG_RA = 16 };
#elif defined(__aarch64__)
/* x30 is the return address; the counter itself has no number of its own and goes last. */
enum { REGISTERS = 33, REG_SP = 31, REG_FP = 29, REG_RA = 30 };
#else
#error "stacks of machine code can be read on x86-64 and aarch64"
#endif

enum {
	BELOW_SP = 128, /* the red zone */
	MAX_THREADS = 20000,
	MAX_ROWS = 1 << 16,
	MAX_SYMBOLS = 1 << 18,
	MAX_MODULES = 4096
};

struct registers {
	uint64_t value[REGISTERS];
	uint64_t known; /* a bit each */
	uint64_t pc;
};

static inline bool register_known(const struct registers *r, unsigned reg)
{
	return reg < REGISTERS && (r->known >> reg & 1);
}

static inline void register_set(struct registers *r, unsigned reg, uint64_t value)
{
	r->value[reg] = value;
	r->known |= UINT64_C(1) << reg;
}

/* ---- threads (stop.c) ---- */

enum thread_hold {
	HOLD_NOT,
	HOLD_ASLEEP, /* sleeps in the kernel, and was left alone */
	HOLD_TRACED, /* in a ptrace stop */
};

struct native_thread {
	pid_t tid;
	enum thread_hold hold;
	int signal;    /* that came while it was stopped; it is handed on */
	uint64_t runs; /* how often it got a core, of /proc; with HOLD_ASLEEP */
	bool asked;    /* asleep at this place, it could not be unwound without all registers */
	uint64_t asked_sp, asked_pc;
	bool limited;         /* it waits with time limits that nobody can tell */
	uint64_t copied_runs; /* of the last copy that was unwound while it slept; 0: none */
	uint64_t copied_ns;
	uint64_t *pcs;
	size_t n_pcs;
	bool cut;
	uint64_t used; /* number of the last stop, to forget the oldest */
};

/* The newest copy. */
struct snapshot {
	pid_t tid;
	struct registers registers;
	uint64_t low; /* address of the first byte */
	size_t size;
	uint64_t top; /* end of the mapping; beyond low + size, it was not copied */
	bool asleep;  /* only counter and stack pointer are known */
	bool again;   /* nothing ran since the copy that was unwound before */
};

/* ---- files (files.c, modules.c) ---- */

/* Of a symbol table, by rising start. */
struct code_symbol {
	uint64_t start, size;
	const char *name; /* elfutils' */
	int rank;         /* of several at one place the highest is shown */
};

/* An ELF file, at its own addresses: one for all processes that a thread of culprit looks at. */
struct code_file {
	uint64_t device, inode, size, changed_ns; /* inode 0: not shared */
	pthread_t owner;                          /* elfutils' objects are for one thread */
	size_t refs;
	struct code_file *next;
	Dwfl *dwfl; /* NULL: not an ELF file */
	Dwfl_Module *mod;
	Elf *elf;
	Dwarf_CFI *eh, *debug;
	Dwarf_Addr eh_bias, debug_bias;
	GElf_Addr main_bias; /* what elfutils adds to the file's addresses */
	bool eh_tried, debug_tried;
	struct code_symbol *symbols; /* made at the first question; the functions */
	size_t n_symbols;
	bool symbols_tried;
	struct code_unit *units; /* lines.c's */
	size_t n_units;
	bool units_tried;
	const uint8_t *table; /* .eh_frame_hdr's: pairs of int32, sorted */
	size_t n_table;
	uint64_t table_base;
};

/* files.c */
/* Takes the descriptor over. `shared`: others may have the same. Never NULL. */
struct code_file *file_take(int fd, const char *name, bool shared);
void file_release(struct code_file *f);
Dwarf_CFI *file_eh(struct code_file *f);
Dwarf_CFI *file_debug_frame(struct code_file *f);
/* Start of the function that an address (in the file) lies in, by .eh_frame_hdr; 0: not known. */
uint64_t file_function(const struct code_file *f, uint64_t address);
/* The function that an address (as elfutils has it) lies in, by the symbol table. NULL: none. */
const struct code_symbol *file_symbol(struct code_file *f, uint64_t address);

/* lines.c: the source of an address (as elfutils has it); NULL, and 0: not known. */
const char *file_line(struct code_file *f, uint64_t address, int *number);
void file_lines_release(struct code_file *f);

/* Where a file lies in a process. */
struct module {
	uint64_t device, inode;
	uint64_t start, offset; /* of the mapping */
	uint64_t bias;          /* address in the process − address as elfutils has it */
	char *path, *name;      /* name: without folders */
	struct code_file *file; /* NULL: it cannot be opened, or has no such code */
};

/* ---- rules (rules.c) ---- */

struct row;

struct row_slot {
	uint64_t pc;
	struct row *row;
};

struct symbol_slot {
	uint64_t pc;
	struct native_symbol *symbol;
};

struct native {
	pid_t pid;
	int task_folder; /* /proc/PID/task */
	struct maps maps;
	uint64_t maps_ns, maps_cost_ns;
	bool maps_stale;
	struct module **modules;
	size_t n_modules, cap_modules, last_module;

	struct native_thread *threads; /* by tid */
	size_t n_threads, cap_threads;
	size_t prune_at;
	uint64_t stops;
	struct registers held; /* of the thread stopped last */
	bool held_again;       /* it did not run since its last copy */
	pid_t *late;           /* interrupted, and not stopped yet, or ending */
	size_t n_late, cap_late;

	uint8_t *stack; /* NATIVE_STACK_BYTES + BELOW_SP */
	struct snapshot copy;

	struct row_slot *rows; /* MAX_ROWS × 2, made at the first */
	size_t n_rows;

	struct symbol_slot *symbols; /* MAX_SYMBOLS × 2 at most */
	size_t n_symbols, cap_symbols;
	struct native_symbol **kept, *ring;
	size_t n_kept, cap_kept, ring_next;
	char **texts; /* interned, owned */
	size_t n_texts, cap_texts;
	struct perf_map *perf_map;
	char perf_name[48];
	pid_t perf_number;
	uint64_t perf_ns;
};

/* stop.c */
struct native_thread *thread_find(struct native *n, pid_t tid);
void threads_release(struct native *n);

/* sleep.c */
struct sleep {
	long call; /* −1: it waits outside of a system call (a page, a stop) */
	uint64_t arguments[6];
	uint64_t sp, pc;
};
/* How often a thread got a core, plus one. 0: gone, or the kernel does not tell. */
uint64_t sleep_runs(struct native *n, pid_t tid);
/* False: it runs. */
bool sleep_read(struct native *n, pid_t tid, struct sleep *out);
/* May it be interrupted where it sleeps, without the program seeing it? */
enum sleep_interrupt {
	INTERRUPT_NO,
	INTERRUPT_TRY, /* unless it has a time limit, which shows when it is done */
	INTERRUPT_YES
};
enum sleep_interrupt sleep_interrupt(const struct sleep *s);

/* trace.c */
/* Can it mend a call that it broke off? aarch64 has decided about the call before it stops. */
#if defined(__x86_64__)
enum { TRACE_MENDS = true };
#else
enum { TRACE_MENDS = false };
#endif
/* Registers into n->held. *mended: it was in a call that begins anew. */
bool trace_stop(struct native *n, struct native_thread *t, bool *mended);
void trace_go(struct native *n, pid_t tid, int signal);
bool trace_is_late(const struct native *n, pid_t tid); /* it is not free yet of the last stop */

/* modules.c: the module of a counter, opened; NULL: none. *map as well, if there is one. */
struct module *module_find(struct native *n, uint64_t pc, const struct map **map);
/* Looks at the mappings again, not too often. False: it was too early, or they cannot be read. */
bool modules_update(struct native *n, bool urgent);
void modules_release(struct native *n);

/* rules.c */
/* The row for a counter; NULL: there is no call frame information. */
const struct row *row_find(struct native *n, uint64_t pc);
void rows_clear(struct native *n);

enum step {
	STEP_DONE,
	STEP_END,     /* the outermost frame */
	STEP_UNKNOWN, /* needs a register that is not known */
	STEP_FAILED
};
typedef bool read_word(void *arg, uint64_t address, uint64_t *out);
/* Registers of the caller. *frame is the canonical frame address. */
enum step row_step(
	const struct row *row, struct registers *r, uint64_t *frame, read_word *read, void *arg);
bool row_is_signal(const struct row *row);

/* unwind.c: is it the kernel's code that a signal handler returns to? */
bool handler_returns_to(struct native *n, uint64_t pc);

/* symbols.c */
void symbols_release(struct native *n);
void symbols_clear(struct native *n);

#endif
