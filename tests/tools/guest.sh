#!/bin/sh
# guest.sh - make guests from unmodified Debian packages. Nothing is installed on this host and no root is needed:
# packages are unpacked into a cache and file systems are written by mke2fs, xorriso and grub-mkimage.
#
# Usage: tests/tools/guest.sh WHAT [ARGUMENT]      prints the path(s) of the result
#   kernel [FLAVOUR]     Debian's kernel: path of vmlinuz; FLAVOUR is 686 (the default), 686-pae or amd64
#   initrd [FLAVOUR]     busybox initramfs for it
#   work [FLAVOUR]       the same with guest-work as its /init: a guest without input
#   drivers FLAVOUR FILE MODULE...  the initramfs as FILE with more kernel modules, which `sh /lib/MODULE` loads
#   iso [FLAVOUR]        isolinux CD with kernel and initramfs, console on serial
#   disk [FLAVOUR]       hard disk: MBR, GRUB, ext4 with kernel and initramfs
#   uefi                 hard disk for UEFI: GPT, an EFI system partition with GRUB, kernel and initramfs
#   debian [FLAVOUR]     hard disk with a whole Debian: systemd, compilers and the programs of guest-programs. Needs root
#   reference [FLAVOUR]  what guest-programs prints in that Debian's root on this host, by chroot. Needs root
#   package FLAVOUR NAME...  Debian packages, unpacked: a directory each
#   mach                 GNU Mach, a multiboot kernel: path, uncompressed
#   xen amd64            the Xen hypervisor, a multiboot kernel: path, uncompressed
#   installer ARCH KIND  directory with linux and initrd.gz of Debian 12's installer; KIND is text or gtk
#   mirror ARCH KIND     Debian 13's: the paths of linux, of initrd.gz, and of a directory that can be served as a Debian mirror to it,
#                        with the components that it asks for; then "signed", or "mended" where the archive at hand lacks some
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

