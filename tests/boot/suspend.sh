#!/bin/sh
# Suspend to RAM (ACPI S3) and back, by the clock's alarm, by the monitor, by the power button and by a key, in Debian's i386 and amd64
# kernels: what was in memory and on the disk is there, devices go on, time has passed.
# accel: jit; long: interp
. "$(dirname "$0")/../tools/boot.sh"
sed "s|SNAPSHOT|$dir/state|" >"$dir/talk" <<'END'
refuse Kernel panic
refuse BUG:
expect guest ready
send mount -t sysfs sysfs /sys; mount -t ext4 /dev/sda /mnt; head -c 3000000 /dev/urandom > /tmp/r; md5sum < /tmp/r > /tmp/sum; cat /sys/power/state
expect mem
send a=$(cut -d. -f1 /proc/uptime); t=$(date +%s); echo +4 > /sys/class/rtc/rtc0/wakealarm && echo mem > /sys/power/state; echo woke $?
expect woke 0
say alarm
send [ $(($(date +%s) - t)) -ge 3 ] && md5sum < /tmp/r | cmp - /tmp/sum && echo same $((2 + 3)) memory
expect same 5 memory
send echo mem > /sys/power/state; echo woke again $?
sleep 3
monitor info status
answer suspended
monitor migrate file:SNAPSHOT
answer sleeps (ACPI S3)
monitor system_wakeup
expect woke again 0
say wakeup
send echo mem > /sys/power/state; echo third time $?
sleep 3
monitor system_powerdown
expect third time 0
say button
send echo mem > /sys/power/state; echo fourth time $?
sleep 3
monitor sendkey spc
expect fourth time 0
say key
send cp /tmp/r /mnt/r; sync; echo 3 > /proc/sys/vm/drop_caches; md5sum < /mnt/r | cmp - /tmp/sum && umount /mnt && echo disk $((2 + 3))
expect disk 5
send poweroff -f
exit 0
END
for flavour in 686 amd64; do
	k=$(guest kernel $flavour) && i=$(guest initrd $flavour) && guest data "$dir/disk.img" >/dev/null || fail "no guest"
	vm 120 -nic none -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -drive "file=$dir/disk.img,format=raw,if=ide" <"$dir/talk" ||
		fail "$flavour: conversation failed"
done
