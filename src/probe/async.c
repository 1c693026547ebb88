/*
 * Async methods as logical calls.
 *
 * The method's frame is the call until its state machine suspends for the first time; then its event becomes a pending
 * record under the number of the task (Task.Id), which survives collections and the change of threads. Whoever
 * completes the call takes the record out. The number is given by us where the task has none yet, as Task.Id itself
 * would do it.
 *
 * The task comes into being inside Await...Completed, and from there on another thread may run the state machine to its
 * end before this one comes back and registers the call. So the one that completes leaves what it knows as an OUTCOME
 * where it finds no call but one is being suspended (probe.suspending). Both put their own record first and then look
 * for the other's; the event is made by the one who takes the CALL out of the table.
 */
#include "probe/hot.h"

#define FRAMES_LOOKED_AT 64u
#define PARENTS_MOST     8u
#define OWN_IDS          0x40000000u /* far from those that the runtime counts up from 1 */

static uint64_t task_type;
static uint32_t task_id_at;
static _Atomic uint32_t ids;

bool probe_async_start(uint64_t task, uint32_t id_at, err_t *e)
{
    if (task) task_type = task;
    task_id_at = id_at;
    return probe_pending_start(e);
}

/* ---- tasks ---- */

/* The task of a builder; NULL where it has none, or what stands there is none. */
static uint8_t *task_of(const probe *p, const uint8_t *builder)
{
    uint8_t *task = builder ? *(uint8_t *const *)(const void *)(builder + p->task_at) : NULL;
    if (!task || !task_type) return task;
    uint64_t type = *(const uint64_t *)(void *)task & ~(uint64_t)7;
    for (unsigned i = 0; type && i < PARENTS_MOST; i++) {
        if (type == task_type) return task;
        type = *(const uint64_t *)(type + 16);
    }
    return NULL;
}

static uint32_t *id_place(uint8_t *task)
{
    return (uint32_t *)(void *)(task + task_id_at);
}

/* Its number, 0: it has none yet. */
static uint32_t id_of(uint8_t *task)
{
    return task ? __atomic_load_n(id_place(task), __ATOMIC_SEQ_CST) : 0;
}

