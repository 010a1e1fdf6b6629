#!/bin/sh
# run.sh - how fast are we? Boots the same guest under Dragoman and under qemu-system-i386 -accel tcg, in turns, and
# times the boot and the workloads of bench/guest/work.c from outside by markers on the serial line.
# Usage: sh bench/run.sh [REPEATS]    (default 3). Writes build/bench.csv and prints medians and ratios.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/tests/lib.sh"
need_build
need_guests
need python3 qemu-system-x86 gcc-multilib
build_target=dragoman configure_build "$build" -DCMAKE_BUILD_TYPE=Release || die "the build failed"
kernel=$(sh "$tools/guest.sh" kernel) && initrd=$(sh "$tools/guest.sh" initrd) || die "no guest"
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
mkdir -p "$t/tree/bin"
gcc -m32 -O2 -static -march=pentium4 -mfpmath=387 -fno-math-errno -o "$t/tree/bin/work" "$root/bench/guest/work.c" || die "cannot build the workloads"
# The kernel unpacks archives that follow each other.
(cd "$t/tree" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$t/more.gz" || exit 1
cat "$initrd" "$t/more.gz" >"$t/initrd.gz" || exit 1
python3 "$root/bench/run.py" --repeats "${1:-3}" --csv "$build/bench.csv" --kernel "$kernel" --initrd "$t/initrd.gz" \
	--native "$t/tree/bin/work" dragoman="$DRAGOMAN -accel jit" qemu="qemu-system-i386 -accel tcg -nic none"
