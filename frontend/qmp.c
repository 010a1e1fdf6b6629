/* qmp.c - see qmp.h. JSON is libjansson's. */
#include "frontend/qmp.h"

#ifdef HAVE_JANSSON

#include "cpu/vcpu.h"
#include "devices/virtio/virtio_balloon.h"
#include "frontend/monitor.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define MAX_INPUT (1u << 20) /* bytes of one command */

struct qmp {
	struct loop *l;
	struct chr *chr;
	struct loop_listener listener;
	char *buf;
	size_t n;
	bool pretty, ready; /* ready: qmp_capabilities has been said */
};

static void put(struct qmp *q, json_t *j)
{
	char *text = json_dumps(j, q->pretty ? JSON_INDENT(4) : JSON_COMPACT);

	json_decref(j);
	if (!text)
		return;
	chr_write(q->chr, (const uint8_t *)text, (unsigned)strlen(text));
	chr_write(q->chr, (const uint8_t *)"\r\n", 2);
	free(text);
}

static json_t *version(void)
{
	return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "major", 7, "minor", 2, "micro", 0, "package", "Dragoman 0.1.0");
}

/* A client has come: it is greeted, and what another one left behind is forgotten. */
static void shown(void *opaque)
{
	struct qmp *q = opaque;

	q->n = 0;
	q->ready = false;
	put(q, json_pack("{s:{s:o,s:[]}}", "QMP", "version", version(), "capabilities"));
}

static void on_event(void *opaque, const char *name)
{
	struct qmp *q = opaque;
	bool guest = !strcmp(name, "RESET") || !strcmp(name, "SHUTDOWN");
	struct timeval now;
	json_t *j;

	if (!q->ready)
		return;
	gettimeofday(&now, NULL);
	j = json_pack("{s:s,s:{s:I,s:I}}", "event", name, "timestamp", "seconds", (json_int_t)now.tv_sec, "microseconds",
		(json_int_t)now.tv_usec);
	if (guest)
		json_object_set_new(j, "data", json_pack("{s:b,s:s}", "guest", !q->l->asked, "reason",
			q->l->asked ? !strcmp(name, "RESET") ? "host-qmp-system-reset" : "host-qmp-quit"
			: !strcmp(name, "RESET") ? "guest-reset" : "guest-shutdown"));
	if (!strcmp(name, "BALLOON_CHANGE"))
		json_object_set_new(j, "data", json_pack("{s:I}", "actual",
			(json_int_t)virtio_balloon_actual(virtio_balloon_from(machine_device(q->l->m, "virtio-balloon")))));
	put(q, j);
}

/* ---- commands: each returns its answer, or NULL with *@why (to be freed) ---- */

static json_t *failed(char **why, const char *text)
{
	*why = strdup(text);
	return NULL;
}

static json_t *qmp_capabilities(struct qmp *q, json_t *args, char **why)
{
	q->ready = true;
	return json_object();
}

static json_t *query_version(struct qmp *q, json_t *args, char **why)
{
	return version();
}

static json_t *query_status(struct qmp *q, json_t *args, char **why)
{
	bool asleep = machine_asleep(q->l->m);

	return json_pack("{s:b,s:b,s:s}", "running", !q->l->paused && !asleep, "singlestep", 0, "status",
		q->l->paused ? "paused" : asleep ? "suspended" : "running");
}

static json_t *query_name(struct qmp *q, json_t *args, char **why)
{
	return q->l->name ? json_pack("{s:s}", "name", q->l->name) : json_object();
}

static json_t *query_kvm(struct qmp *q, json_t *args, char **why)
{
	return json_pack("{s:b,s:b}", "enabled", 0, "present", 0);
}

static json_t *query_cpus(struct qmp *q, json_t *args, char **why)
{
	return json_pack("[{s:i,s:s,s:{s:i,s:i,s:i},s:s}]", "cpu-index", 0, "qom-path", "/machine/unattached/device[0]", "props", "core-id", 0,
		"thread-id", 0, "socket-id", 0, "target", "x86_64");
}

static json_t *query_block(struct qmp *q, json_t *args, char **why)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		const struct blk *b = machine_drive(q->l->m, i);
		json_t *j;

		if (!b)
			continue;
		j = json_pack("{s:s,s:s,s:b,s:b}", "device", b->id, "type", "unknown", "removable", b->is_cdrom || i >= CONFIG_MAX_IDE,
			"locked", b->locked);
		if (b->file[0])
			json_object_set_new(j, "inserted", json_pack("{s:s,s:b,s:{s:s,s:I}}", "file", b->file, "ro", b->readonly, "image",
				"filename", b->file, "virtual-size", (json_int_t)b->size));
		json_array_append_new(all, j);
	}
	return all;
}

