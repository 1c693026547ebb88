#!/usr/bin/env bash
# Each verb that does not stream, stat and stack, help and --version.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# ---- ps, attach ----

# one_of_many: of a list of all processes, the line of ours. Others may be running.
ps_line() { grep -E "$1" | normalised | sed -E "s/^ +$pid /PID /; s/VERSION +/VERSION /; s/ +[0-9]+m[0-9]{2}s +/ UPTIME /"; }

"$rejit" ps >"$work/ps"
{ head -1 "$work/ps" && ps_line "^ +$pid " <"$work/ps"; } >"$work/actual"
same 'ps: a line for each process' <<'EOF'
     PID  RUNTIME    ENTRY                       UPTIME  AGENT  COMMAND
PID  VERSION Target UPTIME -      build/runtimes/RUNTIME/dotnet build/apps/Target/Target.dll
EOF

check 'attach puts the agent in' 0 attach "$pid" <<'EOF'
process PID, .NET VERSION: agent 0.1.0 put in, attached, ready
EOF
check 'attach again' 0 attach "$pid" <<'EOF'
process PID, .NET VERSION: agent 0.1.0 was there already, attached, ready
EOF
check 'attach --json' 0 attach "$pid" --json <<'EOF'
{"pid":PID,"agent":"0.1.0","runtime":"VERSION","state":"attached, ready","attached":true,"fresh":false}
EOF

"$rejit" ps --json >"$work/ps"
ok 'ps --json: every line is one JSON object' is_json "$work/ps"
ps_line "\"pid\":$pid," <"$work/ps" | sed -E "s/\"user\":\"$(id -un)\"/\"user\":USER/" >"$work/actual"
same 'ps --json: the agent is in it' <<'EOF'
{"pid":PID,"runtime":"VERSION","entry":"Target","started":TIME,"agent":true,"user":USER,"command":"build/runtimes/RUNTIME/dotnet build/apps/Target/Target.dll"}
EOF

# ---- find ----

check 'find: module, signature, size, what code there is' 0 find "$pid" 'Target.Values.Ov*' <<'EOF'
CODE                IL  MODULE                       METHOD
not compiled         6  Target.dll                   Target.Values.Overloaded()
not compiled         6  Target.dll                   Target.Values.Overloaded(int)
not compiled         6  Target.dll                   Target.Values.Overloaded(string)
not compiled         6  Target.dll                   Target.Values.Overloaded(int,string)
not compiled         6  Target.dll                   Target.Values.Overloaded(int[])
not compiled         6  Target.dll                   Target.Values.Overloaded(List<int>)
not compiled         6  Target.dll                   Target.Values.Overloaded(ref int)
not compiled         6  Target.dll                   Target.Values.Overloaded(int?)
generic              6  Target.dll                   Target.Values.Overloaded<T>(T)
EOF
app call Work.Add 1 2
app call Work.SpinAdd x100
app begin Work.Add 1 2
app join
app settle
"$rejit" find "$pid" Target.Work.Add Target.Work.SpinAdd 'Thread.Start()' 'Work.Length(string)' |
    sed -E 's/^R2R +[0-9]+/R2R SIZE/' >"$work/actual"
