/*
 * How to find a caller's registers, for a program counter. elfutils interprets the call frame
 * information once per counter; what comes out is kept as a row of plain rules (DWARF 5, 6.4), so
 * that a stack that was seen before costs one look-up a frame. Rules are read from the process's
 * files, which could be anything: expressions have ceilings and no loops.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "native/native_internal.h"

enum { MAX_OPS = 64, MAX_DEPTH = 32, SLOTS = MAX_ROWS * 2 };

enum how {
	HOW_SAME,      /* the caller's value is still there */
	HOW_UNDEFINED, /* it is lost */
	HOW_SAVED,     /* at frame + offset */
	HOW_VALUE,     /* is frame + offset */
	HOW_REGISTER,  /* in another register */
	HOW_SAVED_BY,  /* at a register's value + offset */
	HOW_SAVED_AT,  /* at what an expression says */
	HOW_COMPUTED,  /* is what an expression says */
	HOW_SUM,       /* is a register's value + offset: of frames */
};

struct op {
	uint8_t atom;
	uint64_t a, b;
};

struct rule {
	uint8_t how;
	uint8_t reg;
	uint8_t n_ops;
	int64_t offset;
	struct op *ops;
};

struct saved {
	uint8_t reg;
	struct rule rule;
};

struct row {
	bool none, signal;
	uint8_t ra;
	uint8_t n_saved;
	struct rule frame;
	struct saved saved[]; /* registers that are not HOW_SAME */
};

/* ---- from elfutils' form ---- */

static bool is_breg(const Dwarf_Op *op, uint8_t *reg, int64_t *offset)
{
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		*reg = (uint8_t)(op->atom - DW_OP_breg0);
		*offset = (int64_t)op->number;
		return true;
	}
	if (op->atom == DW_OP_bregx && op->number < REGISTERS) {
		*reg = (uint8_t)op->number;
		*offset = (int64_t)op->number2;
		return true;
	}
	return false;
}

static struct rule make_expression(const Dwarf_Op *ops, size_t n, enum how how)
{
	struct rule r = {.how = (uint8_t)how};

	if (n > MAX_OPS)
		return (struct rule){.how = HOW_UNDEFINED};
	r.n_ops = (uint8_t)n;
	r.ops = mem_alloc(n, sizeof(*r.ops));
	for (size_t i = 0; i < n; i++)
		r.ops[i] = (struct op){ops[i].atom, ops[i].number, ops[i].number2};
	return r;
}

/* Of a register: a location description. */
static struct rule make_rule(const Dwarf_Op *ops, size_t n)
{
	bool value = n && ops[n - 1].atom == DW_OP_stack_value;
	size_t m = n - value;
	struct rule r = {0};

	if (m && ops[0].atom == DW_OP_call_frame_cfa &&
		(m == 1 || (m == 2 && ops[1].atom == DW_OP_plus_uconst))) {
		r.how = value ? HOW_VALUE : HOW_SAVED;
		r.offset = m == 2 ? (int64_t)ops[1].number : 0;
		return r;
	}
	if (m == 1 && !value && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return (struct rule){
			.how = HOW_REGISTER, .reg = (uint8_t)(ops[0].atom - DW_OP_reg0)};
	if (m == 1 && !value && ops[0].atom == DW_OP_regx && ops[0].number < REGISTERS)
		return (struct rule){.how = HOW_REGISTER, .reg = (uint8_t)ops[0].number};
	if (m == 1 && !value && is_breg(&ops[0], &r.reg, &r.offset)) {
		r.how = HOW_SAVED_BY;
		return r;
	}
	return make_expression(ops, m, value ? HOW_COMPUTED : HOW_SAVED_AT);
}

static bool make_frame_rule(Dwarf_Frame *frame, struct rule *out)
{
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_frame_cfa(frame, &ops, &n) || !n)
		return false;
	*out = (struct rule){.how = HOW_SUM};
	if (n != 1 || !is_breg(&ops[0], &out->reg, &out->offset))
		*out = make_expression(ops, n, HOW_COMPUTED);
	return out->how != HOW_UNDEFINED;
}

static struct row *make_row(Dwarf_Frame *frame)
{
	struct saved saved[REGISTERS];
	struct rule cfa;
	struct row *row;
	size_t n_saved = 0;
	bool signal;
	int ra = dwarf_frame_info(frame, NULL, NULL, &signal);

