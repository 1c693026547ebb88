/* From layers to versions: weave what the ledger wants, ask the runtime for it. */
#include "engine/early.h"
#include "engine/keep.h"
#include "engine/metadata.h"
#include "engine/park.h"
#include "engine/takeover.h"

#include <stdlib.h>

#define CALLEES_NAMED 5u /* of those that are refused */

static eng_method *method_of(eng *g, eng_module *m, uint32_t token)
{
    uint64_t key = eng_key(m, token);
    pthread_mutex_lock(&g->ledger);
    eng_method *x = map_get(&g->methods, key);
    if (!x && (x = calloc(1, sizeof *x))) {
        buf_t name = {0};
        cil_method_name(&m->image, CIL_RID(token), true, &name);
        x->module = m;
        x->token = token;
        x->name = strdup(buf_cstr(&name));
        x->state = ENG_REVERTED;
        g->hooked_count += m->hooked;
        x->inlinable = eng_may_be_inlined(m, CIL_RID(token));
        buf_free(&name);
        if (!x->name || !map_put(&g->methods, key, x)) {
            g->hooked_count -= m->hooked;
            free(x->name);
            free(x);
            x = NULL;
        }
    }
    pthread_mutex_unlock(&g->ledger);
    return x;
}

bool eng_install(eng *g, eng_method *m, weave_output *out, err_t *e)
{
    clr_il_map *map = malloc((out->map.n + 1) * sizeof *map);
    if (!map) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (size_t i = 0; i < out->map.n; i++)
        map[i] = (clr_il_map){out->map.v[i].from, out->map.v[i].to, 1};
    pthread_mutex_lock(&g->ledger);
    buf_free(&m->body);
    free(m->map);
    m->body = out->body;
    m->map = map;
    m->map_count = (uint32_t)out->map.n;
    out->body = (buf_t){0};
    pthread_mutex_unlock(&g->ledger);
    return true;
}

uint32_t eng_weave_count(const eng_method *m)
{
    return (uint32_t)(m->layers.n + (m->module->hooked ? 0 : m->closed.n));
}

weave_layer *eng_weave_layers(arena *a, const eng_method *m)
{
    weave_layer *layers = arena_array(a, eng_weave_count(m) + 1, sizeof *layers);
    for (uint32_t i = 0; layers && i < eng_weave_count(m); i++) {
        const eng_layer *l = i < m->layers.n ? &m->layers.v[i] : &m->closed.v[i - m->layers.n];
        const uint8_t *gate = l->calls.first ? &l->probe->armed : &l->probe->gate;
        layers[i] = (weave_layer){(uint64_t)(uintptr_t)gate,
                                  (uint64_t)(uintptr_t)l->probe,
                                  l->calls,
                                  l->values,
                                  l->value_count,
                                  l->tests,
                                  l->test_count,
                                  l->site};
    }
    return layers;
}

void eng_keep_for_ever(const eng_method *m)
{
    for (size_t i = 0; i < m->layers.n; i++)
        eng_probe_hold(m->layers.v[i].probe);
}

bool eng_keep_with(eng_method *m)
{
    for (size_t i = 0; i < m->layers.n; i++) {
        probe **place = VEC_PUSH(&m->held);
        if (!place) return false;
        *place = m->layers.v[i].probe;
        eng_probe_hold(*place);
    }
    return true;
}

/* To the back end that the method has. */
static bool place(eng *g, eng_method *m, const weave_input *in, weave_output *out, err_t *e)
{
    bool hosted = in->catch_by_filter && eng_takeover_prepare(g, m, in, out);
    if (!m->module->hooked && !eng_meta_apply(g, m->module, e)) return false; /* code to come sees it as it is */
    if (hosted) return true;
    eng_keep_for_ever(m);
    return eng_install(g, m, out, e);
}

bool eng_weave_input(eng *g, const eng_method *m, arena *scratch, eng_tokens *tokens, weave_input *in, err_t *e)
{
    const uint8_t *il = NULL;
    uint32_t size = 0;
    weave_layer *layers = eng_weave_layers(scratch, m);
    if (!layers) return err_set(e, ERR_MEMORY, -1, "out of memory");
    clr_hresult hr = g->info->vt->GetILFunctionBody(g->info, m->module->id, m->token, &il, &size);
    if (hr < 0 || !il) return err_set(e, ERR_REFUSED, -1, "the runtime has no IL of it (%08x)", (unsigned)hr);
    *in = (weave_input){.image = &m->module->image,
                        .method_rid = CIL_RID(m->token),
                        .body = {il, size},
                        .layers = layers,
                        .layer_count = eng_weave_count(m),
                        .plain_most = m->module->debug_build || g->debugged ? 0 : ENG_PLAIN_MOST,
                        .tokens = eng_tokens_for(tokens)};
    return true;
}

