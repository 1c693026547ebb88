#!/usr/bin/env bash
# The public headers stand alone as C99 and as C++, and librejit.so exports exactly what they declare:
# scripts/check-header.sh LIBRARY
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

library=$1
declared=$(mktemp)
exported=$(mktemp)
trap 'rm -f "$declared" "$exported"' EXIT
for header in include/rejit/*.h; do
    gcc -std=c99 -pedantic-errors -Wall -Wextra -Wstrict-prototypes -Werror -fsyntax-only -Iinclude -x c "$header"
    clang++ -std=c++11 -pedantic-errors -Wall -Wextra -Werror -fsyntax-only -Iinclude -x c++ "$header"
    clang -std=c11 -fsyntax-only -Xclang -ast-dump -Iinclude -x c "$header" |
        sed -nE "s/.*FunctionDecl [^']* (rj_[a-z0-9_]+) '.*/\\1/p"
done | LC_ALL=C sort -u >"$declared"
nm -D --defined-only "$library" | awk '$2 ~ /[TDBR]/ { print $3 }' | LC_ALL=C sort -u >"$exported"
if ! diff "$declared" "$exported"; then
    echo "'<' is declared in include/rejit but not exported by $library, '>' the other way round" >&2
    exit 1
fi
echo "$(wc -l <"$declared") functions, declared and exported."
