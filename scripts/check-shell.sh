#!/usr/bin/env bash
# Every shell script of the tree parses, and shellcheck, where it is installed, has nothing to say.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

mapfile -t scripts < <({
    git ls-files --cached --others --exclude-standard -- '*.sh' '*.bash'
    git grep -lE --untracked '^#!.*\b(ba)?sh$' -- ':!*.md'
} | LC_ALL=C sort -u)
bad=0
for script in "${scripts[@]}"; do
    [[ -f $script ]] || continue
    bash -n "$script" || bad=1
done
((bad)) && exit 1
if command -v shellcheck >/dev/null; then
    shellcheck -x -S warning -P SCRIPTDIR "${scripts[@]}"
fi
echo "${#scripts[@]} scripts checked."
