#!/bin/sh
# virtio-serial-pci with a console and two ports, and the memory balloon, with Debian's stock drivers, i386 and amd64: a shell on hvc0 by a
# socket, files through a port in both directions with equal sums, a port is closed while nobody is at its other end; memory that the
# balloon takes leaves this process, and can be used again.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
head -c 300000 /dev/urandom >"$dir/in"
sum=$(md5sum <"$dir/in" | cut -c1-32)
zeroes=$(head -c 70000000 /dev/zero | md5sum | cut -c1-32)
# what of the machine, found by its first socket's name, is resident: in MiB
cat >"$dir/resident" <<END
awk '/^VmRSS/ { print int(\$2 / 1024) }' /proc/\$(pgrep -n -f "path=$dir/con,")/status
END
# the balloon by the machine protocol: statistics, a new size, what the guest makes of it
cat >"$dir/balloon.py" <<'END'
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(60)
f = s.makefile("r")
actual = []
def line():
    j = json.loads(f.readline())
    if j.get("event") == "BALLOON_CHANGE":
        actual.append(j["data"]["actual"])
    return j
def do(name, **args):
    s.sendall(json.dumps({"execute": name, "arguments": args}).encode() + b"\n")
    while True:
        j = line()
        if "event" not in j:
            return j["return"]
line()
do("qmp_capabilities")
at = {"path": "/machine/peripheral/balloon0"}
do("qom-set", property="guest-stats-polling-interval", value=1, **at)
for n in range(40):
    time.sleep(0.5)
    g = do("qom-get", property="guest-stats", **at)
    if g["last-update"] > time.time() - 5 and g["stats"]["stat-total-memory"] > 0:
        break
assert 200 << 20 < g["stats"]["stat-total-memory"] <= 256 << 20, g
assert 0 < g["stats"]["stat-free-memory"] < g["stats"]["stat-total-memory"], g
assert do("qom-get", property="guest-stats-polling-interval", **at) == 1
do("balloon", value=144 << 20)
while 144 << 20 not in actual:
    line()
END
talk() {
	cat <<END
refuse not found
expect guest ready
send sh /lib/virtio_pci; sh /lib/virtio_console; sh /lib/virtio_balloon; cd /sys/class/virtio-ports; for p in *; do echo port \$p is \$(cat \$p/name); done; cd /
expect p1 is org.dragoman.0
expect p30 is
send setsid sh </dev/hvc0 >/dev/hvc0 2>&1 &
host (sleep 1; echo 'echo sum \$((20 + 1)) of hvc'; sleep 2) | socat - UNIX-CONNECT:$dir/con | tee $dir/seen | grep -q 'sum 21 of hvc'
send echo one line >/dev/vport0p30; head -c 10 /dev/vport0p1 | wc -c; echo nobody th''ere
expect 0
expect nobody there
host socat -u FILE:$dir/in UNIX-CONNECT:$dir/port >$dir/said 2>&1 &
send n=0; until [ \$n = 300000 ]; do head -c 300000 /dev/vport0p1 >/tmp/x; n=\$(stat -c %s /tmp/x); done; md5sum /tmp/x
expect $sum
host socat -t 5 -u UNIX-CONNECT:$dir/port CREATE:$dir/out >$dir/said 2>&1 &
send cat /tmp/x >/dev/vport0p1; echo sent b''ack
expect sent back
host n=0; until cmp -s $dir/in $dir/out; do sleep 0.2; n=\$((n + 1)); [ \$n -lt 100 ]; done && grep -q 'one line' $dir/file
send head -c 70000000 /dev/zero >/tmp/big; md5sum /tmp/big; rm /tmp/big; echo fil''led
expect $zeroes
expect filled
host sh $dir/resident >$dir/before
monitor info balloon
answer actual=256
send t=\$(free -m | awk '/Mem/ { print \$2 }'); now() { free -m | awk '/Mem/ { print \$2 }'; }; echo not''ed
expect noted
host python3 $dir/balloon.py $dir/qmp >$dir/said 2>&1
send while [ \$(now) -gt \$((t - 105)) ]; do sleep 0.3; done; echo smal''ler
expect smaller
monitor info balloon
answer actual=144
host sh $dir/resident >$dir/after; [ \$(cat $dir/after) -lt \$((\$(cat $dir/before) - 40)) ]
monitor balloon 256
send while [ \$(now) -lt \$((t - 5)) ]; do sleep 0.3; done; echo lar''ger
expect larger
send head -c 70000000 /dev/zero >/tmp/big; md5sum /tmp/big
expect $zeroes
monitor info balloon
answer actual=256
send poweroff -f
exit 0
END
}
run() { # FLAVOUR
	k=$(guest kernel "$1") && i=$(guest drivers "$1" "$dir/initrd" virtio_pci virtio_console virtio_balloon) || fail "no guest"
	talk | vm 120 -m 256 -kernel "$k" -initrd "$i" -append 'console=ttyS0 quiet' -device virtio-serial-pci \
		-chardev "socket,id=c,path=$dir/con,server=on,wait=off" -device virtconsole,chardev=c \
		-chardev "socket,id=p,path=$dir/port,server=on,wait=off" -device virtserialport,chardev=p,name=org.dragoman.0 \
		-chardev "file,id=f,path=$dir/file" -device virtserialport,chardev=f,nr=30 -device virtio-balloon-pci \
		-qmp "unix:$dir/qmp,server=on,wait=off" || fail "conversation failed ($1)"
}
run 686
run amd64
