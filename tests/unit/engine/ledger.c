/* Transactions over a fake runtime: what is asked of it, what it is given, and what is left when everybody has gone. */
#include "fake_runtime.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CORE, COLLECTIONS, LINQ };
static const char *paths[3]; /* of CORE, COLLECTIONS, LINQ */
static eng *engines[64];     /* they live as long as the process */
static size_t engine_count;

static fake_runtime rt;
static eng *g;

static int start_with(size_t loaded)
{
    fake_start(&rt, paths, RJ_COUNT(paths), loaded);
    g = engines[engine_count++] = rt.g;
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_with(RJ_COUNT(paths));
}

static int end(void **state)
{
    (void)state;
    fake_end(&rt);
    return 0;
}

static eng_client *client(uint32_t uid)
{
    eng_identity who = {.pid = 100 + uid, .uid = uid};
    snprintf(who.name, sizeof who.name, "test");
    snprintf(who.user, sizeof who.user, "user%u", uid);
    eng_client *c = eng_client_new(g, &who);
    assert_non_null(c);
    return c;
}

static eng_result result;
static err_t error;

/* One pattern; what came out lies in `result` and `error` until the next one. */
static bool ask(eng_client *c, eng_request r, const char *pattern)
{
    const char *patterns[] = {pattern};
    eng_result_free(&result);
    result = (eng_result){.total = 0};
    error = (err_t){.code = ERR_NONE};
    r.patterns = patterns;
    r.pattern_count = 1;
    if (!r.verb) r.verb = WIRE_WATCH;
    if (!r.most) r.most = 1000;
    return eng_instrument(g, c, &r, &result, &error);
}

static bool watch(eng_client *c, const char *pattern)
{
    return ask(c, (eng_request){.want = WIRE_WANT_ARGS | WIRE_WANT_RESULT}, pattern);
}

static void forget(void)
{
    eng_result_free(&result);
    result = (eng_result){.total = 0};
}

static const char *ledger(void)
{
    static char text[65536];
    buf_t b = {0};
    size_t n = 0;
    text[0] = 0;
    eng_describe_ledger(g, &b);
    wire_reader r = {b.p, b.p + b.n, false};
    for (wire_field f; wire_next(&r, &f);) {
        wire_reader in = wire_group(&f);
        arena a = {0};
        for (wire_field x; f.tag == WIRE_T_ENTRY && wire_next(&in, &x);)
            if (x.tag == WIRE_T_NAME || x.tag == WIRE_T_TEXT)
                n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", wire_get_text(&a, &x),
                                      x.tag == WIRE_T_NAME ? " " : "\n");
        arena_free(&a);
    }
    assert_false(r.bad);
    buf_free(&b);
    return text;
}

static uint64_t ledger_bytes(void)
{
    buf_t b = {0};
    uint64_t bytes = 0;
    eng_describe_ledger(g, &b);
    wire_reader r = {b.p, b.p + b.n, false};
    for (wire_field f; wire_next(&r, &f);)
        if (f.tag == WIRE_T_BYTES) bytes = wire_get_u64(&f);
    buf_free(&b);
    return bytes;
}

static eng_method *entry(unsigned module, uint32_t token)
{
    const eng_module *m = map_get(&g->module_of, (uint64_t)(uintptr_t)&rt.modules[module]);
    return m ? map_get(&g->methods, eng_key(m, token)) : NULL;
}

#define ADD_FIRST "System.Collections.Generic.LinkedList<T>.AddFirst(T)"
#define MANY      "System.Private.CoreLib!System.Collections.*" /* more than a portion */
#define CLEAR     "System.Collections.Generic.LinkedList<T>.Clear()"

/* ---- one client ---- */

static void a_watched_method_gets_a_new_body_and_its_old_one_back(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t token = fake_token(m, ADD_FIRST);
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.AddFirst(T)"));
    assert_int_equal(result.probes.n, 1);
    assert_int_equal(result.total, 1);
    assert_string_equal(result.probes.v[0].name, ADD_FIRST);
    assert_string_equal(result.probes.v[0].module, "System.Collections.dll");
    assert_int_equal(result.probes.v[0].value_count, 2); /* the argument and the result */
    assert_string_equal(result.probes.v[0].values[0].name, "value");
    assert_true(fake_of(m, token)->pending);
    assert_string_equal(ledger(), ADD_FIRST " requested\n");
    fake_call(&rt, m, token);
    assert_string_equal(ledger(), ADD_FIRST " installed\n");
    const fake_method *x = fake_of(m, token);
    const uint8_t *il;
    uint32_t size;
    assert_int_equal(rt.info.vt->GetILFunctionBody(&rt.info, (clr_module_id)m, token, &il, &size), CLR_OK);
    assert_true(x->body.n > size && x->map_count > 0);
    entry(COLLECTIONS, token)->layers.v[0].probe->ran = 1;
    assert_string_equal(ledger(), ADD_FIRST " active\n");
    eng_client_end(g, c);
    assert_string_equal(ledger(), "");
    assert_false(x->pending || x->rejitted);
    assert_int_equal(fake_changed(&rt), 0);
    assert_null(g->clients);
}

