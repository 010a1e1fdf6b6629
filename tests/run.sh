#!/bin/sh
# run.sh - install what is missing, build, and run every test. Usage: sh tests/run.sh [option]...
#   --quick       unit tests and lint only
#   --long        also the boots that take long (interpreter and lockstep runs of everything), random tests at full length
#   --asan        also build with ASan and UBSan (build-asan) and run the unit tests and a reset test there
#   --arch ARCH   aarch64: cross build (build-aarch64), and the unit tests and some boots of that under qemu-user; nothing else.
#                 With --quick: what shows that its translator works. Exit status 77: this machine can get no qemu-user
#   --only NAME   only tests whose name holds NAME (repeatable); the build is made all the same
#   --list        print the names
# Environment: DRAGOMAN_BUILD (build), DRAGOMAN_GUESTS (build/guests), JOBS (number of processors).
# Every test prints one line; the last line is the summary "N passed, N failed, N skipped". Exit status 1 on any failure.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/tests/lib.sh"
cd "$root" || exit 1
nl='
'
quick=0 long=0 asan=0 list=0 only= arch=
# of the unit tests, those that --arch --quick builds and runs: what shows a backend that is broken
foreign_units="test_a64_enc test_backend_run test_golden test_jit_cache test_lockstep test_smc test_access test_fuzz_code test_long test_avx_native test_same_bits test_x87_engines test_locked_engines"
# and those that run once more where the host has FEAT_AFP
afp_units="test_golden test_avx_engines test_avx_native test_fp_faults test_same_bits"
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=1 ;;
	--long) long=1; DRAGOMAN_LONG=1; export DRAGOMAN_LONG ;;
	--asan) asan=1 ;;
	--list) list=1 ;;
	--arch)
		case ${2:-} in
		aarch64) arch=$2; shift ;;
		*) die "--arch: aarch64 is what there is" ;;
		esac ;;
	--only) [ $# -gt 1 ] || die "--only needs a name"; only="$only$2$nl"; shift ;;
	-h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
	*) die "unknown option: $1 (--help lists them)" ;;
	esac
	shift
done
jobs=${JOBS:-$(nproc)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/result"

wanted() { # NAME: is it asked for? ($only: names, one a line; they may hold blanks)
	[ -n "$only" ] || return 0
	case $1 in build | *": build") [ $list = 1 ] || return 0 ;; esac # without it there is nothing to test
	rest=$only
	while [ -n "$rest" ]; do
		w=${rest%%"$nl"*}
		rest=${rest#*"$nl"}
		case $1 in *"$w"*) return 0 ;; esac
	done
	return 1
}
# one NAME COMMAND...: run a test, print its line, note the result. A failed one shows the end of its output.
one() {
	name=$1
	shift
	wanted "$name" || return 0
	if [ $list = 1 ]; then echo "$name"; return 0; fi
	out=$work/$(printf %s "$name" | tr -c 'A-Za-z0-9.\n' _)
	from=$(date +%s)
	"$@" >"$out" 2>&1 </dev/null
	case $? in
	0) r=pass ;;
	77) r=skip ;;
	*) r=FAIL ;;
	esac
	echo x >>"$work/result/$r"
	{
		printf '%s  %-44s %4d s\n' "$r" "$name" $(($(date +%s) - from))
		[ $r = pass ] || tail -n 25 "$out" | sed 's/^/      /'
	} >"$out.line"
	cat "$out.line" # in one write: several tests run at a time
}
count() { if [ -f "$work/result/$1" ]; then wc -l <"$work/result/$1"; else echo 0; fi; }

