/* Trees as woven code makes them: what stands below what, what is counted, and what a tree says of what it lacks. */
#include "managed.h"
#include "probe/hot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    probe_sink sink, other;
    probe p[400];
    uint8_t event[WIRE_EVENT_MOST];
    wire_node nodes[400];
} fixture;

static int start(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    err_t e = {0};
    *state = f;
    if (!f || (!probe_pool && !probe_start(&e)) || !probe_sink_open(&f->sink, 0, false, &e) ||
        !probe_sink_open(&f->other, 0, false, &e))
        return -1;
    probe_self()->top = NULL;
    probe_self()->tree = NULL;
    for (uint32_t i = 0; i < RJ_COUNT(f->p); i++)
        f->p[i] = (probe){.gate = 1,
                          .verb = WIRE_TRACE,
                          .id = i,
                          .sink = &f->sink,
                          .root = i == 0,
                          .levels = 1,
                          .event_size = sizeof(wire_event)};
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    assert_true(probe_sink_detach(&f->sink));
    probe_sink_close(&f->sink);
    assert_true(probe_sink_detach(&f->other));
    probe_sink_close(&f->other);
    free(f);
    return managed_end(state);
}

/* The next event of the sink; its nodes. */
static const wire_event *take(fixture *f, probe_sink *s)
{
    const uint32_t index = probe_self()->index;
    wire_slot *slot = &s->slot[index];
    for (;;) {
        assert_true(slot->tail < slot->head);
        const uint8_t *at = s->rings + (uint64_t)index * s->ring_size + slot->tail % s->ring_size;
        const wire_event *v = (const wire_event *)(const void *)at;
        slot->tail += v->size;
        if (v->kind == WIRE_EV_PAD) continue;
        memcpy(f->event, v, v->size);
        v = (const wire_event *)(const void *)f->event;
        uint32_t nodes_end = v->exception ? (uint32_t)v->exception : v->size;
        assert_true(v->frames <= RJ_COUNT(f->nodes));
        memcpy(f->nodes, f->event + nodes_end - v->frames * sizeof(wire_node), v->frames * sizeof(wire_node));
        return v;
    }
}

static void nothing_left(const probe_sink *s)
{
    const wire_slot *slot = &s->slot[probe_self()->index];
    assert_int_equal(slot->head, slot->tail);
    assert_int_equal(slot->entered, slot->left);
    assert_null(probe_self()->top);
    assert_null(probe_self()->tree);
}

#define NOINLINE __attribute__((noinline))

/* A call of p that makes `times` calls of each of the `count` probes at `below`. */
static NOINLINE void call(probe *p, probe *below, uint32_t count, unsigned times)
{
    wire_event *tok = (wire_event *)probe_enter_trace(p);
    for (unsigned k = 0; k < times; k++)
        for (uint32_t i = 0; i < count; i++)
            call(&below[i], NULL, 0, 0);
    if (tok) probe_leave_trace(tok);
    __asm__ volatile("" ::: "memory");
}

/* p calls itself so often, and then throws. */
static NOINLINE void descend(probe *p, unsigned times, bool throws)
{
    wire_event *tok = (wire_event *)probe_enter_trace(p);
    if (times) descend(p, times - 1, throws);
    if (tok && throws)
        probe_thrown_trace(tok);
    else if (tok)
        probe_leave_trace(tok);
    __asm__ volatile("" ::: "memory");
}

static void calls_of_a_caller_are_merged(void **state)
{
    fixture *f = *state;
    call(&f->p[0], &f->p[1], 2, 1000);
    const wire_event *v = take(f, &f->sink);
    assert_int_equal(v->kind, WIRE_EV_RETURN);
    assert_int_equal(v->flags, 0);
    assert_int_equal(v->probe, 0);
    assert_int_equal(v->frames, 3);
    assert_int_equal(f->nodes[0].count, 0);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_int_equal(f->nodes[i].probe, i);
        assert_int_equal(f->nodes[i].parent, 0);
        assert_int_equal(f->nodes[i].count, 1000);
        assert_int_equal(f->nodes[i].errors, 0);
        assert_true(f->nodes[i].least <= f->nodes[i].most && f->nodes[i].most <= f->nodes[i].total);
    }
    assert_true(f->nodes[1].total + f->nodes[2].total <= v->elapsed);
    nothing_left(&f->sink);
}

static void outside_of_a_root_nothing_is_recorded(void **state)
{
    fixture *f = *state;
    call(&f->p[1], &f->p[2], 1, 3);
    nothing_left(&f->sink);
    assert_int_equal(f->sink.slot[probe_self()->index].entered, 0);
}

static void levels_end_where_they_are_said_to(void **state)
{
    fixture *f = *state;
    f->p[0].levels = 3;
    descend(&f->p[0], 10, false);
    assert_int_equal(take(f, &f->sink)->frames, 4);
    for (uint32_t i = 1; i < 4; i++) {
        assert_int_equal(f->nodes[i].parent, i - 1);
        assert_int_equal(f->nodes[i].count, 1);
    }
    assert_int_equal(f->nodes[0].count, 0);
    nothing_left(&f->sink);
}

static void what_is_too_deep_is_counted(void **state)
{
    fixture *f = *state;
    f->p[0].into = 1;
    descend(&f->p[0], 1000, true);
    const wire_event *v = take(f, &f->sink);
    assert_int_equal(v->kind, WIRE_EV_THROW);
    uint64_t calls = f->nodes[0].count;
    for (uint32_t i = 1; i < v->frames; i++) {
        assert_int_equal(f->nodes[i].errors, 1);
        calls += f->nodes[i].count;
    }
    assert_true(f->nodes[0].count > 0);
    assert_int_equal(calls, 1000);
    nothing_left(&f->sink);
}

