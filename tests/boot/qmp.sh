#!/bin/sh
# The machine protocol, as a management program speaks it.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "about Dragoman's own protocol server"
"$DRAGOMAN" -qmp help 2>&1 | grep -q libjansson && fail "built without libjansson"
python3 "$tools/qmp.py" "$DRAGOMAN" || fail "conversation failed"
