/*
 * acpi_pm.c - ACPI fixed registers of the 82371AB (PIIX4), less the PCI function they belong to.
 *
 * The PM timer is computed from virtual time. Its status bit is set when bit 23 toggles; that is
 * noticed when somebody looks, and by a timer only while the guest wants an interrupt from it.
 *
 * Sources: ACPI specification 6.4, 4.8.3 "PM1 Event, Control", 4.8.2.1 "Power Management
 * Timer", 4.8.5 "GPE"; 82371AB data sheet chapter 7; QEMU's ACPI_ENABLE / DISABLE values and GPE
 * address.
 */
#include "devices/acpi_pm.h"
#include <string.h>

#define STS_TMR 0x0001
#define STS_PWRBTN 0x0100
#define STS_RTC 0x0400
#define STS_WAK 0x8000
#define EN_ALL 0x0721
#define CNT_SCI_EN 0x0001
#define CNT_GBL_RLS 0x0004
#define CNT_SLP_EN 0x2000
#define CNT_KEEP 0x1C03
#define OVERFLOW_TICKS 0x800000u

static uint64_t ticks(struct acpi_pm *pm)
{
	return muldiv64(clock_now(pm->clock), ACPI_PM_HZ, NS_PER_SEC);
}

/* TMR_STS if bit 23 has toggled since it was last accounted for. */
static void catch_up(struct acpi_pm *pm)
{
	uint64_t t = ticks(pm);

	if (t < pm->s.overflow)
		return;
	pm->s.sts |= STS_TMR;
	pm->s.overflow = (t / OVERFLOW_TICKS + 1) * OVERFLOW_TICKS;
}

static void update(struct acpi_pm *pm)
{
	bool event = (pm->s.sts & pm->s.en & EN_ALL) || (pm->s.gpe_sts & pm->s.gpe_en);
	uint8_t sci = event && (pm->s.cnt & CNT_SCI_EN);

	if (sci != pm->s.sci) {
		pm->s.sci = sci;
		irq_set(&pm->sci, sci);
	}
	if ((pm->s.en & STS_TMR) && !(pm->s.sts & STS_TMR))
		timer_arm(&pm->timer, muldiv64(pm->s.overflow, NS_PER_SEC, ACPI_PM_HZ) + 1);
	else
		timer_cancel(&pm->timer);
}

static void pm_timer(void *opaque)
{
	struct acpi_pm *pm = opaque;

	catch_up(pm);
	update(pm);
}

static void write_cnt(struct acpi_pm *pm, uint16_t val)
{
	/* SCI_EN is not for the guest's hand on a PIIX4 with SMI; software may write it, as QEMU
	 * allows. */
	pm->s.cnt = val & CNT_KEEP;
	update(pm);
	if (!(val & CNT_SLP_EN))
		return;
	if (pm->sleep)
		pm->sleep(pm->sleep_opaque, (val >> 10) & 7);
}

static uint8_t half(uint16_t v, uint64_t off)
{
	return (uint8_t)(off & 1 ? v >> 8 : v);
}

static uint16_t with_half(uint16_t old, uint64_t off, uint8_t val)
{
	return off & 1 ? (uint16_t)((old & 0x00FF) | val << 8) : (uint16_t)((old & 0xFF00) | val);
}

/* Status bits are cleared by writing ones. */
static uint16_t clear_ones(uint16_t old, uint64_t off, uint8_t val)
{
	return old & ~(off & 1 ? (uint16_t)(val << 8) : (uint16_t)val);
}

static uint8_t pm_read_byte(struct acpi_pm *pm, uint64_t off, uint64_t tmr)
{
	switch (off) {
	case 0x0:
	case 0x1:
		return half(pm->s.sts, off);
	case 0x2:
	case 0x3:
		return half(pm->s.en, off);
	case 0x4:
	case 0x5:
		return half(pm->s.cnt, off);
	case 0x8:
	case 0x9:
	case 0xA: /* 24 bits */
		return (uint8_t)(tmr >> (8 * (off - 8)));
	case 0xC:
	case 0xD:
		return half(pm->s.gpe_sts, off);
	case 0xE:
	case 0xF:
		return half(pm->s.gpe_en, off);
	default:
		return 0;
	}
}

static uint64_t pm_read(void *opaque, uint64_t off, unsigned size)
{
	struct acpi_pm *pm = opaque;
	uint64_t v = 0, tmr = ticks(pm);

	catch_up(pm);
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)pm_read_byte(pm, off + i, tmr) << (8 * i);
	update(pm);
	return v;
}

static void pm_write_byte(struct acpi_pm *pm, uint64_t off, uint8_t val)
{
	switch (off) {
	case 0x0:
	case 0x1:
		pm->s.sts = clear_ones(pm->s.sts, off, val);
		break;
	case 0x2:
	case 0x3:
		pm->s.en = with_half(pm->s.en, off, val) & EN_ALL;
		break;
	case 0xC:
	case 0xD:
		pm->s.gpe_sts = clear_ones(pm->s.gpe_sts, off, val);
		break;
	case 0xE:
	case 0xF:
		pm->s.gpe_en = with_half(pm->s.gpe_en, off, val);
		break;
	}
}

static void pm_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct acpi_pm *pm = opaque;
	uint16_t cnt = pm->s.cnt;
	bool cnt_written = false;

	catch_up(pm);
	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(val >> (8 * i));

		if (off + i == 4 || off + i == 5) {
			cnt = with_half(cnt, off + i, byte);
			cnt_written = true;
		} else {
			pm_write_byte(pm, off + i, byte);
		}
	}
	update(pm);
	if (cnt_written) /* last: it may put the machine to sleep */
		write_cnt(pm, cnt & ~CNT_GBL_RLS);
}

