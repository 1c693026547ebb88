#!/usr/bin/env bash
# --if: what holds, what does not, and what is said about a condition that makes no sense.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"
start

# holds SCENARIO CONDITION ARGS...: of runs with each of these arguments, those in [brackets] are seen.
holds() {
    local scenario=$1 condition=$2 arg want=0 method
    shift 2
    method=${scenario%% *}
    begin holds watch "$pid" "Target.$method" --if "$condition" --json
    for arg; do
        [[ $arg == \[*\] ]] && want=$((want + 1)) && arg=${arg:1:-1}
        app call "$scenario" "$arg"
    done
    kill -INT "${job[holds]}"
    gather holds
    ok "$scenario --if $condition" equal "$(tail -1 "$work/holds.out") $code" \
        '{"event":"end","calls":'$want',"dropped":0,"in_flight":0,"reason":"interrupted"} 0'
    sed -e 1d -e '$d' "$work/holds.out" | sed -E 's/.*"args":\{"[a-z]+":(.*)\}\}$/\1/' | tr -d '"' >"$work/actual"
}

holds Values.Int32 'value > 5' 4 5 '[6]' -7 '[2147483647]'
holds Values.Int32 'args.value >= 5' 4 '[5]' '[6]'
holds Values.Int32 '5 < value' 4 5 '[6]'
holds Values.Int32 'value != 5' '[4]' 5 '[-5]'
holds Values.Int32 'value == -2147483648' 4 '[-2147483648]'
holds Values.Int32 'value > 1 && value < 0x0A' 1 '[2]' '[9]' 10
holds Values.Int32 'value < 1 || value > 1_000' '[0]' 1 1000 '[1001]'
holds Values.Int32 '!(value == 3 || value == 4)' '[2]' 3 4 '[5]'
holds Values.Int32 'value == 1 || value == 2 && value == 3' '[1]' 2 3
holds Values.Int32 'value > 1.5' 1 '[2]'
holds Values.Int32 'value < 3000000000' '[2147483647]'
holds Values.Byte 'value >= 128' 127 '[128]' '[255]'
holds Values.SByte 'value < 0' 1 '[-1]'
holds Values.UInt32 'value > 2147483648' 2147483648 '[4294967295]'
holds Values.UInt64 'value == 18446744073709551615' 1 '[18446744073709551615]'
holds Values.Int64 'value < -9223372036854775807' -1 '[-9223372036854775808]'
holds Values.Double 'value > 0.5' 0.5 '[0.75]' NaN '[Infinity]'
holds Values.Double 'value == 0.1' '[0.1]' 0.2
holds Values.Double 'value <= 0.5' '[0.5]' 0.75 NaN '[-Infinity]'
holds Values.Double 'value >= 0.5' '[0.5]' 0.25 NaN '[Infinity]'
holds Values.Double 'value < 0.5' 0.5 '[0.25]' NaN '[-Infinity]'
holds Values.Double 'value != 0.5' 0.5 '[0.75]' '[NaN]'
holds Values.Double '!(value < 0.5)' '[0.5]' 0.25 '[NaN]'
holds Values.UInt64 'value > 9223372036854775807' 9223372036854775807 '[9223372036854775808]' 1
holds Values.UInt64 'value <= 9223372036854775808' '[9223372036854775807]' '[9223372036854775808]' 9223372036854775809 '[0]'
holds Values.UInt64 'value > -1' '[0]' '[18446744073709551615]'
holds Values.Int64 'value < 9223372036854775808' '[9223372036854775807]' '[-1]'
holds Values.UInt16 'value >= 32768' 32767 '[65535]'
holds Values.Int16 'value >= -1' -2 '[-1]' '[32767]'
holds Values.Single 'value <= 1.5' '[1.5]' 1.6
holds Values.Decimal 'value > 12.5' 12.5 12.49 '[12.51]' -13 '[79228162514264337593543950335]' 0.0000000000000000000000000001
holds Values.Decimal 'value == 0.1' '[0.1]' '[0.10]' 0.11 '-0.1'
holds Values.Decimal 'value < -0.0000000000000000000000000002' '[-0.0000000000000000000000000003]' 0 '[-79228162514264337593543950335]' 5
holds Values.Decimal 'value >= 79228162514264337593543950335.0' '[79228162514264337593543950335]' 7922816251426433759354395033.5
holds Values.Decimal 'value != 0 && value <= 1e3' 0.00 '[1000.000]' 1000.001 '[-1]'
holds Values.Decimal 'value > 12.5' 12.5 12.49 '[12.51]' -13 '[79228162514264337593543950335]' 0.0000000000000000000000000001
holds Values.Decimal 'value == 0.1' '[0.1]' '[0.10]' 0.11 -0.1
holds Values.Decimal 'value < -0.0000000000000000000000000002' '[-0.0000000000000000000000000003]' 0 '[-79228162514264337593543950335]' 5
holds Values.Decimal 'value >= 79228162514264337593543950335.0' '[79228162514264337593543950335]' 7922816251426433759354395033.5
holds Values.Decimal 'value != 0 && value <= 1e3' 0.00 '[1000.000]' 1000.001 '[-1]'
holds Values.Boolean 'value' '[true]' false
holds Values.Boolean '!value' true '[false]'
holds Values.Boolean 'value == false' true '[false]'
holds Values.Char "value == 'a'" '[a]' b
holds Values.Char "value >= 'b'" a '[b]'
holds Values.Char "value == '\\n'" a '[newline]'
holds Values.String 'value == "hello"' '[hello]' hell null empty Hello
holds Values.String "value == 'hello'" '[hello]' hell
holds Values.String 'value != "hello"' hello '[hell]' '[null]' '[empty]'
holds Values.String 'value == null' hello '[null]' empty
holds Values.String 'value != null && value != ""' '[hello]' null empty
holds Values.String 'value == "café 😀 日本"' '[emoji]' hello
holds Values.String 'value ~ "^h.l+o?$"' '[hello]' '[hell]' help null empty
holds Values.String 'value !~ "ll"' hello '[help]' '[null]' '[empty]'
holds Values.String 'value ~ "caf. " && !(value ~ "tea|milk")' '[emoji]' hello
holds Values.Colour 'value == Blue' '[7]' 0 99
holds Values.Colour 'value == Colour.Blue || value == Target.Colour.Red' '[7]' '[0]' 1
holds Values.Colour 'value != Green' '[7]' 1 '[99]'
holds Values.Large 'value == Least' '[-9223372036854775808]' 1
holds Values.Signed 'value == Minus' '[-1]' 1
holds Values.Small 'value == Most' '[255]' 1
holds Values.Object 'value == null' int '[null]' string
holds Collections.Ints 'value != null' '[3]' null
holds References.Ref 'value > 20' 20 '[21]'
holds References.In 'value > 40' 40 '[41]'
holds Customer.Knows 'password == "hunter2"' '[hunter2]' other

