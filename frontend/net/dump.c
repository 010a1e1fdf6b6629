/*
 * dump.c - -object filter-dump: the frames of a netdev as a pcap file, on the machine's thread (netdev.h).
 *
 * Source: the libpcap file format (pcap-savefile(5)), magic A1B2C3D4h, link type 1. Times are the host's.
 */
#include "frontend/net/port.h"
#include <time.h>

static void dump(struct net *n, const uint8_t *frame, unsigned len)
{
	struct net_port *p = container_of(n, struct net_port, net);
	unsigned kept = len < p->pcap_max ? len : p->pcap_max;
	struct timespec t;
	uint32_t head[4];

	clock_gettime(CLOCK_REALTIME, &t);
	head[0] = (uint32_t)t.tv_sec;
	head[1] = (uint32_t)(t.tv_nsec / 1000);
	head[2] = kept;
	head[3] = len;
	fwrite(head, sizeof(head), 1, p->pcap);
	fwrite(frame, kept, 1, p->pcap);
	fflush(p->pcap); /* whoever looks while the guest runs sees whole frames */
}

enum vm_err net_dump_open(struct net *n, struct loop *l, const char *file, unsigned max, struct err *e)
{
	static const uint32_t head[6] = {0xA1B2C3D4, 2 | 4 << 16, 0, 0, 65536, 1};
	struct net_port *p = container_of(n, struct net_port, net);

	if (p->pcap)
		return err_set(e, VM_ERR_USAGE, "filter-dump: the netdev '%s' has one already", n->id);
	p->pcap = fopen(file, "we");
	if (!p->pcap)
		return err_errno(e, "cannot open '%s'", file);
	p->pcap_max = max;
	fwrite(head, sizeof(head), 1, p->pcap);
	n->dump = dump;
	return VM_OK;
}
