#!/bin/sh
# The monitor's info tlb, mem, pic and lapic against QEMU's own monitor, on the same guest in the same state: the paging lesson
# (32-bit, 4 KiB pages) and the SYSCALL lesson (64-bit, a 2 MiB page), stopped where they switch the machine off.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "compares with QEMU"
command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
# views PROGRAM OPTION...: what its monitor shows, without prompts and echo
views() {
	{
		i=0
		until grep -q "$last" "$dir/serial" 2>/dev/null || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done
		sleep 0.5
		printf 'info tlb\ninfo mem\ninfo pic\ninfo lapic\n'
		sleep 1
		echo quit
	} | timeout 60 "$@" -m 16 -display none -serial "file:$dir/serial" -monitor stdio -no-shutdown -drive "if=floppy,format=raw,file=$dir/image" -boot a 2>/dev/null |
		tr -d '\r' | sed -e 's/\x1b\[[0-9;]*[A-Za-z]//g' -e '/(qemu)\|(dragoman)\|^QEMU\|^Dragoman\|^ioapic0\|^  pin\|^ *IRR \|Remote IRR\|^base /d' -e 's/ lines=.*//' -e 's/^pic0: irr=\(.\)./pic0: irr=\1x/' \
			-e 's/ *$//' -e '/^$/d' -e '/^pic: /d'
	rm -f "$dir/serial"
}
for lesson in paging fastcall; do
	last=$(sed -n 's/^guest: //p' "$root/docs/lessons/out/$lesson.txt" | tail -n 1)
	"$DRAGOMAN" -lesson "$lesson,image=$dir/image" || fail "no image"
	views "$DRAGOMAN" $accel >"$dir/ours"
	views qemu-system-x86_64 -accel tcg -nic none >"$dir/theirs"
	for f in ours theirs; do
		grep -v '^pic\|^0000' "$dir/$f" >"$dir/$f.rest"
		grep '^pic' "$dir/$f" | sort >>"$dir/$f.rest"
		grep '^0000' "$dir/$f" >"$dir/$f.pages"
	done
	[ "$(wc -l <"$dir/theirs.pages")" -ge 2 ] || fail "$lesson: QEMU shows nothing"
	diff "$dir/theirs.pages" "$dir/ours.pages" >&2 || fail "$lesson: pages differ"
	diff "$dir/theirs.rest" "$dir/ours.rest" >&2 || fail "$lesson: interrupt controllers differ"
done
