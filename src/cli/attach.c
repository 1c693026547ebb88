/* rejit attach: put the agent in. */
#include "cli/cli.h"

#include <unistd.h>

int verb_attach(const options *o)
{
    int code;
    const char *log = NULL;
    rj_error e = {0};
    rj_session *s = target_open(o->args[0], VERB_ATTACH, true, &code);
    if (!s) return code;
    if (o->log && !rj_log(s, o->log, &log, &e)) {
        rj_close(s);
        return console_error(&e);
    }
    const rj_state *t = rj_session_state(s);
    buf_t b = {0};
    if (o->json) {
        buf_printf(&b, "{\"pid\":%d,\"agent\":", t->pid);
        out_json_text(&b, t->agent);
        buf_str(&b, ",\"runtime\":");
        out_json_text(&b, t->runtime);
        buf_str(&b, ",\"state\":");
        out_json_text(&b, t->text);
        buf_printf(&b, ",\"attached\":%s,\"fresh\":%s", t->attached ? "true" : "false", t->fresh ? "true" : "false");
        if (log) {
            buf_str(&b, ",\"log\":");
            out_json_text(&b, log);
        }
        buf_str(&b, "}\n");
    } else {
        buf_printf(&b, "process %d, .NET ", t->pid);
        out_safe_text(&b, t->runtime);
        buf_str(&b, ": agent ");
        out_safe_text(&b, t->agent);
        buf_str(&b, t->fresh ? " put in, " : " was there already, ");
        out_safe_text(&b, t->text);
        buf_u8(&b, '\n');
        if (log) {
            buf_str(&b, "its log: ");
            out_safe_text(&b, log);
            buf_u8(&b, '\n');
        }
    }
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
    rj_close(s);
    return EXIT_DONE;
}
