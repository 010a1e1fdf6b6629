#!/bin/sh
# Boot by network with Debian's unmodified iPXE ROMs: DHCP and TFTP of the user-mode network bring GRUB's network image, GRUB brings
# kernel and initramfs by the card's UNDI driver.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
models='e1000 virtio-net-pci'
k=$(guest kernel 686) && i=$(guest initrd 686) || fail "no guest"
mkdir "$dir/tftp" && cp "$k" "$dir/tftp/vmlinuz" && cp "$i" "$dir/tftp/initrd.gz" || fail "no files"
printf '%s\n' 'serial --unit=0 --speed=115200' 'terminal_output console serial' 'echo GRUB came by network' \
	'linux (tftp)/vmlinuz console=ttyS0 quiet' 'initrd (tftp)/initrd.gz' 'boot' >"$dir/grub.cfg"
g=/usr/lib/grub/i386-pc
grub-mkimage -O i386-pc-pxe -d $g -c "$dir/grub.cfg" -p '(tftp)/' -o "$dir/tftp/boot.0" pxe tftp normal linux serial terminal echo ||
	fail "grub-mkimage"
for model in $models; do
	vm 60 -m 128 -boot n -nic "user,model=$model,tftp=$dir/tftp,bootfile=boot.0" <<'END' || fail "conversation failed ($model)"
expect GRUB came by network
expect guest ready
send poweroff -f
exit 0
END
done
