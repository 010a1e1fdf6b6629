/*
 * lockstep.c - two engines, one guest: each block runs in the interpreter and then in the host backend.
 *
 * From one snapshot of the CPU the interpreter runs the block for real: its device accesses (ports, MMIO, the APIC's MSRs), time reads, the old
 * bytes of all RAM it writes, and what devices write to RAM while it accesses them (DMA) are recorded. Then RAM and CPU are put
 * back, the backend runs the same block with device accesses and their DMA replayed from the record, and everything is
 * compared: registers, flags (but those the last writer leaves undefined), segments, control registers, FPU, event, and every
 * byte that either side's C code was seen to write. The guest goes on from the backend's state.
 */
#include "jit/priv.h"
#include "cpu/ring0/history.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum io_kind { IO_PORT_READ, IO_PORT_WRITE, IO_MEM_READ, IO_MEM_WRITE, IO_TSC, IO_MSR_READ, IO_MSR_WRITE, IO_CR8_READ, IO_CR8_WRITE };

struct io_event {
	uint64_t addr, val;
	uint8_t kind, size;
	bool ok; /* IO_MSR_x: there is such a register, and it takes the value */
};

struct ram_write {
	raddr_t ra;
	uint32_t len;
	uint32_t at; /* of the old bytes in old[] and the new ones in new[] */
	uint32_t io; /* the access in io[] during which a device wrote this; BY_CPU: no device did */
};
#define BY_CPU UINT32_MAX

struct lockstep {
	struct jit *j;
	struct mmu_tap tap;
	struct space ports;	 /* what the CPU sees instead of the real port space */
	struct space *real_ports;
	struct region all_ports;
	struct cpu_wires real;	 /* the CPU's wires; ours lie in between */
	bool ok;		 /* of the last access */
	bool running;		 /* a block runs: what happens outside, delivery of events, is done once and by one engine */
	bool replay;
	bool mismatch;
	gla_t refill[8];	 /* pages found by page-table entries that the same block had written before */
	unsigned nrefill;	 /* all there were; more than fit: any page */
	bool changed_self;	 /* the block has changed its own bytes */
	bool in_device;		 /* a device access is being recorded: what is written now is DMA */
	struct io_event *io;
	unsigned nio, next_io, cap_io;
	struct ram_write *w;
	unsigned nw, cap_w, next_dma;
	uint8_t *old, *new;
	size_t bytes, cap;
	struct vcpu *before, *after; /* the part of struct vcpu before mmu */
	struct paging pg_before;
	uint64_t blocks;
};

#define STATE_SIZE offsetof(struct vcpu, mmu)
#define HOT_SIZE offsetof(struct vcpu, seg)

/* ---- recording ---- */

static struct log *log_of(const struct lockstep *k)
{
	return k->j->cpu->log;
}

static void report(struct lockstep *k, const char *what, uint64_t interp, uint64_t host)
{
	fprintf(log_of(k)->out, "lockstep: %s: interpreter %" PRIx64 ", %s %" PRIx64 "\n", what, interp,
		k->j->be->name, host);
	k->mismatch = true;
}

/* Keep the old bytes of [ra, ra+len), which are about to be written: by the CPU, or by a device during access @io. */
static void note_write(struct lockstep *k, raddr_t ra, unsigned len, uint32_t io)
{
	struct ram_write *last = k->nw ? &k->w[k->nw - 1] : NULL;

	while (k->bytes + len > k->cap) {
		k->cap = (k->cap + len) * 2;
		k->old = realloc(k->old, k->cap);
		k->new = realloc(k->new, k->cap);
		BUG_ON(!k->old || !k->new);
	}
	memcpy(k->old + k->bytes, k->j->cpu->mmu.ram->host + ra, len);
	/* a string instruction's elements, one behind the other, are one write */
	if (last && last->io == io && last->ra + last->len == ra) {
		last->len += len;
	} else {
		if (k->nw == k->cap_w) {
			k->cap_w = k->cap_w ? k->cap_w * 2 : 256;
			k->w = realloc(k->w, k->cap_w * sizeof(*k->w));
			BUG_ON(!k->w);
		}
		k->w[k->nw++] = (struct ram_write){ra, len, (uint32_t)k->bytes, io};
	}
	k->bytes += len;
}

