#!/usr/bin/env bash
# rejit line: what arguments and variables are, each time that a call comes to a line.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

sources=$root/tests/apps/Target

# at FILE TEXT: the place of the line that holds the text.
at() { echo "$1:$(grep -nF -- "$2" "$sources/$1" | head -1 | cut -d: -f1)"; }

# values NAME: line, this, arguments and variables of each event, one a line.
values() {
    jq -r 'select(.event == "line") |
        [.line // .il_offset, (.this | if . then {this: .} else empty end), (.args // empty), (.locals // empty), (.text // empty)] |
        map(tojson) | join(" ")' "$work/$1.out"
}

# lines TITLE COMMAND ARG...: what `rejit line PID ARG...` sees of that; expected on stdin.
lines() {
    local title=$1 command=$2
    shift 2
    begin lines line "$pid" --json "$@"
    app "$command"
    ok "$title: the program goes on as ever" test "${answer%% *}" != error
    kill -INT "${job[lines]}"
    gather lines
    ok "$title: every line is one JSON object" is_json "$work/lines.out"
    ok "$title: all are counted" equal "$(tail -1 "$work/lines.out" | jq -c '[.calls, .dropped, .in_flight]')" \
        "[$(grep -c '"event":"line"' "$work/lines.out"),0,0]"
    values lines | sed "s/^$(cut -d: -f2 <<<"$1") /L /" >"$work/actual"
    same "$title"
}

lines 'arguments' 'call Flow.Finally x2' "$(at Flow.cs 'result += 10;')" <<'EOF'
L {"value":1}
L {"value":1}
EOF
lines 'and variables' 'call Flow.Finally' "$(at Flow.cs 'result += 10;')" --locals <<'EOF'
L {"value":1} {"result":2}
EOF
lines 'variables alone' 'call Flow.Finally' "$(at Flow.cs 'result += 10;')" --no-args -l <<'EOF'
L {"result":2}
EOF
lines 'a handler of exceptions' 'call Flow.ThrowNested' "$(at Flow.cs 'new AggregateException("outer", error)')" <<'EOF'
L {"message":"inner"}
EOF
lines 'an iterator: its variables are fields' 'call Sequences.CountTo' "$(at Sequences.cs 'yield return i;')" -l <<'EOF'
L {"last":3} {"i":1}
L {"last":3} {"i":2}
L {"last":3} {"i":3}
EOF
lines 'an async method, behind its await' 'call Sequences.AddAsync' "$(at Sequences.cs 'return left + right;')" -l <<'EOF'
L {"left":2,"right":3}
EOF
lines 'what a lambda looks at' 'call Sequences.Lambda' "$(at Sequences.cs 'return addOne(addValue(value));')" -l <<'EOF'
L {"value":4} {"addValue":{"$type":"System.Func<int,int>"}}
EOF
lines 'before it is there' 'call Sequences.Lambda' "$(at Sequences.cs 'Func<int, int> addValue')" -l <<'EOF'
L {"value":4} {"addValue":null}
EOF
lines 'within a lambda' 'call Sequences.Lambda' 'Sequences+*.<Lambda>b__1' -l <<'EOF'
0 {"number":4} {"value":4}
EOF
finally=$(at Flow.cs 'result += 10;' | cut -d: -f2)
lines 'a line that begins nothing' 'call Flow.Finally' "Flow.cs:$((finally - 1))" --locals <<EOF
$finally {"value":1} {"result":2}
EOF
lines 'by offset' 'call Work.Add x2' 'Work.Add+IL_0002' <<'EOF'
2 {"left":1,"right":2}
2 {"left":1,"right":2}
EOF
lines 'a condition on an argument' 'call Work.SpinAdd' "$(at Work.cs 'sum += Add(i, 1);')" --if 'i < 2 || locals.sum == 10' -l <<'EOF'
L {"times":10000} {"i":0,"sum":0}
L {"times":10000} {"i":1,"sum":1}
L {"times":10000} {"i":4,"sum":10}
EOF
lines 'two variables' 'call Work.SpinAdd' "$(at Work.cs 'sum += Add(i, 1);')" --if 'locals.sum <= i && i < times' -l <<'EOF'
L {"times":10000} {"i":0,"sum":0}
L {"times":10000} {"i":1,"sum":1}
EOF
lines 'text' 'call Flow.Finally' "$(at Flow.cs 'result += 10;')" --print '{value} gives {result}, {nothing} \{\}' <<'EOF'
L {"value":1} {"result":2} "1 gives 2, ? {}"
EOF

# ---- on a terminal, and what cannot be ----

begin text line "$pid" "$(at Flow.cs 'result += 10;')" -l -n 1
app call Flow.Finally
await 'as text' text 0 <<EOF
Flow.cs:$finally  value: 1  result: 2
! rejit: Flow.cs:$finally: result += 10;
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 event (count)
EOF
check 'no such file' 4 line "$pid" Nowhere.cs:3 --duration 1 <<'EOF'
! rejit: no assembly that is loaded was compiled from a file Nowhere.cs, as far as its PDB tells
EOF
check 'behind the last line' 4 line "$pid" Flow.cs:9999 <<EOF
! rejit: no statement of Flow.cs begins at line 9999 or behind it; the last is at line 260
EOF
check 'no such method' 4 line "$pid" Flow.Finaly+IL_0003 <<'EOF'
! rejit: no method matches Flow.Finaly+IL_0003; near it: Target.Flow.Finally, Target.Flow.get_Finallys, Target.Flow.Filter, Target.Flow.Cast, Target.Flow.Using
EOF
check 'within an instruction' 5 line "$pid" Work.Length+IL_0003 <<'EOF'
! rejit: refused Target.Work.Length(string): no instruction begins at IL_0003
! rejit: Work.Length+IL_0003
! rejit: 0 events (refused)
EOF
check 'no offset' 2 line "$pid" Work.Length+IL_0003x <<'EOF'
! rejit: 'Work.Length+IL_0003x' names no offset; write Type.Method+IL_0012
EOF
check 'no such name' 2 line "$pid" "$(at Flow.cs 'result += 10;')" --if 'results > 1' <<'EOF'
! rejit: condition: column 1: no argument 'results'; Target.Flow.Finally has value, result
!   results > 1
!   ^
EOF
app call Dynamic.Match abx12
begin dynamic line "$pid" '<dynamic>.Regex*_Scan' --json
gather dynamic
ok 'dynamic methods have no lines' equal "$code $(head -1 "$work/dynamic.out" | jq -c '[.methods, (.refused[].reason)]')" \
    '5 [0,"a dynamic method has no lines: watch it instead"]'
check 'a brace alone' 2 line "$pid" Flow.cs:3 --print 'a } b' <<'EOF'
! rejit: --print: a brace without its counterpart at column 3; write {order.Total}, and \{ for a brace
EOF
# ---- before each instruction of every method: what the program says stays the same ----

# everything: what every scenario answers.
everything() {
    local name
    for name in "${names[@]}"; do
        case $name in
        Work.Block | Work.Sleep | Work.Busy | Mortal.Finalised) ;; # what takes long, or depends on the collector
        *)
            app call "$name"
            echo "$answer"
            ;;
        esac
    done
}

app names
read -ra names <<<"${answer#ok }"
everything >"$work/plain"
everything >"$work/again"
places=()
for ((i = 0; i < 64; i++)); do places+=("Target.*+IL_$(printf %04x "$i")"); done
begin every line "$pid" "${places[@]}" --json --this --depth 1 --max-methods 1000000
ok 'thousands of places' test "$(head -1 "$work/every.out" | jq .methods)" -gt 2000
everything >"$work/actual"
kill -INT "${job[every]}"
gather every
ok 'they were reached' test "$(tail -1 "$work/every.out" | jq '.calls + .dropped')" -gt 10000
comm -12 <(sort "$work/plain") <(sort "$work/again") >"$work/steady"
sort "$work/actual" | comm -12 - "$work/steady" >"$work/same" && mv "$work/same" "$work/actual"
ok 'most answers are always the same' test "$(wc -l <"$work/steady")" -gt 150
same 'no answer has changed' <"$work/steady"

stop
finish
