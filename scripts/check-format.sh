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

if ! sources | xargs -0 -r -n 20 -P "$(nproc)" clang-format --dry-run --Werror; then
    echo "These files are not as clang-format writes them: ./dev format" >&2
    exit 1
fi
echo "All C sources are formatted."
