/* args_spec.c - devices and character backends of the command line (args_spec.h). */
#define _GNU_SOURCE
#include "frontend/args_spec.h"
#include "frontend/gdb.h"
#include "frontend/chardev.h"
#include <stdlib.h>
#include <string.h>

/* Other names for some devices, QEMU's too. */
static const struct { const char *name, *ours; } device_aliases[] = {{"virtio-blk", "virtio-blk-pci"}, {"virtio-blk-pci-transitional", "virtio-blk-pci"},
	{"virtio-net-pci-transitional", "virtio-net-pci"}, {"virtio-rng", "virtio-rng-pci"}, {"virtio-rng-pci-transitional", "virtio-rng-pci"},
	{"ac97", "AC97"}};

static const char *const device_names[] = {"isa-debug-exit", "isa-debugcon", "pvpanic", "pc-testdev", "ide-hd", "ide-cd", "floppy",
	"virtio-blk-pci", "virtio-rng-pci", "piix3-usb-uhci", "usb-tablet", "usb-mouse", "usb-kbd",
	"virtio-serial-pci", "virtconsole", "virtserialport", "virtio-balloon-pci", "virtio-9p-pci", "isa-serial", "isa-parallel", "VGA",
#define NIC(word, name, ...) name,
#include "frontend/machine/nics.def"
#undef NIC
#define SOUND(word, name, help) name,
#include "frontend/machine/sounds.def"
#undef SOUND
};
static const char *const device_help[] = {"iobase=PORT (0x501), iosize=1..4 (2): a write ends the emulator",
	"chardev=ID, iobase=PORT (0xe9): every byte written goes to the backend",
	"ioport=PORT (0x505), events=1..3 (3): the guest's kernel tells its panic here; -action panic= decides what follows",
	"what test kernels use: ports E0h-EBh, interrupt lines at ports 2000h-2017h, device memory at FF000000h",
	"drive=ID, bus=ide.0|ide.1, unit=0|1, serial=TEXT, bootindex=N: a disk for -drive if=none,id=ID",
	"drive=ID, bus=ide.0|ide.1, unit=0|1: a CD-ROM drive for -drive if=none,id=ID",
	"drive=ID, unit=0|1: a floppy drive for -drive if=none,id=ID",
	"drive=ID, serial=TEXT, bootindex=N: a virtio disk for -drive if=none,id=ID", "random bytes for the guest",
	"the chipset's USB 1.1 controller, as with -usb", "a pointer with positions, which needs no grab of the host's mouse",
	"a mouse on USB", "a keyboard on USB", "the bus of virtconsole and virtserialport",
	"chardev=ID, name=TEXT, nr=N: a console of virtio-serial-pci, hvc0 in Linux",
	"chardev=ID, name=TEXT, nr=N: a stream of bytes of virtio-serial-pci, /dev/virtio-ports/NAME in Linux",
	"memory that the guest can do without: the monitor's balloon",
	"fsdev=ID, mount_tag=TAG: the folder of -fsdev; in Linux: mount -t 9p -o trans=virtio,version=9p2000.L TAG /mnt",
	"chardev=ID, index=0..3: a serial port", "chardev=ID: the parallel port", "the display adapter, as with -vga std",
#define NIC(word, name, vendor, device, rom, help) "netdev=ID, mac=ADDRESS, addr=SLOT, romfile=FILE: " help,
#include "frontend/machine/nics.def"
#undef NIC
#define SOUND(word, name, help) "audiodev=ID: " help,
#include "frontend/machine/sounds.def"
#undef SOUND
};
enum { DEV_DEBUG_EXIT, DEV_DEBUGCON, DEV_PVPANIC, DEV_TESTDEV, DEV_IDE_HD, DEV_IDE_CD, DEV_FLOPPY, DEV_VIRTIO_BLK, DEV_VIRTIO_RNG,
	DEV_UHCI, DEV_USB_TABLET };

static const char *device_alias(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(device_aliases); i++)
		if (!strcmp(name, device_aliases[i].name))
			return device_aliases[i].ours;
	return name;
}

