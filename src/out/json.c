/* JSON lines. */
#include "out/json-priv.h"

#include <math.h>

/* ---- values ---- */

static void put_items(buf_t *b, const rj_value *v)
{
    buf_u8(b, '[');
    for (size_t i = 0; i < v->count; i++) {
        if (i) buf_u8(b, ',');
        out_json_value(b, &v->items[i]);
    }
    buf_u8(b, ']');
}

static void put_float(buf_t *b, double f, bool single)
{
    bool finite = isfinite(f);
    if (!finite) buf_u8(b, '"');
    out_float(b, f, single);
    if (!finite) buf_u8(b, '"');
}

static void put_string(buf_t *b, const rj_value *v)
{
    out_json_string(b, v->text, v->text_size);
    if (!v->cut || b->failed) return;
    b->n--; /* before the closing quote */
    buf_str(b, "…\"");
}

static void put_object(buf_t *b, const rj_value *v)
{
    buf_u8(b, '{');
    key_text(b, "$type", v->type);
    switch (v->kind) {
    case RJ_LIST:
        key_u64(b, "length", v->length);
        key(b, "items");
        put_items(b, v);
        break;
    case RJ_STATE:
        key_text(b, "state", v->text);
        if (v->count) {
            key(b, "result");
            out_json_value(b, &v->items[0]);
        }
        break;
    default:
        for (size_t i = 0; i < v->count; i++) {
            key(b, v->items[i].name);
            out_json_value(b, &v->items[i]);
        }
        break;
    }
    buf_u8(b, '}');
}

void out_json_value(buf_t *b, const rj_value *v)
{
    switch (v->kind) {
    case RJ_NULL: buf_str(b, "null"); break;
    case RJ_BOOL: buf_str(b, v->u ? "true" : "false"); break;
    case RJ_INT: buf_printf(b, "%lld", (long long)v->i); break;
    case RJ_UINT: buf_printf(b, "%llu", (unsigned long long)v->u); break;
    case RJ_FLOAT: put_float(b, v->f, false); break;
    case RJ_SINGLE: put_float(b, v->f, true); break;
    case RJ_CHAR:
    case RJ_STRING:
    case RJ_DECIMAL:
    case RJ_ENUM:
    case RJ_TIME:
    case RJ_GUID: put_string(b, v); break;
    case RJ_POINTER: buf_printf(b, "\"0x%llx\"", (unsigned long long)v->u); break;
    case RJ_TUPLE: put_items(b, v); break;
    case RJ_LIST:
    case RJ_OBJECT:
    case RJ_STATE:
    case RJ_OPAQUE: put_object(b, v); break;
    case RJ_SECRET:
    default: buf_str(b, "\"***\""); break;
    }
}

/* ---- events ---- */

static void put_reasons(buf_t *b, const char *name, const rj_refusal *items, size_t n)
{
    key(b, name);
    buf_u8(b, '[');
    for (size_t i = 0; i < n; i++) {
        buf_str(b, i ? ",{" : "{");
        key_text(b, "method", items[i].method);
        key_text(b, "reason", items[i].reason);
        buf_u8(b, '}');
    }
    buf_u8(b, ']');
}

void out_json_start(buf_t *b, const rj_probes *p)
{
    open_event(b, "start");
    key_u64(b, "methods", p->methods - p->callees);
    if (p->callees) key_u64(b, "callees", p->callees);
    put_reasons(b, "refused", p->refused, p->refused_count);
    if (p->note_count) put_reasons(b, "notes", p->notes, p->note_count);
    if (p->side_note) key_text(b, "note", p->side_note);
    for (size_t i = 0; i < p->point_count; i++) {
        if (!i) key(b, "places");
        buf_u8(b, i ? ',' : '[');
        out_json_point(b, &p->points[i]);
    }
    if (p->point_count) buf_u8(b, ']');
    close_line(b);
}

void out_json_refused(buf_t *b, const rj_refusal *r)
{
    open_event(b, "refused");
    key_text(b, "method", r->method);
    key_text(b, "module", r->module);
    key_text(b, "reason", r->reason);
    close_line(b);
}

void out_json_news(buf_t *b, const rj_news *n)
{
    switch (n->kind) {
    case RJ_NOTICE_PROBES:
        open_event(b, "probes");
        key_u64(b, "methods", n->count);
        break;
    case RJ_NOTICE_REFUSED: out_json_refused(b, &n->refusal); return;
    case RJ_NOTICE_GATES:
        open_event(b, "gates");
        key_bool(b, "open", n->open);
        key_text(b, "reason", n->text);
        break;
    case RJ_NOTICE_REVERTED:
        open_event(b, "reverted");
        key_u64(b, "methods", n->count);
        key_text(b, "reason", n->text);
        break;
    case RJ_NOTICE_NO_PDB:
    case RJ_NOTICE_NO_LINES: return; /* places are absent */
    case RJ_NOTICE_END:
    default: return; /* the end line says it */
    }
    close_line(b);
}

void out_json_exception(buf_t *b, const rj_call *c)
{
    key(b, "exception");
    buf_u8(b, '{');
    key_text(b, "type", c->exception);
    key(b, "message");
    if (c->message)
        out_json_text(b, c->message);
    else
        buf_str(b, "null");
    buf_u8(b, '}');
}

void out_json_place(buf_t *b, const rj_place *at)
{
    buf_u8(b, '{');
    if (*at->file) {
        key_text(b, "file", at->file);
        key_u64(b, "line", at->line);
    }
    buf_u8(b, '}');
}