static void gates_open_and_close_together(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.*"));
    assert_true(result.probes.n > 10);
    const probe *first = entry(COLLECTIONS, fake_token(&rt.modules[COLLECTIONS], ADD_FIRST))->layers.v[0].probe;
    const probe *other = entry(COLLECTIONS, fake_token(&rt.modules[COLLECTIONS], CLEAR))->layers.v[0].probe;
    assert_int_equal(first->gate | other->gate, 0); /* until the client has said that it is ready */
    eng_gate(g, c, true);
    assert_int_equal(first->gate & other->gate, 1);
    assert_true(watch(c, "Enumerable.Range(int,int)"));
    const fake_module *linq = &rt.modules[LINQ];
    const eng_method *later = entry(LINQ, fake_token(linq, "System.Linq.Enumerable.Range(int,int)"));
    assert_int_equal(later->layers.v[0].probe->gate, 1); /* what comes later is as open as the rest */
    eng_gate(g, c, false);
    assert_int_equal(first->gate | other->gate | later->layers.v[0].probe->gate, 0);
    eng_gate(g, c, true);
    eng_client_end(g, c);
    assert_int_equal(first->gate | other->gate, 0);
}

static void uninstrumenting_leaves_the_connection(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_null(eng_client_sink(c));
    assert_true(watch(c, "LinkedList<T>.*"));
    const probe_sink *sink = eng_client_sink(c);
    assert_non_null(sink);
    fake_call_all(&rt);
    assert_true(eng_uninstrument(g, c, &error));
    assert_int_equal(fake_changed(&rt), 0);
    assert_ptr_equal(eng_client_sink(c), sink);
    assert_true(watch(c, "LinkedList<T>.Clear"));
    assert_ptr_equal(eng_client_sink(c), sink);
    assert_true(result.probes.v[0].id > 10); /* numbers are not used again: late events of the old ones may come */
    eng_client_end(g, c);
}

static void a_second_pattern_on_one_method_is_a_second_layer(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.Clear"));
    assert_true(watch(c, "LinkedList<T>.Clear"));
    assert_int_equal(entry(COLLECTIONS, fake_token(&rt.modules[COLLECTIONS], CLEAR))->layers.n, 2);
    const char *both[] = {"LinkedList<T>.AddFirst(T)", "LinkedList<T>.AddF*(T)"};
    eng_request r = {.verb = WIRE_WATCH, .most = 10, .patterns = both, .pattern_count = 2};
    forget();
    assert_true(eng_instrument(g, c, &r, &result, &error));
    assert_int_equal(result.probes.n, 1); /* two patterns of one request are one layer */
    eng_client_end(g, c);
    assert_int_equal(fake_changed(&rt), 0);
}

/* ---- several clients ---- */

static void two_clients_share_one_body(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t token = fake_token(m, ADD_FIRST);
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "LinkedList<T>.AddFirst(T)"));
    fake_call_all(&rt);
    size_t one = fake_of(m, token)->body.n;
    assert_true(ask(b, (eng_request){.verb = WIRE_STAT}, "LinkedList<T>.AddFirst(T)"));
    assert_int_equal(rt.modules[COLLECTIONS].methods[CIL_RID(token)].requests, 2);
    fake_call_all(&rt);
    size_t both = fake_of(m, token)->body.n;
    assert_true(both > one);
    eng_client_end(g, a);
    assert_true(fake_of(m, token)->pending); /* a new body without the first one's layer */
    fake_call_all(&rt);
    assert_true(fake_of(m, token)->body.n > 0 && fake_of(m, token)->body.n < both);
    assert_string_equal(ledger(), ADD_FIRST " installed\n");
    assert_int_equal(fake_of(m, token)->reverts, 0);
    eng_client_end(g, b);
    assert_int_equal(fake_changed(&rt), 0);
}

static void clients_with_other_methods_are_left_alone(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t mine = fake_token(m, ADD_FIRST), theirs = fake_token(m, CLEAR);
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "LinkedList<T>.AddFirst(T)"));
    assert_true(watch(b, "LinkedList<T>.Clear"));
    fake_call_all(&rt);
    eng_client_end(g, a);
    assert_false(fake_of(m, theirs)->pending);
    assert_int_equal(fake_of(m, theirs)->requests, 1);
    assert_true(fake_of(m, theirs)->body.n > 0);
    fake_call_all(&rt);
    assert_int_equal(fake_of(m, mine)->body.n, 0); /* the original IL at least */
    eng_client_end(g, b);
    assert_int_equal(fake_changed(&rt), 0);
}

/* ---- inliners ---- */

