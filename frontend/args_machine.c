/* args_machine.c - options about the board, its start and its surroundings (args_spec.h). */
#define _GNU_SOURCE
#include "frontend/args_spec.h"
#include "frontend/curses.h"
#include "frontend/vnc.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "kvm:tcg": the first of the list that can be had. */
static enum vm_err accel_list(struct args *a, const char *v, struct err *e)
{
	static const char *const names[] = {"jit", "interp", "lockstep", "tcg", "kvm", "hvf", "whpx", "xen", "hax", "nvmm"};
	static const enum jit_accel accel[] = {ACCEL_JIT, ACCEL_INTERP, ACCEL_LOCKSTEP, ACCEL_JIT};
	char *save = NULL;

	for (char *w = strtok_r(spec_keep(a, v), ":", &save); w; w = strtok_r(NULL, ":", &save)) {
		unsigned n;
		enum vm_err r = spec_choice("accel", "accelerator", w, names, ARRAY_SIZE(names), &n, e);

		if (r)
			return r;
		if (n < ARRAY_SIZE(accel)) {
			a->cfg.jit.accel = accel[n];
			return VM_OK;
		}
	}
	spec_warn(a, "-accel: '%s': " SPEC_SOFTWARE, v);
	return VM_OK;
}

enum vm_err spec_tb_size(struct args *a, const char *v, struct err *e)
{
	uint64_t mib;
	enum vm_err r = spec_number("accel", v, 1 << 20, &mib, e);

	if (!r && mib > 2048) {
		spec_warn(a, "-accel: tb-size=%s: 2048 is what is used at most", v);
		mib = 2048;
	}
	a->cfg.jit.cache_bytes = r ? 0 : mib << 20;
	return r;
}

enum vm_err spec_accel(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"accel", "thread", "tb-size", "one-insn-per-tb", "opt", "profile", "split-wx"};
	static const char *const threads[] = {"single", "multi"};
	struct items it;
	unsigned k, n;
	bool on;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, "accel"); !r && items_next(&it);) {
		r = spec_choice("accel", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (r)
			break;
		if (k == 0) {
			r = accel_list(a, it.val, e);
		} else if (k == 1) { /* one CPU is one thread */
			r = spec_choice("accel", "thread mode", it.val, threads, ARRAY_SIZE(threads), &n, e);
		} else if (k == 6) { /* code is never writable where it runs: so it is always */
			r = spec_switch("accel", it.key, it.val, &on, e);
		} else if (k == 2) {
			r = spec_tb_size(a, it.val, e);
		} else if (k == 3) {
			r = spec_switch("accel", it.key, it.val, &a->cfg.jit.one_insn, e);
		} else if (k == 4) {
			r = spec_choice("accel", "optimisation", it.val + (*it.val == '-'), jit_opts, jit_nopts, &n, e);
			if (!r)
				a->cfg.jit.opts_off |= 1u << n;
		} else if (k == 5) {
			r = spec_switch("accel", it.key, it.val, &a->cfg.jit.profile, e);
		}
	}
	return r;
}

enum vm_err spec_host_mask(struct args *a, const char *v, struct err *e)
{
	struct items it;
	enum vm_err r = VM_OK;
	unsigned n;

	for (items_begin(&it, a, v, NULL); !r && items_next(&it);) {
		if (it.bare && !strcmp(it.key, "all")) {
			a->cfg.jit.host_mask = UINT32_MAX;
			continue;
		}
		r = spec_choice("-host-mask", "host feature", it.key, jit_host_features, jit_host_nfeatures, &n, e);
		if (!r)
			a->cfg.jit.host_mask |= 1u << n;
	}
	return r;
}

static enum vm_err machine_type(const char *v, struct err *e)
{
	static const char *const names[] = {"pc"};

	if (!strcmp(v, "pc") || !strncmp(v, "pc-i440fx", 9))
		return VM_OK;
	return spec_unknown("machine", "machine", v, names, 1, e);
}

static bool among(const char *v, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(v, names[i]))
			return true;
	return false;
}

