/* args.c - the command line (args.h); options are rows of options.def. */
#define _GNU_SOURCE
#include "frontend/args.h"
#include "frontend/args_spec.h"
#include "frontend/chardev.h"
#include "frontend/report.h"
#include "frontend/snapshot.h"
#include "jit/ir/ir.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum opt_id {
#define OPT(id, name, arg, help) OPT_##id,
#include "frontend/options.def"
#undef OPT
	OPT_COUNT
};

static const struct option {
	const char *name, *arg, *help;
} options[OPT_COUNT] = {
#define OPT(id, name, arg, help) [OPT_##id] = {name, arg, help},
#include "frontend/options.def"
#undef OPT
};

/* where firmware is looked for after -L */
static const char *const data_dirs[] = {"/usr/share/seabios", "/usr/share/qemu", "/usr/lib/ipxe/qemu"};

static void print_help(void)
{
	puts("usage: dragoman [options] [disk image]\n");
	for (unsigned i = 0; i < OPT_COUNT; i++) {
		char left[40];

		if (!options[i].help)
			continue;
		snprintf(left, sizeof(left), "-%s%s%s", options[i].name, options[i].arg ? " " : "",
			options[i].arg ? options[i].arg : "");
		printf("  %-22s %s\n", left, options[i].help);
	}
	puts("\nIn the window: Ctrl-Alt-G mouse grab, Ctrl-Alt-F full screen, Ctrl-Alt-U size, Ctrl-Alt-I what the guest does, Ctrl-Alt-S screenshot.\n"
	     "With -nographic: Ctrl-A h help, Ctrl-A x exit, Ctrl-A c monitor.");
}

bool args_size(const char *text, uint64_t *bytes)
{
	char *end;
	double v = strtod(text, &end);
	uint64_t unit = 1 << 20;

	if (end == text || !isdigit((unsigned char)text[0]))
		return false;
	switch (toupper((unsigned char)*end)) {
	case 'K':
		unit = 1 << 10;
		end++;
		break;
	case 'M':
		end++;
		break;
	case 'G':
		unit = 1 << 30;
		end++;
		break;
	case 'T':
		unit = 1ull << 40;
		end++;
		break;
	case 'B':
		unit = 1;
		end++;
		break;
	}
	if (*end || v < 0 || v * (double)unit > 9e18)
		return false;
	*bytes = (uint64_t)(v * (double)unit);
	return true;
}

static enum vm_err parse_pass(struct args *a, const char *v, struct err *e)
{
	for (unsigned i = 0; i < ir_npasses; i++) {
		if (v[0] == '-' && !strcmp(v + 1, ir_passes[i].name)) {
			a->cfg.jit.passes_off |= 1u << i;
			return VM_OK;
		}
	}
	return err_set(e, VM_ERR_USAGE, "--pass: '%s' is not -NAME of a pass (%s ...)", v,
		ir_npasses ? ir_passes[0].name : "none");
}

static enum vm_err take_option(struct args *a, const char *name, const char *value, struct err *e);

static enum vm_err set_value(struct args *a, enum opt_id id, const char *v, struct err *e)
{
	struct machine_config *c = &a->cfg;
	struct log judge;

