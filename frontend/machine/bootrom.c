/*
 * bootrom.c - assembling the boot ROM byte by byte (bootrom.h).
 *
 * Layout: option ROM header, PnP expansion header with a bootstrap entry vector (BEV), code, the list of
 * FWCfgDmaAccess records (control, length, address: big-endian), GDT. Sources: Plug and Play BIOS Specification
 * 1.0A, 3.2 "PnP Option ROM header"; QEMU docs/specs fw_cfg, "DMA interface".
 */
#include "frontend/machine/bootrom.h"
#include <string.h>

#define ROM_SIZE 2048

struct rom {
	uint8_t b[ROM_SIZE];
	unsigned n;
};

static void byte(struct rom *r, unsigned v)
{
	BUG_ON(r->n >= ROM_SIZE - 1);
	r->b[r->n++] = (uint8_t)v;
}

static void bytes(struct rom *r, const char *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		byte(r, (uint8_t)s[i]);
}

static void le(struct rom *r, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		byte(r, v >> (8 * i));
}

static void be(struct rom *r, uint64_t v, unsigned n)
{
	for (unsigned i = n; i-- > 0;)
		byte(r, (unsigned)(v >> (8 * i)));
}

static void header(struct rom *r)
{
	bytes(r, "\x55\xAA", 2);
	byte(r, ROM_SIZE / 512);
	bytes(r, "\xCB", 1); /* 03: initialisation: retf */
	r->n = 0x1A;
	le(r, 0x20, 2); /* PnP header */
	r->n = 0x20;
	bytes(r, "$PnP\x01\x02", 6); /* revision 1, length 2 * 16 */
	le(r, 0, 2);		    /* no next header */
	le(r, 0, 2);		    /* reserved, checksum */
	le(r, 0, 4);		    /* device identifier */
	le(r, 0, 2);		    /* manufacturer string */
	le(r, 0x40, 2);		    /* product string */
	bytes(r, "\x02\x00\x00", 3);  /* class: bootable */
	byte(r, 0x64);		    /* initial program load device, BEV */
	le(r, 0, 2);		    /* boot connection vector */
	le(r, 0, 2);		    /* disconnect vector */
	le(r, 0x60, 2);		    /* bootstrap entry vector */
	r->n = 0x40;
	bytes(r, "Dragoman -kernel", 17);
	r->n = 0x60;
}

/* for each record: physical address of cs:record to port 518h, high half zero to 514h */
static void copy_loop(struct rom *r, unsigned ncopies, unsigned *records_at)
{
	unsigned loop;

	bytes(r, "\xFA\xFC", 2);	     /* cli; cld */
	bytes(r, "\x8C\xC8", 2);	     /* mov ax, cs */
	bytes(r, "\x0F\xB7\xF0", 3);	     /* movzx si, ax is 16 bit: use 66 form below */
	r->n -= 3;
	bytes(r, "\x66\x0F\xB7\xF0", 4);    /* movzx esi, ax */
	bytes(r, "\x66\xC1\xE6\x04", 4);    /* shl esi, 4 */
	bytes(r, "\x66\x81\xC6", 3);	     /* add esi, records */
	*records_at = r->n;
	le(r, 0, 4);
	bytes(r, "\xB9", 1);		     /* mov cx, ncopies */
	le(r, ncopies, 2);
	loop = r->n;
	bytes(r, "\xBA\x14\x05", 3);	     /* mov dx, 514h */
	bytes(r, "\x66\x31\xC0", 3);	     /* xor eax, eax */
	bytes(r, "\x66\xEF", 2);	     /* out dx, eax */
	bytes(r, "\xBA\x18\x05", 3);	     /* mov dx, 518h */
	bytes(r, "\x66\x89\xF0", 3);	     /* mov eax, esi */
	bytes(r, "\x66\x0F\xC8", 3);	     /* bswap eax */
	bytes(r, "\x66\xEF", 2);	     /* out dx, eax: the copy happens here */
	bytes(r, "\x66\x83\xC6\x10", 4);    /* add esi, 16 */
	byte(r, 0xE2);			     /* loop */
	byte(r, loop - (r->n + 1));
}

