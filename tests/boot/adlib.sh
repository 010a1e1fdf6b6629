#!/bin/sh
# The FM synthesizer, found by its timers and heard in a WAV file: of an AdLib card, of a Sound Blaster, of both.
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
assemble adlib
chip() { # STATUS OPTION...
	want=$1
	shift
	timeout $((30 * slow)) "$DRAGOMAN" $accel -m 4 -bios "$dir/adlib.img" -display none -monitor none -serial none -device isa-debug-exit -icount 6 \
		-audiodev "wav,id=card,path=$dir/card.wav" "$@" 2>"$dir/err" </dev/null
	status=$?
	[ $status = $want ] || { cat "$dir/err" >&2; fail "$*: status $status, not $want"; }
}
tones() {
	python3 "$tools/tones.py" "$dir/card.wav" 437.7 0.5 8168 8168 875.4 0.5 8168 8168 || fail "not the notes that were played"
}
chip 5 -device adlib,audiodev=card
tones
chip 7 -device sb16,audiodev=card
tones
chip 5 -device sb16 -device adlib,audiodev=card
tones
chip 3 -device AC97,audiodev=card
"$DRAGOMAN" -device adlib,irq=5 -display none 2>"$dir/err" </dev/null && fail "an interrupt was accepted"
"$DRAGOMAN" -device adlib -device adlib -display none 2>"$dir/err" </dev/null && fail "two were accepted"
grep -qF 'one adlib' "$dir/err" || { cat "$dir/err" >&2; fail "not told why"; }
