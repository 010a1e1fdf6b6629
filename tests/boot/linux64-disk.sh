#!/bin/sh
# linux-disk.sh with Debian's amd64 kernel: BIOS, MBR, GRUB, ext4, the disk then written.
# accel: jit; long: interp lockstep
flavour=amd64 memory=256
. "$(dirname "$0")/linux-disk.sh"
