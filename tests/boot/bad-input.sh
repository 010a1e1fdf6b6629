#!/bin/sh
# Bad input: status not 0, exactly one line on standard error that names the thing, nothing written anywhere.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
cd "$dir" || exit 1
mkdir adir sub
printf 'this is no kernel, no disk and no firmware\n' >text
head -c 100 /boot/memtest86+ia32.bin >short-kernel
head -c 1000 "$(guest kernel)" >short-linux
: >empty
printf 'QFI\373\0\0\0\3short' >bad.qcow2
printf 'KDMV\1\0\0\0short' >bad.vmdk
printf '# Disk DescriptorFile\ncreateType="vmfs"\n' >text.vmdk
bad=0
list() { find . -type f ! -path './sub/*' -exec md5sum {} + | LC_ALL=C sort; }
list >sub/before

# refused NAME OPTION...: NAME must be in the message
refused() {
	name=$1
	shift
	timeout 20 "$DRAGOMAN" -display none "$@" >sub/out 2>sub/err </dev/null
	status=$?
	lines=$(wc -l <sub/err)
	why=
	case $status in
	0) why="status 0" ;;
	124) why="it ran on" ;;
	12[5-9] | 1[3-9]?) why="status $status: it crashed" ;;
	esac
	[ "$lines" = 1 ] || why="$why; $lines lines on standard error"
	grep -qF -- "$name" sub/err || why="$why; the message does not name $name"
	[ ! -s sub/out ] || why="$why; it wrote to standard output"
	list >sub/after
	cmp -s sub/before sub/after || { why="$why; it changed files"; cp sub/after sub/before; }
	if [ -n "$why" ]; then
		say "$*: $why"
		head -n 3 sub/err >&2
		bad=$((bad + 1))
	fi
}
refused missing.img -hda missing.img
refused missing.img -drive file=missing.img,format=raw
refused missing.iso -cdrom missing.iso
refused missing.bin -kernel missing.bin
refused missing.gz -kernel /boot/invaders.exec -initrd missing.gz
refused missing.rom -bios missing.rom
refused adir -hda adir
refused adir -cdrom adir
refused adir -kernel adir
refused adir -bios adir
refused text -kernel text
refused empty -kernel empty
refused short-kernel -kernel short-kernel
refused short-linux -kernel short-linux
refused empty -bios empty
refused qcow2 -drive file=bad.qcow2,format=qcow2
refused bad.vmdk -hda bad.vmdk
refused "of the kind vmfs" -hda text.vmdk
refused "is not vdi" -drive file=text,format=vdi
refused "is not vpc" -drive file=text,format=vpc
refused nosuch -drive file=text,format=nosuch
refused nosuch -drive file=text,if=nosuch
refused nosuch -drive file=text,format=raw,nosuch=1
refused file -drive format=raw
refused -nosuch -nosuch
refused -memroy -memroy 64
refused 0 -m 0
refused 999T -m 999T
refused -5 -m -5
refused banana -m banana
refused 1X -m 1X
refused nosuch -accel nosuch
refused nosuch -cpu nosuch
refused nosuch -cpu max,+nosuch
refused nosuch -M nosuch
refused nosuch -vga nosuch
refused nosuch -display nosuch
refused nosuch -boot nosuch
refused nosuch -boot order=c,nosuch=1
refused nosuch -device nosuch
refused nosuch -device isa-debug-exit,nosuch=1
refused nosuch -serial nosuch
refused nodir/log -serial file:nodir/log
refused nodir/mon -monitor unix:nodir/mon,server=on,wait=off
refused nosuch -d nosuch
refused nodir/log -D nodir/log
refused nosuch -rtc base=nosuch
refused nosuch -gdb nosuch
refused nosuch -action panic=nosuch
refused nosuch -trace nosuch
refused nosuch -report nosuch
refused nodir/report -report sensitive=nodir/report
refused nosuch -symbols nosuch
refused text -symbols text
refused nodir/trace -trace file=nodir/trace
refused empty text empty
refused -hda -hda
refused -m -m
[ $bad = 0 ] || fail "$bad cases"
