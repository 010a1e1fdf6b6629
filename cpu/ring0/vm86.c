/*
 * vm86.c - the instructions whose meaning hangs on IF, IOPL and virtual-8086 mode: CLI STI PUSHF
 * POPF INT n INT3 INTO.
 *
 * With CR4.VME the 8086 program's IF is EFLAGS.VIF, and INT n goes through its own vector table
 * when its bit in the interrupt redirection bitmap of the TSS is 0. CR4.PVI gives CLI and STI the
 * same virtual IF at CPL 3.
 *
 * Source: Intel SDM Vol. 3A 20.2 "Virtual-8086 Mode", 20.3 "Interrupt and Exception Handling in
 * Virtual-8086 Mode", table 20-2, 20.4 "Protected-Mode Virtual Interrupts"; Vol. 2 CLI, STI, PUSHF,
 * POPF, INT n.
 */
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"

/* May IF be virtualized here? */
static bool virtual_if(const struct vcpu *cpu)
{
	if (is_vm86(cpu))
		return cpu->cr4 & CR4_VME;
	return cpu->cpl == 3 && (cpu->cr4 & CR4_PVI);
}

enum exit vm86_virtual_pending(struct vcpu *cpu)
{
	/* If VIF and VIP are both 1 at the beginning of an instruction whose IF is virtual. */
	if ((~cpu->eflags & (FL_VIF | FL_VIP)) == 0 && virtual_if(cpu))
		return cpu_raise(cpu, CHECK_GP_VME_VIP, 0);
	return EXIT_NONE;
}

enum exit h_cli(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	if (is_real(cpu) || cpu->cpl <= iopl(cpu)) {
		cpu->eflags &= ~(uint32_t)FL_IF;
		vcpu_update_req(cpu);
		return EXIT_NONE;
	}
	/* If the CPL is greater than the IOPL of the current program or procedure (no virtual
	 * interrupts). */
	if (!virtual_if(cpu))
		return cpu_raise(cpu, CHECK_GP_CLI_IOPL, 0);
	cpu->eflags &= ~(uint32_t)FL_VIF;
	return EXIT_NONE;
}

static enum exit sti(struct vcpu *cpu, bool pair)
{
	if (is_real(cpu) || cpu->cpl <= iopl(cpu)) {
		if (!(cpu->eflags & FL_IF) && !cpu->shadow && !pair) {
			cpu->shadow = 1; /* interrupts after the next instruction */
			cpu->eflags |= FL_IF;
			mode_refresh(cpu);
		}
		cpu->eflags |= FL_IF;
		vcpu_update_req(cpu);
		return EXIT_NONE;
	}
	/* If the CPL is greater than the IOPL of the current program or procedure (no virtual
	 * interrupts). */
	if (!virtual_if(cpu))
		return cpu_raise(cpu, CHECK_GP_CLI_IOPL, 0);
	/* If a virtual interrupt is pending (VIP = 1). */
	if (cpu->eflags & FL_VIP)
		return cpu_raise(cpu, CHECK_GP_VME_VIP, 0);
	cpu->eflags |= FL_VIF;
	return EXIT_NONE;
}

enum exit h_sti(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return sti(cpu, false);
}

enum exit h_sti_pair(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return sti(cpu, true);
}

enum exit h_pushf(struct vcpu *cpu, uint64_t osize, uint64_t b, uint64_t c)
{
	uint32_t image = cpu->eflags & ~(uint32_t)(FL_RF | FL_VM);

	if (is_vm86(cpu) && iopl(cpu) < 3) {
		/* If the IOPL is less than 3 in virtual-8086 mode (CR4.VME = 0 or 32-bit operand
		 * size). */
		if (!(cpu->cr4 & CR4_VME) || osize != 2)
			return cpu_raise(cpu, CHECK_GP_VM86_IOPL, 0);
		image = (image & ~(uint32_t)FL_IF) | FL_IOPL | (cpu->eflags & FL_VIF ? FL_IF : 0);
	}
	cpu->ret = image & size_mask(osize);
	return EXIT_NONE;
}

enum exit h_popf(struct vcpu *cpu, uint64_t image, uint64_t osize, uint64_t c)
{
	uint32_t mask = FL_ARITH | FL_TF | FL_DF | FL_NT | (osize > 2 ? FL_AC | FL_ID : 0);

	if (is_vm86(cpu) && iopl(cpu) < 3) {
		/* If the IOPL is less than 3 in virtual-8086 mode (CR4.VME = 0 or 32-bit operand
		 * size). */
		if (!(cpu->cr4 & CR4_VME) || osize != 2)
			return cpu_raise(cpu, CHECK_GP_VM86_IOPL, 0);
		/* With VME: if the image sets TF, or sets IF while VIP is pending. */
		if ((image & FL_TF) || ((image & FL_IF) && (cpu->eflags & FL_VIP)))
			return cpu_raise_aux(cpu, CHECK_GP_VME_VIP, 0, image, cpu->eflags);
		flags_merge(cpu, image & FL_IF ? FL_VIF : 0, FL_VIF);
	} else {
		if (is_real(cpu) || cpu->cpl <= iopl(cpu))
			mask |= FL_IF;
		if (cpu->cpl == 0)
			mask |= FL_IOPL;
	}
	flags_merge(cpu, image, mask);
	cpu->eflags &= ~(uint32_t)FL_RF;
	mode_refresh(cpu);
	vcpu_update_req(cpu);
	return EXIT_NONE;
}

