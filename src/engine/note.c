/* What a user must know of a method before he relies on its counts: calls that nobody can see, told method by method.
 */
#include "engine/engine-priv.h"

static const char non_versionable[] =
    "precompiled (R2R) code of any assembly may have a copy of it that the runtime does not tell of (NonVersionable): "
    "calls from such code are not seen";

const char *eng_note_more(arena *a, const char *note, const char *more)
{
    if (!note || !more) return note ? note : more;
    const char *both = arena_printf(a, "%s; %s", note, more);
    return both ? both : note;
}

const char *eng_note_of_copies(const eng_module *m, uint32_t rid)
{
    return eng_is_non_versionable(m, rid) ? non_versionable : NULL;
}

/* ---- calls that are running ---- */

/* A method that was instrumented just now. */
typedef struct subject {
    const eng_method *method;
    const char *name; /* in the metadata */
    uint32_t type;
    uint32_t index; /* of its probe in the result */
    struct subject *same_name;
    uint32_t calls;           /* that are running */
    uint32_t callers;         /* running methods that may have it inlined */
    const eng_module *caller; /* the first of them */
    uint32_t caller_rid;
} subject;

typedef struct noting {
    eng *g;
    arena *scratch;
    VEC(subject *) all;
    map_t by_key, by_name;
    const eng_running *running; /* the one that is looked into */
    const eng_module *running_in;
} noting;

static uint64_t name_key(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return hash;
}

static void add_subject(noting *n, const eng_method *m, uint32_t index)
{
    const cil_image *im = &m->module->image;
    subject *s = arena_alloc(n->scratch, sizeof *s);
    subject **place = s ? VEC_PUSH(&n->all) : NULL;
    if (!place) return;
    *place = s;
    s->method = m;
    s->index = index;
    s->name = cil_cell_string(im, CIL_METHOD_DEF, CIL_RID(m->token), CIL_METHOD_DEF_NAME);
    s->type = cil_method_owner(im, CIL_RID(m->token));
    s->same_name = map_get(&n->by_name, name_key(s->name));
    map_put(&n->by_name, name_key(s->name), s);
    map_put(&n->by_key, eng_key(m->module, m->token), s);
}

/* The place of a probe in the result, where they stand by ascending numbers; their count where it is not there. */
static size_t index_of(const eng_result *out, uint32_t id)
{
    size_t low = 0, high = out->probes.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (out->probes.v[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < out->probes.n && out->probes.v[low].id == id ? low : out->probes.n;
}

static void add_subjects(noting *n, const eng_client *c, uint32_t first, const eng_result *out)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&n->g->methods, &at, &key, &value);) {
        const eng_method *m = value;
        for (size_t i = 0; i < m->layers.n; i++) {
            const eng_layer *l = &m->layers.v[i];
            if (l->client != c || l->probe->id < first) continue;
            if (l->calls.first) continue; /* the body of calls that began before: of those nothing is seen anyway */
            size_t index = index_of(out, l->probe->id);
            /* Of a callee nobody misses a call that is running: trees begin later. */
            if (index < out->probes.n && !out->probes.v[index].is_callee) add_subject(n, m, (uint32_t)index);
        }
    }
}

/* Code that was compiled again after the method could no longer be inlined has no copy of it. */
static void may_have_inlined(noting *n, subject *s)
{
    bool knew = n->running->rejit && s->method->batch < n->g->batch;
    if (knew || !eng_may_be_inlined(s->method->module, CIL_RID(s->method->token))) return;
    if (s->caller == n->running_in && s->caller_rid == CIL_RID(n->running->token)) return;
    if (!s->callers++) {
        s->caller = n->running_in;
        s->caller_rid = CIL_RID(n->running->token);
    }
}

static void on_method(void *owner, const eng_module *m, uint32_t rid)
{
    noting *n = owner;
    subject *s = map_get(&n->by_key, eng_key(m, CIL_TOKEN(CIL_METHOD_DEF, rid)));
    if (s) may_have_inlined(n, s);
}

static bool is_wanted(void *owner, const char *name)
{
    const noting *n = owner;
    return map_get(&n->by_name, name_key(name)) != NULL;
}

static void on_member(void *owner, const eng_module *m, uint32_t type_rid, const char *name)
{
    noting *n = owner;
    for (subject *s = map_get(&n->by_name, name_key(name)); s; s = s->same_name)
        if (s->method->module == m && s->type == type_rid) may_have_inlined(n, s);
}

static const eng_module *known_module(eng *g, clr_module_id id)
{
    pthread_mutex_lock(&g->ledger);
    const eng_module *m = map_get(&g->module_of, id);
    pthread_mutex_unlock(&g->ledger);
    return m;
}

static void look_into(noting *n, const eng_running *r)
{
    const eng_calls calls = {n, on_method, is_wanted, on_member};
    const eng_module *m = known_module(n->g, r->module);
    if (!m || !CIL_RID(r->token) || !eng_module_open(n->g, (eng_module *)(uintptr_t)m)) return;
    subject *own = map_get(&n->by_key, eng_key(m, r->token));
    if (own) own->calls = r->calls;
    if (eng_is_unoptimised(n->g, m, r->token, r->rejit)) return;
    n->running = r;
    n->running_in = m;
    eng_look_for_calls(n->g, m, CIL_RID(r->token), &calls);
}

static const char *text_of(const subject *s, arena *a)
{
    const char *note = NULL;
    if (s->calls)
        note = arena_printf(a, "%u call%s of it %s running now and %s not seen; calls that begin from now on are",
                            s->calls, s->calls == 1 ? "" : "s", s->calls == 1 ? "is" : "are",
                            s->calls == 1 ? "is" : "are");
    if (!s->callers) return note;
    buf_t name = {0};
    cil_method_name(&s->caller->image, s->caller_rid, true, &name);
    const char *inlined =
        s->callers == 1
            ? arena_printf(
                  a,
                  "it may be inlined in %s, which is running now: its calls from there are not seen until that "
                  "is called again",
                  buf_cstr(&name))
            : arena_printf(
                  a,
                  "it may be inlined in %s and %u other methods that are running now: its calls from there are "
                  "not seen until those are called again",
                  buf_cstr(&name), s->callers - 1);
    buf_free(&name);
    return eng_note_more(a, note, inlined);
}

static void put_notes(const noting *n, const eng_stacks *stacks, eng_result *out)
{
    arena *a = &out->memory;
    for (size_t i = 0; i < n->all.n; i++) {
        eng_probe *p = &out->probes.v[n->all.v[i]->index];
        p->note = eng_note_more(a, p->note, text_of(n->all.v[i], a));
    }
    if (!stacks->missed || !out->probes.n) return;
    eng_probe *p = &out->probes.v[0];
    p->note =
        eng_note_more(a, p->note,
                      arena_printf(a,
                                   "%u of %u threads were not looked at, to spare the process: what runs there now "
                                   "is not known",
                                   stacks->missed, stacks->threads));
}

void eng_note_running(eng *g, const eng_client *c, uint32_t first, eng_result *out)
{
    arena scratch = {0};
    eng_stacks stacks;
    noting n = {.g = g, .scratch = &scratch};
    if (eng_stacks_look(g, &scratch, &stacks)) {
        add_subjects(&n, c, first, out);
        for (uint32_t i = 0; i < stacks.slots; i++)
            if (stacks.found[i].calls) look_into(&n, &stacks.found[i]);
        put_notes(&n, &stacks, out);
    }
    VEC_FREE(&n.all);
    map_free(&n.by_key);
    map_free(&n.by_name);
    arena_free(&scratch);
}