enum vm_err spec_machine(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"type", "accel", "acpi", "kernel", "initrd", "append", "firmware", "usb",
		"vmport", "graphics", "hpet", "pcspk-audiodev", "memory-backend", "smm", "dump-guest-core", "mem-merge", "kernel-irqchip", "nvdimm", "suppress-vmdesc"};
	static const char *const always[] = {"i8042", "pic", "pit", "smbus", "sata"};
	enum { KEY_TYPE, KEY_ACCEL, KEY_ACPI, KEY_KERNEL, KEY_INITRD, KEY_APPEND, KEY_FIRMWARE, KEY_USB, KEY_VMPORT,
		KEY_GRAPHICS, KEY_HPET, KEY_PCSPK, KEY_MEMORY };
	struct items it;
	enum vm_err r = VM_OK;
	char key[64];

	for (items_begin(&it, a, v, "type"); !r && items_next(&it);) {
		unsigned k;
		bool on;

		snprintf(key, sizeof(key), "%s", it.key);
		for (char *c = key; *c; c++)
			*c = *c == '_' ? '-' : *c; /* both are usual: kernel_irqchip, kernel-irqchip */
		if (among(key, always, ARRAY_SIZE(always))) {
			r = spec_switch("machine", it.key, it.val, &on, e);
			if (!r && !on)
				r = err_set(e, VM_ERR_USAGE, "-machine: %s=off: it is part of this board", it.key);
			continue;
		}
		r = spec_choice("machine", "property", key, keys, ARRAY_SIZE(keys), &k, e);
		if (r)
			break;
		switch (k) {
		case KEY_TYPE:
			r = machine_type(it.val, e);
			break;
		case KEY_ACCEL:
			r = spec_accel(a, it.val, e);
			break;
		case KEY_ACPI:
			r = spec_switch("machine", it.key, it.val, &on, e);
			a->cfg.no_acpi = !on;
			break;
		case KEY_KERNEL:
			a->cfg.kernel = it.val;
			break;
		case KEY_INITRD:
			a->cfg.initrd = it.val;
			break;
		case KEY_APPEND:
			a->cfg.append = it.val;
			break;
		case KEY_FIRMWARE:
			a->cfg.bios = it.val;
			break;
		case KEY_GRAPHICS:
			r = spec_switch("machine", it.key, it.val, &on, e);
			a->cfg.nographic |= !on;
			break;
		case KEY_HPET:
			r = spec_switch("machine", it.key, it.val, &a->cfg.hpet, e);
			break;
		case KEY_USB:
			r = spec_switch("machine", it.key, it.val, &a->cfg.usb, e);
			break;
		case KEY_VMPORT:
			r = strcmp(it.val, "auto") ? spec_switch("machine", it.key, it.val, &on, e) : VM_OK;
			if (!r && on && strcmp(it.val, "auto"))
				r = err_set(e, VM_ERR_USAGE, "-machine: %s=on is not supported", it.key);
			break;
		case KEY_MEMORY:
			a->memory_backend = it.val;
			break;
		case KEY_PCSPK:
			a->pcspk_audiodev = it.val;
			break;
		default: /* smm, dump-guest-core ...: nothing a guest sees */
			break;
		}
	}
	return r;
}

static enum vm_err boot_order(const char *v, const char **out, struct err *e)
{
	if (!*v || strspn(v, "acdn") != strlen(v))
		return err_set(e, VM_ERR_USAGE, "-boot: order '%s' is not of the letters a c d n", v);
	for (const char *p = v; *p; p++)
		if (strchr(p + 1, *p))
			return err_set(e, VM_ERR_USAGE, "-boot: order '%s' names '%c' twice", v, *p);
	*out = v;
	return VM_OK;
}

