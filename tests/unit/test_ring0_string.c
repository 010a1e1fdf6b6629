/*
 * test_ring0_string.c - string helpers against a byte-wise oracle, and their precision at faults
 * and interrupts.
 */
#include "ring0_fix.h"

#define AREA 0x9000u
#define AREA_LEN 0x5000u

enum op { MOVS, STOS, LODS, SCAS, CMPS, OPS };

static helper_fn *const helper_of[OPS] = {h_movs, h_stos, h_lods, h_scas, h_cmps};

static uint64_t xorshift(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

struct model { /* registers and memory of the oracle */
	uint8_t mem[AREA_LEN];
	uint64_t rax, rcx, rsi, rdi;
	uint32_t eflags;
};

static uint64_t m_get(const struct model *m, uint32_t at, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)m->mem[at - AREA + i] << i * 8;
	return v;
}

static void m_put(struct model *m, uint32_t at, unsigned n, uint64_t v)
{
	for (unsigned i = 0; i < n; i++)
		m->mem[at - AREA + i] = v >> i * 8;
}

static void m_cmp(struct model *m, uint64_t a, uint64_t b, unsigned n)
{
	uint64_t mask = n == 8 ? ~0ull : BIT(n * 8) - 1, r = (a - b) & mask;
	bool sa = a >> (n * 8 - 1) & 1, sb = b >> (n * 8 - 1) & 1, sr = r >> (n * 8 - 1) & 1;
	unsigned ones = 0;

	for (unsigned i = 0; i < 8; i++)
		ones += r >> i & 1;
	m->eflags &= ~(uint32_t)FL_ARITH;
	m->eflags |= (a < b ? FL_CF : 0) | (ones & 1 ? 0 : FL_PF) |
		     ((a & 15) < (b & 15) ? FL_AF : 0) | (r ? 0 : FL_ZF) | (sr ? FL_SF : 0) |
		     (sa != sb && sr != sa ? FL_OF : 0);
}

static void oracle(struct model *m, enum op op, unsigned n, unsigned rep)
{
	uint64_t mask = n == 8 ? ~0ull : BIT(n * 8) - 1,
		 step = m->eflags & FL_DF ? -(uint64_t)n : n;

	for (uint64_t left = rep ? m->rcx : 1; left; left--) {
		switch (op) {
		case MOVS:
			m_put(m, m->rdi, n, m_get(m, m->rsi, n));
			break;
		case STOS:
			m_put(m, m->rdi, n, m->rax);
			break;
		case LODS:
			m->rax = n >= 4 ? m_get(m, m->rsi, n)
					: (m->rax & ~mask) | m_get(m, m->rsi, n);
			break;
		case SCAS:
			m_cmp(m, m->rax & mask, m_get(m, m->rdi, n), n);
			break;
		default:
			m_cmp(m, m_get(m, m->rsi, n), m_get(m, m->rdi, n), n);
		}
		if (op != STOS && op != SCAS)
			m->rsi = (uint32_t)(m->rsi + step);
		if (op != LODS)
			m->rdi = (uint32_t)(m->rdi + step);
		if (rep)
			m->rcx--;
		if ((op == SCAS || op == CMPS) && rep && (rep == 0xF3) != !!(m->eflags & FL_ZF))
			return;
	}
}