static uint32_t give_id(uint8_t *task)
{
    uint32_t id = id_of(task);
    if (id || !task) return id;
    uint32_t own = OWN_IDS | (atomic_fetch_add_explicit(&ids, 1, memory_order_relaxed) & (OWN_IDS - 1));
    return __atomic_compare_exchange_n(id_place(task), &id, own, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ? own : id;
}

/* ---- frames ---- */

static void settle(probe_frame *f)
{
    if (f->stage == PROBE_SUSPENDING) __atomic_fetch_sub(&f->probe->suspending, 1, __ATOMIC_SEQ_CST);
    f->stage = PROBE_SETTLED;
}

/* Is the probe still that of the client that the call was recorded for? */
static bool is_current(const probe_frame *f)
{
    return __atomic_load_n(&f->probe->turn, __ATOMIC_ACQUIRE) == f->turn;
}

/* A call of which nothing can be shown, but that it was. */
static void drop(probe_thread *t, const probe *p)
{
    wire_slot *slot = probe_slot_of(t, p->sink);
    slot->dropped++;
    probe_ended(slot);
}

/*
 * A frame for the completion on top of the thread's stack, with what is known of the call; `sp` of the function that
 * woven code called. It must not take the method's own frame for a stale one.
 */
static probe_frame *push(probe_thread *t, probe *p, uint64_t sp, const wire_event *event, uint32_t size)
{
    probe_frame *f = probe_push(t, p, sp - 1);
    if (!f) return NULL;
    if ((uint8_t *)&f->event + size + WIRE_EVENT_MOST / 16 > t->end) {
        t->top = f->below;
        return NULL;
    }
    memcpy(&f->event, event, size);
    f->end = size;
    return f;
}

intptr_t probe_async_first(probe *p)
{
    probe_thread *t = probe_self();
    probe_frame *f = t ? t->top : NULL;
    for (unsigned i = 0; f && i < FRAMES_LOOKED_AT; i++, f = f->below) {
        if (f->probe != p || f->stage > PROBE_SETTLED) continue;
        if (f->stage != PROBE_CALLED) return 0; /* that call has its state machine */
        f->stage = PROBE_STARTED;
        return (intptr_t)&f->event;
    }
    return 0;
}

void probe_async_suspending(wire_event *tok)
{
    probe_frame *f = probe_frame_of(tok);
    if (f->stage != PROBE_STARTED) return;
    f->stage = PROBE_SUSPENDING;
    __atomic_fetch_add(&f->probe->suspending, 1, __ATOMIC_SEQ_CST);
}

/* ---- from one thread to another ---- */

static probe_pending *record_of(const probe_frame *f, uint32_t id, probe_pending_kind kind, const probe_exception *x)
{
    uint32_t size = f->end, more = x ? x->size : 0;
    probe_pending *r = probe_pending_new(size + more);
    if (!r) return NULL;
    r->id = id;
    r->kind = (uint8_t)kind;
    r->cut = f->cut || (x && x->cut);
    r->threw = 0;
    __atomic_store_n(&r->turn, f->turn, __ATOMIC_RELAXED);
    __atomic_store_n(&r->probe, f->probe, __ATOMIC_RELAXED);
    r->size = f->end;
    r->more = more;
    memcpy(&r->event, &f->event, f->end);
    if (more) memcpy((uint8_t *)&r->event + size, x->bytes, more);
    return r;
}

/* Adds the slots that the outcome filled to the call's event: the call has left them empty. */
static void merge(probe_frame *f, const probe_pending *outcome, const uint8_t *limit)
{
    const uint8_t *from = (const uint8_t *)&outcome->event;
    uint8_t *to = (uint8_t *)&f->event;
    for (uint32_t at = sizeof(wire_event); at < f->probe->event_size; at += 8) {
        uint64_t slot;
        memcpy(&slot, from + at, 8);
        if (!slot) continue;
        uint32_t offset = (uint32_t)slot, size = (uint32_t)(slot >> 32), end = f->end;
        /* The slot of the result is the last one, and the only one: behind the slots there is its picture or nothing.
         */
        if (outcome->size > f->probe->event_size && offset >= f->probe->event_size) {
            bool room = to + end + size <= limit && end + size <= WIRE_EVENT_MOST - PROBE_EXCEPTION_BYTES;
            if (room) memcpy(to + end, from + offset, size);
            if (room) f->end = (end + size + 7u) & ~7u;
            f->cut |= !room;
            slot = (uint64_t)(room ? size : 0) << 32 | end;
        }
        memcpy(to + at, &slot, 8);
    }
    f->cut |= outcome->cut;
}

/* The event of a call, by its record, and of its outcome, by that. Frees both. */
static void join(probe_thread *t, probe_pending *call, probe_pending *outcome, uint64_t sp)
{
    probe *p = call->probe;
    probe_frame *f = push(t, p, sp, &call->event, call->size);
    if (f) {
        f->stage = PROBE_COMPLETING;
        f->cut = call->cut;
        merge(f, outcome, t->end);
        f->event.elapsed = outcome->event.start - f->event.start;
        probe_exception *x = NULL;
        if (outcome->threw && outcome->more) {
            t->turn = (uint16_t)(t->turn == UINT16_MAX ? 1 : t->turn + 1);
            x = &t->exceptions[t->turn % PROBE_EXCEPTIONS];
            *x = (probe_exception){.turn = t->turn, .size = outcome->more, .cut = outcome->cut};
            memcpy(x->bytes, (const uint8_t *)&outcome->event + ((outcome->size + 7u) & ~7u), outcome->more);
        }
        probe_emit(t, f, outcome->threw ? WIRE_EV_THROW : WIRE_EV_RETURN, f->event.tid, x);
        probe_ended(probe_slot_of(t, p->sink));
        t->top = f->below;
    } else {
        drop(t, p);
    }
    probe_pending_free(call);
    probe_pending_free(outcome);
}

/* The call becomes pending. It may have completed already. */
static void suspend(probe_thread *t, const probe_frame *f, uint32_t id, uint64_t sp)
{
    probe *p = f->probe;
    probe_pending *call = id ? record_of(f, id, PROBE_PENDING_CALL, NULL) : NULL;
    if (!call || !probe_pending_put(call)) {
        if (call) probe_pending_free(call);
        drop(t, p);
        return;
    }
    probe_pending *outcome = probe_pending_find(id, p, PROBE_PENDING_OUTCOME);
    if (!outcome || !probe_pending_take(id, p, PROBE_PENDING_CALL)) return;
    if (probe_pending_remove(outcome))
        join(t, call, outcome, sp);
    else
        probe_pending_free(call); /* the sink is going away */
}

void probe_async_suspended(wire_event *tok, const uint8_t *builder)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    if (!t || f->stage != PROBE_SUSPENDING) return;
    if (is_current(f) && probe_in(t, f->probe->sink)) {
        f->event.tid = t->tid;
        suspend(t, f, give_id(task_of(f->probe, builder)), (uint64_t)__builtin_frame_address(0));
    }
    settle(f);
    probe_out(t);
}

