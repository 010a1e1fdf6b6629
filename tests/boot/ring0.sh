#!/bin/sh
# The ring-0 test program prints what Bochs printed: 16,000 cases of segments, far transfers, gates, IRET, tasks, paging, IOPL, double
# faults, virtual-8086 mode, debug registers and random instructions in every 16- and 32-bit mode (docs/verification.md).
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
vectors=$root/tests/ring0/vectors
command -v xz >/dev/null || skip "no xz"
xz -dc "$vectors/program.xz" >"$dir/ring0.img" && truncate -s 10321920 "$dir/ring0.img" || fail "cannot unpack the program"
xz -dc "$vectors/lines.xz" >"$dir/want" || fail "cannot unpack the vectors"
timeout $((60 * slow)) "$DRAGOMAN" $accel -m 32 -display none -no-reboot -device isa-debug-exit,iobase=0xf4 \
	-drive "file=$dir/ring0.img,format=raw" -debugcon "file:$dir/got" >"$dir/err" 2>&1 </dev/null
[ -f "$dir/got" ] || { head -n 5 "$dir/err" >&2; fail "no output"; }
cmp -s "$dir/want" "$dir/got" || {
	diff "$dir/want" "$dir/got" | head -n 20 >&2
	fail "$(diff "$dir/want" "$dir/got" | grep -c '^>') of $(wc -l <"$dir/want") lines differ (< recorded, > now)"
}