static void one_case(struct fix *f, uint64_t *seed)
{
	struct vcpu *c = f->cpu;
	struct model m;
	uint8_t after[AREA_LEN];
	enum op op = xorshift(seed) % OPS;
	unsigned n = 1u << xorshift(seed) % 3, reps[] = {0, 0xF3, 0xF2},
		 rep = reps[xorshift(seed) % 3];
	bool down = xorshift(seed) & 1;
	unsigned alphabet = xorshift(seed) % 3 ? 1 : 4; /* runs of equal bytes make scans long */
	uint64_t count = xorshift(seed) % (xorshift(seed) % 4 ? 40 : 0x1F00 / n);
	uint64_t span = count * n, lo = down ? AREA + span : AREA, room = AREA_LEN - span - 16;

	if (rep == 0xF2 && op < SCAS)
		rep = 0xF3;
	for (unsigned i = 0; i < AREA_LEN; i++)
		m.mem[i] = alphabet == 1 ? (xorshift(seed) % 2000 == 0) : xorshift(seed);
	m.rsi = lo + xorshift(seed) % room;
	m.rdi = xorshift(seed) % 2 ? lo + xorshift(seed) % room : m.rsi + xorshift(seed) % 16 - 8;
	if (m.rdi < lo || m.rdi > lo + room)
		m.rdi = m.rsi;
	m.rcx = count;
	m.rax = alphabet == 1 ? xorshift(seed) % 2 : xorshift(seed);
	m.rax &= UINT32_MAX;
	m.eflags = 2 | (down ? FL_DF : 0);
	space_write_buf(&f->mem, AREA, m.mem, AREA_LEN);
	c->gpr[GPR_RAX] = m.rax;
	c->gpr[GPR_RCX] = m.rcx;
	c->gpr[GPR_RSI] = m.rsi;
	c->gpr[GPR_RDI] = m.rdi;
	c->eflags = m.eflags;
	ck_assert_int_eq(helper_of[op](c, HSTR(n, 4, rep, SEG_DS), 0, 0), EXIT_NONE);
	oracle(&m, op, n, rep);
	space_read_buf(&f->mem, AREA, after, AREA_LEN);
	ck_assert_msg(!memcmp(after, m.mem, AREA_LEN), "memory: op %d size %u rep %#x down %d", op,
		n, rep, down);
	ck_assert_uint_eq(c->gpr[GPR_RCX], m.rcx);
	ck_assert_uint_eq(c->gpr[GPR_RSI], m.rsi);
	ck_assert_uint_eq(c->gpr[GPR_RDI], m.rdi);
	ck_assert_uint_eq(c->gpr[GPR_RAX], m.rax);
	ck_assert_uint_eq(c->eflags, m.eflags);
}

START_TEST(against_oracle)
{
	struct fix *f = fix_prot(0);
	uint64_t seed = 0x1234567;

	for (unsigned i = 0; i < 3000; i++)
		one_case(f, &seed);
	fix_free(f);
}
END_TEST

