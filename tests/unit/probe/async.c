/*
 * Async calls as the woven code of a method and of its state machine reports them: completed at once, on another
 * thread, and between the suspension and its registration.
 */
#include "managed.h"
#include "probe/hot.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOINLINE __attribute__((noinline))

enum { TASK_BYTES = 48, ID_AT = 40 }; /* of the fields; from the start of the object */

typedef struct fixture {
    probe_sink sink;
    uint64_t task; /* type */
    uint64_t tails[PROBE_THREADS];
    uint8_t event[WIRE_EVENT_MOST];
} fixture;

static int start(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    err_t e = {0};
    *state = f;
    if (!f || (!probe_pool && !probe_start(&e)) || !probe_sink_open(&f->sink, 8, false, &e)) return -1;
    f->task = managed_type(MANAGED_CLASS, TASK_BYTES, NULL, 0);
    probe_self()->top = NULL;
    return probe_async_start(f->task, ID_AT, &e) ? 0 : -1;
}

static int end(void **state)
{
    fixture *f = *state;
    probe_async_forget(&f->sink);
    assert_true(probe_sink_detach(&f->sink));
    probe_sink_close(&f->sink);
    free(f);
    uint64_t bytes;
    int left = (int)probe_async_pending(&bytes);
    return managed_end(state) || left; /* nothing stays behind */
}

static probe watch(fixture *f)
{
    return (probe){.verb = WIRE_WATCH, .id = 3, .sink = &f->sink, .event_size = sizeof(wire_event) + 16, .armed = 1};
}

/* The next event of any thread; NULL where there is none. */
static const wire_event *take(fixture *f)
{
    for (uint32_t i = 1; i < probe_slots(); i++) {
        wire_slot *s = &f->sink.slot[i];
        if (s->tail == s->head) continue;
        const uint8_t *at = f->sink.rings + (uint64_t)i * f->sink.ring_size + s->tail % f->sink.ring_size;
        uint32_t size = ((const wire_event *)(const void *)at)->size;
        memcpy(f->event, at, size);
        s->tail += size;
        return (const wire_event *)(const void *)f->event;
    }
    return NULL;
}

static int64_t in_flight(const fixture *f)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < probe_slots(); i++)
        n += (int64_t)(f->sink.slot[i].entered - f->sink.slot[i].left);
    return n;
}

static uint64_t dropped(const fixture *f)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < probe_slots(); i++)
        n += f->sink.slot[i].dropped;
    return n;
}

static uint64_t *slots_of(wire_event *v)
{
    return (uint64_t *)(void *)(v + 1);
}

static const uint64_t *slots_in(const wire_event *v)
{
    return (const uint64_t *)(const void *)(v + 1);
}

/* A builder has one field: its task. */
typedef struct builder {
    uint8_t *task;
} builder;

static builder make_task(fixture *f)
{
    uint8_t *fields;
    return (builder){managed_new(f->task, TASK_BYTES, &fields)};
}

static wire_event *enter(probe *p, uint64_t argument)
{
    wire_event *tok = (wire_event *)probe_enter(p);
    if (tok) slots_of(tok)[0] = argument;
    return tok;
}

NOINLINE static void complete(probe *p, wire_event *tok, const builder *b, uint64_t result)
{
    wire_event *c = (wire_event *)probe_async_completing(p, tok, (const uint8_t *)b);
    if (!c) return;
    slots_of(c)[1] = result;
    probe_async_completed(c);
}

/* ---- one thread ---- */

/* The state machine's first run ends the call. */
NOINLINE static void run_at_once(probe *p, wire_event *expected)
{
    wire_event *tok = (wire_event *)probe_async_first(p);
    assert_ptr_equal(tok, expected);
    assert_int_equal(probe_async_first(p), 0); /* it is taken */
    builder none = {NULL};
    complete(p, tok, &none, 42);
}

static void a_call_that_does_not_wait(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    wire_event *tok = enter(&p, 7);
    run_at_once(&p, tok);
    assert_int_equal(in_flight(f), 0);
    const wire_event *v = take(f);
    assert_non_null(v);
    assert_int_equal(v->kind, WIRE_EV_RETURN);
    assert_int_equal(v->tid, probe_self()->tid);
    assert_int_equal(slots_in(v)[0], 7);
    assert_int_equal(slots_in(v)[1], 42);
    probe_async_leave(tok);
    assert_null(take(f)); /* the method's own return is no second event */
    assert_int_equal(in_flight(f), 0);
    assert_null(probe_self()->top);
}

