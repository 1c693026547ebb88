/*
 * Parking: what becomes of methods that are looked at again and again. The runtime never gives back what a version
 * costs. So the last version stays when nobody wants it any more, with closed gates; who wants the same again gets the
 * probe that stands in it, and the runtime is asked for nothing. What has been left alone for a while goes back to the
 * original. Takeover is for those that are wanted in ever new ways.
 */
#include "engine/park.h"

#include "engine/takeover.h"

#include <stdlib.h>

#define LEFT_LEAST  8u /* who looks once or twice leaves the original behind at once */
#define SHAPES_MOST 4u /* closed layers that a body is woven with */

bool eng_parks(const eng_method *m, const eng_layer *l)
{
    if (m->module->hooked || l->with || m->state == ENG_FAILED || eng_takeover_serves(m) || !m->body.n) return false;
    return m->left >= LEFT_LEAST;
}

bool eng_is_parked(const eng_method *m)
{
    return m->closed.n && !m->layers.n && !m->module->hooked;
}

bool eng_keeps_body(const eng_method *m)
{
    return m->layers.n || eng_takeover_serves(m) || eng_is_parked(m);
}

void eng_park(eng *g, eng_method *m, const eng_layer *l)
{
    if (m->closed.n == SHAPES_MOST) {
        free(m->closed.v[0].values);
        memmove(m->closed.v, m->closed.v + 1, --m->closed.n * sizeof *m->closed.v);
    }
    eng_first_close(m, l);
    m->parked_ns = eng_now_ns();
    m->parked_in = g->uncovered;
    pthread_mutex_lock(&g->ledger);
    g->parked = true; /* the tick looks */
    pthread_mutex_unlock(&g->ledger);
}

void eng_park_end(const eng *g, eng_method *m)
{
    if (eng_is_parked(m) && m->inlinable && m->parked_in != g->uncovered) m->covered = false;
}

void eng_park_forget(eng_method *m)
{
    for (size_t i = 0; i < m->closed.n; i++)
        free(m->closed.v[i].values);
    m->closed.n = 0;
    m->standing = false;
}

bool eng_unpark(eng_method *m)
{
    if (!eng_is_parked(m)) return false;
    eng_park_forget(m);
    return m->behind = true;
}

bool eng_unpark_if(eng *g, bool (*chosen)(const void *owner, const eng_method *m), const void *owner)
{
    bool any = false;
    uint64_t key;
    void *value;
    pthread_mutex_lock(&g->ledger);
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);)
        if (chosen(owner, value)) any |= eng_unpark(value);
    pthread_mutex_unlock(&g->ledger);
    return any;
}

static bool is_left_alone(const void *owner, const eng_method *m)
{
    const uint64_t *now = owner;
    return *now - m->parked_ns > ENG_IDLE_NS;
}

static bool any_parked(eng *g)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&g->methods, &at, &key, &value);)
        if (eng_is_parked(value)) return true;
    return false;
}

void eng_park_tick(eng *g)
{
    err_t e = {0};
    const uint64_t now = eng_now_ns();
    pthread_mutex_lock(&g->ledger);
    const bool parked = g->parked;
    pthread_mutex_unlock(&g->ledger);
    if (!parked) return;
    bool any = eng_unpark_if(g, is_left_alone, &now);
    if (any && !eng_settle(g, &e)) log_line(LOG_WARN, "engine", "%s", e.text);
    pthread_mutex_lock(&g->ledger);
    g->parked = any_parked(g);
    pthread_mutex_unlock(&g->ledger);
}