	if (ra < 0 || ra >= REGISTERS || !make_frame_rule(frame, &cfa))
		return NULL;
	for (unsigned reg = 0; reg < REGISTERS; reg++) {
		Dwarf_Op memory[3], *ops;
		size_t n;
		struct rule rule = {.how = HOW_UNDEFINED};

		if (!dwarf_frame_register(frame, (int)reg, memory, &ops, &n)) {
			if (!n && !ops)
				continue;
			if (n)
				rule = make_rule(ops, n);
		}
		saved[n_saved++] = (struct saved){(uint8_t)reg, rule};
	}
	row = mem_alloc(1, sizeof(*row) + n_saved * sizeof(saved[0]));
	*row = (struct row){.signal = signal, .ra = (uint8_t)ra, .n_saved = (uint8_t)n_saved};
	row->frame = cfa;
	memcpy(row->saved, saved, n_saved * sizeof(saved[0]));
	return row;
}

static void row_free(struct row *row)
{
	if (!row)
		return;
	free(row->frame.ops);
	for (size_t i = 0; i < row->n_saved; i++)
		free(row->saved[i].rule.ops);
	free(row);
}

static struct row *row_of(Dwarf_CFI *cfi, uint64_t address)
{
	Dwarf_Frame *frame;
	struct row *row;

	if (!cfi || dwarf_cfi_addrframe(cfi, address, &frame))
		return NULL;
	row = make_row(frame);
	free(frame);
	return row;
}

/* ---- the table ---- */

