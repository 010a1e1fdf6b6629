#!/bin/sh
# Multiboot kernels as test suites start them: isa-debug-exit, arguments, a module, and a kernel that lies below 1 MiB, over the
# places where boot loaders like to have their own data (tests/asm/low.S).
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "QEMU puts its information over a low kernel"
assemble low
printf 'abc\n' >"$dir/mod"
timeout $((20 * slow)) "$DRAGOMAN" $accel -display none -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
	-kernel "$dir/low.img" -initrd "$dir/mod x=1" -append "a b" -m 4 >"$dir/out" </dev/null
[ $? = 1 ] || { cat "$dir/out" >&2; fail "the low kernel did not end well"; }
printf 'whole\nlow.img a b\n%s/mod x=1\nreal\n' "$dir" | cmp - "$dir/out" || fail "the low kernel says something else"
