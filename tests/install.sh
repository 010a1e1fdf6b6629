#!/bin/sh
# install.sh - apt-get what building, testing and benchmarking need, if anything is missing. Usage: tests/install.sh
# [build|guests|tests|bench|foreign]...   (default: build guests tests)
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/tests/lib.sh"
[ $# -gt 0 ] || set -- build guests tests
for what; do
	case $what in
	build) need_build ;;
	guests) need_guests ;;
	tests) need_tests ;;
	foreign) need gcc-aarch64-linux-gnu qemu-user dpkg ;;
	bench) need gcc-12-multilib qemu-system-x86 ;;
	*) die "unknown set: $what (build, guests, tests, bench, foreign)" ;;
	esac
done
