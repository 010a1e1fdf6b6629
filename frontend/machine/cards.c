/* cards.c - cards that the configuration adds to the PCI bus: network cards with their boot ROMs, virtio devices. */
#include "frontend/machine/board.h"
#include "devices/ac97.h"
#include "devices/net/e1000.h"
#include "devices/net/ne2000.h"
#include "devices/net/rtl8139.h"
#include "devices/usb/hid.h"
#include "devices/usb/uhci.h"
#include "devices/sb16.h"
#include "devices/virtio/virtio_9p.h"
#include "devices/virtio/virtio_balloon.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_console.h"
#include "devices/virtio/virtio_net.h"
#include "devices/virtio/virtio_rng.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOT 3 /* as QEMU's pc: 0 host bridge, 1 PIIX3, 2 display */

/* What a card's model says: ids that its ROM must name, for SeaBIOS to run it, and the ROM's file. */
static const struct nic_kind { uint16_t vendor, device; const char *rom; } nic_kinds[] = {
#define NIC(word, name, vendor, device, rom, help) [NIC_##word] = {vendor, device, rom},
#include "frontend/machine/nics.def"
#undef NIC
};

/*
 * A driver for several cards comes in a ROM that names one of them. Ours is written over it, and the checksum over the whole
 * image made right again by byte 6, which the header leaves to the image (PCI Firmware Specification 3.0, 5.1).
 */
static void name_card(uint8_t *rom, size_t len, const struct nic_kind *k)
{
	size_t at = len >= 0x1C && rom[0] == 0x55 && rom[1] == 0xAA ? (size_t)pci_get16(rom + 0x18) : 0;
	uint8_t ids[4];

	if (!at || at > len || len - at < 8 || memcmp(rom + at, "PCIR", 4))
		return;
	pci_put16(ids, k->vendor);
	pci_put16(ids + 2, k->device);
	for (unsigned i = 0; i < 4; i++) {
		rom[6] = (uint8_t)(rom[6] + rom[at + 4 + i] - ids[i]);
		rom[at + 4 + i] = ids[i];
	}
}

/* A ROM image in the RAM file, rounded up to a power of two. Without the file there is no ROM: the card cannot boot. */
static enum vm_err load_rom(struct machine *m, const struct nic_kind *k, const char *file, struct region *rom, struct err *e)
{
	uint64_t size = PAGE_SIZE;
	char path[512];
	uint8_t *data;
	size_t len;
	enum vm_err r;

	rom->len = 0;
	if (file && !file[0])
		return VM_OK;
	if (file)
		snprintf(path, sizeof(path), "%s", file);
	if (!file && file_find(&m->cfg, k->rom, path, sizeof(path), e))
		return VM_OK;
	r = file_load(path, "boot ROM", 1 << 20, &data, &len, e);
	if (r)
		return r;
	while (size < len)
		size *= 2;
	*rom = (struct region){.name = k->rom, .kind = REGION_ROM, .len = size, .ra = ram_alloc(&m->ram, size)};
	name_card(data, len, k);
	if (rom->ra != RADDR_NONE)
		memcpy(m->ram.host + rom->ra, data, len);
	free(data);
	return rom->ra == RADDR_NONE ? err_set(e, VM_ERR_NOMEM, "no room for the boot ROM '%s'", path) : VM_OK;
}

static enum vm_err add_nic(struct machine *m, unsigned i, struct err *e)
{
	const struct config_nic *n = &m->cfg.nic[i];
	int slot = n->slot >= 0 ? n->slot : pci_free_slot(m->pci, FIRST_SLOT);
	struct region rom;
	void *d = NULL;
	enum vm_err r;

	if (n->model == NIC_NE2K_ISA) {
		pc_add(m, ne2000_isa_create(m->log, &m->clock, &m->io, n->iobase, gsi_irq(m, n->irq, "ne2000"), n->net, n->mac));
		return VM_OK;
	}
	if (slot < 0)
		return err_set(e, VM_ERR_USAGE, "no PCI slot is left for a network card");
	r = load_rom(m, &nic_kinds[n->model], n->romfile, &rom, e);
	if (r)
		return r;
	switch (n->model) {
	case NIC_E1000:
		d = e1000_create(m->log, &m->clock, m->pci, PCI_DEVFN(slot, 0), n->net, n->mac, rom.len ? &rom : NULL);
		break;
	case NIC_VIRTIO:
		d = virtio_net_create(m->log, m->pci, PCI_DEVFN(slot, 0), n->net, n->mac, rom.len ? &rom : NULL);
		break;
	case NIC_RTL8139:
		d = rtl8139_create(m->log, &m->clock, m->pci, PCI_DEVFN(slot, 0), n->net, n->mac, rom.len ? &rom : NULL);
		break;
	case NIC_NE2K_PCI:
		d = ne2000_pci_create(m->log, &m->clock, m->pci, PCI_DEVFN(slot, 0), n->net, n->mac, rom.len ? &rom : NULL);
		break;
	default:
		break;
	}
	if (!d)
		return err_set(e, VM_ERR_USAGE, "PCI slot %d is taken", slot);
	m->nic_slot[i] = (uint8_t)slot;
	pc_add(m, d);
	return VM_OK;
}

