#!/usr/bin/env bash
# What stat counts is what the program has counted: every scenario, cold and hot, from several threads, and all of it at once.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# Called by the driver as well, to make the values that it passes; booked in part only.
unbooked='^Target\.(Point\.(\.ctor|ToString|Sum|Move)|Customer\.(\.ctor|ToString)|Address\.\.ctor|Generics\.Box<T>\.(\.ctor|ToString|Value)'
unbooked+='|Generics\.Money\..*|Generics\.Shouter\..*|Generics\.Table\..*|Generics\.Square\.Area|Generics\.Circle\.Area|Generics\.IGreeter\.Greet|Flow\.ThrowCoded|Base\.\.ctor)$'

# booked: `METHOD CALLS` of the program's own counts, but for the code that it makes at run time.
booked() {
    app counts
    grep -oE '"[^"]+":[0-9]+' <<<"$answer" | sed -E 's/^"([^"]+)":/\1 /' | grep -v '^<dynamic>' | sort
}

# seen NAME: the same of the last objects that stat has printed. Overloads are one, a property is called by its name.
seen() {
    awk -F'"' '/"event":"stat"/ { last[$12] = $0 } END { for (m in last) print last[m] }' "$work/$1.out" |
        sed -E -e 's/.*"method":"([^"]+)".*"calls":([0-9]+),.*/\1 \2/' -e 's/(<[A-Za-z,]+>)?\(.*\) / /' \
            -e 's/\.get_([A-Za-z]+) /.\1 /' |
        awk '{ calls[$1] += $2 } END { for (m in calls) print m, calls[m] }' | sort
}

# compare TITLE NAME: the counts since $work/before against those of stat.
compare() {
    booked >"$work/after"
    kill -INT "${job[$2]}"
    gather "$2"
    seen "$2" >"$work/seen"
    join -a 1 -e 0 -o 0,1.2,2.2 "$work/after" "$work/before" | awk '$2 > $3 { print $1, $2 - $3 }' |
        grep -vE "$(sed 's/)\$$/) /' <<<"$unbooked")" >"$work/made"
    join "$work/made" "$work/seen" | awk '{ print $1, $3 }' >"$work/actual"
    ok "$1: methods were called" test "$(wc -l <"$work/made")" -ge "$3"
    same "$1" <"$work/made"
    ok "$1: nothing was dropped, nobody is inside" grep -q '"dropped":0,"in_flight":0,' <(tail -1 "$work/$2.out")
}

app names
read -ra names <<<"${answer#ok }"

everything() {
    local name
    for name in "${names[@]}"; do
        case $name in
        Work.Block | Work.Sleep | Work.Busy) ;;
        *) app call "$name" "x$1" ;;
        esac
    done
}

booked >"$work/before"
begin cold stat "$pid" 'Target.*' --json --interval 600 --budget off
everything 2
compare 'every scenario, cold' cold 180

# Hot: what is small has been inlined into what calls it.
for name in Work.SpinAdd Work.SpinAlwaysInlined Work.SpinNeverInlined; do app call "$name" x200; done
everything 40
app settle 200
booked >"$work/before"
begin hot stat "$pid" 'Target.*' --json --interval 600 --budget off
everything 3
for name in Work.SpinAdd Work.SpinAlwaysInlined Work.SpinNeverInlined; do app call "$name" x20; done
compare 'every scenario, hot' hot 180

booked >"$work/before"
begin threads stat "$pid" 'Target.*' --json --interval 600 --budget off
for scenario in Work.SpinAdd 'Generics.Functions.Identity int' 'Generics.Functions.Identity string' 'Flow.Catch' \
    'Sequences.AddAsync' 'Sequences.CountTo' 'Work.Descend' 'Values.Overloaded generic'; do
    app begin "$scenario" x50
    app begin "$scenario" x50
done
app join
compare 'from several threads' threads 8

stop
finish
