#!/usr/bin/env bash
# new: who makes objects. One object is counted once, whatever constructors call one another; derived ones are not the base's.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# made: the objects of each type, of the verb `made` that is running.
made() {
    kill -INT "${job[made]}"
    gather made
    jq -r 'select(.event == "new") | "\(.type) \(.count)"' "$work/made.out" |
        awk '{ n[$1] += $2 } END { for (t in n) print t, n[t] }' | sort >"$work/actual"
}

begin made new "$pid" 'Target.Making.*' --json --no-lines
app call Making.Squares 2
app call Making.Rings x2
app call Making.Links 3
app call Making.Plains 5
app call Making.Reflected
app call Making.Dots 7
app call Making.Fail -1
made
same 'each object once' <<'EOF'
Target.Making.Cube 2
Target.Making.Link 3
Target.Making.Picky 1
Target.Making.Plain 5
Target.Making.Ring<T> 6
Target.Making.Square 6
EOF
ok 'what has no objects of its own is left out' grep -q '"methods":7,"refused":\[\]' "$work/made.out"
ok 'nothing is missing' grep -q '"calls":23,"dropped":0,"in_flight":0' "$work/made.out"

# Constructors are the first to be inlined. One makes another object of its type; what does not fit into the ring is said.
begin made new "$pid" Target.Making.Plain Target.Making.Link --json --no-lines
for _ in 1 2 3; do
    app call Making.Links 50 x100
    app settle
done
made
lost=$(sed -nE 's/.*"event":"end".*"dropped":([0-9]+).*/\1/p' "$work/made.out")
ok 'each object of a chain, inlined or not' equal "$(($(sed 's/.* //' "$work/actual") + lost))" 15000
begin made new "$pid" Target.Making.Plain Target.Making.Link --json --no-lines
for _ in 1 2 3; do
    app call Making.Links 3 x100
    app settle
done
made
same 'a burst that fits' <<'EOF'
Target.Making.Link 900
EOF
begin made new "$pid" Target.Making.Square 'Making.Square(int)' --json --no-lines --if 'size > 1'
app call Making.Squares 3
made
same 'a condition, and one constructor named twice' <<'EOF'
Target.Making.Square 3
EOF
ok 'the constructor without that argument is refused' grep -q "Target.Making.Square..ctor().*no argument 'size'" "$work/made.out"

begin tree new "$pid" Target.Making.Square --no-lines
app call Making.Squares 2
kill -INT "${job[tree]}"
gather tree
head -3 "$work/tree.out" | sed 's/ *$//' >"$work/actual"
same 'a tree' <<'EOF'
Target.Making.Square  4 objects, made by
           4 100.0% Target.Making.Maker.Squares(int)
                    Driver.MakingScenarios+<>c.<Register>b__0_0(Words)
EOF
ok 'what is said' equal "$(normalised <"$work/tree.err" | head -1)" 'rejit: 2 constructors of process PID; Ctrl-C ends'

check 'a struct' 5 new "$pid" Target.Making.Dot <<'EOF'
! rejit: refused Target.Making.Dot..ctor(int): it is a struct: its values lie in other objects and on stacks, and nothing is allocated for them
! rejit: 0 objects (refused)
EOF
check 'an abstract class' 5 new "$pid" Target.Making.Shape <<'EOF'
! rejit: refused Target.Making.Shape..ctor(int): it is abstract: objects are of the types derived from it
! rejit: 0 objects (refused)
EOF
"$rejit" new "$pid" Target.Making.Squere >"$work/out" 2>&1
ok 'no such type' equal "$?" 4
ok 'the nearest names' grep -q 'near it: .*Target.Making.Square..ctor' "$work/out"
check 'help' 2 new <<'EOF'
! rejit: new: arguments are missing: rejit new PID TYPE... (see `rejit help new`)
EOF
finish
