#!/bin/sh
# The options around the machine: background, pid file, configuration file, terminal, once=.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
[ $emulator = dragoman ] || skip "about Dragoman's own command line"
python3 "$tools/terminal.py" "$DRAGOMAN" || fail "terminal"

# in the background: the parent returns when all is open; a second one must not take the pid file
cd "$dir" || exit 1
"$DRAGOMAN" -m 16 -display none -daemonize -pidfile pid -serial file:out -monitor unix:mon,server=on,wait=off || fail "-daemonize: status $?"
pid=$(cat pid) && kill -0 "$pid" || fail "-daemonize: no process behind the pid file"
[ -S mon ] && [ -f out ] || fail "-daemonize: the parent returned before everything was open"
if timeout 20 "$DRAGOMAN" -m 16 -display none -pidfile pid 2>err; then fail "a pid file in use was taken"; fi
grep -q "'pid' belongs to a running process" err || fail "no word about the pid file in use"
kill "$pid"
for i in 1 2 3 4 5 6 7 8 9 10; do [ -e pid ] && sleep 0.3; done
[ ! -e pid ] || fail "the pid file stays"
if "$DRAGOMAN" -m 16 -display none -daemonize -hda missing 2>err; then fail "-daemonize hides a failure"; fi
grep -q missing err || fail "-daemonize swallows the message"

# a configuration file; -boot once= holds for the first boot only
cat >cfg <<END
[memory]
  size = "32M"
[boot-opts]
  order = "c"
  once = "d"
[chardev "log"]
  backend = "file"
  path = "log"
[device]
  driver = "isa-debugcon"
  iobase = "0x402"
  chardev = "log"
END
head -c 1048576 /dev/zero >empty.img
vm 30 -readconfig cfg -no-acpi -hda empty.img <<END || fail "conversation failed"
screen No bootable device.
monitor info block
answer ide1-cd0
monitor system_reset
sleep 1
screen No bootable device.
monitor info registers
answer CR0=
monitor quit
exit 0
END
# each boot begins with its first device: "DVD/CD", then "Hard"
awk '/^SeaBIOS/ { first = 1 } /Booting from/ { if (first) print $3; first = 0 }' log | tr '\n' ' ' >order
[ "$(cat order)" = "DVD/CD... Hard " ] || fail "boot order: $(cat order)"

# bootindex= comes before the order of -boot
cp empty.img empty2.img
vm 30 -m 32 -boot d -drive file=empty.img,format=raw,if=none,id=a -device virtio-blk-pci,drive=a,bootindex=1 -net none \
	-drive file=empty2.img,format=raw,if=none,id=b -device ide-hd,drive=b,bootindex=0,bus=ide.0,unit=1 \
	-chardev file,id=log,path=log2 -device isa-debugcon,iobase=0x402,chardev=log <<END || fail "bootindex: conversation failed"
screen No bootable device.
monitor quit
exit 0
END
sed -n 's/.*boot order:/boot order:/; /^boot order:/,/^[^1-9b]/p' log2 | grep -o '/pci.*' >order
[ "$(cat order)" = "/pci@i0cf8/ide@1,1/drive@0/disk@1
/pci@i0cf8/scsi@3/disk@0,0" ] || fail "bootindex: $(cat order)"

# telnet: the greeting, commands taken out, a byte FFh; logfile=; a port forwarded while the machine runs; the log's file; -D's %d
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$DRAGOMAN" -m 16 -display none -chardev "socket,id=m,host=127.0.0.1,port=$port,server=on,wait=off,telnet=on,logfile=mon.log" -mon m \
	-serial /dev/null -d int -D 'log-%d' -bios bios-256k.bin & pid=$!
python3 - "$port" <<'END' || { kill $pid; fail "monitor by telnet"; }
import socket, sys, time
port, end = int(sys.argv[1]), time.monotonic() + 20
while True:
    try:
        s = socket.create_connection(("127.0.0.1", port)); break
    except OSError:
        if time.monotonic() > end: raise
        time.sleep(0.1)
s.settimeout(20)
def until(what):
    seen = b""
    while what not in seen:
        more = s.recv(4096)
        if not more: sys.exit(f"no {what!r} in {seen!r}")
        seen += more
    return seen
greeting = until(b"(dragoman) ")
assert greeting.startswith(b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00"), greeting
s.sendall(b"p 2\xff\xfa\x18\x00xterm\xff\xf0 * \xff\xfd\x03\xff\xfc\x2221\r\0")  # a subnegotiation, two refusals or so
until(b"0x2a\r\n(dragoman) ")
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0)); free = probe.getsockname()[1]
s.sendall(b"hostfwd_add tcp:127.0.0.1:%d-:22\r\0" % free)
answer = until(b"22\r\n(dragoman) ")
if b"no user network" not in answer:
    socket.create_connection(("127.0.0.1", free)).close()
    s.sendall(b"hostfwd_remove tcp:127.0.0.1:%d\r\0" % free); until(b"removed")
    s.sendall(b"hostfwd_remove tcp:127.0.0.1:%d\r\0" % free); until(b"not found")
s.sendall(b"logfile other\r\0"); until(b"(dragoman) ")
s.sendall(b"quit\r\0")
END
wait $pid || fail "telnet: status $?"
grep -q '0x2a' mon.log || fail "logfile=: no answer in it"
[ -f "log-$pid" ] && [ -f other ] || fail "-D with a process number, logfile"
