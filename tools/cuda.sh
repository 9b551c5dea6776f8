#!/bin/bash
# cuda.sh -- compiles the kernels as CUDA for every GPU generation from sm_75 to sm_120 that the toolkit knows, links them into
# one shared object, and compares its symbols with kernels/kernels.def: cuda.sh FOLDER KERNEL.c...
# It shows that one source serves both devices; nothing here runs on a GPU.  CUDA_ARCHS='75 90' picks generations.
set -u
folder=$1
shift
nvcc=$(command -v nvcc || true)
for place in "${CUDA_HOME:-}" /usr/local/cuda; do
    [ -z "$nvcc" ] && [ -n "$place" ] && [ -x "$place/bin/nvcc" ] && nvcc=$place/bin/nvcc
done
if [ -z "$nvcc" ]; then
    echo 'no nvcc here (looked in PATH, $CUDA_HOME and /usr/local/cuda): the kernels are built for the CPU only'
    exit 0
fi
version=$("$nvcc" --version | grep -o 'release [0-9.]*')
known=$("$nvcc" --list-gpu-arch | sed 's/compute_//' | awk '$1 >= 75 && $1 <= 120')
archs=
for a in ${CUDA_ARCHS:-$known}; do archs="$archs -gencode arch=compute_$a,code=sm_$a"; done
echo "$nvcc ($version), generations:" ${CUDA_ARCHS:-$known}
mkdir -p "$folder" || exit 1
objects=() failed=()
for source in "$@"; do
    object=$folder/$(basename "${source%.c}").o
    objects+=("$object")
    # 177, 550: a macro's body does not use all the names that the macro offers it.
    # shellcheck disable=SC2086
    "$nvcc" -x cu -diag-suppress 177,550 -O2 -std=c++17 $archs -Xcompiler -fPIC -I. -Ikernels -c "$source" -o "$object" || failed+=("$source")
done
if [ ${#failed[@]} -gt 0 ]; then echo "do not compile as CUDA: ${failed[*]}" >&2; exit 1; fi
"$nvcc" -shared "${objects[@]}" -o "$folder/libmien_cuda.so" || exit 1
names=$(printf '#define K(name) name\n#include "kernels/kernels.def"\n' | gcc -E -P -x c -I. - | tr -s ' ' '\n' | grep -E '^[a-z]')
have=$(nm -D --defined-only "$folder/libmien_cuda.so" | grep -o 'k_cuda_.*_f32$' | sed 's/^k_cuda_//; s/_f32$//')
lacking=$(grep -vxFf <(echo "$have") <<< "$names")
echo "$folder/libmien_cuda.so: ${#objects[@]} files, $(grep -cxFf <(echo "$have") <<< "$names") of $(wc -w <<< "$names") kernels of kernels/kernels.def"
if [ -n "$lacking" ]; then echo "without a CUDA entry:" $lacking >&2; exit 1; fi
