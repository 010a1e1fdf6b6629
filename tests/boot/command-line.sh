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
