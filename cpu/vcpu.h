/*
 * vcpu.h - one virtual CPU: all architectural state, laid out for translated code.
 *
 * Outside translated code the whole state is here. Inside, on an x86-64 host, general registers, arithmetic
 * flags and FP state may live in host registers (jit/x64/regs.def says which); every call into C that can
 * look at them is preceded by a spill, so C code never needs to know.
 *
 * EFLAGS: `eflags` is complete, bit 1 set, whenever C code runs. RIP: `rip` is exact whenever a
 * helper that may fault or end the block runs; within a page translated code keeps only `ip_base`, the IP
 * value of the page's first byte, so that one translation serves every linear address of the page.
 *
 * Nothing here is a pointer into another machine; several CPUs and machines live in one process.
 */
#ifndef CPU_VCPU_H
#define CPU_VCPU_H

#include "mmu/access.h"
#include "cpu/features.h"
#include "cpu/insn/insn.h"

/* EFLAGS, SDM Vol. 1 3.4.3 */
#define FL_CF BIT(0)
#define FL_1 BIT(1)
#define FL_PF BIT(2)
#define FL_AF BIT(4)
#define FL_ZF BIT(6)
#define FL_SF BIT(7)
#define FL_TF BIT(8)
#define FL_IF BIT(9)
#define FL_DF BIT(10)
#define FL_OF BIT(11)
#define FL_IOPL (3u << 12)
#define FL_NT BIT(14)
#define FL_RF BIT(16)
#define FL_VM BIT(17)
#define FL_AC BIT(18)
#define FL_VIF BIT(19)
#define FL_VIP BIT(20)
#define FL_ID BIT(21)
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_MCE BIT(6)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE BIT(18)
#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)

/* Segment attributes: the descriptor's second dword >> 8, bits 8..11 (limit 19:16) zero. SDM Vol. 3A 3.4.5. */
#define SEGA_TYPE 0x000F
#define SEGA_S 0x0010
#define SEGA_DPL 0x0060
#define SEGA_P 0x0080
#define SEGA_AVL 0x1000
#define SEGA_L 0x2000
#define SEGA_DB 0x4000
#define SEGA_G 0x8000

struct seg {
	uint64_t base;
	uint32_t limit; /* in bytes, last valid offset (expand-down: last invalid) */
	uint16_t sel, attr; /* attr 0 (P clear): unusable */
	/*
	 * What the translator compares: an access of n bytes at EA is within the limit and the type's
	 * rights iff lo <= EA && EA + n-1 <= hi, no 32-bit overflow. lo > hi: nothing is allowed.
	 */
	uint32_t rlo, rhi, wlo, whi;
};

/* FXSAVE/XSAVE image, standard form, so that hosts with the instruction load it directly. SDM Vol. 1 13.4. */
struct fpu_state {
	uint16_t fcw, fsw; /* fsw includes TOP */
	uint8_t ftw, res0; /* abridged: bit per physical register, 1 = not empty */
	uint16_t fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[8][16];   /* ST(0)..ST(7) in stack order, 10 bytes each; MMX i is physical register i */
	uint8_t xmm[16][16];
	uint8_t res1[96];
	uint64_t xstate_bv, xcomp_bv, xres[6];
	uint8_t ymmh[16][16];
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct fpu_state, st) == 32, "FXSAVE layout");
_Static_assert(offsetof(struct fpu_state, xmm) == 160, "FXSAVE layout");
_Static_assert(offsetof(struct fpu_state, ymmh) == 576, "XSAVE layout");

/* cpu->req: why translated code must come back. Set by vcpu_request() only, which shuts the gate. */
#define REQ_INTR 0x01  /* a maskable interrupt can be taken now (line up, IF set, no shadow) */
#define REQ_NMI 0x02
#define REQ_KICK 0x04  /* look at the clock, the mailbox, the world */
#define REQ_STOP 0x08  /* leave vcpu_run() */
#define REQ_RESET 0x10
#define REQ_DEBUG 0x20 /* a debug trap is pending, or gdb wants us */
#define REQ_INIT 0x40
#define REQ_SMI 0x80

enum event_kind { EV_FAULT, EV_TRAP, EV_ABORT, EV_SOFT /* INT n, INT3, INTO */, EV_ICEBP, EV_EXT, EV_NMI };

/* A guest exception on its way, and what explain needs to tell its story. */
struct event {
	bool pending;
	uint8_t vec, kind;   /* vector 0..255, enum event_kind */
	bool has_code;
	uint32_t code;
	uint64_t cr2;	     /* #PF */
	uint16_t check;	     /* enum check_id (cpu/ring0/checks.def) that failed */
	uint16_t sel;	     /* selector under judgement, if any */
	uint64_t desc[2];    /* its descriptor or gate as read, if any */
	uint64_t aux[3];     /* limit, offset, address: the row's wording says which */
	uint64_t rip;	     /* instruction that raised it, and its mode */
	uint8_t cpl;
};

