/*
 * The last calls of each thread, as they came out of the rings: nothing of them is decoded before somebody asks, which
 * for most is never.
 */
#include "client/client-priv.h"

#include <stdlib.h>

#define RECORDS_MOST 1024u /* threads; the one that was heard of longest ago makes room */

typedef struct kept {
    uint32_t size, room;
    uint8_t *event;
} kept;

typedef struct record {
    uint64_t used;      /* rj_session.recorded, when it was last added to */
    size_t next, count; /* where the next one goes; how many there are */
    kept calls[];       /* rj_request.keep of them */
} record;

static void free_calls(const rj_session *s, record *r)
{
    for (size_t i = 0; i < s->wanted.keep; i++)
        free(r->calls[i].event);
    free(r);
}

static void make_room(rj_session *s)
{
    uint64_t key, oldest = 0, least = UINT64_MAX;
    void *value;
    for (size_t at = 0; map_next(&s->records, &at, &key, &value);) {
        const record *r = value;
        if (r->used >= least) continue;
        least = r->used;
        oldest = key;
    }
    free_calls(s, map_remove(&s->records, oldest));
}

static record *record_of(rj_session *s, uint32_t tid)
{
    record *r = map_get(&s->records, tid);
    if (r) return r;
    if (s->records.n >= RECORDS_MOST) make_room(s);
    r = calloc(1, sizeof *r + s->wanted.keep * sizeof *r->calls);
    if (r && !map_put(&s->records, tid, r)) {
        free(r);
        return NULL;
    }
    return r;
}

bool record_put(rj_session *s, const uint8_t *event, uint32_t size)
{
    wire_event v;
    memcpy(&v, event, sizeof v);
    record *r = record_of(s, v.tid);
    if (!r) return false;
    kept *k = &r->calls[r->next];
    if (k->room < size) {
        uint8_t *more = realloc(k->event, size);
        if (!more) return false;
        k->event = more;
        k->room = size;
    }
    memcpy(k->event, event, size);
    k->size = size;
    r->next = (r->next + 1) % s->wanted.keep;
    if (r->count < s->wanted.keep) r->count++;
    r->used = ++s->recorded;
    return true;
}

bool record_each(rj_session *s, uint32_t tid, bool (*each)(void *owner, const uint8_t *event, uint32_t size),
                 void *owner)
{
    const record *r = map_get(&s->records, tid);
    const size_t first = r ? r->next + s->wanted.keep - r->count : 0;
    for (size_t i = 0; r && i < r->count; i++) {
        const kept *k = &r->calls[(first + i) % s->wanted.keep];
        if (!each(owner, k->event, k->size)) return false;
    }
    return true;
}

void record_free(rj_session *s)
{
    uint64_t key;
    void *value;
    for (size_t at = 0; map_next(&s->records, &at, &key, &value);)
        free_calls(s, value);
    map_free(&s->records);
}
