#!/bin/sh
# Debian's i386 kernel by -kernel -initrd -append: shell on serial, commands, an ext4 disk read-write, power-off.
# accel: jit interp; long: lockstep
. "$(dirname "$0")/../tools/boot.sh"
flavour=${flavour:-686}
k=$(guest kernel $flavour) && i=$(guest initrd $flavour) && guest data "$dir/disk.img" >/dev/null || fail "no guest"
vm 90 ${options:-} -m "${memory:-128}" -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' \
	-drive "file=$dir/disk.img,format=raw,if=ide" <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
expect guest ready
say shell
send uname -m; echo $((111 * 111))
expect 12321
send mount -t ext4 /dev/sda /mnt && mount | grep sda
expect /dev/sda on /mnt type ext4 (rw
send for i in 1 2 3 4 5; do dd if=/dev/urandom of=/mnt/r$i bs=64k count=16 2>/dev/null; done; sync; echo wrote $?
expect wrote 0
send cat /mnt/r[1-5] | md5sum > /mnt/sum; echo 3 > /proc/sys/vm/drop_caches
send cat /mnt/r[1-5] | md5sum | cmp - /mnt/sum && echo same $((2 + 3)) again
expect same 5 again
send echo written by the guest > /mnt/greeting; umount /mnt; echo unmounted $?
expect unmounted 0
say unmounted
send poweroff -f
exit 0
END
filesystem_holds "$dir/disk.img" /greeting 'written by the guest'
