#!/bin/sh
# A whole Debian (amd64) from its IDE disk: GRUB, systemd, a login by serial and on the screen, no failed unit, no complaint
# about clocks; then openssl, 7z, python3, perl, sqlite3 and gcc print what they print on this host from the same files.
# accel: ; long: jit
. "$(dirname "$0")/../tools/boot.sh"
flavour=${flavour:-amd64} cpu=${cpu:-max}
[ "$(id -u)" = 0 ] || skip "only root can make the files of a Debian root"
reference=$(guest reference "$flavour") && disk=$(guest debian "$flavour") && cp --sparse=always "$disk" "$dir/disk.img" ||
	fail "no guest"
vm 900 -m 1G -cpu "$cpu" "$dir/disk.img" <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
refuse unstable
expect GRUB is loading Debian
expect dragoman login:
say login by serial
screen dragoman login:
type root
screen Password:
type dragoman
screen root@dragoman
type echo typed here > /dev/ttyS0
expect typed here
say login on the screen
send root
expect Password:
send dragoman
expect root@dragoman
send stty -echo; PS1=
sleep 1
send systemctl is-system-running --wait; systemctl --failed --no-legend | wc -l
expect running
expect 0
say no failed unit
send time sh /opt/guest-programs /tmp/programs > /opt/result 2> /opt/errors; sync; echo programs end $?
expect programs end 0
say the programs have run
send cat /sys/devices/system/clocksource/clocksource0/current_clocksource; poweroff
expect tsc
exit 0
END
[ -z "${KEEP:-}" ] || cp "$dir/serial.txt" "$KEEP.txt"
e2fsck -fn "$dir/disk.img?offset=1048576" >"$dir/fsck" 2>&1 || { cat "$dir/fsck" >&2; fail "e2fsck finds errors"; }
debugfs -R "dump /opt/result $dir/result" "$dir/disk.img?offset=1048576" 2>/dev/null
[ -z "${KEEP:-}" ] || cp "$dir/result" "$KEEP.result"
case $cpu in
max | Haswell | x86-64-v3) ! grep "not run" "$dir/result" >&2 || fail "programs for x86-64-v3 do not run in the guest" ;;
*) grep -qx "v3: ends with status 132" "$dir/result" || fail "a program for x86-64-v3 does not end by SIGILL" ;;
esac
# the sections of that level, the last, can be compared if both processors have it
cp "$reference" "$dir/reference"
if grep -q "not run" "$dir/reference" "$dir/result"; then
	sed -i '/^== .*-v3$/,$d' "$dir/reference" "$dir/result"
	say "programs for x86-64-v3 are not compared"
fi
diff "$dir/reference" "$dir/result" >"$dir/diff" || { head -n 20 "$dir/diff" >&2; fail "the programs print something else"; }
