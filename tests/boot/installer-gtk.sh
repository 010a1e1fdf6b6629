#!/bin/sh
# Debian's graphical installer (amd64) draws its first page in graphics: its banner is there pixel for pixel; keys move the
# selection; the mouse moves the pointer and presses the button that leads to the next page.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
arch=${arch:-amd64}
d=$(guest installer "$arch" gtk) || fail "no installer"
(cd "$dir" && zcat "$d/initrd.gz" | cpio -id --quiet 'usr/share/graphics/logo_debian.png') &&
	convert "$dir/usr/share/graphics/logo_debian.png" -depth 8 "ppm:$dir/logo.ppm" || fail "no banner in the installer"
vm 200 -m 1G -kernel "$d/linux" -initrd "$d/initrd.gz" -append 'vga=788 --- quiet' <<END || fail "conversation failed"
refuse Kernel panic
picture $dir/a.ppm $dir/logo.ppm
say the banner
# where the buttons are
row $dir/a.ppm 775
still $dir/a.ppm
say the first page
monitor sendkey down
sleep 3
dump $dir/b.ppm
monitor mouse_move 100 50
sleep 3
dump $dir/c.ppm
# to the corner at the bottom right, then onto the button Continue in steps too small to be accelerated
monitor mouse_move 2000 2000
sleep 1
monitor mouse_move -4 -2
monitor mouse_move -4 -2
monitor mouse_move -4 -2
monitor mouse_move -4 -2
monitor mouse_move -4 -2
monitor mouse_move -4 -2
monitor mouse_move -4 -2
monitor mouse_move -4 -2
sleep 1
still $dir/d.ppm
monitor mouse_button 1
sleep 1
monitor mouse_button 0
sleep 3
still $dir/e.ppm
say the second page
monitor quit
exit 0
END
changed() { python3 "$tools/picture.py" changed "$dir/$1.ppm" "$dir/$2.ppm" || fail "$3 changed nothing"; }
# height A B WHAT: of what differs
height() { changed "$1" "$2" "$3" | sed 's/^[0-9]*x\([0-9]*\)+.*/\1/'; }
width() { changed "$1" "$2" "$3" | sed 's/x.*//'; }
[ -z "${KEEP:-}" ] || for n in a b c d e; do cp "$dir/$n.ppm" "$KEEP-$n.ppm"; done
h=$(height a b "the key") || exit 1
[ "$h" -lt 80 ] || fail "the key changed $h rows of dots, more than two rows of the list"
h=$(height b c "the mouse") w=$(width b c "the mouse") || exit 1
[ "$h" -lt 90 ] && [ "$w" -lt 140 ] || fail "moving the mouse changed $w x $h dots"
h=$(height d e "the button") || exit 1
[ "$h" -gt 300 ] || fail "the button changed $h rows of dots: that is no new page"
