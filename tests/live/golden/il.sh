#!/usr/bin/env bash
# il: a method's IL as it was and as it is, the diff, whose the parts are, JSON, what has none.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# ---- nothing is instrumented ----

check 'il: names of tokens, arguments, locals' 0 il "$pid" Target.Flow.ThrowCoded Target.Flow.ThrowNested <<'EOT'
Target.Flow.ThrowCoded(int)  Target.dll ADDRESS
original: 43 bytes of IL, stack 4
  locals, zeroed:
     0  DefaultInterpolatedStringHandler
  IL_0000  ldarg.0                         // code
  IL_0001  ldloca.s     0                  // DefaultInterpolatedStringHandler
  IL_0003  ldc.i4.5
  IL_0004  ldc.i4.1
  IL_0005  call         void System.Runtime.CompilerServices.DefaultInterpolatedStringHandler::.ctor(int,int)
  IL_000a  ldloca.s     0                  // DefaultInterpolatedStringHandler
  IL_000c  ldstr        "code "
  IL_0011  call         void System.Runtime.CompilerServices.DefaultInterpolatedStringHandler::AppendLiteral(string)
  IL_0016  ldloca.s     0                  // DefaultInterpolatedStringHandler
  IL_0018  ldarg.0                         // code
  IL_0019  call         void System.Runtime.CompilerServices.DefaultInterpolatedStringHandler::AppendFormatted<int>(!!0)
  IL_001e  ldloca.s     0                  // DefaultInterpolatedStringHandler
  IL_0020  call         string System.Runtime.CompilerServices.DefaultInterpolatedStringHandler::ToStringAndClear()
  IL_0025  newobj       void Target.CodedException::.ctor(int,string)
  IL_002a  throw

Target.Flow.ThrowNested(string)  Target.dll ADDRESS
original: 23 bytes of IL, stack 2
  locals, zeroed:
     0  Exception
  IL_0000  ldarg.0                         // message
  IL_0001  call         int Target.Flow::Throw(string)
  IL_0006  pop
  IL_0007  leave.s      IL_0016
  IL_0009  stloc.0                         // Exception
  IL_000a  ldstr        "outer"
  IL_000f  ldloc.0                         // Exception
  IL_0010  newobj       void System.AggregateException::.ctor(string,Exception)
  IL_0015  throw
  IL_0016  ret
  exception regions:
    try IL_0000 to IL_0009, catch System.Exception IL_0009 to IL_0016
EOT
check 'il --diff without instrumentation' 0 il "$pid" Target.Work.Add --diff <<'EOT'
Target.Work.Add(int,int)  Target.dll ADDRESS
it is not instrumented: nothing differs
EOT
check 'il: why there is none' 0 il "$pid" Target.Generics.Shape.Area Target.Native.GetPid <<'EOT'
Target.Generics.Shape.Area()  Target.dll ADDRESS
no IL: abstract: it has no body; its overrides have

Target.Native.GetPid()  Target.dll ADDRESS
no IL: a P/Invoke: its body is native code
EOT
check 'il --json' 0 il "$pid" Target.Work.Add Target.Generics.Shape.Area --json <<'EOT'
{"method":"Target.Work.Add(int,int)","module":"Target.dll","token":"ADDRESS","instrumented":false,"original":{"il_size":4,"max_stack":8,"init_locals":false,"locals":[],"insns":[{"offset":0,"op":"ldarg.0","comment":"left"},{"offset":1,"op":"ldarg.1","comment":"right"},{"offset":2,"op":"add"},{"offset":3,"op":"ret"}],"regions":[]}}
{"method":"Target.Generics.Shape.Area()","module":"Target.dll","token":"ADDRESS","reason":"abstract: it has no body; its overrides have","instrumented":false}
EOT

# ---- what is wrong ----

