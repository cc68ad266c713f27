/*
 * Offsets are facts to check, not to trust: before a process is read, what lives in it must agree
 * with them. Threads point back to their interpreter and forward to each other, their numbers are
 * numbers of threads that exist, what a frame runs is a code object with a name. Where patch
 * versions differ (who holds the interpreter lock), the place is found by what is around it.
 */
#include <stdio.h>
#include <string.h>

#include "pyremote/find_internal.h"

enum {
	FRAMES_TRIED = 8,
	THREADS_TRIED = 64,
	RUNTIME_LOOKED_BYTES = 4096,
	PTHREAD_LOOKED_BYTES = 1024,
};

/* ---- threads ---- */

/* The first threads of the main interpreter; 0: torn, or they do not fit. */
static size_t read_threads(struct python *p, uint64_t interpreter, uint64_t *out)
{
	const struct layout *l = &p->layout;
	uint64_t at, before = 0;
	size_t n = 0;

	if (!python_read_word(p, interpreter + l->interpreter.threads, &at))
		return 0;
	for (; at && n < THREADS_TRIED; n++) {
		uint64_t links[2], back;

		/* prev lies before next. */
		if (at % 8 || !remote_read(p->pid, at + l->thread.next - 8, links, 16) ||
			links[0] != before ||
			!python_read_word(p, at + l->thread.interpreter, &back) ||
			back != interpreter)
			return 0;
		out[n] = before = at;
		at = links[1];
	}
	return n;
}

/* ---- code objects ---- */

static bool is_type_type(struct python *p, uint64_t type)
{
	return python_is_a(p, type, "type");
}

/* A code object whose texts are texts. Sets the types. */
static bool check_code(struct python *p, uint64_t code)
{
	const struct layout *l = &p->layout;
	uint64_t type, name, text_type, state, length, table;
	char text[64];

	if (!python_is_a(p, code, "code") || !python_read_word(p, code + l->object.type, &type) ||
		!is_type_type(p, type) || !python_read_word(p, code + l->code.name, &name) ||
		!python_is_a(p, name, "str") ||
		!python_read_word(p, name + l->object.type, &text_type) ||
		!python_read_word(p, code + l->code.file, &table) ||
		!python_is_a(p, table, "str") ||
		!python_read_word(p, code + l->code.lines, &table) ||
		!python_is_a(p, table, "bytes") ||
		!python_read_word(p, name + l->text.length, &length) ||
		!python_read_word(p, name + l->text.state, &state))
		return false;
	/* Where the bits of a text's form lie has moved and may again: of a name in ASCII they are
	 * one byte a letter, compact, ASCII. */
	for (unsigned bit = 0; l->minor > 13 && bit <= 24; bit++)
		if ((state >> bit & 31) == (1 | 8 | 16)) {
			p->layout.text.kind_bit = (uint8_t)bit;
			break;
		}
	if (!python_read_text(p, name, text, sizeof(text)) || !*text)
		return false;
	p->code_type = type;
	p->text_type = text_type;
	return true;
}

static uint64_t first_frame(struct python *p, uint64_t thread)
{
	const struct layout *l = &p->layout;
	uint64_t at = 0;

	if (!python_read_word(p, thread + l->thread.frame, &at))
		return 0;
	if (l->frames == FRAMES_CFRAME &&
		(!at || !python_read_word(p, at + l->cframe.current, &at)))
		return 0;
	return at;
}

/* 1: a code object was found in a frame; 0: there is no frame; −1: frames, but no code object. */
static int check_frames(struct python *p, const uint64_t *threads, size_t n)
{
	const struct layout *l = &p->layout;
	int result = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t frame = first_frame(p, threads[i]), code;

		for (size_t k = 0; frame && frame % 8 == 0 && k < FRAMES_TRIED; k++) {
			result = -1;
			if (!python_read_word(p, frame + l->frame.code, &code))
				break;
			if (check_code(p, code & ~(uint64_t)l->frame.code_tags))
				return 1;
			if (!python_read_word(p, frame + l->frame.previous, &frame))
				break;
		}
	}
	return result;
}

/* ---- the interpreter lock ---- */

static bool is_one_of(uint64_t value, const uint64_t *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[i] == value)
			return true;
	return false;
}

/* Up to 3.11 the holder's place differs by patch version; but behind it stands the main interpreter
 * (in 3.8 with one word between) and then a key of thread-local storage that is set up. */
static void find_holder(struct python *p, uint64_t interpreter, const uint64_t *threads, size_t n)
{
	struct layout *l = &p->layout;
	uint64_t words[RUNTIME_LOOKED_BYTES / 8];
	size_t back = l->minor == 8 ? 2 : 1;

	l->gil.runtime_current = NO_FIELD;
	if (!remote_read(p->pid, p->about.runtime, words, sizeof(words)))
		return;
	for (size_t i = l->runtime_interpreters / 8U + 3; i + 1 < sizeof(words) / 8; i++)
		if (words[i] == interpreter && (uint32_t)words[i + 1] == 1 &&
			(!words[i - back] || is_one_of(words[i - back], threads, n))) {
			l->gil.runtime_current = (uint32_t)(8 * (i - back));
			return;
		}
}

