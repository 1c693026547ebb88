/*
 * The metadata of a module that is made at run time (AssemblyBuilder): it lies in no file and grows while the program
 * runs. It is copied cell by cell; saving it would renumber what its maker still holds tokens of.
 */
#include "engine/engine-priv.h"

#include <stdlib.h>

typedef struct reading {
    clr_tables *t;
} reading;

static uint32_t rows(void *owner, cil_table table)
{
    clr_tables *t = ((const reading *)owner)->t;
    uint32_t size, n = 0, columns, key;
    const char *name;
    return t->vt->GetTableInfo(t, (uint32_t)table, &size, &n, &columns, &key, &name) >= 0 ? n : 0;
}

static bool cell(void *owner, cil_table table, uint32_t rid, unsigned column, uint32_t *value)
{
    clr_tables *t = ((const reading *)owner)->t;
    return t->vt->GetColumn(t, (uint32_t)table, column, rid, value) >= 0;
}

static const char *string(void *owner, uint32_t at)
{
    clr_tables *t = ((const reading *)owner)->t;
    const char *text = NULL;
    return t->vt->GetString(t, at, &text) >= 0 ? text : NULL;
}

static bool blob(void *owner, uint32_t at, cil_blob *out)
{
    clr_tables *t = ((const reading *)owner)->t;
    const void *bytes = NULL;
    if (t->vt->GetBlob(t, at, &out->n, &bytes) < 0) return false;
    out->p = bytes;
    return true;
}

bool eng_snapshot(eng *g, eng_module *m, uint32_t method_rid)
{
    if (m->snapshot.n && m->image.rows[CIL_METHOD_DEF] >= method_rid && method_rid) return true;
    reading r = {NULL};
    err_t e = {0};
    void *tables = NULL;
    clr_hresult hr = g->info->vt->GetModuleMetaData(g->info, m->id, CLR_OPEN_READ, &clr_iid_tables, &tables);
    if (hr < 0 || !tables) {
        log_line(LOG_WARN, "engine", "%s: the runtime does not open its metadata (%08x)", m->file, (unsigned)hr);
        return false;
    }
    r.t = tables;
    const cil_source s = {&r, rows, cell, string, blob};
    buf_t fresh = {0};
    cil_image image;
    bool ok = cil_rebuild(&s, &fresh, &e) && cil_metadata_open(&image, fresh.p, fresh.n, &e);
    r.t->vt->unknown.Release(r.t);
    if (!ok) {
        log_line(LOG_WARN, "engine", "%s: its metadata cannot be read: %s", m->file, e.text);
        buf_free(&fresh);
        return false;
    }
    buf_free(&m->snapshot);
    m->snapshot = fresh;
    m->image = image;
    return true;
}

/* ---- methods that are compiled for the first time ---- */

static bool has_layer_of(const eng_method *m, const eng_wish *w)
{
    for (size_t i = 0; m && i < m->layers.n; i++)
        if (m->layers.v[i].wish == w) return true;
    return false;
}

static bool is_wanted(const eng_wish *w, const eng_module *m, uint32_t rid)
{
    buf_t scratch = {0};
    bool any = false;
    for (uint32_t i = 0; i < w->request.pattern_count && !any; i++)
        any = query_pattern_assembly(w->patterns[i], m->assembly) &&
              query_pattern_method(w->patterns[i], &m->image, rid, &scratch);
    buf_free(&scratch);
    return any;
}

static void offer(eng *g, eng_client *c, eng_wish *w, eng_module *m, uint32_t rid)
{
    const eng_target t = {.module = m, .rid = rid};
    err_t e = {0};
    eng_news *n = calloc(1, sizeof *n);
    if (!n) return;
    n->kind = ENG_NEWS_PROBES;
    if (!eng_add_layers(g, c, w, &t, 1, &n->result, &e)) log_line(LOG_WARN, "engine", "%s: %s", m->file, e.text);
    eng_tell(g, c, n);
}

/* The module, where somebody has to look at a method of it before it is compiled. */
static eng_module *growing(eng *g, clr_module_id id)
{
    pthread_mutex_lock(&g->ledger);
    eng_module *m = g->wishes ? map_get(&g->module_of, id) : NULL;
    pthread_mutex_unlock(&g->ledger);
    return m && m->flags & CLR_MODULE_DYNAMIC ? m : NULL;
}

/* A method of a module that is made at run time came into being after the patterns were looked for. */
void eng_jit_started(eng *g, clr_function_id f)
{
    clr_class_id type;
    clr_module_id module;
    uint32_t token;
    pthread_mutex_lock(&g->ledger);
    bool any = g->wishes && g->growing;
    pthread_mutex_unlock(&g->ledger);
    if (!any || g->info->vt->GetFunctionInfo(g->info, f, &type, &module, &token) < 0) return;
    eng_module *m = growing(g, module);
    if (!m) return;
    uint32_t rid = CIL_RID(token);
    eng_transaction_lock(g);
    pthread_mutex_lock(&g->reading);
    bool there = eng_snapshot(g, m, rid) && rid <= m->image.rows[CIL_METHOD_DEF];
    pthread_mutex_unlock(&g->reading);
    for (eng_client *c = there ? g->clients : NULL; c; c = c->next)
        for (eng_wish *w = c->wishes; w; w = w->next)
            if (!has_layer_of(map_get(&g->methods, eng_key(m, token)), w) && is_wanted(w, m, rid))
                offer(g, c, w, m, rid);
    pthread_mutex_unlock(&g->transaction);
}

/* What may be inlined is no method of its own any more: its probes would miss the calls. */
bool eng_may_inline(eng *g, clr_function_id callee)
{
    clr_class_id type;
    clr_module_id module;
    uint32_t token;
    pthread_mutex_lock(&g->ledger);
    bool any = g->hooked_count;
    pthread_mutex_unlock(&g->ledger);
    if (!any || g->info->vt->GetFunctionInfo(g->info, callee, &type, &module, &token) < 0) return true;
    pthread_mutex_lock(&g->ledger);
    const eng_module *m = map_get(&g->module_of, module);
    const eng_method *x = m && m->hooked ? map_get(&g->methods, eng_key(m, token)) : NULL;
    bool apart = x && (x->first || x->layers.n);
    pthread_mutex_unlock(&g->ledger);
    return !apart;
}
