/*
 * From a copy of registers and stack to program counters. A frame goes by call frame information;
 * where there is none (what a JIT made), by the frame pointer, if what it points to is a return
 * address that has a call before it. Anything that does not fit ends the stack there, with *cut:
 * part of a stack is true, a guess is not.
 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/native_internal.h"
#include "native/remote.h"

/* ---- memory as it was ---- */

/* From the copy; what cannot change since, from the process. */
static bool read_copied(void *arg, uint64_t address, uint64_t *out)
{
	struct native *n = arg;
	const struct snapshot *c = &n->copy;
	const struct map *map;

	if (address >= c->low && address - c->low <= c->size - sizeof(*out)) {
		memcpy(out, n->stack + (address - c->low), sizeof(*out));
		return true;
	}
	map = maps_find(&n->maps, address);
	return map && map->readable && !map->writable &&
	       remote_read(n->pid, address, out, sizeof(*out));
}

static bool is_code(struct native *n, uint64_t pc)
{
	const struct map *map = maps_find(&n->maps, pc);

	if ((!map || !map->executable) && modules_update(n, true))
		map = maps_find(&n->maps, pc);
	return map && map->executable;
}

/* ---- frame pointers ---- */

#if defined(__x86_64__)

/* call rel32 is e8 and 4 bytes; call r/m64 is ff /2 of 2 to 7 bytes. */
static bool follows_call(struct native *n, uint64_t pc)
{
	static const int LENGTHS[] = {2, 3, 4, 6, 7};
	uint8_t b[8];

	if (!remote_read(n->pid, pc - sizeof(b), b, sizeof(b)))
		return false;
	if (b[3] == 0xe8)
		return true;
	for (size_t i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++)
		if (b[8 - LENGTHS[i]] == 0xff && (b[9 - LENGTHS[i]] & 0x38) == 0x10)
			return true;
	return false;
}

/* What `python -X perf` puts around every function has neither rules nor a frame pointer, and is
 * this to the byte: sub $8, %rsp; call *%rcx; add $8, %rsp; ret. */
static bool is_trampoline(struct native *n, uint64_t pc)
{
	static const uint8_t CODE[] = {
		0x48, 0x83, 0xec, 0x08, 0xff, 0xd1, 0x48, 0x83, 0xc4, 0x08, 0xc3};
	uint8_t code[sizeof(CODE)];

	return remote_read(n->pid, pc - 6, code, sizeof(code)) && !memcmp(code, CODE, sizeof(CODE));
}

static enum step step_out_of_trampoline(struct native *n, struct registers *r, uint64_t *frame)
{
	uint64_t sp = r->value[REG_SP];

	if (!register_known(r, REG_SP) || !read_copied(n, sp + 8, &r->pc))
		return STEP_FAILED;
	*frame = sp + 16;
	register_set(r, REG_SP, sp + 16);
	return STEP_DONE;
}

static uint64_t plain_pc(uint64_t pc)
{
	return pc;
}

/* There are rules for these. */
static bool is_veneer(struct native *n, uint64_t pc)
{
	(void)n, (void)pc;
	return false;
}

static enum step step_out_of_veneer(struct registers *r, uint64_t *frame)
{
	(void)r, (void)frame;
	return STEP_FAILED;
}

static bool is_sigreturn(struct native *n, uint64_t pc)
{
	(void)n, (void)pc;
	return false;
}

static enum step step_out_of_handler(struct native *n, struct registers *r, uint64_t *frame)
{
	(void)n, (void)r, (void)frame;
	return STEP_FAILED;
}

#else

static bool is_trampoline(struct native *n, uint64_t pc)
{
	(void)n, (void)pc;
	return false; /* it has a frame pointer */
}

static enum step step_out_of_trampoline(struct native *n, struct registers *r, uint64_t *frame)
{
	(void)n, (void)r, (void)frame;
	return STEP_FAILED;
}