void out_json_call(buf_t *b, const rj_call *c)
{
    open_call(b, c, c->outcome == RJ_THREW ? "throw" : "return");
    if (c->self) {
        key(b, "this");
        out_json_value(b, c->self);
    }
    if (c->args) key_values(b, "args", c->args, c->arg_count);
    if (c->result) {
        key(b, "return");
        out_json_value(b, c->result);
    }
    if (c->outcome == RJ_THREW) out_json_exception(b, c);
    if (c->truncated) key_bool(b, "truncated", true);
    close_line(b);
}

static void put_histogram(buf_t *b, const rj_stat *s)
{
    key(b, "histogram");
    buf_u8(b, '[');
    for (size_t i = 0; i < s->bucket_count; i++) {
        const rj_bucket *k = &s->buckets[i];
        buf_printf(b, "%s[%llu,%llu,%llu]", i ? "," : "", (unsigned long long)k->from, (unsigned long long)k->to,
                   (unsigned long long)k->calls);
    }
    buf_u8(b, ']');
}

void out_json_stat(buf_t *b, const rj_stats *all, size_t index, const out_rate *rate, int32_t pid, uint64_t time,
                   bool hist)
{
    const rj_stat *s = &all->items[index];
    const double measured = out_stat_measured(all, rate);
    open_event(b, "stat");
    key_u64(b, "time", time);
    key_u64(b, "pid", (uint64_t)pid);
    key_text(b, "method", s->method);
    key_text(b, "module", s->module);
    if (s->keyed == RJ_OTHER_KEYS) key_bool(b, "other", true);
    if (s->key && s->key->kind != RJ_OPAQUE) {
        key(b, "key");
        out_json_value(b, s->key);
    }
    key_u64(b, "calls", s->calls);
    key(b, "calls_per_s");
    buf_printf(b, "%.1f", out_stat_rate(all, index, rate));
    key_u64(b, "errors", s->errors);
    key_u64(b, "mean_ns", s->mean);
    key_u64(b, "p50_ns", s->p50);
    key_u64(b, "p90_ns", s->p90);
    key_u64(b, "p99_ns", s->p99);
    key_u64(b, "max_ns", s->max);
    if (measured < 1) {
        key(b, "measured");
        buf_printf(b, "%.4f", measured);
    }
    if (hist) put_histogram(b, s);
    close_line(b);
}

void out_json_end(buf_t *b, const rj_totals *t, const char *reason)
{
    open_event(b, "end");
    key_u64(b, "calls", t->calls);
    key_u64(b, "dropped", t->dropped);
    key_u64(b, "in_flight", t->in_flight);
    if (t->measure.shut_ns) {
        key(b, "measured");
        buf_printf(b, "%.4f", rj_measured_part(NULL, &t->measure));
        key_text(b, "budget", out_reached_word(t->measure.last_reached));
    }
    key_text(b, "reason", reason);
    close_line(b);
}

/* ---- lists ---- */

void out_json_process(buf_t *b, const rj_process *p)
{
    buf_u8(b, '{');
    key_u64(b, "pid", (uint64_t)p->pid);
    key_text(b, "runtime", p->runtime);
    key_text(b, "entry", p->entry);
    key_u64(b, "started", p->started);
    key_bool(b, "agent", p->agent);
    key_text(b, "user", p->user);
    key_text(b, "command", p->command);
    if (*p->note) key_text(b, "note", p->note);
    close_line(b);
}

void out_json_method(buf_t *b, const rj_method *m)
{
    open_method(b, m->name, m->module, m->token);
    key_u64(b, "il_size", m->il_size);
    key_text(b, "code", m->code_kind);
    key_bool(b, "instrumentable", !*m->reason);
    if (*m->reason) key_text(b, "reason", m->reason);
    if (m->note && *m->note) key_text(b, "note", m->note);
    close_line(b);
}

void out_json_entry(buf_t *b, const rj_entry *e)
{
    open_event(b, "method");
    key_text(b, "method", e->method);
    key_text(b, "module", e->module);
    key_text(b, "state", e->state);
    key_text(b, "code", e->code_kind);
    key_u64(b, "bytes", e->bytes);
    key_u64(b, "version", e->version);
    key(b, "clients");
    buf_u8(b, '[');
    for (size_t i = 0; i < e->client_count; i++)
        buf_printf(b, "%s%u", i ? "," : "", e->clients[i]);
    buf_u8(b, ']');
    close_line(b);
}

/* What is absent has no bound. */
static void put_budget(buf_t *b, const rj_budget *budget)
{
    key(b, "budget");
    buf_u8(b, '{');
    if (budget->share > 0) buf_printf(b, "\"time\":%.3f", budget->share);
    if (budget->events) key_u64(b, "events", budget->events);
    if (budget->bytes) key_u64(b, "bytes", budget->bytes);
    buf_u8(b, '}');
}

void out_json_client(buf_t *b, const rj_client *c)
{
    open_event(b, "client");
    key_u64(b, "id", c->id);
    key_u64(b, "pid", (uint64_t)c->pid);
    key_text(b, "name", c->name);
    key_text(b, "user", c->user);
    key_u64(b, "since", c->since);
    key_u64(b, "events", c->events);
    key_u64(b, "dropped", c->dropped);
    key_u64(b, "bytes", c->bytes);
    key_bool(b, "open", c->open);
    key(b, "share");
    buf_printf(b, "%.3f", c->share);
    if (c->reached) key_text(b, "reached", out_reached_word(c->reached));
    put_budget(b, &c->budget);
    close_line(b);
}

void out_json_check(buf_t *b, const rj_check *c)
{
    static const char *const words[] = {"ok", "warning", "failure"};
    buf_u8(b, '{');
    key_text(b, "check", c->name);
    key_text(b, "result", words[RJ_MIN((unsigned)c->health, 2u)]);
    key_text(b, "text", c->text);
    if (*c->remedy) key_text(b, "remedy", c->remedy);
    close_line(b);
}
