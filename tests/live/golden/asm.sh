#!/usr/bin/env bash
# asm: the native code of each tier and version, the diff, JSON, instantiations, what has none.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# titles FILE: the lines that are no instructions, without sizes and places.
titles() { grep -v '^[-+ ] [0-9a-f]' "$1" | sed -E 's/: [0-9]+ bytes at .*(, for )/: N bytes\1/; s/: [0-9]+ bytes at .*/: N bytes/'; }

# ---- nothing is instrumented ----

check 'asm: not compiled' 0 asm "$pid" Target.Work.Add <<'EOT'
Target.Work.Add(int,int)  Target.dll ADDRESS
not compiled yet
EOT
check 'asm --json: not compiled' 0 asm "$pid" Target.Work.Add --json <<'EOT'
{"method":"Target.Work.Add(int,int)","module":"Target.dll","token":"ADDRESS","old_versions":0,"codes":[]}
EOT
check 'asm: why there is none' 0 asm "$pid" Target.Generics.Shape.Area <<'EOT'
Target.Generics.Shape.Area()  Target.dll ADDRESS
no code: abstract: it has no body; its overrides have
EOT
app call Work.Add 1 2
"$rejit" asm "$pid" Target.Work.Add >"$work/add"
sed -E -e 's/0x[0-9a-f]{8,}$/ADDRESS/; s/(0x[0-9a-f]{8})/ADDRESS/; s/^  [0-9a-f]+ /  AT /' "$work/add" | normalised >"$work/actual"
same 'asm: tier-0 code' <<'EOT'
Target.Work.Add(int,int)  Target.dll ADDRESS
original, tier-0: 28 bytes at ADDRESS
  AT  push     rbp
  AT  sub      rsp, 0x10
  AT  lea      rbp, [rsp+0x10]
  AT  mov      dword ptr [rbp-0x4], edi
  AT  mov      dword ptr [rbp-0x8], esi
  AT  mov      eax, dword ptr [rbp-0x4]
  AT  add      eax, dword ptr [rbp-0x8]
  AT  add      rsp, 0x10
  AT  pop      rbp
  AT  ret
EOT

# Called until it is at its last tier; a loop in it is compiled while it runs.
app call Work.SpinAdd x100
app settle
app call Work.SpinAdd x100
app settle
app call Work.SpinAdd x100
app settle
"$rejit" asm "$pid" Target.Work.SpinAdd >"$work/tiers"
titles "$work/tiers" | sed -E '/, OSR: /d' | normalised >"$work/actual"
same 'asm: every tier' <<'EOT'
Target.Work.SpinAdd(int)  Target.dll ADDRESS
original, tier-0: N bytes
original, tier-0 instrumented: N bytes
original, tier-1: N bytes
EOT
ok 'asm: calls have the name of the method' grep -qE '^  [0-9a-f]+  call .* // Target\.Work\.Add\(int,int\)$' "$work/tiers"
ok 'asm: code of the runtime has its library' grep -qE '^  [0-9a-f]+  call .* // libcoreclr\.so\+0x[0-9a-f]+$' "$work/tiers"
ok 'asm: everything is an instruction' equal "$(grep -c '(bad)' "$work/tiers")" 0
ok 'asm: nothing is gone' equal "$(grep -c 'freed' "$work/tiers")" 0

"$rejit" asm "$pid" 'System.String.Concat(string,string)' >"$work/r2r"
ok 'asm: precompiled code' equal "$(titles "$work/r2r" | sed -n 2p)" 'original, R2R: N bytes'
ok 'asm: calls over cells and stubs' grep -qE 'call .* // System\.[A-Za-z]+\.Memmove\(ref byte,ref byte,nuint\)$' "$work/r2r"

# Before the watch, in it, and after it.
app call Generics.Functions.Largest 1 2
app call 'Generics.Box<T>.Value' 1
begin generic watch "$pid" 'Target.Generics.Box<T>..ctor' Target.Generics.Functions.New
app call 'Generics.Box<T>.Value' 1
app call Generics.Functions.New int
"$rejit" asm "$pid" Target.Generics.Functions.Largest 'Target.Generics.Box<T>..ctor' Target.Generics.Functions.New >"$work/generic"
titles "$work/generic" | sed -E 's/version [0-9]+/version N/' | normalised >"$work/actual"
same 'asm: which instantiation' <<'EOT'
Target.Generics.Functions.Largest<T>(T,T)  Target.dll ADDRESS
original, tier-0: N bytes, for <int>
instantiations that have precompiled code alone are not listed

Target.Generics.Box<T>..ctor(T)  Target.dll ADDRESS
original, tier-0: N bytes, for Target.Generics.Box<int>
woven (version N), tier-0: N bytes, for Target.Generics.Box<int>
instantiations that have precompiled code alone are not listed

Target.Generics.Functions.New<T>()  Target.dll ADDRESS
woven (version N), tier-0: N bytes, for <__Canon>
instantiations that have precompiled code alone are not listed
EOT
kill -INT "${job[generic]}" && gather generic

# ---- what is wrong ----

