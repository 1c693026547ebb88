/* rejit asm: the native code of a method, version by version. */
#include "cli/cli.h"

#include <unistd.h>

static bool print_method(const options *o, rj_session *s, const rj_native *m, buf_t *b, rj_error *e)
{
    const out_style style = {.colour = console_colour(STDOUT_FILENO)};
    out_code *c = out_code_new(m);
    size_t n = 0;
    const rj_address *addresses = c ? out_code_addresses(c, &n) : NULL;
    rj_names names = {.count = 0};
    bool ok = c && (!n || rj_name_addresses(s, addresses, n, &names, e));
    if (ok) {
        out_code_name(c, &names);
        if (o->json)
            out_json_asm(b, c, o->diff);
        else
            out_asm(b, c, o->diff, &style);
    }
    rj_free(names.memory);
    out_code_free(c);
    return ok;
}

static int print(const options *o, rj_session *s, const void *found)
{
    const rj_natives *m = found;
    buf_t b = {0};
    rj_error e = {.code = RJ_MEMORY, .at = -1, .text = "out of memory"};
    if (!m->count) return target_no_match(o, m->nearest, m->nearest_count);
    for (size_t i = 0; i < m->count; i++) {
        if (i && !o->json) buf_u8(&b, '\n');
        if (!print_method(o, s, &m->items[i], &b, &e)) {
            buf_free(&b);
            return console_error(&e);
        }
    }
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
    target_say_left_out(o, m->count, m->total);
    return EXIT_DONE;
}

static bool ask(const options *o, rj_session *s, void *found, rj_error *e)
{
    return rj_read_code(s, (const char *const *)o->args + 1, o->arg_count - 1, o->max_methods, found, e);
}

int verb_asm(const options *o)
{
    static const target_query query = {"reading", ask, print};
    rj_natives m = {.count = 0};
    char why[OUT_CODE_WHY];
    if (!out_code_ready(why)) {
        console_say("%s", why);
        return EXIT_UNREACHABLE;
    }
    int code = target_ask(o, VERB_ASM, &query, &m);
    rj_free(m.memory);
    return code;
}
