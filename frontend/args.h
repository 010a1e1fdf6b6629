/*
 * args.h - the command line, judged whole before anything is opened or written.
 */
#ifndef FRONTEND_ARGS_H
#define FRONTEND_ARGS_H

#include "frontend/machine/config.h"

#define ARGS_MAX_DRIVES 8
#define ARGS_MAX_CHARDEVS 16

struct args_drive {
	const char *file; /* NULL: empty drive */
	int index;	  /* 0..3: IDE position; -1: next free */
	bool cdrom, readonly, snapshot;
	char id[32];
};

struct args_chardev {
	char id[32];
	char spec[320]; /* as for chardev_open() */
};

enum args_display { ARGS_SDL, ARGS_NONE, ARGS_AUTO };

struct args {
	struct machine_config cfg; /* backends not filled in */
	struct args_drive drive[ARGS_MAX_DRIVES];
	unsigned ndrives;
	bool snapshot;
	const char *serial[CONFIG_MAX_SERIAL];
	unsigned nserial;
	const char *parallel, *monitor;
	struct { uint16_t iobase; const char *chr; } debugcon[CONFIG_MAX_DEBUGCON];
	unsigned ndebugcon;
	int global_debugcon; /* -global isa-debugcon.iobase, or -1 */
	struct args_chardev chardev[ARGS_MAX_CHARDEVS];
	unsigned nchardevs;
	enum args_display display;
	bool nographic, nodefaults, full_screen, stopped, no_reboot, no_shutdown;
	int panic; /* enum loop_panic (loop.h) */
	uint8_t uuid[16];
	const char *log, *log_file, *dfilter, *pidfile, *gdb;
	char *strings[64]; /* copies owned by args */
	unsigned nstrings;
};

enum args_what { ARGS_RUN, ARGS_DONE /* help or version printed */ };

/* args_parse() - VM_ERR_USAGE with one line naming the option or value at fault (and the nearest valid one) */
enum vm_err args_parse(struct args *a, int argc, char **argv, enum args_what *what, struct err *e);
void args_free(struct args *a);

/* args_size() - "64", "512M", "2G": bytes; default unit MiB. false: not a size */
bool args_size(const char *text, uint64_t *bytes);

#endif