/* ---- devices ---- */

enum vm_err spec_add_debugcon(struct args *a, uint16_t iobase, const char *chr, struct err *e)
{
	if (a->ndebugcon == CONFIG_MAX_DEBUGCON)
		return err_set(e, VM_ERR_USAGE, "too many debug consoles: at most %u", CONFIG_MAX_DEBUGCON);
	a->debugcon[a->ndebugcon].iobase = iobase;
	a->debugcon[a->ndebugcon++].chr = chr;
	return VM_OK;
}

static enum vm_err port_value(const char *opt, const char *v, uint64_t *out, struct err *e)
{
	if (spec_number(opt, v, 0xFFFF, out, e))
		return err_set(e, VM_ERR_USAGE, "-%s: '%s' is not a port number", opt, v);
	return VM_OK;
}

static enum vm_err ide_bus(const char *v, int *bus, struct err *e)
{
	static const char *const names[] = {"ide.0", "ide.1"};
	unsigned n;
	enum vm_err r = spec_choice("device", "bus", v, names, 2, &n, e);

	*bus = (int)n;
	return r;
}

struct device_spec {
	uint64_t iobase, iosize, ioport, events;
	const char *chr, *drive, *serial;
	int bus, unit;
	unsigned boot;
};

/* -1 is the same as none */
enum vm_err spec_bootindex(const char *v, unsigned *boot, struct err *e)
{
	uint64_t n = 0;
	enum vm_err r = strcmp(v, "-1") ? spec_number("device", v, INT32_MAX, &n, e) : VM_OK;

	*boot = strcmp(v, "-1") ? (unsigned)n + 1 : 0;
	return r;
}

/* Of how the host serves a disk: nothing a guest sees. */
static bool is_moot(const char *k)
{
	static const char *const moot[] = {"iothread", "ioeventfd", "x-data-plane", "share-rw"};

	for (unsigned i = 0; i < ARRAY_SIZE(moot); i++)
		if (!strcmp(k, moot[i]))
			return true;
	return false;
}

/* Properties that may be given where they say what is so anyway. */
static bool is_so(unsigned kind, const char *k, const char *v)
{
	static const struct { unsigned kind; const char *item; } so[] = {{DEV_VIRTIO_BLK, "disable-legacy=off"}, {DEV_VIRTIO_BLK, "disable-legacy=auto"},
		{DEV_VIRTIO_BLK, "disable-modern=off"}, {DEV_VIRTIO_BLK, "scsi=off"}, {DEV_VIRTIO_BLK, "num-queues=1"},
		{DEV_VIRTIO_BLK, "logical_block_size=512"}, {DEV_VIRTIO_BLK, "packed=off"}, {DEV_VIRTIO_RNG, "disable-legacy=off"},
		{DEV_VIRTIO_RNG, "disable-modern=off"}, {DEV_IDE_HD, "logical_block_size=512"}, {DEV_IDE_CD, "logical_block_size=512"},
		{DEV_DEBUGCON, "readback=0xe9"}, {DEV_DEBUGCON, "readback=233"}};
	size_t n = strlen(k);

	for (unsigned i = 0; i < ARRAY_SIZE(so); i++)
		if (so[i].kind == kind && !strncmp(so[i].item, k, n) && so[i].item[n] == '=' && !strcmp(so[i].item + n + 1, v))
			return true;
	return false;
}

static enum vm_err device_key(struct args *a, unsigned kind, struct device_spec *d, const struct items *it, struct err *e)
{
	const char *k = it->key, *v = it->val;
	bool disk = kind >= DEV_IDE_HD && kind <= DEV_VIRTIO_BLK;
	uint64_t n;
	enum vm_err r;

