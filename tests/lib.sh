# lib.sh - what the scripts share: install what is missing, build, find the guests. POSIX sh; source it from anywhere
# with $root set to the repository's root. Owns no state but files under build/ (DRAGOMAN_BUILD) and build/guests
# (DRAGOMAN_GUESTS).

: "${root:?lib.sh: set root first}"
build=${DRAGOMAN_BUILD:-$root/build}
guests=${DRAGOMAN_GUESTS:-$build/guests}
tools=$root/tests/tools
# Tests run the program named here; qemu-system-i386 in its place checks the tests themselves.
DRAGOMAN=${DRAGOMAN:-$build/dragoman}
export DRAGOMAN

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "need root (or sudo) to install packages: $*"
	fi
}

# need PACKAGE...: install those that are missing, with one line that says which; silent if there are none
need() {
	missing=
	for p; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
		installed) ;;
		*) missing="$missing $p" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	say "installing what is missing:$missing"
	log=$(mktemp) || return 1
	# The package lists may be old or absent: ask with them first, refresh them only when that fails.
	apt_install $missing >"$log" 2>&1 || {
		as_root apt-get update -qq >>"$log" 2>&1
		apt_install $missing >>"$log" 2>&1
	} || {
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install:$missing"
	}
	rm -f "$log"
}
apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

need_build() {
	need cmake ninja-build gcc libc6-dev pkg-config libcapstone-dev libffi-dev libsdl2-dev libpng-dev zlib1g-dev libslirp-dev libncurses-dev libvncserver-dev libjansson-dev libnbd-dev check seabios ipxe-qemu
}
need_guests() { # what tests/tools/guest.sh uses
	need cpio gzip xz-utils e2fsprogs xorriso isolinux syslinux-common fdisk kmod grub-pc-bin grub-efi-amd64-bin mtools ovmf grub-common dpkg mmdebstrap arch-test openssl
}
need_tests() {
	need python3 socat imagemagick xvfb xauth qemu-utils memtest86+ grub-invaders git gdb protobuf-compiler nasm qemu-system-x86 tcpdump curl tesseract-ocr tesseract-ocr-eng
}
need_asan() { need libasan8 libubsan1; }

# configure_build DIR CMAKE-ARGUMENT...: configure once, build quietly; the log is shown when it fails
configure_build() {
	dir=$1
	shift
	mkdir -p "$dir" || return 1
	if [ ! -f "$dir/CMakeCache.txt" ]; then
		gen=
		command -v ninja >/dev/null && gen="-G Ninja"
		say "configuring ${dir##*/}"
		# $gen is two words or none
		cmake -S "$root" -B "$dir" $gen "$@" >"$dir/configure.log" 2>&1 || {
			tail -n 30 "$dir/configure.log" >&2
			rm -f "$dir/CMakeCache.txt"
			return 1
		}
	else # options may differ from the last run's; costs nothing when they do not
		cmake "$@" "$dir" >"$dir/configure.log" 2>&1 || {
			tail -n 30 "$dir/configure.log" >&2
			return 1
		}
	fi
	say "building ${dir##*/}"
	cmake --build "$dir" -j "$(nproc)" ${build_target:+--target $build_target} >"$dir/build.log" 2>&1 || {
		grep -E 'error|warning|FAILED|undefined' "$dir/build.log" | head -n 30 >&2
		tail -n 5 "$dir/build.log" >&2
		return 1
	}
}
