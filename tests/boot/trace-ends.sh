#!/bin/sh
# However the emulator ends while -trace runs, the file is a whole trace: signals, the monitor's quit, a guest's triple fault and exit.
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "needs -trace"
assemble calls
assemble rings
assemble reset
judge() { # NAME EVENT: the trace is whole and holds the event
	protoc --proto_path="$tools" --decode=Trace trace.proto <"$dir/$1.pb" >"$dir/text" || fail "$1: protoc cannot decode it"
	python3 "$tools/timeline.py" <"$dir/text" >"$dir/line" || fail "$1: the timeline is wrong"
	grep -qF -- "$2" "$dir/line" || { cat "$dir/line" >&2; fail "$1: not in the trace: $2"; }
}
for how in INT TERM HUP QUIT; do
	"$DRAGOMAN" $accel -m 4 -bios "$dir/calls.img" -display none -monitor none -serial none -trace "file=$dir/$how.pb" </dev/null &
	pid=$!
	for i in $(seq $((40 * slow))); do # something is in the file
		[ "$(stat -c %s "$dir/$how.pb" 2>/dev/null || echo 0)" -gt 300000 ] && break
		sleep 0.25
	done
	kill -$how $pid
	wait $pid
	status=$?
	case $how in INT) want=0 ;; TERM) want=143 ;; HUP) want=129 ;; QUIT) want=131 ;; esac
	[ $status = $want ] || fail "SIG$how: status $status, not $want"
	judge $how 'int 20, AX 1234'
done
vm 20 -m 4 -bios "$dir/calls.img" -trace "file=$dir/quit.pb" <<'END' || fail "conversation failed"
sleep 1
monitor info status
answer VM status: running
monitor stop
monitor quit
exit 0
END
judge quit 'int 20, AX 1234'
vm 20 -m 4 -bios "$dir/rings.img" -trace "file=$dir/pause.pb" -action panic=pause 2>/dev/null <<'END' || fail "conversation failed"
sleep 1
monitor info status
answer VM status: paused
monitor quit
exit 0
END
judge pause 'exceptions: #GP GP_CLI_IOPL 1 '
timeout $((20 * slow)) "$DRAGOMAN" $accel -m 4 -bios "$dir/rings.img" -display none -monitor none -serial none -no-reboot \
	-trace "file=$dir/triple.pb" 2>/dev/null </dev/null || fail "-no-reboot: status $?"
judge triple 'exceptions: #GP GP_CLI_IOPL 1 '
timeout $((60 * slow)) "$DRAGOMAN" $accel -m 2 -bios "$dir/reset.img" -display none -monitor none -serial none \
	-device isa-debug-exit -trace "file=$dir/exit.pb" 2>/dev/null </dev/null
status=$?
[ $status = 85 ] || fail "isa-debug-exit: status $status"
judge exit 'mode: real'
# what cannot be written is said
timeout $((20 * slow)) "$DRAGOMAN" $accel -m 4 -bios "$dir/rings.img" -display none -monitor none -serial none -no-reboot \
	-trace file=/dev/full 2>"$dir/err" </dev/null
grep -qF "the trace '/dev/full' is incomplete" "$dir/err" || { cat "$dir/err" >&2; fail "a full disk is not told"; }
