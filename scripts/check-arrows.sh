#!/usr/bin/env bash
# Includes between rooms go only where the table of docs/architecture.md allows: scripts/check-arrows.sh
#
# A row reads `| room/ | what it holds | rooms it may use |`; "all above" means every room of the rows before. base is open
# to all. An internal header (-priv.h) belongs to its room alone.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

table=docs/architecture.md
[[ -f $table ]] || { echo "$table, which holds the table of rooms, is missing" >&2; exit 1; }

declare -A allowed
rooms=()
while IFS='|' read -r _ room _ uses _; do
    room=${room//[\` \/]/}
    if [[ $uses == *"all above"* ]]; then
        uses=${rooms[*]}
    fi
    allowed[$room]=" $room base $(tr -cs 'a-z\n' ' ' <<<"$uses") "
    rooms+=("$room")
done < <(grep -E '^\| *`?[a-z]+/`? *\|' "$table")
((${#rooms[@]})) || { echo "$table: no table of rooms found" >&2; exit 1; }

bad=0
for dir in src/*/; do
    room=$(basename "$dir")
    if [[ -z ${allowed[$room]:-} ]]; then
        echo "src/$room: no such room in $table"
        bad=1
    fi
done

while IFS=: read -r file line text; do
    from=${file#src/}
    from=${from%%/*}
    header=${text#*\"}
    header=${header%%\"*}
    to=${header%%/*}
    [[ $to == rejit ]] && to=client # include/rejit/ is the public header of that room
    where="$file:$line: includes $header"
    if [[ $header != */* ]]; then
        [[ -f src/$from/$header ]] || continue # generated headers
        to=$from
    fi
    if [[ -z ${allowed[$to]:-} ]]; then
        echo "$where, which is in no room"
        bad=1
    elif [[ ${allowed[$from]:-} != *" $to "* ]]; then
        echo "$where, but $from may not use $to"
        bad=1
    elif [[ $to != "$from" && $header == *-priv.h ]]; then
        echo "$where, which is internal to $to"
        bad=1
    fi
done < <(grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' src || true)

# What a room links must agree with what it may include.
while IFS=: read -r file text; do
    from=${file#src/}
    from=${from%%/*}
    for to in $(sed -nE 's/.*\bUSES\b([a-z ]*).*/\1/p' <<<"$text"); do
        if [[ ${allowed[$from]:-} != *" $to "* ]]; then
            echo "$file: links $to, but $from may not use it"
            bad=1
        fi
    done
done < <(for f in src/*/CMakeLists.txt; do [[ -f $f ]] && printf '%s:%s\n' "$f" "$(tr '\n' ' ' <"$f")"; done)

((bad == 0)) && echo "All includes between rooms go where the table allows."
exit "$bad"
