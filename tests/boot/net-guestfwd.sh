#!/bin/sh
# -netdev user,guestfwd=: addresses of the guest's network behind which a command of the host stands, started for each connection, or
# one stream to a server of the host, by tcp or unix. What the guest sends there comes back, longer than one packet; restrict=on
# leaves these ways open.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
k=$(guest kernel 686) && i=$(guest drivers 686 "$dir/initrd" e1000) || fail "no guest"
port=$(free_port)
socat "TCP-LISTEN:$port,bind=127.0.0.1" EXEC:'sed -u s/by/through/' &
one=$!
socat "UNIX-LISTEN:$dir/socket" EXEC:'sed -u s/abc/012/' &
httpd="$one $!"
trap 'kill $httpd 2>/dev/null; rm -rf "$dir"' EXIT
n=0
until [ -S "$dir/socket" ] && ss -ltnH "sport = :$port" | grep -q .; do
	n=$((n + 1))
	[ $n -lt 100 ] || fail "no servers"
	sleep 0.1
done
vm 120 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -device e1000,netdev=n0 \
	-netdev user,id=n0,restrict=on,guestfwd=tcp:10.0.2.100:7-cmd:"sh -c 'read a; echo got \$a; cat'",guestfwd=:10.0.2.101:80-tcp:127.0.0.1:"$port",guestfwd=tcp:10.0.2.102:9-unix:"$dir/socket" <<END || fail "conversation failed"
refuse not found
expect guest ready
send sh /lib/e1000; $lease
expect lease 10.0.2.15
send (echo first; sleep 2) | nc 10.0.2.100 7
expect got first
send (echo again; seq 1 20000; echo th''end; sleep 5) | nc 10.0.2.100 7 >/tmp/back; head -n 1 /tmp/back; sed -n '2,20001p' /tmp/back | md5sum
expect got again
expect $(seq 1 20000 | md5sum | cut -d' ' -f1)
send (echo by tcp; sleep 2) | nc 10.0.2.101 80 &
expect through tcp
send (echo abc; sleep 2) | nc 10.0.2.102 9 &
expect 012
send poweroff -f
exit 0
END
