#!/usr/bin/env bash
# ps, and processes by the name of their entry assembly. Alone, in a pid namespace of its own, where that is allowed: other
# programs of these names may be running.
# shellcheck source-path=SCRIPTDIR source=golden.sh
alone=(unshare --pid --mount --mount-proc --fork)
if [ -z "${GOLDEN_ALONE-}" ]; then
    "${alone[@]}" true 2>/dev/null || alone=(env GOLDEN_COMPANY=1)
    GOLDEN_ALONE=1 exec "${alone[@]}" bash "$0" "$@"
fi
. "$(dirname "$0")/golden.sh"

# ours: of a list of processes, those that this case has started, by name and without their ages.
ours() {
    grep -E "^ *(PID|${first:-0}|${second:-0}) " | sed -E "s/^ +${first:-0} +/FIRST /; s/^ +${second:-0} +/SECOND /" | normalised |
        sed -E 's/VERSION +/VERSION /; s/ +[0-9]+m[0-9]{2}s +/ UPTIME /'
}

first='' second=''
[ -n "${GOLDEN_COMPANY-}" ] || check 'ps: nobody is there' 0 ps <<EOF
! rejit: no .NET process can be reached$([ "$(id -u)" = 0 ] || echo ' by this user')
EOF

start OddRunner
first=$pid
"$rejit" ps | ours >"$work/actual"
same 'ps: one' <<'EOF'
     PID  RUNTIME    ENTRY                       UPTIME  AGENT  COMMAND
FIRST VERSION OddRunner UPTIME -      build/runtimes/RUNTIME/dotnet build/apps/OddRunner/OddRunner.dll
EOF

# With company, several may have the name.
for spelling in OddRunner OddRunner.dll oddrunner; do
    "$rejit" attach "$spelling" >"$work/actual" 2>&1
    code=$?
    [ -z "${GOLDEN_COMPANY-}" ] || [ "$code" != 2 ] || "$rejit" attach "$first" >"$work/actual"
    ok "a process by its name, $spelling" grep -q "^process $first, " "$work/actual"
done

mkfifo "$work/second.in" "$work/second.out"
"$dotnet" "$apps/OddRunner/OddRunner.dll" <"$work/second.in" >"$work/second.out" &
exec {second_in}>"$work/second.in" {second_out}<"$work/second.out"
read -r _ second _ <&"$second_out"
"$rejit" ps | ours | sed 1d | sort >"$work/actual"
same 'ps: two, one with an agent' <<'EOF'
FIRST VERSION OddRunner UPTIME yes    build/runtimes/RUNTIME/dotnet build/apps/OddRunner/OddRunner.dll
SECOND VERSION OddRunner UPTIME -      build/runtimes/RUNTIME/dotnet build/apps/OddRunner/OddRunner.dll
EOF
"$rejit" attach OddRunner >"$work/out" 2>&1
ok 'a name that two have' equal "$?" 2
ok 'a name that two have: which they are' grep -qE "^rejit: [0-9]+ processes are called OddRunner, give the pid of one: .*$first \(.*$second \(" "$work/out"
"$rejit" attach NoSuchProgram >"$work/out" 2>&1
ok 'a name that nobody has' equal "$?" 3
ok 'a name that nobody has: those that there are' grep -qE \
    "^rejit: no .NET process is called NoSuchProgram; there are .*OddRunner \($first\), .*OddRunner \($second\)" "$work/out"

exec {second_in}>&- {second_out}<&-
app check
ok 'what no C# compiler writes runs as ever' equal "$answer" 'ok check 32'
stop
finish
