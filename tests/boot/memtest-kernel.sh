#!/bin/sh
# memtest86+ (its binary as a kernel) completes a pass on a small memory without an error.
# accel: jit; long: interp
. "$(dirname "$0")/../tools/boot.sh"
vm 400 -m 8 -kernel /boot/memtest86+ia32.bin <<'END' || fail "conversation failed"
screen Memtest86+ v
say started
screen Pass:  1        Errors: 0
say one pass
monitor quit
exit 0
END
