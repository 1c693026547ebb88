#!/usr/bin/env bash
# What is different on a terminal: colours, a table that refreshes in place, an end after 100 calls, questions. `script` brings
# the terminal.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# on_terminal NAME ARG...: begins rejit on a terminal; returns with its start line.
on_terminal() {
    local name=$1 line fd
    shift
    rm -f "$work/$name.pipe"
    mkfifo "$work/$name.pipe"
    : >"$work/$name.out"
    script -qefc "stty rows 40 cols 120; $(printf '%q ' exec "$rejit" "$@")" /dev/null </dev/null >"$work/$name.pipe" 2>"$work/$name.err" &
    job[$name]=$!
    exec {fd}<"$work/$name.pipe"
    while IFS= read -r line <&"$fd"; do
        echo "$line" >>"$work/$name.out"
        [[ $line == *'Ctrl-C ends'* || $line == *'"event":"start"'* ]] && break
    done
    cat <&"$fd" >>"$work/$name.out" &
    drain[$name]=$!
    exec {fd}<&-
}

# shown NAME: with \e for the escape character, and the ends of lines as files have them.
shown() {
    tr -d '\r' <"$work/$1.out" | sed -E -e 's/\x1b/\\e/g' | normalised |
        sed -E -e 's/[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}/CLOCK/' -e 's/ +[0-9.]+(ns|us|ms|s)(\\e\[0m)/ ELAPSED\2/' \
            -e 's/(\\e\[2m)  [0-9]+  (\\e\[0m)/\1  TID  \2/' -e 's/^.*\\e\[K//'
}

# ---- watch ----

on_terminal watch watch "$pid" Target.Work.Add Target.Flow.ThrowCoded Target.Values.String --return --count 3
app call Work.Add 1 2
app call Flow.ThrowCoded 7
app call Values.String control
gather watch
ok 'watch on a terminal: exit code' equal "$code" 0
shown watch >"$work/actual"
same 'watch on a terminal: colours; nothing raw of what the program holds' <<'EOF'
rejit: 3 methods of process PID; Ctrl-C ends
\e[2mCLOCK\e[0m\e[33m ELAPSED\e[0m\e[2m  TID  \e[0m\e[36mTarget.Work.Add\e[0m(left: 1, right: 2) = 3
\e[2mCLOCK\e[0m\e[33m ELAPSED\e[0m\e[2m  TID  \e[0m\e[36mTarget.Flow.ThrowCoded\e[0m(code: 7)\e[31m ! CodedException: "code 7"\e[0m
\e[2mCLOCK\e[0m\e[33m ELAPSED\e[0m\e[2m  TID  \e[0m\e[36mTarget.Values.String\e[0m(value: "tab\tnewline\nquote\"backslash\\bell\u0007nul\0end\u001b[31m") = "tab\tnewline\nquote\"backslash\\bell\u0007nul\0end\u001b[31m"
rejit: 3 calls (count)
EOF

on_terminal plain watch "$pid" Target.Work.Add
app call Work.Add 1 2 x150
gather plain
ok 'watch on a terminal ends after 100 calls' equal "$(grep -c 'Target.Work.Add' "$work/plain.out")" 100
ok 'and says so' grep -q 'rejit: 100 calls (count)' "$work/plain.out"

for setting in NO_COLOR=1 TERM=dumb; do
    export "${setting?}"
    on_terminal plain watch "$pid" Target.Work.Add --count 1
    app call Work.Add 1 2
    gather plain
    tr -d '\r' <"$work/plain.out" | grep Target >"$work/line"
    ok "no colours: $setting" test -z "$(tr -dc '\033' <"$work/line")"
    unset NO_COLOR
    export TERM=xterm
done
on_terminal plain watch "$pid" Target.Work.Add --count 1 --json
app call Work.Add 1 2
gather plain
ok 'no colours in JSON' test -z "$(grep '"method"' "$work/plain.out" | tr -dc '\033')"

# ---- stat ----

on_terminal stat stat "$pid" Target.Work.Add Target.Work.Length --interval 0.05 --count 20
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do app call Work.Sleep 20 && app call Work.Add 1 2; done
gather stat
ok 'stat on a terminal: exit code' equal "$code" 0
ok 'stat refreshes its table in place' grep -qP '\x1b\[[0-9]+A\x1b\[J' "$work/stat.out"
ok 'stat leaves its last table' test "$(tail -5 "$work/stat.out" | grep -c 'Target.Work.Add')" = 1

# ---- trace ----

on_terminal trace trace "$pid" Target.Work.CallerTwo --count 1
app call Work.CallerTwo
gather trace
ok 'trace on a terminal: the slowest call is marked' grep -qP '\x1b\[1m\x1b\[33m .*\x1b\[1mTarget\.Work\.Callee\(int\)\x1b\[0m' "$work/trace.out"

# ---- stack ----

on_terminal stack stack "$pid" Target.Work.Callee --count 1
app call Work.CallerOne
gather stack
ok 'stack on a terminal' grep -q 'called by' "$work/stack.out"
ok 'stack on a terminal: without the folders that all files share' grep -qP 'CallerOne\(int\)  \x1b\[2mTarget/Work\.cs:[0-9]+\x1b\[0m' "$work/stack.out"

# ---- revert --all asks ----

begin victim watch "$pid" Target.Work.Add
echo n | script -qec "$rejit revert $pid --all" /dev/null >"$work/asked" 2>&1
ok 'revert --all: no' equal "$?" 2
ok 'revert --all asks' grep -q "Take everybody's instrumentation away? \[y/N\]" "$work/asked"
ok 'revert --all: nothing was taken away' test "$("$rejit" list "$pid" --json | grep -c '"event":"method"')" = 1
echo y | script -qec "$rejit revert $pid --all" /dev/null >"$work/asked" 2>&1
ok 'revert --all: yes' equal "$?" 0
ok 'revert --all: it was taken away' grep -q '1 method reverted' "$work/asked"
kill -INT "${job[victim]}"
gather victim

# ---- others ----

script -qec "$rejit doctor $pid" /dev/null </dev/null >"$work/doctor"
ok 'doctor has colours on a terminal' grep -qP '^\x1b\[32mok ' "$work/doctor"
NO_COLOR=1 script -qec "$rejit doctor $pid" /dev/null </dev/null >"$work/doctor"
ok 'doctor: NO_COLOR' test -z "$(tr -dc '\033' <"$work/doctor")"
script -qec "stty rows 40 cols 100; $rejit ps" /dev/null </dev/null >"$work/ps"
ok 'ps fits the terminal' test "$(tr -d '\r' <"$work/ps" | awk '{ if (length > m) m = length } END { print m }')" -le 100

# Ctrl-C as a terminal sends it: to the whole group.
on_terminal interrupted watch "$pid" Target.Work.Add
app call Work.Add 1 2
kill -INT "$(child_of "${job[interrupted]}")"
gather interrupted
ok 'Ctrl-C ends a verb cleanly' grep -q 'rejit: 1 call (interrupted)' "$work/interrupted.out"
ok 'Ctrl-C: exit code' equal "$code" 0
stop
finish
