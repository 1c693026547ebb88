#!/usr/bin/env bash
# What rejit costs: scripts/bench.sh [--quick]   (./dev bench builds first)
#
# Prints a table and writes docs/performance.md. --quick takes few samples and writes nothing; it fails where a figure is
# missing or absurd.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
# shellcheck source=scripts/steps.sh
. scripts/steps.sh

quick=''
case ${1:-} in
--quick) quick=quick ;;
'') ;;
*)
    echo "usage: scripts/bench.sh [--quick]" >&2
    exit 2
    ;;
esac

tree=${REJIT_BUILD:-$PWD/build/release}
apps=(Bench Corpus Late Startup Target shop)
frameworks=$(dirname "$(readlink -f "$(command -v dotnet)")")/shared

build_tools() {
    flock "$tree/.lock" cmake --build "$tree" --target rejit_bench corpus_weave
}
if [[ -z ${REJIT_BUILD:-} ]]; then # CTest has built them
    step "build the benchmark" build_tools
    step "build the applications" scripts/apps.sh "${apps[@]}"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/rejit-bench.XXXXXX")
spinners=()
running=''
clean_up() {
    trap - EXIT INT TERM
    for pid in "${spinners[@]}" $running; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A CPU that falls idle is slow when it wakes, and a hypervisor gives it away: idle-priority loops keep all of them awake.
for cpu in $(taskset -pc $$ | sed 's/.*: //' | tr ',' '\n' | sed 's/\([0-9]*\)-\([0-9]*\)/seq \1 \2/e'); do
    chrt --idle 0 taskset -c "$cpu" bash -c 'while kill -0 $PPID; do for ((i = 0; i < 1000000; i++)); do :; done; done' 2>/dev/null &
    spinners+=($!)
done

# ---- measuring -------------------------------------------------------------------------------------------------------

groups=()
titles=()

show() { # show FILE: the lines "key|what|median|min|max|relation|target|verdict" of one group
    local key what median least most relation target verdict
    printf '  %-46s %14s %8s %8s\n' '' median min max
    while IFS='|' read -r key what median least most relation target verdict; do
        [[ -n $key ]] || continue
        printf '  %-46s %14s %8s %8s  %s\n' "$what" "$median" "$least" "$most" \
            "${target:+$verdict ($target)${relation:+; }}$relation"
    done <"$1"
}

# measure GROUP TITLE COMMAND...: one group of figures.
measure() {
    local name=$1
    heading "$2"
    groups+=("$name")
    titles+=("$2")
    shift 2
    "$@" >"$work/$name" &
    running=$!
    wait "$running" || {
        echo "bench: the figures of '$name' could not be taken" >&2
        exit 1
    }
    running=''
    show "$work/$name"
}

program() {
    exec "$tree/tests/rejit_bench" "$1" build/apps "$tree/bin/rejit" examples/shop/load.lua ${quick:+"$quick"}
}

weave() {
    local i n=5 values
    [[ -z $quick ]] || n=1
    for ((i = 0; i < n; i++)); do
        "$tree/tests/corpus_weave" --alone "$frameworks" | tee -a "$work/weave.log" |
            sed -n 's/^\([0-9.]*\) us a method with the core to ourselves.*/\1/p' >>"$work/weave.us"
    done
    mapfile -t values < <(sort -g "$work/weave.us")
    ((${#values[@]} == n)) || return 1
    awk -v median="${values[n / 2]}" -v least="${values[0]}" -v most="${values[n - 1]}" \
        -v methods="$(sed -n 's/.* \([0-9]*\) bodies.*/\1/p' "$work/weave.log" | head -n 1)" 'BEGIN {
            printf "weave|weave a method, two layers, verified|%.2f us|%.2f|%.2f|%d methods|<= 5 us|%s\n",
                median, least, most, methods, median <= 5 ? "ok" : "missed" }'
}

measure calls "A call, in CPU time of its thread" program calls
measure attach "From attach to the first event" program attach
measure commit "Many methods at once" program commit
measure startup "Start of a program, to its first line" program startup
measure shop "The shop under load: CPU time a request, over bare" program shop
measure weave "Weaving every method of the shared frameworks" weave

# ---- the page, or the check ------------------------------------------------------------------------------------------

# value KEY: the median, without its unit.
value() {
    sed -n "s/^$1|[^|]*|\([-0-9.]*\).*/\1/p" "$work"/*
}

# gross KEY LIMIT: far beyond what noise can do.
gross() {
    awk -v v="$(value "$1")" -v most="$2" 'BEGIN { exit !(v != "" && v + 0 < most + 0) }' || {
        echo "bench: $1 is $(value "$1"), less than $2 was expected" >&2
        exit 1
    }
}

if [[ -n $quick ]]; then
    gross over-closed 5
    gross watch 500
    gross stat 500
    gross first-event 2000
    gross start-more 1000
    echo
    echo "Every figure was taken; none is absurd."
    exit 0
fi

page() {
    local i
    cat <<'END'
# What rejit costs

Written by `./dev bench`. Ratios and differences of one run, the sides alternating or side by side; each figure is a median, with the
smallest and the largest sample beside it. The targets are those of the design; a figure that misses one says so, or that
the noise of the machine is larger than what it is over.

END
    echo "- $(date -u +%Y-%m-%d), rejit $("$tree/bin/rejit" --version | grep -oE '[0-9]+\.[0-9.]+' | head -n 1)"
    echo "- $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs$(grep -q '^flags.* hypervisor' /proc/cpuinfo && echo ', virtual')"
    echo "- Linux $(uname -r | cut -d- -f1), .NET $(dotnet --list-runtimes | sed -n 's/^Microsoft.NETCore.App \([^ ]*\).*/\1/p' | tail -n 1), $(. /etc/os-release && echo "$PRETTY_NAME")"
    for i in "${!groups[@]}"; do
        printf '\n## %s\n\n' "${titles[i]}"
        echo '| what | median | min | max | target | | compared |'
        echo '|---|--:|--:|--:|---|---|---|'
        awk -F'|' -v OFS=' | ' '{ print "| " $2, $3, $4, $5, $7, $8, $6 " |" }' "$work/${groups[i]}" | sed 's/  */ /g'
    done
    cat <<'END'

## How it is measured

- Calls: loops of a method that must not be inlined, in CPU time of the thread, loop included, all code at tier 1 (the
  program is warmed until the JIT has nothing left to do). Each cycle takes a new process. *By hand* is what a careful
  engineer writes in C#: two `Stopwatch.GetTimestamp` and a ring of the thread's own, without the lock-free reader, the
  counting of what is lost, or the exceptions; most of what it costs more is its clock. What writes events runs in bursts that fit into a ring, is read in between
  by `librejit` on the same CPU, and every call must be there; *read on another CPU* adds what moving the cache lines costs.
- A virtual machine's core may have another guest at the same time, which takes half of what code with much to do at once gets
  done, and nothing of what waits for its own results, such as two `rdtsc` in a row. It comes and goes within milliseconds. Before and
  behind each sample of the calls a loop of known work is timed (`tests/bench/alone.h`); what counts is the median of samples
  beside which that took no longer than 1.15 times its best. How many those were, and what a recorded call took in the others, is in the table.
- Attach: a process that has run one command and sits idle; from `rj_attach` to the call in the handler, the call
  itself included.
- Many methods: from the request to the reply with all probes in place, and from the request to the reply that the runtime
  has taken them out again; new processes.
- Start: from `fork` to the first line that `Main` prints.
- The shop: two processes on one CPU, their loads (wrk, 8 connections each) on another, at the same time: what disturbs one
  disturbs the other. One is never touched. What the two differ by before anything is attached is taken out. Both run
  with `DOTNET_TieredCompilation=0` and `DOTNET_ReadyToRun=0`: otherwise requests get cheaper for minutes, by more than
  what is to be seen. CPU time a request is compared, since requests a second swing by a fifth from run to run on a
  virtual machine.
- Weaving: every body of every assembly of the shared frameworks, with a layer that captures all arguments and the result
  and a second that only counts, verified.
END
}
page >docs/performance.md
echo
echo "Written to docs/performance.md."
