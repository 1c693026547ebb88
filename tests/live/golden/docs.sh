#!/usr/bin/env bash
# Every command that README.md and the manual pages show is run as it stands there, on the shop under load. What differs: the
# process, how long it goes on, and the program that `rejit run` starts. `rejit top` and `rejit repl` get a terminal, and q.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

# documented: the examples of the manual pages; of the README what stands in code, with a process or a pattern.
documented() {
    awk 'FNR == 1 { on = 0 } /^# / { on = $0 == "# EXAMPLES" } on && /^    rejit / { print substr($0, 5) }' "$root"/docs/man/*.md
    sed -n 's/^\$ \(rejit .*\)/\1/p' "$root/README.md"
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    grep -oE '`rejit [^`]+`' "$root/README.md" | tr -d '`' | grep -vE '^rejit (help VERB|doctor)$'
}

# adapted: see the top. One command a line.
adapted() {
    sed -E -e "s/^(rejit [a-z]+) (Shop|4711)\b/\1 $pid/" \
        -e 's/--duration [0-9]+/--duration 0.3/' -e 's/--interval [0-9]+/--interval 0.1/' \
        -e "s|-- (dotnet [A-Za-z]+\.dll\|\./shop)\$|-- $dotnet $apps/Startup/Startup.dll one|" \
        -e '/^rejit revert .*--all$/s/$/ --yes/' \
        -e '/^rejit (watch|stat|stack|new|throws|before|trace|line) /{/--duration/!s/^(rejit [a-z]+ [0-9]+)/\1 --duration 0.3/}' | sort -u
}

# ---- the shop, and people in it ----

mkfifo "$work/shop"
"$dotnet" "$apps/shop/shop.dll" --urls http://127.0.0.1:0 >"$work/shop" 2>&1 &
pid=$!
exec {shop}<"$work/shop"
while read -r line; do
    [[ $line =~ http://127\.0\.0\.1:[0-9]+ ]] && url=${BASH_REMATCH[0]} && break
done <&"$shop"
cat <&"$shop" >"$work/shop.out" &
wrk -t1 -c2 -d120 -s "$root/examples/shop/load.lua" "$url" >"$work/load" 2>&1 &
load=$!
PATH=$build/bin:$PATH
cd "$work" || exit 1

mapfile -t commands < <(documented | adapted)
ok 'the documents show commands' test ${#commands[@]} -ge 25
for command in "${commands[@]}"; do
    case $command in
    'rejit top '* | 'rejit repl '*) echo q | timeout -k 5 60 script -qec "stty rows 24 cols 80; $command" /dev/null >"$work/out" 2>"$work/err" ;;
    *) timeout -k 5 60 bash -c "$command" >"$work/out" 2>"$work/err" </dev/null ;;
    esac
    code=$?
    expected=0
    # Nothing is instrumented by the time at which a pattern is reverted.
    [[ $command != 'rejit revert '*' '\'* ]] || expected=4
    ok "$command: exit code $code: $(head -3 "$work/err")" equal "$code" "$expected"
    case $command in
    'rejit revert'*\'*) ;;
    *'> calls.json' | *'-o calls.json'*) ok "$command: every line is one JSON object" is_json "$work/calls.json" ;;
    *--json*) ok "$command: every line is one JSON object" is_json "$work/out" ;;
    *'rejit watch'* | *'rejit stack'* | *'rejit new'* | *'rejit trace'* | *'rejit before'* | *'rejit line'* | *'rejit run'*) ;; # perhaps nobody calls it just then
    *) ok "$command: it prints something" test -s "$work/out" ;;
    esac
done

kill -INT "$load"
wait "$load"
kill "$pid"
wait "$pid"
ok 'the shop ends as ever' equal "$?" 0
finish
