/*
 * x87_env.c - control and environment: FNINIT FNCLEX FLDCW FNSTCW FNSTSW FLDENV FNSTENV FNSAVE FRSTOR, stack pointer.
 *
 * The environment has four layouts, by operand size and by protected or real mode: SDM Vol. 1 figures 8-9 to 8-12.
 */
#include "cpu/fpu/x87.h"
#include <string.h>

static void fninit(struct fpu_state *s)
{
	unsigned top = x87_top(s);

	x87_turn(s, (8 - top) & 7); /* registers stay where they are physically */
	s->fcw = 0x37F;
	s->fsw = 0;
	s->ftw = 0;
	s->fop = 0;
	s->fip = s->fdp = 0;
}

static uint16_t full_tags(const struct fpu_state *s)
{
	uint16_t t = 0;

	for (unsigned p = 0; p < 8; p++) {
		unsigned i = (p - x87_top(s)) & 7, tag;
		struct fnum n = x87_get(s, i);

		tag = x87_empty(s, i) ? 3 : n.cls == F_ZERO ? 1 : n.cls == F_FIN && !n.denorm ? 0 : 2;
		t |= tag << 2 * p;
	}
	return t;
}

static bool real_layout(const struct vcpu *cpu)
{
	return !(cpu->cr0 & CR0_PE) || (cpu->eflags & FL_VM);
}

static unsigned build_env(struct x87 *x, uint8_t *p)
{
	const struct fpu_state *s = x->s;
	uint32_t fip = s->fip, fdp = s->fdp, fcs = s->fip >> 32 & 0xFFFF, fds = s->fdp >> 32 & 0xFFFF;
	uint32_t lip = fip + (fcs << 4), ldp = fdp + (fds << 4), fop = s->fop & 0x7FF;
	bool real = real_layout(x->cpu);

	if (x->in->osize == 2) {
		uint16_t w[7] = {s->fcw, s->fsw, full_tags(s), fip, fcs, fdp, fds};

		if (real) {
			w[3] = lip;
			w[4] = (lip >> 16 & 15) << 12 | fop;
			w[5] = ldp;
			w[6] = (ldp >> 16 & 15) << 12;
		}
		memcpy(p, w, 14);
		return 14;
	}
	uint32_t d[7] = {0xFFFF0000u | s->fcw, 0xFFFF0000u | s->fsw, 0xFFFF0000u | full_tags(s), fip,
		fop << 16 | fcs, fdp, 0xFFFF0000u | fds};

	if (real) {
		d[3] = 0xFFFF0000u | (lip & 0xFFFF);
		d[4] = (lip >> 16) << 12 | fop;
		d[5] = 0xFFFF0000u | (ldp & 0xFFFF);
		d[6] = (ldp >> 16) << 12;
	}
	memcpy(p, d, 28);
	return 28;
}

static void set_tags(struct fpu_state *s, uint16_t t)
{
	s->ftw = 0;
	for (unsigned p = 0; p < 8; p++)
		if ((t >> 2 * p & 3) != 3)
			s->ftw |= 1u << p;
}

static void parse_env(struct x87 *x, const uint8_t *p)
{
	struct fpu_state *s = x->s;
	bool real = real_layout(x->cpu);
	uint16_t w[7];
	uint32_t d[7], old = x87_top(s);

	memcpy(w, p, 14);
	if (x->in->osize == 2) {
		for (unsigned i = 0; i < 7; i++)
			d[i] = w[i];
		s->fip = real ? d[3] | (d[4] >> 12) << 16 : d[3] | (uint64_t)d[4] << 32;
		s->fdp = real ? d[5] | (d[6] >> 12) << 16 : d[5] | (uint64_t)d[6] << 32;
		if (real)
			s->fop = d[4] & 0x7FF;
	} else {
		memcpy(d, p, 28);
		s->fip = real ? (d[3] & 0xFFFF) | (d[4] >> 12 & 0xFFFF) << 16 : d[3] | (uint64_t)(d[4] & 0xFFFF) << 32;
		s->fdp = real ? (d[5] & 0xFFFF) | (d[6] >> 12 & 0xFFFF) << 16 : d[5] | (uint64_t)(d[6] & 0xFFFF) << 32;
		s->fop = (real ? d[4] : d[4] >> 16) & 0x7FF;
	}
	s->fcw = (d[0] & 0x1F3F) | 0x40;
	s->fsw = d[1];
	x87_turn(s, (x87_top(s) - old) & 7);
	set_tags(s, d[2]);
	x87_es(x->cpu);
}