/* A place in the guest's program, for the trap log (ring0/history.h). */
struct place {
	uint64_t rip;
	uint32_t mode; /* mode key (mode.h) */
	uint32_t base; /* of CS */
	uint16_t cs;
	uint8_t cpl;
};

/* The same as the log keeps it: CPL is in the mode key, and base and IP of 16- and 32-bit code need 64 bits together. */
struct spot {
	uint64_t at;	 /* IP; outside 64-bit code the base of CS in the upper half */
	uint64_t key;	 /* mode key, in the upper half CS, above that 16 bits of the log's */
};
#define SPOT_KEY(mode, cs, more) ((uint32_t)(mode) | (uint64_t)(uint16_t)(cs) << 32 | (uint64_t)(uint16_t)(more) << 48)

struct vcpu;

/* What the CPU asks of the board; all called on the machine's thread. */
struct cpu_wires {
	void *opaque;
	int (*intr_ack)(void *opaque);	/* vector of the pending maskable interrupt, or -1 (gone) */
	void (*ferr)(void *opaque, int level); /* FERR# (x87 error with CR0.NE=0); may be NULL */
	uint64_t (*tsc)(void *tsc_opaque); /* time-stamp counter before the TSC_ADJUST/offset */
	void *tsc_opaque;
	uint32_t tsc_hz; /* ticks of it in a second, for CPUID; 0: not told */
	/* local APIC: MSR 1Bh, 6E0h and 800h..8FFh, CR8; false: #GP. May be NULL (no APIC). */
	bool (*apic_read)(void *opaque, uint32_t msr, uint64_t *v);
	bool (*apic_write)(void *opaque, uint32_t msr, uint64_t v);
	uint8_t (*get_cr8)(void *opaque);
	void (*set_cr8)(void *opaque, uint8_t v);
};

/* Optimisations of this layer that can be switched off (vcpu.opts_off); jit/jit.h has their names. */
enum {
	CPU_OPT_KEY64 = 1,   /* the mode key of 64-bit code does not tell a null SS from another */
	CPU_OPT_KEYGS = 2,   /* GS counts for the mode key in ring 3 only (and outside protected mode) */
	CPU_OPT_KEYSEG = 4,  /* a load of a data segment changes its own bits of the mode key only */
	CPU_OPT_STRINGS = 8, /* short MOVS and STOS within a page take a short way */
};

