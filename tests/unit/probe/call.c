/* Enter and leave as woven code calls them: exact events, nested and abandoned frames, exceptions, statistics. */
#include "managed.h"
#include "probe/hot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a connection, and what its client reads ---- */

typedef struct fixture {
    probe_sink sink;
    uint8_t event[WIRE_EVENT_MOST]; /* the one that was taken last */
} fixture;

static int start(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    err_t e = {0};
    *state = f;
    if (!f || (!probe_pool && !probe_start(&e)) || !probe_sink_open(&f->sink, 8, false, &e)) return -1;
    probe_self()->top = NULL;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    assert_true(probe_sink_detach(&f->sink));
    probe_sink_close(&f->sink);
    free(f);
    return managed_end(state);
}

static wire_slot *slot(fixture *f)
{
    return &f->sink.slot[probe_self()->index];
}

static const wire_event *take(fixture *f)
{
    wire_slot *s = slot(f);
    const uint8_t *ring = f->sink.rings + (uint64_t)probe_self()->index * f->sink.ring_size;
    for (;;) {
        assert_true(s->tail < s->head);
        const wire_event *v = (const wire_event *)(const void *)(ring + s->tail % f->sink.ring_size);
        s->tail += v->size;
        if (v->kind == WIRE_EV_PAD) continue;
        memcpy(f->event, v, v->size);
        return (const wire_event *)(const void *)f->event;
    }
}

static void nothing_left(fixture *f)
{
    assert_int_equal(slot(f)->head, slot(f)->tail);
}

static void in_flight(fixture *f, uint64_t n)
{
    assert_int_equal(slot(f)->entered - slot(f)->left, n);
}

static probe watch(fixture *f, uint32_t id)
{
    return (probe){.verb = WIRE_WATCH, .id = id, .sink = &f->sink, .event_size = sizeof(wire_event)};
}

static wire_event *enter(probe *p)
{
    return (wire_event *)probe_enter(p);
}

#define NOINLINE __attribute__((noinline))

/* ---- single calls ---- */

static void a_call_is_one_event(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 7);
    p.event_size = sizeof(wire_event) + 16;
    wire_event *tok = enter(&p);
    assert_non_null(tok);
    in_flight(f, 1);
    nothing_left(f);
    uint64_t *slots = (uint64_t *)(void *)(tok + 1);
    assert_int_equal(slots[0] | slots[1], 0); /* what is never stored is null */
    slots[0] = 42;
    uint64_t began = tok->start;
    probe_leave(tok);
    uint64_t now = probe_now();
    const wire_event *v = take(f);
    assert_int_equal(v->size, sizeof *v + 16);
    assert_int_equal(v->kind, WIRE_EV_RETURN);
    assert_int_equal(v->flags, 0);
    assert_int_equal(v->frames, 0);
    assert_int_equal(v->probe, 7);
    assert_int_equal(v->tid, gettid());
    assert_int_equal(v->start, began);
    assert_true(v->start + v->elapsed <= now);
    assert_int_equal(v->exception, 0);
    assert_int_not_equal(v->instance, 0);
    assert_int_equal(((const uint64_t *)(const void *)(v + 1))[0], 42);
    nothing_left(f);
    in_flight(f, 0);
    assert_int_equal(slot(f)->written, 1);
    assert_int_equal(slot(f)->used, 1);
    assert_int_equal(slot(f)->tid, gettid());
    assert_int_equal(p.ran, 1);
}

static void a_tail_call_is_told_from_a_return(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    probe_tail(enter(&p));
    assert_int_equal(take(f)->kind, WIRE_EV_TAIL);
    in_flight(f, 0);
}

NOINLINE static wire_event *nested(probe *p, unsigned depth, wire_event **toks)
{
    toks[0] = enter(p);
    if (depth) nested(p, depth - 1, toks + 1);
    probe_leave(toks[0]);
    return toks[0];
}

static void nested_calls_end_innermost_first(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    wire_event *toks[10];
    nested(&p, 9, toks);
    uint64_t last = UINT64_MAX;
    for (unsigned i = 0; i < 10; i++) {
        const wire_event *v = take(f);
        assert_true(v->start < last);
        last = v->start;
    }
    nothing_left(f);
    assert_int_equal(slot(f)->entered, 10);
    in_flight(f, 0);
    assert_null(probe_self()->top);
}

