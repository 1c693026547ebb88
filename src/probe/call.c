/* Enter and leave: the calls that woven IL makes around a method's body. */
#include "probe/hot.h"

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

/* A call, whose frame is at `at`. The time is taken last. */
static inline wire_event *begin(probe_thread *t, probe *p, uint64_t sp, uint64_t caller, uint8_t *at)
{
    wire_event *v = &probe_put_frame(t, p, sp, at)->event;
    probe_clear_slots(v, p);
    v->instance = caller;
    t->slot->entered++;
    return v;
}

/* Where something has to be set right first, or there is no room. */
static __attribute__((noinline, cold)) intptr_t enter(probe *p, uint64_t sp, uint64_t caller)
{
    probe_thread *t = probe_self();
    if (!t) {
        probe_lose(p, false);
        return 0;
    }
    wire_event *tok = NULL;
    if (probe_in(t, p->sink)) {
        wire_slot *slot = probe_slot_of(t, p->sink);
        probe_trim(t, p, sp);
        uint8_t *at = probe_above(t);
        p->ran = 1;
        if (at <= t->full) {
            tok = begin(t, p, sp, caller, at);
            tok->start = probe_now();
        } else {
            slot->lost_depth++;
        }
    }
    probe_out(t);
    return (intptr_t)tok;
}

/* Most calls begin like this: what differs goes the long way. */
intptr_t probe_enter(probe *p)
{
    const uint64_t sp = probe_own_frame(), caller = (uint64_t)__builtin_return_address(0);
    probe_thread *t = probe_self_at_once();
    if (PROBE_UNLIKELY(!t || !probe_in_again(t, p->sink) || !p->ran)) return enter(p, sp, caller);
    uint8_t *at = probe_above(t);
    if (PROBE_UNLIKELY((t->top && probe_is_stale(t->top, p, sp)) || at > t->full)) return enter(p, sp, caller);
    wire_event *tok = begin(t, p, sp, caller, at);
    tok->start = __rdtsc();
    probe_out(t);
    return (intptr_t)tok;
}

static bool undecided(const probe *p, const wire_event *tok)
{
    return probe_paths_undecided(p, tok) || probe_texts_undecided(p, tok);
}

/*
 * Does the condition hold? The agent may have been asked what is in the objects that it looks at: that is not the
 * call's time, which begins anew.
 */
probe_verdict probe_decide(const probe_thread *t, const probe *p, wire_event *tok)
{
    tok->tid = t ? t->tid : 0;
    if (p->op_count && p->doubtful && undecided(p, tok)) return PROBE_UNDECIDED;
    if (!probe_condition(p->ops, p->op_count, tok)) return PROBE_FAILS;
    if (p->path_count) tok->start = probe_now();
    return PROBE_HOLDS;
}

/* As if the call had not been seen; where nobody can tell whether the condition holds, that is counted. */
void probe_reject(probe_thread *t, probe_frame *f, probe_verdict v)
{
    wire_slot *slot = probe_slot_of(t, f->probe->sink);
    slot->entered--;
    slot->dropped += v == PROBE_UNDECIDED;
    probe_pop(t, f);
}

intptr_t probe_ready(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    const probe_verdict v = probe_decide(t, p, tok);
    if (!t || v == PROBE_HOLDS) return (intptr_t)tok;
    if (probe_in(t, p->sink) && probe_surface(t, f)) probe_reject(t, f, v);
    probe_out(t);
    return 0;
}

/* An event of `size` bytes, from its frame. `head`: its first word. */
static inline void fill(wire_event *v, const probe_frame *f, uint64_t head, const probe *p, uint32_t tid,
                        uint64_t start, uint64_t elapsed, uint32_t size)
{
    memcpy(v, &head, sizeof head);
    v->probe = p->id;
    v->tid = tid;
    v->start = start;
    v->elapsed = elapsed;
    v->exception = 0;
    v->instance = f->event.instance;
    probe_copy_words((uint8_t *)(v + 1), &f->event + 1, size - (uint32_t)sizeof *v);
}

