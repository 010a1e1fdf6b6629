#!/bin/sh
# -netdev user: restrict=on, and names. One guest with two cards. The first is restricted: it gets a lease, the host reaches it by hostfwd, and
# it reaches neither the host's server nor a name server. The second is not: the same server answers, and a name is looked up at 10.0.3.3,
# which is libslirp's way to the host's resolver. Where the host allows it, all that runs in a network of its own with a name server of
# ours; elsewhere any answer of the host's resolver counts.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
k=$(guest kernel 686) && i=$(guest drivers 686 "$dir/initrd" e1000) || fail "no guest"
if [ $# = 0 ] && unshare -rnm sh -c 'ip link set lo up && mount --bind /dev/null /etc/resolv.conf' 2>/dev/null; then
	rm -rf "$dir"
	exec unshare -rnm sh "$0" alone
fi
name=example.com answer=answered
if [ $# = 1 ]; then
	name=there.dragoman.test answer=192.0.2.77
	echo nameserver 127.0.0.1 >"$dir/resolv.conf"
	ip link set lo up && mount --bind "$dir/resolv.conf" /etc/resolv.conf || fail "no network of its own"
	python3 "$tools/names.py" $name $answer "$dir/names" &
	names=$!
	trap 'kill $names $httpd 2>/dev/null; rm -rf "$dir"' EXIT
fi
serve
echo for everybody >"$dir/www/open"
echo kept >"$dir/www/kept"
forward=$(free_port)
{
	cat <<END
refuse not found
refuse let through
expect guest ready
send sh /lib/e1000; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
send $lease
expect lease 10.0.2.15 dns
send timeout 8 wget -q -O /tmp/x http://10.0.2.2:$port/kept && echo let thr''ough || echo kept a''way
expect kept away
send timeout 3 nslookup asked.dragoman.test 10.0.2.3; mkdir /tmp/www; seq 1 1000 >/tmp/www/data; httpd -p 80 -h /tmp/www; echo serv''ing
expect serving
host test "\$(curl -s --retry 10 --retry-all-errors --retry-delay 1 --max-time 50 http://127.0.0.1:$forward/data | md5sum)" = "\$(seq 1 1000 | md5sum)"
send ip link set eth1 up; udhcpc -i eth1 -q -n -s /tmp/s
expect lease 10.0.3.15 dns 10.0.3.3
send timeout 8 wget -q -O - http://10.0.3.2:$port/open
expect for everybody
END
	if [ $# = 1 ]; then
		echo "send nslookup -type=a $name 10.0.3.3"
		echo "expect $answer"
	elif timeout 8 getent ahosts $name >/dev/null || [ $? = 2 ]; then
		say "names: what the host's resolver says"
		echo "send nslookup -type=a $name 10.0.3.3 2>&1 | grep -e 'timed out' -e resolve || echo answ''ered"
		echo "expect $answer"
	else
		say "names: not tried, the host's resolver does not answer"
	fi
	echo send poweroff -f
	echo exit 0
} >"$dir/talk"
vm 120 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' \
	-netdev user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:"$forward"-:80 -device e1000,netdev=n0 \
	-netdev user,id=n1,net=10.0.3.0/24 -device e1000,netdev=n1 <"$dir/talk" || fail "conversation failed"
grep -q 'GET /open' "$dir/httpd.log" || fail "the server was not asked"
if grep -q 'GET /kept' "$dir/httpd.log"; then fail "the restricted card reached the host's server"; fi
[ $# = 0 ] || { grep -q $name "$dir/names" || fail "the name server was not asked"; }
if [ $# = 1 ] && grep -q asked "$dir/names"; then fail "the restricted card reached the name server"; fi
