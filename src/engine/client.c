/* Clients, and the news for them. */
#include "engine/keep.h"

#include <stdlib.h>

uint64_t eng_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t epoch_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

void eng_result_free(eng_result *r)
{
    VEC_FREE(&r->probes);
    VEC_FREE(&r->refusals);
    arena_free(&r->memory);
}

eng_client *eng_client_new(eng *g, const eng_identity *who)
{
    eng_client *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->who = *who;
    c->since_ns = epoch_ns();
    pthread_mutex_lock(&g->transaction);
    c->id = ++g->next_client;
    pthread_mutex_lock(&g->ledger);
    c->next = g->clients;
    g->clients = c;
    pthread_mutex_unlock(&g->ledger);
    pthread_mutex_unlock(&g->transaction);
    return c;
}

/* Calls that are pending are to complete behind a closed gate as well: what is armed stays so. */
static void set_gate(probe *p, bool open)
{
    if (open) __atomic_store_n(&p->armed, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->gate, open, __ATOMIC_SEQ_CST);
}

/* Whose turn it is: where gates open, those of callees come before the roots of the trees that they belong to, where
 * they close behind them. */
static void set_gates_of(eng *g, const eng_client *c, bool open, bool roots)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        const eng_method *m = value;
        for (size_t i = 0; i < m->layers.n; i++)
            if (m->layers.v[i].client == c && m->layers.v[i].probe->root == roots)
                set_gate(m->layers.v[i].probe, open && !m->layers.v[i].off);
    }
}

static void set_gates(eng *g, const eng_client *c, bool open)
{
    set_gates_of(g, c, open, !open);
    set_gates_of(g, c, open, open);
}

void eng_gate(eng *g, eng_client *c, bool open)
{
    pthread_mutex_lock(&g->transaction);
    c->open = open;
    if (c->throws) set_gate(c->throws, open);
    set_gates(g, c, open);
    if (c->sink) probe_clock_publish(c->sink->memory);
    pthread_mutex_unlock(&g->transaction);
}

/* Some of a client's probes. */
typedef struct some {
    const eng_client *client;
    const uint32_t *ids;
    size_t count;
} some;

static bool is_some(const void *owner, const eng_method *m, const eng_layer *l)
{
    const some *s = owner;
    (void)m;
    for (size_t i = 0; l->client == s->client && i < s->count; i++)
        if (s->ids[i] == l->probe->id) return true;
    return false;
}

void eng_gate_probes(eng *g, eng_client *c, const uint32_t *ids, size_t count, bool open)
{
    const some these = {c, ids, count};
    uint64_t key;
    void *value;
    pthread_mutex_lock(&g->transaction);
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        for (size_t i = 0; i < m->layers.n; i++) {
            eng_layer *l = &m->layers.v[i];
            if (!is_some(&these, m, l)) continue;
            l->off = !open;
            set_gate(l->probe, open && c->open);
        }
    }
    pthread_mutex_unlock(&g->transaction);
}

bool eng_remove_probes(eng *g, eng_client *c, const uint32_t *ids, size_t count, err_t *e)
{
    const some these = {c, ids, count};
    pthread_mutex_lock(&g->transaction);
    eng_remove_layers(g, is_some, &these);
    bool ok = eng_settle(g, e);
    eng_hook_rest(g);
    pthread_mutex_unlock(&g->transaction);
    return ok;
}

void eng_client_budget(eng_client *c, const wire_budget *budget)
{
    c->budget = *budget;
}

probe_sink *eng_client_sink(eng_client *c)
{
    return c->sink;
}

/* Under the transaction lock. */
static bool take_out(eng *g, eng_client *c, err_t *e)
{
    c->open = false;
    eng_throws_end(g, c);
    eng_wishes_free(g, c);
    eng_remove_layers(g, eng_is_clients, c);
    bool ok = eng_settle(g, e);
    eng_hook_rest(g);
    return ok;
}

bool eng_uninstrument(eng *g, eng_client *c, err_t *e)
{
    pthread_mutex_lock(&g->transaction);
    bool ok = take_out(g, c, e);
    pthread_mutex_unlock(&g->transaction);
    return ok;
}

