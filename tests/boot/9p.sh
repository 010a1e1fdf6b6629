#!/bin/sh
# A folder of the host in a guest, by virtio-9p and Debian's stock 9p client, i386 and amd64: files in both directions with equal sums, everything
# a file system does, a directory of 1,500 entries; what leads out of the folder (a link to the host's /etc/passwd, a way up) shows the
# guest's own files only; a read-only share; owners and devices in attributes (mapped-xattr); no snapshot while it is mounted.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
share=$dir/share
mkdir -p "$dir/ro/sub"
gcc -m32 -O2 -nostdlib -static -fno-pic -fno-stack-protector -Wl,--build-id=none -o "$dir/files" "$tools/guest-files.c" ||
	fail "cannot compile guest-files.c"
echo 'only on the host' >"$dir/secret"
echo 'read only' >"$dir/ro/sub/file"
talk() {
	cat <<END
refuse not found
expect guest ready
send sh /lib/virtio_pci; sh /lib/9pnet_virtio; sh /lib/9p; mkdir /s /r /m; m() { mount -t 9p -o trans=virtio,version=9p2000.L,msize=\$3 \$1 \$2; }; m tag /s 131072 && m ro /r 8192 && m mapped /m 65536; echo mount''ed \$?
expect mounted 0
send md5sum /s/in; cp /s/in /s/out; sync; md5sum /s/out; cat /s/out-link; cat /s/up-link/secret; cmp /s/passwd /etc/passwd; echo links se''en
expect $sum
expect $sum
expect out-link': No such file
expect secret': No such file
expect links seen
host cmp $share/in $share/out
send cd /s; mkdir d d/e; echo one >d/f; echo two >>d/f; mv d/f d/e/g; ln d/e/g d/h; ln -s e/g d/l; cat d/l; stat -c 'links %h size %s mode %a' d/h; chmod 640 d/h; stat -c 'now %a' d/e/g; truncate -s 3 d/h; wc -c <d/e/g; touch -d '2001-02-03 04:05:06' d/h; stat -c '%y' d/h; readlink d/l
expect two
expect links 2 size 8 mode 644
expect now 640
expect 3
expect 2001-02-03 04:05:06
expect e/g
host [ "\$(stat -c %a-%s-%h $share/d/h)" = 640-3-2 ] && [ "\$(readlink $share/d/l)" = e/g ]
send mkdir many; i=0; while [ \$i -lt 1500 ]; do : >many/file-with-a-rather-long-name-\$i; i=\$((i + 1)); done; ls many | wc -l; ls many | sort | uniq -d | wc -l; echo coun''ted
expect 1500
expect 0
expect counted
host [ \$(ls $share/many | wc -l) = 1500 ]
send rm -r many && echo all go''ne; >x; ./files x; dd if=/dev/zero of=sy bs=4k count=3 conv=fsync 2>/dev/null && echo syn''ced; df -P /s | tail -1 | awk '{ print (\$2 > 0) "-sized" }'
expect all gone
expect open 1
expect flock 0
expect unlock 0
expect setlk 0
expect getlk 0
expect holder 2
expect write 10
expect fsync 0
expect fdatasync 0
expect setxattr 0
expect getxattr 5
expect listxattr 12
expect trusted -95
expect files 1
expect synced
expect 1-sized
host [ ! -e $share/many ] && [ "\$(stat -c %s $share/sy)" = 12288 ]
send exec 8<in; rm in; md5sum <&8; exec 8<&-; [ -e in ] || echo un''linked; mv sy d/sy2 && mv d d2 && cat d2/sy2 | wc -c; rmdir d2 2>/dev/null || echo not emp''ty
expect $sum
expect unlinked
expect 12288
expect not empty
send cat /r/sub/file; echo x >/r/new; echo x >/r/sub/file; rm /r/sub/file; mkdir /r/dir; ls /r/sub
expect read only
expect Read-only
expect Read-only
expect Read-only
expect Read-only
expect file
send cd /m; echo mine >f; chown 1234:99 f; chmod 4711 f; mknod dev c 1 3; ln -s over/there link; stat -c 'owner %u:%g mode %a' f; stat -c 'node %F %t,%T' dev; readlink link; echo gone >dev && cat dev | wc -c
expect owner 1234:99 mode 4711
expect node character special file 1,3
expect over/there
expect 0
host [ -f $dir/mapped/dev ] && [ ! -L $dir/mapped/link ] && [ "\$(stat -c %a $dir/mapped/f)" = 600 ]
monitor migrate file:$dir/snap
answer cannot be saved now
send cd /; umount /s && umount /r && umount /m && echo un''mounted
expect unmounted
monitor migrate file:$dir/snap
monitor cont
host [ -s $dir/snap ]
send m tag /s 262144 && cat /s/d2/e/g; echo more >/s/d2/e/g; sync; echo writ''ten
expect written
host [ "\$(cat $share/d2/e/g)" = more ]
send poweroff -f
exit 0
END
}
run() { # FLAVOUR
	rm -rf "$share" "$dir/mapped" "$dir/snap" && mkdir "$share" "$dir/mapped" && cp "$dir/files" "$share"
	head -c 3000000 /dev/urandom >"$share/in"
	sum=$(md5sum <"$share/in" | cut -c1-32)
	ln -s "$dir/secret" "$share/out-link" && ln -s .. "$share/up-link" && ln -s /etc/passwd "$share/passwd" && mkfifo "$share/fifo"
	k=$(guest kernel "$1") && i=$(guest drivers "$1" "$dir/initrd" virtio_pci 9pnet_virtio 9p) || fail "no guest"
	talk | vm 120 -m 192 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -virtfs "local,path=$share,mount_tag=tag,security_model=none" \
		-fsdev "local,id=f,path=$dir/ro,security_model=passthrough,readonly=on" -device virtio-9p-pci,fsdev=f,mount_tag=ro \
		-virtfs "local,path=$dir/mapped,mount_tag=mapped,security_model=mapped-xattr" || fail "conversation failed ($1)"
}
run 686
run amd64
