/*
 * args_board.c - options about the processors and about what firmware and guest are told of the board (args_spec.h).
 */
#define _GNU_SOURCE
#include "frontend/args_spec.h"
#include "devices/fw_cfg.h"
#include "frontend/qmp.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void spec_warn(struct args *a, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (unsigned i = 0; i < a->nwarnings; i++)
		if (!strcmp(a->warning[i], text))
			return;
	if (a->nwarnings < ARGS_MAX_WARNINGS)
		a->warning[a->nwarnings++] = spec_keep(a, text);
}

enum vm_err spec_smp(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"cpus", "sockets", "dies", "clusters", "cores", "threads", "maxcpus"};
	enum { CPUS, MAXCPUS = 6 };
	uint64_t n, cpus = 0, shape = 1;
	struct items it;
	enum vm_err r = VM_OK;
	unsigned k;

	for (items_begin(&it, a, v, "cpus"); !r && items_next(&it);) {
		r = spec_choice("smp", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r)
			r = spec_number("smp", it.val, 255, &n, e);
		if (!r && !n)
			return err_set(e, VM_ERR_USAGE, "-smp: %s=0: there is at least one", it.key);
		if (!r && k == CPUS)
			cpus = n;
		else if (!r && k != MAXCPUS)
			shape *= n;
	}
	if (!r && (cpus ? cpus : shape) > 1)
		spec_warn(a, "-smp: '%s': the guest sees one CPU; more are not emulated", v);
	return r;
}

enum vm_err spec_fw_cfg(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"name", "file", "string"};
	const char *val[3] = {NULL};
	struct items it;
	enum vm_err r = VM_OK;
	unsigned k, n = a->cfg.nfw_cfg;

	for (items_begin(&it, a, v, "name"); !r && items_next(&it);) {
		r = spec_choice("fw_cfg", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r)
			val[k] = it.val;
	}
	if (r)
		return r;
	if (!val[0] || !*val[0] || !val[1] == !val[2])
		return err_set(e, VM_ERR_USAGE, "-fw_cfg: '%s' is not name=NAME and one of file= and string=", v);
	if (strlen(val[0]) >= FW_CFG_NAME_MAX)
		return err_set(e, VM_ERR_USAGE, "-fw_cfg: name '%s' is longer than %d characters", val[0], FW_CFG_NAME_MAX - 1);
	if (n == CONFIG_MAX_FW_CFG)
		return err_set(e, VM_ERR_USAGE, "-fw_cfg: at most %u files", CONFIG_MAX_FW_CFG);
	if (strncmp(val[0], "opt/", 4))
		spec_warn(a, "-fw_cfg: names of users' files should begin with opt/, '%s' does not", val[0]);
	a->cfg.fw_cfg[n].name = val[0];
	a->cfg.fw_cfg[n].file = val[1];
	a->cfg.fw_cfg[n].string = val[2];
	a->cfg.nfw_cfg++;
	return VM_OK;
}

enum vm_err spec_smbios(struct args *a, const char *v, struct err *e)
{
	static const char *const bios[] = {"vendor", "version", "date"};
	static const char *const system[] = {"manufacturer", "product", "version", "serial", "sku", "family", "uuid"};
	struct items it;
	uint64_t type = 0;
	enum vm_err r;
	unsigned k;

	items_begin(&it, a, v, NULL);
	if (!items_next(&it) || strcmp(it.key, "type"))
		return err_set(e, VM_ERR_USAGE, "-smbios: '%s' does not begin with type=", v);
	r = spec_number("smbios", it.val, 255, &type, e);
	if (!r && type > 1)
		return err_set(e, VM_ERR_USAGE, "-smbios: type=%s: only types 0 and 1 can be given", it.val);
	while (!r && items_next(&it)) {
		if (strlen(it.val) > 64)
			return err_set(e, VM_ERR_USAGE, "-smbios: %s='%s' is longer than 64 characters", it.key, it.val);
		r = type ? spec_choice("smbios", "key of type 1", it.key, system, ARRAY_SIZE(system), &k, e)
			 : spec_choice("smbios", "key of type 0", it.key, bios, ARRAY_SIZE(bios), &k, e);
		if (!r && type && k == 6)
			r = spec_uuid(a, it.val, e);
		else if (!r && type)
			a->cfg.smbios_system[k] = it.val;
		else if (!r)
			a->cfg.smbios_bios[k] = it.val;
	}
	return r;
}

