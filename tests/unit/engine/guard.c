/* Requests for versions and compiles keep out of each other's way on a runtime that needs it. */
#include "clrjit.h"
#include "engine/engine-priv.h"
#include "engine/jit-priv.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>

static const clr_guid guid8 = {0x4BCEB905, 0xD550, 0x4A5D, {0xB1, 0xEB, 0x27, 0x6F, 0xFF, 0x68, 0xD1, 0x83}};
static clr_jit_slot slots[2 + CLR_JIT_SLOTS_MOST];
static const uint8_t il[] = {0x2A};
static sem_t begun, go_on;
static _Atomic unsigned requests, nested;
static _Atomic bool request_stays;

/* ---- the runtime's side ---- */

static int32_t answer_nothing(clr_jit_ee *ee, clr_function_id caller, clr_function_id callee)
{
    (void)ee, (void)caller, (void)callee;
    return 0;
}

static clr_hresult request_rejit(clr_info *info, uint32_t count, clr_module_id *modules, uint32_t *tokens)
{
    (void)info, (void)count, (void)modules, (void)tokens;
    requests++;
    sem_post(&begun);
    if (request_stays) sem_wait(&go_on);
    return CLR_OK;
}

static const struct clr_info_slots info_slots = {.RequestReJIT = request_rejit};
static clr_info info = {&info_slots};

static void *compile(void *unused)
{
    clr_jit_ee ee = {slots + 2};
    clr_jit_method m = {.method = 5, .scope = 0x1000, .il = il, .il_size = 1};
    uint8_t *entry = NULL;
    uint32_t size = 0;
    ((clr_jit_compile *)getJit()->vt[CLR_JIT_COMPILE_METHOD])(getJit(), &ee, &m, 0, &entry, &size);
    return unused;
}

static void *request(void *unused)
{
    eng g = {.info = &info};
    assert_int_equal(eng_ask(&g, 0, NULL, NULL), CLR_OK);
    return unused;
}

static pthread_t start(void *(*f)(void *))
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, f, NULL), 0);
    return t;
}

static void end(pthread_t t)
{
    assert_int_equal(pthread_join(t, NULL), 0);
}

/* Long enough for what must not happen; a test can only be too kind by it. */
static void a_while(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
}

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < RJ_COUNT(slots); i++)
        slots[i] = (clr_jit_slot)answer_nothing;
    *the_stand_in() = (stand_in){.guid = guid8, .jit = clr_jit_known(&guid8)};
    requests = nested = 0;
    request_stays = false;
    eng_jit_guard();
    return eng_jit_why_not() || sem_init(&begun, 0, 0) || sem_init(&go_on, 0, 0);
}

/* ---- tests ---- */

static void stay(void)
{
    sem_post(&begun);
    sem_wait(&go_on);
}

static void a_request_waits_for_the_end_of_a_compile(void **state)
{
    (void)state;
    the_stand_in()->during = stay;
    pthread_t c = start(compile);
    sem_wait(&begun);
    pthread_t r = start(request);
    a_while();
    assert_int_equal(requests, 0);
    sem_post(&go_on);
    end(c);
    end(r);
    assert_int_equal(requests, 1);
}

static void a_compile_waits_for_the_end_of_a_request(void **state)
{
    (void)state;
    request_stays = true;
    pthread_t r = start(request);
    sem_wait(&begun);
    pthread_t c = start(compile);
    a_while();
    assert_int_equal(the_stand_in()->compiles, 0);
    sem_post(&go_on);
    end(r);
    end(c);
    assert_int_equal(the_stand_in()->compiles, 1);
}

static void leave_by_exception(void)
{
    pthread_exit(NULL); /* unwinds the stack as an exception does */
}

static void an_exception_ends_a_compile(void **state)
{
    (void)state;
    the_stand_in()->during = leave_by_exception;
    end(start(compile));
    end(start(compile));
    request(NULL);
    assert_int_equal(requests, 1);
}

static void compile_inside(void)
{
    if (nested++) return;
    sem_post(&begun);
    a_while(); /* the request is there by now, and waits */
    compile(NULL);
}

static void a_compile_within_a_compile_does_not_wait(void **state)
{
    (void)state;
    the_stand_in()->during = compile_inside;
    pthread_t c = start(compile);
    sem_wait(&begun);
    request(NULL);
    end(c);
    assert_int_equal(requests, 1);
    assert_int_equal(the_stand_in()->compiles, 2);
}

/* What the first compile needs, a second thread makes, which must compile for it. */
static void compile_elsewhere(void)
{
    if (nested++) return;
    sem_post(&begun);
    a_while();
    end(start(compile));
}

static void a_compile_that_waits_for_another_does_not_wait_for_ever(void **state)
{
    (void)state;
    the_stand_in()->during = compile_elsewhere;
    pthread_t c = start(compile);
    sem_wait(&begun);
    request(NULL);
    end(c);
    assert_int_equal(requests, 1);
    assert_int_equal(the_stand_in()->compiles, 2);
}

/* A callback of the runtime comes inside a compile, and makes a request of its own. */
static void request_inside(void)
{
    eng g = {.info = &info, .transaction = PTHREAD_MUTEX_INITIALIZER};
    eng_transaction_lock(&g);
    assert_int_equal(eng_ask(&g, 0, NULL, NULL), CLR_OK);
    pthread_mutex_unlock(&g.transaction);
}

static void a_request_from_a_compile_does_not_wait_for_it(void **state)
{
    (void)state;
    the_stand_in()->during = request_inside;
    compile(NULL);
    assert_int_equal(requests, 1);
    the_stand_in()->during = NULL;
    request(NULL);
    assert_int_equal(requests, 2);
}

#define T(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_request_waits_for_the_end_of_a_compile),
        T(a_compile_waits_for_the_end_of_a_request),
        T(an_exception_ends_a_compile),
        T(a_compile_within_a_compile_does_not_wait),
        T(a_compile_that_waits_for_another_does_not_wait_for_ever),
        T(a_request_from_a_compile_does_not_wait_for_it),
    };
    return cmocka_run_group_tests_name("engine_guard", tests, NULL, NULL);
}