static const struct config_sound *find_sound(const struct machine *m, enum config_sound_model model)
{
	for (unsigned i = 0; i < m->cfg.nsounds; i++)
		if (m->cfg.sound[i].model == model)
			return &m->cfg.sound[i];
	return NULL;
}

/* AdLib's and the Sound Blaster's synthesizers have the same ports: the machine has one, an OPL2 where there is an AdLib card. */
static struct opl3 *fm_of(struct machine *m, struct audio *audio)
{
	const struct config_sound *adlib = find_sound(m, SOUND_ADLIB);

	if (!m->fm) {
		m->fm = opl3_create(m->log, &m->clock, &m->io, adlib != NULL, adlib ? adlib->audio : audio);
		pc_add(m, m->fm);
	}
	return m->fm;
}

static void add_adlib(struct machine *m, const struct config_sound *s)
{
	const struct config_sound *sb = find_sound(m, SOUND_SB16);
	struct opl3 *fm = fm_of(m, s->audio);

	if (!sb || sb->iobase != s->iobase)
		opl3_map(fm, &m->io, s->iobase);
}

static void add_sb16(struct machine *m, const struct config_sound *s)
{
	static const uint8_t lines[SB16_LINES] = {9, 5, 7, 10};
	struct sb16_config cfg = {s->iobase, s->irq, s->dma, s->dma16};
	struct irq irq[SB16_LINES];
	struct sb16 *sb;

	for (unsigned i = 0; i < SB16_LINES; i++)
		irq[i] = gsi_irq(m, lines[i], "sb16");
	sb = sb16_create(m->log, &m->clock, &m->io, m->dma, irq, &cfg, fm_of(m, s->audio), s->audio);
	if (!find_sound(m, SOUND_ADLIB)) {
		m->fm->mix = sb16_mixer_fm;
		m->fm->mix_opaque = sb;
	}
	pc_add(m, sb);
}

static enum vm_err add_sound(struct machine *m, const struct config_sound *s, struct err *e)
{
	int slot = s->slot >= 0 ? s->slot : pci_free_slot(m->pci, FIRST_SLOT);
	struct ac97 *d;

	if (s->model == SOUND_SB16) {
		add_sb16(m, s);
		return VM_OK;
	}
	if (s->model == SOUND_ADLIB) {
		add_adlib(m, s);
		return VM_OK;
	}
	d = slot < 0 ? NULL : ac97_create(m->log, &m->clock, m->pci, PCI_DEVFN(slot, 0), s->audio);
	if (!d)
		return err_set(e, VM_ERR_USAGE, "no PCI slot %d is left for a sound card", slot);
	pc_add(m, d);
	return VM_OK;
}

static void fixed_sequence(void *opaque, uint8_t *buf, uint32_t len)
{
	uint64_t *x = opaque;

	for (uint32_t i = 0; i < len; i++) {
		*x = *x * 6364136223846793005ull + 1442695040888963407ull;
		buf[i] = (uint8_t)(*x >> 56);
	}
}

static void *add_console(struct machine *m, uint8_t devfn)
{
	struct console_port ports[CONSOLE_PORTS] = {0};

	for (unsigned i = 0; i < CONFIG_MAX_VPORTS && i < CONSOLE_PORTS; i++) {
		const struct config_vport *p = &m->cfg.vport[i];

		ports[i] = (struct console_port){.present = p->present, .console = p->console, .name = p->name, .chr = p->chr};
	}
	return virtio_console_create(m->log, m->pci, devfn, ports);
}

/* Disks first, in their order. */
static enum vm_err add_virtio(struct machine *m, struct err *e)
{
	enum { RNG = CONFIG_MAX_VIRTIO, SERIAL, BALLOON, KINDS };