START_TEST(faults)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	/* the limit of S_RO is FFFh: LODSB stops exactly there; nothing but the fault is left to do
	 */
	h_load_seg(c, SEG_DS, S_RO, 0);
	c->gpr[GPR_RSI] = 0xFF0;
	c->gpr[GPR_RDI] = 0x9000;
	c->gpr[GPR_RCX] = 100;
	ck_assert_int_eq(h_movs(c, HSTR(4, 4, 0xF3, SEG_DS), 0, 0), EXIT_FAULT);
	ck_raised(f, GP_LIMIT, 0);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 96);
	ck_assert_uint_eq(c->gpr[GPR_RSI], 0x1000);
	ck_assert_uint_eq(c->gpr[GPR_RDI], 0x9010);
	h_load_seg(c, SEG_DS, S_UDATA, 0);
	/* paging: page B000h absent; CR2 and registers exact */
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, 0x30000 + i * 4, i == 0xB ? 0 : i << 12 | 7, 4);
	fix_wr(f, 0x2F000, 0x30007, 4);
	ck_assert_int_eq(h_mov_cr_to(c, 3, 0x2F000, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, c->cr0 | CR0_PG, 0), EXIT_NONE);
	c->gpr[GPR_RDI] = 0xA003;
	c->gpr[GPR_RCX] = 0x2000;
	ck_assert_int_eq(h_stos(c, HSTR(2, 4, 0xF3, SEG_DS), 0, 0), EXIT_FAULT);
	ck_assert_uint_eq(c->event.cr2, 0xB000);
	ck_raised(f, PF_NOT_PRESENT, 2);
	ck_assert_uint_eq(c->gpr[GPR_RDI], 0xAFFF); /* the element that straddles the border */
	ck_assert_uint_eq(c->gpr[GPR_RCX], 0x2000 - 0xFFC / 2);
	/* a scan that faults leaves the flags as they were; the two operands of CMPS are read ES:rDI first */
	c->eflags |= FL_CF;
	c->gpr[GPR_RAX] = 0x100;
	c->gpr[GPR_RDI] = 0xAFFE;
	c->gpr[GPR_RCX] = 9;
	fix_wr(f, 0xAFFE, 0x0101, 2);
	ck_assert_int_eq(h_scas(c, HSTR(1, 4, 0xF2, SEG_DS), 0, 0), EXIT_FAULT);
	ck_assert_uint_eq(c->event.cr2, 0xB000);
	ck_raised(f, PF_NOT_PRESENT, 0);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 7);
	ck_assert_uint_eq(c->eflags & FL_ARITH, FL_CF);
	c->gpr[GPR_RSI] = 0xB123;
	c->gpr[GPR_RDI] = 0xB456;
	ck_assert_int_eq(h_cmps(c, HSTR(1, 4, 0xF3, SEG_DS), 0, 0), EXIT_FAULT);
	ck_assert_uint_eq(c->event.cr2, 0xB456);
	ck_raised(f, PF_NOT_PRESENT, 0);
	c->gpr[GPR_RSI] = 0x1000;
	/* a request stops it between pages, with the rest still to do */
	vcpu_kick(c);
	c->gpr[GPR_RDI] = 0x10000;
	c->gpr[GPR_RCX] = 0x3000;
	ck_assert_int_eq(h_stos(c, HSTR(1, 4, 0xF3, SEG_DS), 0, 0), EXIT_STOP);
	ck_assert_uint_eq(c->gpr[GPR_RDI], 0x11000);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 0x2000);
	ck_assert_int_eq(h_stos(c, HSTR(1, 4, 0xF3, SEG_DS), 0, 0), EXIT_STOP);
	ck_assert_int_eq(h_stos(c, HSTR(1, 4, 0xF3, SEG_DS), 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 0);
	/* single step: one element at a time */
	c->req = 0;
	c->eflags |= FL_TF;
	c->gpr[GPR_RCX] = 2;
	ck_assert_int_eq(h_lods(c, HSTR(1, 4, 0xF3, SEG_DS), 0, 0), EXIT_STOP);
	ck_assert_int_eq(h_lods(c, HSTR(1, 4, 0xF3, SEG_DS), 0, 0), EXIT_NONE);
	fix_free(f);
}
END_TEST

START_TEST(wrap16)
{
	struct fix *f = fix_new("486");
	struct vcpu *c = f->cpu;

	/* real-address mode: the index wraps at 64 KiB, upper halves stay */
	h_load_seg(c, SEG_ES, 0x2000, 0);
	c->gpr[GPR_RDI] = 0xAAAAFFFE;
	c->gpr[GPR_RCX] = 0xBBBB0004;
	c->gpr[GPR_RAX] = 0x55;
	ck_assert_int_eq(h_stos(c, HSTR(1, 2, 0xF3, SEG_DS), 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RDI], 0xAAAA0002);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 0xBBBB0000);
	ck_assert_uint_eq(fix_rd(f, 0x2FFFE, 2), 0x5555);
	ck_assert_uint_eq(fix_rd(f, 0x20000, 4), 0x00005555);
	c->gpr[GPR_RDI] = 0xFFFF; /* a word at FFFFh is beyond the limit */
	ck_assert_int_eq(h_stos(c, HSTR(2, 2, 0, SEG_DS), 0, 0), EXIT_FAULT);
	ck_raised(f, GP_LIMIT, 0);
	fix_free(f);
}
END_TEST