static void the_state_machine_of_an_unrecorded_call_finds_nothing(void **state)
{
    fixture *f = *state;
    probe p = watch(f), other = watch(f);
    assert_int_equal(probe_async_first(&p), 0);
    wire_event *tok = enter(&other, 1);
    assert_int_equal(probe_async_first(&p), 0);
    builder b = make_task(f);
    complete(&p, NULL, &b, 1); /* begun before anybody looked */
    assert_null(take(f));
    assert_int_equal(in_flight(f), 1);
    probe_leave(tok);
}

NOINLINE static void suspend_in(probe *p, builder *at, builder task)
{
    wire_event *tok = (wire_event *)probe_async_first(p);
    probe_async_suspending(tok);
    assert_int_equal(p->suspending, 1);
    *at = task; /* the box is made inside of Await...Completed */
    probe_async_suspended(tok, (const uint8_t *)at);
    assert_int_equal(p->suspending, 0);
}

static void begin(fixture *f, probe *p, builder *b, uint64_t argument)
{
    wire_event *tok = enter(p, argument);
    suspend_in(p, b, make_task(f));
    probe_async_leave(tok);
    assert_null(probe_self()->top);
}

static void a_call_that_waits(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    builder b;
    begin(f, &p, &b, 7);
    assert_null(take(f));
    assert_int_equal(in_flight(f), 1);
    complete(&p, NULL, &b, 43);
    const wire_event *v = take(f);
    assert_non_null(v);
    assert_int_equal(slots_in(v)[0], 7);
    assert_int_equal(slots_in(v)[1], 43);
    assert_int_equal(in_flight(f), 0);
    complete(&p, NULL, &b, 44); /* nobody completes twice; it would find nothing */
    assert_null(take(f));
}

static void the_number_of_a_task_that_has_one_is_used(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    builder task = make_task(f), b;
    *(uint32_t *)(void *)(task.task + ID_AT) = 12;
    wire_event *tok = enter(&p, 1);
    suspend_in(&p, &b, task);
    probe_async_leave(tok);
    assert_int_equal(*(uint32_t *)(void *)(task.task + ID_AT), 12);
    assert_non_null(probe_pending_find(12, &p, PROBE_PENDING_CALL));
    complete(&p, NULL, &b, 2);
    assert_non_null(take(f));
}

static void what_is_no_task_is_not_touched(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    uint8_t *fields;
    uint8_t *other = managed_new(managed_type(MANAGED_CLASS, TASK_BYTES, NULL, 0), TASK_BYTES, &fields);
    builder b;
    wire_event *tok = enter(&p, 1);
    suspend_in(&p, &b, (builder){other});
    probe_async_leave(tok);
    for (unsigned i = 0; i < TASK_BYTES; i++)
        assert_int_equal(fields[i], 0);
    assert_int_equal(in_flight(f), 0);
    assert_int_equal(dropped(f), 1); /* and the call is counted as lost */
}

/* Its result comes from inside of the suspension, before the call is registered. */
NOINLINE static void suspend_around_completion(fixture *f, probe *p, uint8_t *exception)
{
    wire_event *tok = (wire_event *)probe_async_first(p);
    builder b = make_task(f);
    probe_async_suspending(tok);
    if (exception) {
        wire_event *c = (wire_event *)probe_async_completing(p, NULL, (const uint8_t *)&b);
        assert_non_null(c);
        probe_async_failed(c, exception);
    } else {
        complete(p, NULL, &b, 44);
    }
    assert_null(take(f));
    assert_int_equal(in_flight(f), 1);
    probe_async_suspended(tok, (const uint8_t *)&b);
}

