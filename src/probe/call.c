/* Enter and leave: the calls that woven IL makes around a method's body. */
#include "probe/probe-priv.h"

bool probe_surface(probe_thread *t, probe_frame *f)
{
    probe_frame *g = t->top;
    while (g && g > f)
        g = g->below;
    if (g != f) return false;
    while (t->top != f)
        probe_pop_abandoned(t, t->top);
    return true;
}

/*
 * Counts a call of a thread that found no block. Many may be here at once: together they keep nobody's block busy. Who
 * comes after the end of the sink does not, so that it can be waited for.
 */
void probe_lose(const probe *p, bool ends)
{
    probe_thread *nobody = &probe_pool[0];
    if (__atomic_load_n(&p->sink->detached, __ATOMIC_RELAXED)) return;
    __atomic_fetch_add(&nobody->busy, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&p->sink->detached, __ATOMIC_RELAXED)) {
        __atomic_fetch_add(&p->sink->memory->no_slot, 1, __ATOMIC_RELAXED);
        if (ends) __atomic_fetch_add(&p->sink->slot[0].left, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_sub(&nobody->busy, 1, __ATOMIC_RELEASE);
}

/* The thread's slot in a sink, marked as its own at the first call. */
wire_slot *probe_slot_of(const probe_sink *s, const probe_thread *t)
{
    wire_slot *slot = &s->slot[t->index];
    if (__builtin_expect(slot->tid != t->tid, 0)) {
        slot->tid = t->tid;
        slot->used = 1;
    }
    return slot;
}

intptr_t probe_enter(probe *p)
{
    probe_thread *t = probe_self();
    if (__builtin_expect(!t, 0)) {
        probe_lose(p, false);
        return 0;
    }
    intptr_t tok = 0;
    probe_sink *s = p->sink;
    if (probe_in(t, s)) {
        wire_slot *slot = probe_slot_of(s, t);
        probe_frame *f = probe_push(t, p, (uint64_t)__builtin_frame_address(0));
        if (f) {
            if (!p->ran) p->ran = 1; /* read first: the line is shared by all threads */
            slot->entered++;
            if (p->event_size > sizeof(wire_event)) memset(&f->event + 1, 0, p->event_size - sizeof(wire_event));
            f->event.instance = (uint64_t)__builtin_return_address(0);
            f->event.exception = 0;
            tok = (intptr_t)&f->event;
            f->event.start = probe_now();
        } else {
            slot->lost_depth++;
        }
    }
    probe_out(t);
    return tok;
}

/*
 * Does the condition hold? The agent may have been asked what is in the objects that it looks at: that is not the
 * call's time, which begins anew.
 */
probe_verdict probe_decide(const probe *p, wire_event *tok)
{
    if (p->path_count && probe_paths_undecided(p, tok)) return PROBE_UNDECIDED;
    if (!probe_condition(p->ops, p->op_count, tok)) return PROBE_FAILS;
    if (p->path_count) tok->start = probe_now();
    return PROBE_HOLDS;
}

/* As if the call had not been seen; where nobody can tell whether the condition holds, that is counted. */
void probe_reject(probe_thread *t, probe_frame *f, probe_verdict v)
{
    wire_slot *slot = &f->probe->sink->slot[t->index];
    slot->entered--;
    slot->dropped += v == PROBE_UNDECIDED;
    probe_pop(t, f);
}

intptr_t probe_ready(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    const probe_verdict v = probe_decide(p, tok);
    if (!t || v == PROBE_HOLDS) return (intptr_t)tok;
    if (probe_in(t, p->sink) && probe_surface(t, f)) probe_reject(t, f, v);
    probe_out(t);
    return 0;
}

static void write_event(probe_thread *t, probe_frame *f, wire_event_kind kind, uint32_t tid, const probe_exception *x)
{
    wire_event *v = &f->event;
    v->kind = (uint8_t)kind;
    v->flags = f->cut || (x && x->cut) ? WIRE_EV_CUT : 0;
    v->frames = 0;
    const uint32_t end = f->tree ? probe_close_tree(f) : f->end;
    v->probe = f->probe->id;
    v->tid = tid;
    uint32_t size = (end + 7u) & ~7u;
    v->exception = x ? (uint64_t)x->size << 32 | size : 0;
    probe_ring_put(f->probe->sink, t->index, v, size, x ? x->bytes : NULL, x ? x->size : 0);
}

const probe_exception *probe_noted(const probe_thread *t, const probe_frame *f)
{
    if (!f->exception) return NULL;
    const probe_exception *x = &t->exceptions[f->exception - 1];
    return x->turn == f->exception_turn ? x : NULL;
}

/* Of a condition that looks at the end of a call. Where nobody can tell, that is counted. */
static bool holds_at_end(const probe_thread *t, probe_frame *f, wire_event_kind kind)
{
    const probe *p = f->probe;
    f->event.kind = (uint8_t)kind;
    if (p->path_count && probe_paths_undecided(p, &f->event)) {
        p->sink->slot[t->index].dropped += kind != WIRE_EV_MARK;
        return false;
    }
    return probe_condition(p->ops, p->op_count, &f->event);
}

void probe_emit(probe_thread *t, probe_frame *f, wire_event_kind kind, uint32_t tid, const probe_exception *x)
{
    const probe *p = f->probe;
    if (__builtin_expect(p->late, 0) && !holds_at_end(t, f, kind)) return;
    bool threw = kind == WIRE_EV_THROW;
    if (p->verb == WIRE_STAT)
        probe_stat_add(p->sink, t->index, p, f->event.elapsed, threw);
    else if (f->event.elapsed >= p->slow && (threw || !p->throws_only))
        write_event(t, f, kind, tid, x);
}

static void complete(wire_event *tok, wire_event_kind kind)
{
    uint64_t now = probe_now();
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    if (!t) return;
    /* A probe that was given to another client meanwhile knows nothing of this call. */
    if (p->turn == f->turn && probe_in(t, p->sink) && probe_surface(t, f)) {
        tok->elapsed = now - tok->start;
        probe_emit(t, f, kind, t->tid, kind == WIRE_EV_THROW ? probe_noted(t, f) : NULL);
        probe_ended(&p->sink->slot[t->index]);
        probe_pop(t, f);
    } else if (t->top && probe_surface(t, f)) {
        t->top = f->below;
    }
    probe_out(t);
}

void probe_leave(wire_event *tok)
{
    complete(tok, WIRE_EV_RETURN);
}

void probe_tail(wire_event *tok)
{
    complete(tok, WIRE_EV_TAIL);
}

void probe_thrown(wire_event *tok)
{
    complete(tok, WIRE_EV_THROW);
}

/*
 * The picture of an exception is taken once for the frames that one first pass visits. The address alone does not tell
 * an exception (a later one may get the same); but within one pass the stack of frames stays as it is and the frames
 * asked for only go down.
 */
static probe_exception *picture_of(probe_thread *t, const probe_frame *f, uint8_t *exception)
{
    probe_exception *x = &t->exceptions[t->turn % PROBE_EXCEPTIONS];
    if (!t->turn || x->object != (uint64_t)exception || x->top != t->top || f >= x->last) {
        t->turn = (uint16_t)(t->turn + 1);
        if (!t->turn) t->turn = 1;
        x = &t->exceptions[t->turn % PROBE_EXCEPTIONS];
        bool cut = false;
        x->object = (uint64_t)exception;
        x->top = t->top;
        x->turn = t->turn;
        x->size = probe_picture(x->bytes, sizeof x->bytes, exception, f->probe->depth, &cut);
        x->cut = cut;
        if (x->size >= sizeof(wire_piece)) probe_tell_type(((const wire_piece *)(const void *)x->bytes)->type);
    }
    x->last = f;
    return x;
}

void probe_note_for(probe_thread *t, probe_frame *f, uint8_t *exception)
{
    const probe_exception *x = picture_of(t, f, exception);
    f->exception = (uint8_t)(t->turn % PROBE_EXCEPTIONS + 1);
    f->exception_turn = x->turn;
}

/* Nobody may catch it: then no second pass comes, and this is the last that is heard of the call. */
static void note(probe_thread *t, probe_frame *f, uint8_t *exception, uint64_t now)
{
    probe_note_for(t, f, exception);
    f->event.elapsed = now - f->event.start;
    if (f->event.elapsed < f->probe->slow) return;
    if (!f->probe->late || holds_at_end(t, f, WIRE_EV_MARK)) write_event(t, f, WIRE_EV_MARK, t->tid, probe_noted(t, f));
}

void probe_note(wire_event *tok, uint8_t *exception)
{
    uint64_t now = probe_now();
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    if (!t) return;
    const bool told = f->probe->verb == WIRE_WATCH || f->tree == f; /* of a trace: the root's own */
    if (probe_in(t, f->probe->sink) && f->stage != PROBE_SETTLED) {
        if (f->probe->late) probe_follow_exception(f, exception);
        if (told) note(t, f, exception, now);
    }
    probe_out(t);
}

typedef uint32_t picture_fn(uint8_t *out, uint32_t room, const void *from, unsigned depth, bool *cut);

/* Appends a picture to the frame and points the slot at it. */
static void append_to(probe_thread *t, probe_frame *f, int32_t slot, picture_fn *take, const void *from)
{
    wire_event *tok = &f->event;
    uint32_t at = (f->end + 7u) & ~7u;
    uint8_t *limit = t->stack + PROBE_STACK_SIZE, *to = (uint8_t *)tok + at;
    uint32_t most = WIRE_EVENT_MOST - PROBE_EXCEPTION_BYTES;
    uint32_t room = to < limit && at < most ? (uint32_t)RJ_MIN((size_t)(limit - to), (size_t)(most - at)) : 0;
    bool cut = false;
    uint32_t n = take(to, room, from, f->probe->depth, &cut);
    if (cut) f->cut = 1;
    *(uint64_t *)(void *)((uint8_t *)tok + slot) = n || cut ? (uint64_t)n << 32 | at : 0;
    f->end = at + n;
}

static void append(wire_event *tok, int32_t slot, picture_fn *take, const void *from)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    if (!t) return;
    if (probe_in(t, f->probe->sink) && probe_surface(t, f)) append_to(t, f, slot, take, from);
    probe_out(t);
}

