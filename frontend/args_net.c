/*
 * args_net.c - -netdev, -nic, -net, -device of a network card, -object filter-dump (args_spec.h).
 *
 * -nic is a card and its netdev in one. Of the old -net forms, "nic" is a card and the others a netdev; the first of each
 * belong together.
 */
#include "frontend/args_spec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"user", "socket", "tap"};
static const char *const models[] = {
#define NIC(word, name, ...) name,
#include "frontend/machine/nics.def"
#undef NIC
};

/* ---- netdevs ---- */

static enum vm_err new_netdev(struct args *a, const char *opt, const char *kind, struct netdev_options **out, struct err *e)
{
	unsigned n;
	enum vm_err r = spec_choice(opt, "network", kind, kinds, ARRAY_SIZE(kinds), &n, e);

	if (r)
		return r;
	if (a->nnetdevs == CONFIG_MAX_NIC)
		return err_set(e, VM_ERR_USAGE, "-%s: at most %u networks", opt, CONFIG_MAX_NIC);
	*out = &a->netdev[a->nnetdevs++];
	**out = (struct netdev_options){.kind = (enum netdev_kind)n, .fd = -1};
	return VM_OK;
}

/* A key whose value is kept as it is; false: not one of the kind's. */
static bool text_key(struct netdev_options *o, const char *k, const char *v)
{
	const struct { enum netdev_kind kind; const char *key; const char **to; } keys[] = {
		{NETDEV_USER, "net", &o->net}, {NETDEV_USER, "host", &o->host}, {NETDEV_USER, "dns", &o->dns},
		{NETDEV_USER, "dhcpstart", &o->dhcp_start}, {NETDEV_USER, "hostname", &o->hostname},
		{NETDEV_USER, "domainname", &o->domain}, {NETDEV_USER, "tftp", &o->tftp},
		{NETDEV_USER, "bootfile", &o->bootfile}, {NETDEV_USER, "tftp-server-name", &o->tftp_name},
		{NETDEV_SOCKET, "listen", &o->listen}, {NETDEV_SOCKET, "connect", &o->connect},
		{NETDEV_SOCKET, "mcast", &o->mcast}, {NETDEV_SOCKET, "udp", &o->udp},
		{NETDEV_SOCKET, "localaddr", &o->localaddr}, {NETDEV_TAP, "ifname", &o->ifname},
		{NETDEV_TAP, "script", &o->script}, {NETDEV_TAP, "downscript", &o->downscript}};

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].kind != o->kind || strcmp(keys[i].key, k))
			continue;
		*keys[i].to = v;
		return true;
	}
	return false;
}

static enum vm_err netdev_key(const char *opt, struct netdev_options *o, const char *k, const char *v, struct err *e)
{
	uint64_t n;
	enum vm_err r;
	bool on;

	if (!strcmp(k, "id")) {
		snprintf(o->id, sizeof(o->id), "%s", v);
		return VM_OK;
	}
	if (text_key(o, k, v))
		return VM_OK;
	if (o->kind != NETDEV_USER && !strcmp(k, "fd")) {
		r = spec_number(opt, v, 1 << 20, &n, e);
		o->fd = (int)n;
		return r;
	}
	if (o->kind == NETDEV_TAP && (!strcmp(k, "vhost") || !strcmp(k, "vhostforce")))
		return spec_switch(opt, k, v, &on, e); /* of how the host's kernel would carry frames */
	if (o->kind == NETDEV_USER && !strcmp(k, "hostfwd")) {
		if (o->nfwd == NETDEV_MAX_FWD)
			return err_set(e, VM_ERR_USAGE, "-%s: at most %u hostfwd=", opt, NETDEV_MAX_FWD);
		o->hostfwd[o->nfwd++] = v;
		return VM_OK;
	}
	if (o->kind == NETDEV_USER && !strcmp(k, "guestfwd")) {
		if (o->nguestfwd == NETDEV_MAX_FWD)
			return err_set(e, VM_ERR_USAGE, "-%s: at most %u guestfwd=", opt, NETDEV_MAX_FWD);
		o->guestfwd[o->nguestfwd++] = v;
		return VM_OK;
	}
	if (o->kind == NETDEV_USER && !strcmp(k, "dnssearch")) {
		if (o->nsearch == NETDEV_MAX_DNS)
			return err_set(e, VM_ERR_USAGE, "-%s: at most %u dnssearch=", opt, NETDEV_MAX_DNS);
		o->search[o->nsearch++] = v;
		return VM_OK;
	}
	if (o->kind == NETDEV_USER && !strcmp(k, "restrict"))
		return spec_switch(opt, k, v, &o->restricted, e);
	if (o->kind == NETDEV_USER && (!strcmp(k, "ipv4") || !strcmp(k, "ipv6")))
		return spec_switch(opt, k, v, &on, e); /* both are always there */
	return err_set(e, VM_ERR_USAGE, "-%s: %s has no property '%s'", opt, kinds[o->kind], k);
}

