/*
 * gdb.c - gdb's remote serial protocol: packets, execution control, memory (gdb.h).
 *
 * Source: "Debugging with GDB", appendix "GDB Remote Serial Protocol". Every length, number and address in a packet is
 * the client's word and bounded here; what is not understood gets the empty answer the protocol asks for.
 */
#define _GNU_SOURCE
#include "frontend/gdb_priv.h"
#include "frontend/monitor.h"
#include "cpu/features.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_MAX 16384

struct gdb {
	struct loop *l;
	struct chr *chr;
	enum gdb_arch arch;
	bool wide;	  /* the description of amd64 */
	bool connected, noack, physical;
	bool running;	  /* the client waits for a stop reply */
	enum { IDLE, DATA, SUM1, SUM2 } state;
	char in[PACKET_MAX + 1];
	unsigned len, sum, want;
	char *last;	  /* the last packet sent, for a '-' */
	size_t last_len;
	gla_t brk[JIT_MAX_BREAKS];
	unsigned nbrk;
	struct jit_watch watch[4];
	unsigned nwatch;
};

static struct vcpu *cpu_of(const struct gdb *g)
{
	return machine_cpu(g->l->m);
}

/* ---- packets out ---- */

static void send(struct gdb *g, const char *body, size_t n)
{
	unsigned sum = 0;
	char tail[4];

	free(g->last);
	g->last = malloc(n + 5);
	BUG_ON(!g->last);
	g->last[0] = '$';
	memcpy(g->last + 1, body, n);
	for (size_t i = 0; i < n; i++)
		sum += (uint8_t)body[i];
	snprintf(tail, sizeof(tail), "#%02x", sum & 0xFF);
	memcpy(g->last + 1 + n, tail, 3);
	g->last_len = n + 4;
	chr_write(g->chr, (const uint8_t *)g->last, (unsigned)g->last_len);
}

static void reply(struct gdb *g, const char *text)
{
	send(g, text, strlen(text));
}

static void put_hex(FILE *o, const void *buf, size_t n)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < n; i++)
		fprintf(o, "%02x", p[i]);
}

/* What has been written to a stream of open_memstream(), as one packet. */
static void send_stream(struct gdb *g, FILE *o, char **text, size_t *n)
{
	fclose(o);
	send(g, *text, *n);
	free(*text);
}

/* ---- parsing ---- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes from hexadecimal; as many as there are pairs of digits, at most @max. */
static unsigned get_hex(const char *p, uint8_t *buf, unsigned max)
{
	unsigned n = 0;

	for (; n < max && digit(p[0]) >= 0 && digit(p[1]) >= 0; p += 2)
		buf[n++] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
	return n;
}

static uint64_t number(char **p)
{
	uint64_t v = 0;

	for (; digit(**p) >= 0; (*p)++)
		v = v << 4 | (unsigned)digit(**p);
	return v;
}

/* "ADDR,LEN" with @end behind it. */
static bool addr_len(char **p, uint64_t *addr, uint64_t *len, char end)
{
	*addr = number(p);
	if (**p != ',')
		return false;
	(*p)++;
	*len = number(p);
	if (**p != end)
		return false;
	if (end)
		(*p)++;
	return true;
}

/* ---- running and stopping ---- */

static void stop_reply(struct gdb *g)
{
	char text[80];
	gla_t gla;
	enum jit_why why = jit_debug_why(machine_jit(g->l->m), &gla);
	const char *kind = "watch";

	g->running = false;
	if (why == JIT_WHY_WATCH) {
		for (unsigned i = 0; i < g->nwatch; i++)
			if (g->watch[i].gla == gla)
				kind = !g->watch[i].on_read ? "watch" : g->watch[i].on_write ? "awatch" : "rwatch";
		snprintf(text, sizeof(text), "T05%s:%" PRIx64 ";thread:1;", kind, gla);
	} else if (cpu_of(g)->triple) {
		snprintf(text, sizeof(text), "T0bthread:1;"); /* SIGSEGV */
	} else {
		snprintf(text, sizeof(text), "T%sthread:1;", why == JIT_WHY_NONE ? "02" : "05"); /* SIGINT, SIGTRAP */
	}
	reply(g, text);
}

