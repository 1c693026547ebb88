/*
 * Every method of every assembly of the shared frameworks with a layer that captures all it can, gates closed, and then
 * the runtime compiles them all: it must take each woven body, and what it does not compile anyway stays the same.
 */
#include "live.h"

#include <stdlib.h>

#define REASONS_MOST 64u

static const char *const plain_jit[] = {"DOTNET_ReadyToRun=0", NULL}; /* what is precompiled is not compiled again */

typedef struct outcome {
    uint64_t compiled, failed, invalid;
} outcome;

static outcome compile_all(app *a)
{
    const char *line = app_ok(a, "go");
    print_message("%s\n", line);
    return (outcome){app_number(line, "compiled"), app_number(line, "failed"), app_number(line, "invalid")};
}

static outcome without_layers(void)
{
    app a;
    app_start(&a, &(app_options){.program = "Corpus", .variables = plain_jit});
    app_ok(&a, "load");
    outcome o = compile_all(&a);
    assert_int_equal(app_end(&a), 0);
    return o;
}

/* Refusals by reason. */
typedef struct reasons {
    struct {
        const char *text, *example;
        size_t count;
    } v[REASONS_MOST];
    size_t n;
} reasons;

static void add_reason(reasons *all, const rj_refusal *r)
{
    size_t i = 0;
    while (i < all->n && strcmp(all->v[i].text, r->reason) != 0)
        i++;
    if (i == REASONS_MOST) return;
    if (i == all->n) {
        all->v[all->n].text = r->reason;
        all->v[all->n++].example = r->method;
    }
    all->v[i].count++;
}

static void instrument_assembly(look *l, const char *name, uint64_t *methods)
{
    char pattern[300];
    snprintf(pattern, sizeof pattern, "%s!*", name);
    const char *patterns[] = {pattern, NULL};
    const rj_request r = {.verb = RJ_WATCH, .want = LOOK_EVERYTHING, .most = 1000000, .later = true};
    if (!look_more(l, r, patterns)) fail_msg("%s: %s", pattern, l->last);
    *methods += l->probes.methods;
}

/* How many woven bodies the runtime has compiled. */
static uint64_t installed(look *l)
{
    rj_ledger t;
    rj_error e = {0};
    uint64_t n = 0;
    if (!rj_list(l->s, &t, &e)) fail_msg("list: %s", e.text);
    for (size_t i = 0; i < t.entry_count; i++)
        n += strcmp(t.entries[i].state, "installed") == 0;
    print_message("%zu entries, %llu installed, %llu bytes held\n", t.entry_count, (unsigned long long)n,
                  (unsigned long long)t.bytes);
    rj_free(t.memory);
    return n;
}

static void test_all_methods_compile(void **state)
{
    (void)state;
    static look l;
    app a;
    outcome plain = without_layers();
    app_start(&a, &(app_options){.program = "Corpus", .variables = plain_jit});
    app_ok(&a, "load");
    char *list = strdup(app_ok(&a, "list") + 3), *rest = NULL;
    uint64_t methods = 0, began = live_now_ms();
    l.s = look_attach(&a, "corpus");
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        instrument_assembly(&l, name, &methods);
    free(list);
    print_message("%llu methods instrumented in %llu ms, %zu refused\n", (unsigned long long)methods,
                  (unsigned long long)(live_now_ms() - began), l.probes.refused_count);
    static reasons why;
    for (size_t i = 0; i < l.probes.refused_count; i++)
        add_reason(&why, &l.probes.refused[i]);
    for (size_t i = 0; i < why.n; i++)
        print_message("%7zu refused: %s (%s)\n", why.v[i].count, why.v[i].text, why.v[i].example);
    for (size_t i = 0; i < why.n; i++)
        if (strstr(why.v[i].text, "verify")) fail_msg("%s: %s", why.v[i].example, why.v[i].text);
    outcome woven = compile_all(&a);
    assert_int_equal(woven.invalid, 0);
    assert_int_equal(woven.compiled, plain.compiled);
    assert_int_equal(woven.failed, plain.failed);
    assert_true(installed(&l) > methods * 9 / 10); /* the rest are generic methods that nothing fits */
    look_take(&l, 0);
    assert_int_equal(l.refused, 0);
    look_close(&l);
    app_ok(&a, "echo alive");
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_all_methods_compile),
};
LIVE_MAIN("live_corpus", tests)