static json_t *query_chardev(struct qmp *q, json_t *args, char **why)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < q->l->nchrs; i++)
		json_array_append_new(all, json_pack("{s:s,s:s,s:b}", "label", q->l->chrs[i].label, "filename", q->l->chrs[i].spec,
			"frontend-open", 1));
	return all;
}

static struct virtio_balloon *find_balloon(struct qmp *q, char **why)
{
	struct virtio_balloon *b = virtio_balloon_from(machine_device(q->l->m, "virtio-balloon"));

	if (!b)
		failed(why, "No balloon device has been activated");
	return b;
}

static json_t *query_balloon(struct qmp *q, json_t *args, char **why)
{
	struct virtio_balloon *b = find_balloon(q, why);

	return b ? json_pack("{s:I}", "actual", (json_int_t)virtio_balloon_actual(b)) : NULL;
}

static const char *const stat_names[BALLOON_STATS] = {"stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults", "stat-free-memory",
	"stat-total-memory", "stat-available-memory", "stat-disk-caches", "stat-htlb-pgalloc", "stat-htlb-pgfail"};

/* Properties of objects: the balloon's are all that there are, whatever the path. */
static json_t *qom_get(struct qmp *q, json_t *args, char **why)
{
	const char *name = json_string_value(json_object_get(args, "property"));
	struct virtio_balloon *b = virtio_balloon_from(machine_device(q->l->m, "virtio-balloon"));
	uint64_t now = clock_now(machine_clock(q->l->m));
	json_t *stats;

	if (b && name && !strcmp(name, "guest-stats-polling-interval"))
		return json_integer(b->b.interval);
	if (!b || !name || strcmp(name, "guest-stats"))
		return failed(why, "Property not found: this emulator has guest-stats and guest-stats-polling-interval of the balloon");
	stats = json_object();
	for (unsigned i = 0; i < BALLOON_STATS; i++) /* -1: the guest did not say */
		json_object_set_new(stats, stat_names[i], json_integer(b->b.updated ? (json_int_t)b->b.stat[i] : -1));
	return json_pack("{s:o,s:I}", "stats", stats, "last-update", b->b.updated ? (json_int_t)time(NULL) - (json_int_t)((now - b->b.updated) / NS_PER_SEC) : 0);
}

static json_t *qom_set(struct qmp *q, json_t *args, char **why)
{
	const char *name = json_string_value(json_object_get(args, "property"));
	struct virtio_balloon *b = virtio_balloon_from(machine_device(q->l->m, "virtio-balloon"));
	json_t *v = json_object_get(args, "value");

	if (!b || !name || strcmp(name, "guest-stats-polling-interval"))
		return failed(why, "Property not found: guest-stats-polling-interval of the balloon can be set");
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
		return failed(why, "Parameter 'value' expects a number of seconds");
	virtio_balloon_poll(b, (uint32_t)json_integer_value(v));
	return json_object();
}

static json_t *balloon(struct qmp *q, json_t *args, char **why)
{
	struct virtio_balloon *b = find_balloon(q, why);
	json_t *v = json_object_get(args, "value");

	if (!b)
		return NULL;
	if (!json_is_integer(v) || json_integer_value(v) <= 0)
		return failed(why, "Parameter 'value' expects a size");
	virtio_balloon_set(b, (uint64_t)json_integer_value(v));
	return json_object();
}

/* Run a line of the human monitor. Return: what it said; the caller frees it. */
static char *monitor_line(struct qmp *q, const char *line)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	BUG_ON(!out);
	monitor_command(q->l, line, out);
	fclose(out);
	return text;
}

static json_t *human_command(struct qmp *q, json_t *args, char **why)
{
	const char *line = json_string_value(json_object_get(args, "command-line"));
	char *text;
	json_t *j;

	if (!line)
		return failed(why, "Parameter 'command-line' is missing");
	text = monitor_line(q, line);
	j = json_string(text);
	free(text);
	return j ? j : json_string("");
}

