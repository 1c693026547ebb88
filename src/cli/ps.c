/* rejit ps: the .NET processes that can be reached. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static void put_age(buf_t *b, uint64_t started)
{
    const uint64_t now = clock_ns(CLOCK_REALTIME);
    uint64_t s = now > started ? (now - started) / 1000000000u : 0;
    if (s >= 86400)
        buf_printf(b, "%llud%02uh", (unsigned long long)(s / 86400), (unsigned)(s / 3600 % 24));
    else if (s >= 3600)
        buf_printf(b, "%uh%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else
        buf_printf(b, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
}

#define LEFT 67u /* columns in front of the command, and the dots behind it */

/* most: bytes of the command line; compilers have very long ones */
static void put_row(buf_t *b, const rj_process *p, size_t most)
{
    buf_t age = {0}, entry = {0};
    put_age(&age, p->started);
    out_safe_text(&entry, p->entry);
    int pad = (int)out_width((const char *)entry.p, entry.n);
    buf_printf(b, "%8d  %-9s  ", p->pid, *p->runtime ? p->runtime : "-");
    buf_str(b, buf_cstr(&entry));
    buf_printf(b, "%*s  %8s  %-5s  ", pad < 24 ? 24 - pad : 0, "", buf_cstr(&age), p->agent ? "yes" : "-");
    entry.n = 0;
    out_safe_text(&entry, *p->note ? p->note : p->command);
    buf_printf(b, "%.*s%s\n", (int)most, buf_cstr(&entry), entry.n > most ? "..." : "");
    buf_free(&age);
    buf_free(&entry);
}

int verb_ps(const options *o)
{
    rj_processes all;
    rj_error e;
    buf_t b = {0};
    if (!rj_ps(&all, &e)) return console_error(&e);
    unsigned columns, rows;
    size_t most = 120;
    if (console_size(STDOUT_FILENO, &columns, &rows)) most = RJ_MAX(columns, LEFT + 13) - LEFT;
    if (!o->json && all.count)
        buf_printf(&b, "%8s  %-9s  %-24s  %8s  %-5s  %s\n", "PID", "RUNTIME", "ENTRY", "UPTIME", "AGENT", "COMMAND");
    for (size_t i = 0; i < all.count; i++) {
        if (o->json)
            out_json_process(&b, &all.items[i]);
        else
            put_row(&b, &all.items[i], most);
    }
    if (!all.count) console_say("no .NET process can be reached%s", geteuid() ? " by this user" : "");
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
    rj_free(all.memory);
    return EXIT_DONE;
}
