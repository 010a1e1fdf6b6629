#!/bin/sh
# lint.sh - the rules of docs/architecture.md that a script can hold: layer arrows, file sizes, no mutable globals,
# libraries in their places, no machine paths. Usage: .ci/lint.sh [build-dir]   (run from the repository root)
# Exit: 0 if clean. Without built libraries in build-dir (default: build) the check of globals is skipped, and says so.
set -u
build=${1:-build}
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
bad=0

complain() { # stdin: one finding a line
	while IFS= read -r line; do
		echo "lint: $1: $line"
		echo x >>"$tmp"
	done
}
sources() { git ls-files -co --exclude-standard -- "$@" | grep -E '\.([ch]|def|S)$'; }

# may_include FILE-PREFIX ALLOWED-REGEX [EXCLUDED-FILE-REGEX]: what a layer's quoted includes may begin with
may_include() {
	sources "$1" | grep -vE "${3:-^$}" | while IFS= read -r f; do
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$f" /dev/null |
			grep -vE "include[[:space:]]*\"($2)"
	done | complain "include against the layers"
}
may_include mmu/base 'mmu/base/'
may_include mmu 'mmu/' '^mmu/base/'
may_include devices '(mmu|devices)/'
may_include cpu '(mmu|cpu)/'
may_include jit '(mmu|cpu|jit)/'
may_include frontend/machine '(mmu|cpu|jit|devices|frontend/machine)/'
may_include frontend '(mmu|cpu|jit|devices|frontend)/' '^frontend/machine/'

# only_in HEADER-REGEX PLACES-REGEX
only_in() {
	sources . | grep -vE "$2" | while IFS= read -r f; do
		grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($1)" "$f" /dev/null
	done | complain "library outside its place"
}
only_in 'SDL' '^(frontend/sdl/|tests/unit/test_sdl)'
only_in 'capstone' '^(jit/dump[^/]*\.c|frontend/(explain|trace)[^/]*\.c|tests/)'
only_in 'ffi' '^jit/interp/'
only_in 'check\.h' '^tests/'
only_in '(slirp/|libslirp)' '^frontend/'

sources . | while IFS= read -r f; do
	n=$(wc -l <"$f")
	if [ "$n" -gt 1000 ]; then
		echo "$f: $n lines, limit 1000" | complain "file too long"
	elif [ "$n" -gt 800 ]; then
		echo "lint: warning: $f: $n lines, split it by subject before 1000" >&2
	fi
done

# Mutable objects: nm's B b D d C; .data.rel.ro (constants with pointers) is let through by section name.
libs=$(ls "$build"/libdg_*.a 2>/dev/null)
if [ -z "$libs" ]; then
	echo "lint: no libraries in $build: mutable globals not checked" >&2
else
	for lib in $libs; do
		objdump -t "$lib" 2>/dev/null | awk -v lib="${lib##*/}" '
			/file format/ { obj = $1; sub(/:$/, "", obj); next }
			# columns: value, flags, section, size, name; keep objects and common symbols of size > 0
			{
				sec = ""
				for (i = 2; i < NF; i++)
					if ($i ~ /^(\.(data|bss|tdata|tbss)|\*COM\*)/) sec = $i
				if (sec == "" || sec ~ /^\.data\.rel\.ro/ || $NF ~ /^\./) next
				if ($(NF - 1) ~ /^0+$/) next
				if (sec ~ /^\.t(data|bss)/ && obj ~ /^fault\.c/) next
				if ($NF ~ /^__(asan|ubsan|odr)|^\.?Lubsan/) next
				print lib ": " obj ": " $NF " in " sec
			}' | complain "mutable object"
	done
fi

# Paths of somebody's machine; spelt so that this file does not find itself.
git ls-files -co --exclude-standard | while IFS= read -r f; do
	grep -nIE '(^|[^A-Za-z0-9_.])/(wor''k|hom''e/[a-z]|tm''p/wt|roo''t/)' "$f" /dev/null
done | complain "machine path"

[ -s "$tmp" ] && bad=1
[ $bad = 0 ] && echo "lint: clean"
exit $bad
