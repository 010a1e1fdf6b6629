#!/bin/sh
# Snapshots at random moments of a boot and of a workload on a disk: each goes on in another process, and prints what the undisturbed run
# prints. savevm and -loadvm with qcow2 images, migrate and -incoming with files; what cannot be loaded is refused in one line.
# n=N: how many of each (--long: 50, so 100 in all, and a few with counted time, in which even times and interrupt counts are the same).
# A long run can be made in pieces: parts='savevm migrate counted refused' names which, seed=N other moments.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel 686) && i=$(guest work 686) || fail "no guest"
n=${n:-$([ "${DRAGOMAN_LONG:-}" ] && echo 50 || echo 2)}
parts=${parts:-savevm migrate ${DRAGOMAN_LONG:+counted} refused}
seed=${seed:-1}
part() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac }
quiet='console=ttyS0 quiet loglevel=0 printk.time=0 panic=-1'
truncate -s 64M "$dir/disk.raw" && mke2fs -q -t ext4 -F "$dir/disk.raw" && qemu-img convert -O qcow2 "$dir/disk.raw" "$dir/disk.qcow2" ||
	fail "cannot make a disk"
run() { python3 "$tools/snapshots.py" -t $((300 * slow)) --seed "$seed" -n "$@" || fail "a restored run went another way"; }

if part savevm || part refused; then
	part savevm || n=1
	run "$n" --image "$dir/disk.qcow2" "$dir" "$DRAGOMAN" $accel -m 96 -kernel "$k" -initrd "$i" -append "$quiet disk=/dev/sda" \
		-drive file="$dir/disk.qcow2",format=qcow2
	qemu-img check -q "$dir/disk.qcow2" || fail "qemu-img check"
	[ "$(qemu-img snapshot -l "$dir/disk.qcow2" | grep -c ' s[0-9]')" -ge 1 ] || fail "qemu-img lists no snapshot"
fi
! part migrate || run "$n" "$dir" "$DRAGOMAN" $accel -m 96 -kernel "$k" -initrd "$i" -append "$quiet"
! part counted || run "$([ "$n" -gt 3 ] && echo 3 || echo "$n")" "$dir" "$DRAGOMAN" $accel -icount shift=3,sleep=off -rtc base=2025-01-01 \
	-m 96 -kernel "$k" -initrd "$i" -append 'console=ttyS0 panic=-1 exact'
part refused || exit 0

# refused WORDS OPTION...
refused() {
	words=$1
	shift
	timeout 60 "$DRAGOMAN" $accel -display none -monitor none -serial null "$@" >"$dir/out" 2>&1
	[ $? = 1 ] && [ "$(wc -l <"$dir/out")" = 1 ] && grep -qF "$words" "$dir/out" || { cat "$dir/out" >&2; fail "not refused: $words"; }
}
s=$(qemu-img snapshot -l "$dir/disk.qcow2" | sed -n 's/^[0-9]* *\(s[0-9]*\) .*/\1/p' | head -1)
hd="-drive file=$dir/disk.qcow2,format=qcow2"
refused "has no snapshot 'nothing'" -m 96 $hd -loadvm nothing
refused "96 MiB of RAM" -m 64 $hd -loadvm "$s"
refused "another CPU" -m 96 -cpu pentium $hd -loadvm "$s"
refused "a device 'VGA'" -m 96 -vga none $hd -loadvm "$s"
refused "no writable drive" -m 96 -loadvm "$s"
refused "cannot open" -m 96 -incoming file:"$dir/none"
head -c 100000 /dev/urandom >"$dir/noise"
refused "no snapshot of this program's" -m 96 -incoming file:"$dir/noise"
exit 0
