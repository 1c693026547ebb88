#!/usr/bin/env bash
# No source file over 1,000 lines.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

git ls-files -z --cached --others --exclude-standard -- '*.c' '*.h' '*.cs' '*.sh' '*.py' '*.cmake' '*CMakeLists.txt' dev |
    while IFS= read -r -d "" file; do if [[ -f $file ]]; then printf "%s\0" "$file"; fi; done |
    xargs -0 -r awk '
        FNR == 1 && NR > 1 { report() }
        { file = FILENAME; lines = FNR }
        function report() { if (lines > 1000) { print file ": " lines " lines, at most 1000 are allowed"; bad = 1 } }
        END { report(); exit bad }'
echo "No file is over 1,000 lines."
