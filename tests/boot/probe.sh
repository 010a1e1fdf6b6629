#!/bin/sh
# tests/probe/, a multiboot program in 32-bit and in 64-bit code, as test suites for processors are: instructions on device memory,
# local and I/O APIC, MSRs and control registers, debugging, and what else its files name. It prints what fails.
# accel: jit interp; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "QEMU differs"
sh "$root/tests/probe/build.sh" "$dir" 2>"$dir/log" || { cat "$dir/log" >&2; fail "cannot build the probes"; }
for bits in 64 32; do
	timeout $((60 * slow)) "$DRAGOMAN" $accel -cpu max -display none -serial stdio -device pc-testdev \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$dir/probe$bits.elf" >"$dir/out" 2>&1 </dev/null
	status=$?
	[ $status = 1 ] || { cat "$dir/out" >&2; fail "probe$bits: status $status"; }
done
