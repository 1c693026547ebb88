# Completion of rejit for bash: verbs, their options, and processes.

# "PID" and entry assembly of every process that `rejit ps` lists.
_rejit_processes() {
    "$1" ps 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { print $1; if ($3 != "-") print $3 }'
}

# How many positional arguments stand between the verb and the cursor.
_rejit_positionals() {
    local i count=0 word
    for ((i = 2; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --) ;;
            -w | --watch | -o | --output | --pdb | --log | --slow | -d | --depth | --if | -m | --max-methods | -n | --count | -t | --duration | -i | --interval | -b | --by | --budget | -k | --keep | --type | --frames | -p | --print)
                ((i++)) ;;
            -*) ;;
            *) ((count++)) ;;
        esac
    done
    echo "$count"
}

_rejit() {
    local verbs="ps run attach find il asm watch stat top stack new trace throws before line list revert doctor repl help"
    local shown="--no-args --return --this --throws --slow --depth --sync --reveal"
    local streams="--if --count --duration --budget --max-methods --json"
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]:-} i
    COMPREPLY=()

    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$verbs --help --version" -- "$current")
        return
    fi
    # Behind `run ... --` stands somebody else's command.
    if [[ $verb == run ]]; then
        for ((i = 2; i < COMP_CWORD; i++)); do
            if [[ ${COMP_WORDS[i]} == -- ]]; then
                if declare -F _command_offset >/dev/null; then
                    _command_offset $((i + 1))
                else
                    mapfile -t COMPREPLY < <(compgen -A file -- "$current")
                fi
                return
            fi
        done
    fi
    case $previous in
        --log)
            mapfile -t COMPREPLY < <(compgen -W "off error warning info debug" -- "$current")
            return
            ;;
        -o | --output | --pdb)
            mapfile -t COMPREPLY < <(compgen -A file -- "$current")
            return
            ;;
        -w | --watch | --deep | --into | --min | --slow | -d | --depth | --if | -m | --max-methods | -n | --count | -t | --duration | -i | --interval | --budget | -k | --keep | --type | --frames)
            return
            ;;
    esac
    if [[ $current == -* ]]; then
        local options="--help"
        case $verb in
            run) options+=" --watch --children --output $shown $streams --" ;;
            watch) options+=" $shown $streams" ;;
            stat) options+=" --interval --by --hist --reveal --sync $streams" ;;
            top) options+=" --interval --async --sync --deep --if --budget --pdb --no-lines --max-methods" ;;
            stack | new) options+=" --async --pdb --no-lines $streams" ;;
            throws) options+=" --type --frames --pdb --no-lines --count --duration --budget --json" ;;
            before) options+=" --keep --no-args --return --this --depth --reveal $streams" ;;
            trace) options+=" --deep --into --min --throws $streams" ;;
            line) options+=" --locals --print --no-args --this --depth --reveal --pdb $streams" ;;
            find) options+=" --max-methods --json" ;;
            il | asm) options+=" --diff --max-methods --json" ;;
            revert) options+=" --all --yes --json" ;;
            attach) options+=" --log --json" ;;
            ps | list | doctor) options+=" --json" ;;
            help) options= ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        return
    fi
    case $verb in
        help)
            if ((COMP_CWORD == 2)); then
                mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$current")
            fi
            ;;
        attach | find | il | asm | watch | stat | top | stack | trace | throws | before | line | list | revert | doctor | repl)
            if (($(_rejit_positionals) == 0)); then
                mapfile -t COMPREPLY < <(compgen -W "$(_rejit_processes "${COMP_WORDS[0]}")" -- "$current")
            fi
            ;;
    esac
}

complete -F _rejit rejit
