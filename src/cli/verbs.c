/* The verbs, in the order in which help lists them. */
#include "cli/cli.h"

const verb verbs[VERBS] = {
    [VERB_PS] = {"ps", "", "list the .NET processes that can be reached", verb_ps, 0, 0},
    [VERB_RUN] = {"run", "[OPTIONS] -- PROGRAM [ARGS]",
                  "start a program with the agent in it from the first instruction", verb_run, 1, SIZE_MAX},
    [VERB_ATTACH] = {"attach", "PID", "put the agent into a process", verb_attach, 1, 1},
    [VERB_FIND] = {"find", "PID PATTERN...", "list the methods that match", verb_find, 2, SIZE_MAX},
    [VERB_IL] = {"il", "PID PATTERN...", "show the IL of the methods that match, as it was and as it is now", verb_il,
                 2, SIZE_MAX},
    [VERB_ASM] = {"asm", "PID PATTERN...", "show the native code of the methods that match", verb_asm, 2, SIZE_MAX},
    [VERB_WATCH] = {"watch", "PID PATTERN...", "print the calls of the methods that match, as they happen", verb_watch,
                    2, SIZE_MAX},
    [VERB_STAT] = {"stat", "PID PATTERN...", "count and time the calls of the methods that match", verb_stat, 2,
                   SIZE_MAX},
    [VERB_TOP] = {"top", "PID [PATTERN...]", "show the busiest of the methods that match, live, on the whole screen",
                  verb_top, 1, SIZE_MAX},
    [VERB_STACK] = {"stack", "PID PATTERN...", "show who calls the methods that match", verb_stack, 2, SIZE_MAX},
    [VERB_NEW] = {"new", "PID TYPE...", "show who makes objects of these types, and how many", verb_new, 2, SIZE_MAX},
    [VERB_TRACE] = {"trace", "PID PATTERN...", "show what each call of the methods that match calls, as a tree",
                    verb_trace, 2, SIZE_MAX},
    [VERB_THROWS] = {"throws", "PID", "print every exception as it is thrown, caught or not", verb_throws, 1, 1},
    [VERB_BEFORE] = {"before", "PID PATTERN...",
                     "show the calls that led to an exception, or to what a condition picks", verb_before, 2, SIZE_MAX},
    [VERB_LINE] = {"line", "PID FILE:LINE...", "show arguments and variables each time that a line is reached",
                   verb_line, 2, SIZE_MAX},
    [VERB_LIST] = {"list", "PID", "show what is instrumented now, and for whom", verb_list, 1, 1},
    [VERB_REVERT] = {"revert", "PID [PATTERN...]", "take instrumentation away", verb_revert, 1, SIZE_MAX},
    [VERB_DOCTOR] = {"doctor", "PID", "check everything that attaching needs", verb_doctor, 1, 1},
    [VERB_REPL] = {"repl", "PID", "a prompt for all of these, with names completed; rejit PID for short", verb_repl, 1,
                   1},
    [VERB_HELP] = {"help", "[VERB]", "explain the command or one of its verbs", verb_help, 0, 1},
};

verb_id verb_named(const char *name)
{
    int i = 0;
    while (i < VERBS && strcmp(verbs[i].name, name) != 0)
        i++;
    return (verb_id)i;
}
