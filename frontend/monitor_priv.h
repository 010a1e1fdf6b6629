/* monitor_priv.h - shared by the files of the monitor. */
#ifndef FRONTEND_MONITOR_PRIV_H
#define FRONTEND_MONITOR_PRIV_H

#include "frontend/monitor.h"
#include "cpu/vcpu.h"

/* One command being run. */
struct mon {
	struct loop *l;
	struct machine *m;
	FILE *out;
	char *args; /* rest of the line, leading blanks skipped */
};

/* mon_word() - next blank-separated word of args, or NULL; "in quotes" it may have blanks */
char *mon_word(struct mon *mon);
/* mon_rest() - everything that is left of the line, or NULL: an expression may have blanks */
char *mon_rest(struct mon *mon);
/* mon_number() - the value of the expression @text (monitor_expr.c); says what is wrong and returns false */
bool mon_number(struct mon *mon, const char *text, uint64_t *v);

/* Words for completion: the i-th topic of info, key name, drive; NULL: no more */
const char *mon_topic(unsigned i);
const char *mon_key_name(unsigned i);
const char *mon_drive_name(struct loop *l, unsigned i);

void cmd_info(struct mon *mon);
void info_tlb(struct mon *mon);
void info_mem(struct mon *mon);
void info_gdt(struct mon *mon);
void info_ldt(struct mon *mon);
void info_idt(struct mon *mon);
void info_tss(struct mon *mon);
void info_rings(struct mon *mon);
void info_qtree(struct mon *mon);
void cmd_walk(struct mon *mon);
void cmd_gva2gpa(struct mon *mon);
void info_traps(struct mon *mon);
void info_history(struct mon *mon);
void cmd_explain(struct mon *mon);
void cmd_live(struct mon *mon);
void cmd_trap_log(struct mon *mon);
void cmd_trace(struct mon *mon);
void cmd_x(struct mon *mon);
void cmd_xp(struct mon *mon);
void cmd_memsave(struct mon *mon);
void cmd_pmemsave(struct mon *mon);
void cmd_sum(struct mon *mon);
void cmd_gpa2hva(struct mon *mon);
void cmd_print(struct mon *mon);
void cmd_in(struct mon *mon);
void cmd_out(struct mon *mon);
void cmd_sendkey(struct mon *mon);
void cmd_mouse_move(struct mon *mon);
void cmd_mouse_button(struct mon *mon);

void info_block(struct mon *mon);
void cmd_eject(struct mon *mon);
void cmd_change(struct mon *mon);
void cmd_commit(struct mon *mon);
void cmd_migrate(struct mon *mon);
void cmd_savevm(struct mon *mon);
void cmd_loadvm(struct mon *mon);
void cmd_delvm(struct mon *mon);
void info_snapshots(struct mon *mon);
void cmd_balloon(struct mon *mon);
void info_balloon(struct mon *mon);
void info_chardev(struct mon *mon);
void info_network(struct mon *mon);
void cmd_hostfwd_add(struct mon *mon);
void cmd_hostfwd_remove(struct mon *mon);

#endif
