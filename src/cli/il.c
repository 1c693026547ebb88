/* rejit il: what a method's IL is, and what instrumentation has made of it. */
#include "cli/cli.h"

#include <unistd.h>

static int print(const options *o, rj_session *s, const void *found)
{
    const rj_ils *m = found;
    (void)s;
    buf_t b = {0};
    if (!m->count) return target_no_match(o, m->nearest, m->nearest_count);
    const out_style style = {.colour = console_colour(STDOUT_FILENO)};
    for (size_t i = 0; i < m->count; i++) {
        if (o->json) {
            out_json_il(&b, &m->items[i], o->diff);
        } else {
            if (i) buf_u8(&b, '\n');
            out_il(&b, &m->items[i], o->diff, &style);
        }
    }
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
    target_say_left_out(o, m->count, m->total);
    return EXIT_DONE;
}

static bool ask(const options *o, rj_session *s, void *found, rj_error *e)
{
    return rj_read_il(s, (const char *const *)o->args + 1, o->arg_count - 1, o->max_methods, found, e);
}

int verb_il(const options *o)
{
    static const target_query query = {"reading", ask, print};
    rj_ils m = {.count = 0};
    int code = target_ask(o, VERB_IL, &query, &m);
    rj_free(m.memory);
    return code;
}
