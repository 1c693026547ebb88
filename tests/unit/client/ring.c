/* Events out of rings: order, pairs, rates, counts, statistics, and rings full of garbage. */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct seen {
    buf_t text;
    size_t calls, most;
    size_t refused, probes, gates;
} seen;

static bool on_call(void *owner, const rj_call *c)
{
    static const char kinds[] = "?rxtc";
    seen *s = owner;
    buf_printf(&s->text, "%c%u:%llu+%llu ", kinds[c->outcome], c->thread,
               (unsigned long long)(c->time - UINT64_C(1700000000000000000)), (unsigned long long)c->elapsed);
    s->calls++;
    return !s->most || s->calls < s->most;
}

static void on_news(void *owner, const rj_news *n)
{
    seen *s = owner;
    if (n->kind == RJ_NOTICE_REFUSED) s->refused++;
    if (n->kind == RJ_NOTICE_PROBES) s->probes += n->count;
    if (n->kind == RJ_NOTICE_GATES && !n->open) s->gates++;
}

static rj_session *start(fake *f, rj_request *q)
{
    static const char *const pattern = "T.M";
    rj_error e = {0};
    rj_probes p;
    fake_start(f);
    fake_probe(f, 1, "T.M()", "T.dll", NULL, 0);
    rj_session *s = fake_connect(f, &e);
    assert_non_null(s);
    q->patterns = &pattern;
    q->pattern_count = 1;
    if (!q->verb) q->verb = RJ_WATCH;
    assert_true(rj_instrument(s, q, &p, &e));
    assert_int_equal(p.methods, 1);
    assert_true(rj_gate(s, true, &e));
    assert_true(f->open);
    return s;
}

static void put(fake *f, uint32_t slot, wire_event_kind kind, uint64_t at, uint64_t elapsed)
{
    wire_event v = {.kind = (uint8_t)kind, .probe = 1, .tid = slot, .start = at, .elapsed = elapsed};
    fake_event(f, slot, &v, NULL, 0);
}

static const char *poll_once(rj_session *s, seen *x)
{
    rj_handlers h = {.owner = x, .call = on_call, .news = on_news};
    rj_error e = {0};
    x->text.n = 0;
    assert_true(rj_poll(s, 200, &h, &e));
    return buf_cstr(&x->text);
}

static void rings_merge_by_the_end_of_calls(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    seen x = {0};
    put(&f, 1, WIRE_EV_RETURN, 1100, 100); /* ends at 1200 */
    put(&f, 1, WIRE_EV_RETURN, 1010, 290); /* 1300 */
    put(&f, 2, WIRE_EV_THROW, 1000, 250);  /* 1250 */
    put(&f, 3, WIRE_EV_TAIL, 1002, 6);     /* 1008 */
    assert_string_equal(poll_once(s, &x), "t3:1+3 r1:50+50 x2:0+125 r1:5+145 ");
    assert_int_equal(fake_slot(&f, 1)->tail, fake_slot(&f, 1)->head);
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

static void a_ring_goes_round(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    seen x = {0};
    size_t sent = 0;
    uint8_t rest[1000] = {0};
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 30; i++, sent++) {
            wire_event v = {.kind = WIRE_EV_RETURN, .probe = 1, .tid = 1, .start = 1000 + sent};
            fake_event(&f, 1, &v, rest,
                       (size_t)i * 8 + (size_t)round * 40); /* sizes that leave every remainder at the end */
        }
        poll_once(s, &x);
    }
    assert_int_equal(x.calls, sent);
    assert_int_equal(rj_session_totals(s).dropped, 0);
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

/* A handler that polls in the middle of a call. */
typedef struct nested {
    rj_session *s;
    buf_t text;
    bool inside;
} nested;

static bool poll_inside(void *owner, const rj_call *c)
{
    nested *n = owner;
    rj_error e = {0};
    assert_int_equal(c->arg_count, 1);
    if (!n->inside) {
        n->inside = true;
        assert_true(rj_poll(n->s, 0, &(rj_handlers){.owner = n, .call = poll_inside}, &e));
        buf_str(&n->text, "outer ");
    }
    buf_printf(&n->text, "%s=%s ", c->args[0].name, c->args[0].text);
    return true;
}

