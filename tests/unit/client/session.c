/* Sessions over a fake agent: replies, refusals, silence, garbage, the end. */
#include "fake.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void hello_is_exchanged(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    rj_session *s = fake_connect(&f, &e);
    assert_non_null(s);
    const rj_state *t = rj_session_state(s);
    assert_string_equal(t->agent, rj_version());
    assert_string_equal(t->runtime, "10.0.12");
    assert_string_equal(t->text, "ready");
    assert_true(t->attached);
    assert_int_equal(t->protocol, WIRE_VERSION);
    rj_close(s);
    fake_stop(&f);
}

static void attach_uses_an_agent_that_is_there(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    rj_session *s = rj_attach((int32_t)getpid(), NULL, &e);
    assert_non_null(s);
    assert_false(rj_session_state(s)->fresh);
    rj_close(s);
    fake_stop(&f);
}

static void without_an_agent_connect_says_so(void **state)
{
    (void)state;
    rj_error e = {0};
    assert_null(rj_connect((int32_t)getpid(), NULL, &e));
    assert_int_equal(e.code, RJ_UNREACHABLE);
    assert_non_null(strstr(e.text, "no agent"));
}

static bool refuse(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_INSTRUMENT) return false;
    buf_t b = {0};
    wire_u32(&b, WIRE_T_CODE, ERR_NO_MATCH);
    wire_text(&b, WIRE_T_TEXT, "no method matches Shop.Totl");
    wire_u64(&b, WIRE_T_AT, 5);
    wire_text(&b, WIRE_T_NEAREST, "Shop.Total");
    wire_text(&b, WIRE_T_NEAREST, "Shop.Totals");
    fake_send(f, WIRE_ERROR, h->request, &b);
    buf_free(&b);
    return true;
}

static void errors_of_the_agent_keep_code_place_and_words(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    f.answer = refuse;
    rj_session *s = fake_connect(&f, &e);
    const char *pattern = "Shop.Totl";
    rj_request q = {.verb = RJ_WATCH, .patterns = &pattern, .pattern_count = 1};
    rj_probes p;
    assert_false(rj_instrument(s, &q, &p, &e));
    assert_int_equal(e.code, RJ_NO_MATCH);
    assert_int_equal(e.at, 5);
    assert_string_equal(e.text, "no method matches Shop.Totl; near it: Shop.Total, Shop.Totals");
    rj_close(s);
    fake_stop(&f);
}

static void no_probe_is_no_match(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    wire_text(&f.probes, WIRE_T_NEAREST, "Shop.Total");
    rj_session *s = fake_connect(&f, &e);
    const char *pattern = "X.Y";
    rj_request q = {.verb = RJ_WATCH, .patterns = &pattern, .pattern_count = 1};
    rj_probes p;
    assert_false(rj_instrument(s, &q, &p, &e));
    assert_int_equal(e.code, RJ_NO_MATCH);
    assert_string_equal(e.text, "no method matches X.Y; near it: Shop.Total");
    q.later = true; /* modules to come may hold it */
    assert_true(rj_instrument(s, &q, &p, &e));
    assert_int_equal(p.methods, 0);
    assert_false(rj_instrument(s, &q, &p, &e)); /* once a session */
    assert_int_equal(e.code, RJ_USAGE);
    rj_close(s);
    fake_stop(&f);
}

static bool busy(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_LIST) return false;
    for (uint64_t done = 10; done <= 20; done += 10) {
        buf_t b = {0};
        wire_u64(&b, WIRE_T_COUNT, done);
        wire_u32(&b, WIRE_T_TOTAL, 20);
        if (done == 20) wire_text(&b, WIRE_T_TEXT, "waiting for somebody else");
        fake_send(f, WIRE_NOTICE_PROGRESS, 0, &b);
        buf_free(&b);
    }
    fake_send(f, WIRE_LEDGER, h->request, &(buf_t){0});
    return true;
}

static void keep_text(void *owner, const char *text)
{
    buf_t *all = owner;
    buf_printf(all, "%s\n", text);
}