static void a_call_that_ends_before_it_is_registered(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    wire_event *tok = enter(&p, 8);
    suspend_around_completion(f, &p, NULL);
    const wire_event *v = take(f);
    assert_non_null(v);
    assert_int_equal(v->kind, WIRE_EV_RETURN);
    assert_int_equal(slots_in(v)[0], 8);
    assert_int_equal(slots_in(v)[1], 44);
    probe_async_leave(tok);
    assert_null(take(f));
    assert_int_equal(in_flight(f), 0);
}

static void an_exception_before_the_call_is_registered(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    wire_event *tok = enter(&p, 8);
    uint8_t *x = managed_new_string("broken");
    suspend_around_completion(f, &p, x);
    const wire_event *v = take(f);
    assert_non_null(v);
    assert_int_equal(v->kind, WIRE_EV_THROW);
    assert_int_equal(slots_in(v)[0], 8);
    picture seen = picture_read(f->event + (uint32_t)v->exception, (uint32_t)(v->exception >> 32));
    assert_true(picture_has(&seen, x));
    probe_async_leave(tok);
    assert_int_equal(in_flight(f), 0);
}

/* The result's picture moves to where the call's own pictures end. */
NOINLINE static void join_pictures(fixture *f, probe *p, uint8_t *argument, uint8_t *result)
{
    wire_event *tok = (wire_event *)probe_async_first(p);
    builder b = make_task(f);
    (void)argument;
    probe_async_suspending(tok);
    wire_event *c = (wire_event *)probe_async_completing(p, NULL, (const uint8_t *)&b);
    assert_non_null(c);
    probe_object(c, sizeof(wire_event) + 8, result);
    probe_async_completed(c);
    probe_async_suspended(tok, (const uint8_t *)&b);
}

static void pictures_of_both_ends_come_together(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    uint8_t *argument = managed_new_string("an argument"), *result = managed_new_string("the result");
    wire_event *tok = enter(&p, 0);
    probe_object(tok, sizeof(wire_event), argument);
    join_pictures(f, &p, argument, result);
    probe_async_leave(tok);
    const wire_event *v = take(f);
    assert_non_null(v);
    uint64_t first = slots_in(v)[0], second = slots_in(v)[1];
    picture a = picture_read(f->event + (uint32_t)first, (uint32_t)(first >> 32));
    picture_of(&a, argument);
    picture r = picture_read(f->event + (uint32_t)second, (uint32_t)(second >> 32));
    picture_of(&r, result);
}

static void a_method_whose_state_machine_is_not_seen_is_lost(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    probe_async_leave(enter(&p, 1));
    assert_null(take(f));
    assert_int_equal(in_flight(f), 0);
    assert_int_equal(dropped(f), 1);
}

static void a_call_whose_layer_goes_away_stays_in_flight(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    wire_event *tok = enter(&p, 1);
    p.armed = 0;
    probe_async_leave(tok);
    assert_null(probe_self()->top);
    assert_int_equal(in_flight(f), 1);
    assert_int_equal(dropped(f), 0);
}

static void a_method_that_throws_itself_is_a_throw(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    probe_async_thrown(enter(&p, 1));
    assert_int_equal(take(f)->kind, WIRE_EV_THROW);
    assert_int_equal(in_flight(f), 0);
}

static void a_condition_and_limits_are_about_the_whole_call(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    builder b;
    p.extra = PROBE_ONLY_THROWS;
    begin(f, &p, &b, 1);
    complete(&p, NULL, &b, 2);
    assert_null(take(f));
    assert_int_equal(in_flight(f), 0);
    p = watch(f);
    p.extra = PROBE_ONLY_SLOW;
    p.slow = UINT64_MAX;
    begin(f, &p, &b, 1);
    complete(&p, NULL, &b, 2);
    assert_null(take(f));
    p = watch(f);
    p.verb = WIRE_STAT;
    p.id = 1;
    begin(f, &p, &b, 1);
    complete(&p, NULL, &b, 2);
    const wire_stat *s =
        (const wire_stat *)(const void *)(f->sink.stats +
                                          ((uint64_t)probe_self()->index * f->sink.stats_max + 1) * sizeof *s);
    assert_int_equal(s->calls, 1);
}

