#!/usr/bin/env bash
# What a verb may cost the process: it is kept, what was not measured for it is told, and nothing is told where all was.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# last KEY: of the end line.
last() { jq -r "select(.event == \"end\") | $1" "$work/run.out"; }

holds() { awk "BEGIN { exit !($1) }"; }

# stormed ARG...: a verb over a loop that does nothing but call; how often the program called meanwhile is in $called.
stormed() {
    begin run "$@"
    app loop Work.Add 1 1 2
    gather run
    app stop
    called=${answer#ok stop }
}

# Its share of the time.
stormed stat "$pid" Target.Work.Add --json --duration 3.2 --budget 2%
ok 'time: ends well' equal "$code" 0
ok 'time: the end line says so' equal "$(last .budget)" time
measured=$(last .measured)
ok "time: most of it is not measured ($measured)" holds "$measured > 0 && $measured < 0.7"
ok 'time: the program called more often than was counted' holds "$called > $(last .calls)"
ok 'time: each line of figures says so' equal \
    "$(jq -s 'map(select(.event == "stat")) | .[1:] | map(has("measured")) | all' "$work/run.out")" true
# Whole intervals only: the rate is that of the time that was measured, not of all.
rate=$(jq -s 'map(select(.event == "stat"))[1] | .calls_per_s * .measured' "$work/run.out")
counted=$(jq -s 'map(select(.event == "stat")) | .[1].calls - .[0].calls' "$work/run.out")
ok "time: a rate is told of what was measured ($rate $counted)" holds "$rate > 0.5 * $counted && $rate < 2 * $counted"

# Nothing is bounded: everything is counted, and nothing is said.
begin run stat "$pid" Target.Work.Add --json --budget off
app call Work.Add x2000000
kill -INT "${job[run]}"
gather run
ok 'off: all calls' equal "$(last .calls)" 2000000
ok 'off: nothing is said' equal "$(last 'has("measured")')" false

# Events.
stormed watch "$pid" Target.Work.Add --json --duration 1.5 --budget time=off,events=5k
ok 'events: the end line says so' equal "$(last .budget)" events
ok "events: few come ($(last '.calls + .dropped') of $called)" holds "$(last '.calls + .dropped') < $called / 2"

# Memory that the events may take: less than there is at once, so nothing is seen, and that is told.
begin run watch "$pid" Target.Work.Add --json --budget memory=4k
"$rejit" list "$pid" --json >"$work/list.out"
app call Work.Add x10
for ((i = 0; i < 200; i++)); do
    [ "$("$rejit" list "$pid" --json | jq -r 'select(.event == "client") | .reached')" = bytes ] && break
done
ok 'memory: the gates are closed' holds "$i < 200"
app call Work.Add x10
kill -INT "${job[run]}"
gather run
ok 'memory: the end line says so' equal "$(last .budget)" bytes

# What people see.
begin run stat "$pid" Target.Work.Add --interval 0.5 --budget 2%
app loop Work.Add 1 1 2
(until grep -q '^measured' "$work/run.out"; do :; done)
"$rejit" list "$pid" >"$work/list.out"
kill -INT "${job[run]}"
gather run
app stop
ok 'text: above the table' grep -qE \
    "^measured [0-9.]+ % of the time: the budget of 2 % of the threads' time was reached \(--budget\)\$" "$work/run.out"
ok 'text: when it happens' grep -qF "the budget of 2 % of the threads' time was reached (--budget): to spare the process" "$work/run.err"
ok 'text: at the end' grep -qE 'calls; measured [0-9.]+ % of the time: ' "$work/run.err"
ok 'text: list has the budget' grep -qE ' +[0-9.]+%  2%,1M/s,256MB +rejit stat ' "$work/list.out"

for bad in '' 101% -1% 0 x time= time=x events=0 memory=12X speed=3 10%,off; do
    "$rejit" stat "$pid" Target.Work.Add --budget "$bad" >"$work/bad.out" 2>&1
    ok "--budget '$bad' is refused" equal $? 2
    ok "--budget '$bad': says what it may be" grep -qF "is not a budget, such as 10%, time=10%" "$work/bad.out"
done
stop
finish
