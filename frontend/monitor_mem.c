/* monitor_mem.c - x, xp, print, i, o: memory, expressions and ports in gdb's formats. */
#include "frontend/monitor_priv.h"
#include "frontend/explain.h"
#include "cpu/mode.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fmt {
	unsigned count, size;
	char type; /* x d u o c i */
};

static bool parse_fmt(struct mon *mon, struct fmt *f)
{
	char *p = mon->args;

	*f = (struct fmt){1, 4, 'x'};
	while (isspace((unsigned char)*p))
		p++;
	mon->args = p;
	if (*p != '/')
		return true;
	p = mon_word(mon) + 1;
	if (isdigit((unsigned char)*p))
		f->count = (unsigned)strtoul(p, &p, 10);
	for (; *p; p++) {
		const char *sizes = "bhwg", *s = strchr(sizes, *p);

		if (s)
			f->size = 1u << (s - sizes);
		else if (strchr("xduoci", *p))
			f->type = *p;
		else {
			fprintf(mon->out, "unknown format letter '%c' (x d u o c i, b h w g)\n", *p);
			return false;
		}
	}
	if (f->count > 65536)
		f->count = 65536;
	return true;
}

static void print_value(FILE *out, const struct fmt *f, uint64_t v)
{
	if (f->size < 8)
		v &= BIT(8 * f->size) - 1;
	switch (f->type) {
	case 'd':
		fprintf(out, "%" PRId64, sign_extend(v, 8 * f->size));
		break;
	case 'u':
		fprintf(out, "%" PRIu64, v);
		break;
	case 'o':
		fprintf(out, "0%" PRIo64, v);
		break;
	case 'c':
		fprintf(out, v >= 32 && v < 127 ? "'%c'" : "'\\x%02x'", (int)(v & 0xFF));
		break;
	default:
		fprintf(out, "0x%0*" PRIx64, (int)f->size * 2, v);
	}
}

static bool peek(struct mon *mon, bool physical, uint64_t addr, void *buf, unsigned len)
{
	if (!physical)
		return mmu_peek(&machine_cpu(mon->m)->mmu, addr, buf, len) == len;
	for (unsigned i = 0; i < len; i++) {
		const uint8_t *p = space_host(machine_memory(mon->m), addr + i, 1, NULL);

		/* No RAM or ROM: the device there is read as the CPU would, with the effects this has. */
		((uint8_t *)buf)[i] = p ? *p : space_read(machine_memory(mon->m), addr + i, 1);
	}
	return true;
}

static void disassemble(struct mon *mon, bool physical, uint64_t addr, unsigned count)
{
	const struct vcpu *cpu = machine_cpu(mon->m);

	while (count--) {
		uint8_t buf[INSN_MAX_LEN];
		unsigned n = 0;
		struct insn in;
		char text[128];

		while (n < sizeof(buf) && peek(mon, physical, addr + n, buf + n, 1))
			n++;
		if (!n || insn_decode(cpu->index, buf, n, mode_code_size(cpu->mode), &in) != DECODE_OK) {
			fprintf(mon->out, "0x%08" PRIx64 ":  (bad)\n", addr);
			addr++;
			if (!n)
				return;
			continue;
		}
		insn_text(&in, addr, text, sizeof(text));
		fprintf(mon->out, "0x%08" PRIx64 ":  %s", addr, text);
		if (!physical)
			explain_symbol(mon->out, cpu, addr);
		fputc('\n', mon->out);
		addr += in.len;
	}
}

