#!/usr/bin/env bash
# rejit throws: every exception, once for each time it is thrown, with the stack of the place.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# thrown NAME: type, message and the first frames of each exception, without namespaces, one a line.
thrown() {
    jq -r 'select(.event == "thrown") | [.exception.type, (.exception.message // "null"), (.frames[0:2][] | sub("\\(.*"; ""))] |
        map(sub("^(System|Target)\\."; "")) | join(" ")' "$work/$1.out"
}

# throws TITLE COMMAND...: what is thrown while the program does that; expected on stdin.
throws() {
    local title=$1 command
    shift
    begin throws throws "$pid" --json --no-lines
    for command in "$@"; do app "$command"; done
    kill -INT "${job[throws]}"
    gather throws
    ok "$title: every line is one JSON object" is_json "$work/throws.out"
    ok "$title: all are counted" equal "$(tail -1 "$work/throws.out" | jq -c '[.calls, .dropped, .in_flight]')" \
        "[$(grep -c '"event":"thrown"' "$work/throws.out"),0,0]"
    thrown throws >"$work/actual"
    same "$title"
}

throws 'thrown and caught elsewhere' 'call Flow.Throw oh' <<'EOF'
InvalidOperationException oh Flow.Throw Driver.FlowScenarios+<>c.<Throws>b__2_0
EOF
throws 'thrown and caught by the caller' 'call Flow.Catch x3' <<'EOF'
InvalidOperationException caught Flow.Throw Flow.Catch
InvalidOperationException caught Flow.Throw Flow.Catch
InvalidOperationException caught Flow.Throw Flow.Catch
EOF
throws 'thrown again' 'call Flow.Rethrow' <<'EOF'
InvalidOperationException again Flow.Throw Flow.Rethrow
InvalidOperationException again Flow.Rethrow Driver.FlowScenarios+<>c__DisplayClass3_1.<Handlers>b__9
EOF
throws 'an exception within another' 'call Flow.ThrowNested' <<'EOF'
InvalidOperationException inner Flow.Throw Flow.ThrowNested
AggregateException outer Flow.ThrowNested Driver.FlowScenarios+<>c__DisplayClass2_2.<Throws>b__9
EOF
throws 'filters' 'call Flow.Filter' <<'EOF'
CodedException code 2 Flow.ThrowCoded Flow.Filter
EOF
throws 'by the runtime' 'call Flow.DivideByZero' 'call Flow.NullReference' <<'EOF'
DivideByZeroException Attempted to divide by zero. Flow.DivideByZero Driver.FlowScenarios+<>c.<Faults>b__4_0
NullReferenceException Object reference not set to an instance of an object. Flow.NullReference Driver.FlowScenarios+<>c.<Faults>b__4_1
EOF
throws 'a message that is computed' 'call Flow.ThrowSilent' <<'EOF'
SilentException null Flow.ThrowSilent Driver.FlowScenarios.Silenced
EOF
begin await throws "$pid" --json --no-lines
app call Sequences.FailAsync
kill -INT "${job[await]}"
gather await
thrown await | cut -d ' ' -f 1-3 >"$work/actual"
same 'through an await: where it is thrown, and where the await throws it' <<'EOF'
InvalidOperationException failed Sequences+<FailAsync>d__11.MoveNext
InvalidOperationException failed Runtime.ExceptionServices.ExceptionDispatchInfo.Throw
EOF
throws 'nothing' 'call Work.Add 1 2' </dev/null

# ---- text, options ----

line=$(grep -n 'int Throw(' "$root/tests/apps/Target/Flow.cs" | cut -d: -f1)
begin text throws "$pid" --frames 1
app call Flow.Throw oh
kill -INT "${job[text]}"
gather text
sed -E 's/^[0-9:.]+  [0-9]+  /TIME  THREAD  /; s|/[^ ]*/tests/apps/|APPS/|; s/\.\.\. [0-9]+ more/... N more/' "$work/text.out" >"$work/actual"
normalised <"$work/text.err" | sed 's/^/! /' >>"$work/actual"
same 'text' <<EOF
TIME  THREAD  System.InvalidOperationException: "oh"
    at Target.Flow.Throw(string) in APPS/Target/Flow.cs:$line
    ... N more
! rejit: exceptions of process PID; Ctrl-C ends
! rejit: 1 exception (interrupted)
EOF

begin typed throws "$pid" --type 'Aggregate*' --json --no-lines
app call Flow.ThrowNested
app call Flow.Throw
kill -INT "${job[typed]}"
gather typed
ok 'of one type' equal "$(thrown typed | cut -d ' ' -f 1,2) $(tail -1 "$work/typed.out" | jq .calls)" 'AggregateException outer 1'
begin full throws "$pid" --type 'System.Invalid*Exception' --count 2 --json --no-lines
app call Flow.ThrowNested
app call Flow.Throw
gather full
ok 'of types by their full name, and a count' equal "$(thrown full | wc -l) $(tail -1 "$work/full.out" | jq -r .reason) $code" '2 count 0'

begin one throws "$pid" --json --no-lines
begin two throws "$pid" --json --no-lines
app call Flow.Catch x10
kill -INT "${job[one]}" "${job[two]}"
gather one
ok 'two at once: the first' equal "$(thrown one | wc -l)" 10
gather two
ok 'two at once: the second' equal "$(thrown two | wc -l)" 10
begin with watch "$pid" Target.Flow.Catch --json
begin and throws "$pid" --json --no-lines
app call Flow.Catch
kill -INT "${job[with]}" "${job[and]}"
gather with
gather and
ok 'with a watched method beside' equal "$(thrown and | wc -l) $(sed -n 2p "$work/with.out" | jq -r .event)" '1 return'

check 'an argument too many' 2 throws "$pid" Target.Flow.Throw <<'EOF'
! rejit: throws: 'Target.Flow.Throw' is one argument too many (see `rejit help throws`)
EOF
check 'frames' 2 throws "$pid" --frames many <<'EOF'
! rejit: throws: 'many' is not a number from 0 to 64 (see `rejit help throws`)
EOF
"$rejit" revert "$pid" --all --yes >/dev/null
check 'nothing was instrumented' 0 list "$pid" <<'EOF'
nothing is instrumented

the agent holds SIZE
EOF
stop
finish