	for (unsigned i = 0; i < KINDS; i++) {
		int slot = pci_free_slot(m->pci, FIRST_SLOT);
		uint8_t devfn = PCI_DEVFN(slot < 0 ? 0 : slot, 0);
		void *d = NULL;

		if (i == RNG ? !m->cfg.rng : i == SERIAL ? !m->cfg.vserial : i == BALLOON ? !m->cfg.balloon : !m->cfg.virtio[i])
			continue;
		if (slot >= 0 && i == RNG)
			d = virtio_rng_create(m->log, m->pci, devfn, m->cfg.random ? m->cfg.random : fixed_sequence, &m->random);
		else if (slot >= 0 && i == SERIAL)
			d = add_console(m, devfn);
		else if (slot >= 0 && i == BALLOON)
			d = virtio_balloon_create(m->log, &m->clock, m->pci, devfn, &m->mem, m->cfg.ram_size, m->cfg.balloon_yields);
		else if (slot >= 0)
			d = virtio_blk_create(m->log, m->pci, devfn, m->cfg.virtio[i]);
		if (!d)
			return err_set(e, VM_ERR_USAGE, "no PCI slot is left for a virtio device");
		if (i < CONFIG_MAX_VIRTIO)
			m->virtio_slot[i] = (uint8_t)slot;
		pc_add(m, d);
	}
	return VM_OK;
}

static enum vm_err add_folders(struct machine *m, struct err *e)
{
	for (unsigned i = 0; i < m->cfg.nfolders; i++) {
		int slot = pci_free_slot(m->pci, FIRST_SLOT);
		void *d = slot < 0 ? NULL : virtio_9p_create(m->log, m->pci, PCI_DEVFN(slot, 0), m->cfg.folder[i].share, m->cfg.folder[i].tag);

		if (!d)
			return err_set(e, VM_ERR_USAGE, "no PCI slot is left for the folder '%s'", m->cfg.folder[i].tag);
		pc_add(m, d);
	}
	return VM_OK;
}

static enum vm_err add_usb(struct machine *m, struct err *e)
{
	static const struct usb_kind *const kinds[] = {NULL, &usb_tablet, &usb_mouse, &usb_keyboard};
	const struct usb_kind *kind[UHCI_PORTS];
	struct uhci *u;

	if (!m->cfg.usb)
		return VM_OK;
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		kind[i] = kinds[m->cfg.usb_port[i]];
	u = uhci_create(m->log, &m->clock, m->pci, PCI_DEVFN(1, 2), &m->input, kind);
	if (!u)
		return err_set(e, VM_ERR_USAGE, "no place on the bus for the USB controller");
	pc_add(m, u);
	return VM_OK;
}

/* A key that goes down, and a button of the mouse, end S3; the guest does not get that event, as its devices have been reset. */
static void key(void *opaque, unsigned set1, bool down)
{
	struct machine *m = opaque;

	if (m->asleep && down)
		machine_wakeup(m);
	else if (!m->asleep)
		m->devices_in.key(m->devices_in.key_opaque, set1, down);
}

static void mouse(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	struct machine *m = opaque;

	if (m->asleep && buttons)
		machine_wakeup(m);
	else if (!m->asleep)
		m->devices_in.mouse(m->devices_in.mouse_opaque, dx, dy, dz, buttons);
}

static void tablet(void *opaque, unsigned x, unsigned y, int dz, unsigned buttons)
{
	struct machine *m = opaque;

	if (m->asleep && buttons)
		machine_wakeup(m);
	else if (!m->asleep)
		m->devices_in.tablet(m->devices_in.tablet_opaque, x, y, dz, buttons);
}

static void watch_input(struct machine *m)
{
	m->devices_in = m->input;
	if (m->input.key) {
		m->input.key = key;
		m->input.key_opaque = m;
	}
	if (m->input.mouse) {
		m->input.mouse = mouse;
		m->input.mouse_opaque = m;
	}
	if (m->input.tablet) {
		m->input.tablet = tablet;
		m->input.tablet_opaque = m;
	}
}

enum vm_err pc_cards(struct machine *m, struct err *e)
{
	enum vm_err r = add_usb(m, e);

	for (unsigned i = 0; i < m->cfg.nnics && !r; i++)
		r = add_nic(m, i, e);
	if (!r)
		r = add_virtio(m, e);
	if (!r)
		r = add_folders(m, e);
	for (unsigned i = 0; i < m->cfg.nsounds && !r; i++)
		r = add_sound(m, &m->cfg.sound[i], e);
	watch_input(m);
	return r;
}
