#!/bin/sh
# -lesson: each of docs/lessons tells exactly what docs/lessons/out holds, its listing is what its source gives, and as a floppy
# image under QEMU the guest says the same and meets the same exceptions and INT n at the same addresses.
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
lessons=$("$DRAGOMAN" -lesson list | cut -d' ' -f1)
[ "$(echo "$lessons" | wc -l)" -ge 10 ] || fail "ten lessons expected"
[ "$(echo "$lessons" | sort)" = "$(cd "$root/docs/lessons" && ls *.asm | sed 's/\.asm$//' | sort)" ] || fail "the list is not docs/lessons"
for l in $lessons; do
	[ -f "$root/docs/lessons/$l.md" ] || fail "$l has no page"
	timeout $((20 * slow)) "$DRAGOMAN" $accel -lesson "$l" </dev/null >"$dir/out" 2>"$dir/err" || fail "$l: status $?"
	[ ! -s "$dir/err" ] || { cat "$dir/err" >&2; fail "$l: words on standard error"; }
	diff "$root/docs/lessons/out/$l.txt" "$dir/out" >&2 || fail "$l tells something else"
	grep -c '^--- ' "$dir/out" >>"$dir/steps"
done
"$DRAGOMAN" -lesson nonsense >/dev/null 2>"$dir/err" && fail "a lesson that does not exist"
grep -q "there is no 'nonsense'" "$dir/err" || fail "no word about a lesson that does not exist"
[ "$ACCEL" = jit ] || exit 0
python3 "$tools/lesson_terminal.py" "$DRAGOMAN" || fail "terminal"
if command -v nasm >/dev/null; then
	python3 "$tools/lessons.py" --check || fail "a listing is old"
else
	say "no nasm: the listings are not compared with their sources"
fi
command -v qemu-system-x86_64 >/dev/null || { say "no qemu-system-x86_64: not compared with it"; exit 0; }
# events FILE: "VECTOR ADDRESS" of what was delivered from within the image in protected mode
ours() {
	awk '/^--- /{v = ""; if (match($0, /int [0-9a-f]+h/)) v = substr($0, RSTART + 4, RLENGTH - 5)}
		/^  gate  /{v = $2} /^  pushed .*E?IP /{ip = $0; sub(/.*IP /, "", ip); sub(/,.*/, "", ip)
		cs = $0; sub(/.*CS /, "", cs); sub(/,.*/, "", cs); if (v != "" && ip != "") print v, cs ":" ip; v = ""}' "$1"
}
theirs() {
	awk '/^ *[0-9]+: v=/{split($2, a, "="); sub(/IP=/, "", $6); sub(/:00000000/, ":", $6); if ($6 ~ /:0000[0-9a-f]/ && /i=0/) print a[2], $6}' "$1"
}
for l in $lessons; do
	"$DRAGOMAN" -lesson "$l,image=$dir/image" || fail "$l: no image"
	timeout 60 qemu-system-x86_64 -accel tcg -nic none -display none -monitor none -serial "file:$dir/serial" -no-reboot \
		-d int -D "$dir/int" -drive "if=floppy,format=raw,file=$dir/image" -boot a || fail "$l: QEMU's status $?"
	sed -n 's/^guest: //p' "$root/docs/lessons/out/$l.txt" >"$dir/said"
	tr -d '\r' <"$dir/serial" | diff "$dir/said" - >&2 || fail "$l: the guest says something else under QEMU"
	# exceptions, not INT n: QEMU logs the address behind it
	ours "$root/docs/lessons/out/$l.txt" | grep -v '^[48]0 ' >"$dir/ours"
	theirs "$dir/int" >"$dir/theirs"
	case $l in
	faults) ;; # QEMU logs each link of a chain
	*) diff "$dir/ours" "$dir/theirs" >&2 || fail "$l: other exceptions under QEMU" ;;
	esac
done