static void progress_says_what_goes_on_or_whom_it_waits_for(void **state)
{
    (void)state;
    fake f;
    buf_t said = {0};
    rj_ledger l;
    rj_error e = {0};
    fake_start(&f);
    f.answer = busy;
    rj_session *s = rj_connect((int32_t)getpid(), &(rj_options){.progress = keep_text, .owner = &said}, &e);
    assert_non_null(s);
    assert_true(rj_list(s, &l, &e));
    assert_string_equal(buf_cstr(&said), "instrumenting: 10 of 20 methods\nwaiting for somebody else\n");
    buf_free(&said);
    rj_free(l.memory);
    rj_close(s);
    fake_stop(&f);
}

static bool silent(fake *f, const wire_header *h, wire_reader r)
{
    (void)f, (void)r;
    return h->kind == WIRE_LIST;
}

static uint32_t sent_ids[4], sent_open;
static unsigned sent_count;

static bool keep_ids(fake *f, const wire_header *h, wire_reader r)
{
    if (h->kind != WIRE_GATE_PROBES && h->kind != WIRE_REMOVE_PROBES) return false;
    sent_count = 0;
    for (wire_field w; wire_next(&r, &w);) {
        if (w.tag == WIRE_T_ID && sent_count < 4) sent_ids[sent_count++] = wire_get_u32(&w);
        if (w.tag == WIRE_T_OPEN) sent_open = wire_get_u32(&w);
    }
    fake_send(f, WIRE_OK, h->request, NULL);
    return true;
}

static void single_probes_are_named_by_their_numbers(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    f.answer = keep_ids;
    rj_session *s = fake_connect(&f, &e);
    const uint32_t ids[] = {7, 300};
    sent_open = 1;
    assert_true(rj_gate_probes(s, ids, 2, false, &e));
    assert_int_equal(sent_open, 0);
    assert_int_equal(sent_count, 2);
    assert_int_equal(sent_ids[1], 300);
    assert_true(rj_remove_probes(s, ids, 1, &e));
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent_ids[0], 7);
    rj_close(s);
    fake_stop(&f);
}

static void silence_ends_at_the_timeout(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    f.answer = silent;
    rj_options o = {.timeout_ms = 50};
    rj_session *s = rj_connect((int32_t)getpid(), &o, &e);
    rj_ledger l;
    assert_false(rj_list(s, &l, &e));
    assert_int_equal(e.code, RJ_UNREACHABLE);
    assert_non_null(strstr(e.text, "did not answer"));
    rj_close(s);
    fake_stop(&f);
}

static bool garbage(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_LIST) return false;
    fake_send_raw(f, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    return true;
}

static void garbage_ends_the_session(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    f.answer = garbage;
    rj_session *s = fake_connect(&f, &e);
    rj_ledger l;
    assert_false(rj_list(s, &l, &e));
    assert_true(e.code == RJ_FORMAT || e.code == RJ_LIMIT);
    assert_false(rj_list(s, &l, &e)); /* and it stays ended */
    assert_int_equal(e.code, RJ_GONE);
    rj_close(s);
    fake_stop(&f);
}

static bool hang_up(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_LIST) return false;
    fake_hang_up(f);
    return true;
}

static void a_closed_connection_is_told_from_a_dead_process(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    f.answer = hang_up;
    rj_session *s = fake_connect(&f, &e);
    rj_ledger l;
    assert_false(rj_list(s, &l, &e));
    assert_int_equal(e.code, RJ_GONE);
    assert_non_null(strstr(e.text, "closed the connection")); /* this process lives */
    rj_close(s);
    fake_stop(&f);
}

static bool other_kind(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_LIST) return false;
    fake_send(f, WIRE_OK, h->request - 1, NULL); /* a late answer to something else is passed over */
    fake_send(f, WIRE_METHODS, h->request, NULL);
    return true;
}

static void a_reply_of_another_kind_is_an_error(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    f.answer = other_kind;
    rj_session *s = fake_connect(&f, &e);
    rj_ledger l;
    assert_false(rj_list(s, &l, &e));
    assert_int_equal(e.code, RJ_FORMAT);
    rj_close(s);
    fake_stop(&f);
}

