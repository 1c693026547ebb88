/*
 * Exceptions as they are thrown. The runtime tells of them, on the thread that throws, only while somebody wants to
 * know; that thread's stack is walked by the runtime as well, which the callback allows. Not on 9.0 and 10.0: what they
 * hand to an exception filter while they tell of exceptions may have been moved by a collection, and the process ends.
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

bool eng_instrument_throws(eng *g, eng_client *c, const eng_request *r, eng_result *out, err_t *e)
{
    if (g->runtime[0] != 8)
        return err_set(e, ERR_REFUSED, -1,
                       ".NET %u cannot tell of its exceptions: it may end the process where exception filters run "
                       "meanwhile (only .NET 8 can)",
                       g->runtime[0]);
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