/* As the monitor's sendkey: {"type": "qcode", "data": NAME}, or numbers of set 1. */
static json_t *send_key(struct qmp *q, json_t *args, char **why)
{
	char line[256] = "sendkey ";
	json_t *keys = json_object_get(args, "keys"), *hold = json_object_get(args, "hold-time"), *key;
	size_t i, n = strlen(line);

	json_array_foreach(keys, i, key) {
		json_t *data = json_object_get(key, "data");
		char word[40];

		if (json_is_integer(data))
			snprintf(word, sizeof(word), "0x%02x", (unsigned)json_integer_value(data));
		else
			snprintf(word, sizeof(word), "%s", json_is_string(data) ? json_string_value(data) : "");
		if (!word[0] || strpbrk(word, " -") || n + strlen(word) + 2 > sizeof(line) - 24)
			return failed(why, "Parameter 'keys' expects a list of keys");
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i ? "-" : "", word);
	}
	if (!json_array_size(keys))
		return failed(why, "Parameter 'keys' is missing");
	if (json_is_integer(hold))
		snprintf(line + n, sizeof(line) - n, " %u", (unsigned)json_integer_value(hold));
	*why = monitor_line(q, line);
	return **why ? NULL : json_object();
}

/* One of input-send-event's list. Return: was it understood? */
static bool one_event(struct qmp *q, json_t *ev)
{
	const char *type = json_string_value(json_object_get(ev, "type"));
	json_t *data = json_object_get(ev, "data");
	const char *axis = json_string_value(json_object_get(data, "axis")), *button = json_string_value(json_object_get(data, "button"));
	int64_t v = json_integer_value(json_object_get(data, "value"));
	struct input *in = machine_input(q->l->m);
	struct loop *l = q->l;

	if (!type)
		return false;
	if (!strcmp(type, "btn") && button) {
		unsigned bit = !strcmp(button, "left") ? 1 : !strcmp(button, "right") ? 2 : !strcmp(button, "middle") ? 4 : 0;
		bool down = json_is_true(json_object_get(data, "down"));

		l->buttons = down ? l->buttons | bit : l->buttons & ~bit;
		if (in->absolute)
			in->tablet(in->tablet_opaque, l->pointer[0], l->pointer[1], 0, l->buttons);
		else if (in->mouse)
			in->mouse(in->mouse_opaque, 0, 0, 0, l->buttons);
		return bit;
	}
	if (!axis || (*axis != 'x' && *axis != 'y'))
		return false;
	if (!strcmp(type, "abs")) {
		l->pointer[*axis == 'y'] = v < 0 ? 0 : v > 32767 ? 32767 : (unsigned)v;
		if (in->absolute)
			in->tablet(in->tablet_opaque, l->pointer[0], l->pointer[1], 0, l->buttons);
		return true;
	}
	if (strcmp(type, "rel"))
		return false;
	v = v < -4096 ? -4096 : v > 4096 ? 4096 : v;
	if (in->mouse)
		in->mouse(in->mouse_opaque, *axis == 'x' ? (int)v : 0, *axis == 'y' ? (int)v : 0, 0, l->buttons);
	return true;
}

static json_t *input_event(struct qmp *q, json_t *args, char **why)
{
	json_t *events = json_object_get(args, "events"), *ev;
	size_t i;

	if (!json_is_array(events))
		return failed(why, "Parameter 'events' is missing");
	json_array_foreach(events, i, ev)
		if (!one_event(q, ev))
			return failed(why, "Parameter 'events' has an event of an unknown kind");
	return json_object();
}

static json_t *query_commands(struct qmp *q, json_t *args, char **why);

static const struct {
	const char *name;
	json_t *(*fn)(struct qmp *q, json_t *args, char **why);
	const char *line;
} commands[] = {
#define QMP(name, fn, line) {name, fn, line},
#include "frontend/qmp.def"
#undef QMP
};

static json_t *query_commands(struct qmp *q, json_t *args, char **why)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		json_array_append_new(all, json_pack("{s:s}", "name", commands[i].name));
	return all;
}

