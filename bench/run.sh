#!/bin/sh
# run.sh - how fast are we? Boots the same guests, of both widths, under Dragoman, under QEMU's TCG, and runs the same
# programs natively, in turns, and times the boot and the workloads from outside by markers on the serial line.
# Usage: sh bench/run.sh [--class NAME,...] [--repeat N] [--arch i386|amd64] [--accel OPTIONS] [--qemu VERSION,...] [--ref COMMAND] [--twin COMMAND]
#   --class   of boot wall integer calls memory strings x87 sse os newcode devices real (default: all); real needs root.
#             toggle besides: code patched between four variants; and avx, where all sides have AVX2 and FMA: --ref "QEMU -accel tcg -cpu max -nic none"
#   --repeat  default 5          --arch   default: both
#   --accel   what to give Dragoman for -accel, default jit
#   --qemu    which versions of QEMU to compare with, of 7.2 and 10: the host's if it is that, else Debian's packages, unpacked (peer.sh);
#             default: the host's alone, whichever it is
#   --twin    a second way to run Dragoman, a command: both run at once on one processor, and how they differ is told to a percent (twins.py)
#   --ref     how to compare, a command with QEMU for QEMU's program; default "QEMU -accel tcg -nic none"
# Writes build/bench.csv and build/bench.svg and prints medians, ratios and geometric means by class.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/tests/lib.sh"
classes=boot,wall,integer,calls,memory,strings,x87,sse,os,newcode,devices,real
repeats=5
arches="i386 amd64"
accel=jit
ref="QEMU -accel tcg -nic none"
qemus=host
twin=
[ "$(id -u)" = 0 ] || { classes=${classes%,real}; say "not root: no real programs"; }
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
	--class) classes=$2 ;;
	--repeat) repeats=$2 ;;
	--arch) arches=$2 ;;
	--accel) accel=$2 ;;
	--qemu) qemus=$2 ;;
	--twin) twin=$2 ;;
	--ref) ref=$2 ;;
	*) die "unknown option: $1 (--help lists them)" ;;
	esac
	shift 2 2>/dev/null || die "an option wants a value"
done
need_build
need_guests
need python3 qemu-system-x86 gcc-12-multilib
[ -n "${BENCH_NO_BUILD:-}" ] || build_target=dragoman configure_build "$build" -DCMAKE_BUILD_TYPE=Release ||
	die "the build failed"
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
of_guest() { sh "$tools/guest.sh" "$@" || die "no guest"; }

# guest ARCH FLAVOUR COMPILER-OPTION...: kernel, initramfs with the workloads, disk, directory with what runs natively
guest() {
	arch=$1
	flavour=$2
	shift 2
	kernel=$(of_guest kernel "$flavour") && initrd=$(of_guest initrd "$flavour") || exit 1
	d=$t/$arch
	mkdir -p "$d/bin" "$d/bench"
	# the kernel's headers by hand: gcc-multilib, which points -m32 to them, cannot be installed beside a cross compiler
	for p in work os; do
		gcc "$@" -idirafter "/usr/include/$(gcc -print-multiarch)" -O2 -static -fno-math-errno -o "$d/bin/$p" \
			"$root/bench/guest/$p.c" || die "cannot build the workloads"
	done
	case ,$classes, in
	*,real,*)
		disk=$(of_guest debian "$flavour") || exit 1
		of_guest package "$flavour" xz-utils lua5.4 >"$t/packages" || exit 1
		while read -r p; do cp "$p"/usr/bin/xz "$p"/usr/bin/lua5.4 "$d/bench/" 2>/dev/null; done <"$t/packages"
		cp "$root/bench/guest/real" "$d/bench/"
		debian=$(dirname "$disk")/root
		mkdir -p "$debian/opt/bench" && cp "$d"/bench/* "$debian/opt/bench/" && ln -s "$debian" "$d/root" || exit 1
		;;
	*) disk=$(of_guest disk "$flavour") || exit 1 ;;
	esac
	# The kernel unpacks archives that follow each other.
	(cd "$d" && find bin bench | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$t/more.gz" || exit 1
	cat "$initrd" "$t/more.gz" >"$d.gz" || exit 1
	echo "$arch=$kernel,$d.gz,$disk,$d"
}

# reference VERSION: "name=command" of that QEMU, for run.py
host_version=$(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
reference() {
	case $1,$host_version. in
	host,*) echo "qemu=$ref" ;;
	"$1,$1".*) echo "qemu-$1=$ref" ;;
	*)
		peer=$(sh "$tools/peer.sh" "$1") || exit 1
		echo "qemu-$1=$(echo "$ref" | sed "s,^QEMU,$peer/QEMU,")"
		;;
	esac
}

set --
for arch in $arches; do
	case $arch in
	i386) g=$(guest i386 686 -m32 -march=pentium4 -mfpmath=387) || exit 1 ;;
	amd64) g=$(guest amd64 amd64 -m64) || exit 1 ;;
	*) die "unknown architecture: $arch" ;;
	esac
	set -- "$@" --guest "$g"
done
set -- "$@" dragoman="$DRAGOMAN -accel $accel"
if [ -n "$twin" ]; then
	python3 "$root/bench/twins.py" --repeats "$repeats" --class "$classes" "$@" twin="$twin"
	exit
fi
for q in $(echo "$qemus" | tr , ' '); do
	r=$(reference "$q") || exit 1
	set -- "$@" "$r"
done
[ -z "$host_version" ] || say "the host's QEMU is $host_version"
python3 "$root/bench/run.py" --repeats "$repeats" --class "$classes" --csv "$build/bench.csv" --svg "$build/bench.svg" "$@"