static void inliners_go_back_with_the_method(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t callee = fake_token(m, ADD_FIRST), caller = fake_token(m, CLEAR);
    fake_of(m, caller)->inlined = callee;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.AddFirst(T)"));
    fake_call_all(&rt);
    assert_true(fake_of(m, caller)->rejitted);
    assert_int_equal(fake_of(m, caller)->body.n, 0); /* its own IL */
    assert_null(strstr(ledger(), CLEAR));
    eng_client_end(g, c);
    assert_int_equal(fake_changed(&rt), 0);
}

static void inliners_stay_as_long_as_anybody_may_need_them(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t callee = fake_token(m, ADD_FIRST), caller = fake_token(m, CLEAR);
    fake_of(m, caller)->inlined = callee;
    eng_client *a = client(1), *b = client(2), *d = client(3);
    assert_true(watch(a, "LinkedList<T>.AddFirst(T)"));
    fake_call_all(&rt);
    assert_true(watch(b, "LinkedList<T>.AddFirst(T)"));
    eng_client_end(g, a);
    fake_call_all(&rt);
    assert_true(fake_of(m, caller)->rejitted);
    assert_true(watch(d, "Enumerable.Range(int,int)"));
    fake_call_all(&rt);
    eng_client_end(g, b);
    fake_call_all(&rt);
    assert_true(fake_of(m, caller)->rejitted); /* the runtime does not tell which callee an inliner is for */
    eng_client_end(g, d);
    assert_int_equal(fake_changed(&rt), 0);
}

/* The caller goes back while the callee is still watched: its original code has the callee inlined. */
static void a_method_that_inlines_a_watched_one_keeps_its_calls(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t callee = fake_token(m, ADD_FIRST), caller = fake_token(m, CLEAR);
    fake_of(m, caller)->inlined = callee;
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "LinkedList<T>.Clear"));
    assert_true(watch(b, "LinkedList<T>.AddFirst(T)"));
    fake_call_all(&rt);
    assert_true(fake_of(m, caller)->body.n > 0);
    eng_client_end(g, a);
    fake_call_all(&rt);
    assert_true(fake_of(m, caller)->rejitted);
    assert_int_equal(fake_of(m, caller)->body.n, 0);
    assert_null(strstr(ledger(), CLEAR));
    eng_client_end(g, b);
    assert_int_equal(fake_changed(&rt), 0);
}

static void an_inliner_compiled_late_is_taken_back_by_the_tick(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t callee = fake_token(m, ADD_FIRST), caller = fake_token(m, CLEAR);
    fake_of(m, caller)->inlined = callee;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.AddFirst(T)"));
    fake_call(&rt, m, callee);
    eng_client_end(g, c);
    assert_true(fake_of(m, caller)->pending); /* it was not called yet, and nobody knows of it */
    unsigned woken = atomic_load(&rt.woken);
    fake_call(&rt, m, caller);
    assert_true(atomic_load(&rt.woken) > woken);
    assert_true(fake_of(m, caller)->rejitted);
    eng_tick(g);
    assert_int_equal(fake_changed(&rt), 0);
}

static void an_inliner_that_is_watched_itself_keeps_its_body(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t callee = fake_token(m, ADD_FIRST), caller = fake_token(m, CLEAR);
    fake_of(m, caller)->inlined = callee;
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "LinkedList<T>.AddFirst(T)"));
    fake_call_all(&rt);
    assert_true(watch(b, "LinkedList<T>.Clear"));
    fake_call_all(&rt);
    assert_true(fake_of(m, caller)->body.n > 0);
    eng_client_end(g, a);
    fake_call_all(&rt);
    assert_true(fake_of(m, caller)->body.n > 0);
    eng_client_end(g, b);
    assert_int_equal(fake_changed(&rt), 0);
}

/* ---- what cannot be ---- */

static const char *refusal(const char *method)
{
    for (size_t i = 0; i < result.refusals.n; i++)
        if (strcmp(result.refusals.v[i].name, method) == 0) return result.refusals.v[i].reason;
    fail_msg("%s was not refused", method);
    return NULL;
}

static void expect_refusal(eng_client *c, const char *pattern, const char *method, const char *reason)
{
    assert_true(watch(c, pattern));
    assert_int_equal(result.probes.n, 0);
    const char *said = refusal(method);
    if (!strstr(said, reason)) fail_msg("%s: '%s' does not say '%s'", method, said, reason);
}

static void what_cannot_be_instrumented_is_refused_with_its_reason(void **state)
{
    (void)state;
    eng_client *c = client(1);
    expect_refusal(c, "IDisposable.Dispose", "System.IDisposable.Dispose()", "abstract");
    expect_refusal(c, "System.Runtime.CompilerServices.CastHelpers.ChkCastAny",
                   "System.Runtime.CompilerServices.CastHelpers.ChkCastAny(void*,object)", "machinery");
    expect_refusal(c, "System.Runtime.CompilerServices.Unsafe.As(object)",
                   "System.Runtime.CompilerServices.Unsafe.As<T>(object)", "JIT puts its own code");
    expect_refusal(c, "System.Math.Sqrt(double)", "System.Math.Sqrt(double)", "");
    assert_int_equal(rt.rejit_calls, 0);
    rt.body_answer = (clr_hresult)0x80131351;
    expect_refusal(c, "LinkedList<T>.Clear", CLEAR, "80131351");
    rt.body_answer = CLR_OK;
    assert_true(watch(c, "LinkedList<T>.Clear")); /* a refusal leaves nothing behind */
    assert_int_equal(result.probes.n, 1);
    eng_client_end(g, c);
    assert_int_equal(fake_changed(&rt), 0);
}