/* STOS of few and of many bytes, where the TLB knows the page: of a byte again and again, and of more. */
START_TEST(fills)
{
	static const uint64_t value[] = {0, 0x1234567812345655, 0x5555555555555555, 0x1111111100005555};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	for (unsigned i = 0; i < ARRAY_SIZE(value) * 3 * 40; i++) {
		unsigned size = 1u << i % 3, n = i / 3 % 40;

		for (unsigned at = 0; at < 200; at++)
			fix_wr(f, AREA + at, 0xEE, 1);
		c->gpr[GPR_RDI] = AREA + 4;
		c->gpr[GPR_RCX] = n;
		c->gpr[GPR_RAX] = value[i / 120];
		ck_assert_int_eq(h_stos(c, HSTR(size, 4, 0xF3, SEG_DS), 0, 0), EXIT_NONE);
		ck_assert_uint_eq(fix_rd(f, AREA + 3, 1), 0xEE);
		for (unsigned k = 0; k < n * size; k++)
			ck_assert_uint_eq(fix_rd(f, AREA + 4 + k, 1), value[i / 120] >> k % size * 8 & 0xFF);
		ck_assert_uint_eq(fix_rd(f, AREA + 4 + n * size, 1), 0xEE);
	}
	fix_free(f);
}
END_TEST

/* REP by a 32-bit count of 0 clears the upper half of RCX, MOVS and STOS also those of their indexes, as on Intel's processors. */
START_TEST(upper_halves)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	for (enum op op = MOVS; op < OPS; op++) {
		c->gpr[GPR_RCX] = c->gpr[GPR_RSI] = c->gpr[GPR_RDI] = 0x700000000;
		ck_assert_int_eq(helper_of[op](c, HSTR(2, 4, 0xF3, SEG_DS), 0, 0), EXIT_NONE);
		ck_assert_uint_eq(c->gpr[GPR_RCX], 0);
		ck_assert_uint_eq(c->gpr[GPR_RSI], op == MOVS ? 0 : 0x700000000);
		ck_assert_uint_eq(c->gpr[GPR_RDI], op <= STOS ? 0 : 0x700000000);
	}
	fix_free(f);
}
END_TEST

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
	return (*(unsigned *)opaque)++;
}

static void port_write(void *opaque, uint64_t off, uint64_t v, unsigned size)
{
	*(unsigned *)opaque += v;
}

START_TEST(ports)
{
	static const struct io_ops ops = {
		.name = "count", .read = port_read, .write = port_write, .min = 1, .max = 4};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	unsigned counter = 0;
	struct region r = {0};

	space_add_io(&f->ports, &r, "count", 0x1F0, 4, &ops, &counter);
	c->gpr[GPR_RDX] = 0x1F0;
	c->gpr[GPR_RDI] = 0x9FF1;
	c->gpr[GPR_RCX] = 256;
	ck_assert_int_eq(h_ins(c, HSTR(2, 4, 0xF3, SEG_ES), 0, 0), EXIT_NONE);
	for (unsigned i = 0; i < 256; i++)
		ck_assert_uint_eq(fix_rd(f, 0x9FF1 + i * 2, 2), i);
	ck_assert_uint_eq(c->gpr[GPR_RDI], 0x9FF1 + 512);
	counter = 0;
	c->gpr[GPR_RSI] = 0x9FF1;
	c->gpr[GPR_RCX] = 256;
	ck_assert_int_eq(h_outs(c, HSTR(2, 4, 0xF3, SEG_DS), 0, 0), EXIT_NONE);
	ck_assert_uint_eq(counter, 255 * 256 / 2);
	/* INS reads the port only after the destination has been checked */
	counter = 0;
	h_load_seg(c, SEG_ES, S_RO, 0);
	ck_assert_int_eq(h_ins(c, HSTR(2, 4, 0, SEG_ES), 0, 0), EXIT_FAULT);
	ck_raised(f, GP_WRITE_RO, 0);
	ck_assert_uint_eq(counter, 0);
	space_remove(&f->ports, &r);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ring0 strings");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, against_oracle);
	tcase_add_test(t, faults);
	tcase_add_test(t, wrap16);
	tcase_add_test(t, fills);
	tcase_add_test(t, upper_halves);
	tcase_add_test(t, ports);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
