#!/bin/sh
# The same kernel from a CD-ROM: BIOS, El Torito, isolinux; the CD is then mounted and read back.
# accel: jit interp; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
flavour=${flavour:-686}
iso=$(guest iso $flavour) && guest data "$dir/disk.img" >/dev/null || fail "no guest"
sum=$(md5sum <"$(guest kernel $flavour)") || fail "no kernel"
vm 90 -m "${memory:-128}" -cdrom "$iso" -boot d -hda "$dir/disk.img" <<END || fail "conversation failed"
refuse Kernel panic
refuse BUG:
expect guest ready
say shell
send mkdir -p /cd && mount -t iso9660 /dev/sr0 /cd; md5sum < /cd/isolinux/vmlinuz
expect ${sum%% *}
say read the CD
send mount -t ext4 /dev/sda /mnt && md5sum < /cd/isolinux/vmlinuz > /mnt/sum && umount /mnt; echo status \$?
expect status 0
send poweroff -f
exit 0
END
filesystem_holds "$dir/disk.img" /sum "$sum"
