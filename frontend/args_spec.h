/* args_spec.h - options whose argument is a list of key=value: -drive, -device, -chardev, -boot, -rtc, -global. */
#ifndef FRONTEND_ARGS_SPEC_H
#define FRONTEND_ARGS_SPEC_H

#include "frontend/args.h"

/* spec_keep() - a copy of @s that lives as long as @a */
char *spec_keep(struct args *a, const char *s);

/* spec_warn() - a line for the user, who asked for something that is done in another way; printed once all is understood */
void spec_warn(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A walk over "key=value,key=value"; ",," is a comma inside a value. */
struct items {
	char *next;
	const char *implied; /* key of a first item that is a value alone; NULL: such an item is key=on */
	const char *key, *val;
	bool bare;
};
void items_begin(struct items *it, struct args *a, const char *text, const char *implied);
bool items_next(struct items *it); /* false: no more */

/* spec_nearest() - the name with the smallest edit distance to @text; n >= 1 */
const char *spec_nearest(const char *text, const char *const *names, unsigned n);
/* spec_unknown() - the error "-OPT: unknown WHAT 'V'; did you mean 'NEAREST'? (all names)" */
enum vm_err spec_unknown(const char *opt, const char *what, const char *v, const char *const *names, unsigned n,
	struct err *e);
/* spec_choice() - @at: which of @names @v is, or spec_unknown() */
enum vm_err spec_choice(const char *opt, const char *what, const char *v, const char *const *names, unsigned n,
	unsigned *at, struct err *e);
enum vm_err spec_switch(const char *opt, const char *key, const char *v, bool *out, struct err *e);
/* spec_number() - decimal, 0x hexadecimal or 0 octal, at most @max */
enum vm_err spec_number(const char *opt, const char *v, uint64_t max, uint64_t *n, struct err *e);

enum vm_err spec_add_drive(struct args *a, const char *file, int index, bool cdrom, struct err *e);
enum vm_err spec_add_floppy(struct args *a, const char *file, int index, struct err *e);
enum vm_err spec_add_flash(struct args *a, const char *file, struct err *e);
enum vm_err spec_add_debugcon(struct args *a, uint16_t iobase, const char *chr, struct err *e);
enum vm_err spec_drive(struct args *a, const char *v, struct err *e);
enum vm_err spec_device(struct args *a, const char *v, struct err *e);
enum vm_err spec_ports_finish(struct args *a, struct err *e); /* where -device isa-serial is */
enum vm_err spec_chardev(struct args *a, const char *v, struct err *e);
enum vm_err spec_add_qmp(struct args *a, const char *chr, bool pretty, struct err *e);
enum vm_err spec_mon(struct args *a, const char *v, struct err *e);
enum vm_err spec_global(struct args *a, const char *v, struct err *e);
enum vm_err spec_bootindex(const char *v, unsigned *boot, struct err *e); /* as args.h has it: and one, 0 for none */
void spec_device_help(const char *v); /* "help" or "NAME,help" on standard output */
bool spec_asks_device_help(const char *v);

/* spec_add_usb() - the USB controller, and @what in its next free port */
enum vm_err spec_add_usb(struct args *a, enum config_usb what, struct err *e);
enum vm_err spec_usbdevice(struct args *a, const char *v, struct err *e);

/* args_net.c */
enum vm_err spec_netdev(struct args *a, const char *v, struct err *e);
enum vm_err spec_nic(struct args *a, const char *v, struct err *e);
enum vm_err spec_net(struct args *a, const char *v, struct err *e);
void spec_net_help(void); /* networks and cards, on standard output */
enum vm_err spec_object(struct args *a, const char *v, struct err *e);
bool spec_is_nic(const char *driver);
enum vm_err spec_nic_device(struct args *a, const char *driver, struct items *it, struct err *e);
/* spec_net_finish() - the default card, addresses, and whether every netdev named exists */
enum vm_err spec_net_finish(struct args *a, struct err *e);

/* args_sound.c */
enum vm_err spec_audio(struct args *a, const char *v, struct err *e);
enum vm_err spec_soundhw(struct args *a, const char *v, struct err *e);
enum vm_err spec_audiodev(struct args *a, const char *v, struct err *e);
bool spec_is_sound(const char *driver);
enum vm_err spec_sound_device(struct args *a, const char *driver, struct items *it, struct err *e);
enum vm_err spec_sound_finish(struct args *a, struct err *e); /* does every audiodev named exist? */

/* args_virtio.c: virtio-serial-pci and its ports, virtio-balloon-pci */
bool spec_is_virtio(const char *driver);
enum vm_err spec_virtio_device(struct args *a, const char *driver, struct items *it, struct err *e);
enum vm_err spec_virtio_finish(struct args *a, struct err *e);

/* args_share.c: -virtfs, -fsdev, virtio-9p-pci */
enum vm_err spec_virtfs(struct args *a, const char *v, struct err *e);
enum vm_err spec_fsdev(struct args *a, const char *v, struct err *e);
bool spec_is_share(const char *driver);
enum vm_err spec_share_device(struct args *a, const char *driver, struct items *it, struct err *e);
enum vm_err spec_share_finish(struct args *a, struct err *e);

/* args_machine.c: the board and its surroundings */
enum vm_err spec_machine(struct args *a, const char *v, struct err *e);
enum vm_err spec_smp(struct args *a, const char *v, struct err *e);
enum vm_err spec_cpu(struct args *a, const char *v, struct err *e); /* args_cpu.c */
void spec_cpu_help(void); /* models and features, on standard output */
enum vm_err spec_fw_cfg(struct args *a, const char *v, struct err *e);
enum vm_err spec_smbios(struct args *a, const char *v, struct err *e);
enum vm_err spec_memory(struct args *a, const char *v, struct err *e); /* args_memory.c */
enum vm_err spec_memory_object(struct args *a, const char *kind, struct items *it, struct err *e);
enum vm_err spec_numa(struct args *a, const char *v, struct err *e);
enum vm_err spec_memory_finish(struct args *a, struct err *e); /* the size, if it is a backend's */
enum vm_err spec_option_rom(struct args *a, const char *v, struct err *e);
enum vm_err spec_data_dir(struct args *a, const char *v, struct err *e);
#define SPEC_SOFTWARE "the host's virtualization is never used; guests run by translation (-accel jit)"
enum vm_err spec_tb_size(struct args *a, const char *v, struct err *e);
enum vm_err spec_accel(struct args *a, const char *v, struct err *e);
enum vm_err spec_host_mask(struct args *a, const char *v, struct err *e); /* "avx2,bmi2", or "all" */
enum vm_err spec_boot(struct args *a, const char *v, struct err *e);
enum vm_err spec_rtc(struct args *a, const char *v, struct err *e);
enum vm_err spec_icount(struct args *a, const char *v, struct err *e);
enum vm_err spec_name(struct args *a, const char *v, struct err *e);
enum vm_err spec_uuid(struct args *a, const char *v, struct err *e);
enum vm_err spec_action(struct args *a, const char *v, struct err *e);
enum vm_err spec_display(struct args *a, const char *v, struct err *e);
enum vm_err spec_vnc(struct args *a, const char *v, struct err *e);
enum vm_err spec_vga(struct args *a, const char *v, struct err *e);
enum vm_err spec_echr(struct args *a, const char *v, struct err *e);
enum vm_err spec_keymap(struct args *a, const char *v, struct err *e);
enum vm_err spec_trap_log(struct args *a, const char *v, struct err *e);
enum vm_err spec_log(struct args *a, const char *v, struct err *e);
enum vm_err spec_trace(struct args *a, const char *v, struct err *e);

/*
 * args_config.c: a file of [group] and key = "value" lines; each group becomes an option and its argument, which
 * @option (args.c) takes as if typed.
 */
enum vm_err spec_readconfig(struct args *a, const char *path,
	enum vm_err (*option)(struct args *a, const char *name, const char *value, struct err *e), struct err *e);

/* spec_check() - cross-check once everything is read: backends named exist and are understood, positions are free */
enum vm_err spec_check(struct args *a, struct err *e);
/* spec_backend() - the chardev_open() spec behind a -serial/-monitor argument ("chardev:ID", "mon:stdio", "stdio") */
const char *spec_backend(const struct args *a, const char *v);
/* spec_chardev_of() - the -chardev behind "chardev:ID" or "mon:chardev:ID", or NULL */
const struct args_chardev *spec_chardev_of(const struct args *a, const char *v);

#endif
