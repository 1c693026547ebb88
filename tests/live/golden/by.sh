#!/usr/bin/env bash
# stat --by: calls are told apart by a value, whatever its type, on whichever thread; what has none, and what are too many.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# counted TITLE: what the statistics say, one line a row: calls, errors, key.
counted() {
    kill -INT "${job[by]}"
    gather by
    ok "$1: it ends well" equal "$code" 0
    jq -r 'select(.event == "stat" and .calls > 0) | "\(.calls) \(.errors) \(if has("key") then (.key | tojson) elif .other then "other" else "none" end)"' \
        "$work/by.out" | sort >"$work/actual"
}

# by SCENARIO PATH ARGS...: calls with each of these arguments; what is counted is compared with stdin.
by() {
    local scenario=$1 path=$2 arg
    shift 2
    begin by stat "$pid" "Target.${scenario%% *}" --by "$path" --json --interval 600
    for arg; do app call "$scenario" "$arg"; done
    counted "$scenario by $path"
    same "$scenario by $path"
}

by Values.Int32 value 5 -7 5 5 <<'EOF'
1 0 -7
3 0 5
EOF
by Values.UInt64 args.value 9007199254740991 1 <<'EOF'
1 0 1
1 0 9007199254740991
EOF
by Values.Boolean value true false true <<'EOF'
1 0 false
2 0 true
EOF
by Values.Char value a b a <<'EOF'
1 0 "b"
2 0 "a"
EOF
by Values.Double value 0.5 0.5 NaN <<'EOF'
1 0 "NaN"
2 0 0.5
EOF
by Values.Decimal value 1.5 1.50 -2 0.00 0 <<'EOF'
1 0 "-2"
2 0 "0"
2 0 "1.5"
EOF
by Values.Colour value 0 7 7 99 <<'EOF'
1 0 "99"
1 0 "Red"
2 0 "Blue"
EOF
by Values.Large value -9223372036854775808 1 <<'EOF'
1 0 "1"
1 0 "Least"
EOF
by Values.String value hello null empty hello emoji <<'EOF'
1 0 ""
1 0 "café 😀 日本"
1 0 null
2 0 "hello"
EOF

# Members.
by Members.Ship value.To._city '1 Rome' '2 Paris' '3 Rome' '4 nobody' null <<'EOF'
1 0 "Paris"
2 0 "Rome"
2 0 null
EOF
by Members.Ship value.Urgency '1 Rome 1 Low' '2 Rome 1 High' '3 Rome 1 Low' null <<'EOF'
1 0 "High"
1 0 null
2 0 "Low"
EOF
by Members.Ship 'value.Items.Count' '1 Rome 2' '2 Rome 2' '3 Rome 0' <<'EOF'
1 0 0
2 0 2
EOF
by Members.Put value.Place.From.X 1 2 1 null <<'EOF'
1 0 2
1 0 null
2 0 1
EOF
by Members.Put value.Limit 1 2 null 4 2 <<'EOF'
1 0 4
2 0 2
2 0 null
EOF
by Members.Put 'value.ByName["name 1"]' 0 1 2 null <<'EOF'
2 0 10
2 0 null
EOF
by Values.NullableInt32 value 5 null 5 <<'EOF'
1 0 null
2 0 5
EOF
by Depot.Take this._stock 1 1 <<'EOF'
1 0 100
1 0 99
EOF

begin by stat "$pid" Target.Values.Int32 --by thread --if "thread == $pid" --json --interval 600
for n in 1 2 3; do app call Values.Int32 "$n"; done
app begin Values.Int32 4
app join
counted 'calls by thread'
printf '3 0 %d\n' "$pid" >"$work/expected"
ok 'calls of the main thread' diff "$work/expected" "$work/actual"
begin by stat "$pid" Target.Values.Int32 --by thread --json --interval 600
for n in 1 2 3; do app call Values.Int32 "$n"; done
app begin Values.Int32 4
app join
counted 'calls by thread'
ok 'calls of each thread' equal "$(cut -d ' ' -f 1,2 "$work/actual" | tr '\n' ' ')" '1 0 3 0 '

