#!/bin/sh
# The recorded ring-0 cases (ring0.sh, docs/verification.md) under lockstep, with every optimisation and with each switched off in
# turn: no divergence, and the recorded lines. Random instructions in every mode and code that changes itself; 25 cases of each type
# by default, with --long of all 24 types 1,000.
# accel: lockstep
. "$(dirname "$0")/../tools/boot.sh"
. "$root/tests/tools/vectors.sh"
count=25 types="13 14 16 21 22 23"
[ -z "${DRAGOMAN_LONG:-}" ] || { count=1000; types=$(seq 0 $((vector_types - 1))); }
for o in "" $("$DRAGOMAN" -accel help | sed -n "s|^opt=|,opt=|p"); do
	for t in $types; do
		vector_run "$t" $count -accel "lockstep$o" -nic none
	done
	echo "lockstep$o: $count cases of each type"
done
