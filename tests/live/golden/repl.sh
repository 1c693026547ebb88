#!/usr/bin/env bash
# rejit repl: lines from a pipe, then keys on a terminal of tmux.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
# shellcheck source=mux.sh
. "$(dirname "$0")/mux.sh"
start
app call Work.Add 1 2

# typed TITLE CODE LINE...: a prompt without a terminal gets the lines; what it prints must be what stands on stdin.
typed() {
    local title=$1 expected=$2
    shift 2
    printf '%s\n' "$@" | timeout -k 5 60 "$rejit" repl "$pid" >"$work/typed.out" 2>&1
    code=$?
    ok "$title: exit code $code" equal "$code" "$expected"
    normalised <"$work/typed.out" | sed -E 's/^(CODE|tier-0|tier-1) +(IL|[0-9]+) +/CODE IL  /' >"$work/actual"
    same "$title"
}

# ---- lines from a pipe ----

typed 'commands one after the other, words in quotes, a comment, an empty line' 4 \
    'find Target.Work.Add' '' '# find Target.Work.Sleep' "find 'Target.Work'.\"Add\"" jobs 'find Target.Nope.At.All' <<'EOF'
CODE IL  MODULE                       METHOD
CODE IL  Target.dll                   Target.Work.Add(int,int)
CODE IL  MODULE                       METHOD
CODE IL  Target.dll                   Target.Work.Add(int,int)
nothing runs behind the prompt
rejit: no method matches Target.Nope.At.All
EOF
typed 'the process out of habit' 0 "find $pid Target.Work.Add" <<'EOF'
CODE IL  MODULE                       METHOD
CODE IL  Target.dll                   Target.Work.Add(int,int)
EOF
typed 'slips of the pen' 2 'watch Target.Work.Add > file' 'watch "Target' 'wach Target.Work.Add' 'watch --cuont 3 x' 'fg' 'kill 7' \
    'run -- dotnet x.dll' 'repl 1' <<'EOF'
rejit: there are no pipes and redirections here: put what is one word in quotes, or use the shell
rejit: a quote is not closed
rejit: there is no verb wach; did you mean watch? (see `rejit help`)
rejit: watch: unknown option --cuont; did you mean --count? (see `rejit help watch`)
rejit: nothing runs behind the prompt
rejit: there is no job 7 (see jobs)
rejit: run is not for the prompt: use it in a shell
rejit: repl is not for the prompt: use it in a shell
EOF
typed 'the code of the last command' 0 'find Target.Nope.At.All' 'exit' 'find never' <<'EOF'
rejit: no method matches Target.Nope.At.All
EOF

# A command behind the prompt, while another one goes on; its lines are its own with fg.
mkfifo "$work/lines"
"$rejit" "$pid" <"$work/lines" >"$work/behind.out" 2>&1 &
prompt=$!
exec {lines}>"$work/lines"
say() { echo "$1" >&"$lines"; }
say 'watch Target.Work.Add --return --count 2 --json &'
say 'stat Target.Work.Add --count 1 --json'
until [ "$("$rejit" list "$pid" --json | grep -c '"event":"client".*"open":true')" = 2 ]; do sleep 0.01; done
app call Work.Add 3 4
until grep -q '"event":"end","calls":1,' "$work/behind.out"; do sleep 0.01; done
say 'fg 1'
app call Work.Add 5 6
exec {lines}>&-
wait "$prompt"
ok 'the code of what was followed' equal "$?" 0
ok 'the first call is seen behind the prompt or by fg, the second by fg' \
    equal "$(grep -c '"event":"return"' "$work/behind.out")" 2
ok 'stat has counted' grep -q '"calls":1,' "$work/behind.out"
ok 'nothing is left' equal "$("$rejit" list "$pid" | head -1)" 'nothing is instrumented'

# More lines than are kept while another command has the foreground: the last ones are shown, the others counted.
"$rejit" repl "$pid" <"$work/lines" >"$work/many.out" 2>&1 &
prompt=$!
exec {lines}>"$work/lines"
say 'watch Target.Work.Add --json &'
say 'stat Target.Work.Add --count 1 --json'
until [ "$("$rejit" list "$pid" --json | grep -c '"event":"client".*"open":true')" = 2 ]; do sleep 0.01; done
app call Work.SpinAdd
exec {lines}>&-
wait "$prompt"
left_out=$(sed -n 's/^\[1\] \.\.\. \([0-9]*\) lines are left out$/\1/p' "$work/many.out" | paste -sd+)
told=$(sed -n 's/^\[1\] {"event":"end","calls":\([0-9]*\),.*/\1/p' "$work/many.out")
ok "lines are left out: ${left_out:-none}" test -n "$left_out"
ok 'those that are shown and those that are left out are all' \
    equal "$(($(grep -c '^\[1\] {' "$work/many.out") + ${left_out:-0}))" "$((told + 2))"