same 'find: kinds of code' <<'EOF'
CODE                IL  MODULE                       METHOD
R2R SIZE  System.Private.CoreLib.dll   System.Threading.Thread.Start()
tier-0               4  Target.dll                   Target.Work.Add(int,int)
tier-0, tier-1      28  Target.dll                   Target.Work.SpinAdd(int)
not compiled         7  Target.dll                   Target.Work.Length(string)
EOF
check 'find: why a method is not instrumentable' 0 find "$pid" Target.Generics.Shape.Area Target.Native.GetPid <<'EOF'
CODE                IL  MODULE                       METHOD
none                 0  Target.dll                   Target.Generics.Shape.Area()  -- not instrumentable: abstract: it has no body; its overrides have
none                 0  Target.dll                   Target.Native.GetPid()  -- not instrumentable: a P/Invoke: its body is native code
EOF
check 'find --json' 0 find "$pid" 'Target.Generics.Shape.*' --json <<'EOF'
{"method":"Target.Generics.Shape.Area()","module":"Target.dll","token":"ADDRESS","il_size":0,"code":"none","instrumentable":false,"reason":"abstract: it has no body; its overrides have"}
{"method":"Target.Generics.Shape.Visit<TResult>(Func<Shape,TResult>)","module":"Target.dll","token":"ADDRESS","il_size":8,"code":"generic","instrumentable":true}
{"method":"Target.Generics.Shape..ctor()","module":"Target.dll","token":"ADDRESS","il_size":7,"code":"not compiled","instrumentable":true}
EOF
check 'find --max-methods' 0 find "$pid" 'Target.Work.Spin*' --max-methods 2 <<'EOF'
CODE                IL  MODULE                       METHOD
tier-0, tier-1      28  Target.dll                   Target.Work.SpinAdd(int)
not compiled        27  Target.dll                   Target.Work.SpinAlwaysInlined(int)
! rejit: 2 of 4 methods are shown: --max-methods 4 shows them all
EOF
check 'find: nothing matches; the nearest names' 4 find "$pid" Target.Wrok.Add <<'EOF'
! rejit: no method matches Target.Wrok.Add; near it: Target.Work.Add, Target.Flow.Cast, Target.Flow.IsOdd, Target.Person.get_Age, Target.Person.set_Age
EOF
check 'watch: nothing matches; the nearest names' 4 watch "$pid" Target.Work.Ad --json <<'EOF'
! rejit: no method matches Target.Work.Ad; near it: Target.Work.Add, Target.Work.*, Target.Work.Busy, Target.Work.Keep, Target.Work.SpinAdd
EOF

# ---- stat ----

