/* ring0_fix.h - a CPU with a GDT, an IDT and a TSS in a few megabytes of RAM, for the tests of ring
 * 0. */
#ifndef TESTS_RING0_FIX_H
#define TESTS_RING0_FIX_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "cpu/helpers.h"
#include "cpu/mode.h"
#include "mmu/base/clock.h"
#include "cpu/ring0/ring0.h"

#define GDT 0x1000
#define IDT 0x2000
#define TSS 0x3000
#define TSS2 0x4000
#define LDT_AT 0x5000
#define KSTACK 0x8000
#define USTACK 0xA000
#define PML4 0x10000
#define RAM_SIZE (4u << 20)

/* selectors of the GDT fix_new() builds */
enum {
	S_KCODE = 0x08,
	S_KDATA = 0x10,
	S_UCODE = 0x18 | 3,
	S_UDATA = 0x20 | 3,
	S_TSS = 0x28,
	S_TSS2 = 0x38,
	S_CONF = 0x48,
	S_GATE = 0x50,
	S_KCODE64 = 0x60,
	S_UCODE64 = 0x68 | 3,
	S_LDT = 0x70,
	S_NPDATA = 0x80,
	S_XO = 0x88,
	S_RO = 0x90,
	S_DOWN = 0x98,
	S_TASKGATE = 0xA0,
	S_NPCODE = 0xA8,
	S_TSS16 = 0xB0,
	GDT_END = 0xC0
};

struct fix {
	struct ram ram;
	struct log log;
	struct clock clock;
	struct space mem, ports;
	struct region reg;
	struct vcpu *cpu;
	int vector; /* what intr_ack answers */
};

static inline uint64_t fix_rd(struct fix *f, uint64_t at, unsigned n)
{
	return space_read(&f->mem, at, n);
}

static inline void fix_wr(struct fix *f, uint64_t at, uint64_t v, unsigned n)
{
	space_write(&f->mem, at, v, n);
}

static inline uint64_t mk_seg(
	uint32_t base, uint32_t limit20, uint16_t attr) /* attr: type S DPL P .. AVL L D G */
{
	return (limit20 & 0xFFFF) | (uint64_t)(base & 0xFFFFFF) << 16 |
	       (uint64_t)(attr & 0xFF) << 40 | (uint64_t)(limit20 >> 16 & 15) << 48 |
	       (uint64_t)(attr >> 12 & 15) << 52 | (uint64_t)(base >> 24) << 56;
}

static inline uint64_t mk_gate(uint16_t sel, uint32_t off, uint8_t attr, unsigned params)
{
	return (off & 0xFFFF) | (uint64_t)sel << 16 | (uint64_t)params << 32 |
	       (uint64_t)attr << 40 | (uint64_t)(off >> 16) << 48;
}

static inline void fix_gdt(struct fix *f, unsigned sel, uint64_t d)
{
	fix_wr(f, GDT + (sel & ~7u), d, 8);
}

static inline void fix_idt(struct fix *f, unsigned vec, uint64_t d)
{
	fix_wr(f, IDT + vec * 8, d, 8);
}

static inline int fix_ack(void *opaque)
{
	struct fix *f = opaque;

	return f->vector;
}

static inline void fix_tables(struct fix *f)
{
	fix_gdt(f, S_KCODE, mk_seg(0, 0xFFFFF, 0xC09A));
	fix_gdt(f, S_KDATA, mk_seg(0, 0xFFFFF, 0xC092));
	fix_gdt(f, S_UCODE, mk_seg(0, 0xFFFFF, 0xC0FA));
	fix_gdt(f, S_UDATA, mk_seg(0, 0xFFFFF, 0xC0F2));
	fix_gdt(f, S_TSS, mk_seg(TSS, 0x67 + 0x40, 0x0089));
	fix_gdt(f, S_TSS2, mk_seg(TSS2, 0x67, 0x0089));
	fix_gdt(f, S_CONF, mk_seg(0, 0xFFFFF, 0xC09E));
	fix_gdt(f, S_GATE, mk_gate(S_KCODE, 0x12345, 0xEC, 2));
	fix_gdt(f, S_KCODE64, mk_seg(0, 0xFFFFF, 0xA09A));
	fix_gdt(f, S_UCODE64, mk_seg(0, 0xFFFFF, 0xA0FA));
	fix_gdt(f, S_LDT, mk_seg(LDT_AT, 0xFF, 0x0082));
	fix_gdt(f, S_NPDATA, mk_seg(0, 0xFFFFF, 0xC072));
	fix_gdt(f, S_XO, mk_seg(0, 0xFFFFF, 0xC0F8));
	fix_gdt(f, S_RO, mk_seg(0, 0xFFF, 0x40F0));
	fix_gdt(f, S_DOWN, mk_seg(0, 0xFFF, 0x40F6));
	fix_gdt(f, S_TASKGATE, mk_gate(S_TSS2, 0, 0xE5, 0));
	fix_gdt(f, S_NPCODE, mk_seg(0, 0xFFFFF, 0xC01A));
	fix_gdt(f, S_TSS16, mk_seg(TSS2, 0x2B, 0x0081));
	for (unsigned v = 0; v < 256; v++)
		fix_idt(f, v, mk_gate(S_KCODE, 0x20000 + v * 16, v == 0x80 ? 0xEE : 0x8E, 0));
	fix_wr(f, TSS + 4, KSTACK, 4);
	fix_wr(f, TSS + 8, S_KDATA, 2);
	fix_wr(f, TSS + 0x66, 0x68, 2);
}