static void a_client_that_goes_takes_its_pending_calls_along(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    builder b[10];
    for (unsigned i = 0; i < 10; i++)
        begin(f, &p, &b[i], i);
    wire_event *tok = enter(&p, 11);
    assert_true(probe_sink_detach(&f->sink));
    assert_int_equal(probe_async_forget(&f->sink), 10);
    complete(&p, NULL, &b[3], 1);
    suspend_in(&p, &b[0], make_task(f));
    probe_async_leave(tok);
    assert_null(probe_self()->top);
    uint64_t bytes;
    assert_int_equal(probe_async_pending(&bytes), 0);
}

static void a_probe_of_another_client_has_nothing_of_the_last_ones_calls(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    builder b, c;
    begin(f, &p, &b, 1);
    wire_event *inside = enter(&p, 2);
    p.turn++; /* given away, with one call pending and one that is still inside */
    probe_async_leave(inside);
    assert_null(probe_self()->top);
    begin(f, &p, &c, 3);
    complete(&p, NULL, &b, 4);
    assert_null(take(f));
    complete(&p, NULL, &c, 5);
    const wire_event *v = take(f);
    assert_non_null(v);
    assert_int_equal(slots_in(v)[0], 3);
    assert_int_equal(slots_in(v)[1], 5);
    assert_int_equal(probe_async_forget(NULL), 1);
    assert_int_equal(dropped(f), 0);
}

/* ---- two threads ---- */

enum { ROUNDS = 100000 };

/* One suspends, the other completes as soon as there is a task: before, during and after the registration. */
typedef struct race {
    probe *p;
    _Atomic(uint8_t *) task;
    _Atomic uint32_t completed;
} race;

static void *complete_all(void *own)
{
    race *r = own;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        uint8_t *task;
        while (!(task = atomic_exchange(&r->task, NULL))) {
        }
        builder b = {task};
        complete(r->p, NULL, &b, i);
        atomic_store(&r->completed, i);
    }
    return NULL;
}

NOINLINE static void suspend_racing(race *r, builder *at, uint8_t *task)
{
    wire_event *tok = (wire_event *)probe_async_first(r->p);
    probe_async_suspending(tok);
    at->task = task;
    atomic_store(&r->task, task);
    probe_async_suspended(tok, (const uint8_t *)at);
}

static void each_call_of_a_race_is_one_event(void **state)
{
    fixture *f = *state;
    probe p = watch(f);
    race r = {.p = &p};
    pthread_t t;
    builder b, task = make_task(f);
    assert_int_equal(pthread_create(&t, NULL, complete_all, &r), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        *(uint32_t *)(void *)(task.task + ID_AT) = 0; /* a new one */
        wire_event *tok = enter(&p, i);
        suspend_racing(&r, &b, task.task);
        probe_async_leave(tok);
        while (atomic_load(&r.completed) != i) {
        }
        const wire_event *v = take(f);
        if (!v) {
            fail_msg("round %u has no event", i);
            break;
        }
        assert_int_equal(v->kind, WIRE_EV_RETURN);
        assert_int_equal(slots_in(v)[0], i);
        assert_int_equal(slots_in(v)[1], i);
        assert_int_equal(v->tid, probe_self()->tid);
        if (take(f)) fail_msg("round %u has a second event", i);
    }
    pthread_join(t, NULL);
    assert_int_equal(in_flight(f), 0);
    assert_int_equal(dropped(f), 0);
    assert_int_equal(p.suspending, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        CASE(a_call_that_does_not_wait),
        CASE(the_state_machine_of_an_unrecorded_call_finds_nothing),
        CASE(a_call_that_waits),
        CASE(the_number_of_a_task_that_has_one_is_used),
        CASE(what_is_no_task_is_not_touched),
        CASE(a_call_that_ends_before_it_is_registered),
        CASE(an_exception_before_the_call_is_registered),
        CASE(pictures_of_both_ends_come_together),
        CASE(a_method_whose_state_machine_is_not_seen_is_lost),
        CASE(a_call_whose_layer_goes_away_stays_in_flight),
        CASE(a_method_that_throws_itself_is_a_throw),
        CASE(a_condition_and_limits_are_about_the_whole_call),
        CASE(a_client_that_goes_takes_its_pending_calls_along),
        CASE(a_probe_of_another_client_has_nothing_of_the_last_ones_calls),
        CASE(each_call_of_a_race_is_one_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