static void ram_write(void *opaque, raddr_t ra, unsigned len)
{
	struct lockstep *k = opaque;

	if (k->running && !k->replay)
		note_write(k, ra, len, BY_CPU);
}

/*
 * The interpreter's block uses a page that it has made present: its A and D will be put back with the entry. The backend is to set them
 * again, so it must not find the page in the TLB.
 */
static void filled(void *opaque, gla_t gla, const struct walk *w)
{
	struct lockstep *k = opaque;
	bool rom, written = false;

	for (unsigned i = 0; k->running && !k->replay && i < w->levels; i++) {
		raddr_t ra = tlb_raddr(&k->j->cpu->mmu, w->trace[i].at & PAGE_MASK, &rom) + (w->trace[i].at & (PAGE_SIZE - 1));

		for (unsigned n = 0; n < k->nw; n++)
			written |= k->w[n].ra < ra + 8 && ra < k->w[n].ra + k->w[n].len;
	}
	if (written && k->nrefill++ < ARRAY_SIZE(k->refill))
		k->refill[k->nrefill - 1] = gla;
}

static void forget_filled(struct lockstep *k)
{
	struct mmu *m = &k->j->cpu->mmu;

	if (k->nrefill > ARRAY_SIZE(k->refill))
		tlb_flush(m, true);
	else
		while (k->nrefill)
			tlb_flush_page(m, k->refill[--k->nrefill]);
	k->nrefill = 0;
}

/* A device writes memory. Outside of a block's accesses (a timer's work, a disk's) it is no business of ours. */
static void device_will_write(void *opaque, raddr_t ra, uint64_t len)
{
	struct lockstep *k = opaque;

	if (k->running && k->in_device)
		note_write(k, ra, (unsigned)len, k->nio);
}

/* The backend has come to access @io: what a device wrote then is written now. */
static void replay_dma(struct lockstep *k, uint32_t io)
{
	struct ram *ram = k->j->cpu->mmu.ram;

	for (; k->next_dma < k->nw; k->next_dma++) {
		const struct ram_write *w = &k->w[k->next_dma];

		if (w->io == BY_CPU)
			continue;
		if (w->io > io)
			break;
		memcpy(ram->host + w->ra, k->new + w->at, w->len);
		ram_written(ram, w->ra, w->len);
	}
}

static uint64_t do_io(struct lockstep *k, enum io_kind kind, uint64_t addr, uint64_t val, unsigned size)
{
	unsigned dma = k->nw;
	struct io_event *e;

	if (k->replay) {
		e = k->next_io < k->nio ? &k->io[k->next_io] : NULL;
		if (!e || e->kind != kind || e->addr != addr || e->size != size) {
			report(k, "device access not made by the interpreter, address", 0, addr);
			return 0;
		}
		replay_dma(k, k->next_io++);
		k->ok = e->ok;
		if ((kind == IO_PORT_WRITE || kind == IO_MEM_WRITE || kind == IO_MSR_WRITE || kind == IO_CR8_WRITE) && e->val != val)
			report(k, "value written to a device", e->val, val);
		return e->val;
	}
	k->in_device = true;
	switch (kind) {
	case IO_PORT_READ:
		val = space_read(k->real_ports, addr, size);
		break;
	case IO_PORT_WRITE:
		space_write(k->real_ports, addr, val, size);
		break;
	case IO_MEM_READ:
		val = space_read(k->j->cpu->mmu.mem, addr, size);
		break;
	case IO_MEM_WRITE:
		space_write(k->j->cpu->mmu.mem, addr, val, size);
		break;
	case IO_TSC:
		val = k->real.tsc(k->real.tsc_opaque);
		break;
	case IO_MSR_READ:
		k->ok = k->real.apic_read(k->real.opaque, (uint32_t)addr, &val);
		break;
	case IO_MSR_WRITE:
		k->ok = k->real.apic_write(k->real.opaque, (uint32_t)addr, val);
		break;
	case IO_CR8_READ:
		val = k->real.get_cr8(k->real.opaque);
		break;
	case IO_CR8_WRITE:
		k->real.set_cr8(k->real.opaque, (uint8_t)val);
		break;
	}
	k->in_device = false;
	while (dma < k->nw) {
		memcpy(k->new + k->w[dma].at, k->j->cpu->mmu.ram->host + k->w[dma].ra, k->w[dma].len);
		dma++;
	}
	if (!k->running)
		return val;
	if (k->nio == k->cap_io) {
		k->cap_io = k->cap_io ? k->cap_io * 2 : 256;
		k->io = realloc(k->io, k->cap_io * sizeof(*k->io));
		BUG_ON(!k->io);
	}
	k->io[k->nio++] = (struct io_event){addr, val, kind, (uint8_t)size, k->ok};
	return val;
}

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
	return do_io(opaque, IO_PORT_READ, off, 0, size);
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	do_io(opaque, IO_PORT_WRITE, off, val, size);
}

