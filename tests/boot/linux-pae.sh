#!/bin/sh
# A 32-bit Linux with PAE: three-level page tables with NX and high memory. (Debian's 6.1 PAE kernel itself faults with an initrd on more than 4 GiB, under QEMU too.)
# accel: jit; long: interp lockstep
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel 686-pae) && i=$(guest initrd 686-pae) || fail "no guest"
vm 90 -m 1G -kernel "$k" -initrd "$i" -append 'console=ttyS0' <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
expect NX (Execute Disable) protection: active
expect guest ready
say shell
send grep -c ' pae ' /proc/cpuinfo; awk '/MemTotal/ { print ($2 > 900000) ? "all of" : "not", "1G" }' /proc/meminfo
expect all of 1G
send poweroff -f
exit 0
END