static void modules_that_cannot_be_are_refused_with_their_reason(void **state)
{
    (void)state;
    eng_client_end(g, client(1));
    rt.modules[COLLECTIONS].flags |= CLR_MODULE_COLLECTIBLE;
    rt.modules[LINQ].flags |= CLR_MODULE_DYNAMIC;
    eng_module_unloading(g, (clr_module_id)&rt.modules[COLLECTIONS]); /* so that they are looked at anew */
    eng_module_unloading(g, (clr_module_id)&rt.modules[LINQ]);
    fake_load(&rt, COLLECTIONS);
    fake_load(&rt, LINQ);
    eng_client *c = client(2);
    expect_refusal(c, "LinkedList<T>.Clear", CLEAR, "needs a hook in the JIT"); /* there is none in this process */
    assert_true(watch(c, "Enumerable.Range(int,int)"));
    assert_int_equal(result.probes.n + result.refusals.n, 0); /* there is nothing to look into */
    eng_client_end(g, c);
}

static void abstract_methods_among_others_are_left_out(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "System.IO.Stream.Read*"));
    assert_true(result.probes.n > 3);
    assert_int_equal(result.refusals.n, 0);
    assert_true(result.total > result.probes.n); /* Stream.Read(byte[],int,int) is abstract */
    eng_client_end(g, c);
}

static void nothing_that_matches_brings_the_nearest_names(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.AddFrist"));
    assert_int_equal(result.probes.n + result.refusals.n + result.total, 0);
    assert_true(result.nearest_count >= 1);
    assert_string_equal(result.nearest[0], "System.Collections.Generic.LinkedList<T>.AddFirst");
    assert_int_equal(rt.rejit_calls, 0);
    eng_client_end(g, c);
}

static void patterns_that_make_no_sense_change_nothing(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_false(watch(c, "LinkedList<T.Clear("));
    assert_int_equal(error.code, ERR_USAGE);
    assert_non_null(strstr(error.text, "pattern 'LinkedList<T.Clear('"));
    assert_int_equal(g->wishes, 0);
    assert_null(eng_client_sink(c));
    eng_client_end(g, c);
}

static void too_many_methods_are_named_and_none_is_changed(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_false(ask(c, (eng_request){.most = 5}, "LinkedList<T>.*"));
    assert_int_equal(error.code, ERR_LIMIT);
    assert_non_null(strstr(error.text, "more than the 5"));
    assert_non_null(strstr(error.text, "--max-methods"));
    assert_int_equal(rt.rejit_calls, 0);
    assert_int_equal(g->wishes, 0);
    assert_string_equal(ledger(), "");
    eng_client_end(g, c);
}

/* ---- what the runtime refuses ---- */

static void a_request_that_the_runtime_refuses_leaves_everything_as_it_was(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t token = fake_token(m, CLEAR);
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "LinkedList<T>.Clear"));
    fake_call_all(&rt);
    buf_t before = {0};
    buf_put(&before, fake_of(m, token)->body.p, fake_of(m, token)->body.n);
    rt.rejit_answer = (clr_hresult)0x80131363;
    rt.answer_after = 1; /* the methods that are covered are accepted, the others are not */
    assert_false(watch(b, "LinkedList<T>.*"));
    assert_int_equal(error.code, ERR_RUNTIME);
    assert_non_null(strstr(error.text, "80131363"));
    rt.rejit_answer = CLR_OK;
    assert_int_equal(entry(COLLECTIONS, token)->layers.n, 1);
    assert_int_equal(entry(COLLECTIONS, fake_token(m, ADD_FIRST))->layers.n, 0);
    assert_true(watch(b, "Enumerable.Range(int,int)")); /* the next change brings the runtime after all */
    fake_call_all(&rt);
    assert_int_equal(fake_of(m, token)->body.n, before.n);
    eng_client_end(g, b);
    eng_client_end(g, a);
    assert_int_equal(fake_changed(&rt), 0);
    buf_free(&before);
}

static void many_methods_are_asked_for_in_portions(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(ask(c, (eng_request){.most = 100000}, MANY));
    size_t n = result.probes.n;
    assert_true(n > ENG_PORTION);
    assert_in_range(rt.most_in_call, 1, ENG_PORTION);
    assert_int_equal(fake_call_all(&rt), n);
    eng_client_end(g, c);
    assert_in_range(rt.revert_calls, n / ENG_PORTION, n / 2);
    assert_int_equal(fake_changed(&rt), 0);
}

