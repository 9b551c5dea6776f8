#!/bin/bash
# fuzz.sh -- builds fuzz targets tests/fuzz/fuzz_*.c with clang's libFuzzer and runs them: fuzz.sh BUILDFOLDER [SECONDS [TARGET...]]
# What reads foreign bytes is compiled with the sanitizers, the rest comes from BUILDFOLDER/libmien.a.  Each begins with the seeds
# in tests/fuzz/seeds; what it finds stays in BUILDFOLDER/fuzz.  LIBS: the libraries to link.
set -u
build=$1 seconds=${2:-20}
shift $(($# < 2 ? $# : 2))
command -v clang >/dev/null || { echo 'make fuzz needs clang (Debian: apt-get install -y clang)' >&2; exit 1; }
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(pickle zip safetensors png obj tokenizer)
io=engine/io
mkdir -p "$build/fuzz"
status=0
for target in "${targets[@]}"; do
    seeds=tests/fuzz/seeds/$target most=4096
    case $target in
    pickle)      readers=($io/pickle*.c engine/error.c) more=tests/golden/ckpt ;;
    zip)         readers=($io/pickle*.c $io/{zip,mapping,torchfile,torch_tensor,torch_dict,npyfile}.c) more=tests/golden/ckpt ;;
    safetensors) readers=($io/{safetensors,json,text,file}.c engine/error.c) more=tests/golden/models ;;
    png)         readers=($io/{png_read,png_write,file}.c) more= ;;
    obj)         readers=($io/{obj,mesh,text,file}.c) more=tests/golden/ckpt most=2048 ;;
    tokenizer)   readers=($io/tokenizer_*.c $io/{json,text,file}.c engine/error.c) more=tests/golden/tokenizer ;;
    *)           echo "fuzz.sh: no target '$target'" >&2; exit 2 ;;
    esac
    program=$build/fuzz/$target corpus=$build/fuzz/corpus_$target
    mkdir -p "$corpus"
    # shellcheck disable=SC2086
    clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -I. -Iengine -Itests/c "tests/fuzz/fuzz_$target.c" "${readers[@]}" "$build/libmien.a" \
        $(pkg-config --cflags libpng) ${LIBS:-} -lgomp -o "$program" || { status=1; continue; }
    echo "== $target, $seconds s"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len="$most" -print_final_stats=1 -artifact_prefix="$build/fuzz/$target-" \
        "$corpus" "$seeds" $more >"$program.log" 2>&1 || { status=1; tail -n 40 "$program.log"; }
    grep -E 'number_of_executed_units|new_units_added|peak_rss' "$program.log"
done
exit $status