static bool id_taken(const struct args *a, const struct netdev_options *o)
{
	for (unsigned i = 0; i < a->nnetdevs; i++)
		if (&a->netdev[i] != o && !strcmp(a->netdev[i].id, o->id))
			return true;
	return false;
}

enum vm_err spec_netdev(struct args *a, const char *v, struct err *e)
{
	struct netdev_options *o;
	struct items it;
	enum vm_err r;

	a->net_chosen = true;
	if (!strcmp(v, "none"))
		return VM_OK;
	items_begin(&it, a, v, "type");
	if (!items_next(&it) || strcmp(it.key, "type"))
		return err_set(e, VM_ERR_USAGE, "-netdev: '%s' is not KIND,id=NAME", v);
	r = new_netdev(a, "netdev", it.val, &o, e);
	while (!r && items_next(&it))
		r = netdev_key("netdev", o, it.key, it.val, e);
	if (r)
		return r;
	if (!o->id[0])
		return err_set(e, VM_ERR_USAGE, "-netdev: '%s' has no id=", v);
	if (id_taken(a, o))
		return err_set(e, VM_ERR_USAGE, "-netdev: the id '%s' is taken", o->id);
	return netdev_check(o, e);
}

/* ---- cards ---- */

static enum vm_err parse_mac(const char *opt, const char *v, uint8_t mac[6], struct err *e)
{
	unsigned b[6];
	char end;