static bool count_progress(void *owner, size_t done, size_t total, uint64_t rest_ns)
{
    size_t *last = owner;
    assert_true(done >= *last && done <= total && rest_ns < 1000000000);
    *last = done;
    return true;
}

static void progress_is_told_to_who_asked_and_to_nobody_later(void **state)
{
    (void)state;
    size_t last = 0;
    eng_client *c = client(1);
    rt.modules[LINQ].loaded = false;
    assert_true(ask(c, (eng_request){.most = 100000, .progress = count_progress, .progress_owner = &last}, MANY));
    assert_true(last > 0);
    assert_null(c->wishes->request.progress);
    eng_client_end(g, c);
}

/* ---- failures after the fact ---- */

static eng_news *news_of(eng_client *c, eng_news_kind kind)
{
    eng_news *n = eng_client_news(g, c);
    assert_non_null(n);
    assert_int_equal(n->kind, kind);
    return n;
}

static void a_body_that_the_jit_rejects_goes_back(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t token = fake_token(m, ADD_FIRST);
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "LinkedList<T>.AddFirst(T)"));
    assert_true(watch(b, "LinkedList<T>.AddFirst(T)"));
    assert_true(watch(b, "LinkedList<T>.Clear"));
    fake_of(m, token)->broken = true;
    unsigned woken = atomic_load(&rt.woken);
    for (int calls = 0; calls < 3; calls++) {
        eng_tick(g);
        assert_null(eng_client_news(g, a));
        fake_call(&rt, m, token);
    }
    assert_true(atomic_load(&rt.woken) > woken);
    assert_non_null(strstr(ledger(), ADD_FIRST " failed\n"));
    eng_tick(g);
    assert_null(strstr(ledger(), ADD_FIRST));
    assert_non_null(strstr(ledger(), CLEAR)); /* the others go on */
    fake_of(m, token)->broken = false;
    fake_call(&rt, m, token);
    assert_int_equal(fake_of(m, token)->body.n, 0);
    eng_client *const both[] = {a, b};
    for (size_t i = 0; i < RJ_COUNT(both); i++) {
        eng_news *n = news_of(both[i], ENG_NEWS_REFUSED);
        assert_string_equal(n->result.refusals.v[0].name, ADD_FIRST);
        assert_non_null(strstr(n->text, "compiler"));
        eng_news_free(n);
        assert_null(eng_client_news(g, both[i]));
    }
    eng_client_end(g, a);
    eng_client_end(g, b);
    assert_int_equal(fake_changed(&rt), 0);
}

static void a_method_compiled_for_several_types_is_not_taken_for_a_failure(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t token = fake_token(m, ADD_FIRST);
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.AddFirst(T)"));
    clr_function_id f = (clr_function_id)(COLLECTIONS + 1) << 32 | token;
    for (uint64_t i = 0; i < 10; i++) /* instances at once on several threads, and tiers one after the other */
        eng_rejit_started(g, f | i << 48, 1);
    for (int i = 0; i < 10; i++) {
        eng_rejit_started(g, f, 1);
        eng_rejit_finished(g, f, 1, CLR_OK);
    }
    eng_tick(g);
    assert_string_equal(ledger(), ADD_FIRST " installed\n");
    assert_null(eng_client_news(g, c));
    eng_client_end(g, c);
}

static void what_the_runtime_reports_is_said_in_words(void **state)
{
    (void)state;
    fake_module *m = &rt.modules[COLLECTIONS];
    uint32_t token = fake_token(m, ADD_FIRST);
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.AddFirst(T)"));
    eng_rejit_error(g, (clr_module_id)m, token, (clr_hresult)0x8013138A);
    eng_tick(g);
    eng_news *n = news_of(c, ENG_NEWS_REFUSED);
    assert_non_null(strstr(n->text, "Edit and Continue"));
    assert_non_null(strstr(n->text, "8013138a"));
    eng_news_free(n);
    assert_string_equal(ledger(), "");
    eng_rejit_error(g, (clr_module_id)m, token, (clr_hresult)0x8013138A); /* late: nobody is concerned any more */
    eng_tick(g);
    assert_null(eng_client_news(g, c));
    assert_true(watch(c, "LinkedList<T>.AddFirst(T)")); /* may be tried again */
    fake_call_all(&rt);
    assert_string_equal(ledger(), ADD_FIRST " installed\n");
    eng_client_end(g, c);
    assert_int_equal(fake_changed(&rt), 0);
}

/* ---- modules that load later ---- */

static int start_with_two(void **state)
{
    (void)state;
    return start_with(2);
}