static bool follows_call(struct native *n, uint64_t pc)
{
	uint32_t code;

	return remote_read(n->pid, pc - sizeof(code), &code, sizeof(code)) &&
	       ((code & 0xfc000000) == 0x94000000 ||       /* bl */
		       (code & 0xfefff000) == 0xd63f0000); /* blr, blraa … */
}

/* Without a pointer authentication code. */
static uint64_t plain_pc(uint64_t pc)
{
	return pc & ((UINT64_C(1) << 48) - 1);
}

/* On the way to another function by way of x16 and x17, which are for that (AAPCS64, 6.1.1): .plt
 * and what linkers put in for calls that go far. They have no rules and make no frame. */
static bool is_veneer(struct native *n, uint64_t pc)
{
	uint32_t code;

	for (int i = 0; i < 5; i++, pc += sizeof(code)) {
		if (!remote_read(n->pid, pc, &code, sizeof(code)))
			return false;
		if ((code & 0xffffffdf) == 0xd61f0200) /* br x16, x17 */
			return true;
		if ((code & 0x9f00001e) != 0x90000010 &&     /* adrp */
			(code & 0xffc003de) != 0xf9400210 && /* ldr x17, [x16, …] */
			(code & 0xff8003de) != 0x91000210 && /* add x16, x16, … */
			(code & 0xffffff3f) != 0xd503241f)   /* bti */
			return false;
	}
	return false;
}

static enum step step_out_of_veneer(struct registers *r, uint64_t *frame)
{
	if (!register_known(r, REG_RA) || !register_known(r, REG_SP))
		return STEP_UNKNOWN;
	r->pc = r->value[REG_RA];
	*frame = r->value[REG_SP];
	return STEP_DONE;
}

/* What a signal handler returns to. The kernel gives no rules for it (its comment in
 * arch/arm64/kernel/vdso/sigreturn.S says why), and its frame pointer would lead past the function
 * that was interrupted; it is known by its code: mov x8, #139; svc #0. */
static bool is_sigreturn(struct native *n, uint64_t pc)
{
	static const uint32_t CODE[] = {0xd2801168, 0xd4000001};
	uint32_t code[2];

	return remote_read(n->pid, pc, code, sizeof(code)) && !memcmp(code, CODE, sizeof(CODE));
}

/* Above the stack pointer: struct rt_sigframe, a siginfo and a ucontext. */
static enum step step_out_of_handler(struct native *n, struct registers *r, uint64_t *frame)
{
	uint64_t at = r->value[REG_SP] + sizeof(siginfo_t) + offsetof(ucontext_t, uc_mcontext);
	struct registers before = {0};

	if (!register_known(r, REG_SP))
		return STEP_UNKNOWN;
	for (unsigned i = 0; i < 31; i++) {
		uint64_t value;

		if (!read_copied(n, at + offsetof(mcontext_t, regs) + 8 * i, &value))
			return STEP_FAILED;
		register_set(&before, i, value);
	}
	if (!read_copied(n, at + offsetof(mcontext_t, sp), frame) ||
		!read_copied(n, at + offsetof(mcontext_t, pc), &before.pc))
		return STEP_FAILED;
	register_set(&before, REG_SP, *frame);
	*r = before;
	return STEP_DONE;
}

#endif

static enum step step_by_pointer(struct native *n, struct registers *r, uint64_t *frame)
{
	uint64_t fp = r->value[REG_FP], caller, pc;

	if (!register_known(r, REG_FP))
		return STEP_UNKNOWN;
	if (!fp)
		return STEP_END;
	if (fp % 8 || !register_known(r, REG_SP) || fp < r->value[REG_SP] ||
		!read_copied(n, fp, &caller) || !read_copied(n, fp + 8, &pc))
		return STEP_FAILED;
	if (!pc)
		return STEP_END;
	pc = plain_pc(pc);
	if (!is_code(n, pc - 1) || !follows_call(n, pc))
		return STEP_FAILED;
	*frame = fp + 16;
	*r = (struct registers){.pc = pc};
	register_set(r, REG_SP, fp + 16);
	register_set(r, REG_FP, caller);
	return STEP_DONE;
}

/* ---- the walk ---- */