static void write_event(probe_thread *t, probe_frame *f, wire_event_kind kind, uint32_t tid, const probe_exception *x)
{
    const uint32_t size = f->role == PROBE_ROOT ? probe_tree_end(f) : f->end, more = x ? (x->size + 7u) & ~7u : 0;
    wire_event *v = probe_ring_room(t, f->probe->sink, size + more, kind);
    if (!v) return;
    fill(v, f, probe_head_of(f, kind), f->probe, tid, f->event.start, f->event.elapsed, size);
    v->size = size + more;
    if (f->role == PROBE_ROOT) probe_close_tree(f, v);
    if (x) {
        v->flags |= x->cut;
        v->exception = (uint64_t)x->size << 32 | size;
        probe_copy_words((uint8_t *)v + size, x->bytes, more);
    }
    probe_ring_done(t, t->slot, size + more);
}

const probe_exception *probe_noted(const probe_thread *t, const probe_frame *f)
{
    const probe_exception *x = &t->exceptions[f->exception % PROBE_EXCEPTIONS];
    return f->exception && x->turn == f->exception ? x : NULL;
}

/* Of a condition that looks at the end of a call. Where nobody can tell, that is counted. */
static bool holds_at_end(probe_thread *t, probe_frame *f, wire_event_kind kind)
{
    const probe *p = f->probe;
    f->event.kind = (uint8_t)kind;
    if (p->doubtful && undecided(p, &f->event)) {
        probe_slot_of(t, p->sink)->dropped += kind != WIRE_EV_MARK;
        return false;
    }
    return probe_condition(p->ops, p->op_count, &f->event);
}

void probe_emit(probe_thread *t, probe_frame *f, wire_event_kind kind, uint32_t tid, const probe_exception *x)
{
    const probe *p = f->probe;
    f->event.tid = tid;
    if (__builtin_expect(p->late, 0) && !holds_at_end(t, f, kind)) return;
    bool threw = kind == WIRE_EV_THROW;
    const probe_op *key = __atomic_load_n(&p->key, __ATOMIC_ACQUIRE);
    if (p->verb == WIRE_STAT && key && probe_key_add(p, key, &f->event, kind, f->event.elapsed)) return;
    if (p->verb == WIRE_STAT)
        probe_stat_add(t, p, f->event.elapsed, threw);
    else if (f->event.elapsed >= p->slow && (threw || !(p->extra & PROBE_ONLY_THROWS)))
        write_event(t, f, kind, tid, x);
}

static __attribute__((noinline)) void complete(wire_event *tok, wire_event_kind kind, uint64_t now)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    if (!t) return;
    /* A probe that was given to another client meanwhile knows nothing of this call. */
    if (p->turn == f->turn && probe_in(t, p->sink) && probe_surface(t, f)) {
        tok->elapsed = now - tok->start;
        probe_emit(t, f, kind, t->tid, kind == WIRE_EV_THROW ? probe_noted(t, f) : NULL);
        probe_ended(probe_slot_of(t, p->sink));
        probe_pop(t, f);
    } else if (t->top && probe_surface(t, f)) {
        t->top = f->below;
    }
    probe_out(t);
}

/* now: by the TSC, if there is one. */
static __attribute__((noinline)) void end_slowly(wire_event *tok, uint64_t now)
{
    complete(tok, WIRE_EV_RETURN, probe_clock_is_tsc ? now : probe_now());
}

/* The frame of a call that ends as most do. From there to probe_out the sink's memory stays. */
static inline bool is_plain_end(probe_thread *t, const probe_frame *f, const probe *p, wire_verb verb)
{
    const uint32_t how = verb | 1u << 24; /* it ran, every call counts, nothing is decided at its end */
    return PROBE_LIKELY(t->top == f && p->turn == f->turn && probe_in_again(t, p->sink) && p->how == how);
}

static inline void end(probe_thread *t, wire_slot *slot, const probe_frame *f)
{
    probe_ended(slot);
    t->top = f->below;
    probe_out(t);
}

void probe_leave_stat(wire_event *tok)
{
    const uint64_t now = __rdtsc();
    probe_frame *f = probe_frame_of(tok);
    const probe *p = f->probe;
    probe_thread *t = probe_thread_of(f);
    if (!is_plain_end(t, f, p, WIRE_STAT)) return end_slowly(tok, now);
    probe_stat_add(t, p, now - tok->start, false);
    end(t, t->slot, f);
}

