#!/bin/sh
# -report sensitive=: exact counts of a small guest by kind, ring and address; a Linux boot still works and shows what it must.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
assemble rings
timeout 20 "$DRAGOMAN" $accel -m 4 -bios "$dir/rings.img" -display none -monitor none -serial none -no-reboot \
	-report "sensitive=$dir/r.html" 2>/dev/null </dev/null || fail "rings: status $?"
while IFS= read -r line; do
	grep -qx -- "$line" "$dir/r.csv" || { cat "$dir/r.csv" >&2; fail "not in the report: $line"; }
done <<'END'
cli,CLI,privileged,ring 3,all,1
cli,CLI,privileged,ring 3,0xf[0-9a-f]*,1
cli,CLI,privileged,real mode,0xf0000,1
in,IN_ALIub,privileged,ring 3,all,1
lgdt,[^,]*,privileged,real mode,all,1
ltr,[^,]*,privileged,ring 0,all,1
pushf[d]*,[^,]*,sensitive,ring 0,all,1
iret[d]*,[^,]*,sensitive,ring 0,all,10
int,INT_Iub,sensitive,ring 3,all,2
END
grep -q 'restores neither IF nor IOPL' "$dir/r.html" || fail "the page does not say what IRET does in ring 1"
k=$(guest kernel) && i=$(guest initrd) || fail "no guest"
vm 120 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -report "sensitive=$dir/l.html" <<'END' || fail "conversation failed"
expect guest ready
send poweroff -f
exit 0
END
for m in cli sti pushf.* popf.* out in hlt iret.* 'mov,MOV_[^,]*C[^,]*'; do
	grep -Eq "^$m,.*ring 0,all,[1-9]" "$dir/l.csv" || { grep ,all, "$dir/l.csv" >&2; fail "Linux without $m in ring 0"; }
done
grep -q '</html>' "$dir/l.html" || fail "the page is cut"
