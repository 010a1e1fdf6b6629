#!/bin/sh
# An unmodified Linux guest's own trouble, explained: a program that executes CLI, and a kernel oops (tests/asm/user.S), with the
# program's symbols; the trap log filtered by vector, ring, address and process finds them among thousands of others.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "needs Dragoman's monitor"
k=$(guest kernel) && guest drivers 686 "$dir/initrd" msr >/dev/null || fail "no guest"
mkdir -p "$dir/root/bin"
gcc -m32 -nostdlib -static -Wl,--build-id=none -o "$dir/root/bin/user" "$root/tests/asm/user.S" || fail "cannot assemble user.S"
(cd "$dir/root" && find . | cpio -o -H newc --quiet | gzip) >>"$dir/initrd" || fail "no initramfs"
at=$(nm "$dir/root/bin/user" | sed -n 's/^\([0-9a-f]*\) . user_cli$/0x\1/p')
[ -n "$at" ] || fail "no symbol"
vm 90 -m 128 -kernel "$k" -initrd "$dir/initrd" -append 'console=ttyS0 nokaslr' -symbols "$dir/root/bin/user" \
	-trace "file=$dir/linux.pb,os=linux" <<END || fail "conversation failed"
expect guest ready
send user; echo status \$?
expect status 139
monitor explain vec=13
answer general protection in 32-bit protected mode, CPL 3
answer fa   cli <user_cli>
answer [GP_CLI_IOPL: Intel SDM
answer privilege    CPL 3, IOPL 0
monitor info traps 5 vec=13 ring=3 addr=$at
answer <user_cli> GP_CLI_IOPL
send sh /lib/msr; mdev -s 2>/dev/null; ls /dev/cpu/0/msr; user oops; echo done \$?
expect BUG: unable to handle page fault for address: deadbee0
expect done 0
monitor explain vec=14 ring=0 addr=0xdeadbee0
answer page fault in 32-bit protected mode, CPL 0
answer page not present
answer deadbee0 (CR2)
answer NOT PRESENT
monitor info history 3 kind=syscall addr=0xdeadbee0
answer <child
send poweroff -f
exit 0
END
protoc --proto_path="$tools" --decode=Trace trace.proto <"$dir/linux.pb" >"$dir/text" || fail "protoc cannot decode the timeline"
python3 "$tools/timeline.py" <"$dir/text" >"$dir/line" || fail "the timeline is wrong"
for what in 'exceptions: #GP GP_CLI_IOPL 1 ' ': execve ' ': pwrite64 2 ' ': clone ' ': wait4 ' ': waitpid 1 '; do
	grep -qF -- "$what" "$dir/line" || { grep 'system calls\|#GP' "$dir/line" | head -n 60 >&2; fail "not in the timeline: $what"; }
done
