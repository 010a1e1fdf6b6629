#!/bin/sh
# virtio-blk and virtio-rng with Debian's stock drivers: a file written and synced is in the image (raw, then qcow2 by discard
# and all), read-only is read-only, the serial number arrives, random bytes come. i386 modern and legacy, amd64.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
modules="virtio_pci virtio_blk virtio-rng"
talk() { # LOAD: the conversation
	cat <<END
refuse not found
expect guest ready
send $1; sh /lib/virtio_blk; sh /lib/virtio-rng
send mount -t ext4 -o discard /dev/vda /mnt && echo mounted o''k
expect mounted ok
send head -c 3000000 /dev/zero | tr '\\\\0' x >/mnt/big; rm /mnt/big; echo kept >/mnt/kept; sync; echo synced w''ell
expect synced well
send cat /sys/block/vdb/ro /sys/class/misc/hw_random/rng_current
expect 1
expect virtio_rng
send head -c 16 /dev/hwrng | wc -c; cmp /dev/vda /dev/vdb | head -c 20; umount /mnt; echo un''mounted
expect 16
expect unmounted
monitor info block
answer virtio0: 
send poweroff -f
exit 0
END
}
disk() { # FLAVOUR LOAD IMAGE FORMAT [OPTION...]
	k=$(guest kernel "$1") && i=$(guest drivers "$1" "$dir/initrd" $modules) || fail "no guest"
	load=$2 image=$3 format=$4; shift 4
	talk "$load" | vm 60 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' "$@" \
		-drive file="$image",format="$format",if=virtio,discard=unmap,id=virtio0 \
		-drive file="$dir/ro.img",format=raw,if=virtio,readonly=on -device virtio-rng-pci || fail "conversation failed ($load, $image)"
}
guest data "$dir/raw.img" >/dev/null || fail "no disk"
cp "$dir/raw.img" "$dir/ro.img"
disk 686 "sh /lib/virtio_pci" "$dir/raw.img" raw
filesystem_holds "$dir/raw.img" /kept kept
qemu-img convert -O qcow2 "$dir/ro.img" "$dir/disk.qcow2" || fail "qemu-img"
disk 686 "sed 's/virtio_pci.ko/& force_legacy=1/' /lib/virtio_pci | sh" "$dir/disk.qcow2" qcow2
qemu-img check "$dir/disk.qcow2" >"$dir/check" || { cat "$dir/check"; fail "qemu-img check"; }
qemu-img convert -O raw "$dir/disk.qcow2" "$dir/back.img"
filesystem_holds "$dir/back.img" /kept kept
disk amd64 "sh /lib/virtio_pci" "$dir/raw.img" raw -trace "file=$dir/trace.pb,os=linux"
protoc --proto_path="$tools" --decode=Trace trace.proto <"$dir/trace.pb" | python3 "$tools/timeline.py" >"$dir/line" || fail "the timeline is wrong"
for i in 'interrupts: MSI virtio-' 'flow from interrupt requests: virtio-.*: message, interrupt '; do
	grep -q "$i" "$dir/line" || { grep interrupt "$dir/line" >&2; fail "not in the timeline: $i"; }
done
filesystem_holds "$dir/raw.img" /kept kept

# The BIOS and GRUB read the same disk by interrupt 13h: the kernel comes from it, then its root file system.
disk=$(guest disk 686) && cp --sparse=always "$disk" "$dir/boot.img" && i=$(guest drivers 686 "$dir/initrd" $modules) || fail "no guest"
printf '%s\n' 'rm /boot/initrd.gz' "write $i /boot/initrd.gz" 'sif /boot/initrd.gz mode 0100644' |
	debugfs -w -f - "$dir/boot.img?offset=1048576" >"$dir/debugfs" 2>&1 || fail "debugfs"
vm 60 -m 128 -drive file="$dir/boot.img",format=raw,if=virtio <<'END' || fail "conversation failed (BIOS)"
refuse Kernel panic
refuse I/O error
expect GRUB is loading Linux
expect guest ready
send sh /lib/virtio_pci; sh /lib/virtio_blk; mount -t ext4 /dev/vda1 /mnt && echo mounted o''k
expect mounted ok
send echo virtio boot >/mnt/greeting; umount /mnt; echo un''mounted
expect unmounted
send poweroff -f
exit 0
END
filesystem_holds "$dir/boot.img?offset=1048576" /greeting 'virtio boot'
