#!/bin/sh
# peer.sh - another version of QEMU than this host's, to compare with: Debian's packages unpacked below the guests' directory
# (sysroot.sh), nothing installed. Prints a directory with qemu-system-i386 and qemu-system-x86_64, which run with the loader,
# the libraries and the firmware that came with them; they replace themselves by the emulator, so their process is its process.
#
# Usage: tests/tools/peer.sh VERSION      7.2 (Debian 12's) or 10 (Debian 13's)
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
version=${1:?peer.sh: which version?}
case $version in
7.2) suite=bookworm ;;
10) suite=trixie ;;
*) die "no Debian is known to have QEMU $version (there are 7.2 and 10)" ;;
esac
lib=x86_64-linux-gnu
loader=lib64/ld-linux-x86-64.so.2
tree=$(sh "$tools/sysroot.sh" --suite $suite amd64 qemu-system-x86) || exit 1
# before Debian 13 the loader was not below /usr
[ -f "$tree/$loader" ] || loader=usr/$loader
mkdir -p "$tree/peer" || exit 1
for p in qemu-system-i386 qemu-system-x86_64; do
	program=usr/bin/$p # or a script beside the emulator's own place
	[ ! -f "$tree/usr/libexec/$p" ] || program=usr/libexec/$p
	cat >"$tree/peer/$p" <<END
#!/bin/sh
t=$tree
QEMU_MODULE_DIR=\$t/usr/lib/$lib/qemu exec "\$t/$loader" --library-path "\$t/lib/$lib:\$t/usr/lib/$lib" "\$t/$program" \\
	-L "\$t/usr/share/qemu" -L "\$t/usr/share/seabios" "\$@"
END
	chmod 755 "$tree/peer/$p" || exit 1
	case $("$tree/peer/$p" --version 2>&1) in
	"QEMU emulator version $version."*) ;;
	*) die "$tree/peer/$p does not run or is not $version" ;;
	esac
done
echo "$tree/peer"
