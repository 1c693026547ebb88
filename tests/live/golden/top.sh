#!/usr/bin/env bash
# rejit top on a terminal of tmux: keys are sent to it, and what its screen comes to show is waited for. The program makes no
# call but those that are told here, so that what is counted is exact.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
# shellcheck source=mux.sh
. "$(dirname "$0")/mux.sh"

# clients: how many sessions have methods of the program.
clients() { "$rejit" list "$pid" --json | grep -c '"event":"client"'; }

# closed TITLE CODE: it has ended, on the screen from before.
closed() {
    shows "$1: its exit code, the terminal as it was" "^exit=$2\$"
    ok "$1: what stood on the screen before" grep -q '^before$' "$work/screen"
    ok "$1: the cursor is back" equal "$("${mux[@]}" display-message -p '#{alternate_on} #{cursor_flag}')" '0 1'
}

nothing_left() { [[ $("$rejit" list "$pid") == 'nothing is instrumented'* ]]; }

start

# ---- the list ----

open 80x24 top "$pid" Target.Work.Callee Target.Work.CallerOne Target.Flow.ThrowCoded Target.Values.String --interval 0.1 --budget off
shows 'the methods are there' '^4 methods, 0 refused, 0 dropped  by time$'
app call Flow.ThrowCoded 7 x5
app call Work.CallerOne x40
shows 'errors are counted' '  5 .* Target.Flow.ThrowCoded$'
shows 'nothing is called any more' '^ +0 +0( +[0-9.]+(ns|us|ms|s)){4} +0\.0  Target.Work.CallerOne$'
sed -E "s/up [0-9a-z]+/up AGE/; s/ +[0-9.]+(ns|us|ms|s)\\b/ TIME/g; s/$pid/PID/; s/$version/VERSION/" "$work/screen" |
    sort >"$work/actual"
same 'the list in 80x24' <<'END'
















        0       0       -       -       -       -    0.0  Target.Values.String
        0       0 TIME TIME TIME TIME    0.0  Target.Work.Callee
        0       0 TIME TIME TIME TIME    0.0  Target.Work.CallerOne
        0       5 TIME TIME TIME TIME    0.0  Target.Flow.ThrowCoded
  CALLS/S  ERRORS    MEAN     P50     P99     MAX TIME%▾  METHOD
4 methods added
4 methods, 0 refused, 0 dropped  by time
Target  pid PID  up AGE  .NET VERSION
END
app loop Work.CallerOne 1
shows 'calls a second, and the share of the time' '^ +[0-9.,]+[kM]? +0( +[0-9.]+(ns|us|ms|s)){4} +[0-9.]+  Target.Work.CallerOne$'
app stop

# ---- order and filter ----

keys s
shows 'by name' 'by method$'
shows 'by name: the first' 'Target.Flow.ThrowCoded$' 4
shows 'by name: the last' 'Target.Work.CallerOne$' 7
keys r
shows 'the other way round' 'by method, reversed$'
shows 'the other way round: the first' 'Target.Work.CallerOne$' 4
keys '>' '>'
shows 'by errors' 'by errors$'
shows 'by errors: the first' ' 5 .*Target.Flow.ThrowCoded$' 4
keys '<'
shows 'the key before' 'by calls/s$'
keys /
text CALLE
shows 'a filter, in any case' 'filter: CALLE \(2\)$'
lacks 'others are not shown' 'ThrowCoded'
keys BSpace BSpace BSpace BSpace BSpace
text öx
keys BSpace
shows 'characters beyond ASCII are typed, and taken back' '^names with: ö'
keys BSpace
text throw
keys Enter
shows 'the filter stays' 'filter: throw \(1\)$'

# ---- one method ----

