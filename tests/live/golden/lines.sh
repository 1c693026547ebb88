#!/usr/bin/env bash
# Files and lines of stack: where the PDB lies, and what is said where none is or the wrong one.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
built=$apps

# line FILE MARK: the line of a source file of the programs that holds the mark.
line() { grep -nF "$2" "$root/tests/apps/$1" | cut -d: -f1; }

# copied NAME: starts a copy of a program, whose files may be changed.
copied() {
    rm -rf "$work/apps"
    mkdir "$work/apps"
    cp -r "$built/$1" "$work/apps/"
    apps=$work/apps
}

# ---- beside the assembly ----

start
one=$(line Target/Work.cs 'int CallerOne(') two=$(line Target/Work.cs 'int CallerTwo(')
call_one=$(line Target/Driver/WorkScenarios.cs '"Work.CallerOne"') call_two=$(line Target/Driver/WorkScenarios.cs '"Work.CallerTwo"')
run=$(line Protocol/Scenario.cs 'var result = run(') call=$(line Protocol/Conversation.cs 'scenario.Run(')
begin stack stack "$pid" Target.Work.Callee
app call Work.CallerOne
app call Work.CallerTwo x3
kill -INT "${job[stack]}"
gather stack
sed -i -E 's|/[^ "]*/tests/apps/|APPS/|g' "$work/stack.out"
head -4 "$work/stack.out" >"$work/actual"
same 'a line for each frame' <<EOF
Target.Work.Callee(int)  7 calls, called by
           6  85.7%   Target.Work.CallerTwo(int)  APPS/Target/Work.cs:$two
                      Driver.WorkScenarios+<>c.<Callers>b__5_1(Words)  APPS/Target/Driver/WorkScenarios.cs:$call_two
                      Protocol.Scenario.Run(Words)  APPS/Protocol/Scenario.cs:$run
EOF
ok 'the other caller' grep -qF "Target.Work.CallerOne(int)  APPS/Target/Work.cs:$one" "$work/stack.out"
ok 'the other lambda' grep -qF "b__5_0(Words)  APPS/Target/Driver/WorkScenarios.cs:$call_one" "$work/stack.out"
ok 'every frame has a line' test "$(grep -c ':[0-9]*$' "$work/stack.out")" = "$(($(wc -l <"$work/stack.out") - 1))"
ok 'nothing is said' test "$(wc -l <"$work/stack.err")" = 2

