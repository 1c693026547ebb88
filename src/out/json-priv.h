/* out: members of JSON objects. */
#ifndef REJIT_OUT_JSON_PRIV_H
#define REJIT_OUT_JSON_PRIV_H

#include "out/out.h"

static inline void key(buf_t *b, const char *name)
{
    if (b->n && b->p[b->n - 1] != '{') buf_u8(b, ',');
    out_json_text(b, name);
    buf_u8(b, ':');
}

static inline void key_text(buf_t *b, const char *name, const char *value)
{
    key(b, name);
    out_json_text(b, value);
}

static inline void key_u64(buf_t *b, const char *name, uint64_t value)
{
    key(b, name);
    buf_printf(b, "%llu", (unsigned long long)value);
}

static inline void key_bool(buf_t *b, const char *name, bool value)
{
    key(b, name);
    buf_str(b, value ? "true" : "false");
}

static inline void open_method(buf_t *b, const char *name, const char *module, uint32_t token)
{
    buf_u8(b, '{');
    key_text(b, "method", name);
    key_text(b, "module", module);
    key(b, "token");
    buf_printf(b, "\"0x%08x\"", token);
}

/* An object about something that happened. */
static inline void open_event(buf_t *b, const char *event)
{
    buf_u8(b, '{');
    key_text(b, "event", event);
}

/* An object about a call, up to its time. */
static inline void open_call(buf_t *b, const rj_call *c, const char *event)
{
    buf_u8(b, '{');
    key_u64(b, "time", c->time);
    key_u64(b, "pid", (uint64_t)c->pid);
    key_u64(b, "thread", c->thread);
    key_text(b, "method", c->method);
    key_text(b, "module", c->module);
    key_text(b, "event", event);
    key_u64(b, "elapsed_ns", c->elapsed);
    if (c->outcome == RJ_TAIL_CALLED) key_bool(b, "tail", true);
}

/* An object of values by their names. */
static inline void key_values(buf_t *b, const char *name, const rj_value *v, size_t n)
{
    key(b, name);
    buf_u8(b, '{');
    for (size_t i = 0; i < n; i++) {
        key(b, v[i].name);
        out_json_value(b, &v[i]);
    }
    buf_u8(b, '}');
}

static inline void close_line(buf_t *b)
{
    buf_str(b, "}\n");
}

/* json.c: "exception": type and message of a call that threw. */
void out_json_exception(buf_t *b, const rj_call *c);

#endif
