#!/usr/bin/env bash
# Bad input: a clear message that names the remedy, the exit code, and a target that goes on as if nothing had been.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

tools=$build/tests

# unharmed TITLE: the program answers, and ends with 0.
unharmed() {
    app call Work.Add 1 2
    ok "$1: the program goes on" equal "$answer" 'ok Work.Add 3'
    stop
    ok "$1: the program ends as ever" equal "$code" 0
}

# ---- the command line ----

check 'no verb' 2 <<'EOF'
! rejit: look into a running .NET process
!
! usage: rejit VERB [OPTIONS] ...
!
!   ps                               list the .NET processes that can be reached
!   run [OPTIONS] -- PROGRAM [ARGS]  start a program with the agent in it from the first instruction
!   attach PID                       put the agent into a process
!   find PID PATTERN...              list the methods that match
!   il PID PATTERN...                show the IL of the methods that match, as it was and as it is now
!   asm PID PATTERN...               show the native code of the methods that match
!   watch PID PATTERN...             print the calls of the methods that match, as they happen
!   stat PID PATTERN...              count and time the calls of the methods that match
!   top PID [PATTERN...]             show the busiest of the methods that match, live, on the whole screen
!   stack PID PATTERN...             show who calls the methods that match
!   new PID TYPE...                  show who makes objects of these types, and how many
!   trace PID PATTERN...             show what each call of the methods that match calls, as a tree
!   throws PID                       print every exception as it is thrown, caught or not
!   before PID PATTERN...            show the calls that led to an exception, or to what a condition picks
!   line PID FILE:LINE...            show arguments and variables each time that a line is reached
!   list PID                         show what is instrumented now, and for whom
!   revert PID [PATTERN...]          take instrumentation away
!   doctor PID                       check everything that attaching needs
!   repl PID                         a prompt for all of these, with names completed; rejit PID for short
!   help [VERB]                      explain the command or one of its verbs
!
! PID is a number or the name of one process. `rejit help VERB` says more.
EOF
check 'no such verb' 2 wach 1 x <<'EOF'
! rejit: there is no verb wach; did you mean watch? (see `rejit help`)
EOF
check 'no such option' 2 watch 1 x --cuont 3 <<'EOF'
! rejit: watch: unknown option --cuont; did you mean --count? (see `rejit help watch`)
EOF
check 'an option of another verb' 2 find 1 x --throws <<'EOF'
! rejit: find: unknown option --throws (see `rejit help find`)
EOF
check 'a missing value' 2 watch 1 x --count <<'EOF'
! rejit: watch: --count needs a value (see `rejit help watch`)
EOF
check 'not a number' 2 watch 1 x --count many <<'EOF'
! rejit: watch: 'many' is not a number, at least 1 (see `rejit help watch`)
EOF
check 'nothing at all to count' 2 watch 1 x --count 0 <<'EOF'
! rejit: watch: '0' is not a number, at least 1 (see `rejit help watch`)
EOF
check 'too deep' 2 watch 1 x --depth 17 <<'EOF'
! rejit: watch: '17' is not a number from 0 to 16 (see `rejit help watch`)
EOF
check 'not a duration' 2 stat 1 x --duration -1 <<'EOF'
! rejit: stat: '-1' is not seconds, such as 10 or 0.5 (see `rejit help stat`)
EOF
check 'no pattern' 2 watch 1 <<'EOF'
! rejit: watch: an argument is missing: rejit watch PID PATTERN... (see `rejit help watch`)
EOF
check 'no process' 2 attach <<'EOF'
! rejit: attach: an argument is missing: rejit attach PID (see `rejit help attach`)
EOF
check 'one argument too many' 2 attach 1 2 <<'EOF'
! rejit: attach: '2' is one argument too many (see `rejit help attach`)
EOF
check 'nothing to run' 2 run --watch x <<'EOF'
! rejit: run: the program to start is missing: rejit run -- dotnet app.dll (see `rejit help run`)
EOF

# ---- patterns: before anything is asked of a process ----

