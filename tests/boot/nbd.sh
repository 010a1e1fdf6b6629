#!/bin/sh
# Disks of NBD servers (qemu-nbd, by socket file and by TCP) with Debian's stock drivers: what the guest has synced is in the server's
# file; the guest goes on while the server does not answer; a server that is gone means I/O errors in the guest and one line here.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
case $(ldd "$DRAGOMAN" 2>/dev/null) in *libnbd*) ;; *) [ $emulator = qemu ] || skip "built without libnbd" ;; esac
k=$(guest kernel 686) && i=$(guest drivers 686 "$dir/initrd" virtio_pci virtio_blk) || fail "no guest"
for n in a b; do guest data "$dir/$n.img" >/dev/null || fail "no disk"; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
qemu-nbd -t -f raw -x disk -k "$dir/a" "$dir/a.img" --pid-file="$dir/a.pid" &
servers=$!
qemu-nbd -t -f raw -b 127.0.0.1 -p "$port" "$dir/b.img" --pid-file="$dir/b.pid" &
servers="$servers $!"
trap 'kill -KILL $servers 2>/dev/null; rm -rf "$dir"' EXIT
n=0
until [ -S "$dir/a" ] && [ -s "$dir/b.pid" ]; do
	n=$((n + 1))
	[ $n -lt 100 ] || fail "qemu-nbd does not begin"
	sleep 0.1
done
printf '#!/bin/sh\nexec "%s" "$@" 2>>"%s/said"\n' "$DRAGOMAN" "$dir" >"$dir/${DRAGOMAN##*/}" && chmod +x "$dir/${DRAGOMAN##*/}"
DRAGOMAN=$dir/${DRAGOMAN##*/}
: >"$dir/said"
vm 60 -m 96 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -drive "file=nbd+unix:///disk?socket=$dir/a,format=raw,if=virtio" \
	-drive "file=nbd://127.0.0.1:$port,format=raw" <<END || fail "conversation failed"
expect guest ready
send sh /lib/virtio_pci; sh /lib/virtio_blk; mkdir /two; mount -t ext4 /dev/vda /mnt && mount -t ext4 /dev/sda /two && echo mounted o''k
expect mounted ok
send head -c 3000000 /dev/urandom >/mnt/big; cp /mnt/big /two/; echo kept >/mnt/kept; echo kept >/two/kept; sync; echo synced w''ell
expect synced well
send echo 3 >/proc/sys/vm/drop_caches; cmp /mnt/big /two/big && echo th''e same
expect the same
send umount /two; echo un''mounted
expect unmounted
host kill -STOP \$(cat $dir/a.pid)
send (echo late >/mnt/late; sync; touch /tmp/late; echo answer''ed) &
send sleep 1; seq 1 20000 | md5sum; [ -e /tmp/late ] || echo still wait''ing
expect still waiting
host kill -CONT \$(cat $dir/a.pid)
expect answered
send poweroff -f
exit 0
END
filesystem_holds "$dir/b.img" /kept kept
debugfs -R 'cat /kept' "$dir/a.img" 2>/dev/null | grep -qx kept || fail "what was synced is not in the server's file"
[ ! -s "$dir/said" ] || { cat "$dir/said" >&2; fail "something was said"; }

vm 60 -m 96 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -drive "file=nbd:unix:$dir/a:exportname=disk,format=raw,if=virtio" \
	<<END || fail "conversation failed (server gone)"
expect guest ready
send sh /lib/virtio_pci; sh /lib/virtio_blk; mount -t ext4 /dev/vda /mnt && cmp /mnt/big /mnt/big && echo mounted o''k
expect mounted ok
host kill -KILL \$(cat $dir/a.pid)
send dd if=/dev/vda of=/dev/null bs=1M skip=40 count=1; echo still ali''ve
expect I/O error
expect still alive
send poweroff -f
exit 0
END
[ $emulator = qemu ] || [ "$(grep -c 'NBD server.*is gone' "$dir/said")" = 1 ] || { cat "$dir/said" >&2; fail "not one line about the server"; }
exit 0