static uint32_t take_object(uint8_t *to, uint32_t room, const void *from, unsigned depth, bool *cut)
{
    return probe_picture(to, room, *(uint8_t *const *)from, depth, cut);
}

static uint32_t take_typed(uint8_t *to, uint32_t room, const void *from, unsigned depth, bool *cut)
{
    return probe_picture_value(to, room, *(const probe_typedref *)from, depth, cut);
}

typedef struct span_args {
    probe_typedref ref;
    int32_t element;
} span_args;

static uint32_t take_span(uint8_t *to, uint32_t room, const void *from, unsigned depth, bool *cut)
{
    const span_args *a = from;
    return probe_picture_span(to, room, a->ref, a->element, depth, cut);
}

void probe_append_object(probe_thread *t, probe_frame *f, uint16_t slot, uint8_t *object)
{
    append_to(t, f, slot, take_object, &object);
}

void probe_object(wire_event *tok, int32_t slot, uint8_t *object)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    const probe *p = f->probe;
    if (!t) return;
    if (probe_in(t, p->sink) && probe_surface(t, f)) {
        if (!probe_only_followed(p, slot)) append_to(t, f, slot, take_object, &object);
        probe_follow(t, f, slot, object);
    }
    probe_out(t);
}

void probe_typed(wire_event *tok, int32_t slot, probe_typedref ref)
{
    append(tok, slot, take_typed, &ref);
}