begin stat stat "$pid" Target.Flow.ThrowIfOdd Target.Work.Add Target.Work.Length --json
app call Flow.ThrowIfOdd 3 x5
app call Flow.ThrowIfOdd 4 x7
app call Work.SpinAdd
kill -INT "${job[stat]}"
gather stat
{ head -1 "$work/stat.out" && tail -4 "$work/stat.out"; } | normalised >"$work/actual"
ok 'stat --json: every line is one JSON object' is_json "$work/stat.out"
same 'stat --json: an object for each method, calls and errors exact' <<'EOF'
{"event":"start","methods":3,"refused":[]}
{"event":"stat","time":TIME,"pid":PID,"method":"Target.Flow.ThrowIfOdd(int)","module":"Target.dll","calls":12,"calls_per_s":RATE,"errors":5,"mean_ns":NS,"p50_ns":NS,"p90_ns":NS,"p99_ns":NS,"max_ns":NS}
{"event":"stat","time":TIME,"pid":PID,"method":"Target.Work.Add(int,int)","module":"Target.dll","calls":10000,"calls_per_s":RATE,"errors":0,"mean_ns":NS,"p50_ns":NS,"p90_ns":NS,"p99_ns":NS,"max_ns":NS}
{"event":"stat","time":TIME,"pid":PID,"method":"Target.Work.Length(string)","module":"Target.dll","calls":0,"calls_per_s":RATE,"errors":0,"mean_ns":NS,"p50_ns":NS,"p90_ns":NS,"p99_ns":NS,"max_ns":NS}
{"event":"end","calls":10012,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF

begin times stat "$pid" Target.Work.Sleep --json
app call Work.Sleep 1 x20
app call Work.Sleep 60
kill -INT "${job[times]}"
gather times
tail -2 "$work/times.out" | head -1 >"$work/last"
number() { sed -E "s/.*\"$1\":([0-9]+).*/\1/" "$work/last"; }
ok 'stat: half of the calls took about one millisecond' test "$(number p50_ns)" -ge 1000000 -a "$(number p50_ns)" -lt 30000000
ok 'stat: the longest took 60' test "$(number max_ns)" -ge 60000000 -a "$(number p99_ns)" -ge 56000000
ok 'stat: percentiles rise' test "$(number p50_ns)" -le "$(number p90_ns)" -a "$(number p90_ns)" -le "$(number p99_ns)" \
    -a "$(number p99_ns)" -le "$(number max_ns)"
ok 'stat: the mean lies between' test "$(number mean_ns)" -ge 3800000 -a "$(number mean_ns)" -le "$(number max_ns)"

# The columns of times, whose widths are those of the title.
table() { normalised | sed -E 's/^( +[0-9,]+) +[0-9,.]+( +[0-9]+)( +[0-9.]+[mun]?s){5}  /\1 RATE\2 TIMES  /'; }
begin stat stat "$pid" 'Target.Flow.Throw*' Target.Work.Add Target.Work.Sleep --interval 60
app call Flow.ThrowIfOdd 3 x5
app call Work.SpinAdd
app call Work.Sleep 200
kill -INT "${job[stat]}"
gather stat
table <"$work/stat.out" >"$work/table"
# The two quick ones come in either order.
{ sed -n 1,2p "$work/table" && sed -n 3,4p "$work/table" | sort -r && sed 1,4d "$work/table"; } >"$work/actual"
same 'stat: a table, the most time first' <<'EOF'
        CALLS    CALLS/S   ERRORS     MEAN      P50      P90      P99      MAX  METHOD
            1 RATE        0 TIMES  Target.Work.Sleep(int)
       10,000 RATE        0 TIMES  Target.Work.Add(int,int)
            5 RATE        5 TIMES  Target.Flow.ThrowIfOdd(int)
            5 methods were not called
EOF
begin stat stat "$pid" Target.Work.Add --interval 0.05 --duration 0.3
app call Work.Add 1 2
gather stat
ok 'stat --interval: a table each time' test "$(grep -c METHOD "$work/stat.out")" -ge 3
ok 'stat --duration' equal "$code" 0
begin stat stat "$pid" Target.Work.Add --count 100 --json
app call Work.SpinAdd
gather stat
# The program may be in the middle of its calls.
ok 'stat --count ends by itself' test "$(tail -1 "$work/stat.out" | jq '.event == "end" and .reason == "count" and .calls >= 100 and .dropped == 0')" = true
begin stat stat "$pid" Target.Work.Sleep --hist
app call Work.Sleep 20 x5
kill -INT "${job[stat]}"
gather stat
ok 'stat --hist: a heading for the method' grep -q '^Target.Work.Sleep(int)$' "$work/stat.out"
ok 'stat --hist: every call is in it' test "$(sed -n 's/.*|  *\([0-9]*\)  *[0-9.]* %$/\1/p' "$work/stat.out" | awk '{ n += $1 } END { print n }')" = 5
begin stat stat "$pid" Target.Work.Sleep --hist --json --interval 10
app call Work.Sleep 20 x5
kill -INT "${job[stat]}"
gather stat
ok 'stat --hist --json: its ranges hold all calls' test "$(grep '"event":"stat"' "$work/stat.out" | tail -1 |
    jq '.calls == 5 and ([.histogram[][2]] | add) == 5 and (.histogram | all(.[0] < .[1])) and .histogram[0][1] > 20000000')" = true
begin stat stat "$pid" Target.Values.Int32 --if 'value > 5' --json
app call Values.Int32 5 x3
app call Values.Int32 6 x4
kill -INT "${job[stat]}"
gather stat
ok 'stat --if' equal "$(tail -1 "$work/stat.out" | sed -E 's/.*"calls":([0-9]+).*/\1/')" 4

# ---- stack ----