bool eng_weave(eng *g, eng_method *m, err_t *e)
{
    arena scratch = {0};
    eng_tokens tokens = {.g = g, .module = m->module};
    weave_output out = {0};
    weave_input in;
    if (m->woven || m->module->dynamic) return true; /* stays as it is; is woven when it is compiled */
    bool hosted = eng_takeover_wanted(g, m);
    if (hosted) eng_park_forget(m);
    bool ok = eng_weave_input(g, m, &scratch, &tokens, &in, e);
    if (ok) in.catch_by_filter = hosted;
    if (ok && g->hides && !m->module->hooked) in.tokens.keep_locals = eng_keep_locals;
    m->exposed = !g->hides && !m->module->hooked;
    ok = ok && weave_method(&scratch, &in, &out, e) && place(g, m, &in, &out, e);
    if (ok && m->module->hooked) ok = eng_first_install(g, m, e);
    weave_output_free(&out);
    arena_free(&scratch);
    return ok;
}

static void refuse(eng_result *out, const eng_module *m, const char *name, const char *reason)
{
    eng_refusal *r = VEC_PUSH(&out->refusals);
    if (r)
        *r = (eng_refusal){arena_strdup(&out->memory, name), arena_strdup(&out->memory, m->file),
                           arena_strdup(&out->memory, reason)};
}

/* A callee that nobody has asked for by name. */
static void leave_out(eng_result *out, const char *name, const char *reason)
{
    const char *text = arena_printf(&out->memory, "%s is not followed: %s", name, reason);
    if (text && out->callees_refused++ < CALLEES_NAMED)
        out->side_note = eng_note_more(&out->memory, out->side_note, text);
}

/* Plans and weaves one layer more. False: refused, and everything is as it was. */
static bool weave_layer_in(eng *g, eng_method *m, const eng_layer *layer, err_t *e)
{
    eng_layer *place = VEC_PUSH(&m->layers);
    if (!place) return err_set(e, ERR_MEMORY, -1, "out of memory");
    *place = *layer;
    if (eng_weave(g, m, e)) {
        m->standing = false;
        return true;
    }
    m->layers.n--;
    return false;
}

/* A layer that stands in the method's body, closed until now. False: there is none of its shape. */
static bool reopen(eng *g, eng_method *m, eng_layers *l)
{
    if (m->module->hooked || l->body_rid || !m->closed.n || m->behind) return false;
    eng_layer *place = VEC_PUSH(&m->layers);
    if (!place) return false;
    if (!eng_first_reopen(g, m, &l->own)) {
        m->layers.n--;
        return false;
    }
    *place = l->own;
    m->standing |= m->covered && m->asked != g->batch;
    return true;
}

/* Takes the layer that was added last off again, before anything was asked of the runtime. */
static void weave_layer_out(eng *g, eng_method *m)
{
    err_t e = {0};
    m->layers.n--;
    if (eng_weave_count(m) && eng_weave(g, m, &e)) return;
    if (eng_weave_count(m)) log_line(LOG_ERROR, "engine", "%s: %s", m->name, e.text);
    pthread_mutex_lock(&g->ledger);
    if (!eng_keeps_body(m)) buf_free(&m->body);
    pthread_mutex_unlock(&g->ledger);
}

/* Both layers of an async call, or the one of another. False: refused, and everything is as it was. */
static bool weave_layers_in(eng *g, eng_method *m, eng_method *body, eng_layers *l, err_t *e)
{
    l->own.with = body;
    l->body.with = m;
    if (!weave_layer_in(g, m, &l->own, e)) return false;
    if (!body || weave_layer_in(g, body, &l->body, e)) return true;
    weave_layer_out(g, m);
    return err_prefix(e, "the body of its state machine: ");
}

typedef VEC(eng_method *) eng_method_list;

static void need_inliners(eng *g)
{
    pthread_mutex_lock(&g->ledger);
    g->inliners_needed = true;
    pthread_mutex_unlock(&g->ledger);
}

/* Adds the method to those that a new version is asked for, once. */
static bool want_version(eng *g, eng_method *m, eng_method_list *wanted)
{
    /* Who inlined a method before it was taken over was asked for then, and never again. */
    if (m->layers.n == 1 && !eng_takeover_serves(m) && !m->closed.n && !m->standing) m->batch = g->batch;
    if (m->inlinable) need_inliners(g);
    if (m->asked == g->batch) return true;
    eng_method **place = VEC_PUSH(wanted);
    if (!place) return false;
    *place = m;
    m->asked = g->batch;
    return true;
}

