#!/bin/sh
# SeaBIOS starts, counts its RAM and reports a missing boot device. accel line for run.sh:
# accel: jit interp; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
vm 20 -m 32 -debugcon "file:$dir/log" -global isa-debugcon.iobase=0x402 <<END || fail "conversation failed"
screen No bootable device.
say no bootable device
dump $dir/screen.ppm
monitor quit
exit 0
END
grep -q "SeaBIOS (version" "$dir/log" || fail "the firmware wrote no log"
grep -qE 'RamSize: 0x0*2000000|addr 0x0+ len 0x0*2000000 \[RAM\]' "$dir/log" || fail "the firmware's log does not say that it counted 32 MiB"
grep -q 'No bootable device' "$dir/log" || fail "the firmware's log does not say: No bootable device"
python3 "$tools/picture.py" text "$dir/screen.ppm" 'No bootable device.' || fail "the captured screen shows something else"
