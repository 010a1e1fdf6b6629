/* acpi.h - the ACPI tables of the board, handed to the firmware through fw_cfg. */
#ifndef FRONTEND_MACHINE_ACPI_H
#define FRONTEND_MACHINE_ACPI_H

#include "frontend/machine/board.h"

/* SLP_TYP of the sleep states there are, as on a PIIX4 (and as QEMU's users' own tables may say) */
#define ACPI_S5_TYPE 0
#define ACPI_S3_TYPE 1

/* pc_acpi_tables() - add etc/acpi/rsdp, etc/acpi/tables and the loader script; false: no memory or fw_cfg full */
bool pc_acpi_tables(struct machine *m);

/* acpi_dsdt() - body of the DSDT (without header), for the tables and for the test that disassembles it */
struct aml;
void acpi_dsdt(struct machine *m, struct aml *a);

#endif
