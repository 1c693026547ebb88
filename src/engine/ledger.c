/* The engine's start, and the ledger as others see it. */
#include "engine/jit-priv.h"
#include "engine/park.h"
#include "engine/takeover.h"

#include <stdio.h>
#include <stdlib.h>

static void read_version(eng *g)
{
    uint16_t instance, qfe, text[64], *v = g->runtime;
    int32_t type;
    uint32_t used;
    g->info->vt->GetRuntimeInformation(g->info, &instance, &type, &v[0], &v[1], &v[2], &qfe, RJ_COUNT(text), &used,
                                       text);
}

void eng_runtime_version(const eng *g, char *out, size_t size)
{
    snprintf(out, size, "%u.%u.%u", g->runtime[0], g->runtime[1], g->runtime[2]);
}

eng *eng_start(clr_info *info, err_t *e)
{
    if (!probe_start(e)) return NULL;
    eng *g = calloc(1, sizeof *g);
    if (!g) {
        err_set(e, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    g->info = info;
    g->hot_reload = eng_hot_reload_asked_for();
    read_version(g);
    pthread_mutexattr_t again; /* who is told of the progress of a request may ask questions */
    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&g->transaction, &again);
    pthread_mutexattr_destroy(&again);
    pthread_mutex_init(&g->ledger, NULL);
    pthread_mutex_init(&g->opening, NULL);
    pthread_mutex_init(&g->reading, NULL);
    pthread_cond_init(&g->host_gone, NULL);
    return g;
}

void eng_index(eng *g)
{
    eng_jit_guard();
    clr_enum *modules = NULL;
    /* What is listed and then unloaded waits for the lock, until it is in the index and can be taken out of it. */
    eng_transaction_lock(g);
    if (g->info->vt->EnumModules(g->info, &modules) >= 0 && modules) {
        clr_module_id id;
        uint32_t got = 0;
        while (modules->vt->Next(modules, 1, &id, &got) >= 0 && got == 1)
            eng_module_loaded(g, id);
        modules->vt->unknown.Release(modules);
    }
    pthread_mutex_unlock(&g->transaction);
}

clr_info *eng_info(eng *g)
{
    return g->info;
}

uint64_t eng_key(const eng_module *m, uint32_t token)
{
    return (uint64_t)m->number << 32 | token;
}

static bool is_unsettled(eng_state s)
{
    return s == ENG_COMPILING || s == ENG_FAILED;
}

void eng_set_state(eng *g, eng_method *m, eng_state state)
{
    g->unsettled += is_unsettled(state);
    g->unsettled -= is_unsettled(m->state);
    m->state = state;
}

const char *eng_state_text(const eng_method *m)
{
    for (size_t i = 0; i < m->layers.n; i++)
        if (m->layers.v[i].probe->ran) return "active";
    if (!m->layers.n && (m->woven || m->closed.n)) return "closed";
    if (eng_takeover_is_pending(m)) return "requested";
    switch (m->state) {
    case ENG_REQUESTED: return "requested";
    case ENG_COMPILING: return "compiling";
    case ENG_INSTALLED: return "installed";
    case ENG_REVERTED: return "reverted";
    case ENG_FAILED: return "failed";
    }
    return "";
}

#define VERSION_BYTES 1200u /* about what the runtime keeps of a version of a small method */

static size_t bytes_of(const eng_method *m)
{
    size_t n = sizeof *m + strlen(m->name) + m->body.cap + m->map_count * sizeof *m->map + eng_first_bytes(m);
    n += (size_t)m->versions * VERSION_BYTES + eng_takeover_bytes(m);
    for (size_t i = 0; i < m->layers.n; i++)
        n += eng_shape_size(&m->layers.v[i]);
    n += m->instances.cap * sizeof *m->instances.v;
    return n + m->layers.cap * sizeof *m->layers.v;
}

static size_t bytes_of_client(const eng_client *c)
{
    size_t n = sizeof *c + (c->sink ? probe_sink_bytes(c->sink) : 0);
    for (const eng_wish *w = c->wishes; w; w = w->next)
        n += sizeof *w + w->memory.total;
    return n;
}

static void put_entry(const eng_method *m, const char *code, buf_t *reply)
{
    size_t group = wire_open(reply, WIRE_T_ENTRY);
    wire_text(reply, WIRE_T_NAME, m->name);
    wire_text(reply, WIRE_T_MODULE, m->module->file);
    wire_text(reply, WIRE_T_TEXT, eng_state_text(m));
    wire_text(reply, WIRE_T_CODE_KIND, code);
    for (size_t i = 0; i < m->layers.n; i++)
        wire_u32(reply, WIRE_T_CLIENT_ID, m->layers.v[i].client->id);
    wire_u64(reply, WIRE_T_BYTES, bytes_of(m));
    wire_u32(reply, WIRE_T_VERSION, (uint32_t)m->rejit);
    wire_close(reply, group);
}

static void put_entry_of(eng *g, const eng_method *m, buf_t *reply)
{
    pthread_mutex_lock(&g->ledger);
    clr_rejit_id version = m->state == ENG_REQUESTED ? 0 : m->rejit;
    pthread_mutex_unlock(&g->ledger);
    const char *code = "not compiled";
    if (m->module->hooked)
        code = m->woven ? "jitted" : code;
    else if (version)
        code = eng_code_kind(g, m->module, m->token, version);
    if (eng_takeover_serves(m)) code = "takeover";
    pthread_mutex_lock(&g->ledger);
    put_entry(m, code, reply);
    pthread_mutex_unlock(&g->ledger);
}

static void put_client(const eng_client *c, buf_t *reply)
{
    uint64_t written = 0, dropped = 0;
    for (uint32_t i = 0; c->sink && i < probe_slots(); i++) {
        written += c->sink->slot[i].written;
        dropped += c->sink->slot[i].dropped;
    }
    size_t group = wire_open(reply, WIRE_T_CLIENT);
    wire_u32(reply, WIRE_T_CLIENT_ID, c->id);
    wire_text(reply, WIRE_T_NAME, c->who.name);
    wire_text(reply, WIRE_T_USER, c->who.user);
    wire_u32(reply, WIRE_T_PID, c->who.pid);
    wire_u64(reply, WIRE_T_COUNT, written);
    wire_u64(reply, WIRE_T_DROPPED, dropped);
    wire_u64(reply, WIRE_T_TIME, c->since_ns);
    wire_u64(reply, WIRE_T_BYTES, bytes_of_client(c));
    wire_u32(reply, WIRE_T_OPEN, c->open);
    wire_put_budget(reply, &c->budget);
    if (c->sink) wire_u32(reply, WIRE_T_SHARE, c->sink->memory->share);
    if (c->sink) wire_u32(reply, WIRE_T_REACHED, c->sink->memory->reached);
    wire_close(reply, group);
}

/* Under the ledger lock. */
static uint64_t live_inliners(const eng *g)
{
    uint64_t key, n = 0;
    void *value;
    for (size_t at = 0; map_next(&g->inliners, &at, &key, &value);)
        n += ((const eng_inliner *)value)->live;
    return n;
}

void eng_describe_ledger(eng *g, buf_t *reply)
{
    uint64_t key, emitted = 0, total = sizeof *g + g->probe_bytes + g->kept.total;
    void *value;
    VEC(const eng_method *) entries = {0}; /* the runtime is asked about them without the ledger lock */
    pthread_mutex_lock(&g->transaction);
    if (!g->under_way) eng_dynamics_bury(g);
    pthread_mutex_lock(&g->ledger);
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        const eng_method *m = value;
        total += bytes_of(m);
        const eng_method **place = m->layers.n || m->woven || m->closed.n ? VEC_PUSH(&entries) : NULL;
        if (place) *place = m;
    }
    pthread_mutex_unlock(&g->ledger);
    for (size_t i = 0; entries.v && i < entries.n; i++)
        put_entry_of(g, entries.v[i], reply);
    VEC_FREE(&entries);
    pthread_mutex_lock(&g->ledger);
    for (const eng_client *c = g->clients; c; c = c->next) {
        total += bytes_of_client(c);
        put_client(c, reply);
    }
    for (size_t i = 0; i < g->modules.n; i++) {
        total += sizeof *g->modules.v[i] + g->modules.v[i]->kept_bytes;
        emitted += g->modules.v[i]->emitted_bytes;
    }
    uint64_t inliners = live_inliners(g);
    pthread_mutex_unlock(&g->ledger);
    uint64_t returned = g->returned_bytes;
    pthread_mutex_unlock(&g->transaction);
    wire_u64(reply, WIRE_T_BYTES, total + emitted);
    wire_u64(reply, WIRE_T_METADATA, emitted);
    wire_u64(reply, WIRE_T_RETURNED, returned);
    wire_u64(reply, WIRE_T_INLINERS, inliners);
}

