#!/bin/bash
# parity.sh -- every comparison with published numbers, full size included, as one table: parity.sh MIEN FOLDER SHARED
#   SHARED   goldens and the scripts that write stand-in checkpoints in the published containers: SHARED/oracle/MODEL/golden_*.safetensors
#   FOLDER   checkpoints, imported models and reports stay here for the next time
# The scripts need Python with numpy and torch (Debian: python3-numpy python3-torch); mien itself does not.  PYTHON names another one.
set -u
mien=$1 work=$2 shared=$3 python=${PYTHON:-/usr/bin/python3}
[ -d "$shared/oracle" ] && shared=$shared/oracle
"$python" -c 'import numpy, torch' 2>/dev/null || { echo "parity: $python has no numpy or no torch (Debian: apt-get install -y python3-numpy python3-torch)" >&2; exit 1; }
mkdir -p "$work" || exit 1
status=0 compared=0

# A stand-in checkpoint (made once), imported (once): standin KIND NAME SCRIPT ARGUMENT...; FILE among the arguments is the checkpoint
standin() {
    local kind=$1 name=$2 checkpoint=$work/$2.checkpoint
    shift 2
    [ -e "$work/$name.safetensors" ] && return 0
    rm -rf "$checkpoint"
    "$python" "${@/#FILE/$checkpoint}" >"$work/$name.log" 2>&1 || { tail -n 5 "$work/$name.log"; return 1; }
    local sources=("$checkpoint")
    [ "$kind" = flame ] && sources=("$checkpoint/generic_model.pkl" "$checkpoint/landmark_embedding.npy")
    "$mien" import "$kind" "${sources[@]}" "out=$work/$name.safetensors" >>"$work/$name.log" 2>&1 || { tail -n 5 "$work/$name.log"; return 1; }
    rm -rf "$checkpoint"
}
line() { printf '%-11s %-24s %9s %9s %9s  %s\n' "$@"; }
# compare KIND MODEL GOLDEN [OPTION...]
compare() {
    local kind=$1 model=$2 golden=$3 report verdict=ok
    shift 3
    report=$work/$kind-$(basename "$golden").txt
    "$mien" parity "$kind" "$model" "$golden" "$@" >"$report" 2>&1 || { verdict="NOT AS PUBLISHED: $report"; status=1; }
    compared=$((compared + 1))
    line "$kind" "$(basename "$golden" .safetensors)" \
        "$(grep -oE '^[0-9]+ (within|texts)' "$report" | cut -d' ' -f1)" "$(grep -cE ' (OUT|WRONG SHAPE|not computed by mien)$' "$report")" \
        "$(awk '$NF == "ok" || $NF == "OUT" {e = $(NF - 3) + 0; if (e > m) m = e} END {printf "%.1e", m}' "$report")" "$verdict"
}
# published KIND NAME GOLDEN SCRIPT ARGUMENT...: a golden and the stand-in it was made with
published() {
    if standin "$1" "$2" "${@:4}"; then compare "$1" "$work/$2.safetensors" "$3"
    else line "$1" "$(basename "$3" .safetensors)" - - - 'no checkpoint'; status=1
    fi
}

line model golden within out 'rel. L2' ''
for golden in "$shared"/next3d/golden_*_seed*.safetensors; do
    [[ $golden =~ golden_([a-z]+)_seed([0-9]+) ]] || continue
    size=${BASH_REMATCH[1]} seed=${BASH_REMATCH[2]} at=$shared/next3d
    published next3d "next3d_${size}_$seed" "$golden" "$at/make_pkl.py" "$at/state_dict_$size.tsv" "$at/config_reduced.json" "$seed" FILE \
        --topology "$at/topology.safetensors" --variant "$size"
done
for golden in "$shared"/clip/golden_{compact,reduced,vitb32}_seed*.safetensors; do
    [[ $golden =~ golden_([a-z0-9]+)_seed([0-9]+) ]] || continue
    size=${BASH_REMATCH[1]} seed=${BASH_REMATCH[2]}
    published clip "clip_${size}_$seed" "$golden" "$shared/clip/make_checkpoint.py" "$shared/clip/state_dict_$size.tsv" "$seed" FILE --format jit
done
for golden in "$shared"/clip/golden_preprocess_tensor*.safetensors; do compare clip - "$golden"; done
for golden in "$shared"/clip/golden_projection*.safetensors; do compare projection - "$golden"; done
for golden in "$shared"/clip/tokens*.jsonl; do compare tokenizer - "$golden" --bpe "$shared/clip/bpe_simple_vocab_16e6.txt.gz"; done
for golden in "$shared"/arcface/golden_*seed*.safetensors; do
    [[ $golden =~ golden_(smooth_)?seed([0-9]+) ]] || continue
    form=${BASH_REMATCH[1]%_} seed=${BASH_REMATCH[2]}
    published arcface "arcface_${form:-prelu}_$seed" "$golden" "$shared/make_torch.py" "$shared/arcface/state_dict${form:+_$form}.tsv" "$seed" FILE --format legacy
done
for golden in "$shared"/emoca/golden_seed*.safetensors; do
    [[ $golden =~ seed([0-9]+) ]] && seed=${BASH_REMATCH[1]}
    published emoca "emoca_$seed" "$golden" "$shared/make_torch.py" "$shared/emoca/state_dict.tsv" "$seed" FILE --lightning
done
for golden in "$shared"/flame/golden_seed*.safetensors; do
    [[ $golden =~ seed([0-9]+) ]] && seed=${BASH_REMATCH[1]}
    published flame "flame_$seed" "$golden" "$shared/flame/make_flame.py" FILE --seed "$seed"
done
for golden in "$shared"/inception/golden_*seed*.safetensors; do
    [[ $golden =~ golden_(fid_kid_)?seed([0-9]+) ]] || continue
    seed=${BASH_REMATCH[2]}
    if [ -n "${BASH_REMATCH[1]}" ]; then compare inception - "$golden"; continue; fi
    published inception "inception_$seed" "$golden" "$shared/make_torch.py" "$shared/inception/state_dict.tsv" "$seed" FILE --format legacy
done
[ "$compared" -gt 0 ] || { echo "parity: no goldens below $shared" >&2; exit 1; }
exit $status
