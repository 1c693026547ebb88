#!/usr/bin/env bash
# The options of watch, one by one: which calls, what of them, how long; the lines of JSON in full.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

begin plain watch "$pid" Target.Work.Add
app call Work.Add 1 2
end 'watch prints arguments, no results' plain 0 <<'EOF'
Target.Work.Add(left: 1, right: 2)
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF

begin json watch "$pid" Target.Work.Add Target.Flow.ThrowCoded --return --json
app call Work.Add 1 2
app call Flow.ThrowCoded 7
end 'JSON: start, calls, end' json 0 <<'EOF'
{"event":"start","methods":2,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":1,"right":2},"return":3}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Flow.ThrowCoded(int)","module":"Target.dll","event":"throw","elapsed_ns":NS,"args":{"code":7},"exception":{"type":"Target.CodedException","message":"code 7"}}
{"event":"end","calls":2,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF

begin when watch "$pid" Target.Work.Sleep --json
began=$(date +%s%N)
app call Work.Sleep 20
ended=$(date +%s%N)
kill -INT "${job[when]}"
gather when
read -r time thread elapsed < <(sed -nE '2s/.*"time":([0-9]+).*"thread":([0-9]+).*"elapsed_ns":([0-9]+).*/\1 \2 \3/p' "$work/when.out")
ok 'the time is that at which the call began' test "$time" -ge "$began" -a "$time" -lt "$ended"
ok 'the call took as long as it did' test "$elapsed" -ge 19900000 -a $((time + elapsed)) -le "$ended"
ok 'the thread is the one of the operating system: the main thread has the number of the process' equal "$thread" "$pid"

begin text watch "$pid" Target.Work.Add --no-args
begin json watch "$pid" Target.Work.Add --no-args --json
begin result watch "$pid" Target.Work.Add --no-args -r
app call Work.Add 1 2
end '--no-args: the types tell overloads apart' text 0 <<'EOF'
Target.Work.Add(int,int)
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF
end '--no-args --json: no key for what was not asked for' json 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF
end '--no-args -r' result 0 <<'EOF'
Target.Work.Add(int,int) = 3
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF

begin throws watch "$pid" Target.Flow.ThrowIfOdd Target.Flow.Catch Target.Flow.Throw --throws
app call Flow.ThrowIfOdd 4
app call Flow.ThrowIfOdd 3
app call Flow.Catch caught
end '--throws: only calls that end with an exception' throws 0 <<'EOF'
Target.Flow.ThrowIfOdd(value: 3) ! ArgumentOutOfRangeException: "odd"
Target.Flow.Throw(message: "caught") ! InvalidOperationException: "caught"
! rejit: 3 methods of process PID; Ctrl-C ends
! rejit: 2 calls (interrupted)
EOF

begin slow watch "$pid" Target.Work.Sleep Target.Work.Add --slow 15
begin fraction watch "$pid" Target.Work.Sleep Target.Work.Add --slow 0.5
app call Work.Add 1 2
app call Work.Sleep 1
app call Work.Sleep 20
end '--slow 15' slow 0 <<'EOF'
Target.Work.Sleep(milliseconds: 20)
! rejit: 2 methods of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF
end '--slow 0.5' fraction 0 <<'EOF'
Target.Work.Sleep(milliseconds: 1)
Target.Work.Sleep(milliseconds: 20)
! rejit: 2 methods of process PID; Ctrl-C ends
! rejit: 2 calls (interrupted)
EOF

begin slow watch "$pid" Target.Flow.* --slow 15 --throws --return
app call Flow.Throw fast
end '--slow with --throws: both must hold' slow 0 <<'EOF'
! rejit: 29 methods of process PID; Ctrl-C ends
! rejit: 0 calls (interrupted)
EOF

begin count watch "$pid" Target.Work.Add --count 3
begin one watch "$pid" Target.Work.Add -n 1 --json
app call Work.Add 1 2 x10
await '--count 3 ends by itself' count 0 <<'EOF'
Target.Work.Add(left: 1, right: 2)
Target.Work.Add(left: 1, right: 2)
Target.Work.Add(left: 1, right: 2)
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 3 calls (count)
EOF
await '-n 1 --json' one 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":1,"right":2}}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"count"}
EOF

began=$(date +%s%N)
begin duration watch "$pid" Target.Work.Add --duration 0.2 --json
app call Work.Add 1 2
await '--duration 0.2, from the start line on' duration 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":1,"right":2}}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"duration"}
EOF
ok 'a duration is not less than it says' test $(($(date +%s%N) - began)) -ge 200000000

# A call that is inside at the end is in flight; one that was inside before the start is nobody's.
app begin Work.Block 1
app blocked 1
begin inside watch "$pid" Target.Work.Block --json
app begin Work.Block 2
app blocked 2
end 'in flight' inside 0 <<'EOF'
{"event":"start","methods":1,"refused":[],"notes":[{"method":"Target.Work.Block(int)","reason":"1 call of it is running now and is not seen; calls that begin from now on are"}]}
{"event":"end","calls":0,"dropped":0,"in_flight":1,"reason":"interrupted"}
EOF
begin inside watch "$pid" Target.Work.Block
app begin Work.Block 3
app blocked 3
end 'in flight, as text' inside 0 <<'EOF'
! rejit: Target.Work.Block(int): 2 calls of it are running now and are not seen; calls that begin from now on are
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 0 calls, 1 still inside (interrupted)
EOF
app release
app join
ok 'what was inside has gone on undisturbed' equal "$answer" 'ok Work.Block 1; ok Work.Block 2; ok Work.Block 3'

# More lines a second than are printed, and more calls than fit: none is lost uncounted.
begin flood watch "$pid" Target.Work.Add --json
app call Work.SpinAdd x10
kill -INT "${job[flood]}"
gather flood
read -r calls dropped < <(sed -nE '$s/.*"calls":([0-9]+),"dropped":([0-9]+).*/\1 \2/p' "$work/flood.out")
ok 'calls and dropped calls are all calls' equal $((calls + dropped)) 100000
ok 'as many lines as calls' equal "$(($(wc -l <"$work/flood.out") - 2))" "$calls"
ok 'at most 10,000 lines a second' test "$calls" -ge 1000 -a "$calls" -le 40000

begin many watch "$pid" 'Target.Work.Call*' Target.Values.Overloaded\(string\) 'Address.Country' 'Customer..ctor' \
    'Box<T>+Inner<TInner>.*' 'Target!*.Descend' --max-methods 20
app call Work.CallerOne 1
app call Values.Overloaded string
app call Values.Overloaded int
app call Address.Country
app call Customer..ctor Ada
app call Generics.Box\<T\>+Inner\<TInner\>.Both
end 'several patterns: globs, an overload, a property, a constructor, a nested generic type, an assembly' many 0 <<'EOF'
Target.Work.Callee(value: 1)
Target.Work.CallerOne(value: 1)
Target.Values.Overloaded(value: "one")
Target.Address.get_Country()
Target.Customer..ctor(name: "Ada", password: ***)
Target.Generics.Box<T>+Inner<TInner>..ctor()
Target.Generics.Box<T>+Inner<TInner>.Both(first: 1, second: "two")
! rejit: 10 methods of process PID; Ctrl-C ends
! rejit: 7 calls (interrupted)
EOF

begin math watch "$pid" 'Math.Sign(int)' 'string.Compare(string,string)' --count 1 --return
app call Native.Compare 1 2
await 'methods of the framework, by the keywords of the language too' math 0 <<'EOF'
System.Math.Sign(value: -1) = -1
! rejit: 2 methods of process PID; Ctrl-C ends
! rejit: 1 call (count)
EOF

check 'more methods than --max-methods allows' 2 watch "$pid" 'Target.Work.Spin*' --max-methods 3 <<'EOF'
! rejit: 4 methods match, more than the 3 that one command may instrument: narrow the pattern, or say --max-methods 4
EOF
begin most watch "$pid" 'Target.Work.Spin*' -m 4
end 'as many methods as --max-methods allows' most 0 <<'EOF'
! rejit: 4 methods of process PID; Ctrl-C ends
! rejit: 0 calls (interrupted)
EOF

"$rejit" revert "$pid" --all --yes >/dev/null # and what was looked at often, which stays for a minute
check 'the methods are as they were' 0 list "$pid" --json <<'EOF'
{"event":"agent","bytes":BYTES,"inliners":N,"metadata":N,"returned":0}
EOF
stop
ok 'the program ends as ever' equal "$code" 0
finish
