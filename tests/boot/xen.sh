#!/bin/sh
# Xen from Debian's xen-hypervisor (multiboot, 64-bit, with a list of modules) starts Debian's amd64 kernel as its first
# domain, in ring 3 of 64-bit mode; a shell of the domain answers on Xen's console.
# accel: ; long: jit lockstep
. "$(dirname "$0")/../tools/boot.sh"
x=$(guest xen amd64) && k=$(guest kernel amd64) && i=$(guest initrd amd64) || fail "no guest"
vm 240 -m 512 -kernel "$x" -append 'console=com1 com1=115200 noreboot' \
	-initrd "$k console=hvc0 quiet rdinit=/bin/busybox -- sh,$i" <<'END' || fail "conversation failed"
refuse Panic on CPU
refuse Kernel panic
expect Serial input to DOM0
say Xen builds its domain
expect built-in shell
send b=/bin/busybox; $b mount -t sysfs sysfs /sys; $b cat /sys/hypervisor/type; $b uname -m; echo $((111 * 111))
expect xen
expect x86_64
expect 12321
say the domain's shell
monitor quit
exit 0
END
