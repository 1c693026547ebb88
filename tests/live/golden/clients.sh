#!/usr/bin/env bash
# Several commands at one program, even at one method; leases: what a command that dies leaves behind.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# instrumented: how many methods list names.
# What is looked at often stays for a minute, closed, and is nobody's: see rejit-list(1).
instrumented() { "$rejit" list "$pid" --json | grep '"event":"method"' | grep -vc '"state":"closed".*"clients":\[\]'; }

# ---- two on one method ----

begin first watch "$pid" Target.Work.Add
begin second watch "$pid" Target.Work.Add --return --json
begin third stat "$pid" 'Target.Work.*' --interval 60
app call Work.Add 1 2
end 'the first of three' first 0 <<'EOF'
Target.Work.Add(left: 1, right: 2)
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF
app call Work.Add 3 4
end 'the second goes on when the first has gone' second 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":1,"right":2},"return":3}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":3,"right":4},"return":7}
{"event":"end","calls":2,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF
app call Work.Add 5 6
kill -INT "${job[third]}"
gather third
ok 'the third has counted all of them' grep -qE '^ +3 .* Target.Work.Add' "$work/third.out"
ok 'nothing is left when all have gone' equal "$(instrumented)" 0

# Different conditions on one method at the same time.
for n in 1 2 3 4 5 6 7 8; do begin "client$n" watch "$pid" Target.Values.Int32 --if "value == $n" --json; done
for n in 1 2 3 4 5 6 7 8 9; do app call Values.Int32 "$n"; done
for n in 1 2 3 4 5 6 7 8; do
    kill -INT "${job[client$n]}"
    gather "client$n"
    ok "client $n of eight sees its call, and no other" equal \
        "$(sed -n '2s/.*"args":{"value":\([0-9]*\)}.*/\1/p' "$work/client$n.out") $(wc -l <"$work/client$n.out")" "$n 3"
done

# ---- leases ----

begin victim watch "$pid" 'Target.Work.*' --json
ok 'a client holds its methods' test "$(instrumented)" -gt 20
killed=$(date +%s%N)
kill -KILL "${job[victim]}" && gather victim
while [ "$(instrumented)" != 0 ] && [ $(($(date +%s%N) - killed)) -lt 5000000000 ]; do :; done
took=$((($(date +%s%N) - killed) / 1000000))
ok 'a client killed with -9 leaves nothing behind within a second' test "$took" -lt 1000
app call Work.Add 1 2
ok 'the program goes on' equal "$answer" 'ok Work.Add 3'

# Killed while thousands of calls a second are on their way, and another client looks at the same method.
begin other stat "$pid" Target.Work.Add --json --interval 60 --budget off
begin victim watch "$pid" Target.Work.Add --json
app loop Work.SpinAdd 2
kill -KILL "${job[victim]}"
gather victim
app stop
runs=${answer#ok stop }
kill -INT "${job[other]}"
gather other
ok "the other client's count is exact" equal "$(sed -nE '$s/.*"calls":([0-9]+),.*/\1/p' "$work/other.out")" $((runs * 10000))
ok 'nothing is left' equal "$(instrumented)" 0

# ---- revert: own, somebody else's ----

begin one watch "$pid" Target.Work.Add Target.Work.Length --json
begin two watch "$pid" Target.Work.Add
check 'revert of a method that two look at' 0 revert "$pid" Target.Work.Add <<'EOF'
1 method reverted
EOF
app call Work.Add 1 2
app call Work.Length text
end 'both are told; what was not named goes on' one 0 <<'EOF'
{"event":"start","methods":2,"refused":[]}
{"event":"reverted","methods":1,"reason":"reverted by rejit revert (pid OTHER, user USER)"}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Length(string)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"text":"text"}}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF
end 'the other one' two 0 <<'EOF'
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 method was taken away: reverted by rejit revert (pid OTHER, user USER)
! rejit: 0 calls (interrupted)
EOF
begin one watch "$pid" 'Target.Work.Spin*'
check 'revert --all --yes' 0 revert "$pid" --all --yes <<'EOF'
4 methods reverted
EOF
end 'all of it was taken away' one 0 <<'EOF'
! rejit: 4 methods of process PID; Ctrl-C ends
! rejit: 4 methods were taken away: reverted by rejit revert (pid OTHER, user USER)
! rejit: 0 calls (interrupted)
EOF

# ---- a program that stops while it is looked at ----

begin paused watch "$pid" Target.Work.Add --duration 0.3
app call Work.Add 1 2
kill -STOP "$pid"
await 'a stopped program holds no command for long' paused 3 <<'EOF'
Target.Work.Add(left: 1, right: 2)
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (lost the agent)
! rejit: process PID is stopped: let it go on (kill -CONT PID) and try again
EOF
kill -CONT "$pid"
app call Work.Add 1 2
ok 'the program goes on after that' equal "$answer" 'ok Work.Add 3'
ok 'and nothing is left in it' equal "$(instrumented)" 0

# ---- a call that asks where a field is, while another's requests suspend the runtime ----

(while timeout 10 "$rejit" watch "$pid" 'Target.Values.*' --count 1 --duration 0.02 >/dev/null 2>&1; do :; done) &
others=$!
undecided=0
for ((round = 0; round < 40; round++)); do
    begin asks watch "$pid" Target.Members.Ship --if 'value.Urgency == value.Urgency && value.Urgency == Low' --json
    app call Members.Ship 1 2 3 Low
    kill -INT "${job[asks]}"
    gather asks
    tail -1 "$work/asks.out" | grep -q '"calls":[01],"dropped":0,' || undecided=$((undecided + 1))
done
kill "$others"
ok 'nobody waits for an answer in vain' equal "$undecided" 0

# ---- an agent that was there from the start; the journal ----

{ cat "$work"/rejit-*.log || journalctl --since -2min --no-pager; } >"$work/journal" 2>&1
ok "each instrumentation leaves a line in the journal or the agent's log" \
    grep -q "pid $pid: rejit watch (pid [0-9]*, user .*) watches .* Target.Work.Add" "$work/journal"
stop
ok 'the program ends as ever' equal "$code" 0
ok "the agent's socket goes with it" test ! -e "$work/rejit-$pid.sock"
finish
