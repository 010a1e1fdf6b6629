#!/bin/sh
# Debian 13's graphical installer (amd64), as it is, gets its address by DHCP and its components from a mirror, checks the archive's
# signature, finds the disk and asks how to partition it: network, disk and display at once. The mirror is a web server of ours on
# this host, which holds what apt has fetched (guest.sh mirror). A preseed file answers every question before that page and none of
# its own; keys then choose to partition by hand, which leads to the list of disks. The pages are read with tesseract.
# accel: ; long: jit
NIC=
. "$(dirname "$0")/../tools/boot.sh"
arch=${arch:-amd64}
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
guest mirror "$arch" gtk >"$dir/paths" && read -r kernel initrd www state <"$dir/paths" || fail "no installer"
case $state in
signed) trust= ;;
*) # what the installation guide says about mirrors without a signature
	say "components that the archive at hand lacks: $state; the installer is told not to ask for a signature"
	trust=debian-installer/allow_unauthenticated=true ;;
esac
mkfifo "$dir/port" || exit 1
python3 "$tools/mirror.py" serve "$www" "$dir/mirror.log" >"$dir/port" &
server=$!
read -r port <"$dir/port" || fail "no web server"
cat >"$dir/preseed.cfg" <<END || exit 1
d-i debian-installer/locale string en_US.UTF-8
d-i keyboard-configuration/xkb-keymap select us
d-i netcfg/choose_interface select auto
d-i netcfg/get_hostname string guest
d-i netcfg/get_domain string example.org
d-i mirror/protocol string http
d-i mirror/country string manual
d-i mirror/http/hostname string 10.0.2.2:$port
d-i mirror/http/directory string /debian
d-i mirror/http/proxy string
d-i mirror/suite string trixie
d-i passwd/root-login boolean false
d-i passwd/user-fullname string Guest
d-i passwd/username string guest
d-i passwd/user-password password guest
d-i passwd/user-password-again password guest
d-i clock-setup/utc boolean true
d-i clock-setup/ntp boolean false
d-i time/zone string UTC
END
(cd "$dir" && echo preseed.cfg | cpio -o -H newc --quiet | gzip) >"$dir/preseed.gz" &&
	cat "$initrd" "$dir/preseed.gz" >"$dir/initrd.gz" || fail "no initrd"
truncate -s 5G "$dir/disk.img" || exit 1
vm 600 -m 1G -kernel "$kernel" -initrd "$dir/initrd.gz" -append 'vga=788 auto=true priority=high '"$trust"' --- quiet' \
	-drive "file=$dir/disk.img,format=raw,if=virtio" -nic user,model=${card:-virtio-net-pci} <<END || fail "conversation failed"
refuse Kernel panic
words $dir/a.ppm Partitioning method
still $dir/a.ppm
say the partitioning page
# the last choice: by hand
monitor sendkey end
sleep 1
monitor sendkey ret
words $dir/b.ppm Virtual disk 1 (vda)
still $dir/b.ppm
say the list of disks
monitor quit
exit 0
END
[ -z "${KEEP:-}" ] || for n in a b; do cp "$dir/$n.ppm" "$KEEP-$n.ppm"; done
