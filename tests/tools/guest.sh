#!/bin/sh
# guest.sh - make guests from unmodified Debian packages. Nothing is installed on this host and no root is needed:
# packages are unpacked into a cache and file systems are written by mke2fs, xorriso and grub-mkimage.
#
# Usage: tests/tools/guest.sh WHAT [ARGUMENT]      prints the path(s) of the result
#   kernel [FLAVOUR]     Debian's kernel: path of vmlinuz; FLAVOUR is 686 (the default), 686-pae or amd64
#   initrd [FLAVOUR]     busybox initramfs for it
#   iso [FLAVOUR]        isolinux CD with kernel and initramfs, console on serial
#   disk [FLAVOUR]       hard disk: MBR, GRUB, ext4 with kernel and initramfs
#   installer ARCH KIND  directory with linux and initrd.gz of Debian's installer; KIND is text or gtk
#   data FILE            a fresh ext4 data disk of 64 MiB
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
umask 022
PATH=$PATH:/usr/sbin:/sbin

# in_arch PROGRAM ARGUMENT...: apt-get or apt-cache as a host of $arch would run it, with lists of its own: works
# without root, and whatever the architecture of this host
in_arch() {
	program=$1
	shift
	"$program" -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State="$cache/apt" \
		-o Dir::State::status=/dev/null -o Dir::Cache="$cache/apt/cache" -o APT::Sandbox::User=root "$@"
}
# fetch NAME...: unpack Debian's packages for $arch below $cache/pkg/NAME
fetch() {
	if [ ! -f "$cache/apt/ready" ]; then
		say "reading Debian's $arch package lists"
		mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
		# One archive of several may be out of step; whether what we need is there shows below.
		in_arch apt-get update >"$cache/apt/update.log" 2>&1
		touch "$cache/apt/ready"
	fi
	for f; do
		[ ! -d "$cache/pkg/$f" ] || continue
		say "fetching $f ($arch)"
		tmp=$(mktemp -d "$cache/fetch.XXXXXX") || exit 1
		(cd "$tmp" && in_arch apt-get download "$f" && dpkg-deb -x ./*.deb out) >"$cache/apt/log" 2>&1 || {
			tail -n 5 "$cache/apt/update.log" "$cache/apt/log" >&2
			rm -rf "$tmp"
			# lists may have aged since: the next run reads them again
			rm -f "$cache/apt/ready"
			die "cannot fetch $f"
		}
		mkdir -p "$cache/pkg"
		chmod 755 "$tmp/out" && mv "$tmp/out" "$cache/pkg/$f"
		rm -rf "$tmp"
	done
}

# kernel_dir: unpacked kernel package of $flavour; fetched once
kernel_dir() {
	if [ ! -s "$cache/kernel-$flavour" ]; then
		fetch "linux-image-$flavour"
		p=$(in_arch apt-cache depends "linux-image-$flavour" |
			sed -n 's/^ *|*Depends: \(linux-image-[0-9][^ :]*\).*/\1/p' | head -n 1)
		[ -n "$p" ] || die "no kernel package behind linux-image-$flavour"
		fetch "$p"
		echo "$p" >"$cache/kernel-$flavour"
	fi
	echo "$cache/pkg/$(cat "$cache/kernel-$flavour")"
}
kernel() {
	d=$(kernel_dir) || exit 1
	set -- "$d"/boot/vmlinuz-*
	echo "$1"
}

# Modules of the initramfs: disks, file systems. Their dependencies come along.
modules="ata_piix sd_mod sr_mod ext4 isofs loop"

# modules_into DIR: copy the modules and write the order of loading to DIR/etc/modules
modules_into() {
	d=$(kernel_dir) || exit 1
	v=$(ls "$d/lib/modules")
	[ -f "$d/lib/modules/$v/modules.dep" ] || depmod -b "$d" "$v" || exit 1
	mkdir -p "$1/lib/modules" "$1/etc"
	: >"$1/etc/modules"
	for m in $modules; do
		modprobe -d "$d" -S "$v" --show-depends "$m" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		while IFS= read -r f; do
			b=${f##*/}
			[ ! -f "$1/lib/modules/$b" ] || continue
			cp "$f" "$1/lib/modules/$b" && echo "$b" >>"$1/etc/modules"
		done
	done
	# the checksum ext4 asks for by name at run time
	modprobe -d "$d" -S "$v" --show-depends crc32c_generic | sed -n 's/^insmod \([^ ]*\).*/\1/p' |
	while IFS= read -r f; do
		cp "$f" "$1/lib/modules/" && sed -i "1i${f##*/}" "$1/etc/modules"
	done
}

# initrd_tree DIR: the root file system of the initramfs
initrd_tree() {
	fetch busybox-static
	mkdir -p "$1/bin" "$1/proc" "$1/sys" "$1/dev" "$1/mnt" "$1/tmp" "$1/run"
	cp "$cache/pkg/busybox-static/bin/busybox" "$1/bin/"
	modules_into "$1"
	cp "$tools/guest-init" "$1/init"
	cp "$tools/guest-session" "$1/bin/session"
	chmod 755 "$1/init" "$1/bin/session"
	[ ! -d "$guests/extra" ] || cp -r "$guests/extra/." "$1/"
}
initrd() {
	out=$cache/initrd-$flavour.gz
	if [ ! -s "$out" ] || [ "$tools/guest-init" -nt "$out" ] || [ "$tools/guest-session" -nt "$out" ] ||
		[ "$tools/guest.sh" -nt "$out" ]; then
		t=$(mktemp -d "$cache/tree.XXXXXX") || exit 1
		(initrd_tree "$t") || { rm -rf "$t"; exit 1; }
		(cd "$t" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$out.new" || exit 1
		rm -rf "$t"
		mv "$out.new" "$out"
	fi
	echo "$out"
}

iso() {
	k=$(kernel) && i=$(initrd) || exit 1
	out=$cache/linux-$flavour.iso
	if [ ! -s "$out" ] || [ "$i" -nt "$out" ]; then
		t=$(mktemp -d "$cache/tree.XXXXXX") || exit 1
		mkdir "$t/isolinux" && cp "$k" "$t/isolinux/vmlinuz" && cp "$i" "$t/isolinux/initrd.gz" || exit 1
		cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$t/isolinux/" || exit 1
		printf '%s\n' 'SERIAL 0 115200' 'DEFAULT linux' 'LABEL linux' '  KERNEL vmlinuz' '  INITRD initrd.gz' \
			'  APPEND console=tty0 console=ttyS0,115200 quiet' >"$t/isolinux/isolinux.cfg"
		xorriso -as mkisofs -quiet -o "$out.new" -V DRAGOMAN -b isolinux/isolinux.bin -c isolinux/boot.cat \
			-no-emul-boot -boot-load-size 4 -boot-info-table "$t" 2>"$cache/iso.log" || {
			cat "$cache/iso.log" >&2
			exit 1
		}
		rm -rf "$t"
		mv "$out.new" "$out"
	fi
	echo "$out"
}

# disk: 96 MiB; GRUB's boot sector, its core image in the gap before the first partition, one ext4 partition. boot.img
# and grub-mkimage's defaults already say "core image from sector 1 on", so both are written as they are.
disk() {
	k=$(kernel) && i=$(initrd) || exit 1
	out=$cache/linux-$flavour.img
	if [ ! -s "$out" ] || [ "$i" -nt "$out" ]; then
		t=$(mktemp -d "$cache/tree.XXXXXX") || exit 1
		mkdir -p "$t/boot" && cp "$k" "$t/boot/vmlinuz" && cp "$i" "$t/boot/initrd.gz" || exit 1
		printf '%s\n' 'serial --unit=0 --speed=115200' 'terminal_output console serial' 'set root=(hd0,msdos1)' \
			'echo GRUB is loading Linux' 'linux /boot/vmlinuz console=tty0 console=ttyS0,115200 quiet disk=/dev/sda1' \
			'initrd /boot/initrd.gz' 'boot' >"$cache/grub.cfg"
		g=/usr/lib/grub/i386-pc
		grub-mkimage -O i386-pc -d $g -c "$cache/grub.cfg" -p '(hd0,msdos1)/boot' -o "$cache/core.img" \
			biosdisk part_msdos ext2 normal linux serial terminal echo || exit 1
		[ "$(stat -c %s "$cache/core.img")" -lt $((2047 * 512)) ] || die "GRUB's core image does not fit the gap"
		rm -f "$out.new"
		truncate -s 96M "$out.new" || exit 1
		mke2fs -q -F -t ext4 -L root -d "$t" -E offset=1048576 "$out.new" 95M 2>"$cache/disk.log" || {
			cat "$cache/disk.log" >&2
			exit 1
		}
		printf '%s\n' 'label: dos' 'label-id: 0x0d4a60a9' 'start=2048, type=83, bootable' |
			sfdisk -q --wipe never "$out.new" 2>"$cache/disk.log" || exit 1
		# the first 440 bytes are code; the rest of the sector is the partition table
		dd if=$g/boot.img of="$out.new" bs=440 count=1 conv=notrunc status=none || exit 1
		dd if="$cache/core.img" of="$out.new" bs=512 seek=1 conv=notrunc status=none || exit 1
		rm -rf "$t"
		mv "$out.new" "$out"
	fi
	echo "$out"
}

what=${1:-}
if [ "$what" = data ]; then
	[ -n "${2:-}" ] || die "data: which file?"
	rm -f "$2"
	truncate -s 64M "$2" && mke2fs -q -F -t ext4 -L data "$2" || exit 1
	echo "$2"
	exit 0
fi
if [ "$what" = installer ]; then
	d=/usr/lib/debian-installer/images/12/$2/${3:-text}/debian-installer/$2
	[ -f "$d/linux" ] || die "install debian-installer-12-netboot-$2"
	echo "$d"
	exit 0
fi
flavour=${2:-686}
case $flavour in
686 | 686-pae) arch=i386 ;;
amd64) arch=amd64 ;;
*) die "unknown kernel flavour: $flavour" ;;
esac
cache=$guests/$arch
mkdir -p "$cache" || exit 1
case $what in
kernel | initrd | iso | disk) $what ;;
*) die "usage: guest.sh kernel|initrd|iso|disk [686|686-pae|amd64] | data FILE" ;;
esac