# Members. Ship NUMBER CITY ITEMS URGENCY KIND
holds Members.Ship 'value.Number > 1' '1' '[2]' 'null' '[3 nobody -1 Low]'
holds Members.Ship 'args.value.Number == 2 && value.Urgency == High' '2 Rome 1 Low' '[2 Rome 1 High]' '3 Rome 1 High'
holds Members.Ship 'value.Urgency != Urgency.Normal' '1 Rome 1 Normal' '[1 Rome 1 Low]' '[null]'
holds Members.Ship 'value.To._city == "Paris"' '1 Rome' '[2 Paris]' '3 nobody' '4 null' 'null'
holds Members.Ship 'value?.To?._city != "Paris"' '[1 Rome]' '2 Paris' '[3 nobody]' '[4 null]' '[null]'
holds Members.Ship 'value.To._city ~ "^(Paris|Rome)$"' '[1 Rome]' '[2 Paris]' '3 Romeo' '4 null' 'null'
holds Members.Ship 'value.To == null' '1 Rome' '[3 nobody]' '4 null' '[null]'
holds Members.Ship 'value != null && value.To != null' '[1 Rome]' '3 nobody' 'null'
holds Members.Ship 'value.Items.Count >= 2' '1 Rome 1' '[1 Rome 2]' '1 Rome 0' '1 Rome -1' '[1 Rome 100]' 'null'
holds Members.Ship 'value.Items[1].Name == "item 1"' '1 Rome 1' '[1 Rome 2]' '1 Rome -1' '[1 Rome 3 Low express]'
holds Members.Ship 'value.Items[0].Weight < 1' '[1 Rome 1]' '1 Rome 0'
holds Members.Ship 'value.Spare[0].Name == "spare" && value.Spare[1] == null' '[1 Rome 1]' '1 Rome 0'
holds Members.Ship 'value.Spare.Length == 2' '[1 Rome 1]' '1 Rome 0'
holds Members.Ship 'value.Marks[1] > 2' '1 Rome 2' '[1 Rome 3]' 'null'
holds Members.Ship 'value.Marks[2] == 0' '1 Rome 2'
holds Members.Ship 'value.Tags.Count == 2 && value.Seen.Count == 2 && value.Numbers.Count == 2' '1 Rome 1' '[1 Rome 2]'
holds Members.Ship 'value.Numbers[1] == 1' '1 Rome 1' '[1 Rome 2]'
holds Members.Ship 'value.Text.Value == "text 2" && value.Text.Used == 2 && value.Count.Used == 3' '1 Rome 1' '[1 Rome 2]'
holds Members.Ship 'value.Count.Value > 2500' '1 Rome 2' '[1 Rome 3]'
holds Members.Ship 'value.Fragile' '1 Rome 1' '[1 Rome 2]' 'null'
holds Members.Ship '!value.Fragile' '[1 Rome 1]' '1 Rome 2'
holds Members.Ship 'value.Note == "several"' '1 Rome 1' '[1 Rome 2]' '[1 Rome 2 Low express]'
holds Members.Ship 'High == value.Urgency' '1 Rome 1 Low' '[1 Rome 1 High]'
holds Members.Name 'value.Length > 4' 'name' '[names]' 'null'
holds Members.Sum 'value[2] == 12' '2' '[3]' 'null'
holds Members.Several 'value.Count == 3' 'list 2' '[list 3]' '[array 3]' 'null'
holds Members.Several 'value[1] == 11' 'array 1' '[list 2]' '[array 2]' 'null'
holds Members.Pieces 'value[1].Name == "item 1"' '1' '[2]'
holds Collections.Ints 'value.Length > 2' 2 '[3]' null
holds Depot.Take 'this._stock < 100' 1 '[1]' '[1]'

