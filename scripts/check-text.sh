#!/usr/bin/env bash
# Nothing unfinished by its own words, no skipped test, no sleep in a test, no path of a developer's machine.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

bad=0
forbid() { # forbid MESSAGE REGEX PATHSPEC...
    local message=$1 regex=$2 found
    shift 2
    found=$(git grep -nIE --untracked "$regex" -- "$@" ':!scripts/check-text.sh' || true)
    if [[ -n $found ]]; then
        echo "$message:"
        echo "$found"
        bad=1
    fi
}
forbid 'unfinished by its own words' '\b(TODO|FIXME|XXX)\b' '*.c' '*.h' '*.cs' '*.sh' '*.cmake' '*CMakeLists.txt' dev
forbid 'a test that is skipped' '\bskip\(\)|WILL_FAIL|DISABLED TRUE' tests
forbid 'a test that sleeps' '\bu?sleep\(|Thread\.Sleep|Task\.Delay\([0-9]' 'tests/unit' 'tests/corpus'
forbid 'a path of one machine' '(^|[^A-Za-z0-9_.~/-])/(root|home/[a-z]+)/' .
forbid 'a tab or a blank at the end of a line' '([[:blank:]]|	)$' '*.c' '*.h' '*.cs' '*.sh' '*.cmake' '*CMakeLists.txt' dev
((bad == 0)) && echo "Nothing found that does not belong here."
exit "$bad"
