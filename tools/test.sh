#!/bin/bash
# test.sh -- runs test programs one after another and adds up: test.sh MIEN TEST...
#   TEST: a program, or a Lua file that MIEN runs.  Each ends with a line that holds 'N passed' and, where it counts them,
#   'N failed'.  One that ends badly without naming a failure, says no number or runs too long counts as one failure.
# Prints a line per test, what the failed ones said, and last 'N passed, N failed'.
# Tests see an empty home and a folder of their own for temporary files.
set -u
mien=$1
shift
limit=${TEST_SECONDS:-900}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME=$work/home TMPDIR=$work MIEN_HOME=$work/home/mien
unset MIEN_LUA
# LuaJIT keeps pointers where the leak checker does not look; undefined behaviour ends a test and says where.
export UBSAN_OPTIONS=print_stacktrace=1
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

passed=0 failed=0 bad=()
began=$SECONDS
for test in "$@"; do
    name=$(basename "$test")
    start=$SECONDS
    case $test in
    *.lua) ASAN_OPTIONS=detect_leaks=0 timeout -k 10 "$limit" "$mien" test "$test" ;;
    *)     timeout -k 10 "$limit" "$test" ;;
    esac </dev/null >"$work/log" 2>&1
    status=$?
    line=$(grep -aE '[0-9]+ passed' "$work/log" | tail -n 1)
    p=$(grep -oE '[0-9]+ passed' <<< "$line" | tail -n 1 | cut -d' ' -f1)
    f=$(grep -oE '[0-9]+ failed' <<< "$line" | tail -n 1 | cut -d' ' -f1)
    why=
    if [ $status -eq 124 ]; then why="ran longer than $limit s"
    elif [ $status -ne 0 ]; then why="exit status $status"
    elif [ -z "$p" ]; then why="does not say how many tests passed"
    fi
    [ -n "$why" ] && [ "${f:-0}" -eq 0 ] && f=1
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
    printf '%-26s %5d passed %3d failed %4d s%s\n' "$name" "${p:-0}" "${f:-0}" $((SECONDS - start)) "${why:+   $why}"
    if [ "${f:-0}" -ne 0 ] || [ -n "$why" ]; then
        bad+=("$name")
        tail -n 60 "$work/log" | sed 's/^/    /'
    fi
done
[ ${#bad[@]} -gt 0 ] && echo "failed: ${bad[*]}"
echo "$# test programs in $((SECONDS - began)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