static const struct io_ops port_ops = {.name = "lockstep", .read = port_read, .write = port_write,
	.min = 1, .max = 4};

static uint64_t mem_read(void *opaque, gpa_t gpa, unsigned size)
{
	return do_io(opaque, IO_MEM_READ, gpa, 0, size);
}

static void mem_write(void *opaque, gpa_t gpa, uint64_t val, unsigned size)
{
	do_io(opaque, IO_MEM_WRITE, gpa, val, size);
}

static uint64_t read_tsc(void *opaque)
{
	return do_io(opaque, IO_TSC, 0, 0, 8);
}

static bool read_msr(void *opaque, uint32_t msr, uint64_t *v)
{
	struct lockstep *k = opaque;

	*v = do_io(k, IO_MSR_READ, msr, 0, 8);
	return k->ok;
}

static bool write_msr(void *opaque, uint32_t msr, uint64_t v)
{
	struct lockstep *k = opaque;

	do_io(k, IO_MSR_WRITE, msr, v, 8);
	return k->ok;
}

static uint8_t read_cr8(void *opaque)
{
	return (uint8_t)do_io(opaque, IO_CR8_READ, 0, 0, 1);
}

static void write_cr8(void *opaque, uint8_t v)
{
	do_io(opaque, IO_CR8_WRITE, 0, v, 1);
}

/* Outside of blocks, or a level that may be set twice: passed on. */
static int ack(void *opaque)
{
	struct lockstep *k = opaque;

	return k->real.intr_ack(k->real.opaque);
}

static void ferr(void *opaque, int level)
{
	struct lockstep *k = opaque;

	k->real.ferr(k->real.opaque, level);
}

/* ---- set-up ---- */

/* What the CPU reads from devices by its wires, and writes, is recorded like what goes by its ports; what is absent stays so. */
static void take_wires(struct lockstep *k, struct cpu_wires *w)
{
	k->real = *w;
	if (w->tsc)
		w->tsc = read_tsc, w->tsc_opaque = k;
	w->opaque = k;
	w->intr_ack = w->intr_ack ? ack : NULL;
	w->ferr = w->ferr ? ferr : NULL;
	w->apic_read = w->apic_read ? read_msr : NULL;
	w->apic_write = w->apic_write ? write_msr : NULL;
	w->get_cr8 = w->get_cr8 ? read_cr8 : NULL;
	w->set_cr8 = w->set_cr8 ? write_cr8 : NULL;
}

enum vm_err lockstep_new(struct jit *j, struct err *e)
{
	struct lockstep *k = calloc(1, sizeof(*k));

	if (!k || j->be == &interp_backend) {
		free(k);
		return err_set(e, VM_ERR_USAGE, "lockstep needs a host backend besides the interpreter");
	}
	k->j = j;
	k->before = malloc(STATE_SIZE);
	k->after = malloc(STATE_SIZE);
	BUG_ON(!k->before || !k->after);
	k->tap = (struct mmu_tap){k, ram_write, mem_read, mem_write, filled};
	j->cpu->mmu.tap = &k->tap;
	j->cpu->mmu.ram->will_write = device_will_write;
	j->cpu->mmu.ram->will_write_opaque = k;
	k->real_ports = j->cpu->ports;
	space_init(&k->ports, "lockstep", 0xFFFF, NULL, j->cpu->log);
	space_add_io(&k->ports, &k->all_ports, "lockstep", 0, 0x10000, &port_ops, k);
	j->cpu->ports = &k->ports;
	take_wires(k, &j->cpu->wires);
	/* a request that comes while a block runs would stop a string instruction here for one engine, there for the other */
	j->cpu->whole_strings = true;
	j->lock = k;
	j->opt.no_link = true;
	return VM_OK;
}

