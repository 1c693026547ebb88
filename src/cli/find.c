/* rejit find: which methods a pattern means. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static void put_text(buf_t *b, const rj_methods *m)
{
    if (m->count) buf_printf(b, "%-14s %7s  %-28s %s\n", "CODE", "IL", "MODULE", "METHOD");
    for (size_t i = 0; i < m->count; i++) {
        const rj_method *x = &m->items[i];
        buf_t module = {0};
        out_safe_text(&module, x->module);
        buf_printf(b, "%-14s %7u  %-28s ", x->code_kind, x->il_size, buf_cstr(&module));
        out_safe_text(b, x->name);
        if (*x->reason) {
            buf_str(b, "  -- not instrumentable: ");
            out_safe_text(b, x->reason);
        }
        if (*x->note) {
            buf_str(b, "  -- ");
            out_safe_text(b, x->note);
        }
        buf_u8(b, '\n');
        buf_free(&module);
    }
}

static int print(const options *o, rj_session *s, const void *found)
{
    const rj_methods *m = found;
    (void)s;
    buf_t b = {0};
    if (!m->count) return target_no_match(o, m->nearest, m->nearest_count);
    if (o->json)
        for (size_t i = 0; i < m->count; i++)
            out_json_method(&b, &m->items[i]);
    else
        put_text(&b, m);
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
    target_say_left_out(o, m->count, m->total);
    return EXIT_DONE;
}

static bool ask(const options *o, rj_session *s, void *found, rj_error *e)
{
    return rj_find(s, (const char *const *)o->args + 1, o->arg_count - 1, o->max_methods, found, e);
}

int verb_find(const options *o)
{
    static const target_query query = {"searching", ask, print};
    rj_methods m = {.count = 0};
    int code = target_ask(o, VERB_FIND, &query, &m);
    rj_free(m.memory);
    return code;
}