static void put_text(fake *f, uint64_t at, const uint16_t *text, uint32_t units)
{
    buf_t b = {0};
    buf_u64(&b, 0);
    fake_piece(&b, 0x7000, 0x1000 + at, units, text, units * 2);
    while (b.n % 8)
        buf_u8(&b, 0);
    uint64_t slot = (sizeof(wire_event) + 8) | (uint64_t)(b.n - 8) << 32;
    memcpy(b.p, &slot, sizeof slot);
    wire_event v = {.kind = WIRE_EV_RETURN, .probe = 1, .tid = 1, .start = at};
    fake_event(f, 1, &v, b.p, b.n);
    buf_free(&b);
}

static void what_a_call_points_to_stays_while_others_are_delivered(void **state)
{
    (void)state;
    static const char *const pattern = "T.M";
    static const fake_value value = {.name = "who", .type = "string", .how = WIRE_OBJECT, .slot = sizeof(wire_event)};
    static const fake_type text = {.address = 0x7000, .name = "string", .kind = WIRE_STRING};
    rj_request q = {.verb = RJ_WATCH, .patterns = &pattern, .pattern_count = 1, .want = RJ_WANT_ARGS, .depth = 1};
    fake f;
    rj_error e = {0};
    rj_probes p;
    fake_start(&f);
    fake_probe(&f, 1, "T.M(string)", "T.dll", &value, 1);
    fake_add_type(&f, &text);
    nested n = {.s = fake_connect(&f, &e)};
    assert_non_null(n.s);
    assert_true(rj_instrument(n.s, &q, &p, &e));
    put_text(&f, 1000, (const uint16_t[]){'A', 'd', 'a'}, 3);
    put_text(&f, 1001, (const uint16_t[]){'B', 0xE9, 'a', 't', 'r', 'i', 'c', 'e'}, 8);
    put_text(&f, 1002, (const uint16_t[]){'C'}, 1);
    assert_true(rj_poll(n.s, 200, &(rj_handlers){.owner = &n, .call = poll_inside}, &e));
    assert_string_equal(buf_cstr(&n.text), "who=B\xC3\xA9"
                                           "atrice who=C outer who=Ada ");
    buf_free(&n.text);
    rj_close(n.s);
    fake_stop(&f);
}

static bool has_arguments(void *owner, const rj_call *c)
{
    assert_int_equal(c->arg_count, 0);
    *(int *)owner = c->args ? 1 : 0;
    return true;
}

/* A method without parameters was asked for its arguments all the same. */
static void no_arguments_are_not_the_same_as_none_asked_for(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        fake f;
        rj_request q = {.want = asked ? RJ_WANT_ARGS : 0};
        rj_session *s = start(&f, &q);
        rj_error e = {0};
        int told = -1;
        put(&f, 1, WIRE_EV_RETURN, 1000, 1);
        assert_true(rj_poll(s, 200, &(rj_handlers){.owner = &told, .call = has_arguments}, &e));
        assert_int_equal(told, asked);
        rj_close(s);
        fake_stop(&f);
    }
}

