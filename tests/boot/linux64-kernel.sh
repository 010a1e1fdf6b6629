#!/bin/sh
# linux-kernel.sh with Debian's amd64 kernel: shell on serial, an ext4 disk read-write, power-off.
# accel: jit; long: interp lockstep
flavour=amd64 memory=256
. "$(dirname "$0")/linux-kernel.sh"
