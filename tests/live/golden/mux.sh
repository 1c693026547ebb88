# A terminal for verbs that take keys: tmux, to which keys are sent and whose screen can be read. Sourced behind golden.sh.
# shellcheck shell=bash
#
# shellcheck disable=SC2154,SC2120 # work and rejit are golden.sh's; arguments are passed by some cases
command -v tmux >/dev/null || { echo "tmux is missing: ./dev deps" && exit 1; }
unset TMUX TMUX_PANE
export TMUX_TMPDIR=$work SHELL=$BASH # which runs what a session is given
mux=(tmux -L none -f /dev/null)
terminals=0
trap '"${mux[@]}" kill-server 2>/dev/null; cleanup' EXIT
seconds=10 # that a screen may take

# open COLUMNSxROWS [VAR=VALUE...] ARG...: rejit on a new terminal, which tells its exit code when it has ended, and whether
# the terminal is set as before.
open() {
    local columns=${1%x*} rows=${1#*x} words
    shift
    local settings=()
    while [[ ${1-} == [A-Z]*=* ]]; do
        settings+=("$1")
        shift
    done
    words=$(printf '%q ' env "${settings[@]}" "$rejit" "$@")
    "${mux[@]}" kill-server 2>/dev/null
    mux=(tmux -L $((++terminals)) -f /dev/null) # the one before may still be about to end
    "${mux[@]}" new-session -d -x "$columns" -y "$rows" \
        "stty -g >$work/before; echo before; $words; code=\$?; stty -g | cmp - $work/before && echo exit=\$code; exec cat"
}

keys() { "${mux[@]}" send-keys -- "$@"; }
text() { "${mux[@]}" send-keys -l -- "$1"; }
screen() { "${mux[@]}" capture-pane -p "$@"; }

# shows TITLE PATTERN [LINE]: the screen comes to have a line with it, or has it in that line; without it, what follows would
# mean nothing.
shows() {
    local end=$((SECONDS + seconds)) line=${3:-1,\$}
    checks=$((checks + 1))
    until screen >"$work/screen" && sed -n "${line}p" "$work/screen" | grep -qE "$2"; do
        ((SECONDS < end)) || { fail "$1: no '$2' on the screen" "$work/screen"; finish; }
        sleep 0.02
    done
}

# lacks TITLE PATTERN: it comes to have none.
lacks() {
    local end=$((SECONDS + seconds))
    checks=$((checks + 1))
    while screen >"$work/screen" && grep -qE "$2" "$work/screen"; do
        ((SECONDS < end)) || { fail "$1: '$2' stays on the screen" "$work/screen"; finish; }
        sleep 0.02
    done
}
