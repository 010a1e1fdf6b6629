#!/bin/sh
# installer-text.sh with Debian's i386 installer.
# accel: ; long: jit
arch=i386
. "$(dirname "$0")/installer-text.sh"