static void pause_changed(void *opaque, bool paused)
{
	struct gdb *g = opaque;

	if (paused && g->running)
		stop_reply(g);
}

static void resume(struct gdb *g, bool step)
{
	struct jit *j = machine_jit(g->l->m);

	jit_debug_break(j, g->brk, g->nbrk);
	jit_debug_watch(j, g->watch, g->nwatch);
	jit_debug_go(j, step);
	g->running = true;
	loop_pause(g->l, false);
}

static void detach(struct gdb *g)
{
	struct jit *j = machine_jit(g->l->m);

	g->nbrk = g->nwatch = 0;
	jit_debug_break(j, NULL, 0);
	jit_debug_watch(j, NULL, 0);
	jit_debug_go(j, false);
	g->running = false;
}

/* c s C S: optional signal and address */
static void go(struct gdb *g, char *p)
{
	char what = *p++;

	if (what == 'C' || what == 'S') {
		number(&p);
		if (*p == ';')
			p++;
	}
	if (digit(*p) >= 0)
		cpu_of(g)->rip = number(&p) - cpu_of(g)->seg[SEG_CS].base;
	resume(g, what == 's' || what == 'S');
}

/* vCont;c  vCont;s:1;c  ... there is one thread: the first action is its */
static void vcont(struct gdb *g, const char *p)
{
	if (*p == '?')
		reply(g, "vCont;c;C;s;S");
	else if (*p == ';' && p[1] && strchr("csCS", p[1]))
		resume(g, p[1] == 's' || p[1] == 'S');
	else
		reply(g, "");
}

/* ---- breakpoints ---- */

static bool change_break(struct gdb *g, bool set, gla_t at)
{
	unsigned i = 0;

	while (i < g->nbrk && g->brk[i] != at)
		i++;
	if (set && i == g->nbrk) {
		if (g->nbrk == JIT_MAX_BREAKS)
			return false;
		g->brk[g->nbrk++] = at;
	} else if (!set && i < g->nbrk) {
		g->brk[i] = g->brk[--g->nbrk];
	}
	return true;
}

static bool change_watch(struct gdb *g, bool set, unsigned kind, gla_t at, uint64_t len)
{
	struct jit_watch w = {at, (unsigned)len, kind != 2, kind != 3};
	unsigned i = 0;

	if (!len || len > PAGE_SIZE)
		return false;
	while (i < g->nwatch && (g->watch[i].gla != at || g->watch[i].len != len || g->watch[i].on_read != w.on_read ||
					g->watch[i].on_write != w.on_write))
		i++;
	if (set && i == g->nwatch) {
		if (g->nwatch == ARRAY_SIZE(g->watch))
			return false;
		g->watch[g->nwatch++] = w;
	} else if (!set && i < g->nwatch) {
		g->watch[i] = g->watch[--g->nwatch];
	}
	return true;
}

/* Z/z KIND,ADDR,LEN: 0 and 1 breakpoints (alike: memory is not patched), 2 write, 3 read, 4 access */
static void breakpoint(struct gdb *g, char *p)
{
	bool set = *p++ == 'Z', ok;
	unsigned kind = (unsigned)(*p++ - '0');
	uint64_t addr, len;

	if (kind > 4) {
		reply(g, "");
		return;
	}
	if (*p++ != ',' || !addr_len(&p, &addr, &len, 0)) {
		reply(g, "E01");
		return;
	}
	ok = kind < 2 ? change_break(g, set, addr) : change_watch(g, set, kind, addr, len);
	reply(g, ok ? "OK" : "E1c");
}

/* ---- memory ---- */

static unsigned peek(struct gdb *g, uint64_t addr, uint8_t *buf, unsigned len)
{
	struct vcpu *cpu = cpu_of(g);

	if (!g->physical)
		return mmu_peek(&cpu->mmu, addr, buf, len);
	for (unsigned i = 0; i < len; i++) {
		const uint8_t *p = space_host(machine_memory(g->l->m), addr + i, 1, NULL);

		if (!p)
			return i;
		buf[i] = *p;
	}
	return len;
}

