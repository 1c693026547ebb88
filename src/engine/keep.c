/*
 * Descriptors of probes and records of sinks: what woven code may still point to. A descriptor is used again when
 * nobody holds it any more: no layer, and no version of a method that may still run. A version that the runtime's ReJIT
 * made holds what it points to for ever, as nobody tells when its last frame has gone.
 */
#include "engine/keep.h"

#include <stdlib.h>

struct eng_descriptor {
    probe probe; /* first: woven code has its address */
    eng_descriptor *next;
    uint32_t holders;
    uint32_t size; /* of the block of what the probe points to: its paths come first; 0: there is none */
};

/* Never given back: a frame that was abandoned may point here at any time, and is told by the probe's turn. */
typedef struct eng_slab {
    struct eng_slab *next;
    size_t used;
    eng_descriptor descriptors[];
} eng_slab;
#define SLAB_BYTES 65536u
#define SLAB_MOST  ((SLAB_BYTES - sizeof(eng_slab)) / sizeof(eng_descriptor))

typedef struct eng_sink {
    probe_sink sink; /* first */
    uint32_t holders;
} eng_sink;

static eng_descriptor *of(probe *p)
{
    return (eng_descriptor *)(void *)p;
}

static eng_sink *sink_of(probe_sink *s)
{
    return (eng_sink *)(void *)s;
}

/* ---- sinks ---- */

probe_sink *eng_sink_new(const probe_sink *opened)
{
    eng_sink *s = malloc(sizeof *s);
    if (!s) return NULL;
    *s = (eng_sink){*opened, 1};
    return &s->sink;
}

void eng_sink_drop(probe_sink *sink)
{
    eng_sink *s = sink_of(sink);
    if (--s->holders == 0) free(s);
}

/* ---- descriptors ---- */

static eng_descriptor *descriptor(eng *g)
{
    eng_descriptor *d = g->free_descriptors;
    if (d) {
        g->free_descriptors = d->next;
        return d;
    }
    if (!g->slab || g->slab->used == SLAB_MOST) {
        eng_slab *s = calloc(1, SLAB_BYTES);
        if (!s) return NULL;
        s->next = g->slab;
        g->slab = s;
        g->probe_bytes += SLAB_BYTES;
    }
    return &g->slab->descriptors[g->slab->used++];
}

static void *put(uint8_t **at, const void *what, size_t size)
{
    void *to = *at;
    if (size) memcpy(to, what, size);
    *at += size;
    return to;
}

static size_t literal_size(const probe_op *op)
{
    if (op->kind != PROBE_OP_COMPARE && op->kind != PROBE_OP_DECIDED) return 0;
    if (op->literal == PROBE_DECIMAL) return sizeof *op->decimal;
    if (op->literal == PROBE_REGEX)
        return (regex_size(op->regex) + 7) & ~(size_t)7; /* what comes next is aligned, too */
    return op->literal == PROBE_TEXT ? op->units * sizeof(uint16_t) : 0;
}

/* The texts that a path looks for in dictionaries. */
static size_t keys_size(const probe_path *path)
{
    size_t size = 0;
    for (unsigned i = 0; i < path->count; i++)
        size += path->steps[i].key_units * sizeof(uint16_t);
    return size;
}

static void put_keys(uint8_t **at, const probe_path *path)
{
    for (unsigned i = 0; i < path->count; i++)
        path->steps[i].key_text = put(at, path->steps[i].key_text, path->steps[i].key_units * sizeof(uint16_t));
}

