/* smbios.h - the SMBIOS structures of the board, handed to the firmware through fw_cfg. */
#ifndef FRONTEND_MACHINE_SMBIOS_H
#define FRONTEND_MACHINE_SMBIOS_H

#include "frontend/machine/board.h"

/* pc_smbios_tables() - add etc/smbios/smbios-tables and smbios-anchor; false: no memory or fw_cfg full */
bool pc_smbios_tables(struct machine *m);

#endif
