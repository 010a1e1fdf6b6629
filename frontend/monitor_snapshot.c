/* monitor_snapshot.c - snapshots in the monitor: migrate to a file; savevm, loadvm, delvm, info snapshots. */
#include "frontend/monitor_priv.h"
#include "frontend/snapshot.h"
#include <string.h>
#include <time.h>

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

void cmd_savevm(struct mon *mon)
{
	char *w = mon_word(mon), name[32];
	time_t now = time(NULL);
	struct tm tm;
	struct err e;

	strftime(name, sizeof(name), "vm-%Y%m%d%H%M%S", localtime_r(&now, &tm));
	if (snapshot_save(mon->l, w ? w : name, &e))
		fprintf(mon->out, "%s\n", e.msg);
}

void cmd_loadvm(struct mon *mon)
{
	char *w = mon_word(mon);
	struct err e;

	if (!w)
		fprintf(mon->out, "loadvm needs the name of a snapshot; 'info snapshots' lists them\n");
	else if (snapshot_load(mon->l, w, &e))
		fprintf(mon->out, "%s\n", e.msg);
}

void cmd_delvm(struct mon *mon)
{
	char *w = mon_word(mon);
	struct err e;

	if (!w)
		fprintf(mon->out, "delvm needs the name of a snapshot; 'info snapshots' lists them\n");
	else if (snapshot_delete(mon->l, w, &e))
		fprintf(mon->out, "%s\n", e.msg);
}

void info_snapshots(struct mon *mon)
{
	snapshot_tell(mon->l, mon->out);
}