	if (!strcmp(k, "bootindex") && disk)
		return spec_bootindex(v, &d->boot, e);
	if (!strcmp(k, "ioport") && kind == DEV_PVPANIC)
		return port_value("device", v, &d->ioport, e);
	if (!strcmp(k, "events") && kind == DEV_PVPANIC)
		return spec_number("device", v, 3, &d->events, e);
	if (!strcmp(k, "iobase") && (kind == DEV_DEBUGCON || kind == DEV_DEBUG_EXIT))
		return port_value("device", v, &d->iobase, e);
	if (!strcmp(k, "iosize") && kind == DEV_DEBUG_EXIT)
		return port_value("device", v, &d->iosize, e);
	if (!strcmp(k, "chardev") && kind == DEV_DEBUGCON) {
		d->chr = v;
	} else if (!strcmp(k, "serial") && disk && kind != DEV_FLOPPY) {
		d->serial = v;
		if (strlen(v) > 20)
			return err_set(e, VM_ERR_USAGE, "-device: serial='%s' is longer than 20 characters", v);
	} else if (disk && is_moot(k)) {
		return VM_OK;
	} else if (!strcmp(k, "drive") && disk) {
		d->drive = v;
	} else if (!strcmp(k, "bus") && (kind == DEV_IDE_HD || kind == DEV_IDE_CD)) {
		return ide_bus(v, &d->bus, e);
	} else if (!strcmp(k, "unit") && disk) {
		r = spec_number("device", v, 1, &n, e);
		d->unit = (int)n;
		return r;
	} else if (strcmp(k, "id") && !is_so(kind, k, v) && !(kind == DEV_VIRTIO_RNG && !strcmp(k, "rng")) &&
		!(kind > DEV_UHCI && (!strcmp(k, "bus") || !strcmp(k, "port")))) {
		return err_set(e, VM_ERR_USAGE, "-device: %s has no property '%s'", device_names[kind], k);
	}
	return VM_OK;
}

static enum vm_err attach(struct args *a, unsigned kind, const struct device_spec *d, struct err *e)
{
	struct args_attach *t;

	if (!d->drive)
		return err_set(e, VM_ERR_USAGE, "-device: %s needs drive=", device_names[kind]);
	if (a->nattach == ARGS_MAX_DRIVES)
		return err_set(e, VM_ERR_USAGE, "too many drives: at most %u", ARGS_MAX_DRIVES);
	t = &a->attach[a->nattach++];
	t->drive = d->drive;
	t->serial = d->serial;
	t->boot = d->boot;
	t->bus = kind == DEV_FLOPPY ? ARGS_FLOPPY : kind == DEV_VIRTIO_BLK ? ARGS_VIRTIO : ARGS_IDE;
	t->cdrom = kind == DEV_IDE_CD;
	t->index = d->bus < 0 && d->unit < 0 ? -1 : (d->bus > 0 ? d->bus : 0) * 2 + (d->unit > 0 ? d->unit : 0);
	return VM_OK;
}

/* Which of a PC's four serial ports is at @iobase; -1: none */
static int port_at(const char *iobase)
{
	static const char *const places[CONFIG_MAX_SERIAL] = {"0x3f8", "0x2f8", "0x3e8", "0x2e8"};

	for (int i = 0; i < CONFIG_MAX_SERIAL; i++)
		if (!strcmp(iobase, places[i]))
			return i;
	return -1;
}

/* isa-serial, isa-parallel: as -serial and -parallel; places are given when all are known */
static enum vm_err port_device(struct args *a, const char *name, struct items *it, struct err *e)
{
	static const char *const keys[] = {"chardev", "id", "index", "iobase", "irq"};
	bool parallel = !strcmp(name, "isa-parallel");
	struct args_port p = {.index = -1};
	const char *irq = NULL;
	char ref[64] = "";
	uint64_t n = 0;
	unsigned k;
	enum vm_err r = VM_OK;