	if (sscanf(v, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 &&
		sscanf(v, "%2x-%2x-%2x-%2x-%2x-%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6)
		return err_set(e, VM_ERR_USAGE, "-%s: mac='%s' is not six hexadecimal bytes", opt, v);
	if (b[0] & 1)
		return err_set(e, VM_ERR_USAGE, "-%s: mac='%s' is a multicast address", opt, v);
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return VM_OK;
}

/* 52:54:00:12:34:56 and up, those in use left out */
static void next_mac(struct args *a, uint8_t mac[6])
{
	static const uint8_t first[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
	bool used = true;

	memcpy(mac, first, 6);
	while (used) {
		used = false;
		for (unsigned i = 0; i < a->nnics && !used; i++)
			used = a->nic[i].has_mac && !memcmp(a->nic[i].mac, mac, 6);
		mac[5] = (uint8_t)(mac[5] + used);
	}
}

static enum vm_err new_nic(struct args *a, const char *opt, struct args_nic **out, struct err *e)
{
	if (a->nnics == CONFIG_MAX_NIC)
		return err_set(e, VM_ERR_USAGE, "-%s: at most %u network cards", opt, CONFIG_MAX_NIC);
	*out = &a->nic[a->nnics++];
	**out = (struct args_nic){.slot = -1, .iobase = 0x300, .irq = 9};
	return VM_OK;
}

static enum vm_err nic_model(const char *opt, const char *v, struct args_nic *n, struct err *e)
{
	unsigned m = NIC_VIRTIO;
	bool is_short = !strcmp(v, "virtio") || !strcmp(v, "virtio-net");
	enum vm_err r = VM_OK;

	if (!strcmp(v, "e1000-82540em")) /* which of the family it is */
		m = NIC_E1000;
	else if (!is_short)
		r = spec_choice(opt, "model", v, models, ARRAY_SIZE(models), &m, e);

	n->model = r ? NIC_E1000 : (enum config_nic_model)m;
	return r;
}

static enum vm_err nic_slot(const char *opt, const char *v, struct args_nic *n, struct err *e)
{
	char *end;
	unsigned long slot = strtoul(v, &end, 16);

	if (end == v || (*end && strcmp(end, ".0")) || slot < 2 || slot > 31)
		return err_set(e, VM_ERR_USAGE, "-%s: addr='%s' is not a PCI device number, 2 to 1f", opt, v);
	n->slot = (int)slot;
	return VM_OK;
}

bool spec_is_nic(const char *driver)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (!strcmp(driver, models[i]))
			return true;
	return !strcmp(driver, "virtio-net") || !strcmp(driver, "e1000-82540em");
}

/* The places and lines that NE2000 cards had jumpers for, those of this board's own devices left out. */
static enum vm_err isa_key(struct args_nic *n, const char *k, const char *v, struct err *e)
{
	static const uint16_t places[] = {0x240, 0x280, 0x2A0, 0x2C0, 0x300, 0x320, 0x340}, lines[] = {3, 4, 5, 7, 9, 10, 11};
	bool base = !strcmp(k, "iobase");
	uint64_t val;
	enum vm_err r = spec_number("device", v, UINT16_MAX, &val, e);

	for (unsigned i = 0; i < ARRAY_SIZE(places) && !r; i++) {
		if (val != (base ? places[i] : lines[i]))
			continue;
		if (base)
			n->iobase = (uint16_t)val;
		else
			n->irq = (uint8_t)val;
		return VM_OK;
	}
	return r ? r : err_set(e, VM_ERR_USAGE, "-device: %s='%s' is none of ne2k_isa's: %s", k, v,
		base ? "0x240 0x280 0x2a0 0x2c0 0x300 0x320 0x340" : "3 4 5 7 9 10 11");
}

/* One property of -device with a network card's name. */
static enum vm_err nic_key(struct args_nic *n, const char *k, const char *v, struct err *e)
{
	enum { SHARED = 4 }; /* at the front of both lists */
	static const char *const pci[] = {"netdev", "mac", "id", "bootindex", "bus", "addr", "romfile", "vectors"};
	static const char *const isa[] = {"netdev", "mac", "id", "bootindex", "iobase", "irq"};
	bool is_isa = n->model == NIC_NE2K_ISA;
	unsigned i;
	enum vm_err r = spec_choice("device", "property", k, is_isa ? isa : pci, is_isa ? ARRAY_SIZE(isa) : ARRAY_SIZE(pci), &i, e);

	if (r)
		return r;
	if (is_isa && i >= SHARED)
		return isa_key(n, k, v, e);
	if (i == 0)
		snprintf(n->netdev, sizeof(n->netdev), "%s", v);
	else if (i == 1)
		r = parse_mac("device", v, n->mac, e);
	else if (i == 3)
		r = spec_bootindex(v, &n->boot, e);
	else if (i == 4 && strcmp(v, "pci.0"))
		r = err_set(e, VM_ERR_USAGE, "-device: bus='%s' is not pci.0", v);
	else if (i == 5)
		r = nic_slot("device", v, n, e);
	else if (i == 6)
		n->romfile = v;
	n->has_mac |= i == 1;
	return r;
}

enum vm_err spec_nic_device(struct args *a, const char *driver, struct items *it, struct err *e)
{
	struct args_nic *n = NULL;
	enum vm_err r = new_nic(a, "device", &n, e);

	if (!r)
		r = nic_model("device", driver, n, e);
	while (!r && items_next(it))
		r = nic_key(n, it->key, it->val, e);
	return r;
}

/* A key of the card within -nic or -net nic. */
static enum vm_err card_key(const char *opt, struct args_nic *n, const char *k, const char *v, bool *mine, struct err *e)
{
	*mine = true;
	if (!strcmp(k, "model")) {
		return nic_model(opt, v, n, e);
	} else if (!strcmp(k, "mac") || !strcmp(k, "macaddr")) {
		n->has_mac = true;
		return parse_mac(opt, v, n->mac, e);
	} else if (!strcmp(k, "addr")) {
		return nic_slot(opt, v, n, e);
	} else if (!strcmp(k, "netdev")) {
		snprintf(n->netdev, sizeof(n->netdev), "%s", v);
	} else if (strcmp(k, "name") && strcmp(k, "vectors") && strcmp(k, "vlan")) {
		*mine = false;
	}
	return VM_OK;
}

void spec_net_help(void)
{
	printf("Networks:\n");
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		printf("%s\n", kinds[i]);
	printf("Cards:\n");
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		printf("%s\n", models[i]);
}

enum vm_err spec_nic(struct args *a, const char *v, struct err *e)
{
	bool more, typed;
	struct netdev_options *o = NULL;
	struct args_nic *n = NULL;
	struct items it;
	enum vm_err r;

	a->net_chosen = true;
	if (!strcmp(v, "none"))
		return VM_OK;
	items_begin(&it, a, v, "type");
	more = items_next(&it);
	typed = more && !strcmp(it.key, "type");
	r = new_netdev(a, "nic", typed ? it.val : "user", &o, e);
	if (typed)
		more = items_next(&it);
	if (!r)
		r = new_nic(a, "nic", &n, e);
	if (r)
		return r;
	snprintf(o->id, sizeof(o->id), "#net%u", a->nnetdevs - 1);
	for (; !r && more; more = items_next(&it)) {
		bool mine;

		r = card_key("nic", n, it.key, it.val, &mine, e);
		if (!r && !mine)
			r = netdev_key("nic", o, it.key, it.val, e);
	}
	snprintf(n->netdev, sizeof(n->netdev), "%s", o->id);
	return r ? r : netdev_check(o, e);
}

/* -net nic,... and -net user,...: those without a netdev= find each other in spec_net_finish(). */
enum vm_err spec_net(struct args *a, const char *v, struct err *e)
{
	struct netdev_options *o = NULL;
	struct args_nic *n = NULL;
	struct items it;
	bool mine = false;
	enum vm_err r;

	a->net_chosen = true;
	if (!strcmp(v, "none"))
		return VM_OK;
	items_begin(&it, a, v, "type");
	if (!items_next(&it) || strcmp(it.key, "type"))
		return err_set(e, VM_ERR_USAGE, "-net: '%s' does not begin with nic, user, socket, tap or none", v);
	if (!strcmp(it.val, "nic")) {
		r = new_nic(a, "net", &n, e);
		if (!r)
			n->legacy = true;
	} else {
		r = new_netdev(a, "net", it.val, &o, e);
		if (!r)
			snprintf(o->id, sizeof(o->id), "#net%u", a->nnetdevs - 1);
	}
	while (!r && items_next(&it)) {
		if (!n) {
			r = netdev_key("net", o, it.key, it.val, e);
			continue;
		}
		r = card_key("net", n, it.key, it.val, &mine, e);
		if (!r && !mine)
			r = err_set(e, VM_ERR_USAGE, "-net: nic has no property '%s'", it.key);
	}
	return r || n ? r : netdev_check(o, e);
}

/* -object: filter-dump,id=ID,netdev=ID,file=PATH[,maxlen=N]; rng-random is accepted, as random bytes need no object here */
enum vm_err spec_object(struct args *a, const char *v, struct err *e)
{
	static const char *const objects[] = {"filter-dump", "rng-random", "rng-builtin", "iothread", "memory-backend-ram",
		"memory-backend-memfd", "memory-backend-file"};
	enum { FIRST_MEMORY = 4 };
	static const char *const keys[] = {"id", "netdev", "file", "maxlen"};
	struct args_dump d = {.max = 65536};
	struct items it;
	unsigned k;
	enum vm_err r;

	items_begin(&it, a, v, "qom-type");
	if (!items_next(&it) || strcmp(it.key, "qom-type"))
		return err_set(e, VM_ERR_USAGE, "-object: '%s' is not TYPE,id=NAME", v);
	r = spec_choice("object", "type", it.val, objects, ARRAY_SIZE(objects), &k, e);
	if (!r && k >= FIRST_MEMORY)
		return spec_memory_object(a, it.val, &it, e);
	if (r || k) /* random bytes come from the host and disks have a thread, always */
		return r;
	while (!r && items_next(&it)) {
		uint64_t n;

		r = spec_choice("object", "property", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k == 1) {
			snprintf(d.netdev, sizeof(d.netdev), "%s", it.val);
		} else if (!r && k == 2) {
			d.file = it.val;
		} else if (!r && k == 3) {
			r = spec_number("object", it.val, 65536, &n, e);
			d.max = (unsigned)n;
		}
	}
	if (!r && (!d.file || !d.netdev[0]))
		return err_set(e, VM_ERR_USAGE, "-object: filter-dump needs netdev= and file=");
	if (!r && a->ndumps == CONFIG_MAX_NIC)
		return err_set(e, VM_ERR_USAGE, "-object: at most %u filter-dump", CONFIG_MAX_NIC);
	if (!r)
		a->dump[a->ndumps++] = d;
	return r;
}

static struct netdev_options *find_netdev(struct args *a, const char *id)
{
	for (unsigned i = 0; i < a->nnetdevs; i++)
		if (!strcmp(a->netdev[i].id, id))
			return &a->netdev[i];
	return NULL;
}

/* The old -net: each card takes the next netdev that no card has. */
static void pair_legacy(struct args *a)
{
	for (unsigned i = 0; i < a->nnics; i++) {
		for (unsigned k = 0; k < a->nnetdevs && a->nic[i].legacy && !a->nic[i].netdev[0]; k++) {
			bool used = false;

			for (unsigned j = 0; j < a->nnics; j++)
				used |= !strcmp(a->nic[j].netdev, a->netdev[k].id);
			if (!used && a->netdev[k].id[0] == '#')
				memcpy(a->nic[i].netdev, a->netdev[k].id, sizeof(a->nic[i].netdev));
		}
	}
}

enum vm_err spec_net_finish(struct args *a, struct err *e)
{
	if (!a->net_chosen && !a->nodefaults && !a->nnics) {
		enum vm_err r = netdev_has_user() ? spec_nic(a, "user", e) : spec_net(a, "nic", e);

		if (r)
			return r;
	}
	pair_legacy(a);
	for (unsigned i = 0; i < a->nnics; i++) {
		struct args_nic *n = &a->nic[i];

		if (n->netdev[0] && !find_netdev(a, n->netdev))
			return err_set(e, VM_ERR_USAGE, "-device: no -netdev has the id '%s'", n->netdev);
		for (unsigned k = 0; k < i; k++)
			if (n->netdev[0] && !strcmp(n->netdev, a->nic[k].netdev))
				return err_set(e, VM_ERR_USAGE, "-device: the netdev '%s' has a card already", n->netdev);
			else if (n->model == NIC_NE2K_ISA && a->nic[k].model == NIC_NE2K_ISA && n->iobase == a->nic[k].iobase)
				return err_set(e, VM_ERR_USAGE, "-device: two ne2k_isa at iobase=0x%x", n->iobase);
		if (!n->has_mac)
			next_mac(a, n->mac);
		n->has_mac = true;
	}
	for (unsigned i = 0; i < a->ndumps; i++)
		if (!find_netdev(a, a->dump[i].netdev))
			return err_set(e, VM_ERR_USAGE, "-object: no -netdev has the id '%s'", a->dump[i].netdev);
	return VM_OK;
}
