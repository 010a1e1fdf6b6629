#!/bin/sh
# The same kernel from a hard disk: BIOS, MBR, GRUB, ext4; the disk it came from is then written.
# accel: jit interp; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
flavour=${flavour:-686}
disk=$(guest disk $flavour) && cp --sparse=always "$disk" "$dir/disk.img" || fail "no guest"
vm 90 -m "${memory:-128}" "$dir/disk.img" <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
expect GRUB is loading Linux
say GRUB
expect /mnt is /dev/sda1
expect guest ready
say shell
send cmp /mnt/boot/initrd.gz /mnt/boot/initrd.gz && cp /mnt/boot/vmlinuz /mnt/copy && sync && echo copied $((4 * 4))
expect copied 16
send echo disk boot > /mnt/greeting; umount /mnt; echo unmounted $?
expect unmounted 0
send poweroff -f
exit 0
END
filesystem_holds "$dir/disk.img?offset=1048576" /greeting 'disk boot'
