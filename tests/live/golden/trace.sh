#!/usr/bin/env bash
# rejit trace: which calls stand below which, and how many, against what the program is known to call.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

start

# shape NAME: the trees, "METHOD(CHILD*COUNT!ERRORS(...),...)", one a line, without namespaces and parameters; the
# root's exception behind "!".
shape() {
    jq -r 'def short: sub("\\(.*"; "") | sub("^Target\\.(Generics\\.)?"; "");
        def below: if .calls | length > 0
            then "(" + ([.calls[] | (.method | short) + "*\(.count)" + (if .errors > 0 then "!\(.errors)" else "" end)
                + (if .async then "~" else "" end) + below] | join(",")) + ")" else "" end;
        select(.event == "trace") | (.method | short) + below + (if .exception then "!" + .exception.type else "" end)
            + (if .async then "~" else "" end) + (if .incomplete then " incomplete" else "" end)
            + (if .missing then " \(.missing)" else "" end)' "$work/$1.out"
}

# sane NAME: times that can be: parts are not longer than their whole, and the shortest, the longest and all agree.
sane() {
    [ "$(jq -s '[.[] | select(.event == "trace") | . as $root | .. | objects | select(.count) |
        select(.min_ns > .max_ns or .max_ns > .total_ns + 1 or .total_ns > ($root.elapsed_ns + 1) or
            .total_ns > (.max_ns + 1) * .count)] | length' "$work/$1.out")" = 0 ]
}

# traced TITLE ARG... -- COMMAND...: what the trees are while the program does what the rest says; expected on stdin.
traced() {
    local title=$1 args=()
    shift
    while [ "$1" != -- ]; do
        args+=("$1")
        shift
    done
    shift
    begin trace trace "$pid" --json "${args[@]}"
    local command
    for command in "$@"; do app "$command"; done
    kill -INT "${job[trace]}"
    gather trace
    ok "$title: exit code" equal "$code" 0
    ok "$title: every line is one JSON object" is_json "$work/trace.out"
    ok "$title: times" sane trace
    ok "$title: the start line" equal "$(head -1 "$work/trace.out" | jq -r .event)" start
    ok "$title: the end line" equal "$(tail -1 "$work/trace.out" | jq -c '[.calls, .dropped]')" "[$(shape trace | wc -l),0]"
    shape trace >"$work/actual"
    same "$title"
}

traced 'direct callees' Target.Work.CallerTwo Target.Work.CallerOne -- 'call Work.CallerTwo' 'call Work.CallerOne' <<'END'
Work.CallerTwo(Work.Callee*2)
Work.CallerOne(Work.Callee*1)
END
traced 'a loop is one line' Target.Work.SpinNeverInlined Target.Work.SpinAdd -- 'call Work.SpinNeverInlined' \
    'call Work.SpinAdd x3' <<'END'
Work.SpinNeverInlined(Work.NeverInlined*10000)
Work.SpinAdd(Work.Add*10000)
Work.SpinAdd(Work.Add*10000)
Work.SpinAdd(Work.Add*10000)
END
traced 'recursion, one level' Target.Work.Descend -- 'call Work.Descend' <<'END'
Work.Descend(Work.Descend*1)
END
traced 'recursion, to its end' Target.Work.Descend --deep 20 -- 'call Work.Descend' <<'END'
Work.Descend(Work.Descend*1(Work.Descend*1(Work.Descend*1(Work.Descend*1(Work.Descend*1(Work.Callee*1))))))
END
traced 'the levels end where they are said to' Target.Flow.IsEven --deep 2 -- 'call Flow.IsEven' <<'END'
Flow.IsEven(Flow.IsOdd*1(Flow.IsEven*1))
END
traced 'into: at any level' Target.Work.Descend --deep 0 --into Target.Work.Callee -- 'call Work.Descend' <<'END'
Work.Descend(Work.Callee*1)
END
traced 'into: the core library' Target.Work.SpinList --into 'List<T>.Add' -- 'call Work.SpinList' <<'END'
Work.SpinList(System.Collections.Generic.List<T>.Add*10000)
END
traced 'nothing below' Target.Work.Add -- 'call Work.Add' <<'END'
Work.Add
END

