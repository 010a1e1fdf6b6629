#!/bin/sh
# The SDL window under Xvfb shows a text screen and a VBE graphics mode exactly: both pictures are computed from
# what the boot sector draws (tests/tools/picture.py), then looked for in a screenshot of the X server and in screendump's.
# accel: jit; long: interp
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "needs Dragoman's window"
. "$tools/xvfb.sh"
xvfb_start 1280x800x24
for what in text vbe; do
	assemble $what
	case $what in
	text) python3 "$tools/picture.py" screen "$dir/want.ppm" ;;
	vbe) python3 "$tools/picture.py" pattern "$dir/want.ppm" ;;
	esac || fail "no expectation"
	"$DRAGOMAN" $accel -m 16 -display sdl -hda "$dir/$what.img" -serial "file:$dir/$what.log" \
		-monitor "unix:$dir/mon,server=on,wait=off" -snapshot 2>"$dir/err" </dev/null &
	pid=$!
	n=0
	until grep -q '[RF]' "$dir/$what.log" 2>/dev/null; do
		n=$((n + 1))
		kill -0 $pid 2>/dev/null || { cat "$dir/err" >&2; fail "the program ended"; }
		[ $n -lt $((100 * slow)) ] || { kill $pid; fail "$what: the guest has not drawn"; }
		sleep 0.1
	done
	sleep 1.5
	import -display "$DISPLAY" -window root -depth 8 "ppm:$dir/root.ppm" || { kill $pid; fail "no screenshot"; }
	printf 'screendump %s\nquit\n' "$dir/dump.ppm" | timeout 10 socat -t 5 - "unix-connect:$dir/mon" >/dev/null
	wait $pid
	[ $? = 0 ] || fail "$what: quit did not end the program with status 0"
	if [ -n "${KEEP:-}" ]; then cp "$dir/root.ppm" "$KEEP-$what.ppm"; fi
	python3 "$tools/picture.py" find "$dir/dump.ppm" "$dir/want.ppm" >/dev/null || fail "$what: screendump differs"
	python3 "$tools/picture.py" find "$dir/root.ppm" "$dir/want.ppm" >/dev/null || fail "$what: the window differs"
	say "$what: as expected"
done
