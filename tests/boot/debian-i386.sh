#!/bin/sh
# debian.sh with Debian's i386.
# accel: ; long: jit
flavour=686
. "$(dirname "$0")/debian.sh"
