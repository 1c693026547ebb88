# What the golden cases share; sourced by each of them with the number of a runtime as $1.
# shellcheck shell=bash
#
# A case starts a program of tests/apps (start), tells it what to do over its stdin (app), runs rejit and compares all that
# it prints with what is written in the case (check; begin and end, or begin and await, for a verb that streams). What differs
# from run to run is replaced first: see normalised. Nothing waits for a time: the start line of rejit, its end and the
# program's answers are what is waited for.
#
# shellcheck disable=SC2034 # cases use what is set here
set -uo pipefail

runtime=${1:?the number of a runtime: 8, 9 or 10}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
build=${REJIT_BUILD:-$root/build/release}
rejit=$build/bin/rejit
dotnet=$root/build/runtimes/$runtime/dotnet
apps=$root/build/apps
# A folder of temporary files for each case: the sockets in it are those of its own programs.
work=$(mktemp -d "${TMPDIR:-/tmp}/golden.XXXXXX")
export TMPDIR=$work TZ=UTC LC_ALL=C.UTF-8 TERM=xterm DOTNET_CLI_TELEMETRY_OPTOUT=1
unset NO_COLOR REJIT_AGENT
checks=0
failures=0
pid= # of the program under test
version= # of its runtime
answer=
code=
declare -A job=() drain=()

cleanup() {
    local p
    [ -z "$app_in" ] || exec {app_in}>&-
    for p in $(jobs -p); do kill -KILL "$p" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$work"
}
app_in=
trap cleanup EXIT