static void two_probes_on_one_method_keep_their_own_frames(void **state)
{
    fixture *f = *state;
    probe a = watch(f, 1), b = watch(f, 2);
    a.event_size = b.event_size = sizeof(wire_event) + 8;
    wire_event *ta = enter(&a), *tb = enter(&b);
    ((uint64_t *)(void *)(ta + 1))[0] = 11;
    ((uint64_t *)(void *)(tb + 1))[0] = 22;
    in_flight(f, 2);
    probe_leave(tb);
    probe_leave(ta);
    const wire_event *v = take(f);
    assert_int_equal(v->probe, 2);
    assert_int_equal(((const uint64_t *)(const void *)(v + 1))[0], 22);
    v = take(f);
    assert_int_equal(v->probe, 1);
    assert_int_equal(((const uint64_t *)(const void *)(v + 1))[0], 11);
    nothing_left(f);
    in_flight(f, 0);
}

/* ---- frames without a leave ---- */

NOINLINE static void vanish(probe *p, unsigned depth)
{
    char below[256];
    memset(below, (int)depth, sizeof below);
    __asm__ volatile("" ::"r"(below) : "memory"); /* each level lies really below the one before */
    assert_non_null(enter(p));
    if (depth) vanish(p, depth - 1);
    __asm__ volatile("" ::"r"(below) : "memory");
}

static void a_leave_takes_vanished_frames_along(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    wire_event *tok = enter(&p);
    vanish(&p, 4);
    in_flight(f, 6);
    probe_leave(tok);
    assert_int_equal(take(f)->kind, WIRE_EV_RETURN);
    nothing_left(f); /* what vanished has no event of its own */
    in_flight(f, 0);
    assert_null(probe_self()->top);
}

static void an_enter_takes_deeper_frames_away(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1), q = watch(f, 2);
    vanish(&p, 4);
    in_flight(f, 5);
    wire_event *tok = enter(&q); /* shallower than all of them */
    in_flight(f, 1);
    probe_leave(tok);
    assert_int_equal(take(f)->probe, 2);
    nothing_left(f);
}

/* The thread has turned to the sink of the call that begins; what it takes away is the other's. */
static void frames_of_another_client_are_taken_away_in_its_name(void **state)
{
    fixture *f = *state;
    probe_sink other;
    err_t e = {0};
    assert_true(probe_sink_open(&other, 8, false, &e));
    probe p = watch(f, 1), q = watch(f, 2);
    q.sink = &other;
    probe_leave(enter(&p));
    vanish(&q, 4);
    const wire_slot *its = &other.slot[probe_self()->index];
    assert_int_equal(its->entered - its->left, 5);
    wire_event *tok = enter(&p);
    assert_int_equal(its->entered - its->left, 0);
    in_flight(f, 1);
    probe_leave(tok);
    assert_int_equal(take(f)->probe, 1);
    assert_int_equal(take(f)->probe, 1);
    nothing_left(f);
    assert_int_equal(its->written, 0);
    assert_true(probe_sink_detach(&other));
    probe_sink_close(&other);
}

static void a_frame_that_is_gone_is_not_completed(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1), q = watch(f, 2);
    wire_event *outer = enter(&p), *inner = enter(&q);
    probe_leave(outer);
    assert_int_equal(take(f)->probe, 1);
    in_flight(f, 0);
    probe_leave(inner); /* too late: it went with the outer one */
    nothing_left(f);
    in_flight(f, 0);
}

static void the_same_frame_again_replaces_itself(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    wire_event *tok = NULL;
    for (int i = 0; i < 100; i++) {
        tok = enter(&p);
        in_flight(f, 1);
    }
    probe_leave(tok);
    assert_int_equal(slot(f)->written, 1);
    in_flight(f, 0);
}

/* ---- the thread's own stack of frames ---- */