# wrong PATTERN COLUMN MESSAGE
wrong() {
    check "the pattern '$1'" 2 watch 1 "$1" < <(
        echo "! rejit: pattern: column $2: $3"
        if [[ $1 ]]; then # nothing can be pointed at in an empty one
            echo "!   $1"
            printf '!   %*s^\n' $(($2 - 1)) ''
        fi
    )
}
wrong '' 1 'the pattern is empty; write Namespace.Type.Method, or * for every method'
wrong 'Target.Work.' 12 "nothing follows '.'; write Target.Work.* for everything in it"
wrong 'Target.Work.Add(int' 16 "'(' is never closed; write Type.Method(int,string)"
wrong 'Target.Work.Add)' 16 "')' has no '('; write Type.Method(int,string)"
wrong 'Target.Work.Add(int,,int)' 21 'a type is missing here; write Type.Method(int,string)'
wrong 'Target.Work.Add(int) x' 22 "'x' behind ')'; the pattern ends with its parameter list"
wrong 'List<T.Add' 5 "'<' is never closed; write List<T>.Add"
wrong '!Target.Work.Add' 1 "the assembly's name is missing before '!'; write Assembly!Type.Method"
wrong 'a!b!c' 4 "a second '!'; write Assembly!Type.Method"
wrong 'Target Work' 7 'a space in a name; remove it, or write ? where the name really has one'
check 'a control character in a pattern' 2 watch 1 $'Target.\x01' <<'EOF'
! rejit: pattern: column 8: a control character (0x01); remove it
!   Target.\u0001
!          ^
EOF

# ---- processes that cannot be attached to ----

check 'no such process' 3 watch 4194305 Target.Work.Add <<'EOF'
! rejit: there is no process 4194305: `rejit ps` lists those that can be reached
EOF
check 'no such process, for list' 3 list 4194305 <<'EOF'
! rejit: there is no process 4194305: `rejit ps` lists those that can be reached
EOF
check 'a number that is none' 2 attach -- -5 <<'EOF'
! rejit: -5 is no pid
EOF
"$rejit" watch NoSuchApplication x >"$work/out" 2>&1
code=$?
ok 'a name that nobody has' equal "$code" 3
ok 'a name that nobody has: said' grep -q '^rejit: no .NET process is called NoSuchApplication' "$work/out"

sleep 600 &
pid=$!
check 'not a .NET process' 3 watch "$pid" x <<'EOF'
! rejit: process PID (sleep 600) is not a .NET process: `rejit ps` lists those that are
EOF
"$rejit" doctor "$pid" >"$work/out"
ok 'doctor of what is not a .NET process' equal "$?" 3
ok 'doctor names the failure' grep -q '^FAILED   diagnostics' "$work/out"
kill "$pid"

# A process of root's, for a user who is not: as root, let another user ask.
start
as_other=()
[ "$(id -u)" != 0 ] || as_other=(setpriv --reuid=65534 --regid=65534 --clear-groups)
theirs=1
[ "$(id -u)" != 0 ] || theirs=$pid
mkdir -p "$work/installed/bin" "$work/installed/lib"
cp "$rejit" "$work/installed/bin/"
cp "$build"/lib/librejit*.so* "$work/installed/lib/"
chmod -R go+rX "$work"
"${as_other[@]}" "$work/installed/bin/rejit" watch "$theirs" x >"$work/out" 2>&1
code=$?
ok "another user's process" equal "$code" 3
sed "s/process $theirs /process THEIRS /" "$work/out" >"$work/actual"
same "another user's process" <<'EOF'
rejit: process THEIRS belongs to user root: run rejit as that user, or as root
EOF
unharmed "another user's process"

for variable in DOTNET_EnableDiagnostics DOTNET_EnableDiagnostics_IPC COMPlus_EnableDiagnostics; do
    start "$variable=0"
    check "$variable=0" 3 watch "$pid" Target.Work.Add <<EOF