# fail TITLE [FILE]: one check has failed; FILE shows how.
fail() {
    failures=$((failures + 1))
    echo "not ok - $1"
    [ $# -lt 2 ] || sed 's/^/    /' "$2"
}

# ok TITLE CONDITION...: a check that is a command.
ok() {
    local title=$1
    shift
    checks=$((checks + 1))
    "$@" || fail "$title: $*"
}

equal() { [ "$1" = "$2" ]; }

# child_of PID: its first child.
child_of() { cut -d ' ' -f 1 "/proc/$1/task/$1/children"; }

# same TITLE: compares $work/actual with what stands on stdin.
same() {
    checks=$((checks + 1))
    cat >"$work/expected"
    diff -u --label expected --label actual "$work/expected" "$work/actual" >"$work/diff" || fail "$1" "$work/diff"
}

finish() {
    [ "$failures" = 0 ] && [ "$checks" -gt 0 ] || { echo "$failures of $checks checks failed" && exit 1; }
    echo "$checks checks passed on .NET $runtime"
}

# ---- the program under test ----

# start [VAR=VALUE...] [NAME [ARG...]]: starts a program (Target) that speaks the protocol; its pid is in $pid.
start() {
    local settings=()
    while [[ ${1-} == *=* ]]; do
        settings+=("$1")
        shift
    done
    local name=${1:-Target}
    [ $# = 0 ] || shift
    rm -f "$work/app.in" "$work/app.out"
    mkfifo "$work/app.in" "$work/app.out"
    env "${settings[@]}" "$dotnet" "$apps/$name/$name.dll" "$@" <"$work/app.in" >"$work/app.out" 2>"$work/app.err" &
    app_job=$!
    speak
}

# speak: opens the conversation over app.in and app.out and reads the first line.
speak() {
    exec {app_in}>"$work/app.in" {app_out}<"$work/app.out"
    read -r _ pid version <&"$app_out"
}

# app WORD...: tells the program something; its answer is in $answer.
app() {
    echo "$*" >&"$app_in"
    read -r answer <&"$app_out" || answer='no answer'
}

# stop: ends the program; its exit code is in $code.
stop() {
    echo "exit ${1:-0}" >&"$app_in"
    exec {app_in}>&- {app_out}<&-
    wait "$app_job"
    code=$?
}

# calls METHOD: how often the program says that it has called it. After `app counts`.
calls() {
    local n
    n=$(grep -oP "\"\Q$1\E\":\K[0-9]+" <<<"$answer")
    echo "${n:-0}"
}

# ---- rejit ----

# normalised: what differs from run to run becomes a word; the columns in front of a call go, and on a busy machine the
# note that threads were not looked at.
normalised() {
    sed -E -e "s|runtimes/$runtime/|runtimes/RUNTIME/|g" \
        -e 's/^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}  +[0-9.]+(ns|us|ms|s)  ([0-9]+\/)?[0-9]+  //' \
        -e 's/^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}  [0-9]+  ([A-Za-z]+\.cs:)/\1/' \
        -e 's/"(time|started|since)":[0-9]{19}\b/"\1":TIME/g' \
        -e 's/"thread":[0-9]+/"thread":TID/g' \
        -e 's/"(elapsed|mean|p50|p90|p99|max)_ns":[0-9]+/"\1_ns":NS/g' \
        -e 's/,"notes":\[\{"method":"[^"]*","reason":"[0-9]+ of [0-9]+ threads were not looked at[^"]*"\}\]//' \
        -e '/[0-9] threads were not looked at, to spare the process/d' \
        -e 's/"calls_per_s":[0-9.]+/"calls_per_s":RATE/g' \
        -e 's/"bytes":[1-9][0-9]*/"bytes":BYTES/g; s/"(inliners|metadata)":[0-9]+/"\1":N/g' \
        -e 's/"share":[0-9.]+/"share":SHARE/g; s/ +[0-9.]+%  25%,1M\/s,256MB /  SHARE  BUDGET/' \
        -e 's/ +[0-9.]+[KMG]?B\b/ SIZE/g; s/, of these SIZE for added metadata//' \
        -e 's/  [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}  /  TIME  /g' \
        -e "s/\\b${version:-not known}\\b/VERSION/g" \
        -e "s/\\(pid [0-9]+, user [^)]+\\)/(pid OTHER, user USER)/; s/belongs to $(id -un)\$/belongs to USER/" \
        -e 's/-[0-9]+-socket/-KEY-socket/g; s/(rejit-agent-[0-9.]+-)[0-9a-f]{16}/\1HASH/g' \
        -e "s|$build/|build/|g; s|$root/||g; s|$work|TMP|g" \
        -e "s/(\"pid\":|\\b[Pp]rocess |\\bpid |-CONT |-diagnostic-|rejit-|\/proc\/)${pid:-0}\\b/\\1PID/g" \
        -e 's/0x[0-9a-f]{8,}/ADDRESS/g'
}

# printed NAME: what a run has printed, its stderr behind "! ".
printed() {
    normalised <"$work/$1.out"
    sed -e 's/^/! /' -e 's/ *$//' "$work/$1.err" | normalised
}

is_json() {
    [ "$(jq -c . "$1" 2>"$work/jq" | wc -l)" = "$(wc -l <"$1")" ] && [ ! -s "$work/jq" ]
}

# judge TITLE NAME CODE: the exit code, the form, the output against stdin.
judge() {
    [ "$code" = "$3" ] || fail "$1: exit code $code, expected $3"
    case " ${words[$2]} " in
    *' --json '*) ok "$1: every line is one JSON object" is_json "$work/$2.out" ;;
    esac
    printed "$2" >"$work/actual"
    same "$1"
}
declare -A words=()

# check TITLE CODE ARG...: runs rejit; what it prints must be what stands on stdin.
check() {
    local title=$1 expected=$2
    shift 2
    words[check]="$*"
    timeout -k 5 60 "$rejit" "$@" >"$work/check.out" 2>"$work/check.err" </dev/null
    code=$?
    judge "$title" check "$expected"
}

# begin NAME ARG...: starts a verb that streams; returns when every probe is in place, or it has ended.
begin() {
    local name=$1 line fd to
    shift
    words[$name]="$*"
    rm -f "$work/$name.pipe"
    mkfifo "$work/$name.pipe"
    : >"$work/$name.out"
    : >"$work/$name.err"
    # The stream in which the start line comes goes through a pipe.
    case " $* " in
    *' --json '*)
        to=out
        "$rejit" "$@" >"$work/$name.pipe" 2>"$work/$name.err" </dev/null &
        ;;
    *)
        to=err
        "$rejit" "$@" 2>"$work/$name.pipe" >"$work/$name.out" </dev/null &
        ;;
    esac
    job[$name]=$!
    exec {fd}<"$work/$name.pipe"
    while IFS= read -r line <&"$fd"; do
        echo "$line" >>"$work/$name.$to"
        [[ $line == *'; Ctrl-C ends' || $line == '{"event":"start"'* ]] && break
    done
    cat <&"$fd" >>"$work/$name.$to" &
    drain[$name]=$!
    exec {fd}<&-
}

# gather NAME: waits for the end of a verb.
gather() {
    # The shell's own word on jobs that were killed is not wanted.
    wait "${job[$1]}" 2>/dev/null
    code=$?
    wait "${drain[$1]}"
}

# await TITLE NAME CODE: waits for a verb that ends by itself, and judges it.
await() {
    gather "$2"
    judge "$1" "$2" "$3"
}

# end TITLE NAME CODE: the same for one that is ended by Ctrl-C.
end() {
    kill -INT "${job[$2]}"
    await "$@"
}