/* Append argument @word ("%NAME" or "%?NAME") of @args to @line. False: it is missing, or cannot be a word. */
static bool put_argument(char *line, size_t room, const char *word, json_t *args, char **why)
{
	bool optional = word[1] == '?';
	json_t *v = json_object_get(args, word + 1 + optional);
	size_t n = strlen(line);
	char text[300];

	if (!v && optional)
		return true;
	if (json_is_integer(v))
		snprintf(line + n, room - n, " %lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(line + n, room - n, json_is_true(v) ? " -f" : "");
	else if (json_is_string(v) && !strpbrk(json_string_value(v), " \t\n") && strlen(json_string_value(v)) < room - n - 1)
		snprintf(line + n, room - n, " %s", json_string_value(v));
	else {
		snprintf(text, sizeof(text), v ? "Parameter '%s' is not a word or number" : "Parameter '%s' is missing", word + 1 + optional);
		*why = strdup(text);
		return false;
	}
	return true;
}

static json_t *by_monitor(struct qmp *q, const char *line, json_t *args, char **why)
{
	char pattern[128], out[480] = "", *save = NULL;

	snprintf(pattern, sizeof(pattern), "%s", line);
	for (char *w = strtok_r(pattern, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		size_t n = strlen(out);

		if (*w != '%')
			snprintf(out + n, sizeof(out) - n, "%s", w);
		else if (!put_argument(out, sizeof(out), w, args, why))
			return NULL;
	}
	*why = monitor_line(q, out);
	return **why ? NULL : json_object();
}

static json_t *perform(struct qmp *q, const char *name, json_t *args, char **why, const char **class)
{
	char text[160];

	*class = "GenericError";
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		if (!q->ready && commands[i].fn != qmp_capabilities) {
			*class = "CommandNotFound";
			return failed(why, "Expecting capabilities negotiation with 'qmp_capabilities'");
		}
		return commands[i].fn ? commands[i].fn(q, args, why) : by_monitor(q, commands[i].line, args, why);
	}
	*class = "CommandNotFound";
	snprintf(text, sizeof(text), "The command %.100s has not been found", name);
	return failed(why, text);
}

static void refuse(struct qmp *q, json_t *id, const char *class, const char *why)
{
	json_t *j = json_pack("{s:{s:s,s:s#}}", "error", "class", class, "desc", why, (int)strcspn(why, "\r\n"));

	if (j && id)
		json_object_set(j, "id", id);
	put(q, j);
}

static void command(struct qmp *q, json_t *j)
{
	json_t *id = json_object_get(j, "id"), *answer;
	const char *name = json_string_value(json_object_get(j, "execute")), *class;
	char *why = NULL;

	if (!name) {
		refuse(q, id, "GenericError", "QMP input lacks member 'execute'");
		return;
	}
	answer = perform(q, name, json_object_get(j, "arguments"), &why, &class);
	if (!answer) {
		refuse(q, id, class, why ? why : "out of memory");
	} else {
		json_t *r = json_pack("{s:o}", "return", answer);

		if (r && id)
			json_object_set(r, "id", id);
		put(q, r);
	}
	free(why);
}

static unsigned can_receive(void *opaque)
{
	return 4096;
}

/* Take whole objects off the front of what has come; a line that is none is answered and dropped. */
static void receive(void *opaque, const uint8_t *in, unsigned len)
{
	struct qmp *q = opaque;

	if (!len)
		return;
	if (q->n + len > MAX_INPUT) {
		q->n = 0;
		refuse(q, NULL, "GenericError", "QMP input is too long");
		return;
	}
	q->buf = realloc(q->buf, q->n + len + 1);
	BUG_ON(!q->buf);
	memcpy(q->buf + q->n, in, len);
	q->n += len;
	while (q->n) {
		json_error_t e;
		size_t skip, used;
		json_t *j;

		q->buf[q->n] = 0;
		skip = strspn(q->buf, " \t\r\n");
		if (skip >= q->n) {
			q->n = 0;
			break;
		}
		j = json_loadb(q->buf, q->n, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &e);
		if (!j && json_error_code(&e) == json_error_premature_end_of_input)
			break;
		used = j ? (size_t)e.position : strcspn(q->buf + skip, "\n") + skip;
		used = used < q->n ? used : q->n;
		used += used == 0;
		if (json_is_object(j))
			command(q, j);
		else
			refuse(q, NULL, "GenericError", "Invalid JSON syntax");
		json_decref(j);
		q->n -= used;
		memmove(q->buf, q->buf + used, q->n);
	}
}

enum vm_err qmp_check(struct err *e)
{
	return VM_OK;
}

struct qmp *qmp_new(struct loop *l, struct chr *c, bool pretty)
{
	struct qmp *q = calloc(1, sizeof(*q));

	BUG_ON(!q);
	q->l = l;
	q->chr = c;
	q->pretty = pretty;
	q->listener = (struct loop_listener){on_event, q, l->listeners};
	l->listeners = &q->listener;
	c->dev = q;
	c->can_receive = can_receive;
	c->receive = receive;
	c->shown = shown;
	return q;
}

void qmp_free(struct qmp *q)
{
	free(q->buf);
	free(q);
}

#else

enum vm_err qmp_check(struct err *e)
{
	return err_set(e, VM_ERR_USAGE, "-qmp: this program was built without libjansson (Debian: libjansson-dev)");
}

struct qmp *qmp_new(struct loop *l, struct chr *c, bool pretty)
{
	return NULL;
}

void qmp_free(struct qmp *q)
{
}

#endif
