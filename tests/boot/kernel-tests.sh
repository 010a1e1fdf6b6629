#!/bin/sh
# The self-tests that Debian's amd64 kernel carries: known answers of every cipher and hash written for AES-NI, PCLMULQDQ, SSSE3,
# AVX and AVX2; RAID syndromes by SSE2 and AVX2; copies from and to user space under SMAP; code patched while it runs; with --long
# the 1,000 programs of the BPF compiler's test.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
crypto='aesni-intel aegis128-aesni blowfish-x86_64 camellia-x86_64 camellia-aesni-avx-x86_64 camellia-aesni-avx2 cast5-avx-x86_64
	cast6-avx-x86_64 chacha-x86_64 crc32-pclmul crc32c-intel crct10dif-pclmul curve25519-x86_64 des3_ede-x86_64 ghash-clmulni-intel
	nhpoly1305-avx2 nhpoly1305-sse2 poly1305-x86_64 serpent-sse2-x86_64 serpent-avx-x86_64 serpent-avx2 sha1-ssse3 sha256-ssse3
	sha512-ssse3 twofish-x86_64 twofish-x86_64-3way twofish-avx-x86_64 adiantum xts gcm ccm essiv'
# of every extension some that are there only if CPUID shows it
drivers='xts-aes-aesni generic-gcm-aesni ghash-clmulni crct10dif-pclmul crc32c-intel sha1-ni sha256-ni sha512-ssse3 sha512-avx
	sha512-avx2 cbc-serpent-avx2 ecb-camellia-aesni-avx2 nhpoly1305-avx2 chacha20-simd curve25519-x86'
k=$(guest kernel amd64) && guest drivers amd64 "$dir/initrd" $crypto raid6_pq test_bpf test_user_copy test_static_key_base \
	test_static_keys >/dev/null || fail "no guest"
bpf=
[ -z "${DRAGOMAN_LONG:-}" ] || bpf="timeout $((600 * slow))
send insmod /lib/modules/test_bpf.ko; dmesg | grep 'test_bpf: Summary'
expect 0 FAILED
say the compiled programs"
vm 120 -m 512 -kernel "$k" -initrd "$dir/initrd" -append 'console=ttyS0 quiet' <<END || fail "conversation failed"
refuse Kernel panic
refuse BUG:
refuse Oops
expect guest ready
send stty -echo; echo echo is off
expect echo is off
send for m in $(echo $crypto); do sh /lib/\$m; done; echo loaded
expect loaded
send echo \$(grep '^selftest' /proc/crypto | grep -v -c passed) wrong, \$(dmesg | grep -c '] alg: .*fail') failures
expect 0 wrong, 0 failures
send n=0; for d in $(echo $drivers); do grep -q "^driver *: \$d\$" /proc/crypto || n=\$((n + 1)); done; echo lacking \$n
expect lacking 0
say the ciphers
send sh /lib/raid6_pq; dmesg | grep raid6
expect raid6: avx2x4
expect raid6: using algorithm
expect recovery algorithm
say the syndromes
send insmod /lib/modules/test_user_copy.ko; dmesg | grep test_user_copy
expect tests passed
$bpf
send insmod /lib/modules/test_static_key_base.ko && insmod /lib/modules/test_static_keys.ko && echo patched
expect patched
send poweroff -f
exit 0
END
[ -z "${KEEP:-}" ] || cp "$dir/serial.txt" "$KEEP.txt"