void probe_leave(wire_event *tok)
{
    const uint64_t now = __rdtsc();
    probe_frame *f = probe_frame_of(tok);
    const probe *p = f->probe;
    probe_thread *t = probe_thread_of(f);
    if (!is_plain_end(t, f, p, WIRE_WATCH)) return end_slowly(tok, now);
    const uint64_t head = probe_head_of(f, WIRE_EV_RETURN);
    const uint32_t size = (uint32_t)head;
    uint8_t *at = t->at;
    if (PROBE_UNLIKELY(at + size > t->until)) return end_slowly(tok, now);
    wire_slot *slot = t->slot;
    const uint64_t start = tok->start;
    fill((wire_event *)(void *)at, f, head, p, t->tid, start, now - start, size);
    slot->written++;
    probe_ring_done(t, slot, size);
    end(t, slot, f);
}

void probe_tail(wire_event *tok)
{
    complete(tok, WIRE_EV_TAIL, probe_now());
}

void probe_thrown(wire_event *tok)
{
    complete(tok, WIRE_EV_THROW, probe_now());
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
    f->exception = picture_of(t, f, exception)->turn;
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
    const bool told = f->probe->verb == WIRE_WATCH || f->role == PROBE_ROOT; /* of a trace: the root's own */
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
    uint32_t at = f->end;
    uint8_t *limit = t->end, *to = (uint8_t *)tok + at;
    uint32_t most = WIRE_EVENT_MOST - PROBE_EXCEPTION_BYTES;
    uint32_t room = to < limit && at < most ? (uint32_t)RJ_MIN((size_t)(limit - to), (size_t)(most - at)) : 0;
    bool cut = false;
    uint32_t n = take(to, room, from, f->probe->depth, &cut);
    if (cut) f->cut = 1;
    *(uint64_t *)(void *)((uint8_t *)tok + slot) = n || cut ? (uint64_t)n << 32 | at : 0;
    f->end = (at + n + 7u) & ~7u;
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
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    const probe *p = f->probe;
    if (!t) return;
    if (probe_in(t, p->sink) && probe_surface(t, f)) {
        if (!probe_only_followed(p, slot)) append_to(t, f, slot, take_typed, &ref);
        probe_follow_value(t, f, slot, ref);
    }
    probe_out(t);
}

void probe_span(wire_event *tok, int32_t slot, probe_typedref ref, int32_t element)
{
    append(tok, slot, take_span, &(span_args){ref, element});
}

wire_event *probe_free_room(const probe_thread *t)
{
    uint8_t *at = t->top ? (uint8_t *)&t->top->event + ((t->top->end + 15u) & ~15u) : t->stack;
    return at + WIRE_EVENT_MOST <= t->end ? (wire_event *)(void *)at : NULL;
}

/*
 * Writes who calls: an event with the callers' addresses behind it, and before them the awaiters of the state machine
 * that goes on below. `frame` is the frame of the function that woven code called; the one below it is the probed
 * method's own.
 */
static void write_stack(probe_thread *t, const probe *p, const uint64_t *frame, uint64_t instance, uint8_t flags)
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
    v->flags = flags;
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
    probe_ring_put(t, p->sink, v, size, frames, n);
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
        wire_slot *slot = probe_slot_of(t, p->sink);
        slot->entered++;
        write_stack(t, p, __builtin_frame_address(0), (uint64_t)__builtin_return_address(0), 0);
        probe_ended(slot);
    }
    probe_out(t);
    return 0;
}

/* A constructor that calls another one of its type is not the only one to see the object. */
static uint8_t made(probe_thread *t, uint64_t object)
{
    const bool same = t->made == object;
    t->made = object;
    return same ? WIRE_EV_SAME : 0;
}

intptr_t probe_ready_stack(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    if (!t) return 0;
    if (probe_in(t, p->sink) && probe_surface(t, f)) {
        const probe_verdict verdict = probe_decide(t, p, tok);
        if (verdict != PROBE_HOLDS) {
            probe_reject(t, f, verdict);
        } else {
            const uint8_t flags = p->extra & PROBE_NEW ? made(t, tok->elapsed) : 0;
            write_stack(t, p, __builtin_frame_address(0), (uint64_t)__builtin_return_address(0), flags);
            probe_ended(probe_slot_of(t, p->sink));
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
        const probe_verdict verdict = p->op_count ? probe_decide(t, p, tok) : PROBE_HOLDS;
        if (verdict != PROBE_HOLDS) {
            probe_reject(t, f, verdict);
        } else {
            tok->elapsed = 0;
            write_event(t, f, WIRE_EV_LINE, t->tid, NULL);
            probe_ended(probe_slot_of(t, p->sink));
            probe_pop(t, f);
        }
    }
    probe_out(t);
    return 0;
}
