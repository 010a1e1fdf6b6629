#!/bin/sh
# Devices write over code that runs (tests/asm/dma.S): IDE's bus master, fw_cfg's DMA.
# accel: jit interp lockstep
. "$(dirname "$0")/../tools/boot.sh"
assemble dma
python3 - "$dir/disk.img" <<'END'
import sys
with open(sys.argv[1], 'wb') as f:
    for n in range(64):
        f.write((b'\xb8' + n.to_bytes(4, 'little') + b'\xc3').ljust(512, b'\0'))
END
timeout $((20 * slow)) "$DRAGOMAN" $accel -m 2 -bios "$dir/dma.img" -display none -monitor none -serial none \
	-drive "file=$dir/disk.img,format=raw,if=ide" -device isa-debug-exit 2>"$dir/err" </dev/null
status=$?
[ $status = 85 ] || { head -n 5 "$dir/err" >&2; fail "status $status, not 85: the scene that failed is $((status / 2))"; }
