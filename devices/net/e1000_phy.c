/*
 * e1000_phy.c - the contents of the card's EEPROM (microwire.h) and its transceiver (e1000.h).
 *
 * Sources: 317453, sections 5.2 (EEPROM), 5.6 (map), 13.4.3-13.4.5 (EECD, EERD), 13.4.7 (MDIC); IEEE 802.3 clause 22.2.4.
 */
#include "devices/net/e1000.h"
#include <string.h>

#define EECD_SK 0x01
#define EECD_CS 0x02
#define EECD_DI 0x04
#define EECD_DO 0x08
#define EECD_REQ 0x40
#define EECD_GNT 0x80
#define EECD_PRESENT 0x100
#define EERD_START 0x01
#define EERD_DONE 0x10
#define MDIC_READY 0x10000000u
#define MDIC_ERROR 0x40000000u
#define EEPROM_SUM 0xBABA

void e1000_eeprom_init(struct e1000 *e)
{
	static const uint16_t map[] = {0, 0, 0, 0x0420, 0xF746, 0x2010, 0xFFFF, 0xFFFF, 0x0000, 0x0000, 0x3022, 0x1100,
		0x1AF4, 0x100E, 0x8086, 0x0000};
	uint16_t *w = e->s.eeprom.word, sum = 0;

	memset(w, 0xFF, sizeof(e->s.eeprom.word));
	memcpy(w, map, sizeof(map));
	for (unsigned i = 0; i < 3; i++)
		w[i] = pci_get16(e->mac + i * 2);
	for (unsigned i = 0; i < 63; i++)
		sum = (uint16_t)(sum + w[i]);
	w[63] = (uint16_t)(EEPROM_SUM - sum);
}

void e1000_eecd_write(struct e1000 *e, uint32_t v)
{
	uint32_t *r = e1000_reg(e, E1000_EECD);

	*r = v & (EECD_SK | EECD_CS | EECD_DI | EECD_REQ);
	microwire_lines(&e->s.eeprom, v & EECD_CS, v & EECD_SK, v & EECD_DI);
}

uint32_t e1000_eecd_read(const struct e1000 *e)
{
	uint32_t r = e->s.reg[E1000_EECD / 4];

	return r | EECD_PRESENT | (r & EECD_REQ ? EECD_GNT : 0) | (e->s.eeprom.out ? EECD_DO : 0);
}

void e1000_eerd_write(struct e1000 *e, uint32_t v)
{
	uint32_t *r = e1000_reg(e, E1000_EERD);

	*r = v & 0xFF00;
	if (v & EERD_START)
		*r |= EERD_DONE | (uint32_t)e->s.eeprom.word[v >> 8 & 63] << 16;
}

/* An M88E1000 that has negotiated 1000 Mb/s, full duplex. */
void e1000_phy_reset(struct e1000 *e)
{
	static const uint16_t power_on[32] = {[0] = 0x1140, [1] = 0x7949, [2] = 0x0141, [3] = 0x0C20, [4] = 0x0DE1,
		[9] = 0x0E00, [15] = 0x3000, [16] = 0x0360, [20] = 0x0D60};
	uint16_t *p = e->s.phy;

	memcpy(p, power_on, sizeof(power_on));
	if (!e->net)
		return;
	p[1] |= 0x0024; /* link, negotiation complete */
	p[5] = 0x45E1;
	p[6] = 0x0001;
	p[10] = 0x7C00;
	p[17] = 0xAC00; /* 1000, full duplex, resolved, link */
}

void e1000_mdic_write(struct e1000 *e, uint32_t v)
{
	uint32_t *r = e1000_reg(e, E1000_MDIC);
	unsigned reg = v >> 16 & 31, op = v >> 26 & 3;

	*r = (v & 0x3FFFFFFF) | MDIC_READY;
	if ((v >> 21 & 31) != 1 || (op != 1 && op != 2)) {
		*r |= MDIC_ERROR;
	} else if (op == 2) {
		*r = (*r & 0xFFFF0000) | e->s.phy[reg];
	} else if (reg == 0) {
		if (v & 0x8000)
			e1000_phy_reset(e);
		else
			e->s.phy[0] = v & 0x7D40; /* reset and restart of negotiation clear themselves */
	} else if (reg != 1 && reg != 2 && reg != 3 && reg != 5 && reg != 10 && reg != 15 && reg != 17) {
		e->s.phy[reg] = (uint16_t)v;
	}
}