static enum exit save(struct x87 *x, bool regs)
{
	uint8_t buf[108];
	unsigned n = build_env(x, buf);

	if (regs)
		for (unsigned i = 0; i < 8; i++, n += 10)
			memcpy(buf + n, x->s->st[i], 10);
	if (mmu_write_buf(&x->cpu->mmu, x->gla, buf, n, vcpu_mmu_idx(x->cpu)) != EXIT_NONE)
		return cpu_page_fault(x->cpu);
	if (regs)
		fninit(x->s);
	else
		x->s->fcw |= 0x3F; /* FNSTENV masks all exceptions */
	x87_es(x->cpu);
	return EXIT_NONE;
}

static enum exit load(struct x87 *x, bool regs)
{
	unsigned env = x->in->osize == 2 ? 14 : 28, n = env + (regs ? 80 : 0);
	uint8_t buf[108];

	if (mmu_read_buf(&x->cpu->mmu, x->gla, buf, n, vcpu_mmu_idx(x->cpu)) != EXIT_NONE)
		return cpu_page_fault(x->cpu);
	parse_env(x, buf);
	for (unsigned i = 0; regs && i < 8; i++) {
		memset(x->s->st[i], 0, 16);
		memcpy(x->s->st[i], buf + env + 10 * i, 10);
	}
	return EXIT_NONE;
}

static enum exit fldcw(struct x87 *x)
{
	uint64_t v;

	TRY(x87_load(x, 2, &v));
	x->s->fcw = (v & 0x1F3F) | 0x40;
	x87_es(x->cpu);
	return EXIT_NONE;
}

void x87_move_top(struct fpu_state *s, unsigned by)
{
	x87_turn(s, by & 7);
	s->fsw = (s->fsw & ~(7u << 11)) | ((x87_top(s) + by) & 7) << 11;
	s->fsw &= ~FSW_C1;
}

static enum exit db_register(struct x87 *x)
{
	switch (x->in->modrm & 7) {
	case 2:
		x->s->fsw &= ~(0x80FFu);
		break;
	case 3:
		fninit(x->s);
		break;
	default: /* FNENI FNDISI FNSETPM: nothing since the 387 */
		return EXIT_NONE;
	}
	x87_es(x->cpu);
	return EXIT_NONE;
}

static bool waits(const struct vcpu *cpu)
{
	return cpu->fpu.fsw & FSW_ES;
}

/* x87_control() - instructions that leave FIP and FOP alone; *done is set if it was one and it is over */
enum exit x87_control(struct x87 *x, bool *done)
{
	unsigned op = x->in->opcode, ext = x->in->modrm >> 3 & 7;
	bool mem = x->in->has_mem;

	*done = true;
	if (!mem && op == 0xDB && ext == 4)
		return db_register(x);
	if (!mem && op == 0xDF && ext == 4) {
		x->cpu->gpr[GPR_RAX] = (x->cpu->gpr[GPR_RAX] & ~0xFFFFull) | x->s->fsw;
		return EXIT_NONE;
	}
	if (mem && op == 0xD9 && ext == 6)
		return save(x, false);
	if (mem && op == 0xDD && ext == 6)
		return save(x, true);
	if (mem && op == 0xD9 && ext == 7)
		return x87_store(x, 2, x->s->fcw);
	if (mem && op == 0xDD && ext == 7)
		return x87_store(x, 2, x->s->fsw);
	/* what follows waits for a pending exception */
	if (!waits(x->cpu) || !(x->cpu->cr0 & CR0_NE)) {
		if (mem && op == 0xD9 && ext == 5)
			return fldcw(x);
		if (mem && op == 0xD9 && ext == 4)
			return load(x, false);
		if (mem && op == 0xDD && ext == 4)
			return load(x, true);
	}
	*done = false;
	return EXIT_NONE;
}