begin stack stack "$pid" Target.Work.Callee --no-lines
app call Work.CallerOne
app call Work.CallerTwo x3
app call Work.Descend
end 'stack: who calls it, merged and counted' stack 0 <<'EOF'
Target.Work.Callee(int)  8 calls, called by
           6  75.0%   Target.Work.CallerTwo(int)
                      Driver.WorkScenarios+<>c.<Callers>b__5_1(Words)
                      Protocol.Scenario.Run(Words)
                      Protocol.Conversation.Call(Words)
                      Protocol.Conversation.Answer(Words)
                      Protocol.Conversation.Run()
                      Program.<Main>$(string[])
           1  12.5%   Target.Work.CallerOne(int)
                      Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)
                      Protocol.Scenario.Run(Words)
                      Protocol.Conversation.Call(Words)
                      Protocol.Conversation.Answer(Words)
                      Protocol.Conversation.Run()
                      Program.<Main>$(string[])
           1  12.5%   Target.Work.Descend(int)
                      Target.Work.Descend(int)
                      Target.Work.Descend(int)
                      Target.Work.Descend(int)
                      Target.Work.Descend(int)
                      Target.Work.Descend(int)
                      Driver.WorkScenarios+<>c.<Callers>b__5_2(Words)
                      Protocol.Scenario.Run(Words)
                      Protocol.Conversation.Call(Words)
                      Protocol.Conversation.Answer(Words)
                      Protocol.Conversation.Run()
                      Program.<Main>$(string[])
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 8 calls (interrupted)
EOF
begin stack stack "$pid" Target.Work.Callee --json --count 2 --no-lines
app call Work.CallerTwo
await 'stack --json --count' stack 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"event":"stack","pid":PID,"method":"Target.Work.Callee(int)","count":2,"frames":["Target.Work.CallerTwo(int)","Driver.WorkScenarios+<>c.<Callers>b__5_1(Words)","Protocol.Scenario.Run(Words)","Protocol.Conversation.Call(Words)","Protocol.Conversation.Answer(Words)","Protocol.Conversation.Run()","Program.<Main>$(string[])"]}
{"event":"end","calls":2,"dropped":0,"in_flight":0,"reason":"count"}
EOF
begin stack stack "$pid" Target.Work.Callee --duration 0.2 --if 'value == 7' --no-lines
app call Work.CallerOne 7
app call Work.CallerOne 8
await 'stack --duration --if' stack 0 <<'EOF'
Target.Work.Callee(int)  1 call, called by
           1 100.0% Target.Work.CallerOne(int)
                    Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)
                    Protocol.Scenario.Run(Words)
                    Protocol.Conversation.Call(Words)
                    Protocol.Conversation.Answer(Words)
                    Protocol.Conversation.Run()
                    Program.<Main>$(string[])
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (duration)
EOF
begin stack stack "$pid" 'System.Environment.get_ProcessId' --count 1 --max-methods 1
end 'stack: no call' stack 0 <<'EOF'
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 0 calls (interrupted)
EOF

# ---- list, revert ----

check 'list: nothing' 0 list "$pid" <<'EOF'
nothing is instrumented

the agent holds SIZE
EOF
begin watching watch "$pid" Target.Work.Callee Target.Work.Length
begin counting stat "$pid" Target.Work.Callee --json
app call Work.CallerOne
number_of() { sed -E "s/ *\b${job[watching]}\b/ WATCHING/g; s/ *\b${job[counting]}\b/ COUNTING/g; s/\b$1\b/FIRST/g; s/\b$(($1 + 1))\b/SECOND/g"; }
first=$("$rejit" list "$pid" --json | sed -nE 's/.*"id":([0-9]+).*"name":"rejit watch".*/\1/p')
"$rejit" list "$pid" | sed -E "s/\($(id -un)\)\$/(USER)/" | normalised | number_of "$first" | sort >"$work/actual"
sort >"$work/sorted" <<'EOF'
STATE        CODE               BYTES  CLIENTS  METHOD
active       tier-0 SIZE  FIRST,SECOND    Target.Work.Callee(int)
requested    not compiled SIZE  FIRST       Target.Work.Length(string)

CLIENT       PID  SINCE         GATES       EVENTS   DROPPED    BYTES    TIME  BUDGET          NAME
    FIRST WATCHING  TIME  open             1         0 SIZE  SHARE  BUDGET rejit watch (USER)
    SECOND COUNTING  TIME  open             0         0 SIZE  SHARE  BUDGET rejit stat (USER)

the agent holds SIZE
EOF
same 'list: what, in which state, for whom' <"$work/sorted"
"$rejit" list "$pid" --json >"$work/list"
ok 'list --json: every line is one JSON object' is_json "$work/list"
sed -E 's/"version":[0-9]+/"version":VERSION/; s/"user":"[^"]+"/"user":USER/' "$work/list" | normalised | number_of "$first" | sort >"$work/actual"
sort >"$work/sorted" <<'EOF'
{"event":"method","method":"Target.Work.Callee(int)","module":"Target.dll","state":"active","code":"tier-0","bytes":BYTES,"version":VERSION,"clients":[FIRST,SECOND]}
{"event":"method","method":"Target.Work.Length(string)","module":"Target.dll","state":"requested","code":"not compiled","bytes":BYTES,"version":VERSION,"clients":[FIRST]}
{"event":"client","id":FIRST,"pid": WATCHING,"name":"rejit watch","user":USER,"since":TIME,"events":1,"dropped":0,"bytes":BYTES,"open":true,"share":SHARE,"budget":{"time":0.250,"events":1000000,"bytes":BYTES}}
{"event":"client","id":SECOND,"pid": COUNTING,"name":"rejit stat","user":USER,"since":TIME,"events":0,"dropped":0,"bytes":BYTES,"open":true,"share":SHARE,"budget":{"time":0.250,"events":1000000,"bytes":BYTES}}
{"event":"agent","bytes":BYTES,"inliners":N,"metadata":N,"returned":0}
EOF
same 'list --json' <"$work/sorted"

