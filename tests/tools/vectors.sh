# vectors.sh - replays tests/ring0/vectors/ (program and lines), a type at a time; sourced after boot.sh.
vectors=$root/tests/ring0/vectors
vector_types=24
command -v xz >/dev/null || skip "no xz"
xz -dc "$vectors/program.xz" >"$dir/ring0.img" && truncate -s 10321920 "$dir/ring0.img" || fail "cannot unpack the program"
xz -dc "$vectors/lines.xz" >"$dir/lines" || fail "cannot unpack the vectors"

# vector_poke OFFSET VALUE: 32 bits, little-endian, into the image
vector_poke() {
	printf "\\$(printf %o $(($2 & 255)))\\$(printf %o $(($2 >> 8 & 255)))\\$(printf %o $(($2 >> 16 & 255)))\\$(printf %o $(($2 >> 24 & 255)))" |
		dd of="$dir/ring0.img" bs=1 seek="$1" conv=notrunc 2>/dev/null
}
# vector_run TYPE COUNT OPTION...: the first COUNT cases of a type print the recorded lines. The program's parameters - seed,
# types, first case, number of cases - lie 8 bytes into its first sector; a line begins with 2 digits of the type and 5 of the case.
vector_run() {
	type=$1 count=$2
	shift 2
	vector_poke 524 $((1 << type))
	vector_poke 532 "$count"
	awk -v t="$(printf %02x "$type")" -v n="$(printf %05x "$count")" 'substr($1, 1, 2) == t && substr($1, 3) < n' "$dir/lines" >"$dir/want"
	[ "$(wc -l <"$dir/want")" = "$count" ] || fail "type $type: the vectors are incomplete"
	echo end >>"$dir/want"
	rm -f "$dir/got"
	timeout $((60 * slow)) "$DRAGOMAN" "$@" -m 32 -display none -no-reboot -device isa-debug-exit,iobase=0xf4 \
		-drive "file=$dir/ring0.img,format=raw,snapshot=on" -debugcon "file:$dir/got" >"$dir/err" 2>&1 </dev/null
	[ -f "$dir/got" ] || { head -n 5 "$dir/err" >&2; fail "no output"; }
	cmp -s "$dir/want" "$dir/got" || {
		head -n 5 "$dir/err" >&2
		diff "$dir/want" "$dir/got" | head -n 20 >&2
		fail "type $type: $(diff "$dir/want" "$dir/got" | grep -c '^[<>]') lines differ (< recorded, > now)"
	}
}
