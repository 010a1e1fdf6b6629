/* args_virtio.c - virtio devices of the command line that have no drive and no network: -device virtio-serial-pci, its ports, virtio-balloon-pci. */
#include "frontend/args_spec.h"
#include <string.h>

#define MAX_NAME 63

static const char *const names[] = {"virtio-serial-pci", "virtio-serial", "virtconsole", "virtserialport", "virtio-balloon-pci", "virtio-balloon"};
enum { SERIAL, SERIAL2, CONSOLE, PORT, BALLOON };

bool spec_is_virtio(const char *driver)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], driver))
			return true;
	return false;
}

static enum vm_err port_key(struct args *a, struct args_vport *p, const char *driver, const struct items *it, struct err *e)
{
	uint64_t n;
	enum vm_err r;

	if (!strcmp(it->key, "chardev")) {
		char ref[64];

		snprintf(ref, sizeof(ref), "chardev:%s", it->val);
		p->chr = spec_keep(a, ref);
	} else if (!strcmp(it->key, "name")) {
		if (strlen(it->val) > MAX_NAME)
			return err_set(e, VM_ERR_USAGE, "-device: the name of a port has at most %u characters: '%s'", MAX_NAME, it->val);
		p->name = it->val;
	} else if (!strcmp(it->key, "nr")) {
		r = spec_number("device", it->val, CONFIG_MAX_VPORTS - 1, &n, e);
		p->nr = r ? -1 : (int)n;
		return r;
	} else if (strcmp(it->key, "id") && strcmp(it->key, "bus")) {
		return err_set(e, VM_ERR_USAGE, "-device: %s has no property '%s'", driver, it->key);
	}
	return VM_OK;
}

static enum vm_err new_port(struct args *a, const char *driver, struct items *it, struct err *e)
{
	struct args_vport *p = &a->vport[a->nvports];
	enum vm_err r = VM_OK;

	if (a->nvports == CONFIG_MAX_VPORTS)
		return err_set(e, VM_ERR_USAGE, "-device: at most %u ports of virtio-serial-pci", CONFIG_MAX_VPORTS);
	*p = (struct args_vport){.console = !strcmp(driver, names[CONSOLE]), .nr = -1};
	while (!r && items_next(it))
		r = port_key(a, p, driver, it, e);
	a->nvports += !r;
	return r;
}

enum vm_err spec_virtio_device(struct args *a, const char *driver, struct items *it, struct err *e)
{
	bool balloon = !strncmp(driver, names[BALLOON], strlen("virtio-balloon")), *have = balloon ? &a->cfg.balloon : &a->cfg.vserial;
	uint64_t n;
	enum vm_err r = VM_OK;

	if (!strncmp(driver, "virt", 4) && strncmp(driver, "virtio", 6))
		return new_port(a, driver, it, e);
	if (*have)
		return err_set(e, VM_ERR_USAGE, "-device: one %s is all there can be", names[balloon ? BALLOON : SERIAL]);
	*have = true;
	while (!r && items_next(it)) {
		if (!strcmp(it->key, "max_ports") && !balloon)
			r = spec_number("device", it->val, 31, &n, e);
		else if (balloon && !strcmp(it->key, "deflate-on-oom"))
			r = spec_switch("device", it->key, it->val, &a->cfg.balloon_yields, e);
		else if (strcmp(it->key, "id"))
			r = err_set(e, VM_ERR_USAGE, "-device: %s has no property '%s'", driver, it->key);
	}
	return r;
}

/* Ports without a number get the first free one; 0 is for a console, as guests expect it there. */
enum vm_err spec_virtio_finish(struct args *a, struct err *e)
{
	bool used[CONFIG_MAX_VPORTS] = {false};

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < a->nvports; i++) {
			struct args_vport *p = &a->vport[i];
			int at = p->nr;

			if ((at >= 0) != (pass == 0))
				continue;
			for (at = pass ? !p->console : at; pass && at < CONFIG_MAX_VPORTS && used[at];)
				at++;
			if (!a->cfg.vserial)
				return err_set(e, VM_ERR_USAGE, "-device: no virtio-serial-pci for %s", names[p->console ? CONSOLE : PORT]);
			if (at >= CONFIG_MAX_VPORTS || used[at])
				return err_set(e, VM_ERR_USAGE, "-device: %s: port %d is taken", names[p->console ? CONSOLE : PORT], at);
			used[at] = true;
			p->nr = at;
			a->cfg.vport[at] = (struct config_vport){.present = true, .console = p->console, .name = p->name};
		}
	return VM_OK;
}
