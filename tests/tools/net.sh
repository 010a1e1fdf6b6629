# net.sh - what the network tests share. A test sources it after setting NIC empty; it sources boot.sh.
. "$(dirname "$0")/../tools/boot.sh"
httpd=
trap '[ -z "$httpd" ] || kill "$httpd" 2>/dev/null; rm -rf "$dir"' EXIT

# free_port: a TCP port nobody listens on
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# serve: an HTTP server for $dir/www with a file of random bytes; sets $port and $sum
serve() {
	mkdir -p "$dir/www"
	head -c 6000000 /dev/urandom >"$dir/www/data"
	sum=$(sha256sum <"$dir/www/data" | cut -d' ' -f1)
	port=$(free_port)
	python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" "$port" >"$dir/httpd.log" 2>&1 &
	httpd=$!
	n=0
	until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 100 ] || fail "no HTTP server"
		sleep 0.1
	done
}

# The guest's side of DHCP
lease='printf '"'"'#!/bin/sh\n[ "$1" = bound ] || exit 0\nip addr add $ip/$mask dev $interface\nip route add default via $router\necho "nameserver $dns" >/etc/resolv.conf\necho lease $ip dns $dns\n'"'"' >/tmp/s; chmod 755 /tmp/s; ip link set lo up; ip link set eth0 up; udhcpc -i eth0 -q -n -s /tmp/s'

# fetch_and_serve FLAVOUR MODULES OPTION...: the guest's stock driver gets a lease, fetches a file, and serves it back. $load is the
# guest's command that loads the modules, unless it is the usual one.
load=
fetch_and_serve() {
	flavour=$1 modules=$2
	shift 2
	k=$(guest kernel "$flavour") && i=$(guest drivers "$flavour" "$dir/initrd" $modules) || fail "no guest"
	forward=$(free_port)
	cat >"$dir/talk" <<END
refuse not found
expect guest ready
send ${load:-for m in $modules; do sh /lib/\$m; done}
send $lease
expect lease 10.0.2.15 dns 10.0.2.3
send wget -q -O /tmp/data http://10.0.2.2:$port/data; sha256sum </tmp/data
expect $sum
send mkdir /tmp/www; ln /tmp/data /tmp/www/data; httpd -p 80 -h /tmp/www; echo serv''ing
expect serving
host test \$(curl -s --retry 10 --retry-all-errors --retry-delay 1 --max-time 50 http://127.0.0.1:$forward/data | sha256sum | cut -d' ' -f1) = $sum
monitor info network
answer 52:54:00:ab:cd:ef
send poweroff -f
exit 0
END
	vm 240 -m 128 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' \
		-netdev user,id=n0,hostfwd=tcp:127.0.0.1:"$forward"-:80 "$@" <"$dir/talk" || fail "conversation failed"
}
