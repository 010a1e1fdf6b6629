#!/bin/sh
# A guest that halts with interrupts off, and one that polls a port for ever: said once each, and in info status. One that
# waits for a timer, and one that counts, are left in peace.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
# firmware BYTES...: 64 KiB that begin with these bytes (octal escapes), started by a far jump
firmware() {
	head -c 65536 /dev/zero >"$dir/fw"
	printf "$1" | dd of="$dir/fw" conv=notrunc 2>/dev/null
	printf '\352\000\000\000\360' | dd of="$dir/fw" bs=1 seek=65520 conv=notrunc 2>/dev/null
}
run() { # SECONDS
	timeout "$1" "$DRAGOMAN" $accel -m 4 -bios "$dir/fw" -display none -monitor none -serial none 2>"$dir/err" </dev/null
}
told() { # TEXT: one line, and this is in it
	{ grep -qF -- "$1" "$dir/err" && [ "$(wc -l <"$dir/err")" = 1 ]; } || { cat "$dir/err" >&2; fail "not told, or more: $1"; }
}
firmware '\372\364' # cli; hlt
run 3
told "halted with interrupts off, before f000:0002 CPL0 real"
firmware '\372\344\144\250\200\164\372' # cli; l: in al,64h; test al,80h; jz l
run 10
told "spinning for 5 s at f000:0001 CPL0 real, interrupts off: in al, 0x64; it polls port 64h"
firmware '\372\353\376' # cli; jmp $
run 9
told "interrupts off: jmp"
firmware '\372\101\353\375' # cli; l: inc cx; jmp l
run 9
[ ! -s "$dir/err" ] || { cat "$dir/err" >&2; fail "a guest that counts is not hanging"; }
firmware '\372\344\144\250\200\164\372'
vm 20 -m 4 -bios "$dir/fw" <<'END' || fail "conversation failed"
sleep 4
monitor info status
answer CPU: f000:0001 CPL0 real: in al, 0x64, at this place for
answer 0 transitions, 0 exceptions
monitor quit
exit 0
END
# Bochs' magic breakpoint: stops after each one, and only when asked
firmware '\372\103\207\333\103\207\333\103\364' # cli; inc bx; xchg bx,bx; inc bx; xchg bx,bx; inc bx; hlt
vm 20 -m 4 -bios "$dir/fw" -magic-break <<'END' || fail "conversation failed"
sleep 1
monitor info status
answer VM status: paused
monitor info registers
answer RBX=0000000000000001
monitor cont
sleep 1
monitor info registers
answer RBX=0000000000000002
answer RIP=0000000000000007
monitor cont
sleep 1
monitor info status
answer halted with interrupts off
monitor quit
exit 0
END
