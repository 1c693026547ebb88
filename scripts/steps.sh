# shellcheck shell=bash
# Steps with their elapsed time, for ./dev and the scripts beside this file (sourced, not run).

# elapsed_text SECONDS
elapsed_text() {
    local s=$1
    if ((s < 60)); then printf '%d s' "$s"; else printf '%d min %02d s' $((s / 60)) $((s % 60)); fi
}

heading() {
    printf '\n== %s\n' "$1"
}

# try_step TEXT COMMAND...: run a command with its output in build/log/, show TEXT, its progress and its time. On failure
# show the end of the output and return the command's status. `set -e` is out of force in COMMAND where it is a function:
# such a function joins its commands by &&.
try_step() {
    local text=$1 log started rc=0
    shift
    mkdir -p build/log
    log=build/log/$(tr -cs 'a-zA-Z0-9' '-' <<<"${text:0:40}" | sed 's/-*$//').log
    started=$SECONDS
    printf '== %s ... ' "$text"
    "$@" >"$log" 2>&1 &
    local child=$!
    if [[ -t 1 ]]; then
        while kill -0 "$child" 2>/dev/null; do
            printf '\r== %s ... %s ' "$text" "$(elapsed_text $((SECONDS - started)))"
            read -rt 1 <> <(:) || true
        done
        printf '\r== %s ... ' "$text"
    fi
    wait "$child" || rc=$?
    if ((rc)); then
        printf 'FAILED after %s (%s)\n' "$(elapsed_text $((SECONDS - started)))" "$log"
        tail -n 60 "$log"
        return "$rc"
    fi
    printf 'done, %s\n' "$(elapsed_text $((SECONDS - started)))"
}

# step TEXT COMMAND...: the same, and the script ends on failure.
step() {
    try_step "$@" || exit $?
}