begin stack stack "$pid" Target.Work.Callee --json --count 1
app call Work.CallerOne
gather stack
ok 'json: every line is one JSON object' is_json "$work/stack.out"
sed -E 's|/[^ "]*/tests/apps/|APPS/|g; s/,\{"file":"APPS\/Protocol\/Conversation.*/.../' "$work/stack.out" | normalised | sed -n 2p >"$work/actual"
same 'json' <<EOF
{"event":"stack","pid":PID,"method":"Target.Work.Callee(int)","count":1,"frames":["Target.Work.CallerOne(int)","Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)","Protocol.Scenario.Run(Words)","Protocol.Conversation.Call(Words)","Protocol.Conversation.Answer(Words)","Protocol.Conversation.Run()","Program.<Main>\$(string[])"],"places":[{"file":"APPS/Target/Work.cs","line":$one},{"file":"APPS/Target/Driver/WorkScenarios.cs","line":$call_one},{"file":"APPS/Protocol/Scenario.cs","line":$run}...
EOF
ok 'json: lines of the conversation' grep -qF "Conversation.cs\",\"line\":$call}" "$work/stack.out"
check 'a PDB that is not there' 2 stack "$pid" Target.Work.Callee --pdb /nonexistent <<'EOF'
! rejit: there are no PDBs at /nonexistent: No such file or directory
EOF
stop

# ---- missing, elsewhere, of another build ----

# called OPTION...: what the callers of Callee are.
called() {
    begin stack stack "$pid" Target.Work.Callee --count 1 "$@"
    app call Work.CallerOne
    gather stack
    { sed -E 's|/[^ "]*/tests/apps/|APPS/|g' "$work/stack.out" | sed -n 2,3p && sed 1d "$work/stack.err"; } | normalised >"$work/actual"
}

copied Target
mkdir "$work/pdbs"
mv "$work"/apps/Target/*.pdb "$work/pdbs"
start
called
same 'no PDB' <<'EOF'
           1 100.0% Target.Work.CallerOne(int)
                    Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)
rejit: no PDB was found for Target.dll, Protocol.dll: their frames have no lines (--pdb PATH says where to look)
rejit: 1 call (count)
EOF
called --no-lines
same 'no lines: nothing is said' <<'EOF'
           1 100.0% Target.Work.CallerOne(int)
                    Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)
rejit: 1 call (count)
EOF
called --pdb "$work/pdbs"
same 'a folder of PDBs' <<EOF
           1 100.0% Target.Work.CallerOne(int)  APPS/Target/Work.cs:$one
                    Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)  APPS/Target/Driver/WorkScenarios.cs:$call_one
rejit: 1 call (count)
EOF
mv "$work/pdbs/Target.pdb" "$work/shop.symbols"
called --pdb "$work/shop.symbols"
same 'one PDB' <<EOF
           1 100.0% Target.Work.CallerOne(int)  APPS/Target/Work.cs:$one
                    Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)  APPS/Target/Driver/WorkScenarios.cs:$call_one
rejit: no PDB was found for Protocol.dll: their frames have no lines (--pdb PATH says where to look)
rejit: 1 call (count)
EOF
cp "$work/pdbs/Protocol.pdb" "$work/apps/Target/Target.pdb"
called --pdb "$work/pdbs"
same 'a PDB of another build' <<'EOF'
           1 100.0% Target.Work.CallerOne(int)
                    Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)
rejit: frames of Target.dll have no lines: TMP/apps/Target/Target.pdb is of another build than its assembly: deploy the two together
rejit: 1 call (count)
EOF
head -c 100 "$work/shop.symbols" >"$work/apps/Target/Target.pdb"
called --pdb "$work/pdbs"
sed -i -E 's/(Target.pdb: ).*/\1DAMAGED/' "$work/actual"
same 'a damaged PDB' <<'EOF'
           1 100.0% Target.Work.CallerOne(int)
                    Driver.WorkScenarios+<>c.<Callers>b__5_0(Words)
rejit: frames of Target.dll have no lines: TMP/apps/Target/Target.pdb: DAMAGED
rejit: 1 call (count)
EOF
stop

# ---- embedded; replaced since; frames of the shared framework ----

copied DebuggeeDebug
start DebuggeeDebug
# marked: the callers of Mark in files of its own.
marked() {
    begin stack stack "$pid" Debuggee.Traces.Mark --count 1
    app call Traces.Handled
    gather stack
    { sed -E 's|/[^ "]*/tests/apps/|APPS/|g' "$work/stack.out" | sed -n 2,3p && sed 1d "$work/stack.err"; } | normalised >"$work/actual"
}
marked
same 'embedded' <<EOF
           1 100.0% Debuggee.Traces.Finally()  APPS/Debuggee/Traces.cs:$(line Debuggee/Traces.cs handled-finally)
                    Debuggee.Traces.Handled(int)  APPS/Debuggee/Traces.cs:$(line Debuggee/Traces.cs handled-catch)
rejit: 1 call (count)
EOF
begin stack stack "$pid" Debuggee.Traces.Mark --count 1 --json
app call Traces.Deep
gather stack
ok 'the shared framework has no PDBs' grep -qF 'rejit: no PDB was found for System.Private.CoreLib.dll: their frames have no lines' "$work/stack.err"
ok 'nor have its frames places' grep -qE '"places":\[\{"file":"[^"]*Traces.cs","line":[0-9]+\},\{\},' "$work/stack.out"
cp "$work/apps/DebuggeeDebug/Protocol.dll" "$work/other"
mv "$work/other" "$work/apps/DebuggeeDebug/DebuggeeDebug.dll"
marked
same 'replaced since' <<'EOF'
           1 100.0% Debuggee.Traces.Finally()
                    Debuggee.Traces.Handled(int)
rejit: frames of DebuggeeDebug.dll have no lines: TMP/apps/DebuggeeDebug/DebuggeeDebug.dll is of another build than the one that runs: it has been replaced since
rejit: 1 call (count)
EOF
stop
finish
