#!/bin/sh
# Floppies of every format boot through SeaBIOS from a sector of ours that reads, writes and formats; what it says also
# goes to the printer. accel line for run.sh:
# accel: jit; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
assemble floppy
make_image() { # FILE KIB SECTORS
	python3 - "$dir/floppy.img" "$@" <<'END'
import sys
boot, name, kib, spt = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sector = bytearray(open(boot, 'rb').read()[:512])
sector[3] = spt
with open(name, 'wb') as f:
    f.write(sector)
    for n in range(1, kib * 2):
        f.write(bytes([n & 255]) * 512)
END
}
for f in 360:9 720:9 1200:15 1440:18 2880:36; do
	kib=${f%:*} spt=${f#*:}
	make_image "$dir/fd.img" "$kib" "$spt"
	rm -f "$dir/printed"
	timeout $((30 * slow)) "$DRAGOMAN" $accel -m 16 -display none -fda "$dir/fd.img" -boot a -serial "file:$dir/serial" \
		-parallel "file:$dir/printed" -device isa-debug-exit,iobase=0xf4,iosize=1 </dev/null
	status=$?
	[ $status = 33 ] || { cat "$dir/serial" >&2; fail "$kib KiB: status $status"; }
	grep -q floppy-ok "$dir/serial" || fail "$kib KiB: no word on the serial line"
	grep -q floppy-ok "$dir/printed" || fail "$kib KiB: nothing printed"
	python3 - "$dir/fd.img" "$spt" <<'END' || fail "$kib KiB: the image does not hold what was written"
import sys
data, spt = open(sys.argv[1], 'rb').read(), int(sys.argv[2])
at = ((2 * 2 + 1) * spt + 2) * 512
fmt = (3 * 2) * spt * 512
written = data[at:at + 512] == b'\x5a\xa5' * 256
formatted = data[fmt:fmt + spt * 512] == b'\xf6' * (spt * 512)
rest = data[fmt + spt * 512:fmt + spt * 512 + 512] == bytes([(6 * spt + spt) & 255]) * 512
sys.exit(0 if written and formatted and rest else 1)
END
	say "$kib KiB: ok"
done
