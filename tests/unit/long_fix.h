/* long_fix.h - ring0_fix.h's CPU in IA-32e mode, 64-bit code, paging by 2-MB pages, and code run in either engine. */
#ifndef TESTS_LONG_FIX_H
#define TESTS_LONG_FIX_H

#include "tests/unit/ring0_fix.h"
#include "jit/jit.h"

#define HANDLERS 0x20000u /* 16 bytes a vector, a HLT each */
#define KCODE_AT 0x6000u
#define UCODE_AT 0x7000u

/* Ring @cpl; identity mapping of 8 MB; IDT of 16-byte gates to HANDLERS; RSP0 and IST1 are KSTACK. */
static inline struct fix *fix_long(const char *model, unsigned cpl)
{
	uint64_t frame[5] = {UCODE_AT, S_UCODE64, 0x202, USTACK, S_UDATA};
	struct fix *f = fix_prot_model(model, 0);
	struct vcpu *c = f->cpu;

	fix_wr(f, PML4, (PML4 + 0x1000) | 7, 8);
	fix_wr(f, PML4 + 0x1000, (PML4 + 0x2000) | 7, 8);
	for (unsigned i = 0; i < 4; i++)
		fix_wr(f, PML4 + 0x2000 + i * 8, (uint64_t)i << 21 | 0x87, 8);
	for (unsigned v = 0; v < 256; v++) {
		fix_wr(f, IDT + v * 16, mk_gate(S_KCODE64, HANDLERS + v * 16, v == 0x80 ? 0xEE : 0x8E, 0), 8);
		fix_wr(f, IDT + v * 16 + 8, 0, 8);
		fix_wr(f, HANDLERS + v * 16, 0xF4, 1);
	}
	fix_wr(f, TSS + 4, KSTACK, 8);
	fix_wr(f, TSS + 0x24, KSTACK, 8); /* IST1 */
	c->idtr.limit = 0xFFF;
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_PAE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PML4, 0), EXIT_NONE);
	c->gpr[GPR_RCX] = 0xC0000080;
	c->gpr[GPR_RDX] = 0;
	c->gpr[GPR_RAX] = EFER_LME | (feature_has(&c->features, FEAT_SYSCALL) ? EFER_SCE : 0);
	ck_assert_int_eq(h_wrmsr(c, 0, 0, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, c->cr0 | CR0_PG, 0), EXIT_NONE);
	ck_assert_int_eq(h_jmp_far(c, S_KCODE64, KCODE_AT, 4 | 7 << 8), EXIT_NONE);
	c->gpr[GPR_RSP] = KSTACK;
	if (cpl) {
		c->gpr[GPR_RSP] = KSTACK - 40;
		space_write_buf(&f->mem, KSTACK - 40, frame, 40);
		ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
	}
	return f;
}

/* Put the bytes of @hex ("0F 05 ...") at @at. Return: how many */
static inline unsigned fix_code(struct fix *f, uint64_t at, const char *hex)
{
	unsigned v, n = 0;

	for (const char *p = hex; sscanf(p, "%2x", &v) == 1; p += p[2] ? 3 : 2)
		fix_wr(f, at + n++, v, 1);
	return n;
}

/* Run from where RIP stands until a HLT (of a handler, or of the code). Return: vector of the handler, or -1 */
static inline int fix_run(struct fix *f, enum jit_accel accel)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	vcpu_update(f->cpu);
	tlb_flush(&f->cpu->mmu, true);
	vcpu_update_req(f->cpu);
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	jit_free(j);
	ck_assert_msg(stop == JIT_HALTED, "stopped by %d", stop);
	if (f->cpu->rip > HANDLERS && f->cpu->rip <= HANDLERS + 0x1000)
		return (f->cpu->rip - HANDLERS) / 16;
	return -1;
}

/* Word @i of the frame a handler was given. */
static inline uint64_t fix_frame(struct fix *f, unsigned i)
{
	return fix_rd(f, f->cpu->gpr[GPR_RSP] + 8 * i, 8);
}

#endif
