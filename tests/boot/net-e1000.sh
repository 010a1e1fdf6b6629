#!/bin/sh
# e1000 with Debian's stock driver, i386 and amd64: DHCP, a file fetched from a server of the host, the same file served through
# hostfwd, sums equal; what filter-dump wrote is what tcpdump reads.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
serve
for flavour in 686 amd64; do
	fetch_and_serve $flavour e1000 -device e1000,netdev=n0,mac=52:54:00:ab:cd:ef \
		-object filter-dump,id=f0,netdev=n0,file="$dir/net.pcap"
	tcpdump -nr "$dir/net.pcap" >"$dir/net.txt" 2>"$dir/tcpdump.err" || fail "tcpdump: $(cat "$dir/tcpdump.err")"
	grep -q 'BOOTP/DHCP, Request from 52:54:00:ab:cd:ef' "$dir/net.txt" || fail "no DHCP request in the dump"
	grep -q "10.0.2.2.$port > 10.0.2.15" "$dir/net.txt" || fail "no answer of the server in the dump"
done