	while (!r && items_next(it)) {
		r = spec_choice("device", "property", it->key, keys, parallel ? 2 : ARRAY_SIZE(keys), &k, e);
		if (!r && k == 0)
			snprintf(ref, sizeof(ref), "chardev:%s", it->val);
		else if (!r && k == 2)
			r = spec_number("device", it->val, CONFIG_MAX_SERIAL - 1, &n, e);
		else if (!r && k == 4)
			irq = it->val;
		if (!r && (k == 2 || k == 3))
			p.index = k == 2 ? (int)n : port_at(it->val);
		if (!r && k == 3 && p.index < 0)
			return err_set(e, VM_ERR_USAGE, "-device: iobase=%s is none of 0x3f8, 0x2f8, 0x3e8, 0x2e8", it->val);
	}
	if (!r && !ref[0])
		return err_set(e, VM_ERR_USAGE, "-device: %s needs chardev=", name);
	if (!r && irq && (p.index < 0 || strcmp(irq, p.index & 1 ? "3" : "4")))
		return err_set(e, VM_ERR_USAGE, "-device: irq=%s is not that of the port", irq);
	if (r)
		return r;
	p.chr = spec_keep(a, ref);
	if (parallel) {
		if (a->parallel)
			return err_set(e, VM_ERR_USAGE, "-device: there is one parallel port");
		a->parallel = p.chr;
		return VM_OK;
	}
	if (a->nports == CONFIG_MAX_SERIAL)
		return err_set(e, VM_ERR_USAGE, "-device: at most %u serial ports", CONFIG_MAX_SERIAL);
	a->port[a->nports++] = p;
	return VM_OK;
}

/* The ports of -device isa-serial go where -serial has left room. */
enum vm_err spec_ports_finish(struct args *a, struct err *e)
{
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < a->nports; i++) {
			int at = a->port[i].index;

			if ((at >= 0) != (pass == 0))
				continue;
			for (at = pass ? 0 : at; pass && at < CONFIG_MAX_SERIAL && a->serial[at] && strcmp(a->serial[at], "none");)
				at++;
			if (at == CONFIG_MAX_SERIAL || (a->serial[at] && strcmp(a->serial[at], "none")))
				return err_set(e, VM_ERR_USAGE, "-device: isa-serial: the place is taken");
			a->serial[at] = a->port[i].chr;
			for (; a->nserial <= (unsigned)at; a->nserial++)
				if (!a->serial[a->nserial])
					a->serial[a->nserial] = "none";
		}
	return VM_OK;
}

enum vm_err spec_device(struct args *a, const char *v, struct err *e)
{
	struct device_spec d = {.iosize = 2, .ioport = 0x505, .events = 3, .bus = -1, .unit = -1};
	struct items it;
	unsigned kind;
	enum vm_err r;

	items_begin(&it, a, v, "driver");
	if (!items_next(&it) || strcmp(it.key, "driver"))
		return err_set(e, VM_ERR_USAGE, "-device: '%s' does not begin with a device's name", v);
	it.val = device_alias(it.val);
	if (!strcmp(it.val, "isa-serial") || !strcmp(it.val, "isa-parallel"))
		return port_device(a, it.val, &it, e);
	if (!strcmp(it.val, "VGA")) {
		while (items_next(&it))
			if (strcmp(it.key, "id") && (strcmp(it.key, "vgamem_mb") || strcmp(it.val, "16")))
				return err_set(e, VM_ERR_USAGE, "-device: VGA has no property '%s' that can be chosen", it.key);
		a->cfg.vga = a->vga_chosen = true;
		return VM_OK;
	}
	if (spec_is_nic(it.val))
		return spec_nic_device(a, it.val, &it, e);
	if (spec_is_virtio(it.val))
		return spec_virtio_device(a, it.val, &it, e);
	if (spec_is_share(it.val))
		return spec_share_device(a, it.val, &it, e);
	if (spec_is_sound(it.val))
		return spec_sound_device(a, it.val, &it, e);
	r = spec_choice("device", "device", it.val, device_names, ARRAY_SIZE(device_names), &kind, e);
	while (!r && items_next(&it))
		r = device_key(a, kind, &d, &it, e);
	if (r)
		return r;
	if (kind == DEV_VIRTIO_RNG) {
		a->cfg.rng = true;
		return VM_OK;
	}
	if (kind >= DEV_UHCI)
		return spec_add_usb(a, kind == DEV_UHCI ? CONFIG_USB_NONE : (enum config_usb)(kind - DEV_UHCI), e);
	if (kind == DEV_TESTDEV) {
		a->cfg.testdev = true;
		return VM_OK;
	}
	if (kind >= DEV_IDE_HD)
		return attach(a, kind, &d, e);
	if (kind == DEV_DEBUGCON) {
		char ref[64];

		if (!d.chr)
			return err_set(e, VM_ERR_USAGE, "-device: isa-debugcon needs chardev=");
		snprintf(ref, sizeof(ref), "chardev:%s", d.chr);
		return spec_add_debugcon(a, (uint16_t)d.iobase, spec_keep(a, ref), e);
	}
	if (kind == DEV_PVPANIC) {
		if (!d.events || !d.ioport)
			return err_set(e, VM_ERR_USAGE, "-device: pvpanic %s=0 makes no sense", d.ioport ? "events" : "ioport");
		a->cfg.pvpanic_ioport = (uint16_t)d.ioport;
		a->cfg.pvpanic_events = (uint8_t)d.events;
		return VM_OK;
	}
	if (d.iosize < 1 || d.iosize > 4)
		return err_set(e, VM_ERR_USAGE, "-device: isa-debug-exit iosize=%u is not 1..4", (unsigned)d.iosize);
	a->cfg.debug_exit = true;
	if (d.iobase)
		a->cfg.debug_exit_iobase = (uint16_t)d.iobase;
	a->cfg.debug_exit_iosize = (unsigned)d.iosize;
	return VM_OK;
}

