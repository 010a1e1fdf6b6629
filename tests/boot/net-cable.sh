#!/bin/sh
# A cable between two machines, -netdev socket: one waits (listen=), the other calls (connect=). Pings, and a file with equal sums.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
k=$(guest kernel 686) && i=$(guest drivers 686 "$dir/initrd" e1000) || fail "no guest"
port=$(free_port)
sum=$(seq 1 200000 | md5sum | cut -d' ' -f1)
card='sh /lib/e1000; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set eth0 up; ip addr add'
machine() { # NAME MAC CABLE: a conversation from stdin
	mkdir "$dir/$1"
	(
		dir=$dir/$1
		vm 120 -m 96 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -netdev socket,id=n0,"$3" -device e1000,netdev=n0,mac="$2"
	)
}
machine waits 52:54:00:00:00:01 listen=127.0.0.1:"$port" <<END &
refuse not found
expect guest ready
send $card 10.9.0.1/24 dev eth0; mkdir /tmp/www; seq 1 200000 >/tmp/www/data; httpd -p 80 -h /tmp/www; echo serv''ing
expect serving
host touch $dir/serving; n=0; until [ -f $dir/done ]; do sleep 0.2; n=\$((n + 1)); [ \$n -lt 400 ]; done
send poweroff -f
exit 0
END
first=$!
n=0
until [ -f "$dir/serving" ]; do
	n=$((n + 1))
	[ $n -lt $((600 * slow)) ] && kill -0 $first 2>/dev/null || { kill $first 2>/dev/null; fail "the machine that listens does not come up"; }
	sleep 0.2
done
machine calls 52:54:00:00:00:02 connect=127.0.0.1:"$port" <<END
refuse not found
expect guest ready
send $card 10.9.0.2/24 dev eth0; ping -c 2 -w 20 10.9.0.1 | grep received
expect 2 packets transmitted, 2 packets received
send wget -q -O /tmp/data http://10.9.0.1/data; md5sum /tmp/data
expect $sum
send poweroff -f
exit 0
END
status=$?
touch "$dir/done"
wait $first || fail "the machine that listens: conversation failed"
[ $status = 0 ] || fail "the machine that calls: conversation failed"