keys Enter
shows 'its times' '^5 calls, 5 errors, mean [0-9.]+.s, p50 '
ok 'a histogram' grep -qE '\|#+ *\| +[1-5]  +[0-9.]+ %$' "$work/screen"
keys 4
shows 'the calls: its probe is in place' '^waits for the next call$'
ok 'the calls: a session of its own' equal "$(clients)" 2
app call Flow.ThrowCoded 8
shows 'the calls' 'Target.Flow.ThrowCoded\(code: 8\) ! CodedException'
keys Escape
shows 'back to the list' '^ +CALLS/S'
ok 'its probe has gone' equal "$(clients)" 1
keys Escape
shows 'without a filter' 'by calls/s$'
keys /
text callee
keys Enter Enter 2
shows 'the callers: its probe is in place' '^waits for the next call$'
app call Work.CallerOne x3
shows 'the callers' '^ +[1-9][0-9]* 100.0% Target.Work.CallerOne\(int\)  .*Work.cs:[0-9]+$'
keys Left
shows 'back again' 'filter: callee \(1\)$'
keys / C-u
text callerone
keys Enter Enter Tab Tab
shows 'the callees: its probe is in place' '^ 1 Times   2 Callers  \[3 Callees\]  4 Calls$'
shows 'the callees: nothing yet' '^waits for the next call$'
app call Work.CallerOne
shows 'the callees' '└─ |├─ Target.Work.Callee\(int\)'
keys q
shows 'q goes back as well' 'filter: callerone \(1\)$'
keys / C-u
text 'values.string'
keys Enter Enter 4
shows 'control characters: the probe is in place' '^waits for the next call$'
app call Values.String control
shows 'a long line is cut' '…$'
keys '>' '>' '>'
shows 'control characters stay what they are' 'quote.*bell\\u0007nul\\0end'
ok 'one call is one line' equal "$(sed -n '4,23p' "$work/screen" | grep -c .)" 1
keys '<' '<' '<'
shows 'back to the left' 'Target.Values.String\(value: '
keys Escape

# ---- probes on and off ----

keys / C-u
text throw
keys Enter
shows 'six so far' '^ +0 +6 .*ThrowCoded$'
keys Space
shows 'switched off' '^ +off +6 .*ThrowCoded$'
app call Flow.ThrowCoded 7 x10
keys Space
shows 'switched on' '^ +0 +6 .*ThrowCoded$'
app call Flow.ThrowCoded 7
shows 'what was called meanwhile is not counted' ' 7 .*ThrowCoded$'
text -
shows 'removed' '^3 methods, .*\(0\)$'
ok 'removed from the program too' equal "$("$rejit" list "$pid" --json | grep -c '"event":"method"')" 3
keys +
text 'Target.Work.C*e'
keys Enter
shows 'a pattern more: what is there is not counted twice' '^4 methods, '
ok 'and says so' grep -qE '^[0-9]+ methods? added, 2 were there already$' "$work/screen"
keys +
text 'Target.Nope'
keys Enter
shows 'a pattern that matches nothing' '^no method matches Target.Nope'
shows 'it can be typed again' '^pattern to add: Target.Nope$'
keys C-u
text 'Target.('
keys Enter
shows 'a malformed pattern' "^pattern to add: Target.\\(\$"
shows 'a malformed pattern is told' "^column 7: nothing follows '.'" 23
keys Escape Escape
shows 'the keys again' '^q quit  \? help'

# ---- the screen ----

keys p
shows 'paused' '^PAUSED  4 methods'
keys p
lacks 'goes on' 'PAUSED'
keys '?'
shows 'help' 'switch its probe off, and on$'
keys '!'
keys Escape '!'
shows 'refusals' '^Nothing was refused.$'
keys Escape
"${mux[@]}" resize-window -x 40 -y 12
shows '40x12' '^ CALLS/S▾     P99  TIME%  METHOD$'
ok '40x12: nothing is wider' test "$(wc -L <"$work/screen")" -le 40
"${mux[@]}" resize-window -x 39 -y 12
shows 'too small' '^39x12 is too small: 40x10$'
"${mux[@]}" resize-window -x 80 -y 24
shows '80x24 again' '^ CALLS/S▾  ERRORS    MEAN     P50     P99     MAX'
keys q
closed quit 0
ok 'quit: nothing is left' nothing_left

