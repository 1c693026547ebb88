#!/usr/bin/env bash
# rejit run: a program with the agent in it from its first instruction.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

startup=$apps/Startup/Startup.dll

# run TITLE CODE OPTION... -- ARG...: runs Startup; stdin holds what it prints, then what rejit prints.
run() {
    local title=$1 expected=$2 options=()
    shift 2
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    words[run]="${options[*]}"
    timeout -k 5 60 "$rejit" run "${options[@]}" -- "$dotnet" "$startup" "$@" >"$work/run.out" 2>"$work/run.err" </dev/null
    code=$?
    ok "$title: exit code" equal "$code" "$expected"
    { cat "$work/run.out" && normalised <"$work/run.err" | sed -E 's/"pid":[0-9]+/"pid":PID/'; } >"$work/actual"
    same "$title"
}

run 'from the first instruction: module initialiser, static constructor, Main, a late assembly' 0 \
    --watch 'Startup.Early.*' -w 'Startup.Program.*' --watch 'Late.Greeter.*' --return -- one two <<'EOF'
words 2 one two
early 1 42
late Hello, one
Startup.Early.get_Initialised() = 0
Startup.Early.set_Initialised(value: 1)
Startup.Early.Initialise()
Startup.Early.get_Initialised() = 1
Startup.Early.Answer(factor: 6) = 42
Startup.Program..cctor()
Late.Greeter.Greet(name: "one") = "Hello, one"
Startup.Program.Greeting(name: "one") = "Hello, one"
Startup.Program.Main(args: string[](2) ["one", "two"]) = 0
rejit: 9 calls (target exited)
EOF

run 'the exit code is the program'\''s; JSON' 7 --watch 'Late.*' --json -- --exit 7 one <<'EOF'
words 1 one
early 1 42
late Hello, one
{"event":"start","methods":0,"refused":[]}
{"event":"probes","methods":5}
{"time":TIME,"pid":PID,"thread":TID,"method":"Late.Greeter.Greet(string)","module":"Late.dll","event":"return","elapsed_ns":NS,"args":{"name":"one"}}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"target exited"}
EOF

run 'to a file' 0 --watch 'Late.*' --json --output "$work/calls.json" -- one <<'EOF'
words 1 one
early 1 42
late Hello, one
EOF
ok 'to a file: every line is one JSON object' is_json "$work/calls.json"
ok 'to a file: the call is there' grep -q '"method":"Late.Greeter.Greet(string)"' "$work/calls.json"
run 'to a file that cannot be made' 2 --watch 'Late.*' -o /nonexistent/calls -- one <<'EOF'
rejit: /nonexistent/calls cannot be written: No such file or directory
EOF

run 'nothing to watch: the agent is in it all the same' 3 -- --exit 3 one <<'EOF'
words 1 one
early 1 42
late Hello, one
EOF

run 'child processes are left alone' 0 --watch Startup.Program.Greeting --watch Startup.Program.RunChild -- --child one <<'EOF'
words 1 one
early 1 42
late Hello, one
words 1 from-child
early 1 42
late Hello, from-child
child 3
Startup.Program.Greeting(name: "one")
Startup.Program.RunChild()
rejit: 2 calls (target exited)
EOF
run 'child processes too' 0 --watch Startup.Program.Greeting --watch Startup.Program.RunChild --children -- --child one <<'EOF'
words 1 one
early 1 42
late Hello, one
words 1 from-child
early 1 42
late Hello, from-child
child 3
Startup.Program.Greeting(name: "one")
Startup.Program.Greeting(name: "from-child")
Startup.Program.RunChild()
rejit: 3 calls (target exited)
EOF
run 'child processes of a program that is not watched' 0 -- --child one <<'EOF'
words 1 one
early 1 42
late Hello, one
words 1 from-child
early 1 42
late Hello, from-child
child 3
EOF

run 'what watch takes, run takes' 0 --watch 'Startup.Program.*' --watch Startup.Options.Parse --throws -- one <<'EOF'
words 1 one
early 1 42
late Hello, one
rejit: 0 calls (target exited)
EOF
run '--count: the program goes on' 0 --watch 'Startup.Options.*' --count 2 --no-args -- one <<'EOF'
words 1 one
early 1 42
late Hello, one
Startup.Options..ctor(int,bool,string,List<string>)
Startup.Options.get_Words()
rejit: 2 calls (count)
EOF
run '--if' 0 --watch Startup.Early.Answer --if 'factor == 6' -- one <<'EOF'
words 1 one
early 1 42
late Hello, one
Startup.Early.Answer(factor: 6)
rejit: 1 call (target exited)
EOF

# The program's own words on stderr stand between ours.
run 'an exception that nobody catches' 134 --watch Startup.Program.Fail --watch Startup.Program.Greeting -o "$work/calls" -- \
    --throw bang one < <(
    "$dotnet" "$startup" --throw bang one 2>&1 | normalised
    echo 'rejit: 2 calls (target exited)'
)
# What the types of its values are called may be lost with the process, if it dies before the command has asked.
normalised <"$work/calls" | sed -E 's/\{string\}|"(one|bang)"/TEXT/; s/ ! .*/ ! EXCEPTION/' >"$work/actual"
same 'an exception that nobody catches: the last call' <<'EOF'
Startup.Program.Greeting(name: TEXT)
Startup.Program.Fail(message: TEXT) ! EXCEPTION
EOF

