#!/bin/sh
# The guest's clock keeps the host's pace for ten minutes, half of them under load; no clock is called unstable; an idle
# guest costs next to nothing.
# accel: ; long: jit
. "$(dirname "$0")/../tools/boot.sh"
seconds=${seconds:-300}
k=$(guest kernel amd64) && i=$(guest initrd amd64) || fail "no guest"
vm $((2 * seconds + 150)) -m 256 -kernel "$k" -initrd "$i" -append 'console=ttyS0' <<END || fail "conversation failed"
refuse Kernel panic
refuse unstable
refuse rcu_sched self-detected stall
refuse soft lockup
expect TSC deadline timer available
expect guest ready
send cat /sys/devices/system/clocksource/clocksource0/current_clocksource
expect tsc
sleep 5
idle 20 3
drift $seconds ${percent:-0.1}
send while :; do md5sum /lib/modules/* > /dev/null; done &
drift $seconds ${percent:-0.1}
send kill %1; dmesg | grep -c -i -E 'lo[s]t|un[s]table'
expect 0
send poweroff -f
exit 0
END