static void enter_real(struct rom *r, const struct bootrom *b)
{
	byte(r, 0xB8);			/* mov ax, seg */
	le(r, b->seg, 2);
	bytes(r, "\x8E\xD8\x8E\xC0\x8E\xE0\x8E\xE8\x8E\xD0", 10); /* ds es fs gs ss */
	bytes(r, "\x66\xBC", 2);	/* mov esp, sp */
	le(r, b->sp, 4);
	byte(r, 0xEA);			/* jmp cs:0 */
	le(r, 0, 2);
	le(r, b->cs, 2);
}

/* lgdt with a GDT in the ROM at cs*16 + off: its pseudo-descriptor is built on the stack. */
static void enter_protected(struct rom *r, const struct bootrom *b)
{
	unsigned gdt_at, far_at, code32;

	byte(r, 0xB8);			     /* mov ax, seg; mov ss, ax; mov sp, sp */
	le(r, b->seg, 2);
	bytes(r, "\x8E\xD0\xBC", 3);
	le(r, b->sp, 2);
	bytes(r, "\x8C\xC8\x66\x0F\xB7\xC0\x66\xC1\xE0\x04", 10); /* eax = cs << 4 */
	bytes(r, "\x66\x89\xC3", 3);	   /* mov ebx, eax */
	bytes(r, "\x66\x05", 2);	   /* add eax, gdt */
	gdt_at = r->n;
	le(r, 0, 4);
	bytes(r, "\x66\x50\x68\x17\x00", 5); /* push eax; push 17h: limit below base */
	bytes(r, "\x89\xE5\x0F\x01\x56\x00", 6); /* mov bp,sp; lgdt ss:[bp] */
	bytes(r, "\x66\x81\xC3", 3);	   /* add ebx, code32 */
	far_at = r->n;
	le(r, 0, 4);
	bytes(r, "\x66\x6A\x08\x66\x53", 5); /* push dword 8; push ebx */
	bytes(r, "\x0F\x20\xC0\x0C\x01\x0F\x22\xC0", 8); /* cr0.PE = 1 */
	bytes(r, "\x66\xCB", 2);	   /* retf (32-bit) */
	code32 = r->n;
	bytes(r, "\xB8\x10\x00\x00\x00", 5); /* mov eax, 10h */
	bytes(r, "\x8E\xD8\x8E\xC0\x8E\xE0\x8E\xE8\x8E\xD0", 10);
	byte(r, 0xB8);
	le(r, b->eax, 4);
	byte(r, 0xBB);
	le(r, b->ebx, 4);
	byte(r, 0xB9);			   /* mov ecx, entry; jmp ecx */
	le(r, b->entry, 4);
	bytes(r, "\xFF\xE1", 2);
	r->n = (r->n + 7) & ~7u;
	unsigned gdt = r->n, end;

	bytes(r, "\0\0\0\0\0\0\0\0", 8);
	bytes(r, "\xFF\xFF\x00\x00\x00\x9A\xCF\x00", 8); /* 08: code, base 0, 4 GiB, 32 bit */
	bytes(r, "\xFF\xFF\x00\x00\x00\x92\xCF\x00", 8); /* 10: data */
	end = r->n;
	r->n = gdt_at;
	le(r, gdt, 4);
	r->n = far_at;
	le(r, code32, 4);
	r->n = end;
}

bool bootrom_add(struct machine *m, const struct bootrom *b)
{
	struct rom r;
	unsigned records_at, records;
	uint8_t sum = 0;

	memset(&r, 0, sizeof(r));
	header(&r);
	copy_loop(&r, b->ncopies, &records_at);
	if (b->protected_mode)
		enter_protected(&r, b);
	else
		enter_real(&r, b);
	r.n = (r.n + 15) & ~15u;
	records = r.n;
	for (unsigned i = 0; i < b->ncopies; i++) {
		/* control: selector << 16 | SELECT | READ */
		be(&r, (uint32_t)b->copy[i].item << 16 | 0x0A, 4);
		be(&r, b->copy[i].len, 4);
		be(&r, b->copy[i].addr, 8);
	}
	r.n = records_at;
	le(&r, records, 4);
	for (unsigned i = 0; i < ROM_SIZE; i++)
		sum += r.b[i];
	r.b[ROM_SIZE - 1] = -sum;
	return fw_cfg_add_file(m->fw, "genroms/kernel.bin", r.b, ROM_SIZE);
}