void lockstep_free(struct jit *j)
{
	struct lockstep *k = j->lock;

	if (!k)
		return;
	j->cpu->mmu.tap = NULL;
	j->cpu->mmu.ram->will_write = NULL;
	j->cpu->ports = k->real_ports;
	j->cpu->wires = k->real;
	space_fini(&k->ports);
	free(k->before);
	free(k->after);
	free(k->io);
	free(k->w);
	free(k->old);
	free(k->new);
	free(k);
	j->cpu->whole_strings = false;
	j->lock = NULL;
}

/* Flags left undefined by their last writer in the block. */
static uint16_t undefined_flags(const struct ir_block *ir)
{
	uint32_t undef = 0;

	for (unsigned i = 0; i < ir->ninsns; i++) {
		const struct insn_row *row;

		if (ir->insns[i].id >= INSN_COUNT)
			continue;
		row = &insn_rows[ir->insns[i].id];
		undef = (undef & ~(row->f_write & ~row->f_read)) | row->f_undef;
	}
	return (uint16_t)(undef & IRF_ALL);
}

/*
 * A light block calls no helper and no native instruction: it can change the hot words, and what raising
 * a fault writes (save_state()). Nine blocks of ten are, and copying all of struct vcpu costs more than running them.
 */
static bool is_light(const struct ir_block *ir)
{
	for (unsigned i = 0; i < ir->nops; i++) {
		const struct ir_op *o = &ir->op[i];

		if (o->op == IR_HELPER || o->op == IR_NATIVE)
			return false;
		if (o->op == IR_STENV && (o->imm < 0 || (uint64_t)o->imm + o->w > HOT_SIZE))
			return false;
	}
	return true;
}

static void unlinked(struct block *b)
{
	for (unsigned i = 0; i < b->nexits; i++)
		b->exit[i].to = NULL;
}

struct block *lockstep_twin(struct jit *j, const struct block *b, const struct ir_block *ir)
{
	struct block *t = malloc(block_size(b->nexits));

	BUG_ON(!t);
	memcpy(t, b, block_size(b->nexits));
	t->is_twin = true;
	t->copied = false;
	t->of = b;
	t->undef = undefined_flags(ir);
	t->light = is_light(ir);
	unlinked(t);
	interp_backend.compile(j->interp, t, ir);
	return t;
}

/* ---- running ---- */

/* All but req, in which a signal handler or another thread may set a bit at any time: none may be lost. */
static void copy_state(struct vcpu *to, const struct vcpu *from, bool light)
{
	size_t behind = offsetof(struct vcpu, req) + sizeof(to->req);

	memcpy(to, from, offsetof(struct vcpu, req));
	memcpy((char *)to + behind, (const char *)from + behind, (light ? HOT_SIZE : STATE_SIZE) - behind);
	if (!light)
		return;
	to->insns = from->insns;
	to->cr2 = from->cr2;
	to->watch = from->watch;
	to->dr6_pending = from->dr6_pending;
	to->event = from->event;
	to->nchain = from->nchain;
	to->from = from->from;
}

static void undo(struct lockstep *k)
{
	struct ram *ram = k->j->cpu->mmu.ram;

	for (unsigned i = 0; i < k->nw; i++)
		if (k->w[i].io == BY_CPU)
			memcpy(k->new + k->w[i].at, ram->host + k->w[i].ra, k->w[i].len);
	for (unsigned i = k->nw; i-- > 0;) {
		memcpy(ram->host + k->w[i].ra, k->old + k->w[i].at, k->w[i].len);
		ram_written(ram, k->w[i].ra, k->w[i].len);
	}
}

static void compare_words(struct lockstep *k, const struct vcpu *a, const struct vcpu *b)
{
	static const char *const name[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
		"r9", "r10", "r11", "r12", "r13", "r14", "r15"};

	for (unsigned i = 0; i < 16; i++)
		if (a->gpr[i] != b->gpr[i])
			report(k, name[i], a->gpr[i], b->gpr[i]);
	if (a->rip != b->rip)
		report(k, "rip", a->rip, b->rip);
	if (a->event.pending != b->event.pending)
		report(k, "event pending", a->event.pending, b->event.pending);
	if (a->event.pending && (a->event.vec != b->event.vec || a->event.code != b->event.code))
		report(k, "event vector and code", (uint64_t)a->event.vec << 32 | a->event.code,
			(uint64_t)b->event.vec << 32 | b->event.code);
	if (a->cr2 != b->cr2)
		report(k, "cr2", a->cr2, b->cr2);
}