struct vcpu {
	/* ---- hot: addressed by short displacements from VCPU_BIAS; keep the order, see jit/x64/regs.def ---- */
	uint64_t gpr[16];	  /* RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 */
	uint32_t req;		  /* REQ_*; polled by translated code */
	uint32_t eflags;
	uint64_t jc_key;	  /* tag modifier of the jump cache (jit/cache); beside req, for one load of both */
	uint64_t ip_base;	  /* IP value of byte 0 of the page of the running block */
	uint64_t rip;
	uint64_t ret;		  /* result of the last helper that has one */
	uint8_t fp_live;	  /* guest XMM registers and MXCSR are in host registers (host backends only) */
	uint8_t shadow;		  /* interrupt shadow: 1 STI, 2 MOV/POP SS; the next instruction only */
	uint8_t halted;		  /* in HLT */
	uint8_t one;		  /* run the next instruction alone (debug, replay) */
	uint16_t fl_save;	  /* host backends: arithmetic flags of running code, in the host's form */
	uint8_t x87_live, avx_live; /* the x87 stack, the upper halves of YMM registers are there, too */
	uint32_t mode;		  /* translation mode key; mode.h; current whenever a block is looked up */
	uint64_t scratch[8];	  /* spill slots of translated code */
	volatile uint8_t doing;	  /* translator: what C code is at (enum prof_where), for a signal handler that samples */
	uint64_t insns;		  /* executed instructions, counted per block by whoever runs it */
	uint64_t insns_limit;	  /* x64 translator: when so many have been, loops look at req (jit/x64/poll.c) */
	uint64_t jc_gate;	  /* jc_key, or VCPU_GATE_SHUT from a request on until the run loop has looked */
	/* ---- warm ---- */
	struct seg seg[SEG_COUNT];
	struct seg ldtr, tr;
	struct { uint64_t base; uint32_t limit; } gdtr, idtr;
	uint64_t cr0, cr2, cr3, cr4, xcr0, efer;
	uint64_t dr[8];
	struct fpu_state fpu;
	/* ---- cold ---- */
	struct {
		uint64_t star, lstar, cstar, fmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
		uint64_t pat, misc_enable, tsc_aux, tsc_adjust, tsc_offset, apic_base, mtrr_def;
		uint64_t mtrr_fix[11], mtrr_base[8], mtrr_mask[8], mcg_status, mcg_ctl, feature_control;
		uint64_t mc[4][4];
	} msr;
	uint8_t cpl;		  /* current privilege level; 3 in virtual-8086 mode, 0 in real mode */
	uint8_t opts_off;	  /* CPU_OPT_*: before the guest runs */
	bool intr_line, nmi_line, nmi_blocked, a20;
	bool whole_strings;	  /* a request does not stop a repeated string instruction (lockstep) */
	bool triple;		  /* shut down by a triple fault; the run loop resets or stops */
	struct { bool hit; gla_t gla; } watch; /* a debugger's watchpoint was touched, which one */
	uint64_t dr6_pending;	  /* debug conditions met by the running instruction: #DB after it */
	bool no_step;		  /* the instruction just run is one after which TF does not trap (INT n, INT3, INTO), or has (SYSCALL, SYSRET) */
	struct event event;
	struct event chain[6];	  /* events behind a double or triple fault, oldest first */
	uint8_t nchain;
	bool x87_on_host;	  /* x87 instructions run on the host, which tells of none but a faulty one where it was */
	struct spot from;	  /* where the transition in progress began */
	raddr_t insn_ra;	  /* the instruction at RIP, about to fault, where who runs it knows; else RADDR_NONE */
	struct history *history; /* trap log (ring0/history.h) */
	struct feature_set features;
	const struct cpu_model *model; /* cpuid.c */
	uint64_t rng;		  /* RDRAND/RDSEED generator; the owner may seed it */
	uint8_t maxphyaddr;	  /* bits */
	struct insn_index *index;
	struct space *ports;
	struct cpu_wires wires;
	struct log *log;
	struct clock *clock;
	void *jit;		  /* struct jit (jit/jit.h): set by the translator */
	struct mmu mmu __attribute__((aligned(64))); /* large; last. An entry of the TLB lies in one line of the cache */
};

/* The env register points here: gpr[5..15] below, the hot words above, all in disp8; modulo 64 it is what windows shift addresses by */
#define VCPU_BIAS 168

/*
 * Translated code notes where IP values lead by tags with cpu->jc_key and looks for them by cpu->jc_gate. Shut, that is in no tag: who looks comes
 * back to C, and need not look for requests besides. Other keys (jit/context.c) differ from these two in the upper byte: the lower one may be written by
 * the guest's thread as another shuts the gate.
 */
#define VCPU_GATE_SHUT (0xFFFFull << 48)
#define VCPU_KEY_NONE (0xFFFCull << 48) /* of no context; nor is it the gate's, so a return noted now is not found by a shut gate */

/* vcpu_new() - zeroed, 64-byte aligned, index built; @model: -cpu argument ("max", "pentium3,-sse", ...). */
enum vm_err vcpu_new(struct vcpu **out, const char *model, struct space *mem, struct space *ports,
	struct ram *ram, struct clock *clock, struct log *log, struct err *e);
void vcpu_free(struct vcpu *cpu);

/* Power-on / RESET state, SDM Vol. 3A 9.1.1 "Processor State After Reset" (INIT keeps FPU, MSRs, caches). */
void vcpu_reset(struct vcpu *cpu, bool init);

/* Re-derive what depends on it: paging copy, mode key, requests. Call after changing CRx, EFER, CPL, A20, segments. */
void vcpu_update(struct vcpu *cpu);

void vcpu_set_intr(struct vcpu *cpu, int level); /* INTR wire (PIC or APIC); machine thread */
void vcpu_set_nmi(struct vcpu *cpu, int level);
void vcpu_set_a20(struct vcpu *cpu, int level);
void vcpu_request(struct vcpu *cpu, uint32_t req); /* any thread: REQ_* more; translated code comes back soon */
void vcpu_kick(struct vcpu *cpu);		  /* any thread: REQ_KICK */
void vcpu_update_req(struct vcpu *cpu);	  /* after IF, shadow or lines changed */

/* Which TLB an explicit data access of the running program uses. */
static inline enum mmu_idx vcpu_mmu_idx(const struct vcpu *cpu)
{
	if (cpu->cpl == 3)
		return MMU_USER;
	return (cpu->cr4 & CR4_SMAP) && !(cpu->eflags & FL_AC) ? MMU_SMAP : MMU_SUP;
}

static inline bool vcpu_long(const struct vcpu *cpu) /* IA-32e mode active (64-bit or compatibility) */
{
	return cpu->efer & EFER_LMA;
}

#endif