static void dump(struct mon *mon, bool physical)
{
	struct fmt f;
	uint64_t addr;
	char *w;
	unsigned per_line;

	if (!parse_fmt(mon, &f))
		return;
	w = mon_rest(mon);
	if (!w) {
		fprintf(mon->out, "an address is needed\n");
		return;
	}
	if (!mon_number(mon, w, &addr))
		return;
	if (f.type == 'i') {
		disassemble(mon, physical, addr, f.count);
		return;
	}
	if (f.type == 'c')
		f.size = 1;
	per_line = f.size == 8 ? 2 : f.size == 4 ? 4 : 8;
	for (unsigned i = 0; i < f.count; i++) {
		uint64_t v = 0;

		if (i % per_line == 0)
			fprintf(mon->out, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
		if (!peek(mon, physical, addr, &v, f.size)) {
			fprintf(mon->out, " Cannot access memory\n");
			return;
		}
		fputc(' ', mon->out);
		print_value(mon->out, &f, v);
		addr += f.size;
	}
	fputc('\n', mon->out);
}

void cmd_x(struct mon *mon)
{
	dump(mon, false);
}

void cmd_xp(struct mon *mon)
{
	dump(mon, true);
}

/* memsave, pmemsave: the file goes away again if a byte of the range cannot be read or written. */
static void save(struct mon *mon, bool physical)
{
	char *a = mon_word(mon), *s = mon_word(mon), *path = mon_word(mon);
	uint64_t addr, size, done = 0;
	uint8_t buf[256];
	FILE *f;

	if (!path) {
		fprintf(mon->out, "an address, a size and a file are needed\n");
		return;
	}
	if (!mon_number(mon, a, &addr) || !mon_number(mon, s, &size))
		return;
	f = fopen(path, "wb");
	if (!f) {
		fprintf(mon->out, "cannot open '%s': %s\n", path, strerror(errno));
		return;
	}
	while (done < size) {
		unsigned n = size - done < sizeof(buf) ? (unsigned)(size - done) : (unsigned)sizeof(buf);

		if (!peek(mon, physical, addr + done, buf, n)) {
			fprintf(mon->out, "cannot access memory at 0x%" PRIx64 "\n", addr + done);
			break;
		}
		if (fwrite(buf, 1, n, f) != n)
			break;
		done += n;
	}
	if (fclose(f) || done < size) {
		fprintf(mon->out, "'%s' was not written\n", path);
		unlink(path);
	}
}

void cmd_memsave(struct mon *mon)
{
	save(mon, false);
}

void cmd_pmemsave(struct mon *mon)
{
	save(mon, true);
}

/* sum ADDR SIZE: the checksum of BSD's sum(1) over physical memory */
void cmd_sum(struct mon *mon)
{
	char *a = mon_word(mon), *s = mon_word(mon);
	uint64_t addr, size;
	uint16_t sum = 0;
	uint8_t b;

	if (!s) {
		fprintf(mon->out, "an address and a size are needed\n");
		return;
	}
	if (!mon_number(mon, a, &addr) || !mon_number(mon, s, &size))
		return;
	if (size > 1ull << 32) {
		fprintf(mon->out, "at most 4 GiB are added up\n");
		return;
	}
	while (size--) {
		peek(mon, true, addr++, &b, 1);
		sum = (uint16_t)((sum >> 1 | sum << 15) + b);
	}
	fprintf(mon->out, "%05u\n", sum);
}

/* gpa2hva ADDR: where this process has that byte of the guest's memory */
void cmd_gpa2hva(struct mon *mon)
{
	char *w = mon_rest(mon);
	const uint8_t *p;
	uint64_t gpa;

	if (!w) {
		fprintf(mon->out, "an address is needed\n");
		return;
	}
	if (!mon_number(mon, w, &gpa))
		return;
	p = space_host(machine_memory(mon->m), gpa, 1, NULL);
	if (p)
		fprintf(mon->out, "Host virtual address for 0x%" PRIx64 " is %p\n", gpa, (const void *)p);
	else
		fprintf(mon->out, "No memory is mapped at address 0x%" PRIx64 "\n", gpa);
}

void cmd_print(struct mon *mon)
{
	struct fmt f;
	uint64_t v;
	char *w;

	if (!parse_fmt(mon, &f))
		return;
	f.size = 8;
	w = mon_rest(mon);
	if (!w) {
		fprintf(mon->out, "an expression is needed\n");
	} else if (mon_number(mon, w, &v)) {
		if (f.type == 'x')
			fprintf(mon->out, "0x%" PRIx64, v);
		else
			print_value(mon->out, &f, v);
		fputc('\n', mon->out);
	}
}

static bool port_args(struct mon *mon, struct fmt *f, uint64_t *port, uint64_t *val)
{
	char *w;

	if (!parse_fmt(mon, f))
		return false;
	if (f->size > 4)
		f->size = 4;
	w = mon_word(mon);
	if (!w || !mon_number(mon, w, port) || *port > 0xFFFF) {
		fprintf(mon->out, "a port 0..0xffff is needed\n");
		return false;
	}
	if (!val)
		return true;
	w = mon_word(mon);
	if (!w) {
		fprintf(mon->out, "a value is needed\n");
		return false;
	}
	return mon_number(mon, w, val);
}

void cmd_in(struct mon *mon)
{
	struct fmt f;
	uint64_t port;

	if (!port_args(mon, &f, &port, NULL))
		return;
	fprintf(mon->out, "port[0x%04" PRIx64 "] = ", port);
	print_value(mon->out, &f, space_read(machine_ports(mon->m), port, f.size));
	fputc('\n', mon->out);
}

void cmd_out(struct mon *mon)
{
	struct fmt f;
	uint64_t port, v;

	if (port_args(mon, &f, &port, &v))
		space_write(machine_ports(mon->m), port, v, f.size);
}