# drivers FILE MODULE...: the kernel unpacks every archive of the file, one over the other
drivers() {
	i=$(initrd) && d=$(kernel_dir) || exit 1
	v=$(ls "$d/lib/modules")
	out=$1
	shift
	t=$(mktemp -d "$cache/tree.XXXXXX") || exit 1
	mkdir -p "$t/lib/modules"
	for m; do
		modprobe -d "$d" -S "$v" --show-depends "$m" | sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		while IFS= read -r f; do
			cp "$f" "$t/lib/modules/" && echo "insmod /lib/modules/${f##*/} 2>/dev/null" >>"$t/lib/$m" || exit 1
		done
		[ -s "$t/lib/$m" ] || die "no kernel module $m"
	done
	(cd "$t" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) | cat "$i" - >"$out" || exit 1
	rm -rf "$t"
	echo "$out"
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
# work: the kernel unpacks both archives, one over the other
work() {
	i=$(initrd) || exit 1
	out=$cache/work-$flavour.gz
	if [ ! -s "$out" ] || [ "$i" -nt "$out" ] || [ "$tools/guest-work" -nt "$out" ]; then
		t=$(mktemp -d "$cache/tree.XXXXXX") || exit 1
		cp "$tools/guest-work" "$t/init" && chmod 755 "$t/init"
		(cd "$t" && echo init | cpio -o -H newc -R 0:0 --quiet | gzip -9n) | cat "$i" - >"$out.new.$$" || exit 1
		rm -rf "$t"
		mv "$out.new.$$" "$out"
	fi
	echo "$out"
}
initrd() {
	out=$cache/initrd-$flavour.gz
	if [ ! -s "$out" ] || [ "$tools/guest-init" -nt "$out" ] || [ "$tools/guest-session" -nt "$out" ] ||
		[ "$tools/guest.sh" -nt "$out" ]; then
		t=$(mktemp -d "$cache/tree.XXXXXX") || exit 1
		(initrd_tree "$t") || { rm -rf "$t"; exit 1; }
		(cd "$t" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$out.new.$$" || exit 1
		rm -rf "$t"
		mv "$out.new.$$" "$out"
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
		xorriso -as mkisofs -quiet -o "$out.new.$$" -V DRAGOMAN -b isolinux/isolinux.bin -c isolinux/boot.cat \
			-no-emul-boot -boot-load-size 4 -boot-info-table "$t" 2>"$cache/iso.log" || {
			cat "$cache/iso.log" >&2
			exit 1
		}
		rm -rf "$t"
		mv "$out.new.$$" "$out"
	fi
	echo "$out"
}

# write_disk OUT TREE MIB TITLE KERNEL INITRD ARGUMENTS: a hard disk with GRUB's boot sector, its core image in the gap
# before the first partition, one ext4 partition with TREE. boot.img and grub-mkimage's defaults already say "core image
# from sector 1 on", so both are written as they are.
write_disk() {
	g=/usr/lib/grub/i386-pc
	printf '%s\n' 'serial --unit=0 --speed=115200' 'terminal_output console serial' 'set root=(hd0,msdos1)' \
		"echo GRUB is loading $4" "linux $5 $7" "initrd $6" 'boot' >"$cache/grub.cfg"
	grub-mkimage -O i386-pc -d $g -c "$cache/grub.cfg" -p '(hd0,msdos1)/boot' -o "$cache/core.img" \
		biosdisk part_msdos ext2 normal linux serial terminal echo || exit 1
	[ "$(stat -c %s "$cache/core.img")" -lt $((2047 * 512)) ] || die "GRUB's core image does not fit the gap"
	rm -f "$1.new.$$"
	truncate -s "$3M" "$1.new.$$" || exit 1
	mke2fs -q -F -t ext4 -L root -d "$2" -E offset=1048576 "$1.new.$$" $(($3 - 1))M 2>"$cache/disk.log" || {
		cat "$cache/disk.log" >&2
		exit 1
	}
	printf '%s\n' 'label: dos' 'label-id: 0x0d4a60a9' 'start=2048, type=83, bootable' |
		sfdisk -q --wipe never "$1.new.$$" 2>"$cache/disk.log" || exit 1
	# the first 440 bytes are code; the rest of the sector is the partition table
	dd if=$g/boot.img of="$1.new.$$" bs=440 count=1 conv=notrunc status=none || exit 1
	dd if="$cache/core.img" of="$1.new.$$" bs=512 seek=1 conv=notrunc status=none || exit 1
	mv "$1.new.$$" "$1"
}
disk() {
	k=$(kernel) && i=$(initrd) || exit 1
	out=$cache/linux-$flavour.img
	if [ ! -s "$out" ] || [ "$i" -nt "$out" ]; then
		t=$(mktemp -d "$cache/tree.XXXXXX") || exit 1
		mkdir -p "$t/boot" && cp "$k" "$t/boot/vmlinuz" && cp "$i" "$t/boot/initrd.gz" || exit 1
		write_disk "$out" "$t" 96 Linux /boot/vmlinuz /boot/initrd.gz \
			'console=tty0 console=ttyS0,115200 quiet disk=/dev/sda1'
		rm -rf "$t"
	fi
	echo "$out"
}

# The removable medium's path, so that firmware without a boot entry for it finds it.
uefi() {
	[ "$flavour" = amd64 ] || die "uefi: amd64 only"
	k=$(kernel) && i=$(initrd) || exit 1
	out=$cache/uefi-$flavour.img
	if [ ! -s "$out" ] || [ "$i" -nt "$out" ]; then
		printf '%s\n' 'search --file --set=root /vmlinuz' 'echo GRUB is loading Linux from UEFI' \
			'linux /vmlinuz console=tty0 console=ttyS0,115200 quiet' 'initrd /initrd.gz' boot >"$cache/uefi.cfg"
		grub-mkimage -O x86_64-efi -d /usr/lib/grub/x86_64-efi -c "$cache/uefi.cfg" -p / -o "$cache/bootx64.efi" \
			part_gpt fat normal linux search search_fs_file echo efi_gop || exit 1
		rm -f "$out.new.$$"
		truncate -s 96M "$out.new.$$" || exit 1
		printf '%s\n' 'label: gpt' 'start=2048, size=190464, type=U' | sfdisk -q "$out.new.$$" || exit 1
		img=$out.new.$$@@1M
		mformat -i "$img" -F -T 190464 -h 16 -s 63 -v DRAGOMAN :: && mmd -i "$img" ::/EFI ::/EFI/BOOT &&
			mcopy -i "$img" "$cache/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI && mcopy -i "$img" "$k" ::/vmlinuz &&
			mcopy -i "$img" "$i" ::/initrd.gz || exit 1
		mv "$out.new.$$" "$out"
	fi
	echo "$out"
}

# What Debian's root holds besides the minimal system
debian_packages=systemd-sysv,udev,dbus,libpam-systemd,kmod,procps,initramfs-tools,7zip,openssl,python3,perl,sqlite3,gcc,libc6-dev

# debian_root: $cache/root, a Debian 12 with a kernel, made by mmdebstrap; root's password is "dragoman"
debian_root() {
	if [ ! -f "$cache/root/opt/guest-programs" ] || [ "$tools/guest-programs" -nt "$cache/root/opt/guest-programs" ]; then
		[ "$(id -u)" = 0 ] || die "debian: only root can make its files"
		if [ ! -d "$cache/root" ]; then
			say "making a Debian root for $arch; this takes minutes"
			rm -rf "$cache/root.new"
			# from where this host's own packages come
			mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
			mmdebstrap --quiet --variant=minbase --architectures="$arch" \
				--include="$debian_packages,linux-image-$flavour" bookworm "$cache/root.new" \
				${mirror:+"$mirror"} >"$cache/root.log" 2>&1 </dev/null || {
				tail -n 10 "$cache/root.log" >&2
				die "mmdebstrap failed"
			}
			mv "$cache/root.new" "$cache/root"
		fi
		r=$cache/root
		echo dragoman >"$r/etc/hostname"
		printf '127.0.0.1 localhost dragoman\n' >"$r/etc/hosts"
		echo '/dev/sda1 / ext4 errors=remount-ro 0 1' >"$r/etc/fstab"
		hash=$(openssl passwd -6 -salt dragoman dragoman) || exit 1
		sed -i "s|^root:[^:]*|root:$hash|" "$r/etc/shadow"
		# an emulator on a busy machine is slow, and that is no failure
		mkdir -p "$r/etc/systemd/system.conf.d"
		printf '%s\n' '[Manager]' DefaultDeviceTimeoutSec=900 DefaultTimeoutStartSec=900 >"$r/etc/systemd/system.conf.d/slow.conf"
		cp "$tools/guest-programs" "$r/opt/guest-programs"
	fi
	echo "$cache/root"
}
debian() {
	r=$(debian_root) || exit 1
	out=$cache/debian-$flavour.img
	if [ ! -s "$out" ] || [ "$r/opt/guest-programs" -nt "$out" ]; then
		write_disk "$out" "$r" 2048 Debian /vmlinuz /initrd.img 'root=/dev/sda1 console=tty0 console=ttyS0,115200'
	fi
	echo "$out"
}
reference() {
	r=$(debian_root) || exit 1
	out=$cache/reference.txt
	if [ ! -s "$out" ] || [ "$r/opt/guest-programs" -nt "$out" ]; then
		env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin LC_ALL=C chroot "$r" sh /opt/guest-programs /tmp/programs \
			>"$out.new.$$" 2>"$cache/reference.log" || {
			tail -n 5 "$cache/reference.log" >&2
			die "guest-programs failed in the chroot"
		}
		mv "$out.new.$$" "$out"
	fi
	echo "$out"
}

package() {
	fetch "$@"
	for f; do echo "$cache/pkg/$f"; done
}

mach() {
	out=$cache/gnumach
	if [ ! -s "$out" ]; then
		fetch gnumach-image-1.8-486
		zcat "$cache"/pkg/gnumach-image-1.8-486/boot/gnumach-*.gz >"$out.new.$$" && mv "$out.new.$$" "$out" || exit 1
	fi
	echo "$out"
}

# xen: the hypervisor of Debian's xen-hypervisor package, unpacked
xen() {
	out=$cache/xen
	if [ ! -s "$out" ]; then
		p=$(in_arch apt-cache search --names-only '^xen-hypervisor-[0-9.]*-amd64$' | cut -d ' ' -f 1 | tail -n 1)
		[ -n "$p" ] || die "no xen-hypervisor package"
		fetch "$p"
		zcat "$cache/pkg/$p"/boot/xen-*.gz >"$out.new.$$" && mv "$out.new.$$" "$out" || exit 1
	fi
	echo "$out"
}

installer() { # KIND
	p=debian-installer-12-netboot-$arch
	d=/usr/lib/debian-installer/images/12/$arch/$1/debian-installer/$arch
	if [ ! -f "$d/linux" ]; then # not installed on this host: unpack it
		mkdir -p "$cache" && fetch "$p" || exit 1
		d=$cache/pkg/$p$d
	fi
	[ -f "$d/linux" ] || die "$p holds no installer of kind $1"
	echo "$d"
}

# from_suite PROGRAM ARGUMENT...: in_arch with the lists of $suite and of its installer's components (udebs). They are kept as the
# archive packs them, so that their sums are those in the signed file of sums.
suite=trixie
from_suite() {
	program=$1
	shift
	in_arch "$program" -o Dir::State="$m/apt" -o Dir::Cache="$m/apt/cache" -o Dir::Etc::SourceList="$m/apt/sources" \
		-o Dir::Etc::SourceParts=/dev/null -o Acquire::IndexTargets::deb::Packages::KeepCompressed=true \
		-o Acquire::IndexTargets::deb::Packages::KeepCompressedAs=xz -o Acquire::CompressionTypes::Order::=xz "$@"
}
mirror() { # KIND
	d=$m/installer/usr/lib/debian-installer/images/13/$arch/$1/debian-installer/$arch
	if [ ! -f "$m/ready" ]; then
		say "fetching the $arch installer of Debian's $suite and its components"
		rm -rf "$m"
		mkdir -p "$m/apt/lists/partial" "$m/apt/cache/archives/partial" "$m/www/dists/$suite" "$m/new" || exit 1
		# from where this host's own packages come
		uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
		key=/usr/share/keyrings/debian-archive-keyring.gpg
		[ -f $key ] && key="[signed-by=$key]" || key=
		for c in main main/debian-installer contrib/debian-installer non-free/debian-installer; do
			echo "deb $key ${uri:-http://deb.debian.org/debian} $suite $c"
		done >"$m/apt/sources"
		from_suite apt-get update >"$m/log" 2>&1
		(cd "$m/new" && from_suite apt-get download "debian-installer-13-netboot-$arch") >>"$m/log" 2>&1 &&
			dpkg-deb -x "$m"/new/debian-installer-*.deb "$m/installer" &&
			python3 "$tools/mirror.py" lists "$m/apt/lists" "$m/www/dists/$suite" &&
			python3 "$tools/mirror.py" wanted "$m/www/dists/$suite" "$arch" "$d/initrd.gz" >"$m/wanted" || {
			tail -n 5 "$m/log" >&2
			die "cannot fetch the $arch installer of Debian's $suite"
		}
		components || die "no components of the installer"
		touch "$m/ready"
	fi
	[ -f "$d/linux" ] || die "no installer of kind $1"
	echo "$d/linux" "$d/initrd.gz" "$m/www" "$(cat "$m/state")"
}
# components: what $m/wanted names, where the lists say. Of an archive that lacks some (a mirror out of step) the others are used, with
# drivers of disk, file system and RAID from the ordinary package of the same kernel; such lists are not the signed ones.
components() {
	rm -rf "$m/new"
	mkdir -p "$m/new" && read -r v <"$m/wanted" || return 1
	# apt checks the sums, and goes on after one that is not there
	(cd "$m/new" && from_suite apt-get download $(sed -n 's/^\([^ ]*=[^ ]*\) .*/\1/p' "$m/wanted")) >>"$m/log" 2>&1
	: >"$m/lacking"
	sed 1d "$m/wanted" | while read -r p path; do
		# apt names the file by name and version, : as %3a
		f=$m/new/${p%%=*}_$(printf %s "${p#*=}" | sed 's/:/%3a/')_*.udeb
		set -- $f
		mkdir -p "$m/www/${path%/*}"
		if [ -f "$1" ]; then mv "$1" "$m/www/$path"; else echo "${p%%=*}" >>"$m/lacking"; fi
	done
	echo signed >"$m/state"
	if [ -s "$m/lacking" ]; then
		t=$m/new/udeb u=pool/drivers-$v-di.udeb k=$m/new/kernel
		mkdir -p "$t/DEBIAN" "$k"
		(cd "$m/new" && from_suite apt-get download "linux-image-$v") >>"$m/log" 2>&1 && dpkg-deb -x "$m"/new/linux-image-*.deb "$k" &&
			ln -sfn usr/lib "$k/lib" && depmod -b "$k" "$v" || return 1
		for f in virtio_blk md_mod ext4; do
			modprobe -d "$k" -S "$v" --show-depends "$f" | sed -n "s|^insmod $k/\([^ ]*\).*|\1|p" | while IFS= read -r f; do
				mkdir -p "$t/${f%/*}" && cp "$k/$f" "$t/$f" || exit 1
			done
		done
		printf '%s\n' "Package: drivers-$v-di" 'Version: 1' "Kernel-Version: $v" "Architecture: $arch" 'Maintainer: none' \
			'Section: debian-installer' 'Priority: standard' 'Description: drivers of linux-image' >"$t/DEBIAN/control"
		dpkg-deb -Zxz --root-owner-group -b "$t" "$m/www/$u" >>"$m/log" 2>&1 &&
			python3 "$tools/mirror.py" mend "$m/www/dists/$suite" "$arch" "$m/www" "$u" || return 1
		echo "mended $(wc -l <"$m/lacking") of $(sed 1d "$m/wanted" | wc -l)" >"$m/state"
	fi
	rm -rf "$m/new"
}

what=${1:-}
if [ "$what" = data ]; then
	[ -n "${2:-}" ] || die "data: which file?"
	rm -f "$2"
	truncate -s 64M "$2" && mke2fs -q -F -t ext4 -L data "$2" || exit 1
	echo "$2"
	exit 0
fi
case $what in
installer | mirror)
	arch=${2:?which architecture?} cache=$guests/$2 m=$guests/$2/mirror
	$what "${3:-text}"
	exit
	;;
esac
flavour=${2:-686}
[ $# -lt 2 ] || shift 2
case $flavour in
686 | 686-pae) arch=i386 ;;
amd64) arch=amd64 ;;
*) die "unknown kernel flavour: $flavour" ;;
esac
cache=$guests/$arch
mkdir -p "$cache" || exit 1
case $what in
drivers | package) $what "$@" ;;
kernel | initrd | work | iso | disk | uefi | debian | reference | mach | xen) $what ;;
*) die "usage: guest.sh kernel|initrd|work|iso|disk|uefi|debian|reference|mach|xen [686|686-pae|amd64] | drivers FLAVOUR FILE MODULE... | package FLAVOUR NAME... | installer ARCH KIND | mirror ARCH KIND | data FILE" ;;
esac