# boot_list: lines "TEST ACCEL" from the "# accel:" line of each boot test
boot_list() {
	for f in tests/boot/*.sh; do
		line=$(sed -n 's/^# accel: *//p' "$f" | head -n 1)
		now=${line%%;*}
		later=
		case $line in *long:*) later=${line##*long:} ;; esac
		[ $long = 1 ] || later=
		for a in $now $later; do echo "$f $a"; done
	done
}
boot_one() { # FILE ACCEL
	boot=${1##*/}
	one "boot/${boot%.sh} ($2)" env ACCEL="$2" sh "$1"
}
run_boots() { # at most $jobs at a time, the long ones first
	boot_list | if [ -n "$arch" ]; then foreign_boots; else cat; fi | sort -s -k1,1 | awk '{ print ($1 ~ /memtest/ ? 0 : $2 == "jit" ? 2 : 1), $0 }' | sort -s -n -k1,1 >"$work/boots"
	if [ $list = 1 ]; then
		while read -r _ f a; do boot_one "$f" "$a"; done <"$work/boots"
	else
		shared "$work/boots" next_boot
	fi
}
next_boot() { # LINE of the list
	echo "$1" | {
		read -r _ f a
		boot_one "$f" "$a"
	}
}
# shared LIST FUNCTION: call it with each line, $jobs of them at a time
shared() {
	i=0
	while [ $i -lt "$jobs" ]; do
		(
			# take the next line of the list: whoever makes the directory has it
			n=0
			while read -r line <&4; do
				n=$((n + 1))
				mkdir "$1.$n" 2>/dev/null && "$2" "$line"
			done
		) 4<"$1" &
		i=$((i + 1))
	done
	wait
}
foreign_boots() { # of the list, what an emulated program can do in bearable time
	while read -r f a; do
		b=${f##*/}
		case "$b $a $long" in
		"bios.sh jit "* | "ring0.sh jit "*) ;;
		*) [ $quick = 0 ] || continue ;;
		esac
		case "$b $a $long" in
		"bios.sh jit "* | "ring0.sh jit "* | "reboots.sh jit "* | "explain.sh jit "* | "linux-kernel.sh jit 1" | "linux64-kernel.sh jit 1" | \
			"memtest-kernel.sh jit 1" | "linux-kernel.sh lockstep 1") echo "$f $a" ;;
		esac
	done
}
unit_test() { # DIR NAME
	ctest --test-dir "$1" -R "^$2\$" -V --timeout $(((long ? 3600 : 600) * ${DRAGOMAN_SLOW:-1})) >"$work/unit.$2" 2>&1 || {
		cat "$work/unit.$2"
		return 1
	}
	! grep -q 'Not Run (Disabled)\|\*\*\*Skipped' "$work/unit.$2" || {
		sed -n 's/^[0-9]*: \(skipped:\)/\1/p' "$work/unit.$2"
		return 77
	}
}
unit_tests() { # DIR PREFIX
	ctest --test-dir "$1" -N 2>/dev/null | sed -n 's/^ *Test *#[0-9]*: //p' >"$work/units"
	[ -s "$work/units" ] || [ $list = 1 ] || one "${2}unit tests exist" false
	if [ -n "$arch" ]; then
		# what does not depend on the host, and takes an hour in an emulator
		sed -i '/^test_capstone$/d' "$work/units"
		[ $quick = 0 ] || printf '%s\n' $foreign_units >"$work/units"
	fi
	unit_dir=$1 unit_prefix=$2
	if [ $list = 1 ]; then
		while read -r t; do next_unit "$t"; done <"$work/units"
	else
		rm -rf "$work"/units.*
		shared "$work/units" next_unit
	fi
}
afp_test() { # PROGRAM, or a command with arguments that knows the emulator itself
	[ -x "${newer:-}" ] || { echo "skipped: no qemu-user with FEAT_AFP (see above)"; return 77; }
	[ $# -gt 1 ] || set -- "$newer" "$1"
	"$@" >"$work/afp" 2>&1 || { cat "$work/afp"; return 1; }
	! grep 'afp: the host has none' "$work/afp" # of test_same_bits
}
next_unit() { one "$unit_prefix$1" unit_test "$unit_dir" "$1"; }

if [ -n "$arch" ]; then
	build=$root/build-$arch
	if [ $list = 0 ]; then
		sh tests/install.sh build guests tests || exit 1
		sh tests/install.sh foreign || { echo "skip  $arch: no qemu-user or no cross compiler (see above)"; exit 77; }
		sysroot=$(sh tests/tools/sysroot.sh arm64) || { echo "skip  $arch: none of its libraries (see above)"; exit 77; }
		[ $quick = 0 ] || build_target="dragoman $foreign_units $afp_units"
		QEMU_LD_PREFIX=$sysroot
		DRAGOMAN=$build/run
		DRAGOMAN_SLOW=10
		CK_TIMEOUT_MULTIPLIER=20 # of libcheck
		[ $long = 1 ] || VECTOR_CASES=$((quick ? 25 : 200)) # of ring0.sh
		export QEMU_LD_PREFIX DRAGOMAN DRAGOMAN_SLOW CK_TIMEOUT_MULTIPLIER VECTOR_CASES
		one "$arch: build" configure_build "$build" -DCMAKE_BUILD_TYPE=Release -DDRAGOMAN_WERROR=ON \
			"-DCMAKE_TOOLCHAIN_FILE=$root/tests/tools/$arch.cmake" "-DDRAGOMAN_SYSROOT=$sysroot"
		printf '#!/bin/sh\nexec qemu-%s "%s/dragoman" "$@"\n' "$arch" "$build" >"$build/run" && chmod +x "$build/run"
	fi
	unit_tests "$build" "$arch: "
	# a processor with FEAT_AFP, which the next Debian's qemu-user has
	if [ $list = 0 ]; then
		newer=$(sh tests/tools/sysroot.sh --suite trixie "$(dpkg --print-architecture)" qemu-user) && newer=$newer/usr/bin/qemu-$arch
	fi
	for t in $afp_units; do one "$arch, FEAT_AFP: $t" afp_test "$build/tests/$t"; done
	[ $list = 1 ] || printf '#!/bin/sh\nexec "%s" "%s/dragoman" "$@"\n' "${newer:-}" "$build" >"$build/run-afp" && chmod +x "$build/run-afp"
	one "$arch, FEAT_AFP: boot/ring0" afp_test env DRAGOMAN="$build/run-afp" ACCEL=jit sh tests/boot/ring0.sh
	# hosts with larger pages, as far as qemu-user makes them
	for p in 16384 65536; do
		one "$arch: test_jit_cache, pages of $p bytes" env QEMU_PAGESIZE=$p "qemu-$arch" "$build/tests/test_jit_cache"
		one "$arch: boot/bios (jit), pages of $p bytes" env QEMU_PAGESIZE=$p sh tests/boot/bios.sh
	done
elif [ $list = 0 ]; then
	sh tests/install.sh || exit 1
	one build configure_build "$build" -DCMAKE_BUILD_TYPE=Release -DDRAGOMAN_WERROR=ON -DDRAGOMAN_TESTS=ON
fi
[ -n "$arch" ] || unit_tests "$build" ""
[ ! -f .ci/lint.sh ] || [ -n "$arch" ] || one lint sh .ci/lint.sh "$build"
if [ $asan = 1 ]; then
	need_asan
	[ $list = 1 ] || one "asan: build" configure_build "$root/build-asan" -DCMAKE_BUILD_TYPE=Debug \
		-DDRAGOMAN_SANITIZE=ON "-DCMAKE_C_FLAGS_DEBUG=-O1 -g"
	unit_tests "$root/build-asan" "asan: "
	for a in jit interp; do
		one "asan: boot/reboots ($a)" env ACCEL=$a DRAGOMAN="$root/build-asan/dragoman" sh tests/boot/reboots.sh
		one "asan: boot/bad-input ($a)" env ACCEL=$a DRAGOMAN="$root/build-asan/dragoman" sh tests/boot/bad-input.sh
	done
fi
if [ $quick = 0 ] || [ -n "$arch" ]; then
	if [ $list = 0 ] && [ $quick = 0 ]; then
		say "making the guests"
		for g in "kernel 686" "initrd 686" "kernel 686-pae" "initrd 686-pae" "kernel amd64" "initrd amd64" \
			"iso 686" "disk 686" "iso amd64" "disk amd64"; do
			sh tests/tools/guest.sh $g >/dev/null || one "guest $g" false
		done
	fi
	run_boots
fi
if [ $long = 1 ] && [ -z "$arch" ]; then
	one "ring0: 4,550 cases of each type, against Bochs and QEMU" sh tests/ring0/voters.sh 101 4550
	one "fuzz: 10 minutes each" sh tests/fuzz/run.sh 10
fi
[ $list = 0 ] || exit 0
failed=$(count FAIL)
echo "$(count pass) passed, $failed failed, $(count skip) skipped"
[ "$failed" = 0 ]
