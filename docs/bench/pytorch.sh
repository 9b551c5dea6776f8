#!/bin/bash
# pytorch.sh -- blocks of the networks in mien and in PyTorch, on the same numbers and threads: pytorch.sh [MIEN [PYTHON]]
#   ROUNDS=5   of either program in turn; THREADS=2; ONLY=TEXT only blocks whose name holds it
# First both compute every block's results and gradients, which have to agree (pytorch.py says how well).  Then each program in turn times all of them, and the
# medians over all rounds are printed as a table.  PYTHON needs numpy and torch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mien=${1:-./mien} python=${2:-/usr/bin/python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=${THREADS:-2}
"$mien" "$here/pytorch.lua" what=write dir="$work"
"$python" "$here/pytorch.py" check "$work"
for _ in $(seq "${ROUNDS:-5}"); do
    "$mien" "$here/pytorch.lua" what=time dir="$work" only="${ONLY:-}" >>"$work/mien.txt"
    "$python" "$here/pytorch.py" time "$work" --only "${ONLY:-}" --threads "$OMP_NUM_THREADS" >>"$work/torch.txt"
done
"$mien" "$here/pytorch.lua" what=table dir="$work"