# The end of a call.
by Flow.ThrowIfOdd return 2 4 4 3 5 <<'EOF'
1 0 2
2 0 4
2 2 none
EOF
by Values.String return hello null <<'EOF'
1 0 "hello"
1 0 null
EOF
by Sequences.AddAsync return '1 2' '2 1' '2 2' <<'EOF'
1 0 4
2 0 3
EOF
by Sequences.AddAsync left '1 2' '2 1' '2 2' <<'EOF'
1 0 1
2 0 2
EOF

# With a condition, of several methods at once; a key that not all of them have.
begin by stat "$pid" Target.Values.Int32 Target.Values.Int64 Target.Work.Length --by value --if 'value > 1' --json --interval 600
for n in 1 2 2; do app call Values.Int32 "$n"; done
for n in 2 3; do app call Values.Int64 "$n"; done
kill -INT "${job[by]}"
gather by
ok 'one of the methods has no such argument' equal "$code" 5
jq -r 'select(.event == "stat" and .calls > 0) | "\(.method) \(.key) \(.calls)"' "$work/by.out" | sort >"$work/actual"
same 'several methods, with a condition' <<'EOF'
Target.Values.Int32(int) 2 2
Target.Values.Int64(long) 2 1
Target.Values.Int64(long) 3 1
EOF
ok 'it is said which' grep -q '"Target.Work.Length(string)","reason":"column 1: no argument' "$work/by.out"

# More keys than there may be.
begin by stat "$pid" Target.Values.Int32 --by value --json --interval 600
app call Values.Int32 x1500
kill -INT "${job[by]}"
gather by
ok 'every call is counted' equal "$(jq -s 'map(select(.event == "stat") | .calls) | add' "$work/by.out")" 1500

begin by stat "$pid" Target.Values.Int32 --by value --json --count 4
for n in 1 2 3 3; do app call Values.Int32 "$n"; done
gather by
ok 'calls with keys are calls' equal "$(tail -1 "$work/by.out")" \
    '{"event":"end","calls":4,"dropped":0,"in_flight":0,"reason":"count"}'

# A table.
begin by stat "$pid" Target.Customer.Visit --by page --interval 600
for page in cart cart start cart; do app call Customer.Visit "$page"; done
kill -INT "${job[by]}"
gather by
sed -E 's/[0-9.]+(ns|us|ms)/TIME/g; s/ +/ /g; s/^ //; s/^([0-9]+) [0-9.,]+/\1 RATE/' "$work/by.out" | sort >"$work/actual"
same 'a table by key' <<'EOF'
1 RATE 0 TIME TIME TIME TIME TIME "start" Target.Customer.Visit(string)
3 RATE 0 TIME TIME TIME TIME TIME "cart" Target.Customer.Visit(string)
CALLS CALLS/S ERRORS MEAN P50 P90 P99 MAX KEY METHOD
EOF

# Secrets.
by Customer.Knows password hunter2 other <<'EOF'
1 0 "***"
1 0 "***"
EOF

# wrong KEY METHOD: exit code 2, what is on stdin, and nothing is instrumented.
wrong() {
    check "--by $1" 2 stat "$pid" "Target.$2" --by "$1"
}
"$rejit" revert "$pid" --all --yes >/dev/null
wrong 'lef' Work.Add <<'EOF'
! rejit: key: column 1: no argument 'lef'; Target.Work.Add has left, right
!   lef
!   ^
EOF
wrong 'left > 1' Work.Add <<'EOF'
! rejit: key: column 6: '>' behind the key: it is one path, such as args.customer.Name
!   left > 1
!        ^
EOF
wrong '5' Work.Add <<'EOF'
! rejit: key: column 1: a literal is the same for every call; write args.customer.Name
!   5
!   ^
EOF
wrong 'value' Members.Ship <<'EOF'
! rejit: key: column 1: 'value' is Parcel: calls are told apart by numbers, strings, enums and bools; name such a member
!   value
!   ^
EOF
wrong 'elapsed' Work.Add <<'EOF'
! rejit: key: column 1: calls cannot be told apart by 'elapsed'
!   elapsed
!   ^
EOF
wrong '' Work.Add <<'EOF'
! rejit: key: column 1: the key is empty; write args.customer.Name
EOF
ok 'nothing is left of these' grep -q '^nothing is instrumented$' <("$rejit" list "$pid")
finish