	switch (id) {
	case OPT_MACHINE:
	case OPT_M:
		return spec_machine(a, v, e);
	case OPT_CPU:
		return spec_cpu(a, v, e);
	case OPT_SMP:
		return spec_smp(a, v, e);
	case OPT_FWCFG:
		return spec_fw_cfg(a, v, e);
	case OPT_SMBIOS:
		return spec_smbios(a, v, e);
	case OPT_USBDEVICE:
		return spec_usbdevice(a, v, e);
	case OPT_TBSIZE:
		return spec_tb_size(a, v, e);
	case OPT_MEM:
		return spec_memory(a, v, e);
	case OPT_ACCEL:
		return spec_accel(a, v, e);
	case OPT_BIOS:
		c->bios = v;
		return VM_OK;
	case OPT_L:
		return spec_data_dir(a, v, e);
	case OPT_BOOT:
		return spec_boot(a, v, e);
	case OPT_KERNEL:
		c->kernel = v;
		return VM_OK;
	case OPT_INITRD:
		c->initrd = v;
		return VM_OK;
	case OPT_APPEND:
		c->append = v;
		return VM_OK;
	case OPT_HDA ... OPT_HDD:
		return spec_add_drive(a, v, (int)(id - OPT_HDA), false, e);
	case OPT_FDA:
	case OPT_FDB:
		return spec_add_floppy(a, v, id == OPT_FDB, e);
	case OPT_CDROM:
		return spec_add_drive(a, v, 2, true, e);
	case OPT_PFLASH:
		return spec_add_flash(a, v, e);
	case OPT_DRIVE:
		return spec_drive(a, v, e);
	case OPT_SERIAL:
		if (a->nserial == CONFIG_MAX_SERIAL)
			return err_set(e, VM_ERR_USAGE, "-serial: at most %u serial ports", CONFIG_MAX_SERIAL);
		a->serial[a->nserial++] = v;
		return VM_OK;
	case OPT_PARALLEL:
		if (a->parallel)
			return err_set(e, VM_ERR_USAGE, "-parallel: there is one parallel port");
		a->parallel = v;
		return VM_OK;
	case OPT_MONITOR:
		a->monitor = v;
		return VM_OK;
	case OPT_OPTIONROM:
		return spec_option_rom(a, v, e);
	case OPT_NUMA:
		return spec_numa(a, v, e);
	case OPT_MEMPATH:
		spec_warn(a, "-mem-path: '%s': the guest's memory is not in a file", v);
		return VM_OK;
	case OPT_WATCHDOG: {
		char text[64];

		snprintf(text, sizeof(text), "watchdog=%s", v);
		return spec_action(a, text, e);
	}
	case OPT_DEBUGCON:
		return spec_add_debugcon(a, 0, v, e);
	case OPT_CHARDEV:
		return spec_chardev(a, v, e);
	case OPT_DISPLAY:
		return spec_display(a, v, e);
	case OPT_VNC:
		return spec_vnc(a, v, e);
	case OPT_VGA:
		return spec_vga(a, v, e);
	case OPT_DEVICE:
		return spec_device(a, v, e);
	case OPT_GLOBAL:
		return spec_global(a, v, e);
	case OPT_ACTION:
		return spec_action(a, v, e);
	case OPT_RTC:
		return spec_rtc(a, v, e);
	case OPT_NAME:
		return spec_name(a, v, e);
	case OPT_ICOUNT:
		return spec_icount(a, v, e);
	case OPT_ECHR:
		return spec_echr(a, v, e);
	case OPT_KEYMAP:
		return spec_keymap(a, v, e);
	case OPT_TRACE:
		return spec_trace(a, v, e);
	case OPT_TRAPLOG:
		return spec_trap_log(a, v, e);
	case OPT_QMP:
	case OPT_QMPPRETTY:
		return spec_add_qmp(a, v, id == OPT_QMPPRETTY, e);
	case OPT_MON:
		return spec_mon(a, v, e);
	case OPT_READCONFIG:
		return spec_readconfig(a, v, take_option, e);
	case OPT_DTB:
		return err_set(e, VM_ERR_USAGE, "-dtb: '%s': a PC has no device tree", v);
	case OPT_UUID:
		return spec_uuid(a, v, e);
	case OPT_NIC:
		return spec_nic(a, v, e);
	case OPT_NET:
		return spec_net(a, v, e);
	case OPT_AUDIO:
		return spec_audio(a, v, e);
	case OPT_SOUNDHW:
		return spec_soundhw(a, v, e);
	case OPT_AUDIODEV:
		return spec_audiodev(a, v, e);
	case OPT_VIRTFS:
		return spec_virtfs(a, v, e);
	case OPT_FSDEV:
		return spec_fsdev(a, v, e);
	case OPT_NETDEV:
		return spec_netdev(a, v, e);
	case OPT_OBJECT:
		return spec_object(a, v, e);
	case OPT_LOG:
		return spec_log(a, v, e);
	case OPT_LOGFILE:
		a->log_file = v;
		return VM_OK;
	case OPT_DFILTER:
		a->dfilter = v;
		return log_filter(&judge, v, e);
	case OPT_REPORT:
		a->report = v;
		return report_check(v, e);
	case OPT_INCOMING:
		a->incoming = v;
		return snapshot_is_file(v) ? VM_OK : err_set(e, VM_ERR_USAGE, "-incoming: '%s' is not file:NAME", v);
	case OPT_LOADVM:
		a->loadvm = v;
		return VM_OK;
	case OPT_LESSON:
		a->lesson = v;
		return VM_OK;
	case OPT_SYMBOLS:
		a->symbols = v;
		return VM_OK;
	case OPT_GDB:
		a->gdb = v;
		return VM_OK;
	case OPT_PIDFILE:
		a->pidfile = v;
		return VM_OK;
	case OPT_PASS:
		return parse_pass(a, v, e);
	case OPT_RA:
		if (strncmp(v, "random:", 7))
			return err_set(e, VM_ERR_USAGE, "--ra: '%s' is not random:SEED", v);
		return spec_number("ra", v + 7, UINT64_MAX, &c->jit.ra_random, e);
	case OPT_HOSTMASK:
		return spec_host_mask(a, v, e);
	default:
		return VM_OK;
	}
}

