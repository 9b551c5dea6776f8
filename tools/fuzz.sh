#!/bin/bash
# fuzz.sh -- builds each tests/fuzz/fuzz_*.c with clang's libFuzzer and runs it: fuzz.sh BUILDFOLDER [SECONDS]
# What reads foreign bytes is compiled with the sanitizers, the rest comes from BUILDFOLDER/libmien.a.  Corpora and finds stay in
# BUILDFOLDER/fuzz.  LIBS: the libraries to link.
set -u
build=$1 seconds=${2:-20}
command -v clang >/dev/null || { echo 'make fuzz needs clang (Debian: apt-get install -y clang)' >&2; exit 1; }
mkdir -p "$build/fuzz"
status=0
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "${source%.c}")
    case $name in
    fuzz_pickle)    readers=(engine/io/pickle*.c engine/error.c) golden=tests/golden/ckpt ;;
    fuzz_tokenizer) readers=(engine/io/tokenizer_*.c engine/io/json.c engine/io/text.c engine/io/file.c engine/error.c) golden=tests/golden/tokenizer ;;
    *)              readers=(engine/io/pickle*.c engine/io/{zip,mapping,torchfile,torch_tensor,torch_dict,npyfile}.c) golden=tests/golden/ckpt ;;
    esac
    program=$build/fuzz/$name corpus=$build/fuzz/corpus_$name
    mkdir -p "$corpus"
    # shellcheck disable=SC2086
    clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -I. -Iengine -Itests/c "$source" "${readers[@]}" "$build/libmien.a" ${LIBS:-} -lgomp -o "$program" \
        || { status=1; continue; }
    echo "== $name, $seconds s"
    "$program" -max_total_time="$seconds" -timeout=5 -max_len=4096 -print_final_stats=1 -artifact_prefix="$build/fuzz/" "$corpus" "$golden" \
        >"$program.log" 2>&1 || { status=1; tail -n 40 "$program.log"; }
    grep -E 'number_of_executed_units|new_units_added' "$program.log"
done
exit $status
