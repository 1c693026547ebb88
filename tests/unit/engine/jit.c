/* The JIT hook over a library that stands in for the JIT: what is replaced, what is answered, what it costs. */
#include "clrjit.h"
#include "engine/jit-priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static const uint8_t original[] = {0x2A}, replaced[] = {0x00, 0x2A}, sig_blob[] = {0x00, 1, 0x18, 0x08};
static const clr_guid guid10 = {0x7A8CBC56, 0x9E19, 0x4321, {0x80, 0xB9, 0xA0, 0xD2, 0xC5, 0x78, 0xC9, 0x45}};
static clr_jit_slot slots[2 + CLR_JIT_SLOTS_MOST];
static bool wanted;
static unsigned asked, finished, given;
static int32_t last_result;

/* ---- the runtime's side ---- */

static void no_call(void)
{
    fail_msg("a slot was called that nobody should call");
}

static void runtime_eh(clr_jit_ee *ee, clr_function_id m, uint32_t n, clr_jit_eh *out)
{
    (void)ee, (void)m;
    *out = (clr_jit_eh){.try_at = 100 + n};
}

static void runtime_token(clr_jit_ee *ee, clr_jit_token *t)
{
    (void)ee;
    t->type = 1;
}

static void runtime_sig(clr_jit_ee *ee, uintptr_t scope, uint32_t token, uintptr_t context, clr_jit_sig *out)
{
    (void)ee, (void)scope, (void)context;
    *out = (clr_jit_sig){.token = token, .arg_count = 9};
}

static int32_t runtime_inline(clr_jit_ee *ee, clr_function_id caller, clr_function_id callee)
{
    (void)ee, (void)caller, (void)callee;
    return 0;
}

static int32_t run(clr_jit_method m)
{
    clr_jit_ee ee = {slots + 2};
    uint8_t *entry = NULL;
    uint32_t size = 0;
    clr_jit_compile *f = (clr_jit_compile *)getJit()->vt[CLR_JIT_COMPILE_METHOD];
    int32_t result = f(getJit(), &ee, &m, 0, &entry, &size);
    assert_ptr_equal(ee.vt, slots + 2); /* as it was */
    return result;
}

/* ---- a chooser ---- */

static const clr_jit_eh ours[] = {{.try_at = 1}, {.try_at = 2}};
static const eng_jit_sig sigs[] = {{0x11F00000, sig_blob, sizeof sig_blob}};
static const eng_jit_type types[] = {{0x1BF00001, 4242}};

static void done(eng_compile *c, int32_t result, const uint8_t *entry, uint32_t size)
{
    finished++;
    last_result = result;
    assert_ptr_equal(c->owner, &given);
    assert_ptr_equal(entry, replaced);
    assert_int_equal(size, sizeof replaced);
}

static bool choose(void *owner, eng_compile *c)
{
    assert_ptr_equal(owner, &wanted);
    asked++;
    if (!wanted) return false;
    const eng_jit_parts parts = {
        .il = replaced, .il_size = sizeof replaced, .max_stack = 3, .init_locals = true, .eh = ours, .eh_count = 2};
    eng_jit_give(c, &parts);
    c->sigs = sigs;
    c->sig_count = 1;
    c->types = types;
    c->type_count = 1;
    c->owner = &given;
    c->done = done;
    return true;
}

static bool keeps_apart(void *owner, clr_function_id callee)
{
    (void)owner;
    return callee == 77;
}

static clr_jit_method method(void)
{
    return (clr_jit_method){.method = 5, .scope = 0x1001, .il = original, .il_size = 1, .eh_count = 1};
}

static int set_up(void **state)
{
    (void)state;
    err_t e = {0};
    const clr_jit *j = clr_jit_known(&guid10);
    for (size_t i = 0; i < RJ_COUNT(slots); i++)
        slots[i] = no_call;
    slots[2 + j->slot[CLR_JIT_GET_EH_INFO]] = (clr_jit_slot)runtime_eh;
    slots[2 + j->slot[CLR_JIT_RESOLVE_TOKEN]] = (clr_jit_slot)runtime_token;
    slots[2 + j->slot[CLR_JIT_FIND_SIG]] = (clr_jit_slot)runtime_sig;
    slots[2 + j->slot[CLR_JIT_CAN_INLINE]] = (clr_jit_slot)runtime_inline;
    *the_stand_in() = (stand_in){.guid = guid10, .jit = j, .ask_token = 0x1BF00001, .ask_sig = 0x11F00000};
    wanted = false;
    asked = finished = 0;
    return eng_jit_on(choose, &wanted, &e) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    eng_jit_off(choose);
    eng_jit_keep_apart(NULL, NULL);
    return 0;
}

/* ---- tests ---- */

/* First: once the interface is known it stays so. */
static void test_unknown(void **state)
{
    (void)state;
    err_t e = {0};
    *the_stand_in() = (stand_in){.guid = {1, 2, 3, {4}}};
    clr_jit_slot compile = getJit()->vt[CLR_JIT_COMPILE_METHOD];
    assert_false(eng_jit_on(choose, &wanted, &e));
    assert_int_equal(e.code, ERR_REFUSED);
    assert_non_null(strstr(e.text, "00000001-0002-0003-0400-"));
    assert_non_null(strstr(eng_jit_why_not(), "does not know"));
    assert_ptr_equal(getJit()->vt[CLR_JIT_COMPILE_METHOD], compile); /* nothing was put in */
}

