#!/bin/sh
# voters.sh - the ring-0 test program on Bochs, QEMU and us; lines that differ from Bochs' are counted, ours are shown.
# Usage: voters.sh [SEED [COUNT [TYPES]]]   COUNT cases of each type of the mask TYPES (default 3, 1000, all)
#        voters.sh --record         writes the vector set (1000 of each type) if we agree with Bochs
# A processor with hardware virtualisation votes too (/dev/kvm by qemu-system-x86); a software /dev/kvm is not asked.
# Exit: 0 if both our engines print what Bochs prints, but for the lines of differ.txt; QEMU's differences are only counted
# (docs/verification.md).
# Environment: KEEP      a directory for every voter's lines; a run that finds some there goes on behind them
#              STALL     seconds without a line after which a voter is started again at the case it stands at (60)
#              VOTERS    who votes beside Bochs ("jit interp qemu")
#              VERBOSE   1: the inputs of each case are on its line
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
need bochs qemu-system-x86 seabios xz-utils python3 gcc
record=0
[ "${1:-}" != --record ] || { record=1; shift; }
seed=${1:-3} count=${2:-1000} types=${3:-0xFFFFFFFF} stall=${STALL:-60}
voters=${VOTERS:-jit interp qemu}
all=$(sed -n 's/^#define TYPES \([0-9]*\).*/\1/p' "$root/tests/ring0/ring0.h")
dir=$(mktemp -d) || exit 1
child=
trap '[ -z "$child" ] || kill -9 $child 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
keep=${KEEP:-$dir}/$seed.${VERBOSE:-0}
mkdir -p "$keep" || exit 1
sh "$root/tests/ring0/build.sh" "$dir/all.img" "$seed" "$types" 0 "$count" "${VERBOSE:-0}" || exit

cat >"$dir/bochsrc" <<END
romimage: file=/usr/share/seabios/bios.bin
vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin
cpu: model=broadwell_ult, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=0
memory: guest=32, host=32
display_library: rfb, options="timeout=0"
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, mode=flat, path="$dir/r.img", cylinders=20, heads=16, spt=63
boot: disk
port_e9_hack: enabled=1
log: /dev/null
panic: action=fatal
clock: sync=none
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
END
printf 'c\nq\n' >"$dir/rc"