/* Paths and their steps first, then what EXACT knows, the key, the condition's steps and their texts. */
static bool keep_condition(eng_descriptor *d, const probe *as)
{
    size_t steps = 0, texts = 0, exact = 0;
    for (unsigned i = 0; i < as->path_count; i++)
        steps += as->paths[i].count;
    if (as->extra & PROBE_NEW) exact = PROBE_EXACT_MOST;
    for (unsigned i = 0; i < as->op_count; i++)
        texts += literal_size(&as->ops[i]);
    for (unsigned i = 0; i < as->path_count; i++)
        texts += keys_size(&as->paths[i]);
    d->size = (uint32_t)(exact * sizeof(probe_known) + as->path_count * sizeof *as->paths + steps * sizeof(probe_step) +
                         (as->op_count + (as->key != NULL)) * sizeof *as->ops + texts);
    if (!d->size) return true;
    uint8_t *at = malloc(d->size);
    if (!at) return false;
    probe_path *paths = put(&at, as->paths, as->path_count * sizeof *paths);
    for (unsigned i = 0; i < as->path_count; i++)
        paths[i].steps = put(&at, as->paths[i].steps, paths[i].count * sizeof(probe_step));
    probe_step *last = exact && as->path_count ? paths[as->path_count - 1].steps : NULL;
    if (last) {
        last->exact = memset(at, 0, exact * sizeof(probe_known));
        at += exact * sizeof(probe_known);
    }
    if (as->key) d->probe.key = put(&at, as->key, sizeof *as->key);
    probe_op *ops = put(&at, as->ops, as->op_count * sizeof *ops);
    for (unsigned i = 0; i < as->op_count; i++) {
        if (literal_size(&ops[i]) && ops[i].literal == PROBE_DECIMAL)
            ops[i].decimal = put(&at, as->ops[i].decimal, literal_size(&ops[i]));
        if (literal_size(&ops[i]) && ops[i].literal == PROBE_REGEX)
            ops[i].regex = put(&at, as->ops[i].regex, literal_size(&ops[i]));
    }
    for (unsigned i = 0; i < as->op_count; i++) /* behind what must be aligned */
        if (literal_size(&ops[i]) && ops[i].literal == PROBE_TEXT)
            ops[i].text = put(&at, as->ops[i].text, literal_size(&ops[i]));
    for (unsigned i = 0; i < as->path_count; i++)
        put_keys(&at, &paths[i]);
    d->probe.paths = paths;
    d->probe.ops = ops;
    return true;
}

probe *eng_probe_new(eng *g, const probe *as)
{
    eng_descriptor *d = descriptor(g);
    if (!d) return NULL;
    uint32_t turn = d->probe.turn;
    d->probe = *as;
    d->probe.turn = turn;
    if (!keep_condition(d, as)) {
        d->next = g->free_descriptors;
        g->free_descriptors = d;
        return NULL;
    }
    d->holders = 1;
    g->probe_bytes += d->size;
    sink_of(as->sink)->holders++;
    return &d->probe;
}

void eng_probe_hold(probe *p)
{
    of(p)->holders++;
}

void eng_probe_drop(eng *g, probe *p)
{
    eng_descriptor *d = of(p);
    if (--d->holders) return;
    d->next = g->dropped;
    g->dropped = d;
}

/*
 * A thread may have seen the gate open long ago and come in only now: what it reads must be whole at each step. A
 * condition without steps is one that holds.
 */
void eng_probe_become(probe *p, probe *other)
{
    eng_descriptor *d = of(p), *o = of(other);
    probe was = *p;
    const uint32_t size = d->size;
    __atomic_store_n(&p->key, NULL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->op_count, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->path_count, 0, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&p->turn, 1, __ATOMIC_SEQ_CST); /* frames of calls that are still inside are the old client's */
    p->verb = other->verb;
    p->depth = other->depth;
    p->extra = other->extra;
    p->ran = 0;
    p->task_at = other->task_at;
    p->root = other->root;
    p->into = other->into;
    p->levels = other->levels;
    p->late = other->late;
    p->doubtful = other->doubtful;
    p->id = other->id;
    p->slow = other->slow;
    __atomic_store_n(&p->ops, other->ops, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->sink, other->sink, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->paths, other->paths, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->path_count, other->path_count, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->op_count, other->op_count, __ATOMIC_SEQ_CST);
    __atomic_store_n(&p->key, other->key, __ATOMIC_SEQ_CST);
    d->size = o->size;
    other->key = was.key;
    other->ops = was.ops;
    other->op_count = was.op_count;
    other->paths = was.paths;
    other->path_count = was.path_count;
    other->sink = was.sink;
    o->size = size;
}

void eng_reclaim(eng *g)
{
    if (!g->dropped) return;
    for (eng_descriptor *d = g->dropped; d; d = d->next)
        __atomic_fetch_add(&d->probe.turn, 1, __ATOMIC_SEQ_CST);
    if (!probe_quiesce()) return; /* the next time, then */
    for (eng_descriptor *d = g->dropped, *next; d; d = next) {
        next = d->next;
        g->probe_bytes -= d->size;
        if (d->size) free(d->probe.paths);
        eng_sink_drop(d->probe.sink);
        d->next = g->free_descriptors;
        g->free_descriptors = d;
    }
    g->dropped = NULL;
}