! rejit: diagnostics are disabled in process PID by $variable=0: start it without that, or with \`rejit run\`
EOF
    "$rejit" doctor "$pid" >"$work/out"
    ok "doctor: $variable=0" grep -q "^FAILED   diagnostics .*$variable=0" "$work/out"
    unharmed "$variable=0"
done

start CORECLR_ENABLE_PROFILING=1 'CORECLR_PROFILER={5D9F2C11-4B52-4E1A-8F0D-0A7B3C1E9D22}' CORECLR_PROFILER_PATH="$tools/golden_other.so"
check 'another profiler' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: another profiler is in process PID already: build/tests/golden_other.so (8013136a): start the process without it; if it is an agent of rejit, its socket in TMP was removed
EOF
check 'doctor: another profiler' 3 doctor "$pid" <<'EOF'
ok       process              build/runtimes/RUNTIME/dotnet build/apps/Target/Target.dll
ok       user                 belongs to USER
ok       state                running
ok       container            the same as ours
ok       diagnostics          TMP/dotnet-diagnostic-PID-KEY-socket
ok       runtime              .NET VERSION, linux-x64, entry assembly Target
ok       published            runs on an installed framework
FAILED   profiler             build/tests/golden_other.so
                              remedy: start the process without that profiler
ok       agent file           build/lib/librejit_agent.so
ok       temporary directory  TMP
ok       hot reload           Edit and Continue is off
ok       debugger             no managed debugger is attached
EOF
unharmed 'another profiler'

start DOTNET_ProfApi_RejitOnAttach=0
check 'rejit on attach is disabled' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: the runtime does not allow ReJIT in this process (8013137c): start it without DOTNET_ProfApi_RejitOnAttach=0, or with `rejit run`
EOF
unharmed 'rejit on attach is disabled'

start
kill -STOP "$pid"
check 'a stopped process' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: process PID is stopped: let it go on (kill -CONT PID) and try again
EOF
check 'attach to a stopped process' 3 attach "$pid" <<'EOF'
! rejit: process PID is stopped: let it go on (kill -CONT PID) and try again
EOF
kill -CONT "$pid"
unharmed 'a stopped process'

# ---- the agent's file ----

start
REJIT_AGENT=$work/missing.so check 'the agent is missing' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: the agent TMP/missing.so is missing: No such file or directory: set REJIT_AGENT to librejit_agent.so, or unset it
EOF
echo 'no program' >"$work/text.so"
REJIT_AGENT=$work/text.so check 'the agent is no program' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: TMP/text.so is not an agent of rejit: set REJIT_AGENT to librejit_agent.so
EOF
REJIT_AGENT=$tools/golden_other.so check 'the agent is another library' 3 attach "$pid" <<'EOF'
! rejit: build/tests/golden_other.so is not an agent of rejit: set REJIT_AGENT to librejit_agent.so
EOF
sed 's/rejit-agent-version=0\.1\.0/rejit-agent-version=0.0.9/' "$build/lib/librejit_agent.so" >"$work/old.so"
REJIT_AGENT=$work/old.so check 'the agent of another version' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: the agent TMP/old.so has version 0.0.9, but this is rejit 0.1.0: install both from one package, or set REJIT_AGENT
EOF
mkdir "$work/alone"
cp "$rejit" "$work/alone/"
"$work/alone/rejit" attach "$pid" >"$work/actual" 2>&1
ok 'no agent beside the command' equal "$?" 3
same 'no agent beside the command' <<'EOF'
rejit: librejit_agent.so is missing: it is looked for in ../lib and ../lib/rejit beside the command; or set REJIT_AGENT
EOF
unharmed "the agent's file"

# ---- methods that are refused ----

start
app call Dynamic.Emit 6
app collectible "$apps/Late/Late.dll"
app invoke Late.Greeter.Square 6
late='code that can be unloaded, and it has been compiled already: only code that is compiled after the request can be instrumented'
check 'code made at run time, compiled before' 5 watch "$pid" Emitted.Code.Square <<EOF
! rejit: refused Emitted.Code.Square(int): $late
! rejit: 0 calls (refused)
EOF
check 'code made at run time: find' 0 find "$pid" Emitted.Code.Square <<EOF
CODE                IL  MODULE                       METHOD
tier-0               4  RefEmit_InMemoryManifestModule Emitted.Code.Square(int)  -- not instrumentable: $late
EOF
check 'collectible code, compiled before' 5 watch "$pid" Late.Greeter.Square --json <<EOF
{"event":"start","methods":0,"refused":[{"method":"Late.Greeter.Square(int)","reason":"$late"}]}
{"event":"end","calls":0,"dropped":0,"in_flight":0,"reason":"refused"}
EOF
begin some watch "$pid" string.get_Length Target.Work.Add 'Target.Native.GetPid' 'Target.Generics.Shape.*'
app call Work.Add 1 2
end 'what can be watched is, the rest is named with its reason' some 5 <<'EOF'
Target.Work.Add(left: 1, right: 2)
! rejit: refused System.String.get_Length(): the JIT puts its own code in the place of this method's IL: a probe in it would miss calls
! rejit: refused Target.Native.GetPid(): a P/Invoke: its body is native code
! rejit: 3 methods of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF
unharmed 'methods that are refused'

# ---- the target goes away ----

start
begin gone watch "$pid" Target.Work.Add --json
app call Work.Add 1 2
stop
await 'the target ends' gone 6 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":1,"right":2}}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"target exited"}
EOF
start
begin gone watch "$pid" Target.Work.Add
begin stat stat "$pid" Target.Work.Add --interval 60
app call Work.Add 1 2
kill -KILL "$pid"
await 'the target is killed' gone 6 <<'EOF'
Target.Work.Add(left: 1, right: 2)
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (target exited)
EOF
gather stat
ok 'stat: the target is killed' equal "$code" 6
ok 'stat: the target is killed; the last table' grep -q '^ *1 .*Target.Work.Add' "$work/stat.out"
wait "$app_job" 2>/dev/null
exec {app_in}>&- {app_out}<&-

start
begin gone watch "$pid" Protocol.Conversation.Crash 'Protocol.Conversation.Answer' --json
echo 'crash "the last words"' >&"$app_in"
gather gone
ok 'an exception that nobody catches' equal "$code" 6
# What the types of its values are called may be lost with the process, if it dies before the command has asked.
normalised <"$work/gone.out" | sed -E 's/"args":.*/VALUES/' >"$work/actual"
same 'an exception that nobody catches: the last calls are printed' <<'EOF'
{"event":"start","methods":2,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Protocol.Conversation.Crash(string)","module":"Protocol.dll","event":"throw","elapsed_ns":NS,VALUES
{"time":TIME,"pid":PID,"thread":TID,"method":"Protocol.Conversation.Answer(Words)","module":"Protocol.dll","event":"throw","elapsed_ns":NS,VALUES
{"event":"end","calls":2,"dropped":0,"in_flight":0,"reason":"target exited"}
EOF
wait "$app_job" 2>/dev/null
exec {app_in}>&- {app_out}<&-

# ---- garbage on sockets ----

start
"$rejit" attach "$pid" >"$work/out"
begin during watch "$pid" Target.Work.Add --json
head -c 100000 /dev/urandom >"$work/noise"
printf 'GET / HTTP/1.0\r\n\r\n' >"$work/web"
head -c 900000 /dev/zero >"$work/nothing"
for bytes in "$work/noise" /dev/null "$work/web" "$work/nothing"; do
    "$tools/golden_garbage" send "$work/rejit-$pid.sock" <"$bytes" >"$work/out"
done
app call Work.Add 1 2
end "garbage on the agent's socket disturbs nobody" during 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":1,"right":2}}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF
ok "the agent's socket is its user's only" equal "$(stat -c %a "$work/rejit-$pid.sock")" 600
unharmed "garbage on the agent's socket"

# serve PATH FILE: something that listens where an agent, or a runtime, would.
serve() {
    rm -f "$work/serve"
    mkfifo "$work/serve"
    "$tools/golden_garbage" serve "$1" <"$2" >"$work/serve" &
    served=$!
    read -r _ <"$work/serve"
}
start
serve "$work/rejit-$pid.sock" "$work/noise"
check 'what answers is no agent' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: what answers on TMP/rejit-PID.sock is no agent of rejit: end what listens there, remove the file and try again
EOF
kill "$served"
rm "$work/rejit-$pid.sock"
for port in "$work"/dotnet-diagnostic-"$pid"-*-socket; do
    mv "$port" "$port.real"
    serve "$port" "$work/noise"
    check 'what answers is no runtime' 3 watch "$pid" Target.Work.Add <<'EOF'
! rejit: what answers on the diagnostics port is not a .NET runtime
EOF
    kill "$served"
    mv "$port.real" "$port"
done
unharmed 'garbage for an answer'

finish
