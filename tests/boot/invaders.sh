#!/bin/sh
# grub-invaders (multiboot): draws its screen; keys from the monitor move the ship on the bottom row, nothing else does.
# accel: jit; long: interp lockstep
. "$(dirname "$0")/../tools/boot.sh"
vm 60 -m 16 -kernel /boot/invaders.exec <<'END' || fail "conversation failed"
screen / \
say drawn
sleep 1
keep a 24
sleep 1
keep b 24
same a b
monitor sendkey left
sleep 1
keep c 24
differ b c
say the ship moved
monitor quit
exit 0
END
