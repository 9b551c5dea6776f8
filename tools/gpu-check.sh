#!/bin/bash
# gpu-check.sh -- everything that a GPU has to show, in one run: gpu-check.sh MIEN TESTS_FOLDER [SHARED]
#   SHARED   the folder of the goldens (tools/parity.sh); without it the comparisons with published numbers and with PyTorch are left out, and the
#            report says so.  PYTHON: one whose torch knows the GPU
#   (1) the table of ops, forward and backward, f32 on the GPU against f64 on the processor, guard bytes around every result, with and
#       without tuned kernels  (2) parity in f32, tf32, bf16  (3) determinism  (4) compute-sanitizer  (5) leaks  (6) timings, beside PyTorch's
# Leaves docs/bench/gpu-NAME.md and .json, and fails when a part does.  Without a GPU it proves what can be proved
# without one: GPU code for every generation, the kernels in the emulator, the host's side against a made-up driver.
set -u
mien=$1 tests=$2 shared=${3:-}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
report=$work/report
# part TITLE COMMAND...: its last lines go to the report
part() {
    local title=$1 start=$SECONDS
    shift
    if "$@" >"$work/log" 2>&1; then local verdict=ok; else local verdict="FAILED ($?)"; failed=1; fi
    printf '%-52s %-12s %5d s\n' "$title" "$verdict" $((SECONDS - start))
    { echo "### $title: $verdict"; echo '```'; tail -n "${LINES_KEPT:-4}" "$work/log"; echo '```'; } >>"$report"
    [ "$verdict" = ok ] || tail -n 20 "$work/log"
}

# The same seed twice: the sha256 of the weights that the library keeps.
trained() {
    "$mien" recipes/train.lua prompt='A person who is smiling' name=check steps="$steps" seed=3 preview=0 library="$work/$1.db" out="$work/$1" >&2 || return 1
    "$mien" library show check library="$work/$1.db" | grep -o 'sha256 [0-9a-f]*'
}
twice() {
    local first second
    first=$(trained "$1-a") && second=$(trained "$1-b") && [ -n "$first" ] && echo "$first, $second" && [ "$first" = "$second" ]
}
export mien work steps=10
export -f trained twice

if "$mien" devices | grep -q '^cuda *none'; then
    "$mien" devices | grep '^cuda'
    echo 'no GPU here: what can be shown without one'
    part 'GPU code is in the program' env LC_ALL=C grep -aqP '\x50\xed\x55\xba' "$mien"             # how every fatbin begins
    part 'kernels in the emulator, launched by the engine' "$tests/emulated_ops"
    part 'the emulator itself' "$tests/test_emulator"
    part 'memory, copies, faults, graphs' "$tests/test_cuda"
    part 'generator and head, small, against their goldens' "$tests/test_parity_small"
    steps=2 part 'same seed, same mapper' twice exact
    [ $failed -eq 0 ] && echo 'The rest waits for a GPU: run make gpu-check SHARED=DIR there.'
    exit $failed
fi

export MIEN_DEVICE=${MIEN_DEVICE:-cuda}
card=$("$mien" devices | grep '^cuda' | head -n 1)
name=$(echo "$card" | cut -d, -f1 | sed 's/^cuda:[0-9]* *//; s/NVIDIA //; s/[^A-Za-z0-9]\+/-/g' | tr 'A-Z' 'a-z')
echo "$card"

part 'ops against f64' "$tests/test_ops"
part 'ops against f64, plain kernels' env MIEN_CUDA_PLAIN=1 "$tests/test_ops"
part 'ops against f64, deterministic' env MIEN_DETERMINISTIC=1 "$tests/test_ops"

