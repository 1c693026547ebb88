/*
 * Call trees. A root's frame holds the nodes of its tree behind its slots, one for each method below each caller:
 * a call that is made a thousand times adds to one node, and the tree is one event, whole or not there at all.
 */
#include "probe/hot.h"

/* What an event has room for, beside the picture of an exception. */
#define NODES_END (WIRE_EVENT_MOST - PROBE_EXCEPTION_BYTES)

/* Programs that read JSON want it no deeper. */
#define LEVELS_MOST 80u

static wire_node *nodes_of(probe_frame *root)
{
    return (wire_node *)(void *)((uint8_t *)&root->event + root->nodes_at);
}

/* The innermost root of the sink's on the thread. */
static probe_frame *tree_of(const probe_thread *t, const probe_sink *s)
{
    probe_frame *root = t->tree;
    while (root && (root->probe->sink != s || root->probe->turn != root->turn))
        root = root->outer;
    return root;
}

/* Behind what the root has captured, before anybody else's frame can lie there. */
static void open_nodes(const probe_thread *t, probe_frame *root)
{
    uint32_t at = root->end;
    if (at + sizeof(wire_node) > NODES_END) return;
    if ((uint8_t *)&root->event + NODES_END > t->end) return;
    root->nodes_at = (uint16_t)at;
    root->node = 1;
    root->end = NODES_END;
    *nodes_of(root) = (wire_node){.probe = root->probe->id};
}

/* 0: there is no room. */
static uint16_t node_for(probe_frame *root, uint16_t parent, uint32_t id)
{
    wire_node *nodes = nodes_of(root);
    for (uint16_t i = nodes[parent].child; i; i = nodes[i].next)
        if (nodes[i].probe == id) return i;
    if (root->nodes_at + (root->node + 1u) * sizeof(wire_node) > NODES_END) return 0;
    uint16_t added = root->node++;
    nodes[added] = (wire_node){.probe = id, .parent = parent, .next = nodes[parent].child, .least = UINT64_MAX};
    nodes[parent].child = added;
    return added;
}

static intptr_t begin_tree(probe_thread *t, probe *p, uint64_t sp, uint64_t caller)
{
    wire_slot *slot = probe_slot_of(t, p->sink);
    probe_frame *f = probe_push(t, p, sp);
    if (!f) {
        slot->lost_depth++;
        return 0;
    }
    if (!p->ran) p->ran = 1;
    slot->entered++;
    probe_clear_slots(&f->event, p);
    f->event.instance = caller;
    f->role = PROBE_ROOT;
    f->level = 0;
    f->node = 0;
    f->nodes_at = 0;
    f->outer = t->tree;
    t->tree = f;
    if (!p->op_count) open_nodes(t, f);
    f->event.start = probe_now();
    return (intptr_t)&f->event;
}

static intptr_t add_call(probe_thread *t, probe *p, probe_frame *root, uint64_t sp)
{
    const probe_frame *parent = t->top;
    while (parent != root && (parent->role != PROBE_CALLEE || parent->root != root))
        parent = parent->below;
    if (parent->level >= root->probe->levels && !p->into) return 0;
    if (!root->nodes_at) {
        root->cut = 1;
        return 0;
    }
    if (parent->level >= LEVELS_MOST) {
        nodes_of(root)->count++;
        return 0;
    }
    const bool lost = parent != root && !parent->node;
    uint16_t node = lost ? 0 : node_for(root, parent == root ? 0 : parent->node, p->id);
    if (!node) nodes_of(root)->count++;
    if (lost) return 0; /* the frame of that call stands for what is below it as well */
    const uint8_t level = (uint8_t)(parent->level + 1u);
    probe_frame *f = probe_push(t, p, sp);
    if (!f) {
        /* What it calls would seem to be its caller's. */
        if (node) nodes_of(root)->count++;
        root->cut = 1;
        return 0;
    }
    if (!p->ran) p->ran = 1;
    f->stage = PROBE_SETTLED; /* no event of its own */
    f->role = PROBE_CALLEE;
    f->root = root;
    f->level = level;
    f->node = node;
    f->event.start = probe_now();
    return (intptr_t)&f->event;
}

intptr_t probe_enter_trace(probe *p)
{
    probe_thread *t = probe_self();
    if (__builtin_expect(!t, 0)) {
        if (p->root) probe_lose(p, false);
        return 0;
    }
    if (!t->tree && !p->root) return 0; /* most calls of a callee, maybe */
    intptr_t tok = 0;
    const uint64_t sp = (uint64_t)__builtin_frame_address(0);
    if (probe_in(t, p->sink)) {
        probe_trim(t, p, sp);
        probe_frame *root = tree_of(t, p->sink);
        if (root)
            tok = add_call(t, p, root, sp);
        else if (p->root)
            tok = begin_tree(t, p, sp, (uint64_t)__builtin_return_address(0));
    }
    probe_out(t);
    return tok;
}

intptr_t probe_ready_trace(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    const probe *p = f->probe;
    if (!t || f->role != PROBE_ROOT) return (intptr_t)tok; /* in another's tree nothing is asked of it */
    const probe_verdict v = probe_decide(t, p, tok);
    if (v == PROBE_HOLDS) {
        open_nodes(t, f);
        return (intptr_t)tok;
    }
    if (probe_in(t, p->sink) && probe_surface(t, f)) probe_reject(t, f, v);
    probe_out(t);
    return 0;
}

static void add_time(wire_node *n, uint64_t elapsed, bool threw)
{
    n->count++;
    n->errors += threw;
    n->total += elapsed;
    if (elapsed < n->least) n->least = elapsed;
    if (elapsed > n->most) n->most = elapsed;
}

static void complete(wire_event *tok, wire_event_kind kind)
{
    uint64_t now = probe_now();
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    const bool threw = kind == WIRE_EV_THROW;
    if (!t) return;
    /* A probe that was given to another client meanwhile knows nothing of this call. */
    const bool known = p->turn == f->turn && probe_in(t, p->sink);
    if (t->top && probe_surface(t, f)) {
        uint64_t elapsed = now - tok->start;
        if (known && f->role == PROBE_ROOT) {
            tok->elapsed = elapsed;
            probe_emit(t, f, kind, t->tid, threw ? probe_noted(t, f) : NULL);
            probe_ended(probe_slot_of(t, p->sink));
        } else if (known && f->node) {
            add_time(&nodes_of(f->root)[f->node], elapsed, threw);
        }
        probe_pop(t, f);
    }
    probe_out(t);
}

uint32_t probe_tree_end(const probe_frame *f)
{
    return f->nodes_at ? f->nodes_at + f->node * (uint32_t)sizeof(wire_node) : f->end;
}

void probe_close_tree(const probe_frame *f, wire_event *v)
{
    if (!f->probe->gate) v->flags |= WIRE_EV_PARTIAL;
    if (!f->nodes_at) v->flags |= WIRE_EV_CUT;
    v->frames = f->node;
}

void probe_leave_trace(wire_event *tok)
{
    complete(tok, WIRE_EV_RETURN);
}

void probe_tail_trace(wire_event *tok)
{
    complete(tok, WIRE_EV_TAIL);
}

void probe_thrown_trace(wire_event *tok)
{
    complete(tok, WIRE_EV_THROW);
}