static bool wanted(const eng_method *m, query_pattern *const *patterns, uint32_t count, buf_t *scratch)
{
    for (uint32_t i = 0; i < count; i++)
        if (query_pattern_assembly(patterns[i], m->module->assembly) &&
            query_pattern_method(patterns[i], &m->module->image, CIL_RID(m->token), scratch))
            return true;
    return !count;
}

/* Whose layers are reverted, of marked methods. */
typedef struct reverting {
    const eng_identity *who;
    bool everybody;
} reverting;

static bool is_concerned(const reverting *r, const eng_client *c)
{
    return r->everybody || c->who.uid == r->who->uid;
}

static bool is_reverted(const void *owner, const eng_method *m, const eng_layer *l)
{
    return m->marked && is_concerned(owner, l->client);
}

/* Marks what matches and tells the clients concerned; how many methods are theirs. */
static uint32_t mark_reverted(eng *g, const reverting *r, query_pattern *const *patterns, uint32_t count,
                              const char *why)
{
    buf_t scratch = {0};
    uint32_t n = 0;
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        bool any = false;
        m->marked = (m->layers.n || m->closed.n) && wanted(m, patterns, count, &scratch);
        for (eng_client *c = m->marked ? g->clients : NULL; c; c = c->next)
            any |= is_concerned(r, c) && eng_tell_reverted(g, m, c, why);
        n += any;
    }
    buf_free(&scratch);
    return n;
}