static void modules_that_load_later_are_instrumented(void **state)
{
    (void)state;
    eng_client *c = client(1), *idle = client(2);
    assert_true(watch(c, "Enumerable.Range(int,int)"));
    assert_int_equal(result.total, 0);
    eng_gate(g, c, true);
    fake_load(&rt, LINQ);
    eng_news *n = news_of(c, ENG_NEWS_PROBES);
    assert_int_equal(n->result.probes.n, 1);
    assert_string_equal(n->result.probes.v[0].name, "System.Linq.Enumerable.Range(int,int)");
    eng_news_free(n);
    assert_null(eng_client_news(g, idle));
    assert_int_equal(fake_call_all(&rt), 1);
    fake_load(&rt, LINQ); /* told twice: known already */
    const eng_method *m = entry(LINQ, fake_token(&rt.modules[LINQ], "System.Linq.Enumerable.Range(int,int)"));
    assert_int_equal(m->layers.v[0].probe->gate, 1);
    eng_client_end(g, c);
    eng_client_end(g, idle);
    assert_int_equal(fake_changed(&rt), 0);
}

/* The runtime's word that a module has loaded comes after a request has looked through it. */
static void a_module_that_was_looked_through_gets_no_second_layer(void **state)
{
    (void)state;
    eng_client *c = client(1);
    rt.modules[LINQ].loaded = true;
    assert_non_null(eng_module_find(g, (clr_module_id)&rt.modules[LINQ]));
    assert_true(watch(c, "Enumerable.Range(int,int)"));
    assert_int_equal(result.probes.n, 1);
    fake_load(&rt, LINQ);
    const eng_method *m = entry(LINQ, fake_token(&rt.modules[LINQ], "System.Linq.Enumerable.Range(int,int)"));
    assert_int_equal(m->layers.n, 1);
    assert_null(eng_client_news(g, c));
    eng_client_end(g, c);
}

static void the_limit_holds_over_modules_that_load_later(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "*.MoveNext"));
    uint32_t n = (uint32_t)(result.probes.n + result.refusals.n);
    assert_true(n > 10);
    assert_true(eng_uninstrument(g, c, &error));
    assert_true(ask(c, (eng_request){.most = n + 3}, "*.MoveNext"));
    fake_load(&rt, LINQ); /* has a hundred more */
    eng_news *news = news_of(c, ENG_NEWS_PROBES);
    assert_int_equal(news->result.probes.n, 3);
    eng_news_free(news);
    eng_client_end(g, c);
    assert_int_equal(fake_changed(&rt), 0);
}

static void after_a_client_has_gone_modules_load_untouched(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "Enumerable.*"));
    assert_int_equal(g->wishes, 1);
    assert_true(eng_uninstrument(g, c, &error));
    assert_int_equal(g->wishes, 0);
    fake_load(&rt, LINQ);
    assert_null(eng_client_news(g, c));
    assert_int_equal(fake_changed(&rt), 0);
    eng_client_end(g, c);
}

static void a_module_that_was_unloaded_is_not_touched(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.Clear"));
    unsigned reverts = rt.revert_calls;
    eng_module_unloading(g, (clr_module_id)&rt.modules[COLLECTIONS]);
    eng_client_end(g, c);
    assert_int_equal(fake_of(&rt.modules[COLLECTIONS], fake_token(&rt.modules[COLLECTIONS], CLEAR))->reverts, 0);
    assert_int_equal(rt.revert_calls, reverts);
    assert_string_equal(ledger(), "");
}

/* ---- revert ---- */

static uint32_t revert(const char *pattern, uint32_t uid, bool everybody)
{
    const eng_identity who = {"rejit revert", "somebody", 7, uid};
    const char *patterns[] = {pattern};
    uint32_t n = 99;
    assert_true(eng_revert(g, patterns, pattern != NULL, &who, everybody, &n, &error));
    return n;
}

static void revert_takes_a_pattern_and_a_user(void **state)
{
    (void)state;
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "LinkedList<T>.*"));
    size_t n = result.probes.n, told = 0, pieces = 0;
    assert_true(watch(b, "LinkedList<T>.Clear"));
    assert_int_equal(revert("LinkedList<T>.Clear", 1, false), 1);
    const eng_method *m = entry(COLLECTIONS, fake_token(&rt.modules[COLLECTIONS], CLEAR));
    assert_int_equal(m->layers.n, 1);
    assert_ptr_equal(m->layers.v[0].client, b);
    assert_null(eng_client_news(g, b));
    eng_news *news = news_of(a, ENG_NEWS_REVERTED);
    assert_string_equal(news->result.probes.v[0].name, CLEAR);
    assert_non_null(strstr(news->text, "rejit revert (pid 7, user somebody)"));
    eng_news_free(news);
    assert_int_equal(revert("NoSuch.*", 1, false), 0);
    assert_int_equal(revert("LinkedList<T>.Clear", 1, true), 1);
    assert_int_equal(m->layers.n, 0);
    unsigned calls = rt.revert_calls;
    fake_call_all(&rt);
    assert_int_equal(revert(NULL, 1, false), n - 1);
    assert_int_equal(rt.revert_calls, calls + 1); /* in one go: each pauses the process */
    while ((news = eng_client_news(g, a))) {      /* of the second revert, and of the third with all the rest */
        told += news->result.probes.n;
        pieces++;
        eng_news_free(news);
    }
    assert_int_equal(told, n - 1);
    assert_in_range(pieces, 1, 2);
    assert_int_equal(fake_changed(&rt), 0);
    eng_client_end(g, a);
    eng_client_end(g, b);
}

