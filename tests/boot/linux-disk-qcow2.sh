#!/bin/sh
# Linux from a qcow2 disk above a read-only backing image; it writes, qemu-img judges, and -snapshot leaves no trace.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
disk=$(guest disk 686) && cp --sparse=always "$disk" "$dir/base.img" || fail "no guest"
qemu-img create -q -f qcow2 -b base.img -F raw "$dir/disk.qcow2" || fail "qemu-img create"
vm 150 -m 128 -drive file="$dir/disk.qcow2",format=qcow2 <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
refuse I/O error
expect guest ready
send cp /mnt/boot/vmlinuz /mnt/copy && sync && cmp /mnt/boot/vmlinuz /mnt/copy && echo copied $((4 * 4))
expect copied 16
send echo disk boot > /mnt/greeting; umount /mnt; echo unmounted $?
expect unmounted 0
send poweroff -f
exit 0
END
cmp "$disk" "$dir/base.img" || fail "the backing image changed"
qemu-img check -q "$dir/disk.qcow2" || fail "qemu-img check"
qemu-img convert -O raw "$dir/disk.qcow2" "$dir/disk.img" || fail "qemu-img convert"
filesystem_holds "$dir/disk.img?offset=1048576" /greeting 'disk boot'
cp "$dir/disk.qcow2" "$dir/before.qcow2"
vm 150 -m 128 -snapshot "$dir/disk.qcow2" <<'END' || fail "conversation failed"
refuse Kernel panic
refuse I/O error
expect guest ready
send cat /mnt/greeting; rm /mnt/greeting; umount /mnt; echo unmounted $?
expect disk boot
expect unmounted 0
send poweroff -f
exit 0
END
cmp "$dir/before.qcow2" "$dir/disk.qcow2" || fail "-snapshot wrote into the image"