enum vm_err spec_boot(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"order", "once", "menu", "strict", "splash-time", "reboot-timeout"};
	struct items it;
	uint64_t n;
	unsigned k;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, "order"); !r && items_next(&it);) {
		r = spec_choice("boot", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (r)
			break;
		switch (k) {
		case 0:
			r = boot_order(it.val, &a->cfg.boot, e);
			break;
		case 1:
			r = boot_order(it.val, &a->cfg.boot_once, e);
			break;
		case 2:
			r = spec_switch("boot", it.key, it.val, &a->cfg.boot_menu, e);
			break;
		case 3:
			r = spec_switch("boot", it.key, it.val, &a->cfg.boot_strict, e);
			break;
		default: /* milliseconds; -1: never reboot, which is all ones to the firmware */
			if (k == 5 && !strcmp(it.val, "-1")) {
				a->cfg.boot_fail_ms = UINT32_MAX;
				break;
			}
			r = spec_number("boot", it.val, 0xFFFF, &n, e);
			*(k == 4 ? &a->cfg.boot_menu_ms : &a->cfg.boot_fail_ms) = r ? 0 : (uint32_t)n;
		}
	}
	return r;
}

static enum vm_err rtc_base(struct args *a, const char *v, struct err *e)
{
	const char *end;
	struct tm tm = {0};
	time_t now = time(NULL);

	if (!strcmp(v, "utc"))
		return VM_OK;
	if (!strcmp(v, "localtime")) {
		localtime_r(&now, &tm);
	} else {
		end = strptime(v, strchr(v, 'T') ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);
		if (!end || *end)
			return err_set(e, VM_ERR_USAGE, "-rtc: base='%s' is not utc, localtime or a date", v);
	}
	a->cfg.rtc_base = timegm(&tm);
	return VM_OK;
}

enum vm_err spec_rtc(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"base", "clock", "driftfix"}, *const clocks[] = {"host", "rt", "vm"};
	static const char *const drift[] = {"none", "slew"};
	struct items it;
	unsigned k, n;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, NULL); !r && items_next(&it);) {
		r = spec_choice("rtc", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (r)
			break;
		if (k == 0) {
			r = rtc_base(a, it.val, e);
		} else if (k == 1) {
			r = spec_choice("rtc", "clock", it.val, clocks, ARRAY_SIZE(clocks), &n, e);
			a->rtc_host = n != 2;
		} else { /* periodic interrupts are never lost here: both mean the same */
			r = spec_choice("rtc", "driftfix", it.val, drift, ARRAY_SIZE(drift), &n, e);
		}
	}
	return r;
}

enum vm_err spec_icount(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"shift", "align", "sleep"};
	struct items it;
	uint64_t n;
	unsigned k;
	bool on;
	enum vm_err r = VM_OK;

	a->cfg.jit.icount = true;
	a->icount_sleep = true;
	for (items_begin(&it, a, v, "shift"); !r && items_next(&it);) {
		r = spec_choice("icount", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (r)
			break;
		if (k == 0 && strcmp(it.val, "auto")) {
			r = spec_number("icount", it.val, 10, &n, e);
			a->icount_shift = r ? -1 : (int)n;
		} else if (k == 1) {
			r = spec_switch("icount", it.key, it.val, &on, e);
			if (!r && on)
				r = err_set(e, VM_ERR_USAGE, "-icount: align=on is not supported");
		} else if (k == 2) {
			r = spec_switch("icount", it.key, it.val, &a->icount_sleep, e);
		}
	}
	return r;
}

enum vm_err spec_name(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"guest", "process", "debug-threads"};
	struct items it;
	unsigned k;
	bool on;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, "guest"); !r && items_next(&it);) {
		r = spec_choice("name", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k == 0)
			a->cfg.name = it.val;
		else if (!r && k == 1)
			a->process = it.val;
		else if (!r) /* threads carry no names either way */
			r = spec_switch("name", it.key, it.val, &on, e);
	}
	return r;
}

enum vm_err spec_uuid(struct args *a, const char *v, struct err *e)
{
	unsigned n = 0;