static void set_flag(struct args *a, enum opt_id id)
{
	switch (id) {
	case OPT_SNAPSHOT:
		a->snapshot = true;
		break;
	case OPT_USB:
		a->cfg.usb = true;
		break;
	case OPT_KVM:
		spec_warn(a, "-enable-kvm: " SPEC_SOFTWARE);
		break;
	case OPT_SDL:
		a->display = ARGS_SDL;
		break;
	case OPT_CURSES:
		a->display = ARGS_CURSES;
		break;
	case OPT_NOGRAPHIC:
		a->nographic = true;
		a->display = ARGS_NONE;
		break;
	case OPT_FULL:
		a->full_screen = true;
		break;
	case OPT_NODEFAULTS:
		a->nodefaults = true;
		break;
	case OPT_NOREBOOT:
		a->no_reboot = true;
		break;
	case OPT_NOSHUTDOWN:
		a->no_shutdown = true;
		break;
	case OPT_DAEMONIZE:
		a->daemonize = true;
		break;
	case OPT_NOACPI:
		a->cfg.no_acpi = true;
		break;
	case OPT_NOFDCHECK:
		a->cfg.no_fd_check = true;
		break;
	case OPT_S:
		a->stopped = true;
		break;
	case OPT_MAGIC:
		a->magic = true;
		break;
	case OPT_GDBS:
		a->gdb = "tcp::1234";
		break;
	case OPT_ONEINSN:
	case OPT_SINGLESTEP:
		a->cfg.jit.one_insn = true;
		break;
	case OPT_ALLSIDES:
		a->cfg.jit.all_sides = true;
		break;
	case OPT_PERFMAP:
		a->cfg.jit.perfmap = true;
		break;
	case OPT_JITDUMP:
		a->cfg.jit.jitdump = true;
		break;
	case OPT_NOLINK:
		a->cfg.jit.no_link = true;
		break;
	default:
		break;
	}
}

static int find_option(const char *name, size_t n)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (strlen(options[i].name) == n && !strncmp(options[i].name, name, n))
			return i;
	return -1;
}

static enum vm_err unknown_option(const char *arg, struct err *e)
{
	const char *names[OPT_COUNT];

	for (unsigned i = 0; i < OPT_COUNT; i++)
		names[i] = options[i].name;
	while (*arg == '-')
		arg++;
	return err_set(e, VM_ERR_USAGE, "unknown option '-%s'; did you mean '-%s'? (-help lists all)", arg,
		spec_nearest(arg, names, OPT_COUNT));
}

/* "-device help", "-d help", "--pass=help": the words that option knows. */
static bool print_list(int id, const char *value)
{
	if ((id == OPT_NET || id == OPT_NIC) && strstr(value, "model=help"))
		value = "help";
	if (id == OPT_DEVICE ? !spec_asks_device_help(value) : strcmp(value, "help") != 0 && strcmp(value, "?") != 0)
		return false;
	switch (id) {
	case OPT_DEVICE:
		spec_device_help(value);
		return true;
	case OPT_CPU:
		spec_cpu_help();
		return true;
	case OPT_CHARDEV:
		puts("stdio\nnull\nvc\npty\nfile\npipe\nsocket\nserial");
		return true;
	case OPT_TRACE:
	case OPT_LOG:
#define LOG(id, name, alias, help) printf("  %-8s %s\n", name, help);
#include "mmu/base/log.def"
#undef LOG
		return true;
	case OPT_ACCEL:
		puts("jit\ninterp\nlockstep");
		for (unsigned i = 0; i < jit_nopts; i++)
			printf("opt=-%s\n", jit_opts[i]);
		return true;
	case OPT_PASS:
		for (unsigned i = 0; i < ir_npasses; i++)
			puts(ir_passes[i].name);
		return true;
	case OPT_L:
		for (unsigned i = 0; i < ARRAY_SIZE(data_dirs); i++)
			puts(data_dirs[i]);
		return true;
	case OPT_DISPLAY:
		puts("sdl\ncurses\nvnc\nnone");
		return true;
	case OPT_VGA:
		puts("std\nnone");
		return true;
	case OPT_AUDIODEV:
		puts("none\nwav\nsdl");
		return true;
	case OPT_NETDEV:
	case OPT_NET:
	case OPT_NIC:
		spec_net_help();
		return true;
	case OPT_MACHINE:
	case OPT_M:
		puts("pc (i440FX + PIIX3), the only and default one");
		return true;
	default:
		return false;
	}
}

