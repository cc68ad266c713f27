/*
 * Names of program counters. Each is looked for once and kept: a profile has few distinct ones.
 *
 * A name stands only for what its symbol covers. In a stripped file that is little, and elfutils'
 * nearest symbol would be wrong for the rest: those are named by the address (in the file) at which
 * their function begins, which .eh_frame_hdr knows of stripped ones too.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/demangle.h"
#include "native/native_internal.h"

enum { MAX_TEXT = 4096, RING = 2 * NATIVE_MAX_FRAMES, PERF_MAP_LOOK_MS = 50 };

/* ---- texts, each kept once ---- */

static size_t hash_text(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32);
}

static void texts_grow(struct native *n)
{
	size_t cap = n->cap_texts ? n->cap_texts * 2 : 1024;
	char **texts = mem_zalloc(cap, sizeof(*texts));

	for (size_t i = 0; i < n->cap_texts; i++) {
		char *text = n->texts[i];
		size_t at;

		if (!text)
			continue;
		for (at = hash_text(text, strlen(text)) & (cap - 1); texts[at];)
			at = (at + 1) & (cap - 1);
		texts[at] = text;
	}
	free(n->texts);
	n->texts = texts;
	n->cap_texts = cap;
}

static const char *intern(struct native *n, const char *text, size_t len)
{
	size_t at;

	if (len > MAX_TEXT)
		len = MAX_TEXT;
	if (n->n_texts * 2 >= n->cap_texts)
		texts_grow(n);
	for (at = hash_text(text, len) & (n->cap_texts - 1); n->texts[at];
		at = (at + 1) & (n->cap_texts - 1))
		if (!strncmp(n->texts[at], text, len) && !n->texts[at][len])
			return n->texts[at];
	n->texts[at] = mem_copy(text, len);
	n->n_texts++;
	return n->texts[at];
}

static const char *intern_text(struct native *n, const char *text)
{
	return intern(n, text, strlen(text));
}

/* ---- of a file ---- */

/* Any part that compilers split off it: .cold, .part.0, .lto_priv.0, .llvm.123 */
static bool is_interpreter(const char *name, size_t len)
{
	static const char NAME[] = "_PyEval_EvalFrameDefault";
	size_t want = sizeof(NAME) - 1;

	return len >= want && !memcmp(name, NAME, want) && (len == want || name[want] == '.');
}

static void name_of_file(struct native *n, struct module *m, uint64_t pc, struct native_symbol *s)
{
	uint64_t address = pc - m->bias;
	const struct code_symbol *symbol = file_symbol(m->file, address);
	const char *file;

	if (symbol) {
		size_t len =
			symbol->name[0] == '@' ? strlen(symbol->name) : strcspn(symbol->name, "@");
		char *plain;

		s->function = intern(n, symbol->name, len);
		plain = demangle(s->function);
		if (plain)
			s->function = intern_text(n, plain);
		free(plain);
		s->interpreter = is_interpreter(symbol->name, len);
	} else {
		uint64_t start = file_function(m->file, address - m->file->main_bias);
		char text[32];

		snprintf(text, sizeof(text), "0x%" PRIx64,
			start ? start : address - m->file->main_bias);
		s->function = intern_text(n, text);
	}
	s->module = intern_text(n, m->name);
	file = file_line(m->file, address, &s->line);
	s->file = file ? intern_text(n, file) : "";
}

/* ---- of a JIT ---- */

/* The process's number in its own pid namespace: the last one of NSpid. */
static pid_t own_number(pid_t pid)
{
	char path[48], text[8192];
	const char *line, *last = NULL;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pid;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return pid;
	text[got] = '\0';
	line = strstr(text, "\nNSpid:");
	if (!line)
		return pid;
	for (line++; *line && *line != '\n'; line++)
		if (*line == '\t')
			last = line + 1;
	return last ? (pid_t)strtol(last, NULL, 10) : pid;
}

static bool name_of_jit(struct native *n, uint64_t pc, struct native_symbol *s)
{
	uint64_t now = clock_now_ns(), start;
	const char *name;

	if (!n->perf_map) {
		n->perf_map = perf_map_new();
		n->perf_number = own_number(n->pid);
		snprintf(n->perf_name, sizeof(n->perf_name), "perf-%d.map", (int)n->perf_number);
	}
	name = perf_map_find(n->perf_map, pc, &start);
	if (!name && (!n->perf_ns || now - n->perf_ns > PERF_MAP_LOOK_MS * NS_PER_MS)) {
		n->perf_ns = now;
		if (perf_map_update(n->perf_map, n->pid, n->perf_number))
			name = perf_map_find(n->perf_map, pc, &start);
	}
	if (!name)
		return false;
	s->function = intern_text(n, name);
	s->module = intern_text(n, n->perf_name);
	return true;
}

