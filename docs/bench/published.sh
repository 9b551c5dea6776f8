#!/bin/bash
# published.sh -- the published models at full size beside PyTorch, both in turn, and their import: published.sh SHARED [ROUNDS]
#   SHARED   folder of the goldens and of the scripts that write stand-in checkpoints (`make parity` uses the same)
# The checkpoints and their imports stay in build/published.  Threads: OMP_NUM_THREADS, 2 at first.  The last lines are a table in
# Markdown of medians (published.lua).  Needs Python with numpy and torch; PYTHON names another one.
set -eu
shared=$1 rounds=${2:-3} python=${PYTHON:-/usr/bin/python3} work=build/published
[ -d "$shared/oracle" ] && shared=$shared/oracle
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
mkdir -p "$work"
generator=$work/next3d_1.safetensors clip=$work/clip_1.safetensors golden=$shared/next3d/golden_full_seed1.safetensors
[ -e "$work/next3d_1.pkl" ] || "$python" "$shared/next3d/make_pkl.py" "$shared/next3d/state_dict_full.tsv" "$shared/next3d/config_reduced.json" 1 "$work/next3d_1.pkl" \
    --topology "$shared/next3d/topology.safetensors" --variant full
[ -e "$work/clip_1.pt" ] || "$python" "$shared/clip/make_checkpoint.py" "$shared/clip/state_dict_vitb32.tsv" 1 "$work/clip_1.pt" --format jit
[ -e "$clip" ] || ./mien import clip "$work/clip_1.pt" "out=$clip"
files=
for ((round = 1; round <= rounds; round++)); do
    ./mien docs/bench/published.lua "checkpoint=$work/next3d_1.pkl" "generator=$generator" "clip=$clip" "golden=$golden" runs=2 "json=$work/mien.$round.json"
    "$python" docs/bench/gpu_torch.py "$shared" --device cpu --runs 2 --only published >"$work/torch.$round.json"
    files=$files,$work/mien.$round.json,$work/torch.$round.json
done
./mien docs/bench/published.lua "table=${files#,}"
