#!/bin/sh
# Programs follow CPUID: Debian's amd64 kernel boots and works on every 64-bit -cpu model, the 686 one on the old ones,
# /proc/cpuinfo shows what the model has and lacks; either says what is missing on a model too small for it. memtest86+ runs
# on the two oldest; GNU Mach, whose compiler used CMOV without asking, takes #UD there and boots on a pentium2.
# accel: ; long: jit
. "$(dirname "$0")/../tools/boot.sh"
# model FLAVOUR MODEL HAS LACKS
model() {
	k=$(guest kernel "$1") && i=$(guest initrd "$1") || fail "no guest"
	vm 120 -m 256 -cpu "$2" -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' <<END || fail "$1 on $2: conversation failed"
refuse Kernel panic
refuse BUG:
refuse Oops
refuse invalid opcode
expect guest ready
send grep -c -w $3 /proc/cpuinfo; grep -c -w $4 /proc/cpuinfo; echo end
expect 1
expect 0
expect end
send for n in 1 2 3 4; do gzip -9 < /bin/busybox | md5sum; done | uniq | wc -l
expect 1
send poweroff -f
exit 0
END
	say "$1 on $2"
}
model 686 pentium2 fxsr sse
model 686 pentium3 sse sse2
model 686 n270 ssse3 lm
for m in core2duo:ssse3:popcnt qemu64:sse3:ssse3 kvm64:sse2:ssse3 Nehalem:sse4_2:aes Westmere:aes:movbe \
	Haswell:movbe:sha_ni x86-64-v1:sse2:sse3 x86-64-v2:sse4_2:movbe x86-64-v3:movbe:rdrand; do
	IFS=: read -r name has lacks <<END
$m
END
	model amd64 "$name" "$has" "$lacks"
done

# refuses FLAVOUR MODEL TEXT
refuses() {
	text=$3 k=$(guest kernel "$1") || fail "no guest"
	vm 30 -m 64 -cpu "$2" -kernel "$k" <<END || fail "$1 on $2: conversation failed"
screen $text
monitor quit
exit 0
END
	say "$1 refuses $2"
}
refuses 686 486 "requires an i586 CPU, but only detected an i486 CPU"
refuses 686 pentium "requires the following features not present on the CPU"
refuses amd64 pentium3 "requires an x86-64 CPU, but only detected an i686 CPU"
for m in 486 pentium; do
	vm 200 -m 8 -cpu $m -kernel /boot/memtest86+ia32.bin <<END || fail "memtest86+ on $m: conversation failed"
screen Test #10
screen Errors: 0
monitor quit
exit 0
END
	say "memtest86+ on $m"
done
k=$(guest mach) || fail "no guest"
vm 60 -m 64 -cpu pentium2 -kernel "$k" -append console=com0 <<END || fail "GNU Mach on pentium2: conversation failed"
expect GNU Mach
monitor quit
exit 0
END
timeout $((60 * slow)) "$DRAGOMAN" $accel -display none -serial null -m 64 -cpu pentium -no-reboot -kernel "$k" -append console=com0 \
	-d trap </dev/null >"$dir/traps" 2>&1
grep -A 1 '#UD' "$dir/traps" | grep -q cmov || fail "GNU Mach on pentium: no #UD"
say "GNU Mach on pentium2, not on pentium"
