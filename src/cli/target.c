/* From what was typed to a session. */
#include "cli/cli.h"
#include "query/query.h"

#include <stdio.h>

static void show(void *owner, const char *text)
{
    (void)owner;
    console_progress(text);
}

rj_session *target_open(const char *pid_or_name, verb_id id, bool attach, int *code)
{
    char name[64];
    int32_t pid;
    rj_error e = {0};
    snprintf(name, sizeof name, "rejit %s", verbs[id].name);
    rj_options o = {.name = name, .progress = show};
    rj_session *s = NULL;
    if (rj_resolve(pid_or_name, &pid, &e)) s = attach ? rj_attach(pid, &o, &e) : rj_connect(pid, &o, &e);
    console_progress(NULL);
    if (!s) {
        *code = console_error(&e);
        return NULL;
    }
    const rj_state *state = rj_session_state(s);
    if (strcmp(state->agent, rj_version()) != 0)
        console_say(
            "the agent in process %d is version %s, this is rejit %s: what one of them does not know is left out", pid,
            state->agent, rj_version());
    return s;
}

/* Shows where in the text it is. */
static int point_at(const char *what, const char *text, const char *message, int64_t at)
{
    console_say("%s: %s", what, message);
    if (at >= 0 && *text && (size_t)at <= strlen(text)) {
        buf_t b = {0};
        buf_str(&b, "  ");
        out_safe_text(&b, text);
        buf_printf(&b, "\n  %*s^\n", (int)out_width(text, (size_t)at), "");
        console_write(2, &b);
        buf_free(&b);
    }
    return EXIT_USAGE;
}

int target_check(const options *o, const char *const *patterns, size_t count)
{
    arena a = {0};
    err_t e = {0};
    int code = -1;
    for (size_t i = 0; i < count && code < 0; i++)
        if (!query_pattern_parse(&a, patterns[i], &e)) code = point_at("pattern", patterns[i], e.text, e.at);
    if (code < 0 && o->condition && !query_condition_parse(&a, o->condition, &e))
        code = point_at("condition", o->condition, e.text, e.at);
    if (code < 0 && o->by && !query_key_parse(&a, o->by, &e)) code = point_at("key", o->by, e.text, e.at);
    arena_free(&a);
    return code;
}

int target_ask(const options *o, verb_id id, const target_query *q, void *found)
{
    int code = target_check(o, (const char *const *)o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], id, true, &code);
    if (!s) return code;
    rj_error e = {0};
    console_progress(q->doing);
    bool ok = q->ask(o, s, found, &e);
    console_progress(NULL);
    code = ok ? q->print(o, s, found) : console_error(&e);
    rj_close(s);
    return code;
}

int target_no_match(const options *o, const char *const *nearest, size_t count)
{
    buf_t b = {0};
    for (size_t i = 0; i < count; i++)
        buf_printf(&b, "%s%s", i ? ", " : "; near it: ", nearest[i]);
    console_say("no method matches %s%s%s", o->args[1], o->arg_count > 2 ? " or the others" : "", buf_cstr(&b));
    buf_free(&b);
    return EXIT_NO_MATCH;
}

void target_say_left_out(const options *o, size_t shown, uint32_t total)
{
    if (total <= shown) return;
    if (shown < o->max_methods)
        console_say("%zu of %u methods are shown: an answer has no room for more; name fewer", shown, total);
    else
        console_say("%zu of %u methods are shown: --max-methods %u shows them all", shown, total, total);
}

int target_refused(const options *o, const rj_error *e)
{
    static const char key[] = "key: ";
    const bool of_key = o->by && strncmp(e->text, key, sizeof key - 1) == 0;
    if (e->code != RJ_USAGE || e->at < 0 || (!of_key && !o->condition)) return console_error(e);
    return of_key ? point_at("key", o->by, e->text + sizeof key - 1, e->at)
                  : point_at("condition", o->condition, e->text, e->at);
}