bool spec_asks_device_help(const char *v)
{
	const char *comma = strrchr(v, ',');

	return !strcmp(v, "help") || !strcmp(v, "?") || (comma && !strcmp(comma + 1, "help"));
}

static const char *bus_of(const char *name)
{
	static const struct { const char *begins, *bus; } known[] = {{"isa-", "ISA"}, {"pvpanic", "ISA"}, {"pc-testdev", "ISA"}, {"ne2k_isa", "ISA"},
		{"sb16", "ISA"}, {"adlib", "ISA"}, {"ide-", "IDE"}, {"floppy", "floppy-bus"}, {"usb-", "usb-bus"},
		{"virtconsole", "virtio-serial-bus"}, {"virtserialport", "virtio-serial-bus"}};

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(name, known[i].begins, strlen(known[i].begins)))
			return known[i].bus;
	return "PCI";
}

/* In QEMU's form, which scripts search for the devices that there are. */
void spec_device_help(const char *v)
{
	for (unsigned i = 0; i < ARRAY_SIZE(device_names); i++) {
		size_t n = strlen(device_names[i]);

		if (!strchr(v, ',') || (!strncmp(v, device_names[i], n) && v[n] == ','))
			printf("name \"%s\", bus %s, desc \"%s\"\n", device_names[i], bus_of(device_names[i]), device_help[i]);
	}
}

/* "DRIVER.PROPERTY" of any other driver: scripts for other emulators' boards set those, and it makes no difference here. */
static bool is_foreign(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot && dot > name && strncmp(name, "isa-debug", strlen("isa-debug"));
}

enum vm_err spec_global(struct args *a, const char *v, struct err *e)
{
	static const char *const names[] = {"isa-debugcon.iobase", "isa-debug-exit.iobase", "isa-debug-exit.iosize"};
	char name[96] = "";
	const char *value = NULL, *eq;
	struct items it;
	uint64_t n;
	unsigned which;
	enum vm_err r;