# Members of structs, in arguments and in objects.
holds Objects.Point 'value.X == 3 && value.Y > 3' '[]'
holds Objects.Point 'value.X > value.Y' ''
holds Objects.Line 'value.From.X == 1 && value.To.Y == 4 && value.Label == "line"' '[]'
holds Objects.Line 'value.Label.Length > 4' ''
holds Objects.Overlaid 'value.Second == 2' '[]'
holds Objects.Reading 'value.Value > 20 && value.Colour == null' '[]'
holds Objects.Reading 'value.Colour == Red' ''
holds Members.Mark 'value.To.X > 14' 4 '[5]'
holds Members.Mark 'value.Label ~ "[5-9]$"' 4 '[5]'
holds Members.MarkAsync 'value.To.X > 14 && limit > 1' '5 1' '4 2' '[5 2]' '5 null'
holds Members.MarkAsync 'limit == null || limit < value.From.X' '[5 1]' '4 4' '[4 null]'
holds Members.MarkAsync 'return > value.From.X' '5 3' '[5 4]'
app call Members.Fixed 1 # so that its type is loaded
holds Members.Fixed 'value.Length > 2' 2 '[3]' null
holds Members.Fixed 'value[1] == 6' 1 '[2]' null
holds Members.MarkBoxed 'value.To.X > 14 && value.Label != null' 4 '[5]'
holds Members.MarkBoxed 'value.Label == "from 5"' 4 '[5]'
holds Members.Put 'value.Place.From.X > 2' 1 '[3]' null
holds Members.Put 'value.Place.To.Y != 2' 1 '[null]'
holds Members.Put 'value.Place.Label == "from 3"' 1 '[3]' null
holds Members.Put 'value.Place.Label.Length > value.Place.From.X' '[1]' 33 null
holds Members.Put 'value.Corner.Value.Y == 5' 3 '[4]' null
holds Point.Sum 'this.X > this.Y' '1 2' '[3 2]'
holds Collections.ValueTuple 'value.Item1 == 1 && value.Item2 == "two"' '[]'