/* A dynamic method for which it is too late for good: an entry would only stay as long as it does. */
static bool refuse_late(eng *g, eng_target t, eng_result *out)
{
    if (!t.module->dynamic || !eng_dynamic_is_late(t.module->dynamic)) return false;
    buf_t name = {0};
    cil_method_name(&t.module->image, t.rid, true, &name);
    refuse(out, t.module, buf_cstr(&name), eng_first_refusal(g, t.module, t.rid, &out->memory));
    buf_free(&name);
    return true;
}

/* One probe on one method. False: it was refused. */
static bool add_probe(eng *g, eng_client *c, eng_wish *wish, eng_target t, eng_result *out, eng_method_list *wanted,
                      err_t *e)
{
    if (refuse_late(g, t, out)) return false;
    eng_method *m = method_of(g, t.module, CIL_TOKEN(CIL_METHOD_DEF, t.rid)), *body = NULL;
    eng_probe *p = m ? VEC_PUSH(&out->probes) : NULL;
    eng_layers l = {0};
    err_t why = {0};
    if (!p) return err_set(e, ERR_MEMORY, -1, "out of memory");
    const char *reason = t.throws ? NULL : eng_refusal_of(g, t.module, t.rid, &out->memory);
    if (t.throws) m->stays = true; /* it is no method like others: with the runtime, whatever it costs */
    if (!reason && t.place && t.module->hooked)
        reason = "code that can be unloaded, or is made at run time: its lines cannot be looked at yet";
    if (!reason && t.module->hooked)
        reason = eng_first_plan(g, c, wish, m, &l, p, &out->memory, e);
    else if (!reason && !eng_plan(g, c, wish, t, &l, p, &out->memory, e))
        reason = e->text;
    l.own.wish = l.body.wish = wish;
    if (!reason && l.body_rid) {
        reason = eng_refusal_of(g, t.module, l.body_rid, &out->memory);
        body = method_of(g, t.module, CIL_TOKEN(CIL_METHOD_DEF, l.body_rid));
        if (!body) reason = "out of memory";
        if (body && t.module->hooked && !reason) reason = eng_first_too_late(g, wish, body);
    }
    if (!reason) eng_park_end(g, m);
    if (!reason && !reopen(g, m, &l) && !weave_layers_in(g, m, body, &l, &why)) reason = why.text;
    if (reason) {
        free(l.own.values);
        free(l.body.values);
        if (l.own.probe) eng_probe_drop(g, l.own.probe);
        if (l.body_rid && l.body.probe) eng_probe_drop(g, l.body.probe);
        out->probes.n--;
        if (t.callee)
            leave_out(out, m->name, reason);
        else
            refuse(out, t.module, m->name, reason);
        return false;
    }
    p->name = arena_strdup(&out->memory, m->name);
    p->module = arena_strdup(&out->memory, t.module->file);
    p->note = eng_note_more(&out->memory, p->note, eng_note_of_copies(t.module, t.rid));
    p->note = eng_note_more(&out->memory, p->note, eng_first_note(g, wish, m));
    if (l.known) out->probes.n--;
    return (want_version(g, m, wanted) && (!body || want_version(g, body, wanted))) ||
           err_set(e, ERR_MEMORY, -1, "out of memory");
}

/* Weaving is the first half of the work, asking the runtime the second. False: nobody waits for it any more. */
static bool tell_progress(const eng_request *r, size_t woven, size_t asked, size_t total, uint64_t rest_ns)
{
    return !r || !r->progress || r->progress(r->progress_owner, (woven + asked) / 2, total, rest_ns);
}

#define ABANDONED ((clr_hresult)0x800704C7u) /* ERROR_CANCELLED */

/*
 * The runtime makes a new version of every inliner too, and takes the original IL for it unless it is told to ask: an
 * inliner may be one of our own methods (it may even be the method itself, where that is recursive).
 */
static clr_hresult request(eng *g, const eng_request *r, bool covered, uint32_t n, clr_module_id *modules,
                           uint32_t *tokens)
{
    if (n) log_line(LOG_DEBUG, "engine", "asks for %u new versions%s", n, covered ? "" : ", and for their inliners");
    eng_pace pace = {.rests = r && r->progress};
    for (uint32_t at = 0, count; at < n; at += count) {
        count = eng_pace_take(&pace, n - at);
        clr_hresult hr = (covered ? eng_ask : eng_ask_with_inliners)(g, count, modules + at, tokens + at);
        if (hr < 0) return hr;
        eng_pace_over(&pace, at + count < n);
        if (n > ENG_PORTION && !tell_progress(r, n, at + count, n, 0)) return ABANDONED;
        for (uint64_t ns; (ns = eng_pace_next_piece(&pace));)
            if (!tell_progress(r, n, at + count, n, ns)) return ABANDONED;
    }
    return CLR_OK;
}