void probe_span(wire_event *tok, int32_t slot, probe_typedref ref, int32_t element)
{
    append(tok, slot, take_span, &(span_args){ref, element});
}

wire_event *probe_free_room(const probe_thread *t)
{
    uint8_t *at = t->top ? (uint8_t *)&t->top->event + ((t->top->end + 15u) & ~15u) : t->stack;
    return at + WIRE_EVENT_MOST <= t->stack + PROBE_STACK_SIZE ? (wire_event *)(void *)at : NULL;
}

/*
 * Writes who calls: an event with the callers' addresses behind it, and before them the awaiters of the state machine
 * that goes on below. `frame` is the frame of the function that woven code called; the one below it is the probed
 * method's own.
 */
static void write_stack(probe_thread *t, const probe *p, const uint64_t *frame, uint64_t instance)
{
    wire_event own, *v = &own;
    uint64_t frames[PROBE_FRAMES_MOST];
    unsigned inner = 0;
    uint32_t size = sizeof *v, most = WIRE_EVENT_MOST - (uint32_t)sizeof *v - (uint32_t)sizeof frames;
    const probe_frame *resumed = probe_resumed_frame(t, p->sink, (uint64_t)frame);
    wire_event *room = resumed ? probe_free_room(t) : NULL;
    if (room)
        v = room;
    else
        resumed = NULL;
    memset(v, 0, sizeof *v);
    v->kind = WIRE_EV_STACK;
    v->probe = p->id;
    v->tid = t->tid;
    v->start = probe_now();
    v->instance = instance;
    unsigned n = probe_walk(t, frame[0], frames, PROBE_FRAMES_MOST, resumed ? resumed->sp : 0, &inner);
    v->frames = (uint16_t)n;
    if (resumed) {
        uint32_t blob = probe_awaiters((uint8_t *)(v + 1), most, resumed);
        v->exception = blob ? (uint64_t)blob << 32 | sizeof *v : 0;
        v->elapsed = inner;
        size += blob;
    }
    probe_ring_put(p->sink, t->index, v, size, frames, n * (uint32_t)sizeof frames[0]);
}

