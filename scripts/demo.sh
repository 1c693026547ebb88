#!/usr/bin/env bash
# The story of rejit, on the example shop: scripts/demo.sh [--quick]   (./dev demo builds first)
#
# A web shop serves customers. rejit looks in, shows its live calls, leaves; the shop is as fast as before and no customer
# noticed. The script ends with 0 only if it was so. --quick: a few seconds for each act.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
# shellcheck source=scripts/steps.sh
. scripts/steps.sh

rejit=$PWD/${REJIT_BUILD:-build}/bin/rejit
[[ ${REJIT_BUILD:-} == /* ]] && rejit=$REJIT_BUILD/bin/rejit
warm_s=5 warm_most=5 bare_s=5 watch_s=5 stat_s=3 count_s=3
case ${1:-} in
--quick) warm_s=2 warm_most=1 bare_s=1 watch_s=2 stat_s=1 count_s=1 ;;
'') ;;
*)
    echo "usage: scripts/demo.sh [--quick]" >&2
    exit 2
    ;;
esac

bold='' dim='' red='' green='' reset=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' reset=$'\e[0m'
fi

# ---- what must not stay behind ---------------------------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/rejit-demo.XXXXXX")
shop='' load=''
children=()
clean_up() {
    local pid
    trap - EXIT INT TERM ERR
    for pid in "${children[@]}" $load $shop; do kill -TERM "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'echo; exit 130' INT
trap 'exit 143' TERM

fail() {
    printf '\n%s%s%s\n' "$red" "The demo failed: $*" "$reset" >&2
    exit 1
}
set -E
trap 'fail "$BASH_COMMAND (line $LINENO)"' ERR

# ---- how it looks ----------------------------------------------------------------------------------------------------

act() {
    printf '\n%s== %s%s\n' "$bold" "$1" "$reset"
}

# prompt ARGUMENT...: the command as a person would type it.
prompt() {
    local word text='rejit'
    for word in "$@"; do
        [[ $word == *[!A-Za-z0-9_./+-]* ]] && word="'$word'"
        text+=" $word"
    done
    printf '\n%s$ %s%s\n' "$green" "${text/ $shop/ shop}" "$reset"
}

pause() {
    sleep "$1" &
    wait $! || true # a trap can come through
}

# ---- the shop and its customers --------------------------------------------------------------------------------------

start_shop() {
    local tries
    : >"$work/shop.log" # it is read before the shop has opened it
    dotnet build/apps/shop/shop.dll --urls http://127.0.0.1:0 >"$work/shop.log" 2>&1 &
    shop=$!
    for ((tries = 0; tries < 600; tries++)); do
        url=$(sed -n 's/.*Now listening on: //p' "$work/shop.log" | head -n 1)
        [[ -n $url ]] && curl -sf "$url/health" >/dev/null && return
        kill -0 "$shop" 2>/dev/null || break
        pause 0.1
    done
    tail -n 20 "$work/shop.log" >&2
    fail "the shop did not start"
}

# begin_load SECONDS: customers come, in the background.
begin_load() {
    wrk -t1 -c8 --timeout 30s -d"$1"s -s examples/shop/load.lua "$url" >"$work/wrk.out" 2>&1 &
    load=$!
}

total=0
# end_load: waits for them and checks that each got what he should; sets `rate`.
end_load() {
    local answers failed
    wait "$load" || fail "the load generator: $(cat "$work/wrk.out")"
    load=''
    rate=$(sed -n 's/^Requests\/sec: *\([0-9]*\).*/\1/p' "$work/wrk.out")
    answers=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$work/wrk.out")
    failed=$(sed -n 's/^unexpected: //p' "$work/wrk.out")
    [[ $failed == 0 && ${answers:-0} -gt 0 ]] || fail "${failed:-some} requests failed: $(cat "$work/wrk.out")"
    total=$((total + answers))
}

announced=''
# progress TEXT SECONDS: counts down while something runs.
progress() {
    local i
    if [[ ! -t 1 ]]; then
        [[ $1 == "$announced" ]] || printf '%s ...\n' "$1"
        announced=$1
        pause "$2"
        return
    fi
    for ((i = $2; i > 0; i--)); do
        printf '\r%s ... %d s ' "$1" "$i"
        pause 1
    done
    printf '\r%*s\r' $((${#1} + 12)) ''
}

# cpu_ticks: what the shop has used so far.
cpu_ticks() {
    local f
    f=$(<"/proc/$shop/stat")
    f=${f##*) }
    # shellcheck disable=SC2086 # fields
    set -- $f
    echo $((${12} + ${13}))
}

# serve TEXT SECONDS: load for so long; sets `rate` and `us`, the CPU time that the shop takes for a request.
serve() {
    local ticks answers=$total
    ticks=$(cpu_ticks)
    begin_load "$2"
    progress "$1" "$2"
    end_load
    us=$((($(cpu_ticks) - ticks) * 1000000 / $(getconf CLK_TCK) / (total - answers)))
}

# warm_up TEXT: load until requests stop getting cheaper: the runtime has compiled what is hot for good.
warm_up() {
    local best=0 i same=0
    for ((i = 0; i < warm_most && same < 3; i++)); do
        serve "$1" "$warm_s"
        if ((best == 0 || us * 100 < best * 95)); then same=0; else same=$((same + 1)); fi
        if ((best == 0 || us < best)); then best=$us; fi
    done
}

rates=()
# remember WHAT: the throughput of the load that has ended.
remember() {
    rates+=("$rate $1")
}

show_rates() {
    local most=1 line value bar
    for line in "${rates[@]}"; do ((${line%% *} > most)) && most=${line%% *}; done
    for line in "${rates[@]}"; do
        value=${line%% *}
        printf -v bar '%*s' $((value * 40 / most)) ''
        printf '  %-34s %6d requests/s  %s%s%s\n' "${line#* }" "$value" "$green" "${bar// /#}" "$reset"
    done
}

# ---- rejit -----------------------------------------------------------------------------------------------------------

# until_line FILE REGEX: waits for a line that another process writes.
until_line() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        grep -qE "$2" "$1" 2>/dev/null && return
        pause 0.1
    done
    fail "no '$2' came: $(cat "$1")"
}

end_rejit() { # end_rejit PID: as Ctrl-C does
    local code=0
    kill -INT "$1" 2>/dev/null || true
    wait "$1" || code=$?
    children=()
    ((code == 0)) || fail "rejit ended with $code"
}

nothing_left() {
    "$rejit" list "$shop" --json >"$work/list.json"
    ! grep -q '"method"' "$work/list.json" || fail "instrumentation was left behind: $(cat "$work/list.json")"
}

watched=(Shop.Pricing.Total CardGateway.Authorise CatalogueService.FindAsync CartService.AddAsync)

# show_calls FILE SECONDS: of many hundred calls a second, as many as a person can read: the latest of each method in turn.
show_calls() {
    local end=$((SECONDS + $2)) shown='' line name i=0 pattern
    while ((SECONDS < end)); do
        pattern=${watched[i++ % ${#watched[@]}]}
        line=$(tail -n 400 "$1" | grep -F ".${pattern#Shop.}(" | tail -n 1 || true)
        if [[ -n $line && $line != "$shown" ]]; then
            name=${line%%(*}
            name=${name##* }
            line=${line/"$name"/"$bold$name$reset"}
            printf '%s\n' "${line/ ! / $red! }$reset"
            shown=$line
        fi
        pause 0.2
    done
}

# ---- the story -------------------------------------------------------------------------------------------------------

# CTest has built it.
[[ -n ${REJIT_BUILD:-} ]] || step "build the shop" scripts/apps.sh shop
[[ -x $rejit ]] || fail "$rejit is missing: ./dev build"

act "A shop opens"
start_shop
echo "The example shop (ASP.NET Core, SQLite) serves at $url, process $shop. Nobody prepared it for what follows."
warm_up "Customers come, and the runtime compiles what is hot"
serve "Throughput as it is" "$bare_s"
bare_us=$us
remember "bare"
echo "$rate requests a second, $us us of CPU time each."

act "rejit looks in, while the shop serves"
begin_load $((watch_s + 4))
pause 0.5
prompt ps
"$rejit" ps | grep -E "PID|^ *$shop "
prompt attach "$shop"
"$rejit" attach "$shop"
prompt watch "$shop" "${watched[@]}" --return
"$rejit" watch "$shop" "${watched[@]}" --return >"$work/calls.txt" 2>"$work/watch.err" &
children=($!)
until_line "$work/watch.err" 'Ctrl-C ends'
cat "$work/watch.err"
show_calls "$work/calls.txt" "$watch_s"
end_rejit "${children[0]}"
calls=$(wc -l <"$work/calls.txt")
((calls > 0)) || fail "no call was seen"
for pattern in "${watched[@]}"; do
    grep -qF ".${pattern#Shop.}(" "$work/calls.txt" || fail "no call of $pattern was seen"
done
tail -n 1 "$work/watch.err"
echo "${dim}(all $calls lines were written; a few of them are shown)$reset"
prompt watch "$shop" 'Shop.*' --throws --count 4
"$rejit" watch "$shop" 'Shop.*' --throws --count 4 --duration 10 2>&1 | tee "$work/throws.txt" |
    sed "s/ ! .*/$red&$reset/"
grep -q '! ' "$work/throws.txt" || fail "no exception was seen"
end_load
remember "four methods watched"

act "How often, how long, who calls"
begin_load $((stat_s + 4))
timed=('CatalogueService.*Async' 'CartService.AddAsync' 'OrderService.*Async' 'CardGateway.*' 'Shop.Pricing.*')
prompt stat "$shop" "${timed[@]}" --duration "$stat_s"
"$rejit" stat "$shop" "${timed[@]}" --duration "$stat_s" --interval "$stat_s" >"$work/stat.txt" 2>"$work/stat.err" &
children=($!)
until_line "$work/stat.err" 'Ctrl-C ends'
pause 0.5
"$rejit" list "$shop" >"$work/list.txt"
wait "${children[0]}" || fail "rejit stat ended with $?"
children=()
grep -qE '^ +[0-9,]+ .*Shop\.' "$work/stat.txt" || fail "stat counted nothing: $(cat "$work/stat.txt")"
head -n 14 "$work/stat.txt"
tail -n 1 "$work/stat.err"
prompt stack "$shop" Shop.Pricing.Total --count 100
"$rejit" stack "$shop" Shop.Pricing.Total --count 100 --duration 10 >"$work/stack.txt" 2>"$work/stack.err"
grep -q 'called by' "$work/stack.txt" || fail "no caller was seen"
head -n 8 "$work/stack.txt"
echo "${dim}... $(($(wc -l <"$work/stack.txt") - 8)) lines more$reset"
printf '\n%sWhile stat ran, another terminal saw this:%s' "$dim" "$reset"
prompt list "$shop"
head -n 6 "$work/list.txt"
echo "${dim}... $(($(wc -l <"$work/list.txt") - 6)) lines more$reset"
end_load
remember "timed and traced"

act "Every call counts"
# /stats has the shop's own count of some of its methods. Nobody is in the shop at either end.
own_counts() {
    local now='' before
    until [[ -n $now && $now == "$before" ]]; do
        before=$now
        pause 0.3
        now=$(curl -sf "$url/stats" | sed 's/"calls":{\([^}]*\)}.*/\1/;s/^{//' | tr ',' '\n' | tr -d '"' | grep -v '^Shop.Background')
    done
    echo "$now"
}
counted=(Shop.Pricing.Total CatalogueService.FindAsync CatalogueService.ListAsync CartService.AddAsync OrderService.PlaceAsync
    CardGateway.ChargeAsync)
own_counts >"$work/before.txt"
"$rejit" stat "$shop" "${counted[@]}" --json >"$work/count.json" 2>"$work/count.err" &
children=($!)
until_line "$work/count.json" '"event":"start"'
serve "Counting on both sides" "$count_s"
own_counts >"$work/after.txt"
end_rejit "${children[0]}"
printf '  %-48s %12s %12s\n' "" "the shop" "rejit"
for pattern in "${counted[@]}"; do
    method=$(grep -F ".${pattern#Shop.}:" "$work/after.txt" | cut -d: -f1)
    own=$(($(grep -F "$method:" "$work/after.txt" | cut -d: -f2) - $(grep -F "$method:" "$work/before.txt" | cut -d: -f2 || echo 0)))
    seen=$(grep -F "\"method\":\"$method(" "$work/count.json" | tail -n 1 | sed 's/.*"calls":\([0-9]*\).*/\1/')
    printf '  %-48s %12d %12d\n' "$method" "$own" "${seen:-0}"
    [[ $own == "${seen:-0}" ]] || fail "rejit counted ${seen:-0} calls of $method, the shop $own"
done
echo "Not one call was missed."

act "rejit has gone"
prompt list "$shop"
"$rejit" list "$shop" | head -n 1
nothing_left
warm_up "Customers go on, and what was instrumented becomes hot again"
serve "Throughput now" "$bare_s"
after_us=$us
remember "after rejit has gone"
kill -0 "$shop" 2>/dev/null || fail "the shop has ended"

act "The story in figures"
show_rates
printf '  CPU time a request: %d us bare, %d us after.\n' "$bare_us" "$after_us"
printf '  %s%d requests, not one failed.%s Nothing of rejit is at work in the shop any more.\n' "$bold" "$total" "$reset"
