#!/bin/sh
# -machine hpet=on: Debian's kernel finds the HPET by its ACPI table, keeps time by it and takes its ticks from it, and the clock runs
# true; without it there is none.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel) && i=$(guest initrd) || fail "no guest"
vm 90 -m 128 -machine hpet=on -kernel "$k" -initrd "$i" -append 'console=ttyS0 clocksource=hpet nolapic' <<'END' || fail "conversation failed (hpet=on)"
refuse Kernel panic
expect hpet0: 3 comparators, 64-bit 100.000000 MHz counter
expect guest ready
send cat /sys/devices/system/clocksource/clocksource0/current_clocksource /sys/devices/system/clockevents/clockevent0/current_device
expect hpet
expect hpet
drift 5 5
send poweroff -f
exit 0
END
k=$(guest kernel amd64) && i=$(guest initrd amd64) || fail "no guest"
vm 90 -m 256 -machine hpet=on -kernel "$k" -initrd "$i" -append 'console=ttyS0' <<'END' || fail "conversation failed (amd64)"
refuse Kernel panic
expect HPET id: 0x8086a201 base: 0xfed00000
expect guest ready
send cat /sys/devices/system/clocksource/clocksource0/available_clocksource
expect hpet
send poweroff -f
exit 0
END
vm 90 -m 256 -kernel "$k" -initrd "$i" -append 'console=ttyS0' <<'END' || fail "conversation failed (hpet=off)"
refuse HPET id
expect guest ready
send poweroff -f
exit 0
END