/* ---- completion ---- */

/* A thread without a block of its own can only count. */
static intptr_t complete_unseen(const probe *p, const uint8_t *builder)
{
    uint32_t id = id_of(task_of(p, builder));
    probe_pending *call = id ? probe_pending_take(id, p, PROBE_PENDING_CALL) : NULL;
    if (!call) return 0;
    probe_lose(p, true);
    probe_pending_free(call);
    return 0;
}

/* The first run has come to the end: nothing was suspended. */
static probe_frame *complete_at_once(probe_thread *t, wire_event *tok, uint64_t sp)
{
    probe_frame *own = probe_frame_of(tok);
    if (own->stage != PROBE_STARTED && own->stage != PROBE_SUSPENDING) return NULL;
    settle(own);
    if (!is_current(own)) return NULL;
    tok->tid = t->tid;
    probe_frame *f = push(t, own->probe, sp, tok, own->end);
    if (!f) {
        drop(t, own->probe);
        return NULL;
    }
    f->stage = PROBE_COMPLETING;
    f->cut = own->cut;
    return f;
}

/* Another run than the first: the call is pending, or about to be, or nobody knows of it. */
static probe_frame *complete_pending(probe_thread *t, probe *p, const uint8_t *builder, uint64_t sp)
{
    /* Before the table is looked into: where nobody is suspending, who was has put its call there. */
    bool suspending = __atomic_load_n(&p->suspending, __ATOMIC_SEQ_CST) != 0;
    uint8_t *task = task_of(p, builder);
    uint32_t id = suspending ? give_id(task) : id_of(task);
    probe_pending *call = id ? probe_pending_take(id, p, PROBE_PENDING_CALL) : NULL;
    probe_frame *f;
    if (call) {
        f = push(t, p, sp, &call->event, call->size);
        if (f) {
            f->stage = PROBE_COMPLETING;
            f->cut = call->cut;
        } else {
            drop(t, p);
        }
        probe_pending_free(call);
        return f;
    }
    if (!id || !suspending) return NULL; /* not recorded, or begun before the probe was there */
    f = probe_push(t, p, sp - 1);
    if (!f) return NULL;
    memset(&f->event, 0, p->event_size);
    f->stage = PROBE_OUTCOME;
    f->id = id;
    return f;
}

