#!/bin/sh
# VLANs with Debian's stock drivers: tags put in and taken out by the card (e1000, RTL8139 in C+ mode) or by the guest (virtio-net). Another
# program at the other end of the cable answers pings in VLAN 5 alone and looks at every frame.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
vlan() { # FLAVOUR MODULES MODEL
	k=$(guest kernel "$1") && i=$(guest drivers "$1" "$dir/initrd" $2 8021q) || fail "no guest"
	port=$(free_port)
	rm -f "$dir/seen"
	python3 "$tools/vlan_peer.py" "$port" 5 10.5.0.2 "$dir/seen" &
	peer=$!
	sleep 1
	cat >"$dir/talk" <<END
refuse not found
expect guest ready
send for m in $2 8021q; do sh /lib/\$m; done; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set eth0 up; ip link add link eth0 name v5 type vlan id 5; ip addr add 10.5.0.1/24 dev v5; ip link set v5 up; echo s''et
expect set
send ping -c 3 -w 20 10.5.0.2 | tail -2; ping -c 2 -w 20 -s 1472 10.5.0.2 | grep received
expect 3 packets transmitted, 3 packets received
expect 2 packets transmitted, 2 packets received
send ip addr add 10.5.0.9/24 dev eth0; ip addr del 10.5.0.1/24 dev v5; ping -c 1 -w 2 10.5.0.2 | grep received
expect 0 packets received
send poweroff -f
exit 0
END
	vm 120 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -netdev socket,id=n0,connect=127.0.0.1:"$port" -device "$3",netdev=n0 \
		<"$dir/talk" || { kill $peer; fail "conversation failed ($3)"; }
	wait $peer
	grep -q 'tagged [1-9].*wrong 0' "$dir/seen" || fail "$3: $(cat "$dir/seen")"
}
vlan 686 e1000 e1000
vlan amd64 8139cp rtl8139
vlan 686 'virtio_pci virtio_net' virtio-net-pci
