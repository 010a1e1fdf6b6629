#!/bin/sh
# Debian's gdb on the stub of -gdb: registers, memory, breakpoints, watchpoints and steps in 16-, 32- and 64-bit mode and
# across the changes between them; Ctrl-C; detaching. Guests: tests/asm/modes.S and rings.S.
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "the stub's own registers are asked for"
assemble modes
assemble rings
# at FILE LABEL: linear address of a label in the firmware at F0000h
at() { nm "$dir/$1.o" | awk -v n="$2" '$3 == n { printf "0x%x", 0xf0000 + strtonum("0x" $1) }' 2>/dev/null |
	grep . || python3 -c "import sys,subprocess
for l in subprocess.check_output(['nm', sys.argv[1]], text=True).splitlines():
    a, _, n = l.split()
    if n == sys.argv[2]: print(hex(0xf0000 + int(a, 16)))" "$dir/$1.o" "$2"; }
# debug NAME ARCH OPTION... : a machine stopped at its first instruction, and gdb with the script on stdin
debug() {
	img=$1 arch=$2
	shift 2
	{
		printf 'set pagination off\nset confirm off\nset tcp connect-timeout 20\ntarget remote %s\n' "$dir/gdb.sock"
		cat
	} >"$dir/script"
	timeout $((60 * slow)) "$DRAGOMAN" $accel -m 4 -bios "$dir/$img.img" -display none -monitor none -serial none -S \
		-gdb "unix:$dir/gdb.sock,arch=$arch" "$@" 2>"$dir/err" </dev/null &
	vm=$!
	i=0
	while [ ! -S "$dir/gdb.sock" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
	timeout 50 gdb -q -nx -batch -x "$dir/script" >"$dir/out" 2>&1 </dev/null
	wait $vm
	status=$?
}
told() { # TEXT...: lines of gdb's output, in this order
	for text; do
		printf '%s\n' "$text"
	done | python3 -c '
import sys
out = open(sys.argv[1]).read(); pos = 0
for want in sys.stdin.read().splitlines():
    p = out.find(want, pos)
    if p < 0: sys.exit(f"not told (in this order): {want}\n--- gdb said:\n{out}")
    pos = p + len(want)' "$dir/out" || fail "gdb session"
}
real=$(at modes in_real) prot=$(at modes in_prot) long=$(at modes in_long) count=$(at modes count)

# one session from reset to 64-bit mode, as an amd64 target
debug modes auto <<END
print/x \$rip
hbreak *$real
break *$prot
break *$long
continue
printf "real pc=%x ip=%x cs_base=%x cpl=%d\n", \$rip, \$ip, \$cs_base, \$cpl
stepi
printf "real bx=%x\n", \$rbx & 0xffff
continue
printf "prot pc=%x cr0=%x\n", \$rip, \$cr0 & 1
stepi
printf "prot rbx=%lx\n", \$rbx
continue
printf "long pc=%x efer=%x\n", \$rip, \$efer
x/i \$pc
stepi
stepi
printf "long r15=%lx\n", \$r15
delete
watch *(long *)0x600
continue
continue
printf "count=%ld pc=%x\n", *(long *)0x600, \$rip
delete
set var *(long *)0x600 = 1000
break *$count
continue
printf "count=%ld\n", *(long *)0x600
delete
set var \$rbx = 0x123456789abcdef
set var \$xmm3.uint128 = 5
printf "rbx=%lx xmm3=%d\n", \$rbx, \$xmm3.v4_int32[0]
print \$eflags
monitor info status
monitor info history kind=mode
python
try:
    gdb.execute("x/x 0x800000")
except gdb.error as e:
    print(e)
end
kill
END
told "= 0xfffffff0" "real pc=${real#0x} ip=$(printf %x $((real - 0xf0000))) cs_base=f0000 cpl=0" "real bx=1616" \
	"prot pc=${prot#0x} cr0=1" "prot rbx=32323232" "long pc=${long#0x} efer=500" "movabs" \
	"long r15=6464646464646464" "Hardware watchpoint" "New value = 1" "New value = 2" "count=2" "count=1000" \
	"rbx=123456789abcdef xmm3=5" "VM status: paused" "CR0 e0000011 EFER 500" "Cannot access memory at address 0x800000"
[ $status = 0 ] || { cat "$dir/err" >&2; fail "kill: status $status"; }

# a 32-bit target; a step over a faulting instruction ends in the handler
user=$(at rings user) skip=$(at rings skip)
debug rings i386 -action panic=pause <<END
monitor x/1i \$pc
stepi
x/i \$pc
hbreak *$user
awatch *(int *)0x2004
continue
continue
printf "user cpl=%d cs=%x\n", \$cpl, \$cs
stepi 3
x/i \$pc
stepi
printf "handler pc=%x cpl=%d\n", \$pc, \$cpl
delete
info registers tr tr_base cr3
continue
monitor explain
kill
END
told "ljmp 0xf000:0" "cli" "access (read/write) watchpoint" "New value = 32768" "user cpl=3 cs=1b" "cli" \
	"handler pc=${skip#0x} cpl=0" "tr             0x28" "tr_base        0x2000" "cr3            0x10000" "SIGSEGV" \
	"=> the processor shuts down"

# an i8086 target: gdb's own disassembly is right in real mode
debug modes i8086 <<END
x/i \$pc
stepi
stepi
x/i \$pc
kill
END
told "ljmp   \$0xf000,\$0x0" "mov    \$0x1000,%ax"

# Ctrl-C stops a running guest; detaching lets it go on; a second gdb finds it running
: >"$dir/script"
timeout $((60 * slow)) "$DRAGOMAN" $accel -m 4 -bios "$dir/modes.img" -display none -monitor none -serial none \
	-gdb "unix:$dir/gdb.sock" 2>"$dir/err" </dev/null &
vm=$!
sleep 1
printf 'set pagination off\ntarget remote %s\nset var *(long *)0x600 = -1000000000000\ncontinue\nprintf "back in %%x, count %%d\\n", (long)$pc >> 8, *(long *)0x600 < 0\ndetach\n' \
	"$dir/gdb.sock" >"$dir/script"
# (--foreground: else gdb would get the signal twice, from timeout and as a member of its group)
timeout --foreground 50 gdb -q -nx -batch -x "$dir/script" >"$dir/out" 2>&1 </dev/null &
gdb=$!
sleep 3
kill -INT $gdb
wait $gdb
told "SIGINT" "back in f00, count 1" "detached"
printf 'target remote %s\nprintf "moved %%d\\n", *(long *)0x600 > -1000000000000\nkill\n' "$dir/gdb.sock" >"$dir/script"
timeout 50 gdb -q -nx -batch -x "$dir/script" >"$dir/out" 2>&1 </dev/null
told "moved 1"
wait $vm || fail "kill: status $?"
