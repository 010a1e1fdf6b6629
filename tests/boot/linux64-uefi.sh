#!/bin/sh
# UEFI: Debian's unmodified OVMF in flash starts GRUB from a disk's EFI system partition, GRUB the amd64 kernel, which asks the
# firmware's runtime services; the variables that the firmware wrote are in the second chip's image.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
code=/usr/share/OVMF/OVMF_CODE_4M.fd
disk=$(guest uefi amd64) && guest drivers amd64 "$dir/initrd.gz" efivarfs >"$dir/out" && cp /usr/share/OVMF/OVMF_VARS_4M.fd "$dir/vars.fd" &&
	cp --sparse=always "$disk" "$dir/disk.img" && mcopy -o -i "$dir/disk.img@@1M" "$dir/initrd.gz" ::/initrd.gz || fail "no guest"
session() {
	vm 120 -m 512 -drive "if=pflash,format=raw,readonly=on,file=$code" -drive "if=pflash,format=raw,file=$dir/vars.fd" \
		"$dir/disk.img"
}
session <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
refuse ACPI Error
expect GRUB is loading Linux from UEFI
say GRUB
expect guest ready
say shell
send sh /lib/efivarfs; mount -t efivarfs none /sys/firmware/efi/efivars; printf "\\007\\000\\000\\000dragoman" >/sys/firmware/efi/efivars/Greeting-12345678-1234-1234-1234-123456789abc; echo wrote $?
expect wrote 0
say a variable
send poweroff -f
exit 0
END
! cmp -s "$dir/vars.fd" /usr/share/OVMF/OVMF_VARS_4M.fd || fail "nothing was written to the flash image"
session <<'END' || fail "second conversation failed"
refuse Kernel panic
expect guest ready
send sh /lib/efivarfs; mount -t efivarfs none /sys/firmware/efi/efivars; tail -c 8 /sys/firmware/efi/efivars/Greeting-*; echo
expect dragoman
say the variable outlives the power
send poweroff -f
exit 0
END