intptr_t probe_enter_stack(probe *p)
{
    probe_thread *t = probe_self();
    if (!t) {
        probe_lose(p, false);
        return 0;
    }
    if (probe_in(t, p->sink)) {
        if (!p->ran) p->ran = 1;
        wire_slot *slot = probe_slot_of(p->sink, t);
        slot->entered++;
        write_stack(t, p, __builtin_frame_address(0), (uint64_t)__builtin_return_address(0));
        probe_ended(slot);
    }
    probe_out(t);
    return 0;
}

intptr_t probe_ready_stack(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    if (!t) return 0;
    if (probe_in(t, p->sink) && probe_surface(t, f)) {
        const probe_verdict verdict = probe_decide(p, tok);
        if (verdict != PROBE_HOLDS) {
            probe_reject(t, f, verdict);
        } else {
            write_stack(t, p, __builtin_frame_address(0), (uint64_t)__builtin_return_address(0));
            probe_ended(&p->sink->slot[t->index]);
            probe_pop(t, f);
        }
    }
    probe_out(t);
    return 0;
}

intptr_t probe_ready_line(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    const probe *p = f->probe;
    if (!t) return 0;
    if (probe_in(t, p->sink) && probe_surface(t, f)) {
        const probe_verdict verdict = p->op_count ? probe_decide(p, tok) : PROBE_HOLDS;
        if (verdict != PROBE_HOLDS) {
            probe_reject(t, f, verdict);
        } else {
            tok->elapsed = 0;
            write_event(t, f, WIRE_EV_LINE, t->tid, NULL);
            probe_ended(&p->sink->slot[t->index]);
            probe_pop(t, f);
        }
    }
    probe_out(t);
    return 0;
}