static void what_has_no_room_is_counted(void **state)
{
    fixture *f = *state;
    call(&f->p[0], &f->p[1], 399, 2);
    const wire_event *v = take(f, &f->sink);
    assert_true(v->size <= WIRE_EVENT_MOST - PROBE_EXCEPTION_BYTES);
    assert_in_range(v->frames, 250, 399);
    assert_int_equal(f->nodes[0].count, 2u * (400u - v->frames));
    for (uint32_t i = 1; i < v->frames; i++)
        assert_int_equal(f->nodes[i].count, 2);
    nothing_left(&f->sink);
}

/* What is below a call that found no room is missing as well, and not its caller's. */
static NOINLINE void fill_and_nest(fixture *f)
{
    wire_event *root = (wire_event *)probe_enter_trace(&f->p[0]);
    for (uint32_t i = 2; i < 399; i++)
        call(&f->p[i], NULL, 0, 0);
    call(&f->p[399], &f->p[2], 1, 5);
    probe_leave_trace(root);
    __asm__ volatile("" ::: "memory");
}

static void below_what_has_no_room_nothing_is_anothers(void **state)
{
    fixture *f = *state;
    f->p[0].levels = 9;
    fill_and_nest(f);
    const wire_event *v = take(f, &f->sink);
    assert_int_equal(f->nodes[1].probe, 2);
    assert_int_equal(f->nodes[1].count, 1);
    assert_int_equal(f->nodes[0].count, 398u - (v->frames - 1u) + 5u);
    nothing_left(&f->sink);
}

static void a_tree_whose_gate_closed_is_partial(void **state)
{
    fixture *f = *state;
    wire_event *root = (wire_event *)probe_enter_trace(&f->p[0]);
    f->p[0].gate = 0;
    probe_leave_trace(root);
    assert_int_equal(take(f, &f->sink)->flags, WIRE_EV_PARTIAL);
    nothing_left(&f->sink);
}

/* Two clients on the same methods: frames of both lie on one stack, each tree is its own. */
static NOINLINE void call_both(fixture *f, probe *theirs)
{
    wire_event *mine = (wire_event *)probe_enter_trace(&f->p[0]), *its = (wire_event *)probe_enter_trace(&theirs[0]);
    for (int i = 0; i < 3; i++) {
        wire_event *a = (wire_event *)probe_enter_trace(&f->p[1]), *b = (wire_event *)probe_enter_trace(&theirs[1]);
        probe_leave_trace(b);
        probe_leave_trace(a);
    }
    probe_leave_trace(its);
    call(&f->p[1], NULL, 0, 0);
    probe_leave_trace(mine);
    __asm__ volatile("" ::: "memory");
}

static void clients_do_not_see_one_anothers_trees(void **state)
{
    fixture *f = *state;
    probe theirs[2] = {f->p[0], f->p[1]};
    theirs[0].sink = theirs[1].sink = &f->other;
    call_both(f, theirs);
    take(f, &f->sink);
    assert_int_equal(f->nodes[1].count, 4);
    take(f, &f->other);
    assert_int_equal(f->nodes[1].count, 3);
    nothing_left(&f->sink);
    nothing_left(&f->other);
}

/* Their thread was unwound past them without our handlers. */
static NOINLINE void vanish(fixture *f)
{
    probe_enter_trace(&f->p[0]);
    probe_enter_trace(&f->p[1]);
    __asm__ volatile("" ::: "memory");
}

static void a_root_that_vanished_takes_no_calls(void **state)
{
    fixture *f = *state;
    vanish(f);
    assert_non_null(probe_self()->tree);
    assert_int_equal(probe_enter_trace(&f->p[1]), 0); /* of a caller further out: not theirs */
    nothing_left(&f->sink);
    call(&f->p[0], &f->p[1], 1, 1);
    take(f, &f->sink);
    assert_int_equal(f->nodes[1].count, 1);
    nothing_left(&f->sink);
}

static void only_slow_roots_are_told(void **state)
{
    fixture *f = *state;
    f->p[0].extra = PROBE_ONLY_SLOW;
    f->p[0].slow = UINT64_MAX;
    call(&f->p[0], &f->p[1], 1, 1);
    nothing_left(&f->sink);
    assert_int_equal(f->sink.slot[probe_self()->index].left, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_of_a_caller_are_merged, start, end),
        cmocka_unit_test_setup_teardown(outside_of_a_root_nothing_is_recorded, start, end),
        cmocka_unit_test_setup_teardown(levels_end_where_they_are_said_to, start, end),
        cmocka_unit_test_setup_teardown(what_is_too_deep_is_counted, start, end),
        cmocka_unit_test_setup_teardown(what_has_no_room_is_counted, start, end),
        cmocka_unit_test_setup_teardown(below_what_has_no_room_nothing_is_anothers, start, end),
        cmocka_unit_test_setup_teardown(a_tree_whose_gate_closed_is_partial, start, end),
        cmocka_unit_test_setup_teardown(clients_do_not_see_one_anothers_trees, start, end),
        cmocka_unit_test_setup_teardown(a_root_that_vanished_takes_no_calls, start, end),
        cmocka_unit_test_setup_teardown(only_slow_roots_are_told, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
