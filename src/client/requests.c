/* The requests that ask and change nothing but what they say: find, list, revert. */
#include "client/client-priv.h"
#include "client/result.h"

#include <stdio.h>
#include <stdlib.h>

static bool no_memory(arena *a, err_t *e)
{
    rj_free(a);
    return err_set(e, ERR_MEMORY, -1, "out of memory");
}

/* ---- find ---- */

static rj_method read_method(arena *a, wire_reader r)
{
    rj_method m = {.name = "", .module = "", .code_kind = "", .reason = "", .note = ""};
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_NAME: m.name = result_text(a, &f); break;
        case WIRE_T_MODULE: m.module = result_text(a, &f); break;
        case WIRE_T_TOKEN: m.token = wire_get_u32(&f); break;
        case WIRE_T_IL_SIZE: m.il_size = wire_get_u32(&f); break;
        case WIRE_T_CODE_KIND: m.code_kind = result_text(a, &f); break;
        case WIRE_T_REASON: m.reason = result_text(a, &f); break;
        case WIRE_T_NOTE: m.note = result_text(a, &f); break;
        default: break;
        }
    }
    return m;
}

static bool read_methods(arena *a, wire_reader r, rj_methods *out, err_t *e)
{
    rj_method *items = arena_array(a, result_count(r, WIRE_T_METHOD), sizeof *items);
    const char **nearest = arena_array(a, result_count(r, WIRE_T_NEAREST), sizeof *nearest);
    if (!items || !nearest) return no_memory(a, e);
    *out = (rj_methods){.items = items, .nearest = nearest, .memory = a};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_METHOD) items[out->count++] = read_method(a, wire_group(&f));
        if (f.tag == WIRE_T_NEAREST) nearest[out->nearest_count++] = result_text(a, &f);
        if (f.tag == WIRE_T_TOTAL) out->total = wire_get_u32(&f);
    }
    return true;
}

bool rj_find(rj_session *s, const char *const *patterns, size_t pattern_count, uint32_t most, rj_methods *out,
             rj_error *error)
{
    err_t *e = ERR(error);
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_FIND);
    for (size_t i = 0; i < pattern_count; i++)
        wire_text(&b, WIRE_T_PATTERN, patterns[i]);
    wire_u32(&b, WIRE_T_MAX, most ? most : 1000);
    if (!session_ask(s, &b, WIRE_METHODS, &r, e)) return false;
    arena *a = result_arena();
    return a ? read_methods(a, r, out, e) : no_memory(NULL, e);
}

/* ---- list ---- */

static rj_entry read_entry(arena *a, wire_reader r)
{
    rj_entry t = {.method = "", .module = "", .state = "", .code_kind = ""};
    uint32_t *clients = arena_array(a, result_count(r, WIRE_T_CLIENT_ID), sizeof *clients);
    t.clients = clients;
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_NAME: t.method = result_text(a, &f); break;
        case WIRE_T_MODULE: t.module = result_text(a, &f); break;
        case WIRE_T_TEXT: t.state = result_text(a, &f); break;
        case WIRE_T_CODE_KIND: t.code_kind = result_text(a, &f); break;
        case WIRE_T_BYTES: t.bytes = wire_get_u64(&f); break;
        case WIRE_T_VERSION: t.version = f.n == 8 ? (uint32_t)wire_get_u64(&f) : wire_get_u32(&f); break;
        case WIRE_T_CLIENT_ID:
            if (clients) clients[t.client_count++] = wire_get_u32(&f);
            break;
        default: break;
        }
    }
    return t;
}

static rj_client read_client(arena *a, wire_reader r)
{
    rj_client c = {.name = "", .user = ""};
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_CLIENT_ID: c.id = wire_get_u32(&f); break;
        case WIRE_T_PID: c.pid = (int32_t)wire_get_u32(&f); break;
        case WIRE_T_NAME: c.name = result_text(a, &f); break;
        case WIRE_T_USER: c.user = result_text(a, &f); break;
        case WIRE_T_TIME: c.since = wire_get_u64(&f); break;
        case WIRE_T_COUNT: c.events = wire_get_u64(&f); break;
        case WIRE_T_DROPPED: c.dropped = wire_get_u64(&f); break;
        case WIRE_T_BYTES: c.bytes = wire_get_u64(&f); break;
        case WIRE_T_OPEN: c.open = wire_get_u32(&f) != 0; break;
        case WIRE_T_BUDGET: c.budget = budget_read(&f); break;
        case WIRE_T_SHARE: c.share = wire_get_u32(&f) / 1000.0; break;
        case WIRE_T_REACHED: c.reached = wire_get_u32(&f); break;
        default: break;
        }
    }
    return c;
}

static int by_name(const void *x, const void *y)
{
    const rj_entry *a = x, *b = y;
    int modules = strcmp(a->module, b->module);
    return modules ? modules : strcmp(a->method, b->method);
}

bool rj_list(rj_session *s, rj_ledger *out, rj_error *error)
{
    err_t *e = ERR(error);
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_LIST);
    if (!session_ask(s, &b, WIRE_LEDGER, &r, e)) return false;
    arena *a = result_arena();
    rj_entry *entries = a ? arena_array(a, result_count(r, WIRE_T_ENTRY), sizeof *entries) : NULL;
    rj_client *clients = a ? arena_array(a, result_count(r, WIRE_T_CLIENT), sizeof *clients) : NULL;
    if (!entries || !clients) return no_memory(a, e);
    *out = (rj_ledger){.entries = entries, .clients = clients, .note = "", .memory = a};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_ENTRY) entries[out->entry_count++] = read_entry(a, wire_group(&f));
        if (f.tag == WIRE_T_CLIENT) clients[out->client_count++] = read_client(a, wire_group(&f));
        if (f.tag == WIRE_T_BYTES) out->bytes = wire_get_u64(&f);
        if (f.tag == WIRE_T_TEXT) out->note = result_text(a, &f);
        if (f.tag == WIRE_T_INLINERS) out->inliners = wire_get_u64(&f);
        if (f.tag == WIRE_T_METADATA) out->metadata = wire_get_u64(&f);
        if (f.tag == WIRE_T_RETURNED) out->returned = wire_get_u64(&f);
    }
    qsort(entries, out->entry_count, sizeof *entries, by_name);
    return true;
}

/* ---- revert ---- */

bool rj_revert(rj_session *s, const char *const *patterns, size_t pattern_count, bool everybody, uint64_t *methods,
               rj_error *e)
{
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_REVERT);
    for (size_t i = 0; i < pattern_count; i++)
        wire_text(&b, WIRE_T_PATTERN, patterns[i]);
    wire_u32(&b, WIRE_T_ALL, everybody);
    if (!session_ask(s, &b, WIRE_OK, &r, ERR(e))) return false;
    uint64_t count = 0;
    for (wire_field f; wire_next(&r, &f);)
        if (f.tag == WIRE_T_COUNT) count = wire_get_u64(&f);
    if (methods) *methods = count;
    return true;
}

/* ---- log ---- */

bool rj_log(rj_session *s, const char *level, const char **file, rj_error *e)
{
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_LOG);
    wire_text(&b, WIRE_T_TEXT, level);
    if (!session_ask(s, &b, WIRE_OK, &r, ERR(e))) return false;
    s->log_file[0] = 0;
    for (wire_field f; wire_next(&r, &f);)
        if (f.tag == WIRE_T_TEXT)
            snprintf(s->log_file, sizeof s->log_file, "%.*s", (int)RJ_MIN(f.n, sizeof s->log_file - 1),
                     (const char *)f.p);
    *file = s->log_file;
    return true;
}
