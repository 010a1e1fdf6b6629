#!/bin/sh
# voters.sh - the ring-0 test program on Bochs, QEMU and us; lines that differ from Bochs' are counted and shown.
# Usage: voters.sh [SEED [COUNT [TYPES]]]   COUNT cases of each type of the mask TYPES (default 3, 1000, all)
#        voters.sh --record         writes the vector set (1000 of each type) if we agree with Bochs
# A processor with hardware virtualisation votes too (/dev/kvm by qemu-system-x86); a software /dev/kvm is not asked.
# Exit: 0 if both our engines print what Bochs prints; QEMU's differences are only counted (docs/verification.md).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
need bochs qemu-system-x86 seabios xz-utils python3 gcc
record=0
[ "${1:-}" != --record ] || { record=1; shift; }
seed=${1:-3} count=${2:-1000} types=${3:-0x3FFFFF}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
sh "$root/tests/ring0/build.sh" "$dir/r.img" "$seed" "$types" 0 "$count" "${VERBOSE:-0}" || exit

cat >"$dir/bochsrc" <<END
romimage: file=/usr/share/seabios/bios.bin
vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin
cpu: model=broadwell_ult, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=0
memory: guest=32, host=32
display_library: rfb, options="timeout=0"
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, mode=flat, path="$dir/bochs.img", cylinders=20, heads=16, spt=63
boot: disk
port_e9_hack: enabled=1
log: $dir/bochs.log
panic: action=fatal
clock: sync=none
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
END
printf 'c\nq\n' >"$dir/rc"
lines() { grep -aoE '[0-9a-f]{7}( [A-Za-z0-9.=]+)+$|^end$' "$1"; }
# A type at a time: now and then Bochs stands still, and is asked again.
t=0
: >"$dir/bochs"
while [ $t -lt 22 ]; do
	tries=3
	while [ $((types >> t & 1)) = 1 ]; do
		sh "$root/tests/ring0/build.sh" "$dir/bochs.img" "$seed" $((1 << t)) 0 "$count" "${VERBOSE:-0}" || exit
		timeout "${LIMIT:-300}" bochs -q -f "$dir/bochsrc" -rc "$dir/rc" >"$dir/raw" 2>/dev/null </dev/null
		lines "$dir/raw" >"$dir/part"
		[ -z "${KEEP:-}" ] || cp "$dir/bochs.log" "$dir/raw" "$KEEP"
		if grep -q '^end$' "$dir/part"; then
			grep -v '^end$' "$dir/part" >>"$dir/bochs"
			break
		fi
		tries=$((tries - 1))
		[ $tries != 0 ] || { say "Bochs did not reach the end: $(tail -n 1 "$dir/raw")"; exit 1; }
	done
	t=$((t + 1))
done
echo end >>"$dir/bochs"
qemu() { # NAME OPTION... A type at a time: where QEMU falls over, the rest of the type is missing
	name=$1
	shift
	t=0
	: >"$dir/$name"
	while [ $t -lt 22 ]; do
		if [ $((types >> t & 1)) = 1 ]; then
			sh "$root/tests/ring0/build.sh" "$dir/q.img" "$seed" $((1 << t)) 0 "$count" 0
			timeout "${LIMIT:-900}" qemu-system-x86_64 "$@" -display none -m 32 -no-reboot -device isa-debug-exit,iobase=0xf4 \
				-drive file="$dir/q.img",format=raw,snapshot=on -debugcon file:"$dir/raw" >/dev/null 2>&1 </dev/null
			lines "$dir/raw" | grep -v end >>"$dir/$name"
			rm -f "$dir/raw"
		fi
		t=$((t + 1))
	done
}
qemu qemu -accel tcg -cpu max
voters=qemu
if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then
	qemu kvm -accel kvm -cpu host
	voters="$voters kvm"
fi
bad=0
for a in jit interp; do
	timeout "${LIMIT:-900}" "$DRAGOMAN" -accel $a -display none -m 32 -no-reboot -device isa-debug-exit,iobase=0xf4 \
		-drive file="$dir/r.img",format=raw,snapshot=on -debugcon file:"$dir/raw" >/dev/null 2>&1 </dev/null
	lines "$dir/raw" >"$dir/$a"
	n=$(diff "$dir/bochs" "$dir/$a" | grep -c '^<')
	echo "seed $seed: $(wc -l <"$dir/bochs") lines, $a: $n differ"
	[ "$n" = 0 ] || { bad=1; diff "$dir/bochs" "$dir/$a" | head -n 20; }
done
for t in 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15; do
	grep "^$t" "$dir/bochs" >"$dir/want" || continue
	echo "  type $t: $(wc -l <"$dir/want") lines; differ: $(
		for v in jit interp $voters; do
			grep "^$t" "$dir/$v" >"$dir/got"
			printf '%s %s ' $v "$(diff "$dir/want" "$dir/got" | grep -c '^<')"
		done)"
done
[ -z "${KEEP:-}" ] || cp "$dir"/bochs "$dir"/jit "$dir"/interp "$dir"/qemu "$KEEP"
if [ $record = 1 ] && [ $bad = 0 ]; then
	mkdir -p "$root/tests/ring0/vectors"
	head -c 61952 "$dir/r.img" | xz -9 >"$root/tests/ring0/vectors/program.xz"
	xz -9 <"$dir/bochs" >"$root/tests/ring0/vectors/lines.xz"
	ls -l "$root/tests/ring0/vectors"
fi
exit $bad