run 'a pattern that makes no sense: nothing is started' 2 --watch 'Startup.(' -- one <<'EOF'
rejit: pattern: column 8: nothing follows '.'; write Startup.* for everything in it
  Startup.(
         ^
EOF
run 'a pattern that matches nothing: no later module may' 0 --watch NoSuch.Method -- one <<'EOF'
words 1 one
early 1 42
late Hello, one
rejit: 0 calls (target exited)
EOF
check 'no such program' 127 run --watch x -- /nonexistent/program <<'EOF'
! rejit: /nonexistent/program cannot be started: No such file or directory
EOF
check 'no such program, not watched' 127 run -- /nonexistent/program <<'EOF'
! rejit: /nonexistent/program cannot be started: No such file or directory
EOF
check 'a file that is no program' 126 run --watch x -- "$startup" <<EOF
! rejit: build/apps/Startup/Startup.dll cannot be started: Permission denied
EOF
"$rejit" run --watch x -- true >"$work/run.out" 2>"$work/run.err"
ok 'a program that is none of .NET keeps its exit code' equal "$?" 0
"$rejit" run --watch x -- sh -c 'exit 9' >"$work/run.out" 2>"$work/run.err"
ok 'a program that is none of .NET keeps its exit code' equal "$?" 9

# ---- signals ----

# launch OPTION...: Target under rejit run, which is in $app_job.
launch() {
    rm -f "$work/app.in" "$work/app.out"
    mkfifo "$work/app.in" "$work/app.out"
    "$rejit" run "$@" -- "$dotnet" "$apps/Target/Target.dll" <"$work/app.in" >"$work/app.out" 2>"$work/app.err" &
    app_job=$!
    speak
}
for signal in TERM:143 INT:130 KILL:137; do
    launch --watch Target.Work.Add
    app call Work.Add 1 2
    if [ "${signal%:*}" = KILL ]; then kill -KILL "$pid"; else kill "-${signal%:*}" "$app_job"; fi
    wait "$app_job" 2>/dev/null
    ok "SIG${signal%:*} ends the program" equal "$?" "${signal#*:}"
    exec {app_in}>&- {app_out}<&-
    normalised <"$work/app.err" >"$work/actual"
    same "SIG${signal%:*}: its calls are printed" <<'EOF'
Target.Work.Add(left: 1, right: 2)
rejit: 1 call (target exited)
EOF
done

# The command is killed: the program goes on, without instrumentation.
launch --watch Target.Work.Add
app call Work.Add 1 2
kill -KILL "$app_job"
wait "$app_job" 2>/dev/null
app call Work.Add 1 2
ok 'the program outlives the command' equal "$answer" 'ok Work.Add 3'
while "$rejit" list "$pid" --json | grep -q '"event":"method"'; do :; done
check 'nothing is left in it' 0 list "$pid" <<'EOF'
nothing is instrumented

the agent holds SIZE
EOF
check 'the agent was there from the start' 0 attach "$pid" <<'EOF'
process PID, .NET VERSION: agent 0.1.0 was there already, started with the process, ready
EOF
begin later watch "$pid" Target.Work.Length --return
app call Work.Length text
end 'and serves later commands' later 0 <<'EOF'
Target.Work.Length(text: "text") = 4
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF

# Modules that load long after the start, for a command that was there before.
begin late watch "$pid" Target.Work.Add 'Late.*' --return --json
app load "$apps/Late/Late.dll"
app invoke Late.Greeter.Square 7
app invoke Late.Greeter.Stored text
end 'methods of a module that loads later' late 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"event":"probes","methods":5}
{"time":TIME,"pid":PID,"thread":TID,"method":"Late.Greeter.Square(int)","module":"Late.dll","event":"return","elapsed_ns":NS,"args":{"value":7},"return":49}
{"time":TIME,"pid":PID,"thread":TID,"method":"Late.Holder<T>..cctor()","module":"Late.dll","event":"return","elapsed_ns":NS,"args":{}}
{"time":TIME,"pid":PID,"thread":TID,"method":"Late.Holder<T>.Store(T)","module":"Late.dll","event":"return","elapsed_ns":NS,"args":{"value":"text"},"return":"String 1"}
{"time":TIME,"pid":PID,"thread":TID,"method":"Late.Holder<T>..cctor()","module":"Late.dll","event":"return","elapsed_ns":NS,"args":{}}
{"time":TIME,"pid":PID,"thread":TID,"method":"Late.Holder<T>.Store(T)","module":"Late.dll","event":"return","elapsed_ns":NS,"args":{"value":4},"return":"Int32 1"}
{"time":TIME,"pid":PID,"thread":TID,"method":"Late.Greeter.Stored(string)","module":"Late.dll","event":"return","elapsed_ns":NS,"args":{"text":"text"},"return":"String 1Int32 1"}
{"event":"end","calls":6,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF
echo exit >&"$app_in"
exec {app_in}>&- {app_out}<&-
finish