# Nullable<T>.
holds Values.NullableInt32 'value > 5' 5 null '[6]'
holds Values.NullableInt32 'value != 5' 5 '[null]' '[6]'
holds Values.NullableInt32 'value == null' 5 '[null]'
holds Values.NullableInt32 'value != null' '[5]' null
holds Values.NullableInt32 'value.HasValue && value.Value < 6' '[5]' null 6
holds Values.NullableInt32 '!value.HasValue' 5 '[null]'
holds Values.NullableDecimal 'value > 1.5' 1.5 null '[1.51]'
holds Values.NullableColour 'value == Blue' '[7]' null
holds Values.NullableBoolean 'value' '[true]' null
holds Values.NullableDateTime 'value == null' utc '[null]'
holds Values.NullableInt32 'return > 5' 5 null '[6]'
holds Objects.NullablePoint 'value.Value.X == 5' '[there]' null
holds Members.Put 'value.Limit > 2' 1 2 '[4]' null
holds Members.Put 'value.Limit == null' '[1]' 2 '[null]'
holds Members.Put 'value.Limit.HasValue' 1 '[2]' null
holds Members.Put 'value.Price >= 4.25 && value.Urgency == High && value.Seen != null' 2 '[4]' 3 null
holds Members.Put 'value.Limit == value.Place.From.X' 1 '[2]' '[null]'
holds Members.Put 'value.Price > value.Limit' 1 '[2]' null

# What a dictionary has at a key. Put NUMBER: as many entries; the first one was removed.
holds Members.Put 'value.ByName["name 3"] == 30' 2 '[3]' '[4]' null
holds Members.Put 'value.ByName["name 0"] == 0' 2
holds Members.Put 'value.ByName["name 0"] != 0' '[2]' '[null]'
holds Members.Put 'value.ByName["Name 1"] == 10' 2
holds Members.Put "value.Items['item 2'].Name.Length == 6 && value.Items['item 2'].Weight > 2" 1 '[2]'
holds Members.Put 'value.Items["item 2"] == null' '[1]' 2 '[null]'
holds Members.Put 'value.ByNumber[2] == "number 2"' 1 '[2]'
holds Members.Put 'value.ByNumber[0] == null && value.ByNumber[-1] == null' '[2]'
holds Members.Put 'value.ByUrgency[2] >= 2' 1 '[2]'
holds Members.Put 'value.ByName["name 1"] < value.ByName["name 2"] && value.ByName.Count == 2' 1 '[2]'
holds Members.Put 'value.ByName["name 10000"] == 100000' 10
holds Members.Put 'value.Waiting.Count > 3' 2 '[3]'

