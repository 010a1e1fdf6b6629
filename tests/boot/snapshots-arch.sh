#!/bin/sh
# Snapshots on another host architecture: taken by this host's program at random moments of a boot and a workload, they go on in the
# AArch64 program under qemu-user and print what the undisturbed run prints. The program is cross-built as for run.sh --arch aarch64.
# n=N: how many; FOREIGN=PROGRAM: one that is built already. Skipped where the host has no qemu-user or no cross compiler.
# accel: ; long: jit
. "$(dirname "$0")/../tools/boot.sh"
if [ -z "${FOREIGN:-}" ]; then
	sh "$root/tests/install.sh" foreign || skip "no qemu-user or no cross compiler"
	sysroot=$(sh "$tools/sysroot.sh" arm64) || skip "none of the AArch64 libraries"
	(build_target=dragoman configure_build "$root/build-aarch64" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_TOOLCHAIN_FILE=$tools/aarch64.cmake" \
		"-DDRAGOMAN_SYSROOT=$sysroot") || fail "the AArch64 program does not build"
	printf '#!/bin/sh\nQEMU_LD_PREFIX=%s exec qemu-aarch64 "%s/build-aarch64/dragoman" "$@"\n' "$sysroot" "$root" >"$dir/foreign"
	chmod 755 "$dir/foreign"
	FOREIGN=$dir/foreign
fi
k=$(guest kernel 686) && i=$(guest work 686) || fail "no guest"
python3 "$tools/snapshots.py" -t $((3000 * slow)) --seed "${seed:-1}" -n "${n:-2}" --restore "$FOREIGN" "$dir" "$DRAGOMAN" $accel -m 96 \
	-kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet loglevel=0 printk.time=0 panic=-1' || fail "a restored run went another way"
truncate -s 64M "$dir/disk.raw" && mke2fs -q -t ext4 -F "$dir/disk.raw" && qemu-img convert -O qcow2 "$dir/disk.raw" "$dir/disk.qcow2" ||
	fail "cannot make a disk"
python3 "$tools/snapshots.py" -t $((3000 * slow)) --seed "${seed:-1}" -n "${n:-2}" --restore "$FOREIGN" --image "$dir/disk.qcow2" "$dir" \
	"$DRAGOMAN" $accel -m 96 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet loglevel=0 printk.time=0 panic=-1 disk=/dev/sda' \
	-drive file="$dir/disk.qcow2",format=qcow2 || fail "a restored run went another way"
qemu-img check -q "$dir/disk.qcow2" || fail "qemu-img check"
