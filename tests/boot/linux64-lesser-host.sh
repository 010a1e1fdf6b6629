#!/bin/sh
# linux64-kernel.sh on a host that has nothing beyond x86-64's base: AVX2, SSE4, POPCNT and the like by portable code.
# accel: jit
flavour=amd64 memory=256 options=--host-mask=all
. "$(dirname "$0")/linux-kernel.sh"