# Two sides.
holds Work.Add 'left > right' '1 1' '1 2' '[2 1]'
holds Work.Add 'args.left == args.right || right < left' '[1 1]' '1 2' '[2 1]'
holds Values.Mixed 'number < ratio && text != null' '7 seven'
holds Members.Ship 'value.Number < value.Items.Count' '2 Rome 1' '2 Rome 2' '[2 Rome 3]' '2 Rome -1' 'null'
holds Members.Ship 'value.Items.Count >= args.value.Marks[0]' '1 Rome 6' '[1 Rome 7]' 'null'
holds Members.Ship 'value.Note == value.To._city' '1 Rome' '[3 nobody]' '[4 null]' '[5 several 2]' '[null]'
holds Members.Ship 'value.Note != value.To._city' '[1 Rome]' '3 nobody' '4 null' '5 several 2' 'null'
holds Members.Ship 'value.Urgency == value.Urgency && value.Urgency == Low' '1 Rome 1 Normal' '[1 Rome 1 Low]'
holds Members.Ship 'value.Fragile != value.Fragile' '1 Rome 1' '1 Rome 2'
holds Members.Ship 'return == value.Number' '[1 Rome]' 'null'
holds Work.Add 'return > left' '1 0' '[1 1]'
holds Sequences.AddAsync 'return == right' '[0 2]' '1 2'
holds Values.String 'return == value' '[hello]' '[null]' '[empty]'
holds Values.Decimal 'return >= value' '[1.50]' '[-1]'

# The end of a call.
holds Work.Add 'return > 2' '1 1' '[1 2]' '[2 2]'
holds Work.Add 'return > 2 && left < 2' '1 1' '[1 2]' '2 2'
holds Flow.ThrowIfOdd 'exception != null' 2 '[3]'
holds Flow.ThrowIfOdd 'exception == null' '[2]' 3
holds Flow.ThrowIfOdd 'return == 2' '[2]' 3 4
holds Flow.ThrowIfOdd '!(return == 2)' 2 '[3]' '[4]'
holds Flow.ThrowIfOdd 'return != 2' 2 3 '[4]'
holds Flow.ThrowIfOdd 'exception.Message == "odd" && value > 3' 3 '[5]' 4
holds Flow.ThrowIfOdd 'exception.HResult == -2146233086 || value == 4' 2 '[3]' '[4]'
holds Flow.ThrowIfOdd 'exception.InnerException == null' 2 '[3]'
holds Flow.ThrowNested 'exception.InnerException.Message == "that"' this '[that]'
holds Flow.ThrowNested 'exception.Message == "that"' that
holds Flow.ThrowIfOdd 'exception.Message ~ "^od+$"' 2 '[3]'
holds Flow.ThrowIfOdd 'exception.Message ~ "even"' 2 3
holds Values.String 'return ~ "[0-9]+"' abc '[a1]' null
holds Flow.Catch 'exception != null || return == 3' ab '[abc]'
holds Sequences.AddAsync 'return == 3' '[1 2]' '2 2'
holds Sequences.FailAsync 'exception != null && message == "that"' this '[that]'
holds Sequences.FailAsync 'exception == null || return > 0' that
holds Values.String 'return.Length > 3' abc '[hello]' null
holds Values.String 'return == "hello"' abc '[hello]' null
holds Values.Decimal 'return > 1.5' 1.5 '[1.51]'
holds Work.Sleep 'elapsed > 20ms && elapsed < 1000s' '[30]' '[40]'
holds Work.Sleep 'elapsed > 1000s' 1

# Counted alone.
begin ends stat "$pid" 'Target.Flow.ThrowIfOdd' --if 'exception.Message == "odd"' --json --interval 600
for n in 1 2 3 4 5; do app call Flow.ThrowIfOdd "$n"; done
kill -INT "${job[ends]}"
gather ends
ok 'stat counts the calls whose end fits' grep -q '"calls":3,.*"errors":3,' "$work/ends.out"

# Secrets are compared as they are and printed as they always are.
begin secret watch "$pid" Target.Customer.Knows --if 'password != "hunter2"' --return
app call Customer.Knows hunter2
app call Customer.Knows other
end 'a condition sees the real value' secret 0 <<'EOF'
Target.Customer.Knows(password: ***) = false
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF
begin other watch "$pid" Target.Values.Mixed --if 'number > 5 && text == "seven" && flag && colour == Green && ratio < 1' --no-args
app call Values.Mixed 7 seven
app call Values.Mixed 5 seven
app call Values.Mixed 7 eight
end 'arguments of a condition need not be shown' other 0 <<'EOF'
Target.Values.Mixed(int,string,double,Colour,bool)
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF

