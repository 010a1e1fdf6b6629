#!/bin/sh
# SeaBIOS and Debian's i386 and amd64 kernels under lockstep as far as their PCI buses, with each optimisation of the
# translator (-accel help) and each pass over its intermediate code (-pass help) switched off in turn, with blocks that go on behind
# every conditional branch, and with one instruction to the block: no divergence. A new optimisation is covered by being in the table.
# OPTS_DONE=FILE: rows passed are written there, and those it holds are left out: a run goes on where an earlier one stopped.
# accel: ; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
opts=$("$DRAGOMAN" -accel help | sed -n 's/^opt=/-accel lockstep,opt=/p')
passes=$("$DRAGOMAN" -pass help | sed 's/^/-accel lockstep -pass -/')
[ -n "$opts" ] && [ -n "$passes" ] || fail "no optimisations: -accel help, -pass help"
{
	for flavour in 686 amd64; do
		printf '%s\n' "$opts" "$passes" | sed "s/^/$flavour /"
	done
	printf '%s -accel lockstep -all-sides\n' 686 amd64
	# the slowest last
	printf '%s -accel lockstep -one-insn\n' 686 amd64
} >"$dir/rows"
while read -r flavour accel <&3; do
	! grep -qxF -e "$flavour $accel" "${OPTS_DONE:-/dev/null}" || continue
	k=$(guest kernel $flavour) && i=$(guest initrd $flavour) || fail "no guest"
	vm 120 -nic none -m 128 -no-reboot -kernel "$k" -initrd "$i" -append console=ttyS0 <<'END' || fail "$flavour $accel"
refuse Kernel panic
refuse BUG:
expect PCI: Using host bridge windows
END
	echo "$flavour $accel: no divergence"
	[ -z "${OPTS_DONE:-}" ] || echo "$flavour $accel" >>"$OPTS_DONE"
done 3<"$dir/rows"