# Largest relative error that a setting of the factors may leave anywhere: TF32 keeps 10 bits, bfloat16 7, and errors grow through 20 layers.
parity() {
    MIEN_PRECISION=$1 bash tools/parity.sh "$mien" build/parity "$shared" >"$work/table" 2>&1
    local status=$?
    cat "$work/table"
    [ "$1" = strict ] && return $status
    awk -v most="$2" '$5 ~ /e[-+]/ && $5 + 0 > most {bad = 1; print "above " most ": " $0} END {exit bad}' "$work/table"
}
if [ -n "$shared" ]; then
    LINES_KEPT=40 part 'parity, f32' parity strict
    LINES_KEPT=40 part 'parity, tf32 (largest error 1e-2)' parity tf32 1e-2
    LINES_KEPT=40 part 'parity, bf16 (largest error 1e-1)' parity bf16 1e-1
else
    echo '### parity: not run, no SHARED=DIR' | tee -a "$report"
fi

part 'same seed, same mapper (MIEN_DETERMINISTIC=1)' env MIEN_DETERMINISTIC=1 bash -c 'twice exact'
if twice free >"$work/log" 2>&1; then echo '### without it: the same bits, too' >>"$report"
else echo '### without it: bits differ (sums that many threads add to: grid_sample, triplane_sample, render_rays, interpolate, rasterize, gather, backward)' >>"$report"
fi

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -n "$sanitizer" ]; then
    part 'compute-sanitizer memcheck' "$sanitizer" --tool memcheck --error-exitcode 1 "$tests/test_ops"
    part 'compute-sanitizer racecheck' "$sanitizer" --tool racecheck --error-exitcode 1 "$tests/test_ops"
else
    echo '### compute-sanitizer: not installed' | tee -a "$report"
fi

part 'memory is flat over 10000 steps' "$mien" docs/bench/gpu.lua what=leaks
# Timings of the embedded avatar, then of the published generator beside PyTorch's (docs/bench/gpu_torch.py): a JSON file each, joined in one, and tables.
jsons=()
timed() {
    local file=$work/$1.json title=$2
    shift 2
    LINES_KEPT=40 part "timings: $title" "$mien" docs/bench/gpu.lua what=times json="$file" "$@"
    [ -s "$file" ] && jsons+=("$file")
}
beside() {
    local file=$work/$1.json title=$2
    shift 2
    LINES_KEPT=12 part "timings: $title" bash -c '"$@" >'"'$file'" - "${PYTHON:-/usr/bin/python3}" docs/bench/gpu_torch.py "$shared" "$@"
    [ -s "$file" ] && jsons+=("$file")
}
table() {
    { echo; echo "### $1"; echo; "$mien" docs/bench/gpu.lua what=table json="$(IFS=,; echo "${jsons[*]}")"; } >"$work/table" 2>&1
    cat "$work/table" >>"$report"
    all+=("${jsons[@]}")
    jsons=()
}
all=()
for precision in strict bf16; do timed "avatar-$precision" "embedded avatar, $precision" precision=$precision pictures=64; done
table 'Embedded avatar'
if [ -n "$shared" ]; then                                # the stand-ins that parity made, as one model
    from=$shared
    [ -d "$from/oracle" ] && from=$from/oracle
    published=build/parity/published
    mkdir -p "$published"
    for part in generator=next3d_full_1 head=flame_1 clip=clip_vitb32_1 arcface=arcface_prelu_1; do ln -sf "../${part#*=}.safetensors" "$published/${part%%=*}.safetensors"; done
    cp "$from/clip/bpe_simple_vocab_16e6.txt.gz" "$published/clip.bpe"
    for precision in strict tf32 bf16; do timed "published-$precision" "published generator, $precision" model=$published precision=$precision products=false; done
    beside torch 'PyTorch, TF32'
    beside torch-compiled 'PyTorch, TF32, compiled' --compile
    beside torch-bf16 'PyTorch, bf16' --bf16
    table 'Published generator; in brackets: times faster than the fastest of PyTorch'
fi
{ echo '['; for k in "${!all[@]}"; do [ "$k" = 0 ] || echo ,; cat "${all[$k]}"; done; echo ']'; } >"docs/bench/gpu-$name.json"
{ echo "# $card"; echo; echo "\`make gpu-check\`, $(date -u +%F), $("$mien" --version)"; echo; cat "$report"; } >"docs/bench/gpu-$name.md"
echo "docs/bench/gpu-$name.md"
exit $failed
