#!/bin/bash
# deps.sh -- looks for what mien builds on; on Debian and its relatives installs what is missing (as root or with sudo),
# elsewhere names the packages.  `deps.sh --list` prints Debian's names of all of them.
set -u

# Debian's package, then how to see that it is there: a program, a pkg-config module or a header.
needs='gcc                     program gcc
make                    program make
pkg-config              program pkg-config
luajit                  program luajit
libluajit-5.1-dev       module  luajit
libdnnl-dev             header  dnnl.h
libopenblas-openmp-dev  module  openblas
liblapacke-dev          module  lapacke
libsqlite3-dev          module  sqlite3
libpng-dev              module  libpng
zlib1g-dev              module  zlib
libedit-dev             module  libedit
libutf8proc-dev         module  libutf8proc
libc6-dev               header  stdlib.h'

there() {                                   # kind, name
    case $1 in
    program) command -v "$2" >/dev/null ;;
    module)  command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    header)  command -v gcc >/dev/null && echo "#include <$2>" | gcc -E -x c - >/dev/null 2>&1 ;;
    esac
}
missing() {
    local package kind name
    while read -r package kind name; do
        there "$kind" "$name" || printf '%s ' "$package"
    done <<< "$needs"
}

if [ "${1:-}" = --list ]; then awk '{print $1}' <<< "$needs"; exit; fi
lacking=$(missing)
[ -z "$lacking" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "mien needs these (Debian's names): $lacking" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    # sudo may ask for a password at a terminal; without one it must not wait for an answer.
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=sudo
    else
        printf 'mien needs packages that are not installed; as root, run\n\n    apt-get install -y %s\n\n' "$lacking" >&2
        exit 1
    fi
fi
echo "installing: $lacking"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
install_all() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $lacking </dev/null; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update -q </dev/null && install_all; } >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    printf '\nthe packages could not be installed; the command was\n\n    apt-get install -y %s\n\n' "$lacking" >&2
    exit 1
fi
lacking=$(missing)
if [ -n "$lacking" ]; then
    echo "installed, but still not found: $lacking" >&2
    exit 1
fi
