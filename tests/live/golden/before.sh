#!/usr/bin/env bash
# before: what led to an exception, or to a call that a condition picks: of its own thread, the last of it, in order.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# told NAME: each trigger and what stands before it, one line each: the method, its argument and how it ended.
told() {
    jq -r 'if .event == "before" then "\(.calls) before \(.exception // "none")"
           elif .method then "\(.method | sub("\\(.*"; "") | sub(".*\\."; "")) \(.args | to_entries | map(.value) | join(",")) \(.event)"
           else empty end' "$work/$1.out" >"$work/actual"
}

# What is kept, and in which order.
begin before before "$pid" Target.Flow.ThrowIfOdd Target.Work.Add --keep 3 --json
for n in 2 4 6 8 3 10 5; do app call Flow.ThrowIfOdd "$n"; done
app call Work.Add 1 2
kill -INT "${job[before]}"
gather before
ok 'two exceptions' equal "$(tail -1 "$work/before.out") $code" \
    '{"event":"end","calls":2,"dropped":0,"in_flight":0,"reason":"interrupted"} 0'
told before
same 'what is kept' <<'END'
3 before System.ArgumentOutOfRangeException
ThrowIfOdd 4 return
ThrowIfOdd 6 return
ThrowIfOdd 8 return
ThrowIfOdd 3 throw
3 before System.ArgumentOutOfRangeException
ThrowIfOdd 8 return
ThrowIfOdd 3 throw
ThrowIfOdd 10 return
ThrowIfOdd 5 throw
END

# On its way through callers it is told of once.
begin before before "$pid" Target.Flow.Rethrow Target.Flow.Throw Target.Work.Add --keep 5 --count 1 --json
app call Work.Add 1 2
app call Flow.Rethrow again
gather before
ok 'once: it ends by itself' equal "$code" 0
told before
same 'once' <<'END'
1 before System.InvalidOperationException
Add 1,2 return
Throw again throw
END

# Threads do not mix.
begin before before "$pid" Target.Flow.ThrowIfOdd Target.Work.Add --keep 1000 --json --budget off
app loop Work.Add 4 1 2
app call Flow.ThrowIfOdd 2
app call Flow.ThrowIfOdd 7
app stop
kill -INT "${job[before]}"
gather before
told before
same 'threads' <<'END'
1 before System.ArgumentOutOfRangeException
ThrowIfOdd 2 return
ThrowIfOdd 7 throw
END

# A condition chooses what is shown, not what is kept.
begin before before "$pid" Target.Flow.ThrowIfOdd Target.Work.Add --keep 2 --if 'value > 9' --json --return
for n in 2 4 6 3 10 8 12; do app call Flow.ThrowIfOdd "$n"; done
kill -INT "${job[before]}"
gather before
ok 'condition: two calls' equal "$(tail -1 "$work/before.out") $code" \
    '{"event":"end","calls":2,"dropped":0,"in_flight":0,"reason":"interrupted"} 0'
told before
same 'condition' <<'END'
2 before none
ThrowIfOdd 6 return
ThrowIfOdd 3 throw
ThrowIfOdd 10 return
2 before none
ThrowIfOdd 10 return
ThrowIfOdd 8 return
ThrowIfOdd 12 return
END
check 'a condition that fits nothing' 2 before "$pid" Target.Work.Add --if 'nobody == 1' <<'END'
! rejit: condition: column 1: no argument 'nobody'; Target.Work.Add has left, right
!   nobody == 1
!   ^
END
check 'none are kept' 2 before "$pid" x --keep 0 <<'END'
! rejit: before: '0' is not a number from 1 to 1000 (see `rejit help before`)
END
check 'nothing is left' 0 list "$pid" --json <<'END'
{"event":"agent","bytes":BYTES,"inliners":N,"metadata":N,"returned":0}
END

# Nobody catches it: the last that is heard of the process.
begin before before "$pid" Target.Work.Add Protocol.Conversation.Crash --keep 2 --no-args
app call Work.Add 1 2
echo 'crash "the last words"' >&"$app_in"
gather before
ok 'the last words: the process has gone' equal "$code" 6
printed before | sed -E 's/on thread [0-9]+/on thread TID/' >"$work/actual"
same 'the last words' <<'END'
1 call on thread TID before Conversation+FatalException in Protocol.Conversation.Crash(string):
Target.Work.Add(int,int)
Protocol.Conversation.Crash(string) ! Conversation+FatalException: "the last words"
! rejit: 2 methods of process PID; Ctrl-C ends
! rejit: 1 exception (target exited)
END
finish
