/* rejit revert: take instrumentation away. */
#include "cli/cli.h"

#include <unistd.h>

static bool sure(const options *o)
{
    if (!o->all || o->yes) return true;
    if (!isatty(STDIN_FILENO)) {
        console_say("revert --all takes everybody's instrumentation away: say --yes");
        return false;
    }
    return console_ask("Take everybody's instrumentation away?");
}

int verb_revert(const options *o)
{
    int code = target_check(o, (const char *const *)o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    if (!sure(o)) return EXIT_USAGE;
    rj_session *s = target_open(o->args[0], VERB_REVERT, false, &code);
    if (!s) return code;
    uint64_t methods = 0;
    rj_error e = {0};
    if (!rj_revert(s, (const char *const *)o->args + 1, o->arg_count - 1, o->all, &methods, &e)) {
        code = console_error(&e);
    } else if (!methods && o->arg_count > 1) {
        console_say("nothing of %s is instrumented that matches", o->all ? "anybody" : "this user");
        code = EXIT_NO_MATCH;
    } else {
        buf_t b = {0};
        if (o->json)
            buf_printf(&b, "{\"reverted\":%llu}\n", (unsigned long long)methods);
        else
            buf_printf(&b, "%llu method%s reverted\n", (unsigned long long)methods, methods == 1 ? "" : "s");
        console_write(STDOUT_FILENO, &b);
        buf_free(&b);
        code = EXIT_DONE;
    }
    rj_close(s);
    return code;
}