static bool methods(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_FIND) return false;
    buf_t b = {0};
    wire_u32(&b, WIRE_T_TOTAL, 17);
    size_t g = wire_open(&b, WIRE_T_METHOD);
    wire_text(&b, WIRE_T_NAME, "Shop.Cart.Add(int)");
    wire_text(&b, WIRE_T_MODULE, "Shop.dll");
    wire_u32(&b, WIRE_T_TOKEN, 0x06000007);
    wire_u32(&b, WIRE_T_IL_SIZE, 42);
    wire_text(&b, WIRE_T_CODE_KIND, "R2R");
    wire_close(&b, g);
    g = wire_open(&b, WIRE_T_METHOD);
    wire_text(&b, WIRE_T_NAME, "Shop.ICart.Add(int)");
    wire_text(&b, WIRE_T_REASON, "it is abstract");
    wire_close(&b, g);
    fake_send(f, WIRE_METHODS, h->request, &b);
    buf_free(&b);
    return true;
}

static void find_reads_methods(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    fake_start(&f);
    f.answer = methods;
    rj_session *s = fake_connect(&f, &e);
    const char *pattern = "Add";
    rj_methods m;
    assert_true(rj_find(s, &pattern, 1, 2, &m, &e));
    assert_int_equal(m.count, 2);
    assert_int_equal(m.total, 17);
    assert_string_equal(m.items[0].name, "Shop.Cart.Add(int)");
    assert_int_equal(m.items[0].token, 0x06000007);
    assert_int_equal(m.items[0].il_size, 42);
    assert_string_equal(m.items[0].reason, "");
    assert_string_equal(m.items[1].reason, "it is abstract");
    rj_free(m.memory);
    rj_close(s);
    fake_stop(&f);
}

/* A process that ends while it is connected: the agent in it is a fake one. */
static void a_dead_process_is_gone(void **state)
{
    (void)state;
    int ready[2], go[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        static fake f;
        char c;
        fake_start(&f);
        if (write(ready[1], "x", 1) != 1 || read(go[0], &c, 1) != 1) _exit(1);
        unlink(f.path);
        _exit(0);
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    rj_error e = {0};
    rj_session *s = rj_connect((int32_t)child, NULL, &e);
    assert_non_null(s);
    assert_int_equal(write(go[1], "x", 1), 1);
    bool alive = true;
    for (int i = 0; i < 100 && alive; i++)
        alive = rj_poll(s, 100, NULL, &e);
    assert_false(alive);
    assert_int_equal(e.code, RJ_GONE);
    assert_non_null(strstr(e.text, "has ended"));
    rj_close(s);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    close(go[0]);
    close(go[1]);
}

static void the_wrong_pid_is_refused(void **state)
{
    (void)state;
    rj_error e = {0};
    assert_null(rj_attach(0x7FFFFFF0, NULL, &e));
    assert_int_equal(e.code, RJ_UNREACHABLE);
    assert_non_null(strstr(e.text, "no process"));
    assert_null(rj_attach((int32_t)getpid(), NULL, &e)); /* no runtime in here */
    assert_int_equal(e.code, RJ_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_exchanged),
        cmocka_unit_test(attach_uses_an_agent_that_is_there),
        cmocka_unit_test(without_an_agent_connect_says_so),
        cmocka_unit_test(errors_of_the_agent_keep_code_place_and_words),
        cmocka_unit_test(no_probe_is_no_match),
        cmocka_unit_test(progress_says_what_goes_on_or_whom_it_waits_for),
        cmocka_unit_test(single_probes_are_named_by_their_numbers),
        cmocka_unit_test(silence_ends_at_the_timeout),
        cmocka_unit_test(garbage_ends_the_session),
        cmocka_unit_test(a_closed_connection_is_told_from_a_dead_process),
        cmocka_unit_test(a_reply_of_another_kind_is_an_error),
        cmocka_unit_test(find_reads_methods),
        cmocka_unit_test(a_dead_process_is_gone),
        cmocka_unit_test(the_wrong_pid_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
