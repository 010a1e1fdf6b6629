#!/bin/sh
# A 32-bit Linux under -m 2G sees the memory below the PCI hole and uses high memory.
# accel: jit; long: interp
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel) && i=$(guest initrd) || fail "no guest"
vm 90 -m 2G -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
expect guest ready
send awk '/MemTotal/ { print ($2 > 1900000 && $2 < 2097152) ? "total is" : "total is not", "right" }' /proc/meminfo
expect total is right
send mount -t tmpfs -o size=1900m none /mnt; dd if=/dev/zero of=/mnt/f bs=1M count=1200 2>/dev/null; tail -c 20000000 /mnt/f | md5sum
expect 10e4462c9d0b08e7f0b304c4fbfeafa3
send poweroff -f
exit 0
END