static uint64_t gpe_read(void *opaque, uint64_t off, unsigned size)
{
	return pm_read(opaque, 0xC + (off & 3), size);
}

static void gpe_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	pm_write(opaque, 0xC + (off & 3), val, size);
}

static uint64_t apm_read(void *opaque, uint64_t off, unsigned size)
{
	struct acpi_pm *pm = opaque;

	return off & 1 ? pm->s.apms : pm->s.apmc;
}

static void apm_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct acpi_pm *pm = opaque;

	if (off & 1) {
		pm->s.apms = (uint8_t)val;
		return;
	}
	pm->s.apmc = (uint8_t)val;
	if (pm->s.apmc == ACPI_ENABLE_CMD)
		pm->s.cnt |= CNT_SCI_EN;
	else if (pm->s.apmc == ACPI_DISABLE_CMD)
		pm->s.cnt &= ~CNT_SCI_EN;
	catch_up(pm);
	update(pm);
	if (pm->s.smi_on)
		irq_pulse(&pm->smi);
}

static const struct io_ops pm_io = {"acpi-pm", pm_read, pm_write, 1, 4};
static const struct io_ops gpe_io = {"acpi-gpe0", gpe_read, gpe_write, 1, 4};
static const struct io_ops apm_io = {"apm", apm_read, apm_write, 1, 1};

void acpi_pm_map(void *opaque, uint16_t base, bool enabled)
{
	struct acpi_pm *pm = opaque;

	space_move(pm->io, &pm->pm, base & 0xFFC0, enabled);
}

void acpi_pm_enable_smi(struct acpi_pm *pm, bool on)
{
	pm->s.smi_on = on;
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
	pm->s.sts |= STS_PWRBTN;
	update(pm);
}

void acpi_pm_gpe(struct acpi_pm *pm, unsigned bit)
{
	pm->s.gpe_sts |= 1u << (bit & 15);
	update(pm);
}

void acpi_pm_rtc(struct acpi_pm *pm)
{
	pm->s.sts |= STS_RTC;
	update(pm);
}

uint16_t acpi_pm_wakers(const struct acpi_pm *pm)
{
	return pm->s.sts & pm->s.en & (STS_PWRBTN | STS_RTC);
}

void acpi_pm_wake(struct acpi_pm *pm, uint16_t wakers)
{
	pm->s.sts |= STS_WAK | wakers;
	update(pm);
}

static void pm_reset(struct device *d)
{
	struct acpi_pm *pm = container_of(d, struct acpi_pm, dev);
	uint8_t smi_on = pm->s.smi_on, sci = pm->s.sci;

	memset(&pm->s, 0, sizeof(pm->s));
	pm->s.smi_on = smi_on;
	pm->s.sci = sci;
	pm->s.overflow = (ticks(pm) / OVERFLOW_TICKS + 1) * OVERFLOW_TICKS;
	update(pm);
}

static enum vm_err pm_post_load(struct device *d, struct err *e)
{
	struct acpi_pm *pm = container_of(d, struct acpi_pm, dev);

	if (pm->s.sci > 1)
		return err_set(e, VM_ERR_FORMAT, "acpi-pm: impossible saved state");
	irq_set(&pm->sci, pm->s.sci);
	catch_up(pm);
	update(pm);
	return VM_OK;
}

static void pm_dump(struct device *d, FILE *out)
{
	struct acpi_pm *pm = container_of(d, struct acpi_pm, dev);

	fprintf(out,
		"acpi-pm: base=%04x%s sts=%04x en=%04x cnt=%04x gpe=%04x/%04x timer=%06x sci=%u\n",
		(unsigned)pm->pm.base, pm->pm.enabled ? "" : " (unmapped)", pm->s.sts, pm->s.en,
		pm->s.cnt, pm->s.gpe_sts, pm->s.gpe_en, (unsigned)ticks(pm) & 0xFFFFFF, pm->s.sci);
}

static void pm_fini(struct device *d)
{
	struct acpi_pm *pm = container_of(d, struct acpi_pm, dev);

	timer_cancel(&pm->timer);
}

static const struct device_ops acpi_pm_ops = {
	.name = "acpi-pm",
	.version = 1,
	.state_off = offsetof(struct acpi_pm, s),
	.state_size = sizeof(struct acpi_pm_state),
	.timer = {offsetof(struct acpi_pm, timer)},
	.reset = pm_reset,
	.fini = pm_fini,
	.post_load = pm_post_load,
	.dump = pm_dump,
};

struct acpi_pm *acpi_pm_create(struct log *log, struct clock *clock, struct space *io,
	struct irq sci, struct irq smi, void (*sleep)(void *opaque, unsigned type),
	void *sleep_opaque)
{
	struct acpi_pm *pm = device_new(sizeof(*pm), &acpi_pm_ops, log);

	pm->clock = clock;
	pm->io = io;
	pm->sci = sci;
	pm->smi = smi;
	pm->sleep = sleep;
	pm->sleep_opaque = sleep_opaque;
	timer_init(&pm->timer, clock, pm_timer, pm);
	space_add_io(io, &pm->gpe, "acpi-gpe0", ACPI_GPE_BASE, 4, &gpe_io, pm);
	space_add_io(io, &pm->apm, "apm", 0xB2, 2, &apm_io, pm);
	space_begin(io);
	space_add_io(io, &pm->pm, "acpi-pm", 0, 64, &pm_io, pm);
	space_move(io, &pm->pm, 0, false);
	space_commit(io);
	pm_reset(&pm->dev);
	return pm;
}