/* Any inliner may have inlined the methods of this batch as well: all are needed as long as these are. Under the ledger
 * lock. */
static void keep_inliners(eng *g)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->inliners, &at, &key, &value);) {
        eng_inliner *i = value;
        i->batch = g->batch;
    }
}

static bool abandoned(err_t *e)
{
    return err_set(e, ERR_GONE, -1, "nobody waits for it any more");
}

/* Asks for the methods of one kind: those that are covered already, or those whose inliners must come along. */
static bool request_kind(eng *g, const eng_request *r, eng_method **methods, size_t count, bool covered, err_t *e)
{
    arena a = {0};
    clr_module_id *modules = arena_array(&a, count + 1, sizeof *modules);
    uint32_t *tokens = arena_array(&a, count + 1, sizeof *tokens), n = 0;
    bool ok = modules && tokens, inlinable = false;
    pthread_mutex_lock(&g->ledger);
    for (size_t i = 0; ok && i < count; i++) {
        if (methods[i]->covered != covered || eng_takeover_serves(methods[i]) || methods[i]->standing) continue;
        if (methods[i]->module->hooked) {
            if (!methods[i]->woven) eng_set_state(g, methods[i], ENG_REQUESTED);
            continue;
        }
        methods[i]->versions++;
        inlinable |= methods[i]->inlinable;
        modules[n] = methods[i]->module->id;
        tokens[n++] = methods[i]->token;
        eng_set_state(g, methods[i], ENG_REQUESTED);
        methods[i]->failure = CLR_OK;
    }
    if (inlinable && !covered) keep_inliners(g);
    pthread_mutex_unlock(&g->ledger);
    clr_hresult hr = ok ? request(g, r, covered, n, modules, tokens) : CLR_OK;
    arena_free(&a);
    if (!ok) return err_set(e, ERR_MEMORY, -1, "out of memory");
    if (hr == ABANDONED) return abandoned(e);
    if (hr == ENG_BUSY)
        return err_set(e, ERR_REFUSED, -1,
                       "the process is compiling a method that does not come to its end, and this runtime must not be "
                       "asked for new versions meanwhile: try again");
    return hr >= 0 || err_set(e, ERR_RUNTIME, -1, "the runtime refuses to compile again (%08x)", (unsigned)hr);
}

bool eng_request_versions(eng *g, const eng_request *r, eng_method **methods, size_t count, err_t *e)
{
    if (!request_kind(g, r, methods, count, true, e) || !request_kind(g, r, methods, count, false, e)) return false;
    for (size_t i = 0; i < count; i++) {
        methods[i]->covered = true;
        methods[i]->behind = methods[i]->standing = false;
        eng_takeover_commit(g, methods[i]);
        eng_early_commit(g, methods[i]);
    }
    return true;
}

/* The layers that a transaction has added so far: those of the client with ids from `first` on. */
typedef struct added {
    const eng_client *client;
    uint32_t first;
} added;

static bool is_added(const void *owner, const eng_method *m, const eng_layer *l)
{
    const added *x = owner;
    (void)m;
    return l->client == x->client && l->probe->id >= x->first;
}

bool eng_add_layers(eng *g, eng_client *c, eng_wish *wish, const eng_target *targets, size_t count, eng_result *out,
                    err_t *e)
{
    eng_method_list wanted = {0};
    err_t why = {0};
    const added mine = {c, c->next_probe};
    eng_hide_locals(g);
    g->bulk = count > ENG_BULK;
    pthread_mutex_lock(&g->ledger);
    g->batch++;
    pthread_mutex_unlock(&g->ledger);
    bool on = true;
    for (size_t i = 0; i < count && on; i++) {
        if (targets[i].callee && !targets[0].callee && !out->probes.n) break; /* no root, no trees */
        add_probe(g, c, wish, targets[i], out, &wanted, &why);
        on = why.code != ERR_MEMORY;
        if (on && i && i % ENG_PORTION == 0) on = tell_progress(&wish->request, i, 0, count, 0) || abandoned(&why);
    }
    /* A condition that fits no method is the user's mistake, not the methods'. */
    bool ok = on && (wanted.n || why.code != ERR_USAGE);
    if (!ok && e) *e = why;
    bool any = wanted.n;
    ok = ok && (!any || eng_request_versions(g, &wish->request, wanted.v, wanted.n, e));
    VEC_FREE(&wanted);
    if (!ok) eng_remove_layers(g, is_added, &mine);
    if (!ok || !any) eng_settle(g, NULL);
    return ok;
}