# ---- other ends ----

open 80x24 top "$pid" Target.Work.Add
shows 'Ctrl-C: it is there' '^1 method, '
keys Enter 4
shows 'Ctrl-C: with a probe more' '^waits for the next call$'
keys C-c
closed 'Ctrl-C' 0
ok 'Ctrl-C: nothing is left' nothing_left

open 80x24 NO_COLOR=1 top "$pid" Target.Work.Add
shows 'NO_COLOR: it is there' '^1 method, '
app call Work.Add 1 2
shows 'NO_COLOR: called' '[0-9][num]s .*Target.Work.Add$'
screen -e | tr -d '\n' >"$work/coloured"
ok 'NO_COLOR: no colours' test -z "$(grep -oP '\x1b\[[0-9;]*3[0-7][0-9;]*m' "$work/coloured")"
keys q
closed NO_COLOR 0

open 80x24 top "$pid" --max-methods 9000
shows 'no pattern: the own methods of the program' '^[1-9][0-9]+ methods, [1-9][0-9]* refused'
keys '!'
shows 'what was refused, and why' '^Target\.[^ ]*: [^ ]' 4
keys Escape
keys q
closed 'no pattern' 0
open 80x24 top "$pid" --max-methods 5
shows 'no pattern, and too many methods: asks for one' '^pattern to add:'
shows 'no pattern, and too many methods: says so' '^[0-9]+ methods match, more than the 5 ' 23
text Target.Work.Add
keys Enter
shows 'no pattern: one is given' '^1 method, '
keys q
closed 'a pattern that was given later' 0

open 80x24 LC_ALL=C top "$pid" Target.Work.Add
shows 'another locale: UTF-8 all the same' 'TIME%▾  METHOD$'
keys q
closed 'another locale' 0

open 80x24 top "$pid" Target.Work.Callee --interval 0.5 --budget 0.1%
shows 'a budget: it is there' '^1 method, 0 refused, 0 dropped  by time$'
app loop Work.CallerOne 1
shows 'a budget is reached: which part was measured' '^1 method, 0 refused, 0 dropped, measured [0-9]+ %  by time$'
shows 'a budget is reached: it is told' "^the budget of 0.1 % of the threads' time was reached"
app stop
keys q
closed 'a budget' 0

begin other watch "$pid" Target.Work.Length
open 80x24 top "$pid" Target.Work.Add
shows 'beside another command' '^1 method, '
"$rejit" revert "$pid" --all --yes >"$work/reverted"
shows 'somebody takes all away, and it is told' '^1 method was taken away: reverted by rejit revert'
keys q
closed 'beside another command' 0
kill -INT "${job[other]}"
gather other

check 'no terminal' 2 top "$pid" Target.Work.Add <<'END'
! rejit: top needs a terminal; `rejit stat` prints the same figures anywhere
END
open 80x24 TERM=nonesuch top "$pid" Target.Work.Add
shows 'an unknown terminal' '^rejit: the terminal that TERM names is not known on this machine: `rejit stat` p'
shows 'an unknown terminal: exit code' '^exit=2$'
open 80x24 TERM=dumb top "$pid" Target.Work.Add
shows 'a terminal without a cursor' '^rejit: the terminal that TERM names cannot move its cursor: `rejit stat` '
shows 'a terminal without a cursor: exit code' '^exit=2$'
open 80x24 top "$pid" Target.Nope
shows 'nothing matches' '^rejit: no method matches Target.Nope'
shows 'nothing matches: exit code' '^exit=4$'

open 80x24 top "$pid" Target.Work.Add
shows 'the end of the program: it is there' '^1 method, '
stop
closed 'the end of the program' 6
ok 'the end of the program is told' grep -q "^rejit: process $pid has ended\$" "$work/screen"
finish