/* From 3.12 on: the interpreter has a pointer to it, and it begins with the time after which
 * another thread may have it (sys.setswitchinterval(), 5 ms where nobody says otherwise), in µs.
 * Not plausible: who holds it is not told. */
static void check_gil(struct python *p, uint64_t interpreter)
{
	const uint64_t longest_us = UINT64_C(3600) * 1000 * 1000;
	struct layout *l = &p->layout;
	uint64_t gil, interval, holder;
	int32_t locked;

	if (!python_read_word(p, interpreter + l->interpreter.gil, &gil) || !gil || gil % 8 ||
		!python_read_word(p, gil, &interval) || !interval || interval > longest_us ||
		!remote_read(p->pid, gil + l->gil.locked, &locked, sizeof(locked)) || locked < -1 ||
		locked > 1 || !python_read_word(p, gil + l->gil.last_holder, &holder) || holder % 8)
		l->interpreter.gil = NO_FIELD;
}

static void check_modules(struct python *p, uint64_t interpreter)
{
	struct layout *l = &p->layout;
	uint64_t modules;

	if (!python_read_word(p, interpreter + l->interpreter.modules, &modules) ||
		!python_is_a(p, modules, "dict"))
		l->interpreter.modules = NO_FIELD;
}

/* ---- the kernel's numbers of threads ---- */

/* Where the C library keeps a thread's number: by the main thread, whose number is the process's.
 * Known places first (glibc on x86-64 and aarch64, musl), for other numbers may be equal to it. */
static void find_tids(struct python *p, const uint64_t *threads, size_t n)
{
	static const uint16_t PLACES[] = {720, 208, 48, 56};
	const struct layout *l = &p->layout;

	p->tid_offset = 0;
	for (size_t k = 0; k < sizeof(PLACES) / sizeof(PLACES[0]); k++) {
		size_t good = 0;

		for (size_t i = 0; i < n; i++) {
			uint64_t pthread;

			p->tid_offset = PLACES[k];
			good += python_read_word(p, threads[i] + l->thread.pthread, &pthread) &&
				python_tid(p, pthread, 0) > 0;
		}
		if (good)
			return;
	}
	p->tid_offset = 0;
}

static bool numbers_exist(struct python *p, const uint64_t *threads, size_t n)
{
	const struct layout *l = &p->layout;

	if (l->thread.native_id == NO_FIELD)
		return true;
	for (size_t i = 0; i < n; i++) {
		uint64_t native, pthread;

		/* One that has just ended may be among them: one that exists is enough. */
		if (python_read_word(p, threads[i] + l->thread.native_id, &native) &&
			python_read_word(p, threads[i] + l->thread.pthread, &pthread) && native &&
			python_tid(p, pthread, native) > 0)
			return true;
	}
	return false;
}

/* ---- all together ---- */

enum python_why check_layout(struct python *p, const char **what)
{
	struct layout *l = &p->layout;
	uint64_t interpreter, threads[THREADS_TRIED];
	uint32_t initialized = 1;
	size_t n;
	int frames;

	*what = "its memory cannot be read";
	if (l->runtime_initialized != NO_FIELD &&
		!remote_read(p->pid, p->about.runtime + l->runtime_initialized, &initialized, 4))
		return PYTHON_UNSUPPORTED;
	/* The main one stands beside the list's head, which is the newest. */
	if (!python_read_word(p, p->about.runtime + l->runtime_interpreters + 8, &interpreter))
		return PYTHON_UNSUPPORTED;
	if (!initialized || !interpreter)
		return PYTHON_STARTING;
	*what = "its list of threads lies elsewhere";
	n = read_threads(p, interpreter, threads);
	if (!n)
		return PYTHON_UNSUPPORTED;
	*what = "its frames or code objects look different";
	check_modules(p, interpreter);
	frames = check_frames(p, threads, n);
	/* Nothing runs where Python is a part of another program, and waits to be called: then its
	 * modules have to do. */
	if (!frames && (l->interpreter.modules == NO_FIELD || l->minor > 13))
		return PYTHON_STARTING;
	if (frames < 0)
		return PYTHON_UNSUPPORTED;
	*what = "the numbers of its threads lie elsewhere";
	find_tids(p, threads, n);
	if (!numbers_exist(p, threads, n))
		return PYTHON_UNSUPPORTED;
	if (l->minor <= 11)
		find_holder(p, interpreter, threads, n);
	else
		check_gil(p, interpreter);
	return PYTHON_OK;
}
