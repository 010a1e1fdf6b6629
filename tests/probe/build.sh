#!/bin/sh
# build.sh DIR: makes probe32.elf and probe64.elf, multiboot images, in DIR
set -e
here=$(cd "$(dirname "$0")" && pwd)
for bits in 32 64; do
	format=
	[ $bits = 32 ] || format=-Wl,--oformat=elf64-x86-64
	gcc -m$bits -O1 -ffreestanding -fno-pic -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
		-mgeneral-regs-only -mno-red-zone -Wall -nostdlib -static -Wl,-Ttext=0x401000 -Wl,--section-start=.head=0x400000 \
		-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -z execstack -Wl,-e,start -o "$1/probe$bits.o" "$here"/*.S "$here"/*.c
	objcopy -O elf32-i386 "$1/probe$bits.o" "$1/probe$bits.elf"
done
