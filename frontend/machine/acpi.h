/* acpi.h - the ACPI tables of the board, handed to the firmware through fw_cfg. */
#ifndef FRONTEND_MACHINE_ACPI_H
#define FRONTEND_MACHINE_ACPI_H

#include "frontend/machine/board.h"

/* pc_acpi_tables() - add etc/acpi/rsdp, etc/acpi/tables and the loader script; false: no memory or fw_cfg full */
bool pc_acpi_tables(struct machine *m);

/* acpi_dsdt() - body of the DSDT (without header), for the tables and for the test that disassembles it */
struct aml;
void acpi_dsdt(struct machine *m, struct aml *a);

#endif