# ---- on a terminal ----

export XDG_STATE_HOME=$work/state
open 100x30 "$pid"
shows 'the greeting' "^process $pid, \.NET $version; help lists the commands, Tab completes, Ctrl-D ends\$"
shows 'the prompt' "^Target $pid>\$"
text 'fi'
keys Tab
shows 'a verb is completed' "> find\$"
text 'Target.Work.Sl'
keys Tab
shows 'so is a method' '> find Target.Work.Sleep$'
text '--m'
keys Tab
shows 'and an option' '> find Target.Work.Sleep --max-methods$'
keys C-u
text 'new Target.Custo'
keys Tab
shows 'types' '> new Target.Customer$'
keys C-u
text 'watch Target.Work.S'
keys Tab
shows 'what there is to choose from' '^Target.Work.Sleep +Target.Work.SpinAdd +Target.Work.SpinAlwaysInlined'
keys C-c
shows 'Ctrl-C: the line is given up' '> watch Target.Work.S\^C$'
text 'watch Target.Work.Add --return &'
keys Enter
shows 'it begins behind the prompt' '^\[1\] rejit: 1 method of process'
text 'find Target.Work.Sle'
app call Work.Add 7 8
shows 'its line comes above the one that is typed' '^\[1\] .*Target.Work.Add\(left: 7, right: 8\) = 15$'
shows 'which is there again' '> find Target.Work.Sle$'
keys Tab Enter
shows 'and goes on' 'Target.Work.Sleep\(int\)$'
text 'top Target.Work.Add --interval 0.1'
keys Enter
shows 'a full screen in the foreground' 'METHOD$'
app call Work.Add 1 1
keys C-z q
shows 'what came meanwhile is shown after it' '^\[1\] .*Target.Work.Add\(left: 1, right: 1\) = 2$'
text 'watch Target.Work.Length'
keys Enter
shows 'a command in the foreground' '^rejit: 1 method of process'
keys C-c
shows 'Ctrl-C ends that alone' 'rejit: 0 calls \(interrupted\)$'
text 'jobs'
keys Enter
shows 'the other one goes on' '^\[1\] watch Target.Work.Add --return &$'
text 'kill'
keys Enter
shows 'until it is ended' '^\[1\] ended: watch Target.Work.Add --return &$'
keys Up Up
shows 'history' '> jobs$'
keys C-u C-d
shows 'the end' '^exit=0$'
ok 'the history is nobody else'\''s' equal "$(stat -c %a "$work/state/rejit/history")" 600

# Under a shell with job control.
"${mux[@]}" kill-server
mux=(tmux -L shell -f /dev/null)
"${mux[@]}" new-session -d -x 100 -y 30 'exec env HISTFILE= PS1="$ " bash --norc -i'
text "$rejit $pid"
keys Enter
shows 'the prompt in a shell' "^Target $pid>\$"
text 'find Target.Work.Sl'
shows 'a line' '> find Target.Work.Sl$'
keys C-z
shows 'Ctrl-Z: the prompt stands still' 'Stopped'
text 'fg'
keys Enter
shows 'and goes on' "^Target $pid> find Target.Work.Sl\$"
"${mux[@]}" resize-window -x 85 -y 30
text 'ee'
shows 'with the line that was begun, on a terminal of another size' "^Target $pid> find Target.Work.Slee\$"
text 'p'
keys Enter
shows 'which can be ended' 'Target.Work.Sleep\(int\)$'
ok 'nothing was echoed twice' test "$(grep -c '^eep' "$work/screen")" = 0
text 'exit'
keys Enter
shows 'the shell again' '^\$ *$'

open 100x30 repl "$pid"
shows 'the prompt again' "^Target $pid>\$"
keys Up
shows 'history of the time before' '> exit$'
keys C-u
text 'watch Target.Work.Add &'
keys Enter
shows 'a job' '^\[1\] rejit: 1 method of process'
stop
shows 'the process ends' '^exit=6$'
shows 'which is said' "^rejit: process $pid has ended"
finish
