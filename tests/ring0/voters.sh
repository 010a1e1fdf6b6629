#!/bin/sh
# voters.sh - the ring-0 test program on Bochs, QEMU and us; lines that differ from Bochs' are counted and shown.
# Usage: voters.sh [SEED [COUNT]]   COUNT cases of each of the nine types (default 3, 1000)
#        voters.sh --record         writes the vector set (1000 of each type) if we agree with Bochs
# Exit: 0 if both our engines print what Bochs prints; QEMU's differences are only counted (docs/verification.md).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
need bochs qemu-system-x86 seabios xz-utils python3 gcc
record=0
[ "${1:-}" != --record ] || { record=1; shift; }
seed=${1:-3} count=${2:-1000}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
sh "$root/tests/ring0/build.sh" "$dir/r.img" "$seed" 0x1FF 0 "$count" 0 || exit

cat >"$dir/bochsrc" <<END
romimage: file=/usr/share/seabios/bios.bin
vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin
cpu: model=broadwell_ult, count=1, ips=100000000, reset_on_triple_fault=0
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
cp "$dir/r.img" "$dir/bochs.img"
lines() { grep -aoE '[0-9a-f]{6}( [0-9a-f]+){14}$|^end$' "$1"; }
timeout 600 bochs -q -f "$dir/bochsrc" -rc "$dir/rc" >"$dir/raw" 2>/dev/null </dev/null
lines "$dir/raw" >"$dir/bochs"
grep -q '^end$' "$dir/bochs" || { say "Bochs did not reach the end: $(tail -n 1 "$dir/bochs")"; exit 1; }
timeout 300 qemu-system-i386 -accel tcg -cpu max -display none -m 32 -no-reboot -device isa-debug-exit,iobase=0xf4 \
	-drive file="$dir/r.img",format=raw,snapshot=on -debugcon file:"$dir/raw" 2>/dev/null </dev/null
lines "$dir/raw" >"$dir/qemu"
bad=0
for a in jit interp; do
	timeout 600 "$DRAGOMAN" -accel $a -display none -m 32 -no-reboot -device isa-debug-exit,iobase=0xf4 \
		-drive file="$dir/r.img",format=raw,snapshot=on -debugcon file:"$dir/raw" >/dev/null 2>&1 </dev/null
	lines "$dir/raw" >"$dir/$a"
	n=$(diff "$dir/bochs" "$dir/$a" | grep -c '^[<>]')
	echo "seed $seed: $(wc -l <"$dir/bochs") lines, $a: $n differ"
	[ "$n" = 0 ] || { bad=1; diff "$dir/bochs" "$dir/$a" | head -n 20; }
done
for t in 0 1 2 3 4 5 6 7 8; do
	grep "^$t" "$dir/bochs" >"$dir/a"
	grep "^$t" "$dir/qemu" >"$dir/b"
	echo "  type $t: qemu differs in $(diff "$dir/a" "$dir/b" | grep -c '^>') of $(wc -l <"$dir/b")"
done
if [ $record = 1 ] && [ $bad = 0 ]; then
	mkdir -p "$root/tests/ring0/vectors"
	head -c 61952 "$dir/r.img" | xz -9 >"$root/tests/ring0/vectors/program.xz"
	xz -9 <"$dir/bochs" >"$root/tests/ring0/vectors/lines.xz"
	ls -l "$root/tests/ring0/vectors"
fi
exit $bad
