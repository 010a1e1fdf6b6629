#!/bin/sh
# 1,000 resets of a tiny firmware in one process, by port 92h, port CF9h, keyboard controller and triple fault; the counter
# in RAM survives them. tests/run.sh --asan repeats it with the sanitizers, where a leak is a failure.
# accel: jit interp; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
assemble reset
timeout $((60 * slow)) "$DRAGOMAN" $accel -m 2 -bios "$dir/reset.img" -display none -monitor none -serial none \
	-device isa-debug-exit 2>"$dir/err" </dev/null
status=$?
[ $status = 85 ] || { head -n 5 "$dir/err" >&2; fail "status $status, not 85 (42 by isa-debug-exit)"; }
