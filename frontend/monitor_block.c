/* monitor_block.c - drives, character devices and networks in the monitor. */
#include "frontend/monitor_priv.h"
#include "frontend/backends.h"
#include "frontend/drive.h"
#include "frontend/net/netdev.h"
#include "devices/fdc.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

const char *mon_drive_name(struct loop *l, unsigned n)
{
	for (unsigned i = 0; i < CONFIG_PLACES; i++)
		if (machine_drive(l->m, i) && !n--)
			return machine_drive(l->m, i)->id;
	return NULL;
}

static struct blk *find_drive(struct mon *mon, const char *name)
{
	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		struct blk *b = machine_drive(mon->l->m, i);

		if (b && !strcmp(b->id, name))
			return b;
	}
	fprintf(mon->out, "there is no drive '%s'; 'info block' lists them\n", name);
	return NULL;
}

/* A drive whose medium may be taken out now; if the guest has locked it, it is asked to let go. */
static struct blk *open_tray(struct mon *mon, const char *name, bool force)
{
	struct blk *b = find_drive(mon, name);

	if (!b)
		return NULL;
	if (!drive_is(b)) {
		fprintf(mon->out, "the medium of '%s' is not removable\n", name);
		return NULL;
	}
	if (b->locked && !force) {
		b->want_eject = true;
		fprintf(mon->out, "'%s' is locked by the guest, which has been asked to release it; eject -f forces it\n",
			name);
		return NULL;
	}
	return b;
}

void cmd_eject(struct mon *mon)
{
	char *w = mon_word(mon);
	bool force = w && !strcmp(w, "-f");
	struct blk *b;

	if (force)
		w = mon_word(mon);
	if (!w) {
		fprintf(mon->out, "eject needs a drive, e.g. ide1-cd0\n");
		return;
	}
	b = open_tray(mon, w, force);
	if (b)
		drive_eject(b);
}

/* change [-f] DRIVE FILE [raw [retain|read-only|read-write]]; the file name ends at a blank */
void cmd_change(struct mon *mon)
{
	char *w = mon_word(mon), *file, *format, *mode;
	bool force = w && !strcmp(w, "-f");
	static const struct blk_policy policy = {.werror = BLK_STOP_ENOSPC};
	struct blk_raw_options o = {0};
	struct blk *b, *medium;
	struct err e;

	if (force)
		w = mon_word(mon);
	file = mon_word(mon);
	format = mon_word(mon);
	mode = mon_word(mon);
	if (!w || !file) {
		fprintf(mon->out, "change needs a drive and a file\n");
		return;
	}
	if ((format && strcmp(format, "raw")) ||
		(mode && strcmp(mode, "retain") && strcmp(mode, "read-only") && strcmp(mode, "read-write"))) {
		fprintf(mon->out, "change: '%s' is not raw, then retain, read-only or read-write\n", mode ? mode : format);
		return;
	}
	b = open_tray(mon, w, force);
	if (!b)
		return;
	o.cdrom = b->is_cdrom;
	o.readonly = b->is_cdrom || (mode && !strcmp(mode, "read-only")) ||
		((!mode || !strcmp(mode, "retain")) && b->present && b->readonly);
	/* opened first: a wrong name leaves the old medium in */
	if (blk_open_raw(file, &o, &medium, &e)) {
		fprintf(mon->out, "%s\n", e.msg);
	} else if (!b->is_cdrom && !fdc_format_of(medium->size)) {
		fprintf(mon->out, "'%s' is larger than any floppy\n", file);
		medium->ops->close(medium);
	} else {
		drive_insert(b, drives_queue(mon->l, medium, &policy, mon->l->icount));
	}
}

static void commit(struct mon *mon, struct blk *b)
{
	int err = b->ops->commit ? b->ops->commit(b) : ENOTSUP;

	if (err == ENOTSUP)
		fprintf(mon->out, "'%s' has nothing to commit: it is no snapshot\n", b->id);
	else if (err)
		fprintf(mon->out, "'%s': %s\n", b->id, strerror(err));
}

void cmd_commit(struct mon *mon)
{
	char *w = mon_word(mon);
	struct blk *b;

	if (!w) {
		fprintf(mon->out, "commit needs a drive or 'all'\n");
		return;
	}
	if (strcmp(w, "all")) {
		b = find_drive(mon, w);
		if (b)
			commit(mon, b);
		return;
	}
	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		b = machine_drive(mon->l->m, i);
		if (b && b->ops->commit)
			(void)b->ops->commit(b); /* fails for lack of a snapshot, or of a medium */
	}
}

void info_block(struct mon *mon)
{
	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		struct blk *b = machine_drive(mon->l->m, i);

		if (!b)
			continue;
		fprintf(mon->out, "%s: %s%s, %" PRIu64 " bytes%s\n", b->id, b->size ? b->file : "[not inserted]",
			b->is_cdrom ? " (cdrom)" : "", b->size, b->readonly ? ", read only" : "");
		if (drive_is(b))
			fprintf(mon->out, "    Removable device: %slocked, tray %s\n", b->locked ? "" : "not ",
				b->size && !b->present ? "open" : "closed");
	}
}

void info_chardev(struct mon *mon)
{
	for (unsigned i = 0; i < mon->l->nchrs; i++) {
		const struct loop_chr *c = &mon->l->chrs[i];

		fprintf(mon->out, "%s: filename=%s\n", c->label, c->chr && c->chr->label[0] ? c->chr->label : c->spec);
	}
}

void info_network(struct mon *mon)
{
	static const char *const models[] = {
#define NIC(word, name, ...) name,
#include "frontend/machine/nics.def"
#undef NIC
	};
	unsigned n;
	const struct config_nic *c = machine_nics(mon->l->m, &n);

	for (unsigned i = 0; i < n; i++) {
		fprintf(mon->out, "%s.%u: model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x\n", models[c[i].model], i,
			models[c[i].model], c[i].mac[0], c[i].mac[1], c[i].mac[2], c[i].mac[3], c[i].mac[4], c[i].mac[5]);
		if (c[i].net)
			fprintf(mon->out, " \\ %s: %s\n", c[i].net->id, c[i].net->info);
	}
}

/* [NETDEV] WHAT; without a name the first user network */
static void hostfwd(struct mon *mon, bool add)
{
	char *id = mon_word(mon), *what = mon_word(mon);
	const struct config_nic *c;
	struct net *net = NULL;
	struct err e;
	unsigned n;

	if (!id) {
		fprintf(mon->out, "%s\n", add ? "hostfwd_add needs [netdev] [tcp|udp]:[host]:port-[guest]:port" : "hostfwd_remove needs [netdev] [tcp|udp]:[host]:port");
		return;
	}
	c = machine_nics(mon->m, &n);
	for (unsigned i = 0; i < n && !net; i++)
		if (c[i].net && (what ? !strcmp(c[i].net->id, id) : netdev_is_user(c[i].net)))
			net = c[i].net;
	if (!net)
		fprintf(mon->out, "there is no user network%s%s\n", what ? " " : "", what ? id : "");
	else if (netdev_hostfwd(net, what ? what : id, add, &e))
		fprintf(mon->out, "%s\n", e.msg);
	else if (!add)
		fprintf(mon->out, "host forwarding rule for %s removed\n", what ? what : id);
}

void cmd_hostfwd_add(struct mon *mon)
{
	hostfwd(mon, true);
}

void cmd_hostfwd_remove(struct mon *mon)
{
	hostfwd(mon, false);
}
