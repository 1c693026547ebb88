/* A call that comes to a place: on one line, as JSON, or as the user's own text. */
#include "out/json-priv.h"
#include "out/text-priv.h"

#include <stdlib.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *back = strrchr(path, '\\');
    const char *last = back && (!slash || back > slash) ? back : slash;
    return last ? last + 1 : path;
}

void out_point(buf_t *b, const rj_point *p)
{
    if (*p->at.file) {
        out_safe_text(b, base_name(p->at.file));
        buf_printf(b, ":%u", p->at.line);
    } else {
        buf_printf(b, "IL_%04x", p->il_offset);
    }
}

static void put_values(buf_t *b, const rj_value *v, size_t n)
{
    for (size_t i = 0; v && i < n; i++) {
        buf_str(b, "  ");
        out_safe_text(b, v[i].name);
        buf_str(b, ": ");
        out_value(b, &v[i]);
    }
}

static void put_head(buf_t *b, const rj_call *c, const out_style *style)
{
    coloured(b, style, DIM);
    out_clock(b, c->time);
    buf_printf(b, "  %u  ", c->thread);
    coloured(b, style, RESET);
    coloured(b, style, CYAN);
    if (c->point && *c->point->at.file) {
        out_point(b, c->point);
    } else {
        out_safe_text(b, c->method);
        buf_u8(b, ' ');
        if (c->point) out_point(b, c->point);
    }
    coloured(b, style, RESET);
}

void out_line(buf_t *b, const rj_call *c, const out_style *style)
{
    put_head(b, c, style);
    if (c->self) put_values(b, c->self, 1);
    put_values(b, c->args, c->arg_count);
    put_values(b, c->locals, c->local_count);
    buf_u8(b, '\n');
}

/* ---- the user's own text ---- */

/* Where the name ends that a path begins with, or goes on with. */
static size_t word(const char *text)
{
    return strcspn(text, ".[}");
}

static const rj_value *named(const rj_value *v, size_t n, const char *name, size_t size)
{
    for (size_t i = 0; v && i < n; i++)
        if (strlen(v[i].name) == size && memcmp(v[i].name, name, size) == 0) return &v[i];
    return NULL;
}

static const rj_value *head_of(const rj_call *c, const char **path)
{
    static const char ARGS[] = "args.", LOCALS[] = "locals.";
    if (strncmp(*path, ARGS, sizeof ARGS - 1) == 0) *path += sizeof ARGS - 1;
    if (strncmp(*path, LOCALS, sizeof LOCALS - 1) == 0) *path += sizeof LOCALS - 1;
    const size_t n = word(*path);
    const rj_value *v = named(c->args, c->arg_count, *path, n);
    if (!v) v = named(c->locals, c->local_count, *path, n);
    if (!v && c->self && n == 4 && memcmp(*path, "this", 4) == 0) v = c->self;
    *path += n;
    return v;
}

/* One step from a value: ".Name" or "[3]". NULL: there is no such thing. */
static const rj_value *step(const rj_value *v, const char **path)
{
    char *end;
    const char *name = *path + 1;
    if (**path == '[') {
        const unsigned long i = strtoul(name, &end, 10);
        *path = *end == ']' ? end + 1 : end;
        return *end == ']' && (v->kind == RJ_LIST || v->kind == RJ_TUPLE) && i < v->count ? &v->items[i] : NULL;
    }
    *path = name + word(name);
    return named(v->items, v->count, name, (size_t)(*path - name));
}

static bool is_length(const rj_value *v, const char *path)
{
    const size_t n = word(path + 1);
    const bool asked = *path == '.' && path[1 + n] == '}' &&
                       (n == 5 ? !memcmp(path + 1, "Count", 5) : n == 6 && !memcmp(path + 1, "Length", 6));
    return asked && v->kind == RJ_LIST;
}

static void put_path(buf_t *b, const rj_call *c, const char *path)
{
    const char *at = path;
    const rj_value *v = head_of(c, &at);
    while (v && v->kind != RJ_NULL && *at != '}' && !is_length(v, at)) /* what is null has null members */
        v = step(v, &at);
    if (!v)
        buf_u8(b, '?');
    else if (v->kind != RJ_NULL && *at != '}')
        buf_printf(b, "%llu", (unsigned long long)v->length);
    else if (v->kind == RJ_STRING || v->kind == RJ_CHAR)
        out_safe(b, v->text, v->text_size);
    else
        out_value(b, v);
}

bool out_template_check(const char *text, uint32_t *depth, size_t *at)
{
    *depth = 0;
    for (const char *p = text; *p; p++) {
        *at = (size_t)(p - text);
        if (*p == '\\' && p[1]) {
            p++;
        } else if (*p == '}') {
            return false;
        } else if (*p == '{') {
            const char *end = strchr(p, '}');
            if (!end || end == p + 1 || memchr(p + 1, '{', (size_t)(end - p - 1))) return false;
            uint32_t steps = 0;
            for (const char *q = p; q < end; q++)
                steps += *q == '.' || *q == '[';
            *depth = RJ_MAX(*depth, steps);
            p = end;
        }
    }
    return true;
}

void out_template(buf_t *b, const rj_call *c, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            buf_u8(b, (uint8_t)(*p == 'n' ? '\n' : *p == 't' ? '\t' : *p));
        } else if (*p == '{') {
            put_path(b, c, p + 1);
            p = strchr(p, '}');
        } else {
            buf_u8(b, (uint8_t)*p);
        }
    }
}

void out_line_text(buf_t *b, const rj_call *c, const char *text, const out_style *style)
{
    put_head(b, c, style);
    buf_str(b, "  ");
    out_template(b, c, text);
    buf_u8(b, '\n');
}

/* ---- JSON ---- */

void out_json_point(buf_t *b, const rj_point *p)
{
    buf_u8(b, '{');
    key_text(b, "asked", p->asked);
    if (*p->at.file) {
        key_text(b, "file", p->at.file);
        key_u64(b, "line", p->at.line);
        if (*p->source) key_text(b, "source", p->source);
    }
    key_u64(b, "il_offset", p->il_offset);
    buf_u8(b, '}');
}

void out_json_line(buf_t *b, const rj_call *c, const char *text)
{
    buf_u8(b, '{');
    key_u64(b, "time", c->time);
    key_u64(b, "pid", (uint64_t)c->pid);
    key_u64(b, "thread", c->thread);
    key_text(b, "method", c->method);
    key_text(b, "module", c->module);
    key_text(b, "event", "line");
    if (c->point && *c->point->at.file) {
        key_text(b, "file", c->point->at.file);
        key_u64(b, "line", c->point->at.line);
    }
    if (c->point) key_u64(b, "il_offset", c->point->il_offset);
    if (text) {
        buf_t own = {0};
        out_template(&own, c, text);
        key_text(b, "text", buf_cstr(&own));
        buf_free(&own);
    }
    if (c->self) {
        key(b, "this");
        out_json_value(b, c->self);
    }
    if (c->args) key_values(b, "args", c->args, c->arg_count);
    if (c->locals) key_values(b, "locals", c->locals, c->local_count);
    if (c->truncated) key_bool(b, "truncated", true);
    close_line(b);
}