/* Bit of @vec in the software interrupt redirection bitmap, the 32 bytes below the I/O permission
 * bitmap. */
static enum exit redirection_bit(struct vcpu *cpu, unsigned vec, bool *set)
{
	uint64_t base, byte;
	uint32_t off;

	*set = true;
	if (!(cpu->tr.attr & 8) || cpu->tr.limit < 0x67)
		return EXIT_NONE;
	TRY(lin_read(cpu, (uint32_t)(cpu->tr.base + 0x66), 2, sys_idx(cpu), &base));
	off = base - 32 + vec / 8;
	if (base < 32 || off > cpu->tr.limit)
		return EXIT_NONE;
	TRY(lin_read(cpu, (uint32_t)(cpu->tr.base + off), 1, sys_idx(cpu), &byte));
	*set = byte >> (vec & 7) & 1;
	return EXIT_NONE;
}

static enum exit redirect(struct vcpu *cpu, unsigned vec, uint64_t ret_ip)
{
	bool virt = iopl(cpu) < 3;
	uint64_t entry, frame[3];
	struct stack st;

	TRY(lin_read(cpu, vec * 4, 4, vcpu_mmu_idx(cpu), &entry));
	frame[0] = cpu->eflags & 0xFFFF;
	if (virt)
		frame[0] = (frame[0] & ~FL_IF) | FL_IOPL | (cpu->eflags & FL_VIF ? FL_IF : 0);
	frame[1] = cpu->seg[SEG_CS].sel;
	frame[2] = ret_ip;
	stack_current(cpu, &st);
	TRY(stack_push(cpu, &st, frame, 3, 2));
	stack_set_sp(cpu, st.sp, st.asize);
	cpu->eflags &= ~(uint32_t)(FL_TF | FL_RF | (virt ? FL_VIF : FL_IF));
	seg_load_vm86(cpu, SEG_CS, entry >> 16);
	cpu->rip = entry & 0xFFFF;
	mode_refresh(cpu);
	vcpu_update_req(cpu);
	return EXIT_NONE;
}

enum exit vm86_int_n(struct vcpu *cpu, unsigned vec, uint64_t ret_ip, bool *redirected)
{
	bool set = true;

	*redirected = false;
	if (cpu->cr4 & CR4_VME)
		TRY(redirection_bit(cpu, vec, &set));
	if (!set) {
		*redirected = true;
		return redirect(cpu, vec, ret_ip);
	}
	/* If INT n is executed in virtual-8086 mode and the IOPL is less than 3. */
	if (iopl(cpu) < 3)
		return cpu_raise(cpu, CHECK_GP_VM86_IOPL, 0);
	return EXIT_NONE;
}

/* IP does not wrap in a 16-bit segment: what is behind its end lies beyond the limit. */
static uint64_t next_ip(const struct vcpu *cpu, unsigned len)
{
	uint64_t ip = cpu->rip + len;

	return is_code64(cpu) ? ip : ip & UINT32_MAX;
}

enum exit h_int_n(struct vcpu *cpu, uint64_t vec, uint64_t len, uint64_t kind)
{
	struct delivery dv = {
		.vec = vec & 0xFF, .ret_ip = next_ip(cpu, len), .soft = true, .check_dpl = true};
	enum exit r;

	if (kind == 2 && !(cpu->eflags & FL_OF)) { /* INTO without overflow */
		cpu->rip = dv.ret_ip;
		return EXIT_NONE;
	}
	if (kind == 3) { /* INT1: no DPL check, external to the program in error codes */
		dv.soft = dv.check_dpl = false;
		cpu->dr[7] &= ~BIT(13);
	}
	if (kind == 0 && is_vm86(cpu)) {
		bool redirected;

		TRY(vm86_int_n(cpu, dv.vec, dv.ret_ip, &redirected));
		if (redirected) {
			cpu->no_step = true;
			return EXIT_NONE;
		}
	}
	cpu->from = spot_now(cpu, 0);
	r = deliver_any(cpu, &dv);
	if (r != EXIT_NONE) {
		if (kind == 3 && (check_rows[cpu->event.check].form == CODE_SEL ||
					 check_rows[cpu->event.check].form == CODE_ZERO))
			cpu->event.code |= 1;
		return r;
	}
	/* INT n, INT3 and INTO clear TF and are not followed by a single-step trap (Vol. 3B 17.3.1.4) */
	cpu->no_step = true;
	cpu_transition(cpu, TR_SOFTINT, dv.vec, cpu->gpr[GPR_RAX]);
	return EXIT_NONE;
}