	for (const char *p = v; *p; p++) {
		int d = isdigit((unsigned char)*p) ? *p - '0' : isxdigit((unsigned char)*p) ? tolower(*p) - 'a' + 10 : -1;

		if (*p == '-')
			continue;
		if (d < 0 || n >= 32)
			return err_set(e, VM_ERR_USAGE, "-uuid: '%s' is not a UUID", v);
		a->uuid[n / 2] = (uint8_t)(a->uuid[n / 2] << 4 | d);
		n++;
	}
	if (n != 32)
		return err_set(e, VM_ERR_USAGE, "-uuid: '%s' is not a UUID", v);
	a->cfg.uuid = a->uuid;
	return VM_OK;
}

enum vm_err spec_action(struct args *a, const char *v, struct err *e)
{
	enum { REBOOT, SHUTDOWN, PANIC, ABSENT /* events this machine does not have */ };
	static const struct {
		const char *text;
		int what, value;
	} known[] = {{"reboot=reset", REBOOT, false}, {"reboot=shutdown", REBOOT, true},
		{"shutdown=poweroff", SHUTDOWN, false}, {"shutdown=pause", SHUTDOWN, true},
		{"panic=reset", PANIC, LOOP_PANIC_RESET}, {"panic=none", PANIC, LOOP_PANIC_NONE},
		{"panic=pause", PANIC, LOOP_PANIC_PAUSE}, {"panic=shutdown", PANIC, LOOP_PANIC_SHUTDOWN},
		{"panic=exit-failure", PANIC, LOOP_PANIC_FAILURE}, {"watchdog=none", ABSENT, 0},
		{"watchdog=reset", ABSENT, 0}, {"watchdog=shutdown", ABSENT, 0}, {"watchdog=poweroff", ABSENT, 0},
		{"watchdog=pause", ABSENT, 0}, {"watchdog=debug", ABSENT, 0}, {"watchdog=inject-nmi", ABSENT, 0}};
	char *text = spec_keep(a, v), *save = NULL;

	for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		unsigned i = 0;

		while (i < ARRAY_SIZE(known) && strcmp(known[i].text, item))
			i++;
		if (i == ARRAY_SIZE(known))
			return err_set(e, VM_ERR_USAGE, "-action: '%s' is not reboot=reset|shutdown, "
				"shutdown=poweroff|pause or panic=reset|pause|shutdown|exit-failure|none", item);
		if (known[i].what == REBOOT)
			a->no_reboot = known[i].value;
		else if (known[i].what == SHUTDOWN)
			a->no_shutdown = known[i].value;
		else if (known[i].what == PANIC)
			a->panic = known[i].value;
	}
	return VM_OK;
}

/* What may follow the number of a VNC display. Every client is let in, and they share the picture. */
static enum vm_err vnc_word(const struct items *it, struct err *e)
{
	static const char *const keys[] = {"password", "share"}, *const shares[] = {"allow-exclusive", "force-shared", "ignore"};
	unsigned k, n;
	bool on = false;
	enum vm_err r = spec_choice("vnc", "option", it->key, keys, ARRAY_SIZE(keys), &k, e);

	if (!r && k == 0)
		r = spec_switch("vnc", it->key, it->val, &on, e);
	else if (!r)
		r = spec_choice("vnc", "way to share", it->val, shares, ARRAY_SIZE(shares), &n, e);
	return r || !on ? r : err_set(e, VM_ERR_USAGE, "-vnc: password=on is not supported");
}

enum vm_err spec_vnc(struct args *a, const char *v, struct err *e)
{
	struct items it;

	items_begin(&it, a, v, "vnc");
	if (!items_next(&it) || strcmp(it.key, "vnc"))
		return vnc_check(v, e);
	if (!strcmp(it.val, "none")) {
		a->display = ARGS_NONE;
		return VM_OK;
	}
	a->display = ARGS_VNC;
	a->vnc = it.val;
	if (vnc_check(it.val, e))
		return e->code;
	while (items_next(&it))
		if (vnc_word(&it, e))
			return e->code;
	return VM_OK;
}

static enum vm_err display_type(struct args *a, const struct items *it, struct err *e)
{
	static const char *const names[] = {"sdl", "none", "curses", "vnc"};
	unsigned n;
	enum vm_err r;