static bool poke(struct gdb *g, uint64_t addr, const uint8_t *buf, unsigned len)
{
	struct vcpu *cpu = cpu_of(g);

	for (unsigned done = 0; done < len;) {
		unsigned left = PAGE_SIZE - ((addr + done) & (PAGE_SIZE - 1)), n = len - done < left ? len - done : left;
		gpa_t gpa = addr + done;
		struct walk w;

		if (!g->physical) {
			if (!walk(&cpu->mmu.pg, cpu->mmu.mem, addr + done, MMU_READ, MMU_SUP, true, &w))
				return false;
			gpa = w.gpa;
		}
		if (!space_host(machine_memory(g->l->m), gpa, n, NULL))
			return false;
		space_write_buf(machine_memory(g->l->m), gpa, buf + done, n);
		done += n;
	}
	return true;
}

static void read_memory(struct gdb *g, char *p)
{
	uint8_t buf[PACKET_MAX / 2];
	uint64_t addr, len;
	unsigned n;
	char *text;
	size_t size;
	FILE *o;

	if (!addr_len(&p, &addr, &len, 0)) {
		reply(g, "E01");
		return;
	}
	n = peek(g, addr, buf, len < sizeof(buf) ? (unsigned)len : (unsigned)sizeof(buf));
	if (!n && len) {
		reply(g, "E0e"); /* EFAULT */
		return;
	}
	o = open_memstream(&text, &size);
	BUG_ON(!o);
	put_hex(o, buf, n);
	send_stream(g, o, &text, &size);
}

/* M: hexadecimal; X: binary, 7Dh escapes */
static void write_memory(struct gdb *g, char *p, unsigned len_in, bool binary)
{
	uint8_t buf[PACKET_MAX];
	uint64_t addr, len;
	unsigned n = 0;
	char *end = p + len_in;

	if (!addr_len(&p, &addr, &len, ':') || len > sizeof(buf)) {
		reply(g, "E01");
		return;
	}
	if (!binary)
		n = get_hex(p, buf, (unsigned)len);
	else
		for (; p < end && n < len; p++)
			buf[n++] = *p == 0x7D && p + 1 < end ? (uint8_t)(*++p ^ 0x20) : (uint8_t)*p;
	reply(g, n == len && poke(g, addr, buf, n) ? "OK" : n == len ? "E0e" : "E01");
}

/* ---- registers ---- */

static void read_registers(struct gdb *g)
{
	char *text;
	size_t size;
	FILE *o = open_memstream(&text, &size);

	BUG_ON(!o);
	for (unsigned i = 0; i < gdb_nregs(g->wide); i++) {
		uint8_t buf[16];

		put_hex(o, buf, gdb_reg_get(cpu_of(g), g->wide, i, buf));
	}
	send_stream(g, o, &text, &size);
}

static void read_register(struct gdb *g, char *p)
{
	uint8_t buf[16];
	char *text;
	size_t size;
	uint64_t n = number(&p);
	unsigned bytes = n < gdb_nregs(g->wide) ? gdb_reg_get(cpu_of(g), g->wide, (unsigned)n, buf) : 0;
	FILE *o;

	if (!bytes) {
		reply(g, "E01");
		return;
	}
	o = open_memstream(&text, &size);
	BUG_ON(!o);
	put_hex(o, buf, bytes);
	send_stream(g, o, &text, &size);
}

static void write_registers(struct gdb *g, const char *p)
{
	for (unsigned i = 0; i < gdb_nregs(g->wide); i++) {
		unsigned n = gdb_reg_size(g->wide, i);
		uint8_t buf[16] = {0};

		if (get_hex(p, buf, n) != n)
			break;
		gdb_reg_set(cpu_of(g), g->wide, i, buf);
		p += 2 * n;
	}
	reply(g, "OK");
}

static void write_register(struct gdb *g, char *p)
{
	uint64_t n = number(&p);
	uint8_t buf[16] = {0};
	unsigned size = n < gdb_nregs(g->wide) ? gdb_reg_size(g->wide, (unsigned)n) : 0;

	reply(g, size && *p == '=' && get_hex(p + 1, buf, size) == size && gdb_reg_set(cpu_of(g), g->wide, (unsigned)n, buf)
		? "OK" : "E01");
}

/* ---- queries ---- */

