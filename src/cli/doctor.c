/* rejit doctor: every precondition, each with its remedy. */
#include "cli/cli.h"

#include <unistd.h>

static void put_text(buf_t *b, const rj_check *c, bool colour)
{
    static const char *const words[] = {"ok", "warning", "FAILED"};
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    unsigned h = RJ_MIN((unsigned)c->health, 2u);
    buf_printf(b, "%s%-8s%s %-20s ", colour ? colours[h] : "", words[h], colour ? "\033[0m" : "", c->name);
    out_safe_text(b, c->text);
    buf_u8(b, '\n');
    if (!*c->remedy) return;
    buf_printf(b, "%9s%-20s remedy: ", "", "");
    out_safe_text(b, c->remedy);
    buf_u8(b, '\n');
}

int verb_doctor(const options *o)
{
    int32_t pid;
    rj_error e = {0};
    rj_checks all;
    rj_options how = {.name = "rejit doctor"};
    if (!rj_resolve(o->args[0], &pid, &e) || !rj_doctor(pid, &how, &all, &e)) return console_error(&e);
    buf_t b = {0};
    bool failed = false;
    for (size_t i = 0; i < all.count; i++) {
        failed |= all.items[i].health == RJ_FAILURE;
        if (o->json)
            out_json_check(&b, &all.items[i]);
        else
            put_text(&b, &all.items[i], console_colour(STDOUT_FILENO));
    }
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
    rj_free(all.memory);
    return failed ? EXIT_UNREACHABLE : EXIT_DONE;
}