# ---- exceptions ----

traced 'thrown through, and out' Target.Flow.ThroughFrames --deep 9 -- 'call Flow.ThroughFrames' <<'END'
Flow.ThroughFrames(Flow.ThroughFrames*1!1(Flow.ThroughFrames*1!1(Flow.ThroughFrames*1!1(Flow.Throw*1!1))))!System.InvalidOperationException
END
traced 'thrown and caught' Target.Flow.Catch Target.Flow.Nested Target.Flow.ThrowNested -- 'call Flow.Catch x2' 'call Flow.Nested' \
    'call Flow.ThrowNested' <<'END'
Flow.Catch(Flow.Throw*1!1)
Flow.Catch(Flow.Throw*1!1)
Flow.Nested(Flow.ThrowCoded*1!1,Flow.ThrowIfOdd*1!1)
Flow.ThrowNested(Flow.Throw*1!1)!System.AggregateException
END
traced 'throws: only roots that threw' Target.Flow.ThrowNested Target.Flow.Catch --throws -- 'call Flow.Catch' 'call Flow.ThrowNested' <<'END'
Flow.ThrowNested(Flow.Throw*1!1)!System.AggregateException
END

# ---- who is called ----

traced 'generic, virtual and interface methods' 'Target.Generics.Greetings.Through' 'Target.Generics.Functions.Deep' --deep 3 -- \
    'call Generics.Greetings.Through' 'call Generics.Greetings.Through shouter' 'call Generics.Functions.Deep' <<'END'
Greetings.Through<T>(Greeter.Create*1(Greeter..ctor*1),IGreeter.Greet*1)
Greetings.Through<T>(Shouter.Target.Generics.IGreeter.Create*1(Shouter..ctor*1),Shouter.Target.Generics.IGreeter.Greet*1)
Functions.Deep<T>(Box<T>..ctor*1,Functions.Deep<T>*1(Box<T>..ctor*1,Functions.Deep<T>*1(Box<T>..ctor*1,Functions.Deep<T>*1)))
END
traced 'overrides' 'Target.Derived.Describe' 'Target.Generics.Circle.Visit' --deep 3 -- 'call Derived.Describe' 'call Generics.Circle.Visit' <<'END'
Derived.Describe(Base.Describe*1)
Circle.Visit<TResult>(Shape.Visit<TResult>*1)
END
traced 'async: up to the first await' Target.Sequences.NestedAsync --deep 3 -- 'call Sequences.NestedAsync' <<'END'
Sequences.NestedAsync(Sequences.NestedAsync*1~(Sequences.NestedAsync*1~(Sequences.NestedAsync*1~)))~
END
traced 'async: an exception is in the task' Target.Sequences.CatchingAsync -- 'call Sequences.CatchingAsync' <<'END'
Sequences.CatchingAsync(Sequences.FailAsync*1~)~
END
# ---- trees that are not whole ----

begin trace trace "$pid" Target.Work.Descend --deep 0 --into Target.Work.Descend --json
app invoke Target.Work.Descend 1000
kill -INT "${job[trace]}"
gather trace
ok 'deeper than trees are: every line is one JSON object' is_json "$work/trace.out"
ok 'deeper than trees are: what is missing is counted' equal \
    "$(sed -n 2p "$work/trace.out" | jq -c '[.incomplete, .missing, ([.. | objects | select(.count) | .count] | add)]')" '[true,920,80]'

# ---- which roots ----