/* The most frequent answer where a condition holds for few calls, or a gate is closed: no number was ever given. */
static bool is_unrecorded(const probe *p, const uint8_t *builder)
{
    return !__atomic_load_n(&p->suspending, __ATOMIC_SEQ_CST) && !id_of(task_of(p, builder));
}

intptr_t probe_async_completing(probe *p, wire_event *tok, const uint8_t *builder)
{
    if (!tok && is_unrecorded(p, builder)) return 0;
    uint64_t now = probe_now(), sp = (uint64_t)__builtin_frame_address(0);
    probe_thread *t = probe_self();
    if (!t) return complete_unseen(p, builder);
    probe_frame *f = NULL;
    if (probe_in(t, p->sink)) {
        f = tok ? complete_at_once(t, tok, sp) : complete_pending(t, p, builder, sp);
        if (f && f->stage == PROBE_OUTCOME)
            f->event.start = now;
        else if (f)
            f->event.elapsed = now - f->event.start;
    }
    probe_out(t);
    return f ? (intptr_t)&f->event : 0;
}

/* What is known of a call that nobody has registered yet; the one who is about to will find it. */
static void leave_outcome(probe_thread *t, const probe_frame *f, bool threw, uint64_t sp)
{
    probe *p = f->probe;
    probe_pending *outcome = record_of(f, f->id, PROBE_PENDING_OUTCOME, threw ? probe_noted(t, f) : NULL);
    if (!outcome) return;
    outcome->threw = threw;
    if (!probe_pending_put(outcome)) {
        probe_pending_free(outcome);
        return;
    }
    probe_pending *call = probe_pending_take(f->id, p, PROBE_PENDING_CALL);
    if (!call) return;
    if (probe_pending_remove(outcome))
        join(t, call, outcome, sp);
    else
        probe_pending_free(call);
}

static void complete(wire_event *tok, uint8_t *exception, uint64_t sp)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    probe *p = f->probe;
    bool threw = exception != NULL;
    if (!t) return;
    if (is_current(f) && probe_in(t, p->sink) && probe_surface(t, f)) {
        if (threw && p->verb == WIRE_WATCH) probe_note_for(t, f, exception);
        if (f->stage == PROBE_OUTCOME) {
            leave_outcome(t, f, threw, sp);
        } else {
            probe_emit(t, f, threw ? WIRE_EV_THROW : WIRE_EV_RETURN, tok->tid, threw ? probe_noted(t, f) : NULL);
            probe_ended(probe_slot_of(t, p->sink));
        }
        t->top = f->below;
    } else if (t->top && probe_surface(t, f)) {
        t->top = f->below;
    }
    probe_out(t);
}

void probe_async_completed(wire_event *tok)
{
    complete(tok, NULL, (uint64_t)__builtin_frame_address(0));
}

void probe_async_failed(wire_event *tok, uint8_t *exception)
{
    complete(tok, exception, (uint64_t)__builtin_frame_address(0));
}

/* ---- the method itself ---- */

/*
 * It has returned its task. Where its state machine has not been seen, nothing is known of the call's end; where that
 * is because its layer is being taken away, the call ends after the client has gone.
 */
void probe_async_leave(wire_event *tok)
{
    probe_thread *t = probe_self();
    probe_frame *f = probe_frame_of(tok);
    if (!t) return;
    bool attached = is_current(f) && probe_in(t, f->probe->sink);
    if (probe_surface(t, f)) {
        bool armed = __atomic_load_n(&f->probe->armed, __ATOMIC_RELAXED);
        if (f->stage != PROBE_SETTLED && attached && armed) drop(t, f->probe);
        settle(f);
        t->top = f->below;
    }
    probe_out(t);
}

void probe_async_thrown(wire_event *tok)
{
    probe_frame *f = probe_frame_of(tok);
    if (f->stage == PROBE_CALLED) {
        probe_thrown(tok);
        return;
    }
    probe_async_leave(tok);
}
