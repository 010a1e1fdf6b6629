#!/bin/sh
# installer-gtk.sh with Debian's i386 installer.
# accel: ; long: jit
arch=i386
. "$(dirname "$0")/installer-gtk.sh"
