#!/bin/sh
# What is told about the faults of a guest (tests/asm/rings.S): -d trap names the failed check and its operands for
# each, a triple fault is told as a whole, and -action panic= says what follows.
# accel: jit interp
. "$(dirname "$0")/../tools/boot.sh"
assemble rings
run() { # OPTION... : status in $status, standard error in $dir/err
	timeout $((20 * slow)) "$DRAGOMAN" $accel -m 4 -bios "$dir/rings.img" -display none -monitor none -serial none \
		"$@" >/dev/null 2>"$dir/err" </dev/null
	status=$?
}
holds() { # FILE TEXT
	grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "not told: $2"; }
}
run -d trap -D "$dir/log" -action panic=exit-failure
[ $status = 1 ] || fail "panic=exit-failure: status $status"
while IFS= read -r line; do
	holds "$dir/log" "$line"
done <<'END'
#GP(0000) general protection in 32-bit protected mode, CPL 3
fa   cli
[GP_CLI_IOPL: Intel SDM Vol. 2 CLI, STI]
privilege    CPL 3, IOPL 0
in al, 0x60
at 0068 of the TSS; the bit of port 0060 lies beyond the limit 67
SS0:ESP0 0010:00008000
mov dword ptr [0x30000], 1
protection violation, write, user mode
PTE   at 0000110c0 = 00030005  P read-only user
write access, but an entry has R/W = 0
PTE   at 0000110c4 = 00031003  P W supervisor
PTE   at 0000110c8 = 00032006  NOT PRESENT W user
vector 33: 000f8e00
32-bit interrupt gate DPL 0
selector     0010: index 2 of the GDT, RPL 0, CPL 3
data DPL 0, base 00000000 limit ffffffff (G=1), 32-bit writable accessed
[GP_SEL_LIMIT: Intel SDM Vol. 3A 6.15 Interrupt 13 General Protection Exception (#GP)]
mov eax, cr0
END
[ "$(grep -c '^trap #' "$dir/log")" = 13 ] || fail "13 traps expected"
while IFS= read -r line; do
	holds "$dir/err" "$line"
done <<'END'
dragoman: triple fault at 0008:000f
#GP(0048) general protection in 32-bit protected mode, CPL 0
|  instruction  0008:000f
mov fs, ax
`- delivering it: #NP(006b) segment not present
   |  gate         vector 13: 000f0e00
   `- which makes a #DF(0000) double fault
      `- delivering it: #GP(0043) general protection
=> the processor shuts down (triple fault)
CR0=e0010011 CR3=00010000
END
[ "$(wc -l <"$dir/err")" -le 40 ] || fail "more than a screen"
run -d trap -D "$dir/log" -no-reboot -symbols "$dir/rings.o,offset=0xf0000"
holds "$dir/log" "cli <user+0xc>"
holds "$dir/log" "CPL0 prot32 <skip>"
[ $status = 0 ] || fail "-no-reboot: status $status"
run -action panic=shutdown
[ $status = 0 ] || fail "panic=shutdown: status $status"
# stopped, the monitor can still look
vm 20 -m 4 -bios "$dir/rings.img" -action panic=pause 2>"$dir/err" <<'END' || { cat "$dir/err" >&2; fail "conversation failed"; }
sleep 2
monitor info status
answer VM status: paused
monitor info registers
answer CR3=0000000000010000
monitor explain 3
answer PTE   at 0000110c0
monitor info traps vec=14
answer PF_WRITE
monitor info gdt
answer 0018: 00cffb000000ffff code DPL 3
answer 32-bit TSS (available) DPL 0, base 00002000 limit 00000067 <- TR
monitor info idt 13
answer 32-bit interrupt gate DPL 0 NOT PRESENT, target 0008:000f
monitor info tss
answer SS0:ESP0 0010:00008000
monitor info ldt
answer no LDT is loaded
monitor info rings
answer ring 3 may not use CLI
monitor walk 0x30010
answer 30010 -> physical 30010, page of 4 KiB, user read-only executable
monitor walk 0x32000
answer the last entry is not present
monitor gva2gpa 0x32000
answer Unmapped
monitor info registers
answer DPL=0 CS32 [-RA]
monitor info mem
answer 0000000000000000-0000000000030000
monitor info qtree
answer dev: i8259
monitor quit
exit 0
END
