#!/bin/sh
# demo.sh - boot an unmodified Debian guest: installs what is missing, builds, makes the guest and starts it, in a
# window where there is a display and in this terminal otherwise. Usage: sh frontend/demo.sh [--terminal] [option of dragoman]...
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/tests/lib.sh"
terminal=0
if [ "${1:-}" = --terminal ]; then
	terminal=1
	shift
fi
need_build
need_guests
build_target=dragoman configure_build "$build" -DCMAKE_BUILD_TYPE=Release || die "the build failed"
kernel=$(sh "$tools/guest.sh" kernel) && initrd=$(sh "$tools/guest.sh" initrd) || die "no guest"

# A DISPLAY that cannot be opened is no display: SDL would fail after the machine has been made.
display_works() {
	[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || return 1
	[ -z "${WAYLAND_DISPLAY:-}" ] || return 0
	case $DISPLAY in
	:*)
		n=${DISPLAY#:}
		[ -S "/tmp/.X11-unix/X${n%%.*}" ]
		;;
	*) return 0 ;;
	esac
}
if [ $terminal = 0 ] && display_works; then
	say "A window opens; a shell appears in it within a few seconds."
	say "To leave: type 'poweroff -f' in the guest, or close the window."
	exec "$build/dragoman" -m 256 -kernel "$kernel" -initrd "$initrd" -append 'quiet' "$@"
fi
say "The guest's console is this terminal; a shell appears within a few seconds."
say "To leave: type 'poweroff -f' in the guest, or press Ctrl-A and then x. (Ctrl-A h lists more.)"
exec "$build/dragoman" -m 256 -nographic -kernel "$kernel" -initrd "$initrd" -append 'console=ttyS0 quiet' "$@"
