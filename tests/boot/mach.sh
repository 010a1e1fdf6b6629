#!/bin/sh
# GNU Mach from Debian's gnumach-image (multiboot, entered at a virtual address, its own PCI BIOS calls, segments based at
# 40000000h): it probes its devices and stops for want of a bootstrap module, as under QEMU.
# accel: jit; long: interp lockstep
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest mach) && guest data "$dir/disk.img" >/dev/null || fail "no guest"
vm 60 -m 128 -kernel "$k" -append 'console=com0 root=device:hd0' -hda "$dir/disk.img" <<'END' || fail "conversation failed"
expect GNU Mach
expect Probing PCI hardware
expect Intel 82371 PIIX3
expect hd0:
expect hd2:
expect ATAPI CDROM drive
expect Partition check
expect lpr0
say devices
expect bootstrap_create: No bootstrap code loaded with the kernel
monitor quit
exit 0
END