static void a_mark_is_only_for_those_that_never_end(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    seen x = {0};
    put(&f, 1, WIRE_EV_MARK, 1010, 10);
    put(&f, 1, WIRE_EV_MARK, 1000, 30); /* an outer call */
    put(&f, 1, WIRE_EV_THROW, 1010, 40);
    assert_string_equal(poll_once(s, &x), "x1:5+20 ");
    fake_hang_up(&f);
    rj_handlers h = {.owner = &x, .call = on_call};
    rj_error e = {0};
    x.text.n = 0;
    while (rj_poll(s, 100, &h, &e)) {
    }
    assert_int_equal(e.code, RJ_GONE);
    assert_string_equal(buf_cstr(&x.text), "x1:0+15 "); /* nobody caught it: this is the last of that call */
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

static void what_is_over_the_rate_is_counted(void **state)
{
    (void)state;
    fake f;
    rj_request q = {.calls_a_second = 5};
    rj_session *s = start(&f, &q);
    seen x = {0};
    for (unsigned i = 0; i < 20; i++)
        put(&f, 1, WIRE_EV_RETURN, 1000 + i, 0);
    poll_once(s, &x);
    assert_int_equal(x.calls, 5);
    assert_int_equal(rj_session_totals(s).calls, 5);
    assert_int_equal(rj_session_totals(s).dropped, 15);
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

static void a_handler_that_says_enough_leaves_the_rest(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    seen x = {.most = 3};
    for (unsigned i = 0; i < 10; i++)
        put(&f, 1, WIRE_EV_RETURN, 1000 + i, 0);
    poll_once(s, &x);
    assert_int_equal(x.calls, 3);
    x.most = 0;
    poll_once(s, &x);
    assert_int_equal(x.calls, 10);
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

static void totals_count_what_the_target_lost(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    fake_slot(&f, 1)->entered = 10;
    fake_slot(&f, 1)->left = 7;
    fake_slot(&f, 2)->entered = 1;
    fake_slot(&f, 2)->dropped = 4;
    fake_slot(&f, 2)->lost_depth = 2;
    fake_plan(&f)->no_slot = 3;
    rj_totals t = rj_session_totals(s);
    assert_int_equal(t.in_flight, 4);
    assert_int_equal(t.dropped, 9);
    rj_close(s);
    fake_stop(&f);
}

static void statistics_add_up_over_threads(void **state)
{
    (void)state;
    fake f;
    rj_request q = {.verb = RJ_STAT};
    rj_session *s = start(&f, &q);
    rj_error e = {0};
    for (uint32_t slot = 0; slot < 3; slot++) {
        wire_stat *t = fake_stat(&f, slot, 1);
        for (uint64_t i = 1; i <= 100; i++) {
            uint64_t ticks = i * 20; /* 10 ns each */
            t->calls++;
            t->sum += ticks;
            t->max = RJ_MAX(t->max, ticks);
            t->bucket[wire_bucket(ticks)]++;
        }
        t->errors = slot;
    }
    rj_stats all;
    assert_true(rj_read_stats(s, &all, &e));
    assert_int_equal(all.count, 1);
    const rj_stat *x = &all.items[0];
    assert_string_equal(x->method, "T.M()");
    assert_int_equal(x->calls, 300);
    assert_int_equal(x->errors, 3);
    assert_int_equal(x->mean, 505);
    assert_int_equal(x->max, 1000);
    assert_in_range(x->p50, 470, 530);
    assert_in_range(x->p90, 850, 950);
    assert_in_range(x->p99, 930, 1000);
    assert_int_equal(rj_session_totals(s).calls, 300);
    rj_free(all.memory);
    rj_close(s);
    fake_stop(&f);
}

static void news_comes_through(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    seen x = {0};
    buf_t b = {0};
    size_t g = wire_open(&b, WIRE_T_REFUSED);
    wire_text(&b, WIRE_T_NAME, "T.N()");
    wire_text(&b, WIRE_T_REASON, "the JIT does not like it");
    wire_close(&b, g);
    fake_send(&f, WIRE_NOTICE_REFUSED, 0, &b);
    b.n = 0;
    wire_u32(&b, WIRE_T_OPEN, 0);
    wire_text(&b, WIRE_T_TEXT, "not read for 5 s");
    fake_send(&f, WIRE_NOTICE_GATES, 0, &b);
    fake_send(&f, (wire_kind)999, 0, NULL); /* of a version to come */
    for (int i = 0; i < 50 && !(x.refused && x.gates); i++)
        poll_once(s, &x);
    assert_int_equal(x.refused, 1);
    assert_int_equal(x.gates, 1);
    buf_free(&b);
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

static void an_event_waits_for_the_news_of_its_probe(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    seen x = {0};
    wire_event v = {.kind = WIRE_EV_RETURN, .probe = 2, .tid = 9, .start = 1000};
    fake_event(&f, 1, &v, NULL, 0);
    f.probes.n = 0;
    fake_probe(&f, 2, "T.Late()", "Late.dll", NULL, 0);
    fake_send(&f, WIRE_NOTICE_PROBES, 0, &f.probes);
    for (int i = 0; i < 50 && !x.calls; i++)
        poll_once(s, &x);
    assert_int_equal(x.calls, 1);
    assert_int_equal(x.probes, 1);
    assert_int_equal(rj_session_totals(s).dropped, 0);
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

/* ---- hostile ---- */

static void nonsense_in_a_ring_is_skipped_and_counted(void **state)
{
    (void)state;
    static const wire_event bad[] = {
        {.size = 0, .kind = WIRE_EV_RETURN, .probe = 1},
        {.size = 7, .kind = WIRE_EV_PAD},
        {.size = 12, .kind = WIRE_EV_RETURN, .probe = 1},
        {.size = 40, .kind = WIRE_EV_RETURN, .probe = 1},
        {.size = UINT32_MAX, .kind = WIRE_EV_RETURN, .probe = 1},
        {.size = WIRE_EVENT_MOST + 8, .kind = WIRE_EV_RETURN, .probe = 1},
        {.size = FAKE_RING * 2, .kind = WIRE_EV_PAD},
    };
    for (size_t i = 0; i < RJ_COUNT(bad); i++) {
        fake f;
        rj_request q = {0};
        rj_session *s = start(&f, &q);
        seen x = {0};
        memcpy(fake_ring(&f, 1), &bad[i], sizeof bad[i]);
        __atomic_store_n(&fake_slot(&f, 1)->head, FAKE_RING, __ATOMIC_RELEASE);
        put(&f, 2, WIRE_EV_RETURN, 1000, 0);
        poll_once(s, &x);
        assert_int_equal(x.calls, 1); /* the other ring does not suffer */
        assert_true(rj_session_totals(s).dropped >= 1);
        put(&f, 1, WIRE_EV_RETURN, 2000, 0); /* and this one recovers */
        poll_once(s, &x);
        assert_int_equal(x.calls, 2);
        buf_free(&x.text);
        rj_close(s);
        fake_stop(&f);
    }
}

static void indices_that_make_no_sense_are_survived(void **state)
{
    (void)state;
    static const uint64_t heads[] = {UINT64_MAX, UINT64_MAX - 7, FAKE_RING + 8, 3, UINT64_C(1) << 63};
    for (size_t i = 0; i < RJ_COUNT(heads); i++) {
        fake f;
        rj_request q = {0};
        rj_session *s = start(&f, &q);
        seen x = {0};
        __atomic_store_n(&fake_slot(&f, 1)->head, heads[i], __ATOMIC_RELEASE);
        __atomic_store_n(&fake_slot(&f, 1)->tail, heads[i] / 3, __ATOMIC_RELEASE); /* ours: never read back */
        put(&f, 2, WIRE_EV_RETURN, 1000, 0);
        poll_once(s, &x);
        assert_int_equal(x.calls, 1);
        buf_free(&x.text);
        rj_close(s);
        fake_stop(&f);
    }
}

static void noise_in_rings_never_crashes(void **state)
{
    (void)state;
    fake f;
    rj_request q = {0};
    rj_session *s = start(&f, &q);
    seen x = {0};
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < FAKE_RING; i += 8) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            uint64_t v = seed;
            if ((seed & 15) == 0) v = (v & 0x3F8) | (uint64_t)(1 + (v >> 60) % 6) << 32; /* often a plausible head */
            memcpy(fake_ring(&f, 1) + i, &v, 8);
        }
        uint64_t head = fake_slot(&f, 1)->head + (seed % FAKE_RING & ~(uint64_t)7);
        __atomic_store_n(&fake_slot(&f, 1)->head, head, __ATOMIC_RELEASE);
        rj_handlers h = {.owner = &x, .call = on_call};
        rj_error e = {0};
        x.text.n = 0;
        assert_true(rj_poll(s, 0, &h, &e));
    }
    put(&f, 2, WIRE_EV_RETURN, 1000, 0);
    size_t before = x.calls;
    poll_once(s, &x);
    assert_true(x.calls > before);
    buf_free(&x.text);
    rj_close(s);
    fake_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_merge_by_the_end_of_calls),
        cmocka_unit_test(a_ring_goes_round),
        cmocka_unit_test(what_a_call_points_to_stays_while_others_are_delivered),
        cmocka_unit_test(no_arguments_are_not_the_same_as_none_asked_for),
        cmocka_unit_test(a_mark_is_only_for_those_that_never_end),
        cmocka_unit_test(what_is_over_the_rate_is_counted),
        cmocka_unit_test(a_handler_that_says_enough_leaves_the_rest),
        cmocka_unit_test(totals_count_what_the_target_lost),
        cmocka_unit_test(statistics_add_up_over_threads),
        cmocka_unit_test(news_comes_through),
        cmocka_unit_test(an_event_waits_for_the_news_of_its_probe),
        cmocka_unit_test(nonsense_in_a_ring_is_skipped_and_counted),
        cmocka_unit_test(indices_that_make_no_sense_are_survived),
        cmocka_unit_test(noise_in_rings_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