static size_t slot_of(uint64_t pc)
{
	return (size_t)((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (SLOTS - 1);
}

void rows_clear(struct native *n)
{
	for (size_t i = 0; n->rows && i < SLOTS; i++)
		row_free(n->rows[i].row);
	free(n->rows);
	n->rows = NULL;
	n->n_rows = 0;
}

const struct row *row_find(struct native *n, uint64_t pc)
{
	const struct map *map;
	struct module *m;
	struct row *row = NULL;
	size_t at;

	if (n->n_rows >= MAX_ROWS)
		rows_clear(n);
	if (!n->rows)
		n->rows = mem_zalloc(SLOTS, sizeof(*n->rows));
	for (at = slot_of(pc); n->rows[at].row; at = (at + 1) & (SLOTS - 1))
		if (n->rows[at].pc == pc)
			return n->rows[at].row->none ? NULL : n->rows[at].row;
	m = module_find(n, pc, &map);
	if (!m || !m->file)
		return NULL;
	row = row_of(file_eh(m->file), pc - m->bias - m->file->eh_bias);
	if (!row)
		row = row_of(file_debug_frame(m->file), pc - m->bias - m->file->debug_bias);
	if (!row) {
		row = mem_zalloc(1, sizeof(*row));
		row->none = true;
	}
	n->rows[at] = (struct row_slot){pc, row};
	n->n_rows++;
	return row->none ? NULL : row;
}

bool row_is_signal(const struct row *row)
{
	return row->signal;
}

/* ---- expressions ---- */

struct machine {
	const struct registers *registers;
	uint64_t frame;
	read_word *read;
	void *arg;
	uint64_t stack[MAX_DEPTH];
	size_t n;
};

static bool push(struct machine *m, uint64_t value)
{
	if (m->n >= MAX_DEPTH)
		return false;
	m->stack[m->n++] = value;
	return true;
}

/* The two topmost become one. */
static bool run_binary(struct machine *m, uint8_t atom)
{
	uint64_t *a, b;

	if (m->n < 2)
		return false;
	b = m->stack[--m->n];
	a = &m->stack[m->n - 1];
	switch (atom) {
	case DW_OP_plus: *a += b; return true;
	case DW_OP_minus: *a -= b; return true;
	case DW_OP_mul: *a *= b; return true;
	case DW_OP_and: *a &= b; return true;
	case DW_OP_or: *a |= b; return true;
	case DW_OP_xor: *a ^= b; return true;
	case DW_OP_shl: *a = b < 64 ? *a << b : 0; return true;
	case DW_OP_shr: *a = b < 64 ? *a >> b : 0; return true;
	case DW_OP_eq: *a = *a == b; return true;
	case DW_OP_ne: *a = *a != b; return true;
	case DW_OP_ge: *a = (int64_t)*a >= (int64_t)b; return true;
	case DW_OP_gt: *a = (int64_t)*a > (int64_t)b; return true;
	case DW_OP_le: *a = (int64_t)*a <= (int64_t)b; return true;
	case DW_OP_lt: *a = (int64_t)*a < (int64_t)b; return true;
	default: return false;
	}
}

static enum step run_register(struct machine *m, uint64_t reg, uint64_t offset)
{
	if (reg >= REGISTERS || !register_known(m->registers, (unsigned)reg))
		return STEP_UNKNOWN;
	return push(m, m->registers->value[reg] + offset) ? STEP_DONE : STEP_FAILED;
}

static bool run_simple(struct machine *m, const struct op *op)
{
	uint64_t *top = m->n ? &m->stack[m->n - 1] : NULL;

	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(m, op->atom - DW_OP_lit0);
	switch (op->atom) {
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts: return push(m, op->a);
	case DW_OP_call_frame_cfa: return push(m, m->frame);
	case DW_OP_dup: return top && push(m, *top);
	case DW_OP_nop: return true;
	case DW_OP_plus_uconst:
		if (top)
			*top += op->a;
		return top;
	case DW_OP_deref: return top && m->read(m->arg, *top, top);
	default: return run_binary(m, op->atom);
	}
}

static enum step run(struct machine *m, const struct rule *rule, uint64_t *out)
{
	m->n = 0;
	for (size_t i = 0; i < rule->n_ops; i++) {
		const struct op *op = &rule->ops[i];
		enum step s;

		if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
			s = run_register(m, op->atom - DW_OP_breg0, op->a);
		else if (op->atom == DW_OP_bregx)
			s = run_register(m, op->a, op->b);
		else
			s = run_simple(m, op) ? STEP_DONE : STEP_FAILED;
		if (s != STEP_DONE)
			return s;
	}
	if (!m->n)
		return STEP_FAILED;
	*out = m->stack[m->n - 1];
	return STEP_DONE;
}

/* ---- a step ---- */

/* A register's value in the caller. STEP_UNKNOWN: it cannot be known, which matters only if it is
 * asked for. */
static enum step apply(struct machine *m, const struct rule *rule, uint64_t *out)
{
	const struct registers *r = m->registers;
	uint64_t at = 0;
	enum step s = STEP_DONE;

	switch (rule->how) {
	case HOW_SAVED: at = m->frame + (uint64_t)rule->offset; break;
	case HOW_VALUE: *out = m->frame + (uint64_t)rule->offset; return STEP_DONE;
	case HOW_REGISTER:
	case HOW_SUM:
	case HOW_SAVED_BY:
		if (!register_known(r, rule->reg))
			return STEP_UNKNOWN;
		at = r->value[rule->reg] + (uint64_t)rule->offset;
		break;
	case HOW_SAVED_AT:
	case HOW_COMPUTED: s = run(m, rule, &at); break;
	default: return STEP_UNKNOWN;
	}
	if (s != STEP_DONE)
		return s;
	if (rule->how == HOW_REGISTER || rule->how == HOW_SUM || rule->how == HOW_COMPUTED) {
		*out = at;
		return STEP_DONE;
	}
	return m->read(m->arg, at, out) ? STEP_DONE : STEP_FAILED;
}

enum step row_step(
	const struct row *row, struct registers *r, uint64_t *frame, read_word *read, void *arg)
{
	struct registers before = *r;
	struct machine m = {.registers = &before, .read = read, .arg = arg};
	bool sp_saved = false;
	enum step s;

#if defined(__x86_64__)
	register_set(&before, REG_RA, r->pc); /* the rule of a .plt asks for the counter itself */
#endif
	s = apply(&m, &row->frame, &m.frame);
	if (s != STEP_DONE)
		return s;
	*frame = m.frame;
	for (size_t i = 0; i < row->n_saved; i++) {
		const struct saved *saved = &row->saved[i];
		uint64_t value = 0;

		s = apply(&m, &saved->rule, &value);
		if (saved->reg == row->ra && saved->rule.how == HOW_UNDEFINED)
			return STEP_END;
		if (saved->reg == row->ra && s != STEP_DONE)
			return s;
		if (s == STEP_DONE)
			register_set(r, saved->reg, value);
		else
			r->known &= ~(UINT64_C(1) << saved->reg);
		sp_saved |= saved->reg == REG_SP && s == STEP_DONE;
	}
	if (!register_known(r, row->ra))
		return STEP_UNKNOWN;
	if (!sp_saved)
		register_set(r, REG_SP, m.frame);
	r->pc = r->value[row->ra];
	return STEP_DONE;
}