check 'asm: nothing matches; the nearest names' 4 asm "$pid" Target.Wrok.Add <<'EOT'
! rejit: no method matches Target.Wrok.Add; near it: Target.Work.Add, Target.Flow.Cast, Target.Flow.IsOdd, Target.Person.get_Age, Target.Person.set_Age
EOT
check 'asm: a malformed pattern' 2 asm "$pid" 'Target.Work.Add(int' <<'EOT'
! rejit: pattern: column 16: '(' is never closed; write Type.Method(int,string)
!   Target.Work.Add(int
!                  ^
EOT
check 'asm: no pattern' 2 asm "$pid" <<'EOT'
! rejit: asm: an argument is missing: rejit asm PID PATTERN... (see `rejit help asm`)
EOT
check 'asm: no such process' 3 asm 4194304 Target.Work.Add <<'EOT'
! rejit: there is no process 4194304: `rejit ps` lists those that can be reached
EOT
check 'asm --diff without instrumentation' 0 asm "$pid" Target.Work.Length --diff <<'EOT'
Target.Work.Length(string)  Target.dll ADDRESS
not compiled yet
EOT
"$rejit" asm "$pid" 'Target.Values.*' >"$work/many" 2>"$work/many.err"
ok 'asm: twenty methods' equal "$(grep -c '^Target\.Values\.' "$work/many")" 20
ok 'asm: how to see the others' grep -qE '^rejit: 20 of [0-9]+ methods are shown' "$work/many.err"

# ---- with a probe ----

begin spin watch "$pid" Target.Work.SpinAdd --no-args
for _ in 1 2 3; do
    app call Work.SpinAdd x100
    app settle
done
"$rejit" asm "$pid" Target.Work.SpinAdd >"$work/tiers"
kill -INT "${job[spin]}"
gather spin
titles "$work/tiers" | sed -nE 's/^woven \(version [0-9]+\), ([^:]*): .*/\1/p' | sed '/^OSR$/d' >"$work/actual"
same 'asm: every tier of the woven version' <<'EOT'
tier-0
tier-0 instrumented
tier-1
EOT

begin watch watch "$pid" Target.Work.Add --return
app call Work.Add 1 2
client=$("$rejit" list "$pid" --json | sed -nE 's/.*"event":"client","id":([0-9]+),.*"name":"rejit watch".*/\1/p')
"$rejit" asm "$pid" Target.Work.Add >"$work/woven"
ok 'asm: the woven version' grep -qE '^woven \(version [0-9]+\), tier-0: [0-9]+ bytes at 0x[0-9a-f]+$' "$work/woven"
ok 'asm: the probe' grep -q "// probe of client $client\$" "$work/woven"
ok 'asm: what the probe calls' test "$(grep -cE '// probe: (enter|leave)$' "$work/woven")" = 2
"$rejit" asm "$pid" Target.Work.Add --diff >"$work/diff"
ok 'asm --diff: from' grep -qE '^--- original, tier-1: 4 bytes' "$work/diff"
ok 'asm --diff: to' grep -qE '^\+\+\+ woven \(version [0-9]+\), tier-0: ' "$work/diff"
ok 'asm --diff: what went' grep -qE '^- [0-9a-f]+  lea      eax, \[rdi\+rsi\*1\]$' "$work/diff"
ok 'asm --diff: what came' grep -qE '^\+ [0-9a-f]+  mov      rax, 0x[0-9a-f]+ +// probe: enter$' "$work/diff"
"$rejit" asm "$pid" Target.Work.Add --json >"$work/json"
ok 'asm --json: one object' is_json "$work/json"
jq -r '.codes[] | "\(.body) \(.tier) \(.version > 0) \(.size == (.insns | map(.bytes | length / 2) | add))"' "$work/json" >"$work/actual"
same 'asm --json: each piece, and its instructions are all of it' <<'EOT'
original tier-0 false true
original tier-0 instrumented false true
original tier-1 false true
woven tier-0 true true
EOT
ok 'asm --json --diff' equal "$("$rejit" asm "$pid" Target.Work.Add --diff --json | jq -r '[.original.tier, .woven.tier, (.diff | length > 40)] | join(" ")')" \
    'tier-1 tier-0 true'
ok 'asm: whoever had it inlined' test "$("$rejit" asm "$pid" Target.Work.SpinAdd | grep -cE '^(original|inliner)')" -ge 3
kill -INT "${job[watch]}" && gather watch
ok 'asm: a version that was reverted' grep -qE '^reverted \(version [0-9]+\), tier-0: ' <("$rejit" asm "$pid" Target.Work.Add)

# ---- under load, while tiers come and versions go ----

app loop Work.SpinAdd 2
for n in 1 2 3 4 5; do
    begin "churn$n" stat "$pid" 'Target.Work.*' --json --interval 60
    "$rejit" asm "$pid" 'Target.Work.*' 'List<T>.*' 'Target.Generics.*' --max-methods 500 --json >"$work/churn"
    ok 'asm --json while methods are being compiled' is_json "$work/churn"
    kill -INT "${job[churn$n]}" && gather "churn$n"
done
app stop
app call Work.Add 1 2
ok 'the program goes on' equal "$answer" 'ok Work.Add 3'
stop
ok 'the program ends as ever' equal "$code" 0
finish
