/* rejit list: what is instrumented now, and for whom. */
#include "cli/cli.h"

#include <unistd.h>

static void put_count(buf_t *b, uint64_t n, int width)
{
    buf_t cell = {0};
    out_count(&cell, n);
    buf_printf(b, "%*s", width, buf_cstr(&cell));
    buf_free(&cell);
}

static void put_bytes(buf_t *b, uint64_t n, int width)
{
    buf_t cell = {0};
    out_bytes(&cell, n);
    buf_printf(b, "%*s", width, buf_cstr(&cell));
    buf_free(&cell);
}

static void put_entry(buf_t *b, const rj_entry *e)
{
    buf_printf(b, "%-12s %-14s ", e->state, *e->code_kind ? e->code_kind : "-");
    put_bytes(b, e->bytes, 9);
    buf_t clients = {0};
    for (size_t i = 0; i < e->client_count; i++)
        buf_printf(&clients, "%s%u", i ? "," : "", e->clients[i]);
    buf_printf(b, "  %-8s ", e->client_count ? buf_cstr(&clients) : "-");
    buf_free(&clients);
    out_safe_text(b, e->method);
    buf_u8(b, '\n');
}

/* "25%,1M/s,256MB", as --budget has it; "any" */
static void put_budget(buf_t *b, const rj_budget *budget, int width)
{
    buf_t cell = {0};
    if (budget->share > 0) buf_printf(&cell, "%g%%", budget->share * 100);
    if (budget->events) {
        const bool millions = budget->events % 1000000 == 0, thousands = budget->events % 1000 == 0;
        buf_printf(&cell, "%s%llu%s/s", cell.n ? "," : "",
                   (unsigned long long)(budget->events / (millions    ? 1000000
                                                          : thousands ? 1000
                                                                      : 1)),
                   millions    ? "M"
                   : thousands ? "k"
                               : "");
    }
    if (budget->bytes) {
        buf_str(&cell, cell.n ? "," : "");
        out_bytes(&cell, budget->bytes);
    }
    buf_printf(b, "%-*s", width, cell.n ? buf_cstr(&cell) : "any");
    buf_free(&cell);
}

static void put_client(buf_t *b, const rj_client *c)
{
    buf_printf(b, "%6u  %8d  ", c->id, c->pid);
    out_clock(b, c->since);
    buf_printf(b, "  %-6s", c->reached ? out_reached_word(c->reached) : c->open ? "open" : "closed");
    put_count(b, c->events, 12);
    put_count(b, c->dropped, 10);
    put_bytes(b, c->bytes, 9);
    buf_printf(b, "%7.1f%%  ", c->share * 100);
    put_budget(b, &c->budget, 16);
    out_safe_text(b, c->name);
    buf_str(b, " (");
    out_safe_text(b, c->user);
    buf_str(b, ")\n");
}

/* This command looks on, and is nothing that anybody asked about. */
static size_t others(const rj_ledger *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->client_count; i++)
        n += l->clients[i].pid != getpid();
    return n;
}

static void put_text(buf_t *b, const rj_ledger *l)
{
    if (l->entry_count)
        buf_printf(b, "%-12s %-14s %9s  %-8s %s\n", "STATE", "CODE", "BYTES", "CLIENTS", "METHOD");
    else
        buf_str(b, "nothing is instrumented\n");
    for (size_t i = 0; i < l->entry_count; i++)
        put_entry(b, &l->entries[i]);
    if (others(l))
        buf_printf(b, "\n%6s  %8s  %-12s  %-6s%12s%10s%9s%8s  %-16s%s\n", "CLIENT", "PID", "SINCE", "GATES", "EVENTS",
                   "DROPPED", "BYTES", "TIME", "BUDGET", "NAME");
    for (size_t i = 0; i < l->client_count; i++)
        if (l->clients[i].pid != getpid()) put_client(b, &l->clients[i]);
    buf_str(b, "\nthe agent holds ");
    out_bytes(b, l->bytes);
    if (l->metadata) {
        buf_str(b, ", of these ");
        out_bytes(b, l->metadata);
        buf_str(b, " for added metadata");
    }
    if (l->returned) {
        buf_str(b, "; it has returned ");
        out_bytes(b, l->returned);
    }
    if (*l->note) buf_str(b, "; ");
    out_safe_text(b, l->note);
    buf_u8(b, '\n');
}

int verb_list(const options *o)
{
    int code;
    rj_session *s = target_open(o->args[0], VERB_LIST, false, &code);
    if (!s) return code;
    rj_ledger l;
    rj_error e = {0};
    if (rj_list(s, &l, &e)) {
        buf_t b = {0};
        if (o->json) {
            for (size_t i = 0; i < l.entry_count; i++)
                out_json_entry(&b, &l.entries[i]);
            for (size_t i = 0; i < l.client_count; i++)
                if (l.clients[i].pid != getpid()) out_json_client(&b, &l.clients[i]);
            buf_printf(&b, "{\"event\":\"agent\",\"bytes\":%llu,\"inliners\":%llu,\"metadata\":%llu,\"returned\":%llu",
                       (unsigned long long)l.bytes, (unsigned long long)l.inliners, (unsigned long long)l.metadata,
                       (unsigned long long)l.returned);
            if (*l.note) {
                buf_str(&b, ",\"note\":");
                out_json_text(&b, l.note);
            }
            buf_str(&b, "}\n");
        } else {
            put_text(&b, &l);
        }
        console_write(STDOUT_FILENO, &b);
        buf_free(&b);
        rj_free(l.memory);
        code = EXIT_DONE;
    } else {
        code = console_error(&e);
    }
    rj_close(s);
    return code;
}