static void test_not_chosen(void **state)
{
    (void)state;
    assert_int_equal(run(method()), CLR_JIT_OK);
    const stand_in *s = the_stand_in();
    assert_int_equal(asked, 1);
    assert_ptr_equal(s->method.il, original);
    assert_int_equal(s->eh[0].try_at, 100);
    assert_int_equal(s->token.type, 1);
    assert_int_equal(s->sig.arg_count, 9);
    assert_int_equal(s->inlined, 0);
}

static void test_chosen(void **state)
{
    (void)state;
    wanted = true;
    assert_int_equal(run(method()), CLR_JIT_OK);
    const stand_in *s = the_stand_in();
    assert_int_equal(s->compiles, 1);
    assert_ptr_equal(s->method.il, replaced);
    assert_int_equal(s->method.max_stack, 3);
    assert_int_equal(s->method.options & CLR_JIT_INIT_LOCALS, CLR_JIT_INIT_LOCALS);
    assert_int_equal(s->method.eh_count, 2);
    assert_int_equal(s->eh[1].try_at, 2);
    assert_int_equal(s->token.type, 4242);
    assert_int_equal(s->token.token, 0x1BF00001);
    assert_int_equal(s->sig.arg_count, 1);
    assert_int_equal(s->sig.return_type, 0xC); /* CORINFO_TYPE_NATIVEINT */
    assert_ptr_equal(s->sig.args, sig_blob + 3);
    assert_int_equal(s->sig.scope, 0x1001);
    assert_int_equal(finished, 1);
    assert_int_equal(last_result, CLR_JIT_OK);
}

/* Tokens that are not the chooser's are the runtime's to answer. */
static void test_other_tokens(void **state)
{
    (void)state;
    wanted = true;
    the_stand_in()->ask_token = 0x1BF00002;
    the_stand_in()->ask_sig = 0x11F00001;
    assert_int_equal(run(method()), CLR_JIT_OK);
    assert_int_equal(the_stand_in()->token.type, 1);
    assert_int_equal(the_stand_in()->sig.arg_count, 9);
}

static void test_refused_by_the_jit(void **state)
{
    (void)state;
    wanted = true;
    the_stand_in()->refused = replaced;
    assert_int_equal(run(method()), CLR_JIT_OK); /* the original was compiled instead */
    assert_int_equal(the_stand_in()->compiles, 2);
    assert_ptr_equal(the_stand_in()->method.il, original);
    assert_int_equal(the_stand_in()->eh[0].try_at, 100);
    assert_int_equal(finished, 1);
    assert_int_not_equal(last_result, CLR_JIT_OK);
}

static void test_kept_apart(void **state)
{
    (void)state;
    eng_jit_keep_apart(keeps_apart, NULL);
    assert_int_equal(run(method()), CLR_JIT_OK);
    assert_int_equal(the_stand_in()->inlined, CLR_JIT_INLINE_NO);
    eng_jit_off(choose);
    eng_jit_keep_apart(NULL, NULL);
    assert_int_equal(run(method()), CLR_JIT_OK);
    assert_int_equal(the_stand_in()->inlined, 0);
    assert_int_equal(asked, 1); /* nobody was asked the second time */
}

static void test_bodies(void **state)
{
    (void)state;
    arena a = {0};
    eng_jit_parts p;
    static const uint8_t tiny[] = {2 << 2 | 2, 0x00, 0x2A};
    static const uint8_t fat[] = {0x1B, 0x30, 7, 0, 1, 0, 0, 0, 5, 0, 0, 0x11, 0x2A, 0, 0, 0, /* code, padding */
                                  0x41, 28,   0, 0, 2, 0, 0, 0, 1, 0, 0, 0,    2,    0, 0, 0,
                                  3,    0,    0, 0, 4, 0, 0, 0, 0, 0, 0, 0};
    assert_true(eng_jit_parse(&a, (cil_blob){tiny, sizeof tiny}, &p, NULL));
    assert_true(p.il == tiny + 1 && p.il_size == 2 && p.max_stack == 8 && !p.eh_count && !p.locals_token);
    assert_true(eng_jit_parse(&a, (cil_blob){fat, sizeof fat}, &p, NULL));
    assert_true(p.il == fat + 12 && p.il_size == 1 && p.max_stack == 7 && p.init_locals);
    assert_int_equal(p.locals_token, 0x11000005);
    assert_int_equal(p.eh_count, 1);
    assert_true(p.eh[0].flags == 2 && p.eh[0].try_at == 1 && p.eh[0].handler_size == 4);
    for (uint32_t n = 0; n < sizeof fat; n++)
        assert_false(eng_jit_parse(&a, (cil_blob){fat, n}, &p, NULL));
    arena_free(&a);
}

#define COMPILES 200000u

/* Nothing is selected: at most half a microsecond a compile, the stand-in's own work included. */
static void test_cost(void **state)
{
    (void)state;
    double least = 1e9;
    for (unsigned round = 0; round < 5; round++) {
        struct timespec from, to;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        for (unsigned i = 0; i < COMPILES; i++)
            run(method());
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        double ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / COMPILES;
        least = RJ_MIN(least, ns);
    }
    print_message("%.0f ns a compile with nothing selected\n", least);
#ifndef __SANITIZE_ADDRESS__
    assert_true(least < 500);
#endif
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown), T(test_not_chosen), T(test_chosen), T(test_other_tokens),
        T(test_refused_by_the_jit),     T(test_kept_apart), T(test_bodies), T(test_cost),
    };
    return cmocka_run_group_tests_name("engine_jit", tests, NULL, NULL);
}