static bool is_chosen(const void *owner, const eng_method *m)
{
    (void)owner;
    return m->marked;
}

bool eng_revert(eng *g, const char *const *texts, uint32_t count, const eng_identity *who, bool everybody,
                uint32_t *reverted, err_t *e)
{
    arena a = {0};
    const reverting r = {who, everybody};
    query_pattern **patterns = arena_array(&a, count + 1, sizeof *patterns);
    const char *why = arena_printf(&a, "reverted by %s (pid %u, user %s)", who->name, who->pid, who->user);
    bool ok = (patterns && why) || err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = (patterns[i] = query_pattern_parse(&a, texts[i], e)) != NULL;
        if (!ok) err_prefix(e, "pattern '%s': ", texts[i]);
    }
    *reverted = 0;
    pthread_mutex_lock(&g->transaction);
    if (ok) {
        *reverted = mark_reverted(g, &r, patterns, count, why);
        for (eng_client *c = count ? NULL : g->clients; c; c = c->next)
            if (is_concerned(&r, c)) eng_wishes_free(g, c); /* all of it: modules that load later too */
        eng_remove_layers(g, is_reverted, &r);
        eng_unpark_if(g, is_chosen, NULL); /* who says it wants it, not only closed */
        ok = eng_settle(g, e);
    }
    pthread_mutex_unlock(&g->transaction);
    arena_free(&a);
    return ok;
}
