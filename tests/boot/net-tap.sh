#!/bin/sh
# -netdev tap: the guest on a network of the host. The program makes the interface in a network namespace of the test's own, a script
# gives it its address; the guest fetches a file from a server there and serves it back. A second time another program has made the
# interface and hands it over (fd=). Skipped where the host allows no namespace or no tap.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
k=$(guest kernel 686) && i=$(guest drivers 686 "$dir/initrd" virtio_pci virtio_net) || fail "no guest"
if [ $# = 0 ]; then
	[ -e /dev/net/tun ] || skip "this host has no /dev/net/tun"
	unshare -rn ip tuntap add dev probe mode tap 2>"$dir/why" || skip "no tap in a network namespace: $(cat "$dir/why")"
	rm -rf "$dir"
	exec unshare -rn sh "$0" alone
fi
mkdir "$dir/www"
head -c 3000000 /dev/urandom >"$dir/www/data"
sum=$(sha256sum <"$dir/www/data" | cut -d' ' -f1)
printf '#!/bin/sh\nip addr add 192.0.2.1/24 dev $1 && ip link set $1 up && echo up $1 >>%s/scripts\n' "$dir" >"$dir/up"
printf '#!/bin/sh\necho down $1 >>%s/scripts\n' "$dir" >"$dir/down"
chmod 755 "$dir/up" "$dir/down"
ip link set lo up || fail "no loopback"
python3 -m http.server --bind 0.0.0.0 --directory "$dir/www" 8000 >"$dir/httpd.log" 2>&1 &
httpd=$!
cat >"$dir/talk" <<END
refuse not found
expect guest ready
send for m in virtio_pci virtio_net; do sh /lib/\$m; done; ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up
send wget -q -O /tmp/data http://192.0.2.1:8000/data; sha256sum </tmp/data
expect $sum
send mkdir /tmp/www; ln /tmp/data /tmp/www/data; httpd -p 80 -h /tmp/www; echo serv''ing
expect serving
host test \$(curl -s --retry 10 --retry-all-errors --retry-delay 1 --max-time 50 http://192.0.2.2/data | sha256sum | cut -d' ' -f1) = $sum
monitor info network
answer type=tap
send poweroff -f
exit 0
END
vm 120 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -device virtio-net-pci,netdev=n0 \
	-netdev tap,id=n0,ifname=guest0,script="$dir/up",downscript="$dir/down" <"$dir/talk" || fail "ifname=: conversation failed"
[ "$(cat "$dir/scripts")" = "up guest0
down guest0" ] || fail "the scripts ran otherwise: $(cat "$dir/scripts")"
# handed over: the interface as descriptor 7 (linux/if_tun.h: TUNSETIFF; IFF_TAP 2, IFF_NO_PI 1000h)
cat >"$dir/hand.py" <<'END'
import fcntl, os, struct, sys
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'guest1', 0x1002))
os.dup2(fd, 7)
os.system(sys.argv[1] + ' guest1')
os.execvp(sys.argv[2], sys.argv[2:])
END
printf '#!/bin/sh\nexec python3 "%s/hand.py" "%s/up" "%s" "$@"\n' "$dir" "$dir" "$DRAGOMAN" >"$dir/handed"
chmod 755 "$dir/handed"
DRAGOMAN=$dir/handed
vm 120 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -device virtio-net-pci,netdev=n0 \
	-netdev tap,id=n0,fd=7 <"$dir/talk" || fail "fd=: conversation failed"