NOINLINE static unsigned recurse(probe *p, unsigned depth)
{
    wire_event *tok = enter(p);
    unsigned recorded = tok != NULL;
    if (depth) recorded += recurse(p, depth - 1);
    __asm__ volatile("" ::: "memory");
    if (tok) probe_leave(tok);
    return recorded;
}

static void a_full_stack_of_frames_is_counted_and_recovers(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    p.verb = WIRE_STAT;
    p.event_size = sizeof(wire_event) + 64 * 8;
    enum { CALLS = 4000 };
    unsigned recorded = recurse(&p, CALLS - 1);
    assert_in_range(recorded, 1000, CALLS - 1);
    assert_int_equal(slot(f)->entered, recorded);
    assert_int_equal(slot(f)->lost_depth, CALLS - recorded);
    in_flight(f, 0);
    assert_null(probe_self()->top);
    assert_int_equal(recurse(&p, CALLS - 1), recorded); /* again as deep */
    in_flight(f, 0);
    p.event_size = sizeof(wire_event);
    assert_int_equal(recurse(&p, 99), 100);
    in_flight(f, 0);
}

/* ---- values ---- */

static void objects_are_appended_behind_the_slots(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    p.event_size = sizeof(wire_event) + 24;
    int32_t at = sizeof(wire_event);
    uint8_t *a = managed_new_string("hello"), *b = managed_new_string("");
    wire_event *tok = enter(&p);
    probe_object(tok, at, a);
    probe_object(tok, at + 8, NULL);
    probe_object(tok, at + 16, b);
    probe_leave(tok);
    const wire_event *v = take(f);
    const uint64_t *slots = (const uint64_t *)(const void *)(v + 1);
    assert_int_equal((uint32_t)slots[0], sizeof *v + 24);
    assert_int_equal(slots[1], 0);
    assert_int_equal((uint32_t)slots[2], sizeof *v + 24 + (slots[0] >> 32));
    picture first = picture_read((const uint8_t *)v + (uint32_t)slots[0], (uint32_t)(slots[0] >> 32));
    assert_int_equal(first.head[picture_of(&first, a)].length, 5);
    picture last = picture_read((const uint8_t *)v + (uint32_t)slots[2], (uint32_t)(slots[2] >> 32));
    assert_int_equal(last.head[picture_of(&last, b)].length, 0);
    assert_int_equal(v->size, (uint32_t)slots[2] + (slots[2] >> 32));
    assert_int_equal(v->flags, 0);
}

static void a_cut_value_is_flagged(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    p.event_size = sizeof(wire_event) + 8;
    char text[400];
    memset(text, 'y', sizeof text);
    text[399] = 0;
    wire_event *tok = enter(&p);
    probe_object(tok, sizeof(wire_event), managed_new_string(text));
    probe_leave(tok);
    assert_int_equal(take(f)->flags, WIRE_EV_CUT);
    tok = enter(&p);
    probe_leave(tok);
    assert_int_equal(take(f)->flags, 0); /* the next call starts anew */
}

/* As many large values as an event holds: what finds no room is told from null, and the event stays within bounds. */
static void an_event_is_bounded(void **state)
{
    fixture *f = *state;
    enum { VALUES = 40 };
    probe p = watch(f, 1);
    p.event_size = sizeof(wire_event) + VALUES * 8;
    p.depth = 3;
    const managed_refs refs[] = {{8, 8}};
    uint64_t type = managed_type(MANAGED_CLASS, 1000, refs, 1);
    uint8_t *object = managed_new(type, 1000, NULL);
    wire_event *tok = enter(&p);
    for (int32_t i = 0; i < VALUES; i++)
        probe_object(tok, (int32_t)sizeof(wire_event) + i * 8, object);
    probe_leave(tok);
    const wire_event *v = take(f);
    const uint64_t *slots = (const uint64_t *)(const void *)(v + 1);
    assert_true(v->size <= WIRE_EVENT_MOST);
    assert_int_equal(v->flags, WIRE_EV_CUT);
    unsigned whole = 0;
    for (unsigned i = 0; i < VALUES; i++) {
        assert_int_not_equal(slots[i], 0);
        assert_true((uint32_t)slots[i] + (slots[i] >> 32) <= v->size);
        if (slots[i] >> 32) whole++;
    }
    assert_in_range(whole, 20, VALUES - 1);
}

