/*
 * diff.h - one test case of the differential tests: a few instruction bytes, the state they start from, what they
 * leave behind; and the two places it can run: the host's processor (host.c) and ours (guest.c).
 *
 * Both present the same user-mode environment: IA-32e mode, CPL 3, IOPL 0, CR0.AM = 1; one page of code, one
 * page of data, one read-only page, nothing else; the selectors of a Linux process and a local descriptor table
 * of DIFF_LDT_COUNT segments (diff_ldt[]). The code page is filled with INT3, so every case ends in an
 * exception, and the exception's frame is the result.
 */
#ifndef TESTS_DIFF_H
#define TESTS_DIFF_H

#include "cpu/insn/insn.h"
#include "cpu/vcpu.h"

#define DIFF_CODE 0x20000000u /* linear, user, executable, not writable; nothing before and behind it */
#define DIFF_DATA 0x20011000u /* writable, not executable; nothing before it */
#define DIFF_RO 0x20012000u   /* the page after it: read-only; nothing behind it */
#define DIFF_HOLE 0x20000000u
#define DIFF_HOLE_LEN 0x20000u

#define SEL_CODE32 0x23
#define SEL_DATA 0x2B
#define SEL_CODE64 0x33

/* The local descriptor table; the selector of entry n is n * 8 + 7. */
enum diff_ldt_index { LDT_CODE16, LDT_LIMITED, LDT_STACK16, LDT_DOWN32, LDT_DOWN16, LDT_RO, LDT_XO, LDT_CODE32,
	LDT_ABSENT, LDT_BYTE, DIFF_LDT_COUNT };
#define LDT_SEL(n) ((n) * 8 + 7)

struct diff_ldt_entry {
	uint32_t base, limit; /* limit in bytes, below 1 MB */
	bool big, code, down, no_rw, absent; /* no_rw: read-only data or execute-only code */
};
extern const struct diff_ldt_entry diff_ldt[DIFF_LDT_COUNT];

/* Vectors that no processor has: the case did not end. */
#define DIFF_HANGS 0xFE

struct diff_case {
	uint8_t mode; /* code size in bytes: 2, 4, 8 */
	uint8_t len, ninsns;
	uint16_t at;  /* offset of the first instruction in the code page */
	uint8_t code[80];
	uint32_t undef;	    /* flags that may differ when the case runs to its end */
	uint32_t undef_any; /* the same when one of its instructions faults */
	uint32_t eflags;
	uint16_t sel[SEG_COUNT];
	uint16_t loose;	/* LOOSE_x: what the architecture leaves open, mostly when it faults */
	uint16_t patch_at, patch_len; /* in the data page, over the filling */
	uint8_t patch[48];
	uint64_t gpr[16], fs_base, gs_base; /* bases: 64-bit mode only */
	uint64_t memseed;
	const uint8_t *mem; /* the data page to start with, or NULL: random bytes from memseed */
};

#define LOOSE_MEM 1 /* writes before the fault may or may not be seen */
#define LOOSE_ORDER 2 /* the order of several accesses and checks is open: which of them faults */
#define LOOSE_W 4   /* whether the first access of a read-modify-write is a write */
#define LOOSE_REGS 8 /* registers loaded before the fault may or may not be seen */
#define LOOSE_CALL 16 /* Intel: near CALL has written the return address when the target is beyond the limit */
#define LOOSE_REP 32 /* AMD: order and flags of CMPS and SCAS that fault, upper halves with a 32-bit address size */
#define LOOSE_SREG 64 /* AMD: 32-bit PUSH of a segment register writes four bytes, POP reads all of its operand size */
#define LOOSE_SPREADS 128 /* AMD: instructions follow that may read what one of the last two left otherwise */

enum diff_vendor { VENDOR_OURS, VENDOR_INTEL, VENDOR_AMD, VENDOR_OTHER }; /* bits: another may be like either */

struct diff_result {
	uint64_t gpr[16], rip, cr2, fs_base, gs_base;
	uint32_t eflags, err;
	uint16_t sel[SEG_COUNT];
	uint8_t vec;
	uint8_t vendor; /* enum diff_vendor: whose result it is */
	uint8_t mem[PAGE_SIZE];
};

/* The data page a case starts with. */
void diff_fill(const struct diff_case *c, uint8_t mem[PAGE_SIZE]);
/* IP value of the first instruction: the code page's offset in CS. */
uint64_t diff_ip(const struct diff_case *c);
/* Base of the segment behind @sel outside 64-bit mode. */
uint32_t diff_sel_base(unsigned sel);

/* host.c: a child process that runs cases. NULL: not possible here, *why says so. */
struct host;
struct host *host_new(const char **why);
void host_free(struct host *h);
#define HOST_BATCH 64
/* host_run() - run @n <= HOST_BATCH cases; false: the child died at case *@n, and was started again */
bool host_run(struct host *h, const struct diff_case *c, struct diff_result *r, unsigned *n);
bool host_has(unsigned feature); /* enum cpu_feature: does this processor offer it? */
enum diff_vendor host_vendor(void);

/* guest.c: our processor with the same environment, with backend @accel (enum jit_accel). */
struct guest;
struct guest *guest_new(int accel);
struct guest *guest_new_masked(int accel, uint32_t host_mask); /* HOSTF_* not to use */
void guest_free(struct guest *g);
void guest_run(struct guest *g, const struct diff_case *c, struct diff_result *r);
struct vcpu *guest_cpu(struct guest *g);

/* gen.c: random cases for one instruction row. */
struct gen {
	uint64_t seed;
	const struct insn_index *index;
	bool any_host; /* the same cases on every host: not only what this one can run */
};
uint64_t gen_rnd(struct gen *g);
/* gen_eligible() - is the row one that user code can run and whose result is a function of its inputs? */
bool gen_eligible(const struct insn_row *row);
/* gen_case() - fill @c with a case for row @id in @mode, sometimes with more instructions around it. false: none */
bool gen_case(struct gen *g, unsigned id, unsigned mode, struct diff_case *c);
/* gen_parse() - decode c->code[0..len) afresh: ninsns, undefined flags. false: no valid sequence (undefined flags are read) */
bool gen_parse(const struct insn_index *ix, struct diff_case *c);

/* compare.c */
/* diff_compare() - what differs first, as a word, or NULL */
const char *diff_compare(const struct diff_case *c, const struct diff_result *want, const struct diff_result *got);
void diff_print(const struct diff_case *c, const struct diff_result *want, const struct diff_result *got);
/* diff_row() - the case as a row of int_cases.def, on stderr */
void diff_row(const struct diff_case *c);

#endif
