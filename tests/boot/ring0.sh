#!/bin/sh
# The ring-0 test program prints what was recorded where Bochs and the manual agree: 24,000 cases of segments, far transfers, gates,
# IRET, tasks, paging, IOPL, double faults, virtual-8086 mode with and without paging, debug registers, self-modifying code and random instructions in every
# mode (docs/verification.md).
# VECTOR_CASES: cases of each type, 1000.
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
. "$root/tests/tools/vectors.sh"
t=0
while [ $t -lt $vector_types ]; do
	vector_run $t "${VECTOR_CASES:-1000}" $accel
	t=$((t + 1))
done
