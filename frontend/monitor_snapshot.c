/* monitor_snapshot.c - snapshots in the monitor: migrate to a file; savevm, loadvm, delvm, info snapshots. */
#include "frontend/monitor_priv.h"
#include "frontend/snapshot.h"
#include <string.h>

void cmd_migrate(struct mon *mon)
{
	char *w = mon_word(mon);
	struct err e;

	while (w && w[0] == '-') /* -d: in the background; it takes no longer here */
		w = mon_word(mon);
	if (!w)
		fprintf(mon->out, "migrate needs a place, file:NAME\n");
	else if (snapshot_to_file(mon->l, w, &e))
		fprintf(mon->out, "%s\n", e.msg);
}
