#!/bin/sh
# debian.sh on a processor of level x86-64-v2: programs follow CPUID, one for x86-64-v3 takes #UD.
# accel: ; long: jit
cpu=x86-64-v2
. "$(dirname "$0")/debian.sh"
