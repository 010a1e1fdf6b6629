#!/bin/sh
# sysroot.sh - the libraries that the program and its tests link with, for another architecture: Debian's packages unpacked
# below the guests' directory. Needs no root and installs nothing.
#
# Usage: tests/tools/sysroot.sh [--suite SUITE] ARCH [PACKAGE...]      ARCH is Debian's name, arm64; prints the path. Packages that
# are named, and what they need, are unpacked instead, in a place of their own; SUITE is another Debian to take them from, such as
# trixie, by the mirror that this host's apt uses for its own.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lib.sh"
suite=
[ "${1:-}" != --suite ] || { suite=${2:?sysroot.sh: which suite?}; shift 2; }
arch=${1:?sysroot.sh: which architecture?}
shift
out=$guests/sysroot-$arch${1:+-$1}${suite:+-$suite}
wanted=${*:-"libc6-dev libcapstone-dev libffi-dev libsdl2-dev libpng-dev zlib1g-dev libslirp-dev libncurses-dev libvncserver-dev libjansson-dev libnbd-dev check"}

# as_arch PROGRAM ARGUMENT...: apt-get as a host of $arch without a single package would run it
as_arch() {
	program=$1
	shift
	"$program" -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State="$out/apt" \
		-o Dir::State::status=/dev/null -o Dir::Cache="$out/apt/cache" -o APT::Sandbox::User=root \
		-o APT::Install-Recommends=false ${suite:+-o Dir::Etc::SourceList="$out/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null} "$@"
}
# other_suite: apt's source of $suite, signed by the keys that the host has for Debian
other_suite() {
	own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $own" | head -n 1)
	[ -n "$mirror" ] || die "apt knows no mirror of $own"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
}
if [ "$(cat "$out/ready" 2>/dev/null)" != "$wanted" ]; then
	say "fetching the $arch libraries${1:+ of $1}${suite:+ ($suite)}"
	mkdir -p "$out/apt/lists/partial" "$out/apt/cache/archives/partial" "$out/root" || exit 1
	[ -z "$suite" ] || other_suite >"$out/apt/sources.list" || exit 1
	as_arch apt-get update >"$out/log" 2>&1
	# Packages are unpacked by hand: their scripts cannot run here.
	{ as_arch apt-get install -y --download-only $wanted >>"$out/log" 2>&1 &&
		for f in "$out"/apt/cache/archives/*.deb; do
			dpkg-deb -x "$f" "$out/root" || exit 1
		done; } || {
		tail -n 5 "$out/log" >&2
		die "cannot fetch the $arch libraries"
	}
	rm -rf "$out/apt"
	# absolute links of a root file system lead out of this one
	find "$out/root" -type l | while IFS= read -r l; do
		t=$(readlink "$l")
		case $t in
		/*) ln -sfn "$(realpath -m --relative-to="$(dirname "$l")" "$out/root$t")" "$l" ;;
		esac
	done
	echo "$wanted" >"$out/ready"
fi
echo "$out/root"
