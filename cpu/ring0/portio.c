/*
 * portio.c - IN and OUT, and who may use which port.
 *
 * Source: Intel SDM Vol. 1 18.5 "Protected-Mode I/O" (IOPL, I/O permission bit map); Vol.
 * 3A 20.2.8.1.
 */
#include "cpu/ring0/priv.h"

static enum exit bitmap_check(struct vcpu *cpu, uint16_t port, unsigned size)
{
	uint64_t off, map;

	/* If CPL > IOPL (or virtual-8086 mode) and there is no 32-bit TSS with an I/O map base. */
	if (!(cpu->tr.attr & SEGA_P) || !(cpu->tr.attr & 8) || cpu->tr.limit < 0x67)
		return cpu_raise_aux(cpu, CHECK_GP_IO_NO_MAP, 0, port, cpu->tr.limit);
	TRY(lin_read(cpu, cpu->tr.base + 0x66, 2, sys_idx(cpu), &off));
	off += port / 8;
	/* ... or the bytes of the map that describe the port are beyond the TSS limit (two are
	 * always read). */
	if (off + 1 > cpu->tr.limit)
		return cpu_raise_aux(cpu, CHECK_GP_IO_MAP_LIMIT, 0, port, off);
	TRY(lin_read(cpu, cpu->tr.base + off, 2, sys_idx(cpu), &map));
	/* ... or any of the corresponding I/O permission bits in the TSS for the I/O port being
	 * accessed is 1. */
	if (map >> (port & 7) & ((1u << size) - 1))
		return cpu_raise_aux(cpu, CHECK_GP_IO_BIT, 0, port, map);
	return EXIT_NONE;
}

enum exit gate_port(struct vcpu *cpu, uint16_t port, unsigned size)
{
	if (is_real(cpu) || (!is_vm86(cpu) && cpu->cpl <= iopl(cpu)))
		return EXIT_NONE;
	return bitmap_check(cpu, port, size);
}

enum exit h_in(struct vcpu *cpu, uint64_t port, uint64_t size, uint64_t c)
{
	port &= 0xFFFF;
	TRY(gate_port(cpu, port, size));
	debug_io_check(cpu, port, size);
	cpu->ret = space_read(cpu->ports, port, size);
	return EXIT_NONE;
}

enum exit h_out(struct vcpu *cpu, uint64_t port, uint64_t size, uint64_t v)
{
	port &= 0xFFFF;
	TRY(gate_port(cpu, port, size));
	debug_io_check(cpu, port, size);
	space_write(cpu->ports, port, v & size_mask(size), size);
	return EXIT_NONE;
}