# The lines of a voter's output. One that was ended in the middle of a line has not printed it.
lines() {
	[ -z "$(tail -c 1 "$1")" ] || sed -i '$d' "$1"
	grep -aoE '[0-9a-f]{7}( [A-Za-z0-9.=]+)+$' "$1"
}
start() { # VOTER: the machine, in the place of this shell; its output is $dir/raw
	case $1 in
	bochs) exec bochs -q -f "$dir/bochsrc" -rc "$dir/rc" >"$dir/raw" 2>/dev/null </dev/null ;;
	qemu) set -- qemu-system-x86_64 -accel tcg -cpu max ;;
	kvm) set -- qemu-system-x86_64 -accel kvm -cpu host ;;
	*) set -- "$DRAGOMAN" -accel "$1" ;;
	esac
	exec "$@" -display none -m 32 -no-reboot -device isa-debug-exit,iobase=0xf4 \
		-drive file="$dir/r.img",format=raw,snapshot=on -debugcon file:"$dir/raw" >/dev/null 2>&1 </dev/null
}
run() { # VOTER TYPE FIRST COUNT: until it ends, or has printed nothing for $stall seconds
	python3 - "$dir/all.img" "$dir/r.img" $((1 << $2)) "$3" "$4" <<'P'
import struct, sys
d = bytearray(open(sys.argv[1], 'rb').read())
d[512 + 12:512 + 24] = struct.pack('<3I', *map(int, sys.argv[3:6])) # params[1] to [3] (entry.S)
open(sys.argv[2], 'wb').write(d)
P
	: >"$dir/raw"
	start "$1" &
	child=$! size=0 idle=0 patience=$stall
	[ "$1" != qemu ] || patience=20 # it falls over for good, and its vote is only counted
	while kill -0 $child 2>/dev/null; do
		now=$(stat -c %s "$dir/raw")
		[ "$now" = $size ] && idle=$((idle + 1)) || idle=0
		size=$now
		[ $idle -lt $((patience * 2)) ] || kill -9 $child
		sleep 0.5
	done
	wait $child 2>/dev/null
	child=
	lines "$dir/raw" >"$dir/part"
}
# vote VOTER TYPE: its lines are $keep/VOTER.TYPE. Bochs stands still now and then, and QEMU falls over some cases: a voter that stops
# goes on with the case it stopped at, and behind it when that stops it again.
vote() {
	mine=$keep/$1.$2 stops=0
	[ -f "$mine" ] || : >"$mine"
	while n=$(wc -l <"$mine") && [ "$n" -lt "$count" ]; do
		run "$1" "$2" "$n" $((count - n))
		cat "$dir/part" >>"$mine"
		[ "$(wc -l <"$mine")" -lt "$count" ] || break
		stops=$((stops + 1))
		[ "$1" != bochs ] || say "Bochs stopped at $(tail -n 1 "$mine" | cut -c 1-7) of type $2"
		[ -s "$dir/part" ] || printf '%02x%05x stops %s\n' "$2" "$n" "$1" >>"$mine"
		[ $stops -lt 8 ] || break
	done
	head -n "$count" "$mine" >"$dir/$1.$2"
}
# Lines of Bochs' that we know to be wrong, by type and number: differ.txt says why
known() { sed -n "s/^$seed \([0-9a-f]\{7\}\) .*/\1/p" "$root/tests/ring0/differ.txt"; }
differ() { # VOTER TYPE: the lines that are not Bochs'
	diff "$dir/bochs.$2" "$dir/$1.$2" | sed -n 's/^< \([0-9a-f]\{7\}\).*/\1/p' >"$dir/numbers"
	case $1 in
	jit | interp) [ "${VERBOSE:-0}" = 1 ] || known >"$dir/known" ;;
	*) : >"$dir/known" ;;
	esac
	grep -vxFf "$dir/known" "$dir/numbers" >"$dir/unknown"
	grep -xFf "$dir/known" "$dir/numbers" >"$dir/explained"
}
: >"$dir/known"
known=0 bad=0 total=0
if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then
	voters="$voters kvm"
fi
t=0
while [ $t -lt "$all" ]; do
	if [ $((types >> t & 1)) = 1 ]; then
		vote bochs $t
		said="type $t: $(wc -l <"$dir/bochs.$t") lines; differ:"
		for v in $voters; do
			vote "$v" $t
			differ "$v" $t
			said="$said $v $(wc -l <"$dir/unknown")"
			case $v in jit | interp) ;; *) continue ;; esac
			known=$((known + $(wc -l <"$dir/explained")))
			bad=$((bad + $(wc -l <"$dir/unknown")))
			while read -r l; do
				grep "^$l" "$dir/bochs.$t" "$dir/$v.$t" | sed 's|.*/||' >&2
			done <"$dir/unknown"
		done
		total=$((total + $(wc -l <"$dir/bochs.$t")))
		echo "$said"
	fi
	t=$((t + 1))
done
echo "seed $seed: $total cases, twice; $bad lines differ from Bochs' without a reason, $known with one (differ.txt)"
if [ $record = 1 ] && [ $bad = 0 ]; then
	mkdir -p "$root/tests/ring0/vectors"
	head -c 61952 "$dir/all.img" | xz -9 >"$root/tests/ring0/vectors/program.xz"
	t=0
	while [ $t -lt "$all" ]; do
		cat "$dir/jit.$t"
		t=$((t + 1))
	done | xz -9 >"$root/tests/ring0/vectors/lines.xz"
	ls -l "$root/tests/ring0/vectors"
fi
[ $bad = 0 ]
