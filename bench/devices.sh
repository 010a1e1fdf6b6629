#!/bin/sh
# devices.sh - throughput of disks, network cards and a shared folder under Dragoman and under QEMU (tcg), with Debian's stock drivers.
# Usage: sh bench/devices.sh [-r ROUNDS] [KIND...]     KIND: virtio-blk ide virtio-net-pci e1000 rtl8139 9p (default: all)
# Both programs take turns, ROUNDS times (2); the best of each is printed in MB/s of guest time, with the emulator's processor seconds
# for the whole of that run, boot included. Network: HTTP through -netdev user, from the host and to it. QEMU: qemu-system-i386.
NIC=
rounds=2
case ${1:-} in -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ "${1:-}" != -r ] || { rounds=$2; shift 2; }
kinds=${*:-virtio-blk ide virtio-net-pci e1000 rtl8139 9p}
# net.sh finds the repository by $0's folder, as a test's
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
if [ -z "${BENCH_KIND:-}" ]; then
	ours=${DRAGOMAN:-$root/build/dragoman}
	results=$(mktemp) || exit 1
	trap 'rm -f "$results"' EXIT
	echo "kind, direction, program: MB/s, processor seconds of the run"
	for kind in $kinds; do
		n=0
		while [ $n -lt "$rounds" ]; do
			n=$((n + 1))
			for p in "$ours" qemu-system-i386; do
				BENCH_KIND=$kind DRAGOMAN=$p sh "$0" >>"$results" || { echo "devices: $kind with $p failed" >&2; exit 1; }
			done
		done
	done
	# KIND DIRECTION PROGRAM MB/s SECONDS
	awk '{ k = $1 " " $2 " " $3; if (!(k in best)) order[++n] = k; if ($4 > best[k]) { best[k] = $4; cpu[k] = $5 } }
		END { for (i = 1; i <= n; i++) printf "%-34s %7.1f %7.1f\n", order[i], best[order[i]], cpu[order[i]] }' "$results"
	exit 0
fi

set -- "$root/tests/boot"
. "$root/tests/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d) || exit 1
httpd=
trap '[ -z "$httpd" ] || kill "$httpd" 2>/dev/null; rm -rf "$dir"' EXIT
case $DRAGOMAN in
*qemu-system*) program=qemu accel="-accel tcg" ;;
*) program=dragoman accel="-accel jit" ;;
esac
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# talk NAME MIB COMMAND: a command whose time is taken; prints "took NAME MIB SECONDS" on the guest's console
timed() { echo "send a=\$(cut -d' ' -f1 /proc/uptime); $3; b=\$(cut -d' ' -f1 /proc/uptime); echo to''ok $1 $2 \$(awk \"BEGIN { print \$b - \$a }\")"; echo "expect took $1"; }

mib=192
big=$dir/www/big
mkdir "$dir/www" && head -c $((mib << 20)) /dev/urandom >"$big"
options="-nic none"
modules=
load=
case $BENCH_KIND in
virtio-blk | ide)
	modules="virtio_pci virtio_blk" dev=/dev/vda if=virtio
	[ "$BENCH_KIND" = virtio-blk ] || modules="" dev=/dev/sda if=ide
	options="$options -drive file=$big,format=raw,if=$if"
	load=$modules
	body="$(timed read $mib "dd if=$dev of=/dev/null bs=1M 2>/dev/null")
$(timed write $mib "dd if=/dev/zero of=$dev bs=1M count=$mib conv=fsync 2>/dev/null")"
	;;
9p)
	modules="virtio_pci 9pnet_virtio 9p" load=$modules
	options="$options -virtfs local,path=$dir/www,mount_tag=t,security_model=none"
	body="send mkdir /s; mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 t /s; echo do''ne
expect done
$(timed read $mib "cat /s/big >/dev/null")
$(timed write $mib "dd if=/dev/zero of=/s/new bs=1M count=$mib conv=fsync 2>/dev/null")"
	;;
*)
	case $BENCH_KIND in
	virtio-net-pci) load="virtio_pci virtio_net" ;;
	rtl8139) load=8139cp ;;
	*) load=$BENCH_KIND ;;
	esac
	modules=$load port=$(free_port) forward=$(free_port)
	python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" "$port" >/dev/null 2>&1 &
	httpd=$!
	options="-netdev user,id=n0,hostfwd=tcp:127.0.0.1:$forward-:80 -device $BENCH_KIND,netdev=n0"
	body="send ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2; mkdir /w; head -c 67108864 /dev/zero >/w/z; httpd -p 80 -h /w; sleep 1; echo do''ne
expect done
$(timed fetch $mib "wget -q -O /dev/null http://10.0.2.2:$port/big")
host curl -s -f -o /dev/null -w '%{size_download} %{time_total}' http://127.0.0.1:$forward/z >$dir/serve"
	;;
esac
k=$(sh "$tools/guest.sh" kernel 686) || exit 1
if [ "$modules" ]; then
	i=$(sh "$tools/guest.sh" drivers 686 "$dir/initrd" $modules) || exit 1
else
	i=$(sh "$tools/guest.sh" initrd 686) || exit 1
fi
cat >"$dir/talk" <<END
expect guest ready
send for m in $load; do sh /lib/\$m; done; sleep 1; echo lo''aded
expect loaded
$body
send poweroff -f
exit 0
END
before=$(awk '{ print $16 + $17 }' /proc/$$/stat)
python3 "$tools/expect.py" -t 300 -o "$dir/serial.txt" "$DRAGOMAN" $accel -display none -serial stdio -m 256 -kernel "$k" -initrd "$i" \
	-append 'console=ttyS0 quiet' $options <"$dir/talk" || exit 1
cpu=$(awk -v b="$before" '{ print ($16 + $17 - b) / 100 }' /proc/$$/stat)
grep -a '^took [a-z]' "$dir/serial.txt" | tr -d '\r' | awk -v k="$BENCH_KIND" -v p=$program -v c="$cpu" '{ printf "%s %s %s %.1f %.1f\n", k, $2, p, $3 * 1.048576 / $4, c }'
[ ! -s "$dir/serve" ] || awk -v k="$BENCH_KIND" -v p=$program -v c="$cpu" '{ printf "%s serve %s %.1f %.1f\n", k, p, $1 / 1e6 / $2, c }' "$dir/serve"
exit 0
