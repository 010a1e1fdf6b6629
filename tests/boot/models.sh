#!/bin/sh
# Debian's kernels follow CPUID: the amd64 one boots and works on every 64-bit -cpu model, the 686 one on the old ones;
# /proc/cpuinfo shows what the model has and lacks.
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