static void revert_without_a_pattern_forgets_later_modules_too(void **state)
{
    (void)state;
    eng_client *a = client(1), *b = client(2);
    assert_true(watch(a, "Enumerable.Range*"));
    assert_true(watch(b, "Enumerable.Range*"));
    assert_int_equal(revert(NULL, 1, false), 0);
    fake_load(&rt, LINQ);
    assert_null(eng_client_news(g, a));
    eng_news_free(news_of(b, ENG_NEWS_PROBES));
    eng_client_end(g, a);
    eng_client_end(g, b);
}

static void revert_refuses_patterns_that_make_no_sense(void **state)
{
    (void)state;
    const eng_identity who = {"rejit revert", "somebody", 7, 1};
    const char *patterns[] = {"a(b"};
    uint32_t n = 99;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.Clear"));
    assert_false(eng_revert(g, patterns, 1, &who, true, &n, &error));
    assert_int_equal(error.code, ERR_USAGE);
    assert_int_equal(n, 0);
    assert_non_null(strstr(ledger(), CLEAR));
    eng_client_end(g, c);
}

/* ---- what it costs ---- */

static void an_edit_made_again_adds_no_token(void **state)
{
    (void)state;
    unsigned made = 0;
    for (int round = 0; round < 5; round++) {
        eng_client *c = client(1);
        assert_true(watch(c, "LinkedList<T>.*"));
        fake_call_all(&rt);
        eng_client_end(g, c);
        if (!round) made = rt.modules[COLLECTIONS].tokens;
        assert_int_equal(rt.modules[COLLECTIONS].tokens, made);
    }
    assert_in_range(made, 1, 60);
}

static size_t heap(void)
{
    return mallinfo2().uordblks;
}

/* Connections come and go: what stays is the record of the sink, descriptors and conditions. */
#define VERSION 1200 /* what the runtime keeps of each, which the ledger counts as well */

static void a_thousand_connections_leave_next_to_nothing(void **state)
{
    (void)state;
    enum { ROUNDS = 1000 };
    uint64_t bytes = 0;
    size_t before = 0;
    for (int round = -10; round < ROUNDS; round++) {
        if (!round) {
            forget();
            bytes = ledger_bytes();
            before = heap();
        }
        eng_client *c = client(1);
        assert_true(ask(c, (eng_request){.condition = "value != null", .want = WIRE_WANT_ARGS},
                        "LinkedList<T>.AddFirst(LinkedListNode<T>)") ||
                    ask(c, (eng_request){.want = WIRE_WANT_ARGS}, "LinkedList<T>.AddFirst(T)"));
        fake_call_all(&rt);
        eng_client_end(g, c);
    }
    forget();
    assert_true(ledger_bytes() - bytes < (VERSION + 300) * ROUNDS);
    assert_true(heap() - before < 300 * ROUNDS);
}

static void changing_edits_on_one_connection_grows_little(void **state)
{
    (void)state;
    enum { ROUNDS = 5000 };
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.AddFirst(T)"));
    fake_call_all(&rt);
    assert_true(eng_uninstrument(g, c, &error));
    forget();
    uint64_t bytes = ledger_bytes();
    size_t before = heap();
    for (int round = 0; round < ROUNDS; round++) {
        assert_true(watch(c, "LinkedList<T>.AddFirst(T)"));
        fake_call_all(&rt);
        assert_true(eng_uninstrument(g, c, &error));
    }
    forget();
    assert_true(ledger_bytes() - bytes < (VERSION + 100) * ROUNDS); /* ours: under 1 MB for 10,000 */
    assert_true(heap() - before < 100 * ROUNDS);
    eng_client_end(g, c);
}

static void toggling_gates_grows_nothing(void **state)
{
    (void)state;
    eng_client *c = client(1);
    assert_true(watch(c, "LinkedList<T>.*"));
    fake_call_all(&rt);
    forget();
    ledger_bytes(); /* itself touches the counters */
    uint64_t bytes = ledger_bytes();
    size_t before = heap();
    for (int i = 0; i < 10000; i++)
        eng_gate(g, c, i % 2);
    assert_int_equal(heap(), before);
    assert_int_equal(ledger_bytes(), bytes);
    eng_client_end(g, c);
}

