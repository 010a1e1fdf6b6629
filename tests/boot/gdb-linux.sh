#!/bin/sh
# Debian's gdb on an unmodified amd64 Linux: from reset into the 64-bit kernel, its data, and a 32-bit program in compatibility
# mode that faults into the kernel; names from a System.map, made of the guest's own /proc/kallsyms.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "the stub's own registers are asked for"
k=$(guest kernel amd64) && i=$(guest initrd amd64) || fail "no guest"
mkdir -p "$dir/root/bin"
gcc -m32 -nostdlib -static -Wl,--build-id=none -o "$dir/root/bin/user" "$root/tests/asm/user.S" || fail "cannot assemble user.S"
cp "$i" "$dir/initrd" && chmod u+w "$dir/initrd" && (cd "$dir/root" && find . | cpio -o -H newc --quiet | gzip) >>"$dir/initrd" || fail "no initramfs"
vm 90 -m 256 -kernel "$k" -initrd "$dir/initrd" -append 'console=ttyS0 quiet nokaslr' <<'END' || fail "no symbols"
expect guest ready
send grep -E ' (do_sys_openat2|jiffies|entry_SYSCALL_64|asm_exc_general_protection|asm_exc_page_fault)$' /proc/kallsyms; echo do""ne
expect done
send poweroff -f
exit 0
END
tr -d '\r' <"$dir/serial.txt" | sed -n 's/^\(ffffffff[0-9a-f]* [A-Za-z] [A-Za-z0-9_]*\)$/\1/p' | sort >"$dir/System.map"
at() { sed -n "s/^\([0-9a-f]*\) . $1\$/0x\1/p" "$dir/System.map"; }
[ -n "$(at do_sys_openat2)" ] && [ -n "$(at jiffies)" ] || { cat "$dir/System.map" >&2; fail "the guest has no symbols"; }
cli=$(nm "$dir/root/bin/user" | sed -n 's/^\([0-9a-f]*\) . user_cli$/0x\1/p')
cat >"$dir/script" <<END
set pagination off
set confirm off
set tcp connect-timeout 20
target remote $dir/gdb.sock
thbreak *$(at do_sys_openat2)
continue
printf "kernel pc=%lx cpl=%d efer=%x file=%s\n", \$rip, \$cpl, \$efer, (char *)\$rsi
monitor info history 1 kind=syscall
monitor x/1i \$pc
watch *(long *)$(at jiffies)
continue
continue
delete
hbreak *$cli
continue
printf "user pc=%lx cpl=%d cs=%x\n", \$rip, \$cpl, \$cs
monitor x/1i \$pc
stepi
printf "handler pc=%lx cpl=%d\n", \$rip, \$cpl
monitor explain
info registers cr3 gs_base tr_base
delete
detach
END
(
	i=0
	while [ ! -S "$dir/gdb.sock" ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done
	timeout 120 gdb -q -nx -batch -x "$dir/script" >"$dir/out" 2>&1 </dev/null
) &
gdb=$!
vm 120 -m 256 -kernel "$k" -initrd "$dir/initrd" -append 'console=ttyS0 quiet nokaslr' -symbols "$dir/System.map" \
	-gdb "unix:$dir/gdb.sock" -S <<'END' || { cat "$dir/out" >&2; fail "conversation failed"; }
expect guest ready
send user; echo status $?
expect status 139
send poweroff -f
exit 0
END
wait $gdb
hex() { printf '%s' "${1#0x}"; }
python3 - "$dir/out" "kernel pc=$(hex "$(at do_sys_openat2)") cpl=0 efer=d01 file=/" "syscall" "<entry_SYSCALL_64>" "<do_sys_openat2>" \
	"Hardware watchpoint" "Old value" "New value" "Old value" "New value" "user pc=$(printf %x "$cli") cpl=3 cs=23" "cli" \
	"handler pc=$(hex "$(at asm_exc_general_protection)") cpl=0" "compatibility mode, 32-bit, CPL 3" "GP_CLI_IOPL" \
	"<asm_exc_general_protection>" "detached" <<'END' || fail "gdb session"
import sys
out = open(sys.argv[1]).read()
pos = 0
for want in sys.argv[2:]:
    p = out.find(want, pos)
    if p < 0:
        sys.exit(f'not told (in this order): {want}\n--- gdb said:\n{out}')
    pos = p + len(want)
END
