#!/bin/sh
# guest.sh - make guests from unmodified Debian packages. Nothing is installed on this host and no root is needed:
# packages are unpacked into a cache and file systems are written by mke2fs, xorriso and grub-mkimage.
#
# Usage: tests/tools/guest.sh WHAT [ARGUMENT]      prints the path(s) of the result
#   kernel [686|686-pae]     Debian's kernel: path of vmlinuz
#   initrd [686|686-pae]     busybox initramfs for it
#   iso                      isolinux CD with kernel and initramfs, console on serial
#   disk                     hard disk: MBR, GRUB, ext4 with kernel and initramfs
#   data FILE                a fresh ext4 data disk of 64 MiB
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
umask 022
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$guests" || exit 1

# apt32 COMMAND...: apt-get as an i386 host would run it, with lists of its own: works without root, and whatever
# the architecture of this host
apt32() {
	apt-get -qq -o APT::Architecture=i386 -o APT::Architectures=i386 -o Dir::State="$guests/apt" \
		-o Dir::State::status=/dev/null -o Dir::Cache="$guests/apt/cache" -o APT::Sandbox::User=root "$@"
}
depends32() {
	apt-cache -o APT::Architecture=i386 -o APT::Architectures=i386 -o Dir::State="$guests/apt" \
		-o Dir::State::status=/dev/null -o Dir::Cache="$guests/apt/cache" depends "$1"
}
# fetch NAME...: unpack Debian's i386 packages below $guests/pkg/NAME
fetch() {
	if [ ! -f "$guests/apt/ready" ]; then
		say "reading Debian's i386 package lists"
		mkdir -p "$guests/apt/lists/partial" "$guests/apt/cache/archives/partial"
		# One archive of several may be out of step; whether what we need is there shows below.
		apt32 update >"$guests/apt/update.log" 2>&1
		touch "$guests/apt/ready"
	fi
	for f; do
		[ ! -d "$guests/pkg/$f" ] || continue
		say "fetching $f (i386)"
		tmp=$(mktemp -d "$guests/fetch.XXXXXX") || exit 1
		(cd "$tmp" && apt32 download "$f" && dpkg-deb -x ./*.deb out) >"$guests/apt/log" 2>&1 || {
			tail -n 5 "$guests/apt/update.log" "$guests/apt/log" >&2
			rm -rf "$tmp"
			# lists may have aged since: the next run reads them again
			rm -f "$guests/apt/ready"
			die "cannot fetch $f"
		}
		mkdir -p "$guests/pkg"
		chmod 755 "$tmp/out" && mv "$tmp/out" "$guests/pkg/$f"
		rm -rf "$tmp"
	done
}

# kernel_dir FLAVOUR: unpacked kernel package of that flavour; fetched once
kernel_dir() {
	if [ ! -s "$guests/kernel-$1" ]; then
		fetch "linux-image-$1"
		p=$(depends32 "linux-image-$1" | sed -n 's/^ *|*Depends: \(linux-image-[0-9][^ :]*\).*/\1/p' | head -n 1)
		[ -n "$p" ] || die "no kernel package behind linux-image-$1"
		fetch "$p"
		echo "$p" >"$guests/kernel-$1"
	fi
	echo "$guests/pkg/$(cat "$guests/kernel-$1")"
}
kernel() {
	d=$(kernel_dir "$1") || exit 1
	set -- "$d"/boot/vmlinuz-*
	echo "$1"
}

# Modules of the initramfs: disks, file systems. Their dependencies come along.
modules="ata_piix sd_mod sr_mod ext4 isofs loop"

# modules_into DIR FLAVOUR: copy the modules and write the order of loading to DIR/etc/modules
modules_into() {
	d=$(kernel_dir "$2") || exit 1
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

# initrd_tree DIR FLAVOUR: the root file system of the initramfs
initrd_tree() {
	fetch busybox-static
	mkdir -p "$1/bin" "$1/proc" "$1/sys" "$1/dev" "$1/mnt" "$1/tmp" "$1/run"
	cp "$guests/pkg/busybox-static/bin/busybox" "$1/bin/"
	modules_into "$1" "$2"
	cp "$tools/guest-init" "$1/init"
	cp "$tools/guest-session" "$1/bin/session"
	chmod 755 "$1/init" "$1/bin/session"
	[ ! -d "$guests/extra" ] || cp -r "$guests/extra/." "$1/"
}
initrd() {
	out=$guests/initrd-$1.gz
	if [ ! -s "$out" ] || [ "$tools/guest-init" -nt "$out" ] || [ "$tools/guest-session" -nt "$out" ] ||
		[ "$tools/guest.sh" -nt "$out" ]; then
		t=$(mktemp -d "$guests/tree.XXXXXX") || exit 1
		(initrd_tree "$t" "$1") || { rm -rf "$t"; exit 1; }
		(cd "$t" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$out.new" || exit 1
		rm -rf "$t"
		mv "$out.new" "$out"
	fi
	echo "$out"
}

iso() {
	k=$(kernel 686) && i=$(initrd 686) || exit 1
	out=$guests/linux.iso
	if [ ! -s "$out" ] || [ "$i" -nt "$out" ]; then
		t=$(mktemp -d "$guests/tree.XXXXXX") || exit 1
		mkdir "$t/isolinux" && cp "$k" "$t/isolinux/vmlinuz" && cp "$i" "$t/isolinux/initrd.gz" || exit 1
		cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$t/isolinux/" || exit 1
		printf '%s\n' 'SERIAL 0 115200' 'DEFAULT linux' 'LABEL linux' '  KERNEL vmlinuz' '  INITRD initrd.gz' \
			'  APPEND console=tty0 console=ttyS0,115200 quiet' >"$t/isolinux/isolinux.cfg"
		xorriso -as mkisofs -quiet -o "$out.new" -V DRAGOMAN -b isolinux/isolinux.bin -c isolinux/boot.cat \
			-no-emul-boot -boot-load-size 4 -boot-info-table "$t" 2>"$guests/iso.log" || {
			cat "$guests/iso.log" >&2
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
	k=$(kernel 686) && i=$(initrd 686) || exit 1
	out=$guests/linux.img
	if [ ! -s "$out" ] || [ "$i" -nt "$out" ]; then
		t=$(mktemp -d "$guests/tree.XXXXXX") || exit 1
		mkdir -p "$t/boot" && cp "$k" "$t/boot/vmlinuz" && cp "$i" "$t/boot/initrd.gz" || exit 1
		printf '%s\n' 'serial --unit=0 --speed=115200' 'terminal_output console serial' 'set root=(hd0,msdos1)' \
			'echo GRUB is loading Linux' 'linux /boot/vmlinuz console=tty0 console=ttyS0,115200 quiet disk=/dev/sda1' \
			'initrd /boot/initrd.gz' 'boot' >"$guests/grub.cfg"
		g=/usr/lib/grub/i386-pc
		grub-mkimage -O i386-pc -d $g -c "$guests/grub.cfg" -p '(hd0,msdos1)/boot' -o "$guests/core.img" \
			biosdisk part_msdos ext2 normal linux serial terminal echo || exit 1
		[ "$(stat -c %s "$guests/core.img")" -lt $((2047 * 512)) ] || die "GRUB's core image does not fit the gap"
		rm -f "$out.new"
		truncate -s 96M "$out.new" || exit 1
		mke2fs -q -F -t ext4 -L root -d "$t" -E offset=1048576 "$out.new" 95M 2>"$guests/disk.log" || {
			cat "$guests/disk.log" >&2
			exit 1
		}
		printf '%s\n' 'label: dos' 'label-id: 0x0d4a60a9' 'start=2048, type=83, bootable' |
			sfdisk -q --wipe never "$out.new" 2>"$guests/disk.log" || exit 1
		# the first 440 bytes are code; the rest of the sector is the partition table
		dd if=$g/boot.img of="$out.new" bs=440 count=1 conv=notrunc status=none || exit 1
		dd if="$guests/core.img" of="$out.new" bs=512 seek=1 conv=notrunc status=none || exit 1
		rm -rf "$t"
		mv "$out.new" "$out"
	fi
	echo "$out"
}

case ${1:-} in
kernel | initrd)
	case ${2:-686} in
	686 | 686-pae) $1 "${2:-686}" ;;
	*) die "unknown kernel flavour: $2" ;;
	esac
	;;
iso | disk) $1 ;;
data)
	[ -n "${2:-}" ] || die "data: which file?"
	rm -f "$2"
	truncate -s 64M "$2" && mke2fs -q -F -t ext4 -L data "$2" || exit 1
	echo "$2"
	;;
*) die "usage: guest.sh kernel|initrd [686|686-pae] | iso | disk | data FILE" ;;
esac