struct walk {
	uint64_t *pcs;
	size_t n, max;
	bool cut, unknown;
};

/* At the very end of a handler, or about to call the kernel. */
static bool returned_from_handler(struct native *n, uint64_t pc, bool exact)
{
	return is_sigreturn(n, pc) || (exact && is_sigreturn(n, pc - 4));
}

bool handler_returns_to(struct native *n, uint64_t pc)
{
	const struct row *row = row_find(n, pc);

	return row ? row_is_signal(row) : is_sigreturn(n, pc + 1);
}

/* One frame outwards; false: that was the last. */
static bool go_out(
	struct native *n, struct walk *w, struct registers *r, uint64_t *last, bool *exact)
{
	uint64_t lookup = *exact ? r->pc : r->pc - 1, frame = 0, sp = r->value[REG_SP];
	bool leaf = *exact; /* it called nobody: it is the first, or a signal came */
	const struct row *row = row_find(n, lookup);
	bool made = !row && returned_from_handler(n, r->pc, *exact);
	bool signal = made || (row && row_is_signal(row));
	enum step s;

	if (made)
		s = step_out_of_handler(n, r, &frame);
	else if (row)
		s = row_step(row, r, &frame, read_copied, n);
	else if (*exact && is_veneer(n, r->pc))
		s = step_out_of_veneer(r, &frame);
	else if (!*exact && is_trampoline(n, r->pc))
		s = step_out_of_trampoline(n, r, &frame);
	else
		s = step_by_pointer(n, r, &frame);

	if (s == STEP_END)
		return false;
	if (s == STEP_DONE)
		r->pc = plain_pc(r->pc);
	if (s == STEP_DONE && !r->pc)
		return false;
	/* A frame lies above the one that it called; a leaf on aarch64 may have none. A signal
	 * handler's may be on a stack of its own, and then the copy ends with it. */
	if (s != STEP_DONE || (frame <= *last && !(leaf && frame == sp) && !signal) ||
		!is_code(n, signal ? r->pc : r->pc - 1)) {
		w->cut = true;
		w->unknown = s == STEP_UNKNOWN;
		return false;
	}
	*last = frame;
	*exact = signal;
	return true;
}

static void walk_out(struct native *n, struct walk *w)
{
	struct registers r = n->copy.registers;
	uint64_t last = r.value[REG_SP];
	bool exact = true;

	if (!is_code(n, r.pc)) {
		w->cut = true;
		return;
	}
	do {
		if (w->n == w->max) {
			w->cut = true;
			return;
		}
		w->pcs[w->n++] = exact ? r.pc : r.pc - 1;
	} while (go_out(n, w, &r, &last, &exact));
}

/* While it sleeps on, its stack stays what it is. */
static void remember(struct native_thread *t, const struct walk *w)
{
	free(t->pcs);
	t->pcs = mem_copy(w->pcs, w->n * sizeof(*w->pcs));
	t->n_pcs = w->n;
	t->cut = w->cut;
	t->copied_runs = t->runs;
	t->copied_ns = clock_now_ns();
}

size_t native_unwind(struct native *n, uint64_t *pcs, size_t max, bool *cut)
{
	struct snapshot *c = &n->copy;
	struct native_thread *t = c->tid ? thread_find(n, c->tid) : NULL;
	struct walk w = {.pcs = pcs, .max = max};

	*cut = false;
	if (!t)
		return 0;
	modules_update(n, n->maps_stale);
	if (c->again && t->pcs) {
		w.n = t->n_pcs < max ? t->n_pcs : max;
		memcpy(pcs, t->pcs, w.n * sizeof(*pcs));
		*cut = t->cut || w.n < t->n_pcs;
		t->copied_ns = clock_now_ns();
		return w.n;
	}
	walk_out(n, &w);
	if (c->asleep && w.unknown) {
		t->asked = true;
		t->asked_sp = c->registers.value[REG_SP];
		t->asked_pc = c->registers.pc;
	} else if (c->asleep) {
		remember(t, &w);
	}
	*cut = w.cut;
	return w.n;
}
