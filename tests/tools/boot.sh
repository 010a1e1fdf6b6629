# boot.sh - what the boot tests share; a test sources it with $0 in tests/boot/. A test is a script that ends with
# status 0 (passed), 1 (failed) or 77 (skipped, after saying why). ACCEL names the accelerator. The line
# "# accel: A B; long: C" in its head says which ones tests/run.sh uses by default and with --long.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
ACCEL=${ACCEL:-jit}
# A test of the network sets NIC empty before it sources this.
case $DRAGOMAN in
*qemu-system*) emulator=qemu accel="-accel tcg ${NIC--nic none}" ;;
*) emulator=dragoman accel="-accel $ACCEL ${NIC--nic none}" ;;
esac
command -v "$DRAGOMAN" >/dev/null || { say "no program $DRAGOMAN: build first"; exit 1; }
# Interpreted and compared runs take longer; a limit is there to end a hang, not to measure.
case $ACCEL in
jit) slow=1 ;;
interp) slow=16 ;;
*) slow=20 ;;
esac
slow=$((slow * ${DRAGOMAN_SLOW:-1})) # a program that is emulated itself
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

fail() { say "$*"; exit 1; }
skip() { say "skipped: $*"; exit 77; }
guest() { sh "$tools/guest.sh" "$@"; }

# vm SECONDS OPTION... : a conversation (steps of expect.py on stdin) with a machine without a window
vm() {
	t=$1
	shift
	python3 "$tools/expect.py" -t $((t * slow)) -o "$dir/serial.txt" "$DRAGOMAN" $accel -display none -serial stdio "$@"
}
# filesystem_holds IMAGE[?offset=BYTES] FILE TEXT: e2fsck finds nothing to repair and FILE holds TEXT
filesystem_holds() {
	e2fsck -fn "$1" >"$dir/fsck" 2>&1 || { cat "$dir/fsck" >&2; fail "e2fsck finds errors"; }
	debugfs -R "cat $2" "$1" 2>/dev/null | grep -qxF "$3" || fail "$2 does not hold '$3' in the image"
}
# assemble NAME: tests/asm/NAME.S as a flat image in $dir/NAME.img
assemble() {
	gcc -m32 -nostdlib -c -o "$dir/$1.o" "$root/tests/asm/$1.S" && objcopy -O binary -j .text "$dir/$1.o" "$dir/$1.img" ||
		fail "cannot assemble $1.S"
}
