/*
 * mc146818.c - MC146818 real-time clock with 128 bytes of CMOS memory.
 *
 * The idea: the date is not counted up but derived, from an anchor (second S began at virtual time
 * T). Writing a time byte reads the whole date, changes the byte and sets a new anchor. While SET
 * is 1 or the divider is held in reset the date stands still in cmos[].
 *
 * Flags UF, AF and PF of register C are brought up to date when somebody looks, so the timer runs
 * only for interrupts that are enabled and not already pending.
 *
 * Update cycle: UIP is high for the last 244 us of each second and the new second shows at once at
 * its end, so a reader that saw UIP low has its 244 us.
 *
 * Sources: Motorola MC146818A data sheet; IBM PC/AT Technical Reference, "Real-time Clock/CMOS
 * RAM"; day numbers by the civil calendar's 400-year cycle.
 */
#include "devices/mc146818.h"
#include <string.h>

enum { SEC = 0, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, MDAY, MONTH, YEAR };
enum { REG_A = 10, REG_B, REG_C, REG_D };

#define A_UIP 0x80
#define B_SET 0x80
#define B_PIE 0x40
#define B_AIE 0x20
#define B_UIE 0x10
#define B_SQWE 0x08
#define B_BINARY 0x04
#define B_24H 0x02
#define C_IRQF 0x80
#define C_PF 0x40
#define C_AF 0x20
#define C_UF 0x10
#define UIP_NS 244141
#define DAY 86400
#define RTC_HZ 32768u

struct date {
	int sec, min, hour, wday, mday, month, year; /* month 1..12, wday 0 = Sunday */
};

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar; month may be out of range.
 */
static int64_t days_of(int64_t y, int m, int d)
{
	int64_t era, doy;
	int yoe;

	y += (m - 1) / 12;
	m = (m - 1) % 12 + 1;
	if (m < 1) {
		m += 12;
		y--;
	}
	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = (int)(y - era * 400);
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + (int64_t)yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t secs, struct date *t)
{
	int64_t days = secs / DAY, era, y;
	int rem = (int)(secs % DAY), doe, yoe, doy, mp;

	if (rem < 0) {
		rem += DAY;
		days--;
	}
	t->hour = rem / 3600;
	t->min = rem / 60 % 60;
	t->sec = rem % 60;
	t->wday = (int)(((days + 4) % 7 + 7) % 7);
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = (int)(days - era * 146097);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	t->mday = doy - (153 * mp + 2) / 5 + 1;
	t->month = mp < 10 ? mp + 3 : mp - 9;
	y = yoe + era * 400 + (t->month <= 2);
	t->year = (int)y;
}

static int64_t rtc_ns(struct mc146818 *r)
{
	return (int64_t)clock_now(r->clock);
}

static int64_t second_at(const struct mc146818 *r, int64_t ns)
{
	int64_t d = ns - r->s.anchor_ns;
	int64_t q = d / (int64_t)NS_PER_SEC;

	if (d % (int64_t)NS_PER_SEC < 0)
		q--;
	return r->s.anchor_sec + q;
}

/* Virtual time at which second @sec begins. */
static int64_t second_starts(const struct mc146818 *r, int64_t sec)
{
	return r->s.anchor_ns + (sec - r->s.anchor_sec) * (int64_t)NS_PER_SEC;
}

