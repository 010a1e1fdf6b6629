#!/bin/sh
# hostcode.sh - host instructions per guest instruction of the hot blocks, on AArch64: ours against QEMU's, counted, not timed.
# Both run under qemu-user where the host is another; the blocks that are hot are found by a native run of this build.
# Usage: sh bench/hostcode.sh [--executed | --afp] [--arch i386|amd64] [WORKLOAD...]     default: both, and bench/run.sh's compute workloads
# --executed: not the hot blocks' instructions, but all that the two programs run for a workload (qemu-user with a plugin that counts).
# --afp: ours and QEMU under the next Debian's qemu-user, whose processor has FEAT_AFP; it takes no plugins.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/tests/lib.sh"
arches="i386 amd64" plugin= afp= emulator=qemu-aarch64
case ${1:-} in
--executed) plugin=count-insns; shift ;;
--afp) afp=1; shift ;;
esac
[ "${1:-}" != --arch ] || { arches=$2; shift 2; }
[ $# -gt 0 ] || set -- integer sieve chase calls indirect strings x87 sse sseint
cd "$root" && sh tests/install.sh build guests tests foreign || exit 1
need python3 gcc-12-multilib
build_target=dragoman configure_build "$build" -DCMAKE_BUILD_TYPE=Release || die "the build failed"
sysroot=$(sh tests/tools/sysroot.sh arm64) && peer=$(sh tests/tools/sysroot.sh arm64 qemu-system-x86) || exit 1
[ -z "$afp" ] || emulator=$(sh tests/tools/sysroot.sh --suite trixie "$(dpkg --print-architecture)" qemu-user)/usr/bin/qemu-aarch64
[ -z "$afp" ] || [ -x "$emulator" ] || exit 1
build_target=dragoman configure_build "$root/build-aarch64" -DCMAKE_BUILD_TYPE=Release \
	"-DCMAKE_TOOLCHAIN_FILE=$root/tests/tools/aarch64.cmake" "-DDRAGOMAN_SYSROOT=$sysroot" || die "the build failed"
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
if [ -n "$plugin" ]; then
	gcc -O2 -shared -fPIC -o "$t/$plugin.so" "$root/bench/$plugin.c" || die "cannot build the plugin"
fi
for arch in $arches; do
	case $arch in
	i386) flavour=686 bits="-m32 -march=pentium4 -mfpmath=387" system=qemu-system-i386 ;;
	amd64) flavour=amd64 bits=-m64 system=qemu-system-x86_64 ;;
	*) die "unknown architecture: $arch" ;;
	esac
	kernel=$(sh "$tools/guest.sh" kernel $flavour) && initrd=$(sh "$tools/guest.sh" initrd $flavour) || exit 1
	mkdir -p "$t/$arch/bin"
	gcc $bits -idirafter "/usr/include/$(gcc -print-multiarch)" -O2 -static -no-pie -fno-math-errno -o "$t/$arch/bin/work" \
		"$root/bench/guest/work.c" || die "cannot build the workloads"
	(cd "$t/$arch" && find bin | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$t/more.gz" || exit 1
	cat "$initrd" "$t/more.gz" >"$t/$arch.gz" || exit 1
	python3 "$root/bench/hostcode.py" --arch "$arch" --kernel "$kernel" --initrd "$t/$arch.gz" --dir "$t" \
		--native "$DRAGOMAN -accel jit,profile=on -nic none" \
		--ours "$emulator -L $sysroot $root/build-aarch64/dragoman -accel jit -nic none" \
		--qemu "$emulator -L $peer $peer/usr/bin/$system -L $peer/usr/share/seabios -L $peer/usr/share/qemu -accel tcg -vga none -nic none" \
		${plugin:+--plugin "$t/$plugin.so"} "$@" || exit 1
done
