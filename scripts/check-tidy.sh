#!/usr/bin/env bash
# clang-tidy over every C file that the build compiles: scripts/check-tidy.sh [BUILD-TREE] [PATTERN]
#
# The tree must be configured with clang, whose flags clang-tidy understands. A file whose text, headers and settings did
# not change since it was last found clean is not read again.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

tree=${1:-build/clang}
pattern=${2:-}
cache=$tree/tidy
mkdir -p "$cache"
export tree cache

check_one() {
    local file=$1 key
    # The analyzer follows a third of the paths that it would through long functions, in a third of the time.
    local bounds=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=75000)
    # The preprocessed text is the whole of what clang-tidy sees, comments (NOLINT) aside: those come from the file itself.
    key=$({
        cat .clang-tidy tests/.clang-tidy "$file"
        clang -E -P -std=gnu17 -D_GNU_SOURCE -Isrc -Iinclude -I"$tree/generated" -DREJIT_SOURCE_DIR='""' -DREJIT_BINARY_DIR='""' "$file" 2>/dev/null || date +%N
    } | sha256sum | cut -c1-32)
    [[ -e $cache/$key ]] && return 0
    if clang-tidy -p "$tree" --quiet "${bounds[@]}" "$file" 2>"$cache/$$.err"; then
        : >"$cache/$key"
    else
        cat "$cache/$$.err"
        return 1
    fi
}
export -f check_one

grep -oE '"file": "[^"]+"' "$tree/compile_commands.json" | cut -d'"' -f4 | LC_ALL=C sort -u |
    { grep -F "$PWD/" || true; } | { grep -v "/build/" || true; } | { grep -E "$pattern" || true; } |
    sed "s|^$PWD/||" | tr '\n' '\0' | xargs -0 -r -n 1 -P "$(nproc)" bash -c 'check_one "$0"'
echo "clang-tidy has nothing to say."
