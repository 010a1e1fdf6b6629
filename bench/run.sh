#!/bin/sh
# run.sh - how fast are we? Boots the same guests, of both widths, under Dragoman and under QEMU's TCG, in turns, and
# times the boot and the workloads of bench/guest/work.c from outside by markers on the serial line.
# Usage: sh bench/run.sh [REPEATS [i386|amd64]]    (default: 5, both). Writes build/bench.csv and build/bench.svg and
# prints medians, ratios and geometric means by class.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/tests/lib.sh"
need_build
need_guests
need python3 qemu-system-x86 gcc-12-multilib
build_target=dragoman configure_build "$build" -DCMAKE_BUILD_TYPE=Release || die "the build failed"
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT

# guest ARCH FLAVOUR COMPILER-OPTION...: kernel, initramfs with the workloads, native program
guest() {
	arch=$1
	flavour=$2
	shift 2
	kernel=$(sh "$tools/guest.sh" kernel "$flavour") && initrd=$(sh "$tools/guest.sh" initrd "$flavour") || die "no guest"
	mkdir -p "$t/$arch/bin"
	# the kernel's headers by hand: gcc-multilib, which points -m32 to them, cannot be installed beside a cross compiler
	gcc "$@" -idirafter "/usr/include/$(gcc -print-multiarch)" -O2 -static -fno-math-errno -o "$t/$arch/bin/work" "$root/bench/guest/work.c" || die "cannot build the workloads"
	# The kernel unpacks archives that follow each other.
	(cd "$t/$arch" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$t/more.gz" || exit 1
	cat "$initrd" "$t/more.gz" >"$t/$arch.gz" || exit 1
	echo "$arch=$kernel,$t/$arch.gz,$t/$arch/bin/work"
}

set -- "${1:-5}" "${2:-both}"
[ "$2" = amd64 ] || { i386=$(guest i386 686 -m32 -march=pentium4 -mfpmath=387) || exit 1; }
[ "$2" = i386 ] || { amd64=$(guest amd64 amd64 -m64) || exit 1; }
python3 "$root/bench/run.py" --repeats "$1" --csv "$build/bench.csv" --svg "$build/bench.svg" \
	${i386:+--guest "$i386"} ${amd64:+--guest "$amd64"} dragoman="$DRAGOMAN -accel jit" qemu="QEMU -accel tcg -nic none"