check 'il: nothing matches; the nearest names' 4 il "$pid" Target.Wrok.Add <<'EOT'
! rejit: no method matches Target.Wrok.Add; near it: Target.Work.Add, Target.Flow.Cast, Target.Flow.IsOdd, Target.Person.get_Age, Target.Person.set_Age
EOT
check 'il: nothing matches, as JSON' 4 il "$pid" Target.Work.Ad --json <<'EOT'
! rejit: no method matches Target.Work.Ad; near it: Target.Work.Add, Target.Work.*, Target.Work.Busy, Target.Work.Keep, Target.Work.SpinAdd
EOT
check 'il: a malformed pattern' 2 il "$pid" 'Target.Work.Add(int' <<'EOT'
! rejit: pattern: column 16: '(' is never closed; write Type.Method(int,string)
!   Target.Work.Add(int
!                  ^
EOT
check 'il: no pattern' 2 il "$pid" <<'EOT'
! rejit: il: an argument is missing: rejit il PID PATTERN... (see `rejit help il`)
EOT
check 'il: an option of another verb' 2 il "$pid" Target.Work.Add --return <<'EOT'
! rejit: il: unknown option --return (see `rejit help il`)
EOT
"$rejit" il "$pid" 'Target.Values.*' >"$work/many" 2>"$work/many.err"
ok 'il: twenty methods, and how many there are' equal "$(grep -c '^Target\.Values\.' "$work/many")" 20
ok 'il: how to see the others' grep -qE '^rejit: 20 of [0-9]+ methods are shown: --max-methods [0-9]+ shows them all$' "$work/many.err"
"$rejit" il "$pid" 'Target.Values.*' --max-methods 3 --json >"$work/many" 2>/dev/null
ok 'il --max-methods' equal "$(wc -l <"$work/many")" 3

# ---- with probes: the lines of a diff ----

begin first watch "$pid" Target.Work.Add --return
app call Work.Add 1 2
client=$("$rejit" list "$pid" --json | sed -nE 's/.*"event":"client","id":([0-9]+),.*"name":"rejit watch".*/\1/p')
numbered() { sed -E -e "s/^\\+ $client +/+ CLIENT /" -e "s/ client $client\\b/ client CLIENT/g" -e 's/version [0-9]+/version N/'; }
"$rejit" il "$pid" Target.Work.Add --diff >"$work/diff.out"
normalised <"$work/diff.out" | numbered >"$work/actual"
same 'il --diff: whose the parts are, what they do' <<'EOT'
Target.Work.Add(int,int)  Target.dll ADDRESS
--- original, 4 bytes
+++ woven, 168 bytes, active
  client CLIENT: rejit watch (pid OTHER, user USER), probe 0
  locals; a debugger sees the original ones alone:
+ CLIENT 0  nint  // the call's record
+        1  object  // the exception
+        2  int  // the result
+ CLIENT IL_0000  ldc.i8       ADDRESS     // gate of client CLIENT
+ CLIENT IL_0009  ldind.u1
+ CLIENT IL_000a  brtrue.s     IL_0010
      IL_0000  IL_000c  ldarg.0                         // left
      IL_0001  IL_000d  ldarg.1                         // right
      IL_0002  IL_000e  add
      IL_0003  IL_000f  ret
+ CLIENT IL_0010  ldc.i4.0
+ CLIENT IL_0011  stloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0012  ldc.i8       ADDRESS     // gate of client CLIENT
+ CLIENT IL_001b  ldind.u1
+ CLIENT IL_001c  brfalse.s    IL_0045
+ CLIENT IL_001e  ldc.i8       ADDRESS     // probe of client CLIENT
+ CLIENT IL_0027  ldc.i8       ADDRESS     // enter
+ CLIENT IL_0030  calli        nint (nint)
+ CLIENT IL_0035  stloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0036  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0037  brfalse.s    IL_0045
+ CLIENT IL_0039  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_003a  ldc.i4.s     48
+ CLIENT IL_003c  add
+ CLIENT IL_003d  ldarg.0                         // left
+ CLIENT IL_003e  stind.i4
+ CLIENT IL_003f  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0040  ldc.i4.s     56
+ CLIENT IL_0042  add
+ CLIENT IL_0043  ldarg.1                         // right
+ CLIENT IL_0044  stind.i4
+     IL_0000  IL_0045  ldarg.0                         // left
+     IL_0001  IL_0046  ldarg.1                         // right
+     IL_0002  IL_0047  add
+     IL_0003  IL_0048  stloc.2                         // the result
+              IL_0049  leave.s      IL_0078
+              IL_004b  stloc.1                         // the exception
+ CLIENT IL_004c  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_004d  brfalse.s    IL_005f
+ CLIENT IL_004f  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0050  ldloc.1                         // the exception
+ CLIENT IL_0051  ldc.i8       ADDRESS     // note an exception
+ CLIENT IL_005a  calli        void (nint,object)
+              IL_005f  ldc.i4.0
+              IL_0060  endfilter
+              IL_0062  pop
+              IL_0063  rethrow
+ CLIENT IL_0065  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0066  brfalse.s    IL_0077
+ CLIENT IL_0068  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0069  ldc.i8       ADDRESS     // leave by an exception
+ CLIENT IL_0072  calli        void (nint)
+              IL_0077  endfinally
+ CLIENT IL_0078  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0079  brfalse.s    IL_0090
+ CLIENT IL_007b  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_007c  ldc.i4.s     64
+ CLIENT IL_007e  add
+ CLIENT IL_007f  ldloc.2                         // the result
+ CLIENT IL_0080  stind.i4
+ CLIENT IL_0081  ldloc.0                         // the call's record of client CLIENT
+ CLIENT IL_0082  ldc.i8       ADDRESS     // leave
+ CLIENT IL_008b  calli        void (nint)
+              IL_0090  ldloc.2                         // the result
+              IL_0091  ret
+              IL_0092  ldc.i8       ADDRESS     // the signature of the locals
+              IL_009b  ldc.i8       ADDRESS // nothing comes here: it says where that signature is
+              IL_00a4  pop
+              IL_00a5  pop
+              IL_00a6  br.s         IL_0092
  exception regions:
+   try IL_0045 to IL_004b, filter at IL_004b, handler IL_0062 to IL_0065
+   try IL_0045 to IL_0065, fault IL_0065 to IL_0078
EOT

# Where two look on, each part is one's own; what is both's has no number.
begin second stat "$pid" Target.Work.Add --json --interval 60
"$rejit" il "$pid" Target.Work.Add --json >"$work/two"
ok 'il --json: one object' is_json "$work/two"
jq -r '.probes[].name' "$work/two" | sort | tr '\n' ' ' >"$work/names"
ok 'the probes of two clients' equal "$(cat "$work/names")" 'rejit stat rejit watch '
jq -r '.woven.insns[] | select(.comment // "" | test("^(gate|probe) of client")) | "\(.client) \(.comment)"' "$work/two" |
    sed -E 's/^([0-9]+) .* client \1$/right/' | sort | uniq -c >"$work/owners"
ok 'each gate and probe stands in the part of its own client' equal "$(sed -E 's/^ +//' "$work/owners")" '6 right'
jq -r '[.woven.insns[] | select(.woven | not)] | map(.op) | join(" ")' "$work/two" >"$work/own"
ok "what is not woven is the original's, twice" equal "$(cat "$work/own")" 'ldarg.0 ldarg.1 add ret ldarg.0 ldarg.1 add'
ok 'what all share has no owner' equal "$(jq -r '.woven.insns[] | select(.op == "endfilter") | .client' "$work/two")" null
kill -INT "${job[first]}" && gather first
kill -INT "${job[second]}" && gather second
check 'il --diff when all have gone' 0 il "$pid" Target.Work.Add --diff <<'EOT'
Target.Work.Add(int,int)  Target.dll ADDRESS
it is not instrumented: nothing differs
EOT

# Every method of the program, instrumented and not, has a listing; the program goes on.
begin all watch "$pid" 'Target.*' --max-methods 5000 --count 1000000
"$rejit" il "$pid" 'Target.*' --max-methods 5000 --json >"$work/all"
ok 'il --json of everything' is_json "$work/all"
ok 'it is hundreds of methods' test "$(wc -l <"$work/all")" -gt 300
ok 'most are instrumented' test "$(grep -c '"instrumented":true' "$work/all")" -gt 250
ok 'every token has a name' equal "$(grep -c '"operand":"0x[01-9a-f]\{8\}"' "$work/all")" 0
jq -c 'select(.instrumented) | select(any(.woven.insns[]; .woven and .client == null and (.op | test("^(ldind.u1|calli)$"))))
    | .method' "$work/all" >"$work/nobodys"
ok "no probe's part is nobody's" equal "$(head -3 "$work/nobodys")" ''
ok 'whose the parts are is always known' equal "$(grep -c '"note"' "$work/all")" 0
app call Work.Add 1 2
ok 'the program goes on' equal "$answer" 'ok Work.Add 3'
kill -INT "${job[all]}" && gather all
stop
ok 'the program ends as ever' equal "$code" 0

# ---- a method that is taken over ----

start REJIT_TAKEOVER=1
for _ in 1 2; do
    begin early watch "$pid" Target.Work.Add
    app call Work.Add 1 2
    kill -INT "${job[early]}" && gather early
done
begin late watch "$pid" Target.Work.Add Target.Flow.ThrowNested
app call Work.Add 1 2
"$rejit" il "$pid" Target.Work.Add --json >"$work/taken"
ok 'a method that is taken over is said to be' equal "$(jq -r .note "$work/taken")" \
    "the method is taken over: this is compiled as a dynamic method's code"
ok 'and its parts are marked' test "$(jq '[.woven.insns[] | select(.client)] | length' "$work/taken")" -gt 30
kill -INT "${job[late]}" && gather late
stop
finish