/* qXfer:features:read:target.xml:OFF,LEN */
static void target_xml(struct gdb *g, char *p)
{
	uint64_t off, len;
	char *xml, *out;
	size_t size, n;
	FILE *o;

	if (!addr_len(&p, &off, &len, 0)) {
		reply(g, "E01");
		return;
	}
	o = open_memstream(&xml, &size);
	BUG_ON(!o);
	gdb_target_xml(o, g->wide ? "i386:x86-64" : g->arch == GDB_I8086 ? "i8086" : "i386", g->wide);
	fclose(o);
	if (off > size)
		off = size;
	if (len > PACKET_MAX - 16)
		len = PACKET_MAX - 16;
	n = size - off < len ? size - off : len;
	out = malloc(n + 1);
	BUG_ON(!out);
	out[0] = off + n < size ? 'm' : 'l';
	memcpy(out + 1, xml + off, n);
	send(g, out, n + 1);
	free(out);
	free(xml);
}

/* monitor COMMAND: its output is the answer */
static void monitor(struct gdb *g, const char *p)
{
	char line[512], *text, *hex;
	unsigned n = get_hex(p, (uint8_t *)line, sizeof(line) - 1);
	size_t size, hex_size;
	FILE *o = open_memstream(&text, &size), *h;

	BUG_ON(!o);
	line[n] = 0;
	monitor_command(g->l, line, o);
	fclose(o);
	for (size_t at = 0; at < size; at += PACKET_MAX / 4) {
		h = open_memstream(&hex, &hex_size);
		BUG_ON(!h);
		fputc('O', h);
		put_hex(h, text + at, size - at < PACKET_MAX / 4 ? size - at : PACKET_MAX / 4);
		send_stream(g, h, &hex, &hex_size);
	}
	free(text);
	reply(g, "OK");
}

static bool starts(char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n))
		return false;
	*p += n;
	return true;
}

static void query(struct gdb *g, char *p)
{
	if (starts(&p, "qSupported"))
		reply(g, "PacketSize=4000;qXfer:features:read+;QStartNoAckMode+;vContSupported+;hwbreak+;swbreak+");
	else if (starts(&p, "qXfer:features:read:target.xml:"))
		target_xml(g, p);
	else if (starts(&p, "qRcmd,"))
		monitor(g, p);
	else if (starts(&p, "qfThreadInfo"))
		reply(g, "m1");
	else if (starts(&p, "qsThreadInfo"))
		reply(g, "l");
	else if (starts(&p, "qAttached"))
		reply(g, "1");
	else if (starts(&p, "qC"))
		reply(g, "QC1");
	else if (starts(&p, "qqemu.PhyMemMode"))
		reply(g, g->physical ? "1" : "0");
	else if (starts(&p, "Qqemu.PhyMemMode:")) {
		g->physical = *p == '1';
		reply(g, "OK");
	} else if (starts(&p, "QStartNoAckMode")) {
		reply(g, "OK");
		g->noack = true;
	} else {
		reply(g, "");
	}
}

/* ---- packets in ---- */

/* One packet of @n bytes at @p, a zero behind it. */
static void packet(struct gdb *g, char *p, unsigned n)
{
	switch (*p) {
	case '?':
		reply(g, "T05thread:1;");
		break;
	case 'g':
		read_registers(g);
		break;
	case 'G':
		write_registers(g, p + 1);
		break;
	case 'p':
		read_register(g, p + 1);
		break;
	case 'P':
		write_register(g, p + 1);
		break;
	case 'm':
		read_memory(g, p + 1);
		break;
	case 'M':
	case 'X':
		write_memory(g, p + 1, n - 1, *p == 'X');
		break;
	case 'c':
	case 's':
	case 'C':
	case 'S':
		go(g, p);
		break;
	case 'Z':
	case 'z':
		breakpoint(g, p);
		break;
	case 'H':
	case 'T':
		reply(g, "OK");
		break;
	case 'q':
	case 'Q':
		query(g, p);
		break;
	case 'D':
		detach(g);
		reply(g, "OK");
		loop_pause(g->l, false);
		break;
	case 'k':
		loop_quit(g->l, 0);
		break;
	case 'v':
		if (!strncmp(p, "vCont", 5)) {
			vcont(g, p + 5);
			break;
		}
		/* fall through */
	default:
		reply(g, "");
	}
}