static void defaults(struct args *a)
{
	memset(a, 0, sizeof(*a));
	a->cfg.cpu_model = "max";
	a->cfg.ram_size = 128 << 20;
	a->cfg.vga = true;
	a->cfg.rtc_base = (int64_t)time(NULL);
	a->cfg.debug_exit_iobase = 0x501;
	a->cfg.debug_exit_iosize = 2;
	a->global_debugcon = -1;
	a->icount_shift = -1;
	a->echr = 1;
	a->display = ARGS_AUTO;
}

/* What follows from several options together. */
static enum vm_err finish(struct args *a, struct err *e)
{
	unsigned n = 0;

	if (spec_memory_finish(a, e))
		return e->code;
	/* lockstep is hundreds of times slower than the guest expects: its time is counted, not measured */
	if (a->cfg.jit.accel == ACCEL_LOCKSTEP)
		a->cfg.jit.icount = true;
	while (a->cfg.data_dir[n])
		n++;
	memcpy(&a->cfg.data_dir[n], data_dirs, sizeof(data_dirs));
	if (a->nodefaults && !a->vga_chosen)
		a->cfg.vga = false;
	if ((a->cfg.initrd || a->cfg.append) && !a->cfg.kernel)
		return err_set(e, VM_ERR_USAGE, "-%s needs -kernel", a->cfg.initrd ? "initrd" : "append");
	if (a->daemonize && a->nographic)
		return err_set(e, VM_ERR_USAGE, "-daemonize: -nographic needs the terminal that a daemon gives up");
	if (a->display == ARGS_NONE && a->nographic)
		a->cfg.nographic = true;
	for (unsigned i = 0; i < a->ndebugcon; i++)
		if (!a->debugcon[i].iobase)
			a->debugcon[i].iobase = a->global_debugcon >= 0 ? (uint16_t)a->global_debugcon : 0xE9;
	return spec_net_finish(a, e) || spec_sound_finish(a, e) ? e->code : spec_check(a, e);
}

/* "-name" or "--name", and a value in the next word or behind '=' (the latter after two dashes only). */
static int parse_name(const char *arg, const char **value)
{
	const char *name = arg + (arg[1] == '-' && arg[2] ? 2 : 1);
	const char *eq = arg[1] == '-' ? strchr(name, '=') : NULL;

	*value = eq ? eq + 1 : NULL;
	return find_option(name, eq ? (size_t)(eq - name) : strlen(name));
}

static enum vm_err take_option(struct args *a, const char *name, const char *value, struct err *e)
{
	int id = find_option(name, strlen(name));

	return id < 0 ? unknown_option(name, e) : set_value(a, (enum opt_id)id, value, e);
}

enum vm_err args_parse(struct args *a, int argc, char **argv, enum args_what *what, struct err *e)
{
	enum vm_err r;

	defaults(a);
	*what = ARGS_RUN;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *value = NULL;
		int id;

		if (arg[0] != '-' || !arg[1]) {
			r = spec_add_drive(a, arg, 0, false, e);
			if (r)
				return r;
			continue;
		}
		id = parse_name(arg, &value);
		if (id < 0)
			return unknown_option(arg, e);
		if (id == OPT_HELP || id == OPT_H || id == OPT_VERSION) {
			*what = ARGS_DONE;
			if (id == OPT_VERSION)
				puts("Dragoman 0.1.0");
			else
				print_help();
			return VM_OK;
		}
		if (!options[id].arg) {
			set_flag(a, (enum opt_id)id);
			continue;
		}
		if (!value && i + 1 < argc)
			value = argv[++i];
		if (!value)
			return err_set(e, VM_ERR_USAGE, "option '-%s' needs an argument (%s)", options[id].name,
				options[id].arg);
		if (print_list(id, value)) {
			*what = ARGS_DONE;
			return VM_OK;
		}
		r = set_value(a, (enum opt_id)id, value, e);
		if (r)
			return r;
	}
	return finish(a, e);
}

void args_free(struct args *a)
{
	for (unsigned i = 0; i < a->nstrings; i++)
		free(a->strings[i]);
	free(a->strings);
	a->strings = NULL;
	a->nstrings = a->strings_room = 0;
}
