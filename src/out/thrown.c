/* An exception as it is thrown. */
#include "out/json-priv.h"
#include "out/text-priv.h"

static void put_frame(buf_t *b, const rj_call *c, size_t i, const out_style *style)
{
    buf_str(b, "    at ");
    out_safe_text(b, c->frames[i]);
    if (c->places && *c->places[i].file) {
        coloured(b, style, DIM);
        buf_str(b, " in ");
        out_safe_text(b, c->places[i].file);
        buf_printf(b, ":%u", c->places[i].line);
        coloured(b, style, RESET);
    }
    buf_u8(b, '\n');
}

void out_thrown(buf_t *b, const rj_call *c, size_t frames, const out_style *style)
{
    coloured(b, style, DIM);
    out_clock(b, c->time);
    buf_printf(b, "  %u  ", c->thread);
    coloured(b, style, RESET);
    coloured(b, style, RED);
    out_safe_text(b, *c->exception ? c->exception : "exception");
    coloured(b, style, RESET);
    if (c->message) {
        buf_str(b, ": ");
        out_quoted(b, '"', c->message, strlen(c->message), false);
    }
    buf_u8(b, '\n');
    for (size_t i = 0; i < c->frame_count && i < frames; i++)
        put_frame(b, c, i, style);
    if (frames && c->frame_count > frames) buf_printf(b, "    ... %zu more\n", c->frame_count - frames);
}

void out_json_thrown(buf_t *b, const rj_call *c)
{
    buf_u8(b, '{');
    key_u64(b, "time", c->time);
    key_u64(b, "pid", (uint64_t)c->pid);
    key_u64(b, "thread", c->thread);
    key_text(b, "event", "thrown");
    out_json_exception(b, c);
    key(b, "frames");
    buf_u8(b, '[');
    for (size_t i = 0; i < c->frame_count; i++) {
        if (i) buf_u8(b, ',');
        out_json_text(b, c->frames[i]);
    }
    buf_u8(b, ']');
    if (c->places) {
        key(b, "places");
        buf_u8(b, '[');
        for (size_t i = 0; i < c->frame_count; i++) {
            if (i) buf_u8(b, ',');
            out_json_place(b, &c->places[i]);
        }
        buf_u8(b, ']');
    }
    if (c->truncated) key_bool(b, "truncated", true);
    close_line(b);
}