static void packet_done(struct gdb *g)
{
	bool ok = (g->sum & 0xFF) == g->want;

	g->state = IDLE;
	if (!g->noack)
		chr_write(g->chr, (const uint8_t *)(ok ? "+" : "-"), 1);
	if (!ok && !g->noack)
		return;
	g->in[g->len] = 0;
	packet(g, g->in, g->len);
}

static void idle_byte(struct gdb *g, uint8_t b)
{
	if (b == '$') {
		g->state = DATA;
		g->len = g->sum = 0;
	} else if (b == 3) { /* Ctrl-C in gdb */
		if (g->l->paused)
			g->running = false;
		else
			loop_pause(g->l, true);
	} else if (b == '-' && g->last && !g->noack) {
		chr_write(g->chr, (const uint8_t *)g->last, (unsigned)g->last_len);
	}
}

static void byte_in(struct gdb *g, uint8_t b)
{
	switch (g->state) {
	case IDLE:
		idle_byte(g, b);
		break;
	case DATA:
		if (b == '#') {
			g->state = SUM1;
		} else if (g->len < PACKET_MAX) {
			g->in[g->len++] = (char)b;
			g->sum += b;
		} else { /* longer than we said: dropped up to the next '$' */
			g->state = IDLE;
		}
		break;
	case SUM1:
		g->want = (unsigned)digit((char)b) << 4;
		g->state = SUM2;
		break;
	case SUM2:
		g->want |= (unsigned)digit((char)b);
		packet_done(g);
		break;
	}
}

/* No bytes: a client has connected. */
static void receive(void *opaque, const uint8_t *buf, unsigned len)
{
	struct gdb *g = opaque;

	if (!len) {
		detach(g);
		g->state = IDLE;
		g->noack = g->physical = false;
		g->connected = true;
		loop_pause(g->l, true);
		return;
	}
	for (unsigned i = 0; i < len; i++)
		byte_in(g, buf[i]);
}

static unsigned can_receive(void *opaque)
{
	return 4096;
}

enum vm_err gdb_spec(const char *arg, char *out, size_t n, enum gdb_arch *arch, struct err *e)
{
	const char *comma = strchr(arg, ','), *host = "";
	size_t len = comma ? (size_t)(comma - arg) : strlen(arg), used;
	bool server = !strncmp(arg, "tcp:", 4) || !strncmp(arg, "unix:", 5);

	*arch = GDB_AUTO;
	if (!strncmp(arg, "tcp::", 5)) {
		arg += 4;
		len -= 4;
		host = "tcp:127.0.0.1";
	}
	used = (size_t)snprintf(out, n, "%s%.*s", host, (int)len, arg);
	while (comma && used < n) {
		const char *word = comma + 1;

		comma = strchr(word, ',');
		len = comma ? (size_t)(comma - word) : strlen(word);
		if (len == 9 && !strncmp(word, "arch=i386", 9))
			*arch = GDB_I386;
		else if (len == 10 && !strncmp(word, "arch=i8086", 10))
			*arch = GDB_I8086;
		else if (!(len == 9 && !strncmp(word, "arch=auto", 9)))
			used += (size_t)snprintf(out + used, n - used, ",%.*s", (int)len, word);
	}
	if (used < n && server && !strstr(out, ",server"))
		used += (size_t)snprintf(out + used, n - used, ",server=on,wait=off");
	if (used >= n)
		return err_set(e, VM_ERR_USAGE, "-gdb: '%s' is too long", arg);
	return VM_OK;
}

struct gdb *gdb_new(struct loop *l, struct chr *c, enum gdb_arch arch)
{
	struct gdb *g = calloc(1, sizeof(*g));

	BUG_ON(!g);
	g->l = l;
	g->chr = c;
	g->arch = arch;
	g->wide = arch == GDB_AUTO && feature_has(&machine_cpu(l->m)->features, FEAT_LM);
	c->dev = g;
	c->can_receive = can_receive;
	c->receive = receive;
	l->pause_changed = pause_changed;
	l->pause_opaque = g;
	return g;
}

void gdb_free(struct gdb *g)
{
	if (!g)
		return;
	if (g->connected)
		reply(g, "W00");
	g->l->pause_changed = NULL;
	free(g->last);
	free(g);
}
