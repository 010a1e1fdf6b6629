#!/bin/sh
# -trace: a Perfetto trace of a small guest and of a Linux boot, decoded by protoc, an independent parser.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
judge() { # FILE: $dir/line has a line for each kind of event
	protoc --proto_path="$tools" --decode=Trace trace.proto <"$1" >"$dir/text" || fail "protoc cannot decode it"
	python3 "$tools/timeline.py" <"$dir/text" >"$dir/line" || fail "the timeline is wrong"
}
holds() {
	while IFS= read -r line; do
		grep -qF -- "$line" "$dir/line" || { head -n 60 "$dir/line" >&2; fail "not in the trace: $line"; }
	done
}
assemble rings
timeout 20 "$DRAGOMAN" $accel -m 4 -bios "$dir/rings.img" -display none -monitor none -serial none -no-reboot \
	-trace "file=$dir/rings.pb" 2>/dev/null </dev/null || fail "rings: status $?"
judge "$dir/rings.pb"
holds <<'END'
ring: ring 3 
ring: ring 0 
mode: protected
address space: CR3 10000
exceptions: #GP GP_CLI_IOPL 1 
exceptions: #PF PF_WRITE 1 
system calls, CR3 10000: int 80
END
k=$(guest kernel) && i=$(guest initrd) || fail "no guest"
vm 90 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -trace "file=$dir/linux.pb,os=linux" <<'END' || fail "conversation failed"
expect guest ready
send cat /proc/version
expect Linux version
send poweroff -f
exit 0
END
judge "$dir/linux.pb"
until=$(sed -n 's/^until //p' "$dir/line")
python3 "$tools/timeline_svg.py" "$(echo "$until" | awk '{ print $1 - 0.1 }')" "$until" <"$dir/text" >"$dir/svg" &&
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$dir/svg" && grep -q '>ring<' "$dir/svg" || fail "no picture"
grep -q 'string_value: "/proc/version"' "$dir/text" || fail "the file that cat opens is not named"
holds <<'END'
: execve 
: openat 
: write 
: wait4 
exceptions: #PF PF_NOT_PRESENT 
interrupts: IRQ 4 uart16550 (interrupt 
interrupts: local APIC timer (interrupt 
interrupt requests: ide: IRQ 15 
flow from interrupt requests: uart16550: IRQ 4 
flow from interrupt requests: ide: IRQ 15 
flow from interrupt line: INTR rises 
MIPS: above 0 
exits a second: 
instructions, total: 
system calls, cat (CR3 
address space: cat (CR3 
mode: real
mode: protected
devices: uart16550 write
annotations: result 
TLB fills, total: 
END
# one that begins and ends while the guest runs
vm 90 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' <<END || fail "conversation failed"
expect guest ready
monitor trace file=$dir/late.pb,os=linux
send cat /proc/version
expect Linux version
monitor trace off
send poweroff -f
exit 0
END
judge "$dir/late.pb"
holds <<'END'
system calls, cat (CR3 
: openat 
interrupts: IRQ 4 uart16550 (interrupt 
END
if timeout 5 "$DRAGOMAN" $accel -m 4 -bios "$dir/rings.img" -display none -trace "file=$dir/none/x" 2>"$dir/err" </dev/null; then
	fail "a trace that cannot be written was accepted"
fi
grep -qF "none/x" "$dir/err" || fail "the message does not name the file"