static void statistics_have_room_for_what_is_there(void **state)
{
    (void)state;
    eng_client *c = client(1), *d = client(2);
    assert_true(ask(c, (eng_request){.verb = WIRE_STAT, .most = 1000000}, "LinkedList<T>.*"));
    assert_in_range(eng_client_sink(c)->stats_max, result.probes.n, 2000);
    assert_true(ask(d, (eng_request){.verb = WIRE_STAT, .most = 2}, "LinkedList<T>.Clear"));
    assert_true(ask(d, (eng_request){.verb = WIRE_STAT, .most = 2}, "LinkedList<T>.Clear"));
    assert_int_equal(result.probes.n, 1);
    assert_true(ask(d, (eng_request){.verb = WIRE_STAT, .most = 2}, "LinkedList<T>.Clear"));
    assert_int_equal(result.probes.n, 0);
    assert_non_null(strstr(refusal(CLEAR), "2 methods at most"));
    eng_client_end(g, c);
    eng_client_end(g, d);
    assert_int_equal(fake_changed(&rt), 0);
}

/* ---- find ---- */

static void find_tells_code_and_reasons(void **state)
{
    (void)state;
    eng_find_result r = {.total = 0};
    const char *patterns[] = {"LinkedList<T>.*", "LinkedList<T>.Clear", "IDisposable.Dispose"};
    assert_true(eng_find(g, patterns, 3, 5, &r, &error));
    assert_int_equal(r.methods.n, 5);
    assert_true(r.total > 20);
    uint32_t total = r.total;
    eng_find_free(&r);
    r = (eng_find_result){.total = 0};
    assert_true(eng_find(g, patterns, 3, 1000, &r, &error));
    assert_int_equal(r.methods.n, total); /* each once, though two patterns match */
    unsigned refused = 0;
    for (size_t i = 0; i < r.methods.n; i++) {
        const eng_found *f = &r.methods.v[i];
        refused += f->reason != NULL;
        if (strcmp(f->code_kind, "generic") == 0) continue;
        if (f->il_size && f->token % 2 == 0) assert_memory_equal(f->code_kind, "R2R", 3);
        if (f->il_size && f->token % 6 == 1) assert_string_equal(f->code_kind, "not compiled");
    }
    assert_int_equal(refused, 1);
    eng_find_free(&r);
    r = (eng_find_result){.total = 0};
    const char *none[] = {"LinkedList<T>.Claer"};
    assert_true(eng_find(g, none, 1, 10, &r, &error));
    assert_int_equal(r.total, 0);
    assert_string_equal(r.nearest[0], "System.Collections.Generic.LinkedList<T>.Clear");
    eng_find_free(&r);
    const char *bad[] = {"a(b"};
    assert_false(eng_find(g, bad, 1, 10, &r, &error));
    assert_int_equal(error.code, ERR_USAGE);
    eng_find_free(&r);
    assert_int_equal(fake_changed(&rt), 0);
}

#define T(f)     cmocka_unit_test_setup_teardown(f, start, end)
#define LATER(f) cmocka_unit_test_setup_teardown(f, start_with_two, end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(a_watched_method_gets_a_new_body_and_its_old_one_back),
        T(gates_open_and_close_together),
        T(uninstrumenting_leaves_the_connection),
        T(a_second_pattern_on_one_method_is_a_second_layer),
        T(two_clients_share_one_body),
        T(clients_with_other_methods_are_left_alone),
        T(inliners_go_back_with_the_method),
        T(inliners_stay_as_long_as_anybody_may_need_them),
        T(a_method_that_inlines_a_watched_one_keeps_its_calls),
        T(an_inliner_compiled_late_is_taken_back_by_the_tick),
        T(an_inliner_that_is_watched_itself_keeps_its_body),
        T(what_cannot_be_instrumented_is_refused_with_its_reason),
        T(modules_that_cannot_be_are_refused_with_their_reason),
        T(abstract_methods_among_others_are_left_out),
        T(nothing_that_matches_brings_the_nearest_names),
        T(patterns_that_make_no_sense_change_nothing),
        T(too_many_methods_are_named_and_none_is_changed),
        T(a_request_that_the_runtime_refuses_leaves_everything_as_it_was),
        T(many_methods_are_asked_for_in_portions),
        T(progress_is_told_to_who_asked_and_to_nobody_later),
        T(a_body_that_the_jit_rejects_goes_back),
        T(a_method_compiled_for_several_types_is_not_taken_for_a_failure),
        T(what_the_runtime_reports_is_said_in_words),
        LATER(modules_that_load_later_are_instrumented),
        LATER(a_module_that_was_looked_through_gets_no_second_layer),
        LATER(the_limit_holds_over_modules_that_load_later),
        LATER(after_a_client_has_gone_modules_load_untouched),
        T(a_module_that_was_unloaded_is_not_touched),
        T(revert_takes_a_pattern_and_a_user),
        LATER(revert_without_a_pattern_forgets_later_modules_too),
        T(revert_refuses_patterns_that_make_no_sense),
        T(an_edit_made_again_adds_no_token),
        T(a_thousand_connections_leave_next_to_nothing),
        T(changing_edits_on_one_connection_grows_little),
        T(toggling_gates_grows_nothing),
        T(statistics_have_room_for_what_is_there),
        T(find_tells_code_and_reasons),
    };
    if (argc != 4) return 2;
    for (int i = 0; i < 3; i++)
        paths[i] = argv[i + 1];
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    return failed;
}
