#!/bin/sh
# run.sh - the fuzz targets with libFuzzer, ASan and UBSan, one after another. Usage: sh tests/fuzz/run.sh [MINUTES [TARGET]...]
# MINUTES (default 10) each; TARGETs are NAMEs of fuzz_NAME.c (default: all). Needs clang. What a run adds to a corpus, and a failing
# input (crash-*, timeout-*), are in build-fuzz/NAME/; `test_fuzz_NAME FILE` runs one again.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
minutes=${1:-10}
[ $# = 0 ] || shift
command -v clang >/dev/null || { echo "skipped: no clang"; exit 77; }
all=$(cd "$root/tests/fuzz" && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
cd "$root" && cmake -B build-fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DDRAGOMAN_FUZZER=ON -DDRAGOMAN_SANITIZE=ON >/dev/null || exit 1
bad=0
for t in ${*:-$all}; do
	ninja -C build-fuzz "test_fuzz_$t" >build-fuzz/log || { tail -n 20 build-fuzz/log; exit 1; }
	mkdir -p "build-fuzz/$t/corpus" "tests/fuzz/corpus/$t"
	if "build-fuzz/tests/test_fuzz_$t" -max_total_time=$((minutes * 60)) -timeout=25 -rss_limit_mb=3000 -max_len=20000 \
		-artifact_prefix="build-fuzz/$t/" "build-fuzz/$t/corpus" "tests/fuzz/corpus/$t" >"build-fuzz/$t/log" 2>&1 </dev/null; then
		echo "$t: $(sed -n 's/^#\([0-9]*\).*DONE.*cov: \([0-9]*\).*/\1 inputs, coverage \2/p' "build-fuzz/$t/log" | tail -n 1)"
	else
		echo "$t: FAILED"
		tail -n 40 "build-fuzz/$t/log"
		bad=1
	fi
done
exit $bad
