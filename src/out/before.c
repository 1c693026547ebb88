/* What stands in front of the calls that led to one. */
#include "out/json-priv.h"
#include "out/text-priv.h"

void out_before(buf_t *b, const rj_call *c, size_t calls, const out_style *style)
{
    coloured(b, style, BOLD);
    buf_printf(b, "%zu call%s on thread %u before ", calls, calls == 1 ? "" : "s", c->thread);
    if (*c->exception) {
        out_short_type(b, c->exception);
        buf_str(b, " in ");
    }
    out_safe_text(b, c->method);
    buf_u8(b, ':');
    coloured(b, style, RESET);
    buf_u8(b, '\n');
}

void out_json_before(buf_t *b, const rj_call *c, size_t calls)
{
    open_event(b, "before");
    key_u64(b, "time", c->time + c->elapsed);
    key_u64(b, "pid", (uint64_t)c->pid);
    key_u64(b, "thread", c->thread);
    key_text(b, "method", c->method);
    if (*c->exception) key_text(b, "exception", c->exception);
    key_u64(b, "calls", calls);
    close_line(b);
}
