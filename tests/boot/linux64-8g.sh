#!/bin/sh
# A 64-bit Linux under -m 8G: memory above 4 GiB is used and holds what is written; the pages come from the top.
# accel: jit; long: interp
. "$(dirname "$0")/../tools/boot.sh"
# The guest's memory is the host's only where it is touched: about 2 GiB here.
free=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
[ "$free" -ge 4 ] || skip "this host has $free GiB of free memory"
k=$(guest kernel amd64) && i=$(guest initrd amd64) || fail "no guest"
vm 90 -m 8G -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
expect guest ready
send awk '/MemTotal/ { print ($2 > 8000000 && $2 < 8388608) ? "total is" : "total is not", "right" }' /proc/meminfo
expect total is right
send grep 'System RAM' /proc/iomem | tail -n 1
expect 100000000-23fffffff : System RAM
send mount -t tmpfs -o size=7g none /mnt; dd if=/dev/zero of=/mnt/f bs=1M count=1200 2>/dev/null; tail -c 20000000 /mnt/f | md5sum
expect 10e4462c9d0b08e7f0b304c4fbfeafa3
send awk '/^Node/ { n = $4 } n == "Normal" && /pages free/ { print ($3 < 1020000) ? "above" : "below", "4 GiB" }' /proc/zoneinfo
expect above 4 GiB
send poweroff -f
exit 0
END
