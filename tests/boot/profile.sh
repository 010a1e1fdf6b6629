#!/bin/sh
# Where the time goes: -accel jit,profile=on in info jit with the guest's symbols, -perfmap and -jitdump as perf reads them.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel) && i=$(guest initrd) || fail "no guest"
# a symbol reaches one MiB
for n in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do echo "c1${n}00000 T kernel_$n"; done >"$dir/map"
cd "$dir" || exit 1
vm 120 -m 128 -accel profile=on -symbols "$dir/map" -perfmap -jitdump -kernel "$k" -initrd "$i" \
	-append 'console=ttyS0 quiet nokaslr' <<'END' || fail "conversation failed"
expect guest ready
monitor info jit
answer translated code
answer hottest blocks
answer kernel_
send poweroff -f
exit 0
END
dump=$(echo jit-*.dump)
pid=${dump#jit-}
map=/tmp/perf-${pid%.dump}.map # perf looks for it there
[ -f "$map" ] || fail "no map for perf"
n=$(python3 "$tools/jitdump.py" "$dump" "$map") || fail "perf could not read this"
rm -f "$map"
[ "$n" -gt 10000 ] || fail "only $n pieces of code named"