static inline struct fix *fix_new(const char *model)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err e = {0};

	ck_assert_int_eq(ram_init_alias(&f->ram, RAM_SIZE, &e), VM_OK);
	log_init(&f->log);
	clock_init(&f->clock);
	space_init(&f->mem, "mem", BIT(52) - 1, &f->ram, &f->log);
	space_init(&f->ports, "io", 0xFFFF, NULL, &f->log);
	f->reg = (struct region){.name = "ram",
		.kind = REGION_RAM,
		.len = RAM_SIZE,
		.ra = ram_alloc(&f->ram, RAM_SIZE)};
	space_add(&f->mem, &f->reg, 0);
	ck_assert_msg(vcpu_new(&f->cpu, model, &f->mem, &f->ports, &f->ram, &f->clock, &f->log,
			      &e) == VM_OK,
		"%s", e.msg);
	f->cpu->wires.opaque = f;
	f->cpu->wires.intr_ack = fix_ack;
	fix_tables(f);
	return f;
}

static inline void fix_free(struct fix *f)
{
	vcpu_free(f->cpu);
	space_fini(&f->mem);
	space_fini(&f->ports);
	ram_fini(&f->ram);
	free(f);
}

/* Flat 32-bit protected mode at @cpl with everything loaded. */
static inline struct fix *fix_prot_model(const char *model, unsigned cpl)
{
	struct fix *f = fix_new(model);
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(h_lgdt(c, GDT, GDT_END - 1, 0), EXIT_NONE);
	ck_assert_int_eq(h_lidt(c, IDT, 0x7FF, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_PE | CR0_NE, 0), EXIT_NONE);
	ck_assert_int_eq(h_jmp_far(c, S_KCODE, 0x6000, 4 | 7 << 8), EXIT_NONE);
	ck_assert_int_eq(h_load_seg(c, SEG_SS, S_KDATA, 0), EXIT_NONE);
	c->shadow = 0;
	vcpu_update(c);
	ck_assert_int_eq(h_ltr(c, S_TSS, 0, 0), EXIT_NONE);
	c->gpr[GPR_RSP] = KSTACK;
	for (unsigned s = SEG_DS; s <= SEG_GS; s++)
		ck_assert_int_eq(h_load_seg(c, s, S_UDATA, 0), EXIT_NONE);
	ck_assert_int_eq(h_load_seg(c, SEG_ES, S_UDATA, 0), EXIT_NONE);
	if (cpl) {
		uint32_t frame[5] = {0x7000, S_UCODE, 0x202, USTACK, S_UDATA};

		c->gpr[GPR_RSP] = KSTACK - 20;
		space_write_buf(&f->mem, KSTACK - 20, frame, 20);
		ck_assert_int_eq(h_iret(c, 4, 0, 0), EXIT_NONE);
		ck_assert_int_eq(c->cpl, 3);
		ck_assert_uint_eq(c->gpr[GPR_RSP], USTACK);
	}
	return f;
}

static inline struct fix *fix_prot(unsigned cpl)
{
	return fix_prot_model("max", cpl);
}

/* An event of row @id with error code @code must be pending; it is taken back. */
#define ck_raised(f, row, c_)                                                                      \
	do {                                                                                       \
		ck_assert_msg((f)->cpu->event.pending, "nothing raised, expected " #row);          \
		ck_assert_str_eq(check_rows[(f)->cpu->event.check].id, #row);                      \
		ck_assert_uint_eq((f)->cpu->event.code, (c_));                                     \
		(f)->cpu->event.pending = false;                                                   \
	} while (0)

#endif
