/*
 * ring0.h - inside the ring-0 test program: the machine's tables, one case's inputs and outputs, randomness, printing.
 *
 * The program is freestanding 32-bit code for any PC. It prints one line a case on port E9h; a line depends on
 * (seed, type, number) alone, so that runs on different machines can be compared line by line.
 */
#ifndef TESTS_RING0_H
#define TESTS_RING0_H

#include <stdint.h>

#define GDT ((volatile uint64_t *)0x1000)
#define LDT ((volatile uint64_t *)0x1800)
#define IDT ((volatile uint64_t *)0x2000)
#define TSS 0x3000u
#define TSS2 0x6000u
#define TSS_DF 0x6200u
#define STUBS 0x8000u /* code of cases: below 64 KB, for 16-bit segments too */
#define STACK3 0xA000u
#define STACK0 0xC000u /* ESP0; ESP1 and ESP2 follow at 1000h each */
#define SEL_CODE(dpl) (0x08 + (dpl) * 0x10 + (dpl)) /* 08 19 2A 3B; data 8 above */
#define SEL_DATA(dpl) (0x10 + (dpl) * 0x10 + (dpl))
#define SEL_TSS 0x48
#define SEL_TSS2 0x50
#define SEL_DF 0x58
#define SEL_LDT 0x60
#define SEL_CODE16 0x68 /* on the way to and from real mode */
#define SEL_DATA16 0x70
#define SEL_CASE 0x80 /* 16 descriptors of the case */

struct case_in {
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags, ss, cs, level, ds, es, fs, gs;
};

struct case_out {
	uint32_t gs, fs, es, ds, edi, esi, ebp, esp_, ebx, edx, ecx, eax, vec, err, eip, cs, eflags, esp, ss, cr2;
};

extern struct case_in in;
extern struct case_out out;
extern uint32_t out_handler_ss, out_handler_esp;
extern uint32_t params[5];
extern uint32_t timed_out; /* the case did not come back */
extern uint8_t stub_table[], stub_81[], df_entry[], nmi_entry[], clear_dr7[];
extern uint8_t real_code[], real_code_end[];
extern uint32_t real_stub_offset[2];
void run_case(void);
void run_real(void); /* `in` and `out` are at REAL_IN and REAL_OUT then */
#define REAL_CODE 0x7000u
#define REAL_IN ((volatile uint32_t *)0x7A00)
#define REAL_OUT ((volatile uint32_t *)0x7B00)

uint32_t rnd(void);
uint32_t pick(uint32_t n);
#define PICK(a) ((a)[pick(sizeof(a) / sizeof(*(a)))])
void put_hex(uint32_t v, int digits);
void put_text(const char *s);
void note(const char *name, uint32_t v); /* an input: shown when verbose */

uint64_t descriptor(uint32_t base, uint32_t limit20, uint32_t attr); /* attr: type S DPL P, bits 12.. AVL L D G */
uint64_t gate(uint32_t sel, uint32_t off, uint32_t attr, uint32_t params_);
uint64_t random_descriptor(void);
uint16_t random_selector(void);
void enter_at(unsigned level); /* fill `in` for code at STUBS at privilege level @level */
extern uint32_t memory_sum; /* of what the case wrote; 0 if it is not looked at */
void sum_words(uint32_t from, uint32_t to); /* add [from, to) to memory_sum */
uint8_t *emit(const char *bytes, unsigned n);
void emit_end(void); /* INT 81h */

#define TYPES 24 /* kinds of cases */
void case_load(void);
void case_rights(void);
void case_far(void);
void case_gate(void);
void case_iret(void);
void case_task(void);
void case_paging(void);
void case_flags(void);
void case_double(void);
void case_v86(void);
void case_debug(void);
void case_soup_real(void);
void case_soup_v86(void);
void case_soup_16(void);
void case_soup_32(void);
void case_switch(void);
void case_modify(void);
void case_v86_paging(void);

uint64_t page_bits(unsigned pae, unsigned large); /* a random entry of a page table or directory, without its frame */

#endif
