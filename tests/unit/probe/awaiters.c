/* Who awaits: from a box to the next, over every kind of continuation, and never further than memory goes. */
#include "managed.h"
#include "probe/hot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Offsets of fields are those from the start of the object, less 8. */
enum { TASK_BYTES = 32, CONTINUATION = 8, NUMBER = 16, DELEGATE_BYTES = 24, HOLDER_BYTES = 24 };

static const managed_refs task_refs[] = {{8 + CONTINUATION, 8}}, delegate_refs[] = {{8, 8}}, holder_refs[] = {{8, 16}};
static uint64_t task, delegate, holder;
static probe_sink sink;

static int start(void **state)
{
    (void)state;
    err_t e = {0};
    if ((!probe_pool && !probe_start(&e)) || !probe_sink_open(&sink, 8, false, &e)) return -1;
    task = managed_type(MANAGED_CLASS, TASK_BYTES, task_refs, 1);
    delegate = managed_type(MANAGED_CLASS, DELEGATE_BYTES, delegate_refs, 1);
    holder = managed_type(MANAGED_CLASS, HOLDER_BYTES, holder_refs, 1);
    probe_awaiters_start(&(probe_tasks){.task = task, .delegate = delegate, .continuation_at = 8 + CONTINUATION});
    probe_self()->top = NULL;
    return 0;
}

static int end(void **state)
{
    assert_true(probe_sink_detach(&sink));
    probe_sink_close(&sink);
    return managed_end(state);
}

static uint8_t *new_task(uint64_t number, const uint8_t *continuation)
{
    uint8_t *fields, *object = managed_new(task, TASK_BYTES, &fields);
    memcpy(fields + NUMBER, &number, sizeof number);
    managed_set(fields, CONTINUATION, continuation);
    return object;
}

static uint8_t *new_delegate(const uint8_t *target)
{
    uint8_t *fields, *object = managed_new(delegate, DELEGATE_BYTES, &fields);
    managed_set(fields, 0, target);
    return object;
}

/* `context`: a reference before the one that counts. */
static uint8_t *new_holder(const uint8_t *context, const uint8_t *held)
{
    uint8_t *fields, *object = managed_new(holder, HOLDER_BYTES, &fields);
    managed_set(fields, 0, context);
    managed_set(fields, 8, held);
    return object;
}

static picture awaiters_of(const uint8_t *box, uint32_t room, uint8_t *out)
{
    probe p = {.resumes = 1, .sink = &sink, .event_size = sizeof(wire_event)};
    wire_event *tok = (wire_event *)(void *)probe_resume(&p); /* NOLINT(performance-no-int-to-ptr) */
    assert_non_null(tok);
    probe_resume_of(tok, (const uint8_t *)&box);
    const probe_thread *t = probe_self();
    const probe_frame *f = probe_resumed_frame(t, &sink, 0);
    assert_ptr_equal(f, t->top);
    uint32_t n = probe_awaiters(out, room, f);
    probe_resumed(tok);
    assert_null(t->top);
    return picture_read(out, n);
}

static uint64_t number_in(const picture *p, unsigned i)
{
    uint64_t number;
    assert_int_equal(p->head[i].type, task);
    memcpy(&number, p->bytes[i] + NUMBER, sizeof number);
    return number;
}