/* ---- any ---- */

/* *key is the counter, and becomes what the symbol is kept by: what has no name may get one later
 * on, so it is not kept by its counter. */
static void name_it(struct native *n, uint64_t *key, struct native_symbol *s)
{
	uint64_t pc = *key;
	const struct map *map;
	struct module *m = module_find(n, pc, &map);
	char text[32];

	*s = (struct native_symbol){.function = "", .module = "", .file = ""};
	if (m && m->file) {
		name_of_file(n, m, pc, s);
		if (handler_returns_to(n, pc))
			s->function = "<signal handler called>";
		return;
	}
	if (map && name_of_jit(n, pc, s))
		return;
	/* code that nobody names is one function a mapping: its counters alone would be thousands
	 */
	snprintf(text, sizeof(text), "0x%" PRIx64, map ? map->start : pc);
	s->function = intern_text(n, text);
	s->module = map && map->path[0] ? intern_text(n, map->path) : "[anonymous]";
	*key = ~(map ? map->start : pc);
}

static size_t slot_of(const struct native *n, uint64_t pc)
{
	size_t at = (size_t)((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (n->cap_symbols - 1);

	while (n->symbols[at].symbol && n->symbols[at].pc != pc)
		at = (at + 1) & (n->cap_symbols - 1);
	return at;
}

static void symbols_grow(struct native *n)
{
	struct symbol_slot *old = n->symbols;
	size_t cap = n->cap_symbols;

	n->cap_symbols = cap ? cap * 2 : 1024;
	n->symbols = mem_zalloc(n->cap_symbols, sizeof(*n->symbols));
	for (size_t i = 0; i < cap; i++)
		if (old[i].symbol)
			n->symbols[slot_of(n, old[i].pc)] = old[i];
	free(old);
}

/* Room for one more; when there is none, the places are used in turn: more than a stack has. */
static struct native_symbol *symbol_place(struct native *n, bool *kept)
{
	*kept = n->n_kept < MAX_SYMBOLS;
	if (!*kept) {
		if (!n->ring)
			n->ring = mem_zalloc(RING, sizeof(*n->ring));
		return &n->ring[n->ring_next++ % RING];
	}
	n->kept = mem_grow(n->kept, &n->cap_kept, n->n_kept + 1, sizeof(*n->kept));
	return n->kept[n->n_kept++] = mem_alloc(1, sizeof(struct native_symbol));
}

static const struct native_symbol *symbol_keep(
	struct native *n, uint64_t pc, const struct native_symbol *s)
{
	size_t at = slot_of(n, pc);
	struct native_symbol *place;
	bool kept;

	if (n->symbols[at].symbol)
		return n->symbols[at].symbol;
	place = symbol_place(n, &kept);
	*place = *s;
	if (kept) {
		n->symbols[at] = (struct symbol_slot){pc, place};
		n->n_symbols++;
	}
	return place;
}

const struct native_symbol *native_symbol(struct native *n, uint64_t pc)
{
	struct native_symbol s;
	uint64_t key = pc;
	size_t at;

	if ((n->n_symbols + 1) * 2 > n->cap_symbols)
		symbols_grow(n);
	at = slot_of(n, pc);
	if (n->symbols[at].symbol)
		return n->symbols[at].symbol;
	name_it(n, &key, &s);
	return symbol_keep(n, key, &s);
}

/* The symbols themselves stay: somebody may hold them. */
void symbols_clear(struct native *n)
{
	free(n->symbols);
	n->symbols = NULL;
	n->n_symbols = n->cap_symbols = 0;
}

void symbols_release(struct native *n)
{
	symbols_clear(n);
	for (size_t i = 0; i < n->n_kept; i++)
		free(n->kept[i]);
	free(n->kept);
	free(n->ring);
	for (size_t i = 0; i < n->cap_texts; i++)
		free(n->texts[i]);
	free(n->texts);
	perf_map_free(n->perf_map);
}
