/*
 * args.h - the command line, judged whole before anything is opened or written.
 */
#ifndef FRONTEND_ARGS_H
#define FRONTEND_ARGS_H

#include "frontend/audio.h"
#include "frontend/block_queue.h"
#include "frontend/machine/config.h"
#include "frontend/net/netdev.h"
#include "frontend/share/share.h"

#define ARGS_MAX_DRIVES 8
#define ARGS_MAX_CHARDEVS 48
#define ARGS_MAX_AUDIODEVS 4
#define ARGS_MAX_WARNINGS 8
#define ARGS_MAX_QMP 2

enum args_bus { ARGS_IDE, ARGS_FLOPPY, ARGS_VIRTIO, ARGS_PFLASH, ARGS_UNPLUGGED /* if=none, until a -device names it */ };

struct args_drive {
	const char *file; /* NULL: empty drive */
	enum args_bus bus;
	int index;	  /* 0..3: IDE position, 0..1: floppy; -1: next free */
	bool cdrom, readonly, snapshot;
	unsigned format; /* enum blk_format (block.h) */
	bool direct;	 /* cache=none, directsync */
	struct blk_policy policy;
	unsigned lazy; /* enum blk_lazy (block.h) */
	const char *serial; /* NULL: made up */
	unsigned boot;	    /* bootindex= and one; 0: none */
	char id[32];
};

struct args_attach { /* -device ide-hd,drive= */
	const char *drive, *serial; /* its id; the number a guest reads, or NULL */
	enum args_bus bus;
	int index; /* -1: next free */
	bool cdrom;
	unsigned boot; /* bootindex= and one; 0: none */
};

struct args_chardev {
	char id[32];
	char spec[320]; /* as for chardev_open() */
	const char *logfile; /* gets a copy of the output; NULL: none */
	bool logappend;
	bool mux;	/* several users share it; the escape key switches */
	bool raw_keys;	/* signal=off: Ctrl-C is a character */
};

struct args_nic {
	enum config_nic_model model;
	char netdev[32]; /* id; empty: no cable */
	uint8_t mac[6];
	bool has_mac;
	bool legacy; /* -net nic: takes a -net netdev that is free */
	int slot;
	unsigned boot; /* bootindex= and one; 0: none */
	const char *romfile;
	uint16_t iobase; /* ISA cards */
	uint8_t irq;
};

struct args_sound {
	struct config_sound card; /* but for its audio */
	char audiodev[32];	  /* id; empty: the first -audiodev */
	unsigned at;		  /* which that is */
};

struct args_vport { /* -device virtconsole, virtserialport */
	bool console;
	int nr; /* -1: the next free one */
	const char *name, *chr; /* NULL: none; chr as in -serial */
};

struct args_folder { /* -virtfs, -fsdev */
	char id[32];
	const char *tag; /* NULL: no device shares it yet */
	struct share_options options;
};

struct args_mount { /* -device virtio-9p-pci */
	const char *fsdev, *tag;
};

struct args_dump { /* -object filter-dump */
	char netdev[32];
	const char *file;
	unsigned max; /* bytes of each frame */
};

struct args_port { /* -device isa-serial */
	int index; /* -1: the next free one */
	const char *chr;
};

#define ARGS_MAX_MEMORIES 4
struct args_memory { /* -object memory-backend-... */
	char id[32];
	uint64_t size;
};

enum args_display { ARGS_SDL, ARGS_NONE, ARGS_CURSES, ARGS_VNC, ARGS_AUTO };

struct args {
	struct machine_config cfg; /* backends not filled in */
	struct args_drive drive[ARGS_MAX_DRIVES];
	unsigned ndrives;
	struct args_attach attach[ARGS_MAX_DRIVES];
	unsigned nattach;
	bool snapshot;
	const char *serial[CONFIG_MAX_SERIAL];
	unsigned nserial;
	struct args_port port[CONFIG_MAX_SERIAL];
	unsigned nports;
	const char *parallel, *monitor;
	struct { const char *chr; bool pretty; } qmp[ARGS_MAX_QMP];
	unsigned nqmp;
	unsigned echr;	  /* the escape key of shared terminals; Ctrl-A */
	struct { uint16_t iobase; const char *chr; } debugcon[CONFIG_MAX_DEBUGCON];
	unsigned ndebugcon;
	int global_debugcon; /* -global isa-debugcon.iobase, or -1 */
	struct args_chardev chardev[ARGS_MAX_CHARDEVS];
	unsigned nchardevs;
	struct netdev_options netdev[CONFIG_MAX_NIC];
	unsigned nnetdevs;
	struct net *net[CONFIG_MAX_NIC]; /* once opened (backends.c) */
	struct args_nic nic[CONFIG_MAX_NIC];
	unsigned nnics;
	struct audio_options audiodev[ARGS_MAX_AUDIODEVS];
	unsigned naudiodevs;
	struct audio *audio[ARGS_MAX_AUDIODEVS]; /* once opened (args_sound.c) */
	struct args_sound sound[CONFIG_MAX_SOUND];
	unsigned nsounds;
	struct args_vport vport[CONFIG_MAX_VPORTS];
	unsigned nvports;
	struct args_folder folder[CONFIG_MAX_FOLDERS];
	unsigned nfolders;
	struct args_mount mount[CONFIG_MAX_FOLDERS];
	unsigned nmounts;
	const char *pcspk_audiodev; /* id, or NULL */
	bool pcspk_first;	    /* the first one, if there is any */
	unsigned pcspk_at;
	struct args_memory memory[ARGS_MAX_MEMORIES];
	unsigned nmemories;
	const char *memory_backend; /* the machine's, by id, or NULL */
	bool has_ram_size;	    /* -m was given */
	bool vga_chosen;
	struct args_dump dump[CONFIG_MAX_NIC];
	unsigned ndumps;
	bool net_chosen; /* no default card */
	enum args_display display;
	bool nographic, nodefaults, full_screen, stopped, no_reboot, no_shutdown, daemonize, magic, no_trap_log, count_insns, no_count;
	bool keep_window;    /* -display window-close=off */
	bool rtc_host;	     /* -rtc clock=host: the clock chip follows the host's while the guest is stopped, too */
	int icount_shift;    /* -icount: 2^shift ns an instruction; -1: 10 ns */
	bool icount_sleep;   /* idle time is slept, not skipped */
	unsigned grab_mod;   /* enum sdl_mod */
	const char *vnc;     /* [HOST]:DISPLAY of ARGS_VNC */
	const char *process; /* -name process= */
	int panic; /* enum loop_panic (loop.h) */
	uint8_t uuid[16];
	const char *log, *log_file, *dfilter, *pidfile, *gdb, *trace, *report, *symbols, *lesson, *incoming, *loadvm;
	const char *warning[ARGS_MAX_WARNINGS]; /* what was understood but is done otherwise, a line each */
	unsigned nwarnings;
	char **strings; /* copies owned by args */
	unsigned nstrings, strings_room;
};

enum args_what { ARGS_RUN, ARGS_DONE /* help or version printed */ };

/* args_parse() - VM_ERR_USAGE with one line naming the option or value at fault (and the nearest valid one) */
enum vm_err args_parse(struct args *a, int argc, char **argv, enum args_what *what, struct err *e);
void args_free(struct args *a);

/* args_size() - "64", "512M", "2G": bytes; default unit MiB. false: not a size */
bool args_size(const char *text, uint64_t *bytes);

#endif
