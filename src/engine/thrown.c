/*
 * Exceptions as they are thrown. 8.0 tells of them, on the thread that throws, only while somebody wants to know; that
 * thread's stack is walked by the runtime as well, which the callback allows. 9.0 and 10.0 must not be asked: what they
 * hand to an exception filter while they tell of exceptions may have been moved by a collection, and the process ends.
 * But there the first of the two passes over the stack is managed code, one method for all exceptions, which gets a
 * layer for a client that wants to know (EH.DispatchEx of the core library).
 */
#include "engine/keep.h"

typedef struct stack {
    uint64_t frames[PROBE_FRAMES_MOST];
    unsigned count;
} stack;

static clr_hresult on_frame(clr_function_id function, uintptr_t ip, uintptr_t frame, uint32_t size, uint8_t *context,
                            void *owner)
{
    stack *s = owner;
    (void)frame, (void)size, (void)context;
    if (function) s->frames[s->count++] = ip; /* 0: a run of native frames */
    return s->count < PROBE_FRAMES_MOST ? CLR_OK : CLR_FAIL;
}

void eng_exception_thrown(eng *g, uintptr_t object)
{
    stack s;
    bool any = false;
    for (unsigned i = 0; i < ENG_THROWS_MOST; i++)
        any |= __atomic_load_n(&g->throws[i], __ATOMIC_RELAXED) != NULL;
    if (!any || !object) return;
    s.count = 0;
    g->info->vt->DoStackSnapshot(g->info, 0, on_frame, 0, &s, NULL, 0);
    probe_threw(g->throws, ENG_THROWS_MOST, (uint8_t *)object, s.frames, s.count);
}

static unsigned place_of(const eng *g, const probe *p)
{
    unsigned i = 0;
    while (i < ENG_THROWS_MOST && g->throws[i] != p)
        i++;
    return i;
}

bool eng_hear_exceptions(eng *g, eng_client *c, const eng_request *r, eng_result *out, err_t *e)
{
    const unsigned at = place_of(g, NULL);
    if (at == ENG_THROWS_MOST)
        return err_set(e, ERR_LIMIT, -1,
                       "%u others wait for exceptions of this process already: `rejit list` names them",
                       ENG_THROWS_MOST);
    if (c->throws) return err_set(e, ERR_USAGE, -1, "this connection is told of exceptions already");
    if (!c->sink && !eng_open_sink(c, r, 0, e)) return false;
    const probe as = {.verb = (uint8_t)r->verb,
                      .depth = (uint8_t)RJ_MIN(r->depth, 255u),
                      .gate = c->open,
                      .id = c->next_probe,
                      .sink = c->sink,
                      .event_size = sizeof(wire_event)};
    eng_probe *told = VEC_PUSH(&out->probes);
    probe *p = told ? eng_probe_new(g, &as) : NULL;
    if (!p) return err_set(e, ERR_MEMORY, -1, "out of memory");
    if (!eng_hear_throws(g, true, e)) {
        eng_probe_drop(g, p);
        out->probes.n--;
        return false;
    }
    *told = (eng_probe){.id = c->next_probe++, .name = "exceptions", .module = ""};
    c->throws = p;
    __atomic_store_n(&g->throws[at], p, __ATOMIC_RELEASE);
    return true;
}

void eng_throws_end(eng *g, eng_client *c)
{
    err_t e = {0};
    if (!c->throws) return;
    __atomic_store_n(&g->throws[place_of(g, c->throws)], NULL, __ATOMIC_RELEASE);
    eng_probe_drop(g, c->throws);
    c->throws = NULL;
    for (unsigned i = 0; i < ENG_THROWS_MOST; i++)
        if (g->throws[i]) return;
    if (!eng_hear_throws(g, false, &e)) log_line(LOG_WARN, "engine", "%s", e.text);
}

/* ---- where exceptions are dispatched by managed code ---- */

bool eng_dispatches_managed(const eng *g)
{
    return g->runtime[0] >= 9;
}

static uint32_t nested(const cil_image *im, uint32_t outer, const char *name)
{
    for (uint32_t rid = 1; rid <= im->rows[CIL_TYPE_DEF]; rid++)
        if (strcmp(cil_cell_string(im, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME), name) == 0 &&
            cil_enclosing(im, rid) == outer)
            return rid;
    return 0;
}

static uint32_t method_named(const cil_image *im, uint32_t type, const char *name)
{
    cil_range r = cil_list(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(im, CIL_METHOD_DEF, at);
        if (strcmp(cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), name) == 0) return rid;
    }
    return 0;
}

/* Where a struct of explicit layout has a field (FieldLayout, II.22.16); UINT32_MAX: there is none. */
static uint32_t offset_of(const cil_image *im, uint32_t type, const char *name)
{
    enum { OFFSET = 0, FIELD = 1 };
    cil_range r = cil_list(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(im, CIL_FIELD, at);
        if (strcmp(cil_cell_string(im, CIL_FIELD, rid, CIL_FIELD_NAME), name) != 0) continue;
        for (uint32_t row = 1; row <= im->rows[CIL_FIELD_LAYOUT]; row++)
            if (cil_cell(im, CIL_FIELD_LAYOUT, row, FIELD) == rid) return cil_cell(im, CIL_FIELD_LAYOUT, row, OFFSET);
    }
    return UINT32_MAX;
}

bool eng_dispatch_of(eng *g, eng_target *out, probe *d, err_t *e)
{
    eng_module *core = eng_module_of_assembly(g, "System.Private.CoreLib");
    *out = (eng_target){.module = core, .throws = true};
    const cil_image *im = core && eng_module_open(g, core) ? &core->image : NULL;
    const uint32_t eh = im ? eng_type_named(im, "System.Runtime", "EH") : 0;
    const uint32_t info = eh ? nested(im, eh, "ExInfo") : 0, context = eh ? nested(im, eh, "PAL_LIMITED_CONTEXT") : 0;
    out->rid = eh ? method_named(im, eh, "DispatchEx") : 0;
    const uint32_t exception_at = info ? offset_of(im, info, "_exception") : UINT32_MAX;
    const uint32_t kind_at = info ? offset_of(im, info, "_kind") : UINT32_MAX;
    const uint32_t context_at = info ? offset_of(im, info, "_pExContext") : UINT32_MAX;
    const uint32_t ip_at = context ? offset_of(im, context, "IP") : UINT32_MAX;
    if (!out->rid || exception_at > UINT8_MAX || context_at > UINT8_MAX || kind_at > UINT8_MAX ||
        ip_at != PROBE_CONTEXT_IP)
        return err_set(e, ERR_REFUSED, -1,
                       "this runtime does not dispatch exceptions as those do that are known: they cannot be told of");
    d->exception_at = (uint8_t)exception_at;
    d->context_at = (uint8_t)context_at;
    d->kind_at = (uint8_t)kind_at;
    return true;
}