# A method that the condition does not fit is refused; the others go on.
begin some watch "$pid" Target.Work.Add Target.Work.Length --if 'left == 1'
app call Work.Add 1 2
app call Work.Add 2 2
app call Work.Length text
end 'a condition that does not fit every method' some 5 <<'EOF'
Target.Work.Add(left: 1, right: 2)
! rejit: refused Target.Work.Length(string): column 1: no argument 'left'; Target.Work.Length has text
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF
begin some watch "$pid" Target.Work.Add Target.Work.Length --if 'left == 1' --json
end 'the same in JSON' some 5 <<'EOF'
{"event":"start","methods":1,"refused":[{"method":"Target.Work.Length(string)","reason":"column 1: no argument 'left'; Target.Work.Length has text"}]}
{"event":"end","calls":0,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF

# wrong CONDITION METHOD: exit code 2, what is on stdin, and nothing is instrumented.
wrong() {
    check "--if $1" 2 watch "$pid" "Target.$2" --if "$1"
}
"$rejit" revert "$pid" --all --yes >/dev/null # what was looked at often stays for a minute
wrong 'left > "x"' Work.Add <<'EOF'
! rejit: condition: column 8: 'left' is int; compare it with a number
!   left > "x"
!          ^
EOF
wrong 'text ~ "a{2}"' Work.Length <<'EOF'
! rejit: condition: column 8: the pattern, at its character 2: { and } are written \{ and \} here: it cannot count
!   text ~ "a{2}"
!          ^
EOF
wrong 'left ~ "1"' Work.Add <<'EOF'
! rejit: condition: column 8: 'left' is int; ~ is for strings
!   left ~ "1"
!          ^
EOF
wrong 'lef > 1' Work.Add <<'EOF'
! rejit: condition: column 1: no argument 'lef'; Target.Work.Add has left, right
!   lef > 1
!   ^
EOF
wrong 'left >' Work.Add <<'EOF'
! rejit: condition: column 7: an argument or a literal is missing at the end; write n > 100
!   left >
!         ^
EOF
wrong 'left = 1' Work.Add <<'EOF'
! rejit: condition: column 6: '=' does not compare; write ==
!   left = 1
!        ^
EOF
wrong 'left & right' Work.Add <<'EOF'
! rejit: condition: column 6: a single '&'; write &&
!   left & right
!        ^
EOF
wrong 'left > 1 &&' Work.Add <<'EOF'
! rejit: condition: column 12: an argument or a literal is missing at the end; write n > 100
!   left > 1 &&
!              ^
EOF
wrong '(left > 1' Work.Add <<'EOF'
! rejit: condition: column 1: '(' is never closed; write (a > 1 || b > 1)
!   (left > 1
!   ^
EOF
wrong 'left > 1)' Work.Add <<'EOF'
! rejit: condition: column 9: ')' has no '('
!   left > 1)
!           ^
EOF
wrong 'text == "open' Work.Length <<'EOF'
! rejit: condition: column 9: this text is never closed; end it with "
!   text == "open
!           ^
EOF
wrong 'text > "a"' Work.Length <<'EOF'
! rejit: condition: column 8: 'text' is string; compare it with == or !=
!   text > "a"
!          ^
EOF
wrong 'text == 5' Work.Length <<'EOF'
! rejit: condition: column 9: 'text' is string; compare it with "text" or null
!   text == 5
!           ^
EOF
wrong 'left' Work.Add <<'EOF'
! rejit: condition: column 1: 'left' is int; only a bool stands alone; write a comparison
!   left
!   ^
EOF
wrong 'left > args.rigt' Work.Add <<'EOF'
! rejit: condition: column 8: no argument 'rigt'; Target.Work.Add has left, right
!   left > args.rigt
!          ^
EOF
wrong 'number == text' Values.Mixed <<'EOF'
! rejit: condition: column 11: 'number' and 'text' cannot be compared: one is a string, the other is none
!   number == text
!             ^
EOF
wrong 'value.Number > value.To' Members.Ship <<'EOF'
! rejit: condition: column 16: 'value.To' is Recipient: two sides can be numbers, strings, enums and bools; name such a member
!   value.Number > value.To
!                  ^
EOF
wrong 'left == null' Work.Add <<'EOF'
! rejit: condition: column 9: 'left' is int; it is never null
!   left == null
!           ^
EOF
wrong 'left > 99999999999999999999' Work.Add <<'EOF'
! rejit: condition: column 8: this number does not fit into 64 bits
!   left > 99999999999999999999
!          ^
EOF
wrong 'elapsed > 5' Work.Add <<'EOF'
! rejit: condition: column 11: 'elapsed' is a time; compare it with 5ms, 20us or 1.5s
!   elapsed > 5
!             ^
EOF
wrong 'left > 5ms' Work.Add <<'EOF'
! rejit: condition: column 8: 'left' is int; a time can be compared with 'elapsed' only
!   left > 5ms
!          ^
EOF
wrong 'return > 5' Flow.ThrowCoded <<'EOF'
! rejit: condition: column 1: 'return' cannot be compared: the method returns nothing
!   return > 5
!   ^
EOF
wrong 'exception > 5' Work.Add <<'EOF'
! rejit: condition: column 13: 'exception' can be compared with null (== or !=), and its members: exception.Message == "..."
!   exception > 5
!               ^
EOF
wrong 'value == Purple' Values.Colour <<'EOF'
! rejit: condition: column 10: 'Purple' is no member of Target.Colour; it has Red, Green, Blue
!   value == Purple
!            ^
EOF
wrong 'value == "5"' Values.Decimal <<'EOF'
! rejit: condition: column 10: 'value' is decimal; compare it with a number
!   value == "5"
!            ^
EOF
wrong 'value == "5"' Values.NullableInt32 <<'EOF'
! rejit: condition: column 10: 'value' is int; compare it with a number
!   value == "5"
!            ^
EOF
wrong 'value.Value == null' Values.NullableInt32 <<'EOF'
! rejit: condition: column 16: 'value.Value' is int; it is never null
!   value.Value == null
!                  ^
EOF
wrong 'value > null' Values.NullableInt32 <<'EOF'
! rejit: condition: column 9: 'value' is int; compare it with == or !=
!   value > null
!           ^
EOF
wrong 'value > 5' Values.NullableDateTime <<'EOF'
! rejit: condition: column 9: 'value' is DateTime; only primitive types, decimals, strings, enums and null can be compared
!   value > 5
!           ^
EOF
wrong 'doubled == 5' References.Out <<'EOF'
! rejit: condition: column 1: 'doubled' is an out parameter: it has no value yet when the call begins
!   doubled == 5
!   ^
EOF
wrong 'value.Z == 5' Objects.Point <<'EOF'
! rejit: condition: column 7: 'Z' is no field or automatic property of Point; it has X, Y
!   value.Z == 5
!         ^
EOF
wrong 'value.Whole.Days == 5' Objects.Overlaid <<'EOF'
! rejit: condition: column 12: int is no object: it has no members that could be compared
!   value.Whole.Days == 5
!              ^
EOF
wrong 'value.ByName[1] == 5' Members.Put <<'EOF'
! rejit: condition: column 13: its keys are strings; write map["key"]
!   value.ByName[1] == 5
!               ^
EOF
wrong 'value.ByNumber["x"] == null' Members.Put <<'EOF'
! rejit: condition: column 15: its keys are int; this is none
!   value.ByNumber["x"] == null
!                 ^
EOF
wrong 'value.ByNumber[3000000000] == null' Members.Put <<'EOF'
! rejit: condition: column 15: its keys are int; this is none
!   value.ByNumber[3000000000] == null
!                 ^
EOF
wrong 'value.ByName["x] == 5' Members.Put <<'EOF'
! rejit: condition: column 14: this text is never closed; end it with "
!   value.ByName["x] == 5
!                ^
EOF
wrong 'value.Corners[-1] == null' Members.Put <<'EOF'
! rejit: condition: column 14: an index is a number of up to nine digits; write items[0]
!   value.Corners[-1] == null
!                ^
EOF
wrong 'value.Pair.Item1 == 5' Members.Put <<'EOF'
! rejit: condition: column 11: ValueTuple<int,string> lies within another type: where a generic struct keeps its fields there is not known
!   value.Pair.Item1 == 5
!             ^
EOF
wrong 'value.Corners[0].X == 5' Members.Put <<'EOF'
! rejit: condition: column 17: Point is a struct in a collection: its members cannot be compared
!   value.Corners[0].X == 5
!                   ^
EOF
wrong 'value.Place == null' Members.Put <<'EOF'
! rejit: condition: column 16: 'value.Place' is Line; only primitive types, decimals, strings, enums and null can be compared
!   value.Place == null
!                  ^
EOF
wrong 'value.Totle > 5' Members.Ship <<'EOF'
! rejit: condition: column 7: 'Totle' is no field or automatic property of Parcel; it has To, Items, Spare, Marks, Tags, Seen, Numbers, Text, Count, Handle, Sent, Fragile, Urgency, Number, Note
!   value.Totle > 5
!         ^
EOF
wrong 'value.Number > 1 && value?.Total > 5' Members.Ship <<'EOF'
! rejit: condition: column 28: 'Total' is computed by code, which a condition does not run, in Parcel; it has To, Items, Spare, Marks, Tags, Seen, Numbers, Text, Count, Handle, Sent, Fragile, Urgency, Number, Note
!   value.Number > 1 && value?.Total > 5
!                              ^
EOF
wrong 'value.Items.Length > 5' Members.Ship <<'EOF'
! rejit: condition: column 13: 'Length' is no field or automatic property of List<Item>; it has Count, _items, _size, _version
!   value.Items.Length > 5
!               ^
EOF
wrong 'value.Handle.Name == "x"' Members.Ship <<'EOF'
! rejit: condition: column 14: IDisposable is an interface: its members are code, which a condition does not run
!   value.Handle.Name == "x"
!                ^
EOF
wrong 'value.Sent.Ticks > 5' Members.Ship <<'EOF'
! rejit: condition: column 11: DateTime is no object: it has no members that could be compared
!   value.Sent.Ticks > 5
!             ^
EOF
wrong 'value.To[0] == null' Members.Ship <<'EOF'
! rejit: condition: column 9: Recipient is no array, List or Dictionary
!   value.To[0] == null
!           ^
EOF
wrong 'value.Items[x] == null' Members.Ship <<'EOF'
! rejit: condition: column 12: an index is a whole number or a text; write items[0] or map["key"]
!   value.Items[x] == null
!              ^
EOF
wrong 'value.Number == "x"' Members.Ship <<'EOF'
! rejit: condition: column 17: 'value.Number' is long; compare it with a number
!   value.Number == "x"
!                   ^
EOF
wrong 'value.To._city > "x"' Members.Ship <<'EOF'
! rejit: condition: column 18: 'value.To._city' is string; compare it with == or !=
!   value.To._city > "x"
!                    ^
EOF
wrong 'this.X == 5' Members.Ship <<'EOF'
! rejit: condition: column 1: no argument 'this'; Target.Members.Ship has value
!   this.X == 5
!   ^
EOF
wrong 'this == null' Depot.Take <<'EOF'
! rejit: condition: column 1: 'this' is never null; compare one of its members: this.Name
!   this == null
!   ^
EOF
wrong 'this.stock == 1' Depot.Take <<'EOF'
! rejit: condition: column 6: 'stock' is no field or automatic property of Target.Depot; it has _stock
!   this.stock == 1
!        ^
EOF
wrong '' Work.Add <<'EOF'
! rejit: condition: column 1: the condition is empty; write n > 100
EOF
check 'nothing was instrumented' 0 list "$pid" <<'EOF'
nothing is instrumented

the agent holds SIZE
EOF
stop
finish