check 'revert: what is not instrumented' 4 revert "$pid" Target.Work.Busy <<'EOF'
! rejit: nothing of this user is instrumented that matches
EOF
check 'revert: a pattern' 0 revert "$pid" 'Target.Work.Len*' <<'EOF'
1 method reverted
EOF
check 'revert --all asks; nobody is there to answer' 2 revert "$pid" --all <<'EOF'
! rejit: revert --all takes everybody's instrumentation away: say --yes
EOF
check 'revert --json' 0 revert "$pid" --json <<'EOF'
{"reverted":1}
EOF
check 'revert: nothing is left' 0 revert "$pid" --all --yes <<'EOF'
0 methods reverted
EOF
app call Work.CallerOne
end 'a command is told that its methods were taken away' watching 0 <<'EOF'
Target.Work.Callee(value: 1)
! rejit: 2 methods of process PID; Ctrl-C ends
! rejit: 1 method was taken away: reverted by rejit revert (pid OTHER, user USER)
! rejit: 1 method was taken away: reverted by rejit revert (pid OTHER, user USER)
! rejit: 1 call (interrupted)
EOF
kill -INT "${job[counting]}"
gather counting
ok 'the other one is told as well' grep -q '^{"event":"reverted","methods":1,"reason":' "$work/counting.out"

# ---- doctor, help, version ----

check 'doctor: every precondition' 0 doctor "$pid" <<'EOF'
ok       process              build/runtimes/RUNTIME/dotnet build/apps/Target/Target.dll
ok       user                 belongs to USER
ok       state                running
ok       container            the same as ours
ok       diagnostics          TMP/dotnet-diagnostic-PID-KEY-socket
ok       runtime              .NET VERSION, linux-x64, entry assembly Target
ok       published            runs on an installed framework
ok       profiler             the agent of rejit is in the process
ok       agent file           build/lib/librejit_agent.so
ok       temporary directory  TMP
ok       hot reload           Edit and Continue is off
ok       debugger             no managed debugger is attached
ok       attach               every verb works as from the start of the process, for any number of clients
ok       precompiled images   stay in use: nothing was disabled
ok       metadata             can be added to any module at any time; SIZE in 2 modules so far
ok       memory               versions of a method that is changed often are given back; SIZE so far
ok       inlined functions    callers that inlined a method are covered; calls that run already are told
ok       debugging            lines, breakpoints, arguments and locals are kept in instrumented methods
ok       dynamic code         code made at run time, and code that can be unloaded, can be instrumented
ok       agent                in the process (attached), version 0.1.0
EOF
"$rejit" doctor "$pid" --json >"$work/doctor"
ok 'doctor --json: every line is one JSON object' is_json "$work/doctor"

check 'version' 0 --version <<'EOF'
rejit 0.1.0
EOF
for verb in ps run attach find il asm watch stat stack trace list revert doctor; do
    "$rejit" help "$verb" >"$work/help.out" 2>"$work/help.err"
    ok "help $verb" grep -q "rejit $verb" "$work/help.out"
    ok "help $verb: nothing else" test ! -s "$work/help.err"
    "$rejit" "$verb" --help >"$work/same"
    ok "$verb --help is the same" cmp -s "$work/help.out" "$work/same"
    ok "rejit help lists $verb" grep -q "^ *$verb " <("$rejit" help)
done
check 'help of what is no verb' 2 help watsch <<'EOF'
! rejit: there is no verb watsch (see `rejit help`)
EOF

stop
finish
