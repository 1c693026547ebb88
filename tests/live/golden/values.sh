#!/usr/bin/env bash
# Every shape of value, as text and as JSON: the tables in values/*.txt. Both are printed by two commands that look at the
# same calls at the same time.
#
#   @ PATTERN... OPTION...    begins a block: what both commands are given
#   > SCENARIO ARG...         one run of a scenario
#   {...}                     what of a call is expected in JSON, from "args" on
#   anything else             what is expected in text
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

# What stands in front of the values of a call.
json_head='^\{"time":[0-9]{19},"pid":[0-9]+,"thread":[0-9]+,"method":"[^"]+","module":"[A-Za-z.]+\.dll",'
json_head+='"event":"(return|throw)","elapsed_ns":[0-9]+,?'
# A task that waits may have ended by the time at which it is looked at; a class of the framework has changed its name.
like_the_others() {
    sed -E -e '/\.(Do|Add|Join|Pooled|Fail)Async\(/{
        s/(Task|Task<[a-z]+>)\([^()]*\)$/\1(STATE)/
        s/"state":"[A-Za-z]+"(,"result":("[^"]*"|[0-9]+))?/"state":STATE/
        }' \
        -e 's/WhereArrayIterator|ArrayWhereIterator/WhereIterator/g' \
        -e 's/0x[0-9a-f]{3,}/ADDRESS/g'
}

block=() title='' tables=0
truncate -s 0 "$work/text" "$work/json"

close_block() {
    [ ${#block[@]} -gt 0 ] || return 0
    tables=$((tables + 1))
    for name in text json; do kill -INT "${job[$name]}"; done
    gather text
    ok "$title: exit code of text" equal "$code" 0
    gather json
    ok "$title: exit code of JSON" equal "$code" 0
    ok "$title: every line is one JSON object" is_json "$work/json.out"
    normalised <"$work/text.out" | like_the_others >"$work/actual"
    same "$title, text" <"$work/text"
    sed -e 1d -e '$d' "$work/json.out" | like_the_others | sed -E "s/$json_head/{/" >"$work/actual"
    same "$title, JSON" <"$work/json"
    truncate -s 0 "$work/text" "$work/json"
}

start
# Their static constructors run once, and not in a block.
app call References.ByRefReturn
app call Customer.Knows
for table in "$root"/tests/live/golden/values/*.txt; do
    while IFS= read -r line; do
        case $line in
        '' | '# '*) ;;
        '@ '*)
            close_block
            read -ra block <<<"${line#@ }"
            title="$(basename "$table"): ${block[*]}"
            begin text watch "$pid" "${block[@]}"
            begin json watch "$pid" "${block[@]}" --json
            ;;
        '> '*)
            app "call ${line#> }"
            [[ $answer == 'ok '* || $answer == 'threw '* ]] || fail "$title: ${line#> }: $answer"
            ;;
        '{'*) echo "$line" >>"$work/json" ;;
        *) echo "$line" >>"$work/text" ;;
        esac
    done <"$table"
    close_block
    block=()
done
ok 'all tables were read' test "$tables" -ge 9
stop
finish
