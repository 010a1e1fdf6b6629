#!/bin/sh
# The panic port: Linux's driver finds it by ACPI and tells a kernel panic; -action panic= decides what follows.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel) && i=$(guest drivers 686 "$dir/initrd" pvpanic-mmio) || fail "no guest"
run() { # STATUS OPTION...: what is to be answered after the panic is on standard input
	code=$1
	shift
	{
		cat <<'END'
refuse not found
expect guest ready
send sh /lib/pvpanic-mmio; echo offered $(cat /sys/bus/*/devices/QEMU0001*/events)
expect offered 3
send echo c >/proc/sysrq-trigger
expect Kernel panic - not syncing
END
		cat
		echo "exit $code"
	} >"$dir/talk"
	vm 60 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -device pvpanic "$@" <"$dir/talk" ||
		fail "conversation failed"
}
run 0 </dev/null
run 1 -action panic=exit-failure </dev/null
run 0 -action panic=pause <<'END'
sleep 1
monitor info status
answer VM status: paused
monitor info qtree
answer pvpanic: port 505, 1 writes, last 01
monitor quit
END