static void typed_values_and_spans_are_appended(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    p.event_size = sizeof(wire_event) + 16;
    uint64_t type = managed_type(MANAGED_STRUCT, 16, NULL, 0), value[2] = {0x1234, 0x5678};
    uint16_t chars[3] = {'a', 'b', 'c'};
    struct {
        void *data;
        uint64_t length;
    } span = {chars, 3};
    wire_event *tok = enter(&p);
    probe_typed(tok, sizeof(wire_event), (probe_typedref){(uint8_t *)value, type});
    probe_span(tok, sizeof(wire_event) + 8, (probe_typedref){(uint8_t *)&span, type}, 2);
    probe_leave(tok);
    const wire_event *v = take(f);
    const uint64_t *slots = (const uint64_t *)(const void *)(v + 1);
    picture first = picture_read((const uint8_t *)v + (uint32_t)slots[0], (uint32_t)(slots[0] >> 32));
    assert_memory_equal(first.bytes[0], value, 16);
    picture last = picture_read((const uint8_t *)v + (uint32_t)slots[1], (uint32_t)(slots[1] >> 32));
    assert_int_equal(last.head[0].length, 3);
    assert_memory_equal(last.bytes[0], chars, 6);
}

/* ---- exceptions ---- */

static picture exception_of(const wire_event *v)
{
    assert_int_not_equal(v->exception, 0);
    assert_true((uint32_t)v->exception + (v->exception >> 32) <= v->size);
    return picture_read((const uint8_t *)v + (uint32_t)v->exception, (uint32_t)(v->exception >> 32));
}

static uint8_t *new_exception(void)
{
    return managed_new(managed_type(MANAGED_CLASS, 40, NULL, 0), 40, NULL);
}

static void an_exception_is_marked_then_thrown(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 5);
    uint8_t *x = new_exception();
    wire_event *tok = enter(&p);
    probe_note(tok, x);
    const wire_event *v = take(f); /* the last that would be heard of it if nobody caught it */
    uint64_t began = v->start;
    assert_int_equal(v->kind, WIRE_EV_MARK);
    assert_int_equal(v->probe, 5);
    picture mark = exception_of(v);
    picture_of(&mark, x);
    in_flight(f, 1);
    probe_thrown(tok);
    v = take(f);
    assert_int_equal(v->kind, WIRE_EV_THROW);
    assert_int_equal(v->start, began);
    picture thrown = exception_of(v);
    picture_of(&thrown, x);
    nothing_left(f);
    in_flight(f, 0);
}

NOINLINE static void throw_through(probe *p, unsigned depth, uint8_t *x, wire_event **toks, unsigned count)
{
    toks[count - depth] = enter(p);
    if (depth > 1) {
        throw_through(p, depth - 1, x, toks, count);
        __asm__ volatile("" ::: "memory");
        return;
    }
    for (unsigned i = count; i-- > 0;) /* the first pass: innermost first, all frames still there */
        probe_note(toks[i], x);
    for (unsigned i = count; i-- > 0;)
        probe_thrown(toks[i]);
}

static void an_exception_through_many_frames_is_pictured_once(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    uint8_t *x = new_exception();
    wire_event *toks[20];
    uint16_t turn = probe_self()->turn;
    throw_through(&p, 20, x, toks, 20);
    assert_int_equal(probe_self()->turn, turn + 1);
    for (unsigned i = 0; i < 40; i++) {
        const wire_event *v = take(f);
        assert_int_equal(v->kind, i < 20 ? WIRE_EV_MARK : WIRE_EV_THROW);
        picture seen = exception_of(v);
        picture_of(&seen, x);
    }
    nothing_left(f);
    in_flight(f, 0);
}

/* A loop that catches and throws again: the address may be that of the one before. */
static void each_throw_is_pictured_anew(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    uint8_t *fields, *x = managed_new(managed_type(MANAGED_CLASS, 40, NULL, 0), 40, &fields);
    for (uint8_t i = 0; i < 10; i++) {
        fields[0] = i;
        wire_event *tok = enter(&p);
        probe_note(tok, x);
        probe_thrown(tok);
        take(f);
        picture seen = exception_of(take(f));
        assert_int_equal(seen.bytes[0][0], i);
    }
}