enum vm_err spec_add_usb(struct args *a, enum config_usb what, struct err *e)
{
	a->cfg.usb = true;
	for (unsigned i = 0; what && i < CONFIG_MAX_USB; i++) {
		if (a->cfg.usb_port[i] == what)
			return err_set(e, VM_ERR_USAGE, "-device: there is a USB device of that kind already");
		if (a->cfg.usb_port[i])
			continue;
		a->cfg.usb_port[i] = what;
		return VM_OK;
	}
	return what ? err_set(e, VM_ERR_USAGE, "-device: the USB controller has %u ports, and they are taken", CONFIG_MAX_USB) : VM_OK;
}

enum vm_err spec_usbdevice(struct args *a, const char *v, struct err *e)
{
	static const char *const names[] = {"tablet", "mouse", "keyboard"};
	unsigned n;
	enum vm_err r = spec_choice("usbdevice", "device", v, names, ARRAY_SIZE(names), &n, e);

	return r ? r : spec_add_usb(a, (enum config_usb)(CONFIG_USB_TABLET + n), e);
}

enum vm_err spec_add_qmp(struct args *a, const char *chr, bool pretty, struct err *e)
{
	if (!strcmp(chr, "none"))
		return VM_OK;
	if (qmp_check(e))
		return e->code;
	if (a->nqmp == ARGS_MAX_QMP)
		return err_set(e, VM_ERR_USAGE, "-qmp: at most %u", ARGS_MAX_QMP);
	a->qmp[a->nqmp].chr = chr;
	a->qmp[a->nqmp++].pretty = pretty;
	return VM_OK;
}

/* The firmware runs what lies under genroms/. */
enum vm_err spec_option_rom(struct args *a, const char *v, struct err *e)
{
	static const char *const keys[] = {"romfile", "bootindex"};
	const char *file = NULL, *base;
	char name[FW_CFG_NAME_MAX];
	struct items it;
	unsigned k, n = a->cfg.nfw_cfg;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, "romfile"); !r && items_next(&it);) {
		r = spec_choice("option-rom", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k == 1)
			spec_warn(a, "-option-rom: bootindex=%s: the firmware's own order holds", it.val);
		else if (!r)
			file = it.val;
	}
	if (r)
		return r;
	base = file ? strrchr(file, '/') : NULL;
	if (!file || snprintf(name, sizeof(name), "genroms/%s", base ? base + 1 : file) >= (int)sizeof(name))
		return err_set(e, VM_ERR_USAGE, "-option-rom: '%s' is no file, or one with too long a name", v);
	if (n == CONFIG_MAX_FW_CFG)
		return err_set(e, VM_ERR_USAGE, "-option-rom: at most %u files for the firmware", CONFIG_MAX_FW_CFG);
	a->cfg.fw_cfg[n].name = spec_keep(a, name);
	a->cfg.fw_cfg[n].file = file;
	a->cfg.nfw_cfg++;
	return VM_OK;
}

enum vm_err spec_data_dir(struct args *a, const char *v, struct err *e)
{
	unsigned n = 0;

	while (n < CONFIG_MAX_DIRS && a->cfg.data_dir[n])
		n++;
	if (n == CONFIG_MAX_DIRS)
		return err_set(e, VM_ERR_USAGE, "-L: at most %u directories", CONFIG_MAX_DIRS);
	a->cfg.data_dir[n] = v;
	return VM_OK;
}
