/* `find`: which methods match, what code they have, and why one cannot be instrumented. */
#include "engine/engine-priv.h"

static uint32_t il_size(eng *g, const eng_module *m, uint32_t token)
{
    const uint8_t *il = NULL;
    uint32_t size = 0;
    if (!eng_has_il(m, CIL_RID(token))) return 0;
    if (g->info->vt->GetILFunctionBody(g->info, m->id, token, &il, &size) < 0 || !il || !size) return 0;
    if ((il[0] & 3) == 2) return il[0] >> 2; /* tiny header */
    uint32_t code = 0;
    if (size < 8) return 0;
    memcpy(&code, il + 4, 4);
    return code;
}

static bool add(eng *g, eng_target t, eng_find_result *out)
{
    uint32_t token = CIL_TOKEN(CIL_METHOD_DEF, t.rid);
    arena *a = &out->memory;
    buf_t name = {0};
    eng_found *f = VEC_PUSH(&out->methods);
    if (!f) return false;
    cil_method_name(&t.module->image, t.rid, true, &name);
    *f = (eng_found){
        .name = arena_strdup(a, buf_cstr(&name)), .module = arena_strdup(a, t.module->file), .token = token};
    buf_free(&name);
    f->reason = eng_refusal_of(g, t.module, t.rid, a);
    if (!f->reason && t.module->hooked) f->reason = eng_first_refusal(g, t.module, t.rid, a);
    if (!f->reason) f->note = eng_note_more(a, eng_async_note(t.module, t.rid, a), eng_note_of_copies(t.module, t.rid));
    f->il_size = t.module->dynamic ? 0 : il_size(g, t.module, token); /* a dynamic method's is known to nobody later */
    f->code_kind = f->il_size ? eng_code_kind(g, t.module, token, 0) : t.module->dynamic ? "jitted" : "none";
    return f->name != NULL;
}

/* Code that cannot be looked into, where it seems to be meant. */
static void add_unreadable(const eng_module *m, const char *const *texts, uint32_t count, eng_find_result *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *reason = eng_meant_but_unreadable(m, texts[i]);
        eng_found *f = reason ? VEC_PUSH(&out->methods) : NULL;
        if (!f) continue;
        arena *a = &out->memory;
        *f = (eng_found){.name = arena_strdup(a, texts[i]), .module = arena_strdup(a, m->file), .code_kind = "none"};
        f->reason = arena_strdup(a, reason);
        out->total++;
    }
}

bool eng_search(eng *g, const char *const *texts, uint32_t count, eng_found_targets *out, err_t *e)
{
    arena *a = &out->memory;
    uint32_t dynamic_count = 0;
    out->patterns = arena_array(a, count + 1, sizeof *out->patterns);
    query_pattern **dynamic = arena_array(a, count + 1, sizeof *dynamic);
    out->modules = eng_modules(g, a, &out->module_count);
    if (!out->patterns || !dynamic || !out->modules) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        out->patterns[i] = query_pattern_parse(a, texts[i], e);
        if (!out->patterns[i]) return err_prefix(e, "pattern '%s': ", texts[i]);
        if (eng_is_dynamic_pattern(texts[i])) dynamic[dynamic_count++] = out->patterns[i];
    }
    for (size_t i = 0; i < out->module_count; i++)
        eng_scan(g, out->patterns, count, out->modules[i], &out->hits);
    if (dynamic_count) eng_scan_dynamic(g, dynamic, dynamic_count, &out->hits);
    pthread_mutex_lock(&g->ledger);
    g->batch++; /* what was known of compiled code is known no more */
    pthread_mutex_unlock(&g->ledger);
    return !out->hits.failed || err_set(e, ERR_MEMORY, -1, "out of memory");
}

unsigned eng_search_nearest(eng *g, const eng_found_targets *s, arena *a, const char **names)
{
    return s->patterns[0] ? eng_nearest(g, s->patterns[0], s->modules, s->module_count, a, names) : 0;
}

void eng_list_found(eng *g, eng_found_targets *s, uint32_t most, eng_put_target *put, void *owner, buf_t *reply)
{
    const char *names[ENG_NEAREST];
    for (size_t i = 0; i < s->hits.found.n && i < most && reply->n < ENG_LISTING_MOST; i++)
        put(g, &s->hits.found.v[i], owner, reply);
    unsigned nearest = s->hits.found.n ? 0 : eng_search_nearest(g, s, &s->memory, names);
    for (unsigned i = 0; i < nearest; i++)
        wire_text(reply, WIRE_T_NEAREST, names[i]);
    wire_u32(reply, WIRE_T_TOTAL, (uint32_t)s->hits.found.n);
}

void eng_search_free(eng *g, eng_found_targets *s)
{
    eng_dynamics_rest(g);
    VEC_FREE(&s->hits.found);
    arena_free(&s->memory);
}

static bool list(eng *g, const char *const *texts, uint32_t count, uint32_t most, const eng_found_targets *s,
                 eng_find_result *out)
{
    for (size_t i = 0; i < s->hits.found.n && i < most; i++)
        if (!add(g, s->hits.found.v[i], out)) return false;
    out->total = (uint32_t)s->hits.found.n;
    for (size_t i = 0; !s->hits.found.n && i < s->module_count; i++)
        add_unreadable(s->modules[i], texts, count, out);
    if (!out->total) out->nearest_count = eng_search_nearest(g, s, &out->memory, out->nearest);
    return true;
}

bool eng_find(eng *g, const char *const *texts, uint32_t count, uint32_t most, eng_find_result *out, err_t *e)
{
    eng_found_targets s = {.patterns = NULL};
    pthread_mutex_lock(&g->transaction);
    pthread_mutex_lock(&g->ledger);
    g->batch++; /* what was jitted when somebody last asked may have changed */
    pthread_mutex_unlock(&g->ledger);
    bool ok = eng_search(g, texts, count, &s, e);
    if (ok && !list(g, texts, count, most, &s, out)) ok = err_set(e, ERR_MEMORY, -1, "out of memory");
    eng_search_free(g, &s);
    pthread_mutex_unlock(&g->transaction);
    return ok;
}

void eng_find_free(eng_find_result *r)
{
    VEC_FREE(&r->methods);
    arena_free(&r->memory);
}