	if (!strncmp(v, "driver=", 7)) {
		const char *driver = "", *property = "";

		for (items_begin(&it, a, v, NULL); items_next(&it);) {
			if (!strcmp(it.key, "driver"))
				driver = it.val;
			else if (!strcmp(it.key, "property"))
				property = it.val;
			else if (!strcmp(it.key, "value"))
				value = it.val;
		}
		snprintf(name, sizeof(name), "%s.%s", driver, property);
	} else {
		eq = strchr(v, '=');
		snprintf(name, sizeof(name), "%.*s", eq ? (int)(eq - v) : 95, v);
		value = eq ? eq + 1 : NULL;
	}
	if (is_foreign(name)) {
		spec_warn(a, "-global: '%s': no device here has it", v);
		return VM_OK;
	}
	r = spec_choice("global", "property", name, names, ARRAY_SIZE(names), &which, e);
	if (r)
		return err_set(e, VM_ERR_USAGE, "-global: unknown property '%s'; did you mean '%s'?", v,
			spec_nearest(name, names, ARRAY_SIZE(names)));
	if (!value)
		return err_set(e, VM_ERR_USAGE, "-global: '%s' has no value", v);
	r = port_value("global", value, &n, e);
	if (r)
		return r;
	if (which == 0)
		a->global_debugcon = (int)n;
	else if (which == 1)
		a->cfg.debug_exit_iobase = (uint16_t)n;
	else if (n < 1 || n > 4)
		return err_set(e, VM_ERR_USAGE, "-global: isa-debug-exit.iosize=%u is not 1..4", (unsigned)n);
	else
		a->cfg.debug_exit_iosize = (unsigned)n;
	return VM_OK;
}

/* ---- character backends ---- */

struct chardev_spec {
	const char *kind, *path, *host, *port;
	bool telnet;
	char extra[96];
};

static enum vm_err chardev_key(struct args_chardev *c, struct chardev_spec *s, const struct items *it, struct err *e)
{
	static const char *const keys[] = {"id", "path", "host", "port", "server", "wait", "nodelay", "append", "mux",
		"signal", "ipv4", "ipv6", "telnet", "reconnect", "logfile", "logappend", "nowait", "width", "height", "cols", "rows"};
	enum { KEY_ID, KEY_PATH, KEY_HOST, KEY_PORT, KEY_SERVER, KEY_WAIT, KEY_NODELAY, KEY_APPEND, KEY_MUX, KEY_SIGNAL,
		KEY_IPV4, KEY_IPV6, KEY_TELNET, KEY_RECONNECT, KEY_LOGFILE, KEY_LOGAPPEND, KEY_NOWAIT };
	size_t n = strlen(s->extra);
	unsigned k;
	bool on;
	enum vm_err r = spec_choice("chardev", "key", it->key, keys, ARRAY_SIZE(keys), &k, e);

	if (r)
		return r;
	switch (k) {
	case KEY_ID:
		snprintf(c->id, sizeof(c->id), "%s", it->val);
		return VM_OK;
	case KEY_PATH:
		s->path = it->val;
		return VM_OK;
	case KEY_HOST:
		s->host = it->val;
		return VM_OK;
	case KEY_PORT:
		s->port = it->val;
		return VM_OK;
	case KEY_SERVER:
	case KEY_WAIT:
	case KEY_NODELAY:
	case KEY_APPEND:
		r = spec_switch("chardev", it->key, it->val, &on, e);
		snprintf(s->extra + n, sizeof(s->extra) - n, ",%s=%s", it->key, on ? "on" : "off");
		return r;
	case KEY_MUX:
		return spec_switch("chardev", "mux", it->val, &c->mux, e);
	case KEY_SIGNAL:
		r = spec_switch("chardev", "signal", it->val, &on, e);
		c->raw_keys = !on;
		return r;
	case KEY_TELNET:
		return spec_switch("chardev", "telnet", it->val, &s->telnet, e);
	case KEY_LOGFILE:
		c->logfile = it->val;
		return VM_OK;
	case KEY_LOGAPPEND:
		return spec_switch("chardev", "logappend", it->val, &c->logappend, e);
	case KEY_NOWAIT:
		snprintf(s->extra + n, sizeof(s->extra) - n, ",wait=off");
		return VM_OK;
	case KEY_RECONNECT:
		return strcmp(it->val, "0") ? err_set(e, VM_ERR_USAGE, "-chardev: reconnect=%s is not supported", it->val)
			: VM_OK;
	default: /* of the size of a text window, of address families: nothing to choose here */
		return VM_OK;
	}
}