/* A filter or a finally may throw and catch others before the second pass comes: the first one's picture is kept. */
static void exceptions_within_exceptions_keep_their_pictures(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1), q = watch(f, 2);
    uint8_t *x = new_exception(), *y = new_exception();
    wire_event *outer = enter(&p);
    probe_note(outer, x);
    wire_event *inner = enter(&q);
    probe_note(inner, y);
    probe_thrown(inner);
    probe_thrown(outer);
    take(f);
    take(f);
    picture seen = exception_of(take(f));
    picture_of(&seen, y);
    seen = exception_of(take(f));
    picture_of(&seen, x);
}

static void an_exception_pushed_out_by_later_ones_has_no_picture(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1), q = watch(f, 2);
    uint8_t *x = new_exception();
    wire_event *outer = enter(&p);
    probe_note(outer, x);
    for (unsigned i = 0; i < PROBE_EXCEPTIONS; i++) {
        wire_event *inner = enter(&q);
        probe_note(inner, new_exception());
        probe_thrown(inner);
    }
    probe_thrown(outer);
    for (unsigned i = 0; i < 1 + 2 * PROBE_EXCEPTIONS; i++)
        take(f);
    const wire_event *v = take(f);
    assert_int_equal(v->kind, WIRE_EV_THROW);
    assert_int_equal(v->exception, 0);
    nothing_left(f);
}

static void a_throw_without_a_note_is_a_throw(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    probe_thrown(enter(&p));
    const wire_event *v = take(f);
    assert_int_equal(v->kind, WIRE_EV_THROW);
    assert_int_equal(v->exception, 0);
}

static void an_exception_that_was_caught_inside_is_no_throw(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    wire_event *tok = enter(&p);
    probe_note(tok, new_exception()); /* the filter saw it, the method's own handler took it */
    probe_leave(tok);
    assert_int_equal(take(f)->kind, WIRE_EV_MARK);
    const wire_event *v = take(f);
    assert_int_equal(v->kind, WIRE_EV_RETURN);
    assert_int_equal(v->exception, 0);
}

/* ---- what is left out ---- */

static void throws_only_leaves_returns_out(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    p.extra = PROBE_ONLY_THROWS;
    probe_leave(enter(&p));
    probe_tail(enter(&p));
    nothing_left(f);
    probe_thrown(enter(&p));
    assert_int_equal(take(f)->kind, WIRE_EV_THROW);
    in_flight(f, 0);
    assert_int_equal(slot(f)->entered, 3);
    assert_int_equal(slot(f)->written, 1);
}

static void fast_calls_are_left_out(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    p.extra = PROBE_ONLY_SLOW;
    p.slow = probe_ticks(UINT64_C(3600) * 1000000000);
    wire_event *tok = enter(&p);
    probe_note(tok, new_exception());
    probe_leave(tok);
    probe_thrown(enter(&p));
    nothing_left(f);
    in_flight(f, 0);
    tok = enter(&p);
    tok->start -= p.slow; /* as if it had begun an hour ago */
    probe_leave(tok);
    assert_true(take(f)->elapsed >= p.slow);
}

static void calls_that_do_not_meet_the_condition_are_not_seen(void **state)
{
    fixture *f = *state;
    const probe_op op = {.kind = PROBE_OP_COMPARE,
                         .compare = PROBE_GT,
                         .literal = PROBE_INT,
                         .element = 8,
                         .slot = sizeof(wire_event),
                         .how = WIRE_PRIMITIVE,
                         .i = 10};
    probe p = watch(f, 1);
    p.event_size = sizeof(wire_event) + 8;
    p.ops = &op;
    p.op_count = 1;
    for (int i = 5; i < 15; i++) {
        wire_event *tok = enter(&p);
        ((int32_t *)(void *)(tok + 1))[0] = i;
        wire_event *ready = (wire_event *)probe_ready(tok);
        if (i <= 10) {
            assert_null(ready);
            assert_null(probe_self()->top);
            continue;
        }
        assert_ptr_equal(ready, tok);
        probe_leave(ready);
        assert_int_equal(((const int32_t *)(const void *)(take(f) + 1))[0], i);
    }
    assert_int_equal(slot(f)->entered, 4);
    in_flight(f, 0);
    nothing_left(f);
}