static void every_kind_of_continuation(void **state)
{
    (void)state;
    static uint8_t out[WIRE_EVENT_MOST];
    uint8_t *last = new_task(4, managed_new(managed_object(), 0, NULL)); /* the mark of a task that has completed */
    uint8_t *third = new_task(3, new_holder(new_holder(NULL, NULL), new_delegate(last)));
    uint8_t *second = new_task(2, new_delegate(third));
    picture p = awaiters_of(new_task(0, new_task(1, second)), sizeof out, out);
    assert_int_equal(p.count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(number_in(&p, i), i + 1);
}

static void what_is_not_one_task_ends_it(void **state)
{
    (void)state;
    static uint8_t out[WIRE_EVENT_MOST];
    uint8_t *other = new_task(9, NULL);
    const uint8_t *const ends[] = {
        NULL,
        managed_new_string("text"),
        managed_new(managed_object(), 0, NULL),
        new_delegate(NULL),
        new_delegate(new_holder(other, other)), /* a closure: what it refers to may be anything */
        new_delegate(new_delegate(other)),
        new_holder(NULL, NULL),
        new_holder(new_holder(other, other), NULL),
    };
    for (size_t i = 0; i < RJ_COUNT(ends); i++) {
        picture p = awaiters_of(new_task(0, new_task(1, ends[i])), sizeof out, out);
        assert_int_equal(p.count, 1);
        assert_int_equal(number_in(&p, 0), 1);
    }
    uint8_t *fields, *self = managed_new(delegate, DELEGATE_BYTES, &fields);
    managed_set(fields, 0, self); /* as that of a static method is */
    assert_int_equal(awaiters_of(new_task(0, self), sizeof out, out).count, 0);
}

static void a_ring_of_tasks_and_little_room_are_survived(void **state)
{
    (void)state;
    static uint8_t out[WIRE_EVENT_MOST];
    uint8_t *fields, *self = managed_new(task, TASK_BYTES, &fields);
    managed_set(fields, CONTINUATION, self);
    assert_int_equal(awaiters_of(self, sizeof out, out).count, 32);
    uint8_t *chain = NULL;
    for (unsigned i = 0; i < 10; i++)
        chain = new_task(i, chain);
    for (uint32_t room = 0; room < 400; room++) {
        uint8_t *exact = malloc(room + 1); /* so that AddressSanitizer sees what goes beyond */
        assert_non_null(exact);
        picture p = awaiters_of(chain, room, exact);
        assert_int_equal(p.count, RJ_MIN(room / (sizeof(wire_piece) + TASK_BYTES), 9u));
        free(exact);
    }
}

/* In a Debug build the state machine is an object, to which the box's last field refers. */
static void a_machine_of_its_own_comes_along(void **state)
{
    (void)state;
    static uint8_t out[WIRE_EVENT_MOST];
    static const managed_refs refs[] = {{8 + CONTINUATION, 8}, {TASK_BYTES, 8}};
    uint64_t plain = task;
    task = managed_type(MANAGED_CLASS, TASK_BYTES, refs, 2);
    probe_awaiters_start(&(probe_tasks){.task = task, .delegate = delegate, .continuation_at = 8 + CONTINUATION});
    uint8_t *machine = new_holder(NULL, NULL), *fields, *box = managed_new(task, TASK_BYTES, &fields);
    managed_set(fields, TASK_BYTES - 8, machine);
    picture p = awaiters_of(new_task(0, box), sizeof out, out);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.head[0].length, WIRE_AWAITER);
    assert_int_equal(p.head[1].length, WIRE_AWAITER_MACHINE);
    assert_int_equal(p.head[1].address, (uint64_t)machine);
    managed_set(fields, TASK_BYTES - 8, managed_new_string("no machine"));
    assert_int_equal(awaiters_of(new_task(0, box), sizeof out, out).count, 1);
    task = plain;
}

/* Frames of others lie above and below; the innermost that resumes counts, if it is the client's own. */
static void the_innermost_box_counts(void **state)
{
    (void)state;
    probe_sink other;
    err_t e = {0};
    assert_true(probe_sink_open(&other, 8, false, &e));
    probe mine = {.resumes = 1, .sink = &sink, .event_size = sizeof(wire_event)};
    probe theirs = {.resumes = 1, .sink = &other, .event_size = sizeof(wire_event)};
    probe watch = {.verb = WIRE_WATCH, .sink = &sink, .event_size = sizeof(wire_event)};
    probe_thread *t = probe_self();
    probe_frame *outer = probe_push(t, &mine, 5000), *inner = probe_push(t, &mine, 4000);
    probe_push(t, &theirs, 3000);
    probe_push(t, &watch, 2000);
    outer->event.start = inner->event.start = 1;
    assert_ptr_equal(probe_resumed_frame(t, &sink, 1000), inner);
    assert_ptr_equal(probe_resumed_frame(t, &sink, 4500), outer); /* the inner one has vanished */
    assert_null(probe_resumed_frame(t, &sink, 6000));
    inner->event.start = 0; /* between its enter and the word of where the box is */
    assert_null(probe_resumed_frame(t, &sink, 1000));
    t->top = NULL;
    assert_true(probe_sink_detach(&other));
    probe_sink_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_of_continuation, start, end),
        cmocka_unit_test_setup_teardown(what_is_not_one_task_ends_it, start, end),
        cmocka_unit_test_setup_teardown(a_ring_of_tasks_and_little_room_are_survived, start, end),
        cmocka_unit_test_setup_teardown(a_machine_of_its_own_comes_along, start, end),
        cmocka_unit_test_setup_teardown(the_innermost_box_counts, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