enum vm_err spec_chardev(struct args *a, const char *v, struct err *e)
{
	static const char *const kinds[] = {"stdio", "null", "vc", "pty", "file", "pipe", "socket", "serial", "tty"};
	enum { TTY = 7 }; /* "serial" and its other name */
	struct chardev_spec s = {.host = "", .port = ""};
	struct args_chardev *c;
	struct items it;
	unsigned kind;
	enum vm_err r;

	items_begin(&it, a, v, "backend");
	if (!items_next(&it) || strcmp(it.key, "backend"))
		return err_set(e, VM_ERR_USAGE, "-chardev: '%s' is not BACKEND,id=NAME", v);
	if (a->nchardevs == ARGS_MAX_CHARDEVS)
		return err_set(e, VM_ERR_USAGE, "-chardev: at most %u backends", ARGS_MAX_CHARDEVS);
	r = spec_choice("chardev", "backend", it.val, kinds, ARRAY_SIZE(kinds), &kind, e);
	s.kind = it.val;
	c = &a->chardev[a->nchardevs++];
	while (!r && items_next(&it))
		r = chardev_key(c, &s, &it, e);
	if (r)
		return r;
	if (!c->id[0])
		return err_set(e, VM_ERR_USAGE, "-chardev: '%s' has no id=", v);
	for (unsigned i = 0; i + 1 < a->nchardevs; i++)
		if (!strcmp(a->chardev[i].id, c->id))
			return err_set(e, VM_ERR_USAGE, "-chardev: the id '%s' is taken", c->id);
	if (kind >= TTY && !s.path)
		return err_set(e, VM_ERR_USAGE, "-chardev: %s needs path=", s.kind);
	if (!strcmp(s.kind, "socket") && s.path)
		snprintf(c->spec, sizeof(c->spec), "unix:%s%s", s.path, s.extra);
	else if (!strcmp(s.kind, "socket"))
		snprintf(c->spec, sizeof(c->spec), "%s:%s:%s%s", s.telnet ? "telnet" : "tcp", s.host, s.port, s.extra);
	else if (kind >= TTY)
		snprintf(c->spec, sizeof(c->spec), "%s", s.path);
	else if (s.path)
		snprintf(c->spec, sizeof(c->spec), "%s:%s%s", s.kind, s.path, s.extra);
	else
		snprintf(c->spec, sizeof(c->spec), "%s", s.kind);
	return chardev_check(c->spec, e);
}

enum vm_err spec_mon(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"chardev", "mode", "pretty"}, *const modes[] = {"readline", "control"};
	char ref[64] = "";
	struct items it;
	unsigned k, mode = 0;
	bool pretty = false;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, "chardev"); !r && items_next(&it);) {
		r = spec_choice("mon", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k == 0)
			snprintf(ref, sizeof(ref), "chardev:%s", it.val);
		else if (!r && k == 1)
			r = spec_choice("mon", "mode", it.val, modes, 2, &mode, e);
		else if (!r)
			r = spec_switch("mon", it.key, it.val, &pretty, e);
	}
	if (!r && !ref[0])
		return err_set(e, VM_ERR_USAGE, "-mon: '%s' names no chardev", v);
	if (!r && mode)
		return spec_add_qmp(a, spec_keep(a, ref), pretty, e);
	a->monitor = r ? a->monitor : spec_keep(a, ref);
	return r;
}

const struct args_chardev *spec_chardev_of(const struct args *a, const char *v)
{
	if (!strncmp(v, "mon:", 4))
		v += 4;
	if (!strncmp(v, "chardev:", 8))
		for (unsigned i = 0; i < a->nchardevs; i++)
			if (!strcmp(a->chardev[i].id, v + 8))
				return &a->chardev[i];
	return NULL;
}

const char *spec_backend(const struct args *a, const char *v)
{
	const struct args_chardev *c = spec_chardev_of(a, v);

	if (!strncmp(v, "mon:", 4))
		v += 4;
	return c ? c->spec : strncmp(v, "chardev:", 8) ? v : NULL;
}
