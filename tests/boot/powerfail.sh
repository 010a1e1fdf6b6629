#!/bin/sh
# Power failures: the program is killed at random moments while the guest keeps records on ext4 as a data base does; what the guest had
# flushed is in the image, whose tables and file system are in order (tests/tools/powerfail.py). 10 kills; --long: 240, over
# formats, controllers and cache modes. What a disk may lose that the host's page cache keeps: tests/devices/test_qcow2.c.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "snapshots of the boot are Dragoman's"
k=$(guest kernel 686) && i=$(guest drivers 686 "$dir/initrd" virtio_pci virtio_blk) || fail "no guest"
mkdir -p "$dir/root/bin"
gcc -m32 -O2 -nostdlib -static -fno-pic -fno-stack-protector -Wl,--build-id=none -o "$dir/root/bin/writer" "$tools/guest-writer.c" ||
	fail "cannot compile guest-writer.c"
(cd "$dir/root" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >>"$i"
kills() { # N CONTROLLER IMAGE CACHE
	python3 "$tools/powerfail.py" -n "$1" --seed "${seed:-$1}" --slow $slow --machine "$2" --image "$3" --cache "$4" "$dir" "$DRAGOMAN" $accel \
		-m 64 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' || fail "power failure: $2 $3 $4"
}
if [ -z "${DRAGOMAN_LONG:-}" ]; then
	kills 4 ide small none
	kills 3 ide lazy writeback
	kills 3 virtio backed writeback
	exit 0
fi
kills 20 ide raw writeback
kills 20 ide qcow2 none
kills 20 ide small writeback
kills 20 ide backed writethrough
kills 20 ide small directsync
kills 20 virtio raw none
kills 20 virtio raw writethrough
kills 20 virtio qcow2 writeback
kills 20 virtio backed none
kills 20 virtio small directsync
kills 20 ide lazy writeback
kills 20 virtio lazy none
