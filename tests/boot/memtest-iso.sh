#!/bin/sh
# memtest86+ (its ISO through ATAPI) completes a pass on a small memory without an error.
# accel: jit; long: interp
. "$(dirname "$0")/../tools/boot.sh"
vm 400 -m 8 -cdrom /usr/lib/memtest86+/memtest86+ia32.iso -boot d <<'END' || fail "conversation failed"
screen Memtest86+ v
say started
screen Pass:  1        Errors: 0
say one pass
monitor quit
exit 0
END
