/*
 * bcd.c - decimal adjustment, flags included (the undefined ones as Intel processors leave them).
 *
 * Source: Intel SDM Vol. 2 DAA, DAS, AAA, AAS, AAM, AAD.
 */
#include "cpu/ring0/priv.h"

static void set_al(struct vcpu *cpu, uint8_t al)
{
	cpu->gpr[GPR_RAX] = (cpu->gpr[GPR_RAX] & ~0xFFull) | al;
}

static void set_ax(struct vcpu *cpu, uint16_t ax)
{
	cpu->gpr[GPR_RAX] = (cpu->gpr[GPR_RAX] & ~0xFFFFull) | ax;
}

/* SF, ZF, PF of @v; CF and AF as given; OF clear */
static void flags_szp(struct vcpu *cpu, uint8_t v, bool cf, bool af)
{
	uint32_t f = (v & 0x80 ? FL_SF : 0) | (v ? 0 : FL_ZF) | (cf ? FL_CF : 0) | (af ? FL_AF : 0);

	if (!__builtin_parity(v))
		f |= FL_PF;
	cpu->eflags = (cpu->eflags & ~(uint32_t)FL_ARITH) | f;
}

static enum exit adjust(struct vcpu *cpu, int sign)
{
	uint8_t old = cpu->gpr[GPR_RAX], al = old;
	bool cf = cpu->eflags & FL_CF, af = cpu->eflags & FL_AF, ncf = false;

	if ((al & 15) > 9 || af) {
		ncf = cf || (sign > 0 ? al > 0xF9 : al < 6);
		al += sign * 6;
		af = true;
	} else {
		af = false;
	}
	if (old > 0x99 || cf) {
		al += sign * 0x60;
		ncf = true;
	} else if (sign > 0) {
		ncf = false;
	}
	set_al(cpu, al);
	flags_szp(cpu, al, ncf, af);
	return EXIT_NONE;
}

enum exit h_daa(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return adjust(cpu, 1);
}

enum exit h_das(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return adjust(cpu, -1);
}

static enum exit ascii(struct vcpu *cpu, int sign)
{
	uint16_t ax = cpu->gpr[GPR_RAX];
	bool carry = (ax & 15) > 9 || (cpu->eflags & FL_AF);

	if (carry)
		ax += sign * 0x106;
	ax &= 0xFF0F;
	set_ax(cpu, ax);
	flags_szp(cpu, ax, carry, carry);
	return EXIT_NONE;
}

enum exit h_aaa(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return ascii(cpu, 1);
}

enum exit h_aas(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return ascii(cpu, -1);
}

enum exit h_aam(struct vcpu *cpu, uint64_t base, uint64_t b, uint64_t c)
{
	uint8_t al = cpu->gpr[GPR_RAX];

	base &= 0xFF;
	/* If an immediate value of 0 is used. */
	if (!base)
		return cpu_raise(cpu, CHECK_DE_AAM, 0);
	set_ax(cpu, al / base << 8 | al % base);
	flags_szp(cpu, al % base, false, false);
	return EXIT_NONE;
}

enum exit h_aad(struct vcpu *cpu, uint64_t base, uint64_t b, uint64_t c)
{
	uint8_t al = cpu->gpr[GPR_RAX], ah = cpu->gpr[GPR_RAX] >> 8;

	al += ah * (uint8_t)base;
	set_ax(cpu, al);
	flags_szp(cpu, al, false, false);
	return EXIT_NONE;
}