static uint8_t encode(const struct mc146818 *r, int v)
{
	return (uint8_t)(r->s.cmos[REG_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static int decode(const struct mc146818 *r, uint8_t v)
{
	return r->s.cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

/* 12-hour mode: 12, 1..11, with bit 7 for PM. */
static uint8_t encode_hour(const struct mc146818 *r, int h)
{
	if (r->s.cmos[REG_B] & B_24H)
		return encode(r, h);
	return encode(r, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0);
}

static int decode_hour(const struct mc146818 *r, uint8_t v)
{
	if (r->s.cmos[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & 0x7F) % 12 + (v & 0x80 ? 12 : 0);
}

/* Write the time bytes of cmos[] for second @secs. */
static void show_time(struct mc146818 *r, int64_t secs)
{
	uint8_t *c = r->s.cmos;
	struct date t;

	date_of(secs, &t);
	c[SEC] = encode(r, t.sec);
	c[MIN] = encode(r, t.min);
	c[HOUR] = encode_hour(r, t.hour);
	c[WDAY] = encode(r, (t.wday + r->s.wday_off) % 7 + 1);
	c[MDAY] = encode(r, t.mday);
	c[MONTH] = encode(r, t.month);
	c[YEAR] = encode(r, t.year % 100);
	c[RTC_CENTURY] = encode(r, t.year / 100 % 100);
}

/* Take the time bytes of cmos[] as the date; nonsense is normalised (month 13 is next January). */
static int64_t take_time(struct mc146818 *r)
{
	const uint8_t *c = r->s.cmos;
	int64_t days = days_of((int64_t)decode(r, c[RTC_CENTURY]) * 100 + decode(r, c[YEAR]),
		decode(r, c[MONTH]), decode(r, c[MDAY]));
	int wday = (int)(((days + 4) % 7 + 7) % 7);

	r->s.wday_off = (uint8_t)((decode(r, c[WDAY]) + 6 - wday + 7) % 7);
	return days * DAY + decode_hour(r, c[HOUR]) * 3600 + decode(r, c[MIN]) * 60 +
	       decode(r, c[SEC]);
}

static bool held(const struct mc146818 *r)
{
	return (r->s.cmos[REG_B] & B_SET) || (r->s.cmos[REG_A] & 0x60) == 0x60;
}

static void anchor(struct mc146818 *r, int64_t sec, int64_t begins)
{
	r->s.anchor_sec = sec;
	r->s.anchor_ns = begins;
	r->s.seen_sec = sec;
}

/* Alarm byte against time byte; C0h..FFh is "don't care". */
static bool alarm_byte(uint8_t alarm, uint8_t now)
{
	return alarm >= 0xC0 || alarm == now;
}

static bool alarm_matches(const struct mc146818 *r, int64_t sec)
{
	const uint8_t *c = r->s.cmos;
	int rem = (int)((sec % DAY + DAY) % DAY);

	return alarm_byte(c[SEC_ALARM], encode(r, rem % 60)) &&
	       alarm_byte(c[MIN_ALARM], encode(r, rem / 60 % 60)) &&
	       alarm_byte(c[HOUR_ALARM], encode_hour(r, rem / 3600));
}

/* 32.768 kHz cycles per periodic interrupt; 0: none. Data sheet table 5 (32.768 kHz time base). */
static unsigned periodic_cycles(const struct mc146818 *r)
{
	unsigned rs = r->s.cmos[REG_A] & 15;

	if (!rs || (r->s.cmos[REG_A] & 0x60) == 0x60)
		return 0;
	return rs <= 2 ? 1u << (rs + 6) : 1u << (rs - 1);
}

static uint64_t periodic_tick(const struct mc146818 *r, int64_t ns)
{
	unsigned cycles = periodic_cycles(r);

	return cycles ? muldiv64((uint64_t)ns, RTC_HZ, NS_PER_SEC) / cycles : 0;
}

static void set_irq(struct mc146818 *r)
{
	uint8_t *c = r->s.cmos, level;

	if (c[REG_C] & c[REG_B] & (C_PF | C_AF | C_UF))
		c[REG_C] |= C_IRQF;
	else
		c[REG_C] &= ~C_IRQF;
	level = c[REG_C] >> 7;
	if (level != r->s.irq_level) {
		r->s.irq_level = level;
		irq_set(&r->irq, level);
	}
}

/* Bring register C's flags up to @ns. */
static void catch_up(struct mc146818 *r, int64_t ns)
{
	uint8_t *c = r->s.cmos;
	uint64_t tick = periodic_tick(r, ns);

	if (tick != r->s.seen_tick && periodic_cycles(r))
		c[REG_C] |= C_PF;
	r->s.seen_tick = tick;
	if (!r->s.halted) {
		int64_t sec = second_at(r, ns), s = r->s.seen_sec;

		if (sec > s)
			c[REG_C] |= C_UF;
		if (sec - s > DAY) /* a day has every time of day */
			s = sec - DAY;
		while (s < sec && !(c[REG_C] & C_AF))
			if (alarm_matches(r, ++s))
				c[REG_C] |= C_AF;
		r->s.seen_sec = sec;
	}
	set_irq(r);
}

/* Arm the timer for the next event that would raise the interrupt. */
static void rearm(struct mc146818 *r, int64_t ns)
{
	const uint8_t *c = r->s.cmos;
	uint64_t next = UINT64_MAX;
	unsigned cycles = periodic_cycles(r);

	if (!(c[REG_C] & C_IRQF)) { /* else the wire is up until register C is read */
		if ((c[REG_B] & (B_AIE | B_UIE)) && !r->s.halted)
			next = (uint64_t)second_starts(r, second_at(r, ns) + 1);
		if ((c[REG_B] & B_PIE) && cycles) {
			uint64_t at = (r->s.seen_tick + 1) * cycles;
			uint64_t when = muldiv64(at, NS_PER_SEC, RTC_HZ) + 1;

			next = when < next ? when : next;
		}
	}
	if (next == UINT64_MAX)
		timer_cancel(&r->timer);
	else
		timer_arm(&r->timer, next);
}

static void refresh(struct mc146818 *r)
{
	int64_t ns = rtc_ns(r);

	catch_up(r, ns);
	rearm(r, ns);
}

static void rtc_timer(void *opaque)
{
	refresh(opaque);
}

static bool is_time_byte(unsigned idx)
{
	return idx == RTC_CENTURY ||
	       (idx <= YEAR && idx != SEC_ALARM && idx != MIN_ALARM && idx != HOUR_ALARM);
}

static uint8_t read_a(struct mc146818 *r)
{
	uint8_t a = r->s.cmos[REG_A] & 0x7F;
	int64_t ns = rtc_ns(r);

	/* UIP: an update will begin within 244 us; never while SET or the divider reset holds it.
	 */
	if (!r->s.halted && second_starts(r, second_at(r, ns) + 1) - ns <= UIP_NS)
		a |= A_UIP;
	return a;
}

static uint8_t rtc_read_reg(struct mc146818 *r, unsigned idx)
{
	uint8_t v;

	if (is_time_byte(idx)) {
		if (!r->s.halted)
			show_time(r, second_at(r, rtc_ns(r)));
		return r->s.cmos[idx];
	}
	switch (idx) {
	case REG_A:
		return read_a(r);
	case REG_C: /* reading clears all flags */
		catch_up(r, rtc_ns(r));
		v = r->s.cmos[REG_C];
		r->s.cmos[REG_C] = 0;
		refresh(r);
		return v;
	case REG_D:
		return 0x80; /* VRT: battery good */
	default:
		return r->s.cmos[idx];
	}
}

static void write_time(struct mc146818 *r, unsigned idx, uint8_t val)
{
	int64_t ns = rtc_ns(r), sec, begins;

	if (r->s.halted) {
		r->s.cmos[idx] = val;
		return;
	}
	catch_up(r, ns);
	sec = second_at(r, ns);
	begins = second_starts(r, sec);
	show_time(r, sec);
	r->s.cmos[idx] = val;
	anchor(r, take_time(r), begins);
	rearm(r, ns);
}

/* Register A or B changed: stop or start the date, then flags and timer. */
static void write_control(struct mc146818 *r, unsigned idx, uint8_t val)
{
	bool divider_was = (r->s.cmos[REG_A] & 0x60) == 0x60;
	int64_t ns = rtc_ns(r);
	uint8_t modes;

	catch_up(r, ns);
	if (!r->s.halted)
		show_time(r, second_at(r, ns));
	modes = r->s.cmos[REG_B];
	if (idx == REG_A)
		val = (val & 0x7F);
	else if (val & B_SET)
		val &= ~B_UIE; /* "SET going high clears UIE" */
	r->s.cmos[idx] = val;
	if (held(r) && !r->s.halted) {
		r->s.halted = 1;
	} else if (!held(r) && r->s.halted) {
		/* The first update comes half a second after the divider is released. */
		int64_t begins = divider_was ? ns - (int64_t)NS_PER_SEC / 2 : ns;

		r->s.halted = 0;
		anchor(r, take_time(r), begins);
	} else if (!r->s.halted && ((modes ^ val) & (B_BINARY | B_24H)) && idx == REG_B) {
		show_time(r, second_at(r, ns)); /* the date itself does not change */
	}
	r->s.seen_tick = periodic_tick(r, ns);
	set_irq(r);
	rearm(r, ns);
}

static void rtc_write_reg(struct mc146818 *r, unsigned idx, uint8_t val)
{
	if (is_time_byte(idx)) {
		write_time(r, idx, val);
		return;
	}
	switch (idx) {
	case SEC_ALARM:
	case MIN_ALARM:
	case HOUR_ALARM:
		catch_up(r, rtc_ns(r));
		r->s.cmos[idx] = val;
		refresh(r);
		break;
	case REG_A:
	case REG_B:
		write_control(r, idx, val);
		break;
	case REG_C:
	case REG_D:
		break; /* read only */
	default:
		r->s.cmos[idx] = val;
	}
}

static uint64_t rtc_read(void *opaque, uint64_t off, unsigned size)
{
	struct mc146818 *r = opaque;

	if (!(off & 1))
		return 0xFF; /* the index port is write only */
	return rtc_read_reg(r, r->s.index & 0x7F);
}

static void rtc_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct mc146818 *r = opaque;

	if (off & 1)
		rtc_write_reg(r, r->s.index & 0x7F, (uint8_t)val);
	else
		r->s.index = (uint8_t)val;
}

static const struct io_ops rtc_io = {"rtc", rtc_read, rtc_write, 1, 1};

void mc146818_set(struct mc146818 *r, unsigned idx, uint8_t val)
{
	if (idx > REG_D && idx < sizeof(r->s.cmos) && idx != RTC_CENTURY)
		r->s.cmos[idx] = val;
}

void mc146818_skip(struct mc146818 *r, uint64_t ns)
{
	catch_up(r, rtc_ns(r));
	if (r->s.halted)
		return;
	r->s.anchor_ns -= (int64_t)ns;
	r->s.seen_sec = second_at(r, rtc_ns(r));
	refresh(r);
}

uint8_t mc146818_get(struct mc146818 *r, unsigned idx)
{
	idx &= 0x7F;
	if (idx != REG_C)
		return rtc_read_reg(r, idx);
	catch_up(r, rtc_ns(r));
	return r->s.cmos[REG_C];
}

int64_t mc146818_seconds(struct mc146818 *r)
{
	return r->s.halted ? take_time(r) : second_at(r, rtc_ns(r));
}

/* The RESET pin: interrupt enables and flags go, the date and the memory stay. */
static void rtc_reset(struct device *d)
{
	struct mc146818 *r = container_of(d, struct mc146818, dev);

	r->s.cmos[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	catch_up(r, rtc_ns(r));
	r->s.cmos[REG_C] = 0;
	r->s.index = 0;
	refresh(r);
}

static enum vm_err rtc_post_load(struct device *d, struct err *e)
{
	struct mc146818 *r = container_of(d, struct mc146818, dev);
	int64_t far = (int64_t)1 << 53;

	if (r->s.halted > 1 || r->s.wday_off > 6 || r->s.anchor_sec > far || r->s.anchor_sec < -far)
		return err_set(e, VM_ERR_FORMAT, "rtc: impossible saved state");
	irq_set(&r->irq, r->s.irq_level);
	refresh(r);
	return VM_OK;
}

static void rtc_dump(struct device *d, FILE *out)
{
	struct mc146818 *r = container_of(d, struct mc146818, dev);
	struct date t;

	date_of(mc146818_seconds(r), &t);
	fprintf(out, "rtc: %04d-%02d-%02d %02d:%02d:%02d A=%02x B=%02x C=%02x%s%s\n", t.year,
		t.month, t.mday, t.hour, t.min, t.sec, read_a(r), r->s.cmos[REG_B],
		mc146818_get(r, REG_C), r->s.halted ? " (held)" : "",
		mc146818_nmi_masked(r) ? " (NMI masked)" : "");
	for (unsigned i = 0; i < 128; i++)
		fprintf(out, "%s%02x%s", i % 16 ? " " : "cmos: ", r->s.cmos[i],
			i % 16 == 15 ? "\n" : "");
}

static void rtc_fini(struct device *d)
{
	struct mc146818 *r = container_of(d, struct mc146818, dev);

	timer_cancel(&r->timer);
}

static const struct device_ops rtc_ops = {
	.name = "mc146818rtc",
	.version = 1,
	.state_off = offsetof(struct mc146818, s),
	.state_size = sizeof(struct mc146818_state),
	.timer = {offsetof(struct mc146818, timer)},
	.reset = rtc_reset,
	.fini = rtc_fini,
	.post_load = rtc_post_load,
	.dump = rtc_dump,
	.kept_in_s3 = true,
};

struct mc146818 *mc146818_create(struct log *log, struct clock *clock, struct space *io,
	struct irq irq8, int64_t base_seconds)
{
	struct mc146818 *r = device_new(sizeof(*r), &rtc_ops, log);

	r->clock = clock;
	r->irq = irq8;
	timer_init(&r->timer, clock, rtc_timer, r);
	r->s.cmos[REG_A] = 0x26; /* 32.768 kHz, 1024 Hz: the PC's usual */
	r->s.cmos[REG_B] = B_24H;
	r->s.cmos[REG_D] = 0x80;
	anchor(r, base_seconds, rtc_ns(r));
	r->s.seen_tick = periodic_tick(r, rtc_ns(r));
	show_time(r, base_seconds);
	space_add_io(io, &r->io, "rtc", 0x70, 2, &rtc_io, r);
	return r;
}