traced 'if' Target.Work.CallerOne --if 'value == 7' -- 'call Work.CallerOne 7' 'call Work.CallerOne 8' <<'END'
Work.CallerOne(Work.Callee*1)
END
traced 'if, of a root in a tree: nothing is asked of it' Target.Work.Descend --deep 9 --if 'depth == 5' -- 'call Work.Descend' <<'END'
Work.Descend(Work.Descend*1(Work.Descend*1(Work.Descend*1(Work.Descend*1(Work.Descend*1(Work.Callee*1))))))
END
traced 'min' Target.Work.Sleep Target.Work.CallerOne --min 15ms -- 'call Work.Sleep 20' <<'END'
Work.Sleep
END
traced 'min: too long' Target.Work.CallerOne --min 1000s -- 'call Work.CallerOne' <<'END'
END

begin trace trace "$pid" Target.Work.CallerTwo --count 2
app call Work.CallerTwo x3
gather trace
sed -E 's/^ +[0-9.]+% +[0-9.]+[num]?s  /SHARE TIME /; s/[0-9.]+[num]?s to [0-9.]+[num]?s/TIME to TIME/' "$work/trace.out" >"$work/text"
mv "$work/text" "$work/trace.out"
words[trace]=
judge 'as text' trace 0 <<'END'
Target.Work.CallerTwo(int)
SHARE TIME ├─ Target.Work.Callee(int)  2 calls, TIME to TIME
SHARE TIME └─ itself
Target.Work.CallerTwo(int)
SHARE TIME ├─ Target.Work.Callee(int)  2 calls, TIME to TIME
SHARE TIME └─ itself
! rejit: 1 method of process PID, and 1 that may be called; Ctrl-C ends
! rejit: 2 calls (count)
END

# ---- several threads, and several clients ----

begin one trace "$pid" Target.Work.CallerTwo --json --budget off
begin two trace "$pid" Target.Work.CallerTwo Target.Work.Callee --json --budget off
begin three watch "$pid" Target.Work.Callee --json --budget off
app counts
before=$(calls Target.Work.CallerTwo)
app loop Work.CallerTwo 4
app stop
app counts
runs=$(($(calls Target.Work.CallerTwo) - before))
for name in one two three; do
    kill -INT "${job[$name]}"
    gather "$name"
done
for name in one two; do
    shape "$name" | sort -u >"$work/actual"
    same "threads: every tree is whole, $name" <<'END'
Work.CallerTwo(Work.Callee*2)
END
    ok "threads: no call is lost, $name" equal "$(tail -1 "$work/$name.out" | jq '.calls + .dropped')" "$runs"
done

# ---- a module that comes later ----

begin trace trace "$pid" Target.Work.CallerOne 'Late.Greeter.*' --json --deep 2
app load "$apps/Late/Late.dll"
app invoke Late.Greeter.Square 6
app invoke Late.Greeter.Stored six
kill -INT "${job[trace]}"
gather trace
shape trace >"$work/actual"
same 'a module that comes later' <<'END'
Late.Greeter.Square
Late.Greeter.Stored(Late.Holder<T>.Store*2)
END

# ---- mistakes ----

check 'a time that is none' 2 trace "$pid" x --min fast <<'END'
! rejit: trace: 'fast' is not a time, such as 1ms, 250us or 2s (see `rejit help trace`)
END
check 'too deep' 2 trace "$pid" x --deep 65 <<'END'
! rejit: trace: '65' is not a number from 0 to 64 (see `rejit help trace`)
END
check 'a condition that fits no root' 2 trace "$pid" Target.Work.CallerTwo --if 'nobody == 1' <<'END'
! rejit: condition: column 1: no argument 'nobody'; Target.Work.CallerTwo has value
!   nobody == 1
!   ^
END
check 'nothing matches' 4 trace "$pid" Target.Work.CallerThree <<'END'
! rejit: no method matches Target.Work.CallerThree; near it: Target.Work.CallerOne, Target.Work.CallerTwo, Target.Work.Callee, Target.Work.Allocate, Target.Work.Length
END

stop
ok 'the program ends as ever' equal "$code" 0
finish