/* ---- statistics ---- */

static void statistics_are_made_without_events(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 3);
    p.verb = WIRE_STAT;
    for (int i = 0; i < 10; i++) {
        wire_event *tok = enter(&p);
        tok->start -= 1000000u << (i % 2);
        if (i < 3) {
            probe_note(tok, new_exception());
            probe_thrown(tok);
        } else {
            probe_leave(tok);
        }
    }
    nothing_left(f);
    in_flight(f, 0);
    uint64_t index = probe_self()->index;
    const wire_stat *s = (const wire_stat *)(const void *)f->sink.stats + index * f->sink.stats_max + 3;
    assert_int_equal(s->calls, 10);
    assert_int_equal(s->errors, 3);
    assert_true(s->max >= 2000000 && s->sum >= 15000000);
    uint64_t counted = 0;
    for (unsigned b = 0; b < WIRE_BUCKETS; b++) {
        counted += s->bucket[b];
        if (s->bucket[b]) assert_true(b >= wire_bucket(1000000));
    }
    assert_int_equal(counted, 10);
}

/* ---- who calls ---- */

NOINLINE static void stacked(probe *p, unsigned depth)
{
    if (depth)
        stacked(p, depth - 1);
    else
        assert_int_equal(probe_enter_stack(p), 0);
    __asm__ volatile("" ::: "memory");
}

static void a_stack_is_one_event_with_the_callers(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 9);
    p.verb = WIRE_STACK;
    stacked(&p, 10);
    const wire_event *v = take(f);
    assert_int_equal(v->kind, WIRE_EV_STACK);
    assert_int_equal(v->probe, 9);
    assert_true(v->frames >= 11);
    assert_int_equal(v->size, sizeof *v + 8u * v->frames);
    uint64_t frames[100];
    memcpy(frames, v + 1, 8u * v->frames);
    for (unsigned i = 1; i < 9; i++)
        assert_int_equal(frames[i], frames[i + 1]); /* the same recursive call */
    in_flight(f, 0);
    assert_int_equal(slot(f)->entered, 1);
}

static void a_stack_is_bounded(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 9);
    p.verb = WIRE_STACK;
    stacked(&p, 500);
    const wire_event *v = take(f);
    assert_int_equal(v->frames, 64);
    assert_int_equal(v->size, sizeof *v + 8u * 64);
}

/* What a client sends back is told from what it makes up. */
static void addresses_on_a_stack_are_vouched_for(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 9);
    uint64_t frames[64], address;
    p.verb = WIRE_STACK;
    stacked(&p, 10);
    const wire_event *v = take(f);
    memcpy(frames, v + 1, 8u * v->frames);
    for (unsigned i = 0; i < v->frames; i++) {
        unsigned right = 0;
        assert_true(probe_vouched(frames[i], &address));
        assert_int_equal(address, frames[i] & 0xFFFFFFFFFFFF);
        for (uint64_t mark = 0; mark < 0x10000; mark++)
            right += probe_vouched(address | mark << 48, &address);
        assert_int_equal(right, 1);
        assert_false(probe_vouched(address, &address));
    }
}

static void a_stack_waits_for_its_condition(void **state)
{
    fixture *f = *state;
    const probe_op op = {.kind = PROBE_OP_COMPARE,
                         .compare = PROBE_EQ,
                         .literal = PROBE_INT,
                         .element = 8,
                         .slot = sizeof(wire_event),
                         .how = WIRE_PRIMITIVE,
                         .i = 1};
    probe p = watch(f, 9);
    p.verb = WIRE_STACK;
    p.event_size = sizeof(wire_event) + 8;
    p.ops = &op;
    p.op_count = 1;
    for (int32_t i = 0; i < 2; i++) {
        wire_event *tok = enter(&p);
        ((int32_t *)(void *)(tok + 1))[0] = i;
        assert_int_equal(probe_ready_stack(tok), 0);
        assert_null(probe_self()->top);
        in_flight(f, 0);
    }
    assert_int_equal(take(f)->kind, WIRE_EV_STACK);
    nothing_left(f);
    assert_int_equal(slot(f)->entered, 1);
}

