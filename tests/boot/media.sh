#!/bin/sh
# Removable media under Linux: its floppy driver reads, writes and sees a change; a CD-ROM is changed and ejected; a locked
# one is not let go, and the guest is asked to.
# The driver looks at the change line every few seconds at most; nobody swaps disks faster.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
kernel=$(guest kernel) && initrd=$(guest initrd) || fail "no guest"
modules=$(dirname "$(dirname "$kernel")")/lib/modules
mkdir -p "$dir/extra/lib/extra" "$dir/cd1" "$dir/cd2"
cp "$modules"/*/kernel/drivers/block/floppy.ko "$dir/extra/lib/extra/" || fail "the kernel has no floppy driver"
(cd "$dir/extra" && find . | cpio -o -H newc --quiet | gzip) >"$dir/extra.gz"
cat "$initrd" "$dir/extra.gz" >"$dir/initrd.gz"
for n in 1 2; do
	echo "medium $n" >"$dir/cd$n/label"
	xorriso -as mkisofs -quiet -r -V "CD$n" -o "$dir/cd$n.iso" "$dir/cd$n" 2>/dev/null || fail "xorriso"
	yes "floppy $n" | head -c 1474560 >"$dir/fd$n.img"
done
head -c 737280 "$dir/fd2.img" >"$dir/fd720.img"
vm 90 -m 128 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=ttyS0 quiet" -fda "$dir/fd1.img" -cdrom "$dir/cd1.iso" <<END || fail "conversation failed"
expect guest ready
send insmod /lib/extra/floppy.ko; usleep 500000; md5sum /dev/fd0
expect $(md5sum <"$dir/fd1.img" | cut -c 1-32)
say floppy read
send dd if=/bin/busybox of=/dev/fd0 bs=512 count=100 seek=1000 conv=notrunc; sync; echo written \$((4 * 5))
expect written 20
send cmp -n 51200 /bin/busybox /dev/fd0 0 512000 && echo same \$((4 * 6))
expect same 24
say floppy written
monitor change floppy0 $dir/fd2.img
send sleep 4; md5sum /dev/fd0
expect $(md5sum <"$dir/fd2.img" | cut -c 1-32)
monitor change floppy0 $dir/fd720.img
send sleep 4; md5sum /dev/fd0
expect $(md5sum <"$dir/fd720.img" | cut -c 1-32)
say floppy changed
send mount -t iso9660 -o ro /dev/sr0 /mnt && cat /mnt/label; umount /mnt; echo free \$((4 * 9))
expect medium 1
expect free 36
monitor change ide1-cd0 $dir/cd2.iso
send mount -t iso9660 -o ro /dev/sr0 /mnt && cat /mnt/label
expect medium 2
say CD-ROM changed
monitor eject ide1-cd0
answer locked by the guest
monitor info block
answer Removable device: locked, tray closed
send umount /mnt; echo out \$((4 * 7))
expect out 28
monitor info block
answer Removable device: not locked, tray closed
monitor eject ide1-cd0
send mount -t iso9660 -o ro /dev/sr0 /mnt || echo empty \$((4 * 8))
expect empty 32
monitor change ide1-cd0 $dir/cd1.iso
send mount -t iso9660 -o ro /dev/sr0 /mnt && cat /mnt/label
expect medium 1
send umount /mnt; poweroff -f
exit 0
END
[ "$(dd if="$dir/fd1.img" bs=512 skip=1000 count=1 2>/dev/null | head -c 4 | od -An -tx1 | tr -d ' ')" = 7f454c46 ] || fail "the image does not hold what the guest wrote"
