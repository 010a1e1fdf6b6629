#!/bin/sh
# Serial lines that are no terminal of ours, with a guest: Debian's shell by -serial pty, whose path is printed, and by
# -serial tcp:,server=on,wait=off, where one caller comes after another.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel 686) && i=$(guest initrd 686) || fail "no guest"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 "$tools/serial_lines.py" $((120 * slow)) "$port" "$DRAGOMAN" $accel -display none -m 64 -kernel "$k" -initrd "$i" \
	-append 'console=ttyS0 quiet' || fail "conversation failed"