/* ---- a connection that ends ---- */

static void after_a_detach_nothing_is_recorded(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1), q = watch(f, 2);
    wire_event *inside = enter(&p);
    assert_true(probe_sink_detach(&f->sink));
    uint64_t head = slot(f)->head, entered = slot(f)->entered, left = slot(f)->left;
    assert_null(enter(&q));
    probe_note(inside, new_exception());
    probe_leave(inside); /* a call that began before */
    assert_int_equal(slot(f)->head, head);
    assert_int_equal(slot(f)->entered, entered);
    assert_int_equal(slot(f)->left, left);
    assert_null(probe_self()->top);
}

static void a_detached_sinks_memory_is_never_touched(void **state)
{
    fixture *f = *state;
    probe p = watch(f, 1);
    p.event_size = sizeof(wire_event) + 8;
    wire_event *inside = enter(&p);
    vanish(&p, 3);
    assert_true(probe_sink_detach(&f->sink));
    probe_sink_close(&f->sink); /* unmapped: a touch would be a signal */
    assert_int_equal(probe_enter(&p), 0);
    assert_int_equal(probe_enter_stack(&p), 0);
    probe_object(inside, sizeof(wire_event), new_exception());
    probe_note(inside, new_exception());
    probe_thrown(inside);
    assert_null(probe_self()->top);
}

/* Two connections share the threads' stacks: the end of one leaves the other's frames alone. */
static void the_other_connections_calls_go_on(void **state)
{
    fixture *f = *state;
    probe_sink other;
    err_t e = {0};
    assert_true(probe_sink_open(&other, 0, false, &e));
    probe p = watch(f, 1), q = watch(f, 2);
    q.sink = &other;
    wire_event *tq = enter(&q), *tp = enter(&p);
    assert_true(probe_sink_detach(&f->sink));
    probe_leave(tp);
    probe_leave(tq);
    const wire_slot *s = &other.slot[probe_self()->index];
    assert_int_equal(s->written, 1);
    assert_int_equal(s->entered - s->left, 0);
    assert_null(probe_self()->top);
    assert_true(probe_sink_detach(&other));
    probe_sink_close(&other);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_call_is_one_event),
        T(a_tail_call_is_told_from_a_return),
        T(nested_calls_end_innermost_first),
        T(two_probes_on_one_method_keep_their_own_frames),
        T(a_leave_takes_vanished_frames_along),
        T(an_enter_takes_deeper_frames_away),
        T(frames_of_another_client_are_taken_away_in_its_name),
        T(a_frame_that_is_gone_is_not_completed),
        T(the_same_frame_again_replaces_itself),
        T(a_full_stack_of_frames_is_counted_and_recovers),
        T(objects_are_appended_behind_the_slots),
        T(a_cut_value_is_flagged),
        T(an_event_is_bounded),
        T(typed_values_and_spans_are_appended),
        T(an_exception_is_marked_then_thrown),
        T(an_exception_through_many_frames_is_pictured_once),
        T(each_throw_is_pictured_anew),
        T(exceptions_within_exceptions_keep_their_pictures),
        T(an_exception_pushed_out_by_later_ones_has_no_picture),
        T(a_throw_without_a_note_is_a_throw),
        T(an_exception_that_was_caught_inside_is_no_throw),
        T(throws_only_leaves_returns_out),
        T(fast_calls_are_left_out),
        T(calls_that_do_not_meet_the_condition_are_not_seen),
        T(statistics_are_made_without_events),
        T(a_stack_is_one_event_with_the_callers),
        T(a_stack_is_bounded),
        T(addresses_on_a_stack_are_vouched_for),
        T(a_stack_waits_for_its_condition),
        T(after_a_detach_nothing_is_recorded),
        T(a_detached_sinks_memory_is_never_touched),
        T(the_other_connections_calls_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
