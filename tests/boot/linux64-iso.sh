#!/bin/sh
# linux-iso.sh with Debian's amd64 kernel: BIOS, El Torito, isolinux, a CD read back.
# accel: jit; long: interp lockstep
flavour=amd64 memory=256
. "$(dirname "$0")/linux-iso.sh"
