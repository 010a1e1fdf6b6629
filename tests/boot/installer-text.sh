#!/bin/sh
# Debian's text installer (amd64; -m below 1 GiB would make it choose its low memory mode): first question by serial
# and on the screen, where the keyboard answers it.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
arch=${arch:-amd64}
d=$(guest installer "$arch" text) || fail "no installer"
vm 150 -m 1G -kernel "$d/linux" -initrd "$d/initrd.gz" -append 'console=ttyS0 --- quiet' <<'END' || fail "serial: conversation failed"
refuse Kernel panic
expect Select a language
expect English
say the question by serial
monitor quit
exit 0
END
vm 150 -m 1G -kernel "$d/linux" -initrd "$d/initrd.gz" -append 'vga=normal fb=false --- quiet' <<END || fail "screen: conversation failed"
refuse Kernel panic
screen Select a language
screen English
say the question on the screen
sleep 2
dump $dir/a.ppm
monitor sendkey down
sleep 2
dump $dir/b.ppm
monitor sendkey up
monitor sendkey ret
screen Select your location
say the keyboard answers it
monitor quit
exit 0
END
# the bar moved by one row of letters
box=$(python3 "$tools/picture.py" changed "$dir/a.ppm" "$dir/b.ppm") || fail "the key changed nothing"
case $box in *x32+*) ;; *) fail "the key changed $box, not two rows" ;; esac
