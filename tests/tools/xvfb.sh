# xvfb.sh - an X server of one's own for a test. Source it; xvfb_start WIDTHxHEIGHTxDEPTH sets DISPLAY. Ends with the script.
xvfb_start() {
	mkfifo "$dir/display" || exit 1
	# -displayfd: the server picks a free number itself and says it when it is ready
	Xvfb -displayfd 3 -screen 0 "$1" -nolisten tcp -noreset 3>"$dir/display" >/dev/null 2>"$dir/xvfb.log" &
	xvfb_pid=$!
	trap 'kill $xvfb_pid 2>/dev/null; rm -rf "$dir"' EXIT
	read -r number <"$dir/display" || { cat "$dir/xvfb.log" >&2; fail "Xvfb does not start"; }
	DISPLAY=:$number SDL_VIDEODRIVER=x11
	export DISPLAY SDL_VIDEODRIVER
	unset WAYLAND_DISPLAY XAUTHORITY
}