/* What only helpers and native instructions change. */
static void compare_rest(struct lockstep *k, const struct vcpu *a, const struct vcpu *b)
{
	if (a->cr0 != b->cr0)
		report(k, "cr0", a->cr0, b->cr0);
	if (a->cr3 != b->cr3)
		report(k, "cr3", a->cr3, b->cr3);
	if (a->cr4 != b->cr4)
		report(k, "cr4", a->cr4, b->cr4);
	if (a->cpl != b->cpl)
		report(k, "cpl", a->cpl, b->cpl);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		if (memcmp(&a->seg[i], &b->seg[i], sizeof(a->seg[i])))
			report(k, "segment register", a->seg[i].sel, b->seg[i].sel);
	if (memcmp(a->fpu.st, b->fpu.st, sizeof(a->fpu.st)) || a->fpu.fcw != b->fpu.fcw ||
		a->fpu.fsw != b->fpu.fsw || a->fpu.ftw != b->fpu.ftw)
		report(k, "x87 state", a->fpu.fsw, b->fpu.fsw);
	if (memcmp(a->fpu.xmm, b->fpu.xmm, sizeof(a->fpu.xmm)) || a->fpu.mxcsr != b->fpu.mxcsr)
		report(k, "SSE state", a->fpu.mxcsr, b->fpu.mxcsr);
	if (memcmp(a->fpu.ymmh, b->fpu.ymmh, sizeof(a->fpu.ymmh)))
		report(k, "upper halves of YMM", 0, 0);
}

static void compare(struct lockstep *k, const struct block *twin, enum run_exit ri, enum run_exit rh)
{
	const struct vcpu *a = k->after, *b = k->j->cpu;
	const uint8_t *ram = b->mmu.ram->host;

	if ((ri == RUN_FAULT) != (rh == RUN_FAULT))
		report(k, "way the block ended", ri, rh);
	compare_words(k, a, b);
	if (!twin->light)
		compare_rest(k, a, b);
	if ((a->eflags ^ b->eflags) & ~(uint32_t)twin->undef)
		report(k, "eflags", a->eflags, b->eflags);
	for (unsigned i = 0; i < k->nw; i++)
		if (memcmp(ram + k->w[i].ra, k->new + k->w[i].at, k->w[i].len)) {
			/* a later write of the same block may have covered this one */
			bool covered = false;

			for (unsigned n = i + 1; n < k->nw && !covered; n++)
				covered = k->w[n].ra < k->w[i].ra + k->w[i].len &&
					k->w[i].ra < k->w[n].ra + k->w[n].len;
			if (!covered)
				report(k, "memory at raddr", k->w[i].ra, ram[k->w[i].ra]);
		}
	if (!k->mismatch && k->next_io != k->nio)
		report(k, "device accesses", k->nio, k->next_io);
}

/* Length of the block's instruction at byte @at, or 0. */
static unsigned insn_length(const struct jit *j, const struct block *b, uint64_t at)
{
	const uint8_t *bytes = j->cpu->mmu.ram->host + b->ra + at;
	struct insn in;

	if (b->ra2 != RADDR_NONE)
		return b->len;
	insn_decode(j->cpu->index, bytes, INSN_MAX_LEN, mode_code_size(b->mode), &in);
	return in.len;
}

/*
 * Run the block in the backend. It may leave in the middle (a store to a page with code, a device
 * the backend cannot serve): the rest is done instruction by instruction, so that both sides have run the
 * same ones: to the end of the block, or to where the interpreter left it because the block changed itself.
 */
static enum run_exit run_host(struct jit *j, struct block *blk)
{
	uint64_t start = j->cpu->rip, at, len = blk->len;
	struct block_exit *last;
	enum run_exit r;

