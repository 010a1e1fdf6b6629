/* monitor_balloon.c - the memory balloon in the monitor: balloon, info balloon. */
#include "devices/virtio/virtio_balloon.h"
#include "frontend/monitor_priv.h"
#include <inttypes.h>

static struct virtio_balloon *find(struct mon *mon)
{
	struct virtio_balloon *b = virtio_balloon_from(machine_device(mon->m, "virtio-balloon"));

	if (!b)
		fprintf(mon->out, "No balloon device has been activated: -device virtio-balloon-pci\n");
	return b;
}

void cmd_balloon(struct mon *mon)
{
	struct virtio_balloon *b = find(mon);
	char *w = mon_word(mon);
	uint64_t mib;

	if (!b)
		return;
	if (!w)
		fprintf(mon->out, "balloon needs a number of MiB\n");
	else if (mon_number(mon, w, &mib))
		virtio_balloon_set(b, mib > UINT64_MAX >> 20 ? UINT64_MAX : mib << 20);
}

void info_balloon(struct mon *mon)
{
	struct virtio_balloon *b = find(mon);

	if (b)
		fprintf(mon->out, "balloon: actual=%" PRIu64 "\n", virtio_balloon_actual(b) >> 20);
}
