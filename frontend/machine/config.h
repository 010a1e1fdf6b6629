/*
 * config.h - what a machine is made of, as plain data: the command line's result, the embedder's request.
 *
 * Strings are borrowed and must outlive the machine. Backends (block, character) are opened by the frontend and
 * handed over; the machine closes block devices, the frontend closes character backends.
 */
#ifndef FRONTEND_MACHINE_CONFIG_H
#define FRONTEND_MACHINE_CONFIG_H

#include "devices/host/audio.h"
#include "devices/host/block.h"
#include "devices/host/char.h"
#include "devices/host/net.h"
#include "devices/host/share.h"
#include "jit/jit.h"

#define CONFIG_MAX_SERIAL 4
#define CONFIG_MAX_DEBUGCON 4
#define CONFIG_MAX_IDE 4
#define CONFIG_MAX_FLOPPY 2
#define CONFIG_MAX_PFLASH 2
#define CONFIG_MAX_NIC 8
#define CONFIG_MAX_FW_CFG 16
#define CONFIG_MAX_USB 2
#define CONFIG_MAX_DIRS 4 /* of -L */

#define CONFIG_MAX_VIRTIO 8

#define CONFIG_PLACES (CONFIG_MAX_IDE + CONFIG_MAX_FLOPPY + CONFIG_MAX_VIRTIO + CONFIG_MAX_PFLASH) /* for drives */

enum config_nic_model {
#define NIC(word, ...) NIC_##word,
#include "frontend/machine/nics.def"
#undef NIC
};
struct config_nic {
	enum config_nic_model model;
	struct net *net;     /* the cable, borrowed; NULL: none plugged in */
	uint8_t mac[6];
	int slot;	     /* PCI device number, or -1: the next free one */
	const char *romfile; /* boot ROM; NULL: the model's; "": none */
	uint16_t iobase;     /* ISA cards */
	uint8_t irq;
	unsigned boot; /* bootindex= and one; 0: none */
};

#define CONFIG_MAX_SOUND 4

enum config_sound_model {
#define SOUND(word, name, help) SOUND_##word,
#include "frontend/machine/sounds.def"
#undef SOUND
};
struct config_sound {
	enum config_sound_model model;
	struct audio *audio; /* borrowed; NULL: nobody listens */
	int slot;	     /* PCI device number, or -1: the next free one */
	uint16_t iobase;     /* ISA cards */
	uint8_t irq, dma, dma16;
};

#define CONFIG_MAX_VPORTS 31
struct config_vport { /* of virtio-serial-pci */
	bool present, console;
	const char *name; /* or NULL */
	struct chr *chr;  /* or NULL */
};

#define CONFIG_MAX_FOLDERS 4

struct machine_config {
	const char *name, *cpu_model;
	uint64_t ram_size; /* bytes; 1 MiB .. 1 TiB, multiple of 4 KiB */
	struct jit_options jit;
	const char *bios;  /* path; NULL: bios-256k.bin found in the data directories */
	struct blk *virtio[CONFIG_MAX_VIRTIO]; /* disks, in the order of their PCI slots */
	bool rng; /* virtio-rng-pci */
	bool vserial; /* virtio-serial-pci, with these ports */
	struct config_vport vport[CONFIG_MAX_VPORTS];
	bool balloon, balloon_yields; /* virtio-balloon-pci, with deflate-on-oom */
	struct { struct share *share; const char *tag; } folder[CONFIG_MAX_FOLDERS]; /* virtio-9p-pci; share borrowed */
	unsigned nfolders;
	bool usb; /* the PIIX3's controller, with these in its ports */
	enum config_usb { CONFIG_USB_NONE, CONFIG_USB_TABLET, CONFIG_USB_MOUSE, CONFIG_USB_KBD } usb_port[CONFIG_MAX_USB];
	void (*random)(void *opaque, uint8_t *buf, uint32_t len); /* for it; NULL: a fixed sequence */
	struct config_nic nic[CONFIG_MAX_NIC];
	unsigned nnics;
	struct config_sound sound[CONFIG_MAX_SOUND];
	unsigned nsounds;
	struct audio *pcspk_audio; /* of the speaker; borrowed, may be NULL */
	const char *data_dir[CONFIG_MAX_DIRS + 4]; /* -L, then the defaults; NULL ends */
	const char *kernel, *initrd, *append;
	struct blk *ide[CONFIG_MAX_IDE]; /* primary master, slave, secondary master, slave */
	struct blk *pflash[CONFIG_MAX_PFLASH]; /* firmware chips, the first below 4 GiB, the second below it; NULL: none */
	struct blk *floppy[CONFIG_MAX_FLOPPY]; /* A:, B:; NULL: no drive */
	struct chr *serial[CONFIG_MAX_SERIAL], *parallel;
	struct { uint16_t iobase; struct chr *chr; } debugcon[CONFIG_MAX_DEBUGCON];
	unsigned ndebugcon;
	uint16_t pvpanic_ioport; /* 0: no pvpanic device */
	uint8_t pvpanic_events;	 /* PVPANIC_x that it offers */
	bool testdev; /* pc-testdev */
	bool debug_exit;
	uint16_t debug_exit_iobase;
	unsigned debug_exit_iosize;
	bool hpet;
	bool vga;	   /* -vga std (default) or none */
	bool nographic;	   /* told to the firmware: it then writes to serial too */
	unsigned ide_boot[CONFIG_MAX_IDE], floppy_boot[CONFIG_MAX_FLOPPY], virtio_boot[CONFIG_MAX_VIRTIO]; /* bootindex= and one; 0: none */
	const char *boot;  /* -boot order=, letters a c d n; NULL: "cad" */
	const char *boot_once; /* the order up to the first reset, or NULL */
	bool boot_menu, boot_strict;
	bool no_acpi, no_fd_check; /* without ACPI tables; boot floppies without the 55AAh signature */
	uint32_t boot_fail_ms, boot_menu_ms; /* reboot-timeout=, splash-time=; 0: the firmware's default */
	int64_t rtc_base;  /* seconds since 1970 at virtual time 0 */
	const uint8_t *uuid; /* 16 bytes or NULL */
	/* -fw_cfg: files for firmware and guest; the contents of a host file, or a text without its final zero */
	struct { const char *name, *file, *string; } fw_cfg[CONFIG_MAX_FW_CFG];
	unsigned nfw_cfg;
	/* -smbios: texts of the system's (type 1) and the firmware's (type 0) structures; NULL: ours */
	const char *smbios_bios[3];   /* vendor, version, date */
	const char *smbios_system[6]; /* manufacturer, product, version, serial, sku, family */
	bool isolated_time;  /* no host clock: virtual time moves by machine_advance() only */
};

#endif