	j->cpu->jc_key = VCPU_KEY_NONE; /* nothing matches: one block only */
	j->cpu->jc_gate = VCPU_GATE_SHUT;
	r = j->be->run(j->be_priv, j->cpu, blk, &last);
	at = j->cpu->rip - start;
	if (r != RUN_ONE && (at == 0 || at >= len || j->cpu->rip == j->lock->after->rip))
		return r;
	while (at < len && (r == RUN_ONE || r == RUN_STOP || r == RUN_LOOKUP || r == RUN_REQ)) {
		unsigned n = insn_length(j, blk, at);

		r = exec_one(j);
		if (!n || r == RUN_FAULT || (j->lock->changed_self && j->cpu->rip == j->lock->after->rip))
			break;
		at += n;
		if (j->cpu->rip != start + at) /* by an exit on its way */
			break;
	}
	return r == RUN_ONE ? RUN_LOOKUP : r;
}

static void explain(struct lockstep *k, const struct block *b)
{
	struct jit *j = k->j;

	fprintf(log_of(k)->out, "lockstep: divergence in block %" PRIu64 " at %04x:%" PRIx64
		" (ra %" PRIx64 ", mode %08x)\n", k->blocks, k->before->seg[SEG_CS].sel, k->before->rip,
		b->ra, b->mode);
	for (unsigned i = 0; i < 16; i++)
		fprintf(log_of(k)->out, " %" PRIx64, k->before->gpr[i]);
	fprintf(log_of(k)->out, " fl %x\n", k->before->eflags);
	for (unsigned at = 0, n; at < b->len && (n = insn_length(j, b, at)) != 0; at += n) {
		char text[96];
		struct insn in;

		if (b->ra2 != RADDR_NONE)
			break;
		insn_decode(j->cpu->index, j->cpu->mmu.ram->host + b->ra + at, INSN_MAX_LEN,
			mode_code_size(b->mode), &in);
		insn_text(&in, k->before->rip + at, text, sizeof(text));
		fprintf(log_of(k)->out, "  0x%08" PRIx64 ":  %s\n", k->before->rip + at, text);
	}
}

enum run_exit lockstep_run(struct jit *j, struct block *blk)
{
	struct lockstep *k = j->lock;
	struct vcpu *cpu = j->cpu;
	struct block_exit *last;
	enum run_exit ri, rh;
	uint64_t rip = cpu->rip;
	struct block *twin = blk->twin;
	uint32_t pending;
	bool off = cpu->history->off;
	bool light;

	k->blocks++;
	k->replay = k->mismatch = false;
	k->running = true;
	k->nio = k->next_io = k->nw = k->next_dma = 0;
	k->bytes = 0;
	pending = __atomic_exchange_n(&cpu->req, 0, __ATOMIC_ACQ_REL);
	light = twin->light;
	copy_state(k->before, cpu, light);
	if (!light)
		k->pg_before = cpu->mmu.pg;
	cpu->history->off = true; /* the trap log is written once, by the engine that runs last */
	unlinked(twin);
	ri = interp_backend.run(j->interp, cpu, twin, &last);
	copy_state(k->after, cpu, light);
	undo(k);
	forget_filled(k);
	pending |= __atomic_exchange_n(&cpu->req, 0, __ATOMIC_ACQ_REL);
	copy_state(cpu, k->before, light);
	cpu->history->off = off;
	if (!light) {
		/* wires are not the CPU's state: devices have moved them, and will not do so again */
		cpu->intr_line = k->after->intr_line;
		cpu->nmi_line = k->after->nmi_line;
	}
	if (!light && memcmp(&cpu->mmu.pg, &k->pg_before, sizeof(k->pg_before))) {
		cpu->mmu.pg = k->pg_before;
		tlb_flush(&cpu->mmu, true);
	}
	if (cpu->mmu.win) /* the window in force, too */
		mode_set(cpu);
	k->changed_self = blk->dead;
	if (blk->dead) {
		/* it wrote to its own code: translate the restored bytes again */
		cpu->rip = rip;
		blk = exec_lookup(j, blk->mode);
		BUG_ON(!blk);
		twin = blk->twin;
	}
	k->replay = true;
	rh = run_host(j, blk);
	if (!light && k->after->a20 != cpu->a20)
		vcpu_set_a20(cpu, k->after->a20);
	vcpu_request(cpu, pending);
	vcpu_update_req(cpu);
	cpu->insns = k->after->insns;
	compare(k, twin, ri, rh);
	k->replay = k->running = false;
	if (k->mismatch) {
		explain(k, blk);
		return RUN_DIVERGED;
	}
	return rh;
}
