#!/bin/sh
# build.sh - make the ring-0 test program's disk image. Usage: build.sh OUT.img SEED TYPES FIRST COUNT VERBOSE
# Any PC can boot it; it reports on port E9h. Needs a gcc that makes 32-bit x86 code. Exit: 77 if there is none.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cc="${CC:-gcc} -m32 -march=i686 -O1 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none
	-fno-asynchronous-unwind-tables -mgeneral-regs-only -I$here -c"
echo 'int x;' >"$tmp/x.c"
$cc "$tmp/x.c" -o "$tmp/x.o" 2>/dev/null || { echo "no 32-bit x86 compiler"; exit 77; }
parts="entry.S engine.c cases.c paging.c vm86.c debug.c soup.c switch.c long_entry.S long.c long_soup.c modify.c vm86_paging.c long_debug.c"
objects=
for f in boot.S $parts; do
	$cc "$here/$f" -o "$tmp/${f%.*}.o"
	[ $f = boot.S ] || objects="$objects $tmp/${f%.*}.o"
done
ld -m elf_i386 -Ttext 0x7C00 --oformat binary "$tmp/boot.o" -o "$tmp/boot.bin" 2>/dev/null
# $objects: a list
ld -m elf_i386 -T "$here/engine.ld" $objects -o "$tmp/e.elf" 2>/dev/null
objcopy -O binary "$tmp/e.elf" "$tmp/e.bin"
python3 - "$tmp/boot.bin" "$tmp/e.bin" "$out" "$2" "$3" "$4" "$5" "$6" <<'P'
import struct, sys
boot, e, out = sys.argv[1:4]
params = [int(x, 0) for x in sys.argv[4:9]]
b, p = open(boot, 'rb').read()[:512], bytearray(open(e, 'rb').read())
assert len(p) < 120 * 512, "the program is too long"
at = p.index(struct.pack('<5I', 1, 0xFFFFFFFF, 0, 100, 0))
p[at:at + 20] = struct.pack('<5I', *params)
img = bytearray(20 * 16 * 63 * 512)
img[:512] = b
img[512:512 + len(p)] = p
open(out, 'wb').write(img)
P
