#!/usr/bin/env bash
# The C sources stand as clang-format writes them; --fix rewrites them.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

sources() {
    git ls-files -z --cached --others --exclude-standard -- '*.c' '*.h' |
        while IFS= read -r -d '' file; do if [[ -f $file ]]; then printf '%s\0' "$file"; fi; done
}

if [[ ${1:-} == --fix ]]; then
    sources | xargs -0 -r clang-format -i
    exit
fi

check_one() {
    clang-format "$1" | cmp -s - "$1" || { echo "$1"; return 1; }
}
export -f check_one
if ! sources | xargs -0 -r -n 1 -P "$(nproc)" bash -c 'check_one "$0"'; then
    echo "These files are not as clang-format writes them: ./dev format" >&2
    exit 1
fi
echo "All C sources are formatted."