/* Takes the client out of the list; under the transaction lock. */
static void unlink_client(eng *g, const eng_client *c)
{
    pthread_mutex_lock(&g->ledger);
    for (eng_client **at = &g->clients; *at; at = &(*at)->next) {
        if (*at != c) continue;
        *at = c->next;
        break;
    }
    pthread_mutex_unlock(&g->ledger);
}

void eng_client_end(eng *g, eng_client *c)
{
    err_t e = {0};
    pthread_mutex_lock(&g->transaction);
    if (!take_out(g, c, &e)) log_line(LOG_WARN, "engine", "%s", e.text);
    unlink_client(g, c);
    pthread_mutex_unlock(&g->transaction);
    for (eng_news *n; (n = eng_client_news(g, c));)
        eng_news_free(n);
    /*
     * Frames of calls that are still inside an old body point to the sink through their probe: its record stays with
     * the descriptors, its shared memory goes as soon as no thread writes to it. Where one may, both stay.
     */
    bool left = c->sink && probe_sink_detach(c->sink);
    if (c->sink) probe_async_forget(c->sink);
    if (left) probe_sink_close(c->sink);
    pthread_mutex_lock(&g->transaction);
    if (left) eng_sink_drop(c->sink);
    eng_reclaim(g);
    pthread_mutex_unlock(&g->transaction);
    free(c);
}

void eng_on_news(eng *g, void (*wake)(void *owner), void *owner)
{
    g->wake = wake;
    g->wake_owner = owner;
}

eng_news *eng_client_news(eng *g, eng_client *c)
{
    pthread_mutex_lock(&g->ledger);
    eng_news *n = c->news;
    if (n) {
        c->news = n->next;
        if (!c->news) c->last_news = NULL;
    }
    pthread_mutex_unlock(&g->ledger);
    return n;
}

void eng_news_free(eng_news *n)
{
    eng_result_free(&n->result);
    free(n);
}

static void append(eng_client *c, eng_news *n)
{
    if (c->last_news)
        c->last_news->next = n;
    else
        c->news = n;
    c->last_news = n;
}

void eng_tell(eng *g, eng_client *c, eng_news *n)
{
    pthread_mutex_lock(&g->ledger);
    append(c, n);
    pthread_mutex_unlock(&g->ledger);
    if (g->wake) g->wake(g->wake_owner);
}

/* The piece of news that the next method belongs to: the last one, where it says the same of others. */
static eng_news *news_for(eng_client *c, eng_news_kind kind, const char *text)
{
    eng_news *last = c->last_news;
    if (last && last->kind == kind && last->text && strcmp(last->text, text) == 0) return last;
    eng_news *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->kind = kind;
    n->text = arena_strdup(&n->result.memory, text);
    append(c, n);
    return n;
}

static void tell_layer(eng *g, const eng_method *m, const eng_layer *l, eng_news_kind kind, const char *text)
{
    pthread_mutex_lock(&g->ledger);
    eng_news *n = news_for(l->client, kind, text);
    const char *name = n ? arena_strdup(&n->result.memory, m->name) : NULL;
    eng_refusal *r = name ? VEC_PUSH(&n->result.refusals) : NULL;
    eng_probe *p = name ? VEC_PUSH(&n->result.probes) : NULL;
    const char *file = name ? arena_strdup(&n->result.memory, m->module->file) : NULL;
    if (r) *r = (eng_refusal){name, file ? file : "", n->text ? n->text : ""};
    if (p) *p = (eng_probe){.id = l->probe->id, .name = name, .module = file ? file : ""};
    pthread_mutex_unlock(&g->ledger);
    if (g->wake) g->wake(g->wake_owner);
}

void eng_tell_refused(eng *g, eng_method *m, const char *reason)
{
    for (size_t i = 0; i < m->layers.n; i++)
        tell_layer(g, m, &m->layers.v[i], ENG_NEWS_REFUSED, reason);
}

bool eng_tell_reverted(eng *g, eng_method *m, eng_client *c, const char *why)
{
    bool any = false;
    for (size_t i = 0; i < m->layers.n; i++) {
        if (m->layers.v[i].client != c) continue;
        tell_layer(g, m, &m->layers.v[i], ENG_NEWS_REVERTED, why);
        any = true;
    }
    return any;
}
