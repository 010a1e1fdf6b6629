/*
 * fw_cfg.h - the paravirtual parts list that firmware reads: numbered items and named files.
 *
 * Selector port 510h, data port 511h, DMA doorbell 514h (address, big endian). SeaBIOS learns from it
 * the memory map, CPU count, boot order, ACPI and SMBIOS tables and a directly booted kernel.
 *
 * Source: docs/specs/fw_cfg of QEMU, the interface's specification.
 */
#ifndef DEVICES_FW_CFG_H
#define DEVICES_FW_CFG_H

#include "devices/device.h"

#define FW_CFG_SIGNATURE 0x00
#define FW_CFG_ID 0x01
#define FW_CFG_UUID 0x02
#define FW_CFG_RAM_SIZE 0x03
#define FW_CFG_NOGRAPHIC 0x04
#define FW_CFG_NB_CPUS 0x05
#define FW_CFG_KERNEL_ADDR 0x07
#define FW_CFG_KERNEL_SIZE 0x08
#define FW_CFG_KERNEL_CMDLINE 0x09
#define FW_CFG_INITRD_ADDR 0x0A
#define FW_CFG_INITRD_SIZE 0x0B
#define FW_CFG_BOOT_DEVICE 0x0C
#define FW_CFG_NUMA 0x0D
#define FW_CFG_BOOT_MENU 0x0E
#define FW_CFG_MAX_CPUS 0x0F
#define FW_CFG_KERNEL_ENTRY 0x10
#define FW_CFG_KERNEL_DATA 0x11
#define FW_CFG_INITRD_DATA 0x12
#define FW_CFG_CMDLINE_ADDR 0x13
#define FW_CFG_CMDLINE_SIZE 0x14
#define FW_CFG_CMDLINE_DATA 0x15
#define FW_CFG_SETUP_ADDR 0x16
#define FW_CFG_SETUP_SIZE 0x17
#define FW_CFG_SETUP_DATA 0x18
#define FW_CFG_FILE_DIR 0x19
#define FW_CFG_FILE_FIRST 0x20
#define FW_CFG_FILE_SLOTS 0x40
#define FW_CFG_ARCH 0x8000 /* items of the x86 machine start here */
#define FW_CFG_IRQ0_OVERRIDE (FW_CFG_ARCH + 2)

#define FW_CFG_MAX (FW_CFG_FILE_FIRST + FW_CFG_FILE_SLOTS)
#define FW_CFG_NAME_MAX 56

/* Where the bytes of a large item are, which nobody needs in memory: read whenever the guest asks. */
struct fw_cfg_source {
	bool (*read)(void *opaque, uint64_t off, void *buf, size_t n); /* false: they cannot be had any more */
	void (*done)(void *opaque);
	void *opaque;
};

struct fw_cfg_item {
	uint8_t *data; /* owned; NULL: the source has them */
	struct fw_cfg_source src;
	uint32_t len;
	char name[FW_CFG_NAME_MAX]; /* files only */
};

struct fw_cfg_state {
	uint32_t off;  /* next byte of the selected item */
	uint16_t key;
	uint16_t pad;
	uint64_t dma; /* address being assembled */
};

struct fw_cfg {
	struct device dev;
	struct space *mem;
	struct region ports, dma_ports;
	struct fw_cfg_item item[2][FW_CFG_MAX]; /* generic, machine specific */
	unsigned nfiles;
	uint8_t ahead[4096];	/* of the item that is read by the data port, if that has a source: bytes from ahead_off on */
	uint32_t ahead_off, ahead_len; /* 0: none */
	struct fw_cfg_state st;
};

struct fw_cfg *fw_cfg_create(struct log *log, struct space *mem, struct space *io);

/* fw_cfg_add_bytes() - set item @key to a copy of @len bytes. False: no such key or no memory. */
bool fw_cfg_add_bytes(struct fw_cfg *f, uint16_t key, const void *data, size_t len);
/* fw_cfg_add_source() - set item @key to @len bytes of @src, which is the item's from now on. False: no such key. */
bool fw_cfg_add_source(struct fw_cfg *f, uint16_t key, const struct fw_cfg_source *src, size_t len);
bool fw_cfg_add_u16(struct fw_cfg *f, uint16_t key, uint16_t v);
bool fw_cfg_add_u32(struct fw_cfg *f, uint16_t key, uint32_t v);
bool fw_cfg_add_u64(struct fw_cfg *f, uint16_t key, uint64_t v);

/* fw_cfg_add_file() - add or replace the file @name (at most 55 characters). False: full or no memory. */
bool fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, size_t len);

/* What every board of this kind says about itself. */
struct fw_cfg_board {
	uint64_t ram_below_4g, ram_above_4g; /* bytes */
	unsigned ncpus, max_cpus;
	bool nographic, boot_menu;
	uint32_t boot_fail_ms, boot_menu_ms; /* 0: the firmware's default; fail: all ones never */
	const uint8_t *uuid;	   /* 16 bytes or NULL */
	const char *bootorder;	   /* lines of OpenFirmware device paths, or NULL */
};

/* fw_cfg_standard() - RAM size, CPU count, e820 map, boot menu, boot order, system states. */
bool fw_cfg_standard(struct fw_cfg *f, const struct fw_cfg_board *b);

#endif