	/* vnc=:1 looks like another option */
	if (!strcmp(it->key, "vnc"))
		return spec_vnc(a, it->val, e);
	if (!strcmp(it->val, "default")) {
		a->display = ARGS_AUTO;
		return VM_OK;
	}
	if (!strcmp(it->val, "gtk") || !strcmp(it->val, "cocoa")) {
		spec_warn(a, "-display: '%s': the window is SDL's", it->val);
		a->display = ARGS_SDL;
		return VM_OK;
	}
	r = spec_choice("display", "display", it->val, names, ARRAY_SIZE(names), &n, e);
	if (!r && n == 3)
		return err_set(e, VM_ERR_USAGE, "-display: vnc needs a display number, e.g. vnc=:0");
	if (!r && n == 2 && !curses_built())
		return err_set(e, VM_ERR_USAGE, "-display: curses: this program was built without ncurses (Debian: libncurses-dev)");
	a->display = (enum args_display)n;
	return r;
}

enum vm_err spec_display(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"type", "vnc", "full-screen", "window-close", "show-cursor", "gl", "charset",
		"grab-mod", "zoom-to-fit", "show-tabs", "show-menubar", "password", "share"};
	static const char *const mods[] = {"lctrl-lalt", "lshift-lctrl-lalt", "rctrl"};
	struct items it;
	unsigned k, n;
	bool on;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, "type"); !r && items_next(&it);) {
		r = spec_choice("display", "option", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k <= 1) {
			r = display_type(a, &it, e);
		} else if (!r && k == 2) {
			r = spec_switch("display", it.key, it.val, &a->full_screen, e);
		} else if (!r && k == 3) {
			r = spec_switch("display", it.key, it.val, &on, e);
			a->keep_window = !on;
		} else if (!r && k == 7) {
			r = spec_choice("display", "grab-mod", it.val, mods, ARRAY_SIZE(mods), &n, e);
			a->grab_mod = r ? 0 : n;
		} else if (!r && (it.key[0] == 'p' || k == 12)) {
			r = vnc_word(&it, e);
		} else if (!r && k >= 8) { /* of a window with menus */
			r = spec_switch("display", it.key, it.val, &on, e);
		} else if (!r && k == 4) { /* the host's pointer is hidden while grabbed, and only then */
			r = spec_switch("display", it.key, it.val, &on, e);
		}
	}
	return r;
}

enum vm_err spec_vga(struct args *a, const char *v, struct err *e)
{
	static const char *const names[] = {"std", "none"};
	unsigned n;
	enum vm_err r = spec_choice("vga", "adapter", v, names, ARRAY_SIZE(names), &n, e);

	a->cfg.vga = !r && n == 0;
	a->vga_chosen = true;
	return r;
}

enum vm_err spec_echr(struct args *a, const char *v, struct err *e)
{
	uint64_t n;
	enum vm_err r = spec_number("echr", v, 255, &n, e);

	a->echr = (unsigned)n;
	return r;
}

enum vm_err spec_keymap(struct args *a, const char *v, struct err *e)
{
	static const char *const names[] = {"en-us", "ar", "bepo", "cz", "da", "de", "de-ch", "en-gb", "es", "et", "fi",
		"fo", "fr", "fr-be", "fr-ca", "fr-ch", "hr", "hu", "is", "it", "ja", "lt", "lv", "mk", "nl", "no", "pl",
		"pt", "pt-br", "ru", "sl", "sv", "th", "tr"};
	unsigned n;

	return spec_choice("k", "keyboard layout", v, names, ARRAY_SIZE(names), &n, e);
}

enum vm_err spec_trap_log(struct args *a, const char *v, struct err *e)
{
	a->no_trap_log = !strcmp(v, "off");
	a->count_insns = !strcmp(v, "count");
	a->no_count = !strcmp(v, "plain");
	return a->no_trap_log || a->count_insns || a->no_count || !strcmp(v, "on") ? VM_OK
		: err_set(e, VM_ERR_USAGE, "-trap-log: '%s' is not on, count, plain or off", v);
}
