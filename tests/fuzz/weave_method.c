/*
 * Any bytes as a method body, woven into a method of the fixture's image. The first bytes choose the method, the layers
 * and their values. What is woven must read back, with a map that ascends through it.
 */
#include "../unit/weave/fixture.h"

#include <stdlib.h>

enum { CHOICES = 3, MOST_VALUES = 8 };

static uint32_t plan_all(arena *a, uint32_t rid, weave_value *v)
{
    uint32_t n = 0;
    v[n].slot = 8;
    n += weave_plan_value(a, fixture_image(), rid, WEAVE_THIS, 0, &v[n], NULL);
    v[n].slot = 16;
    n += weave_plan_value(a, fixture_image(), rid, WEAVE_RESULT, 0, &v[n], NULL);
    for (uint16_t i = 0; i < MOST_VALUES - 2; i++) {
        v[n].slot = (uint16_t)(24 + 8 * i);
        n += weave_plan_value(a, fixture_image(), rid, WEAVE_ARGUMENT, i, &v[n], NULL);
    }
    return n;
}

/* A test for each primitive argument, and what combines them. */
static uint32_t test_all(const weave_value *v, uint32_t count, uint8_t choice, weave_test *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (v[i].what != WEAVE_ARGUMENT || v[i].how != WEAVE_PRIMITIVE) continue;
        t[n] = (weave_test){.kind = (weave_test_kind)((choice + i) % (WEAVE_TEST_GE + 1u)),
                            .index = v[i].index,
                            .element = v[i].element,
                            .i = 7};
        if (n++) t[n++] = (weave_test){.kind = choice & 64 ? WEAVE_TEST_OR : WEAVE_TEST_AND};
        if (choice & 32) t[n++] = (weave_test){.kind = WEAVE_TEST_NOT};
    }
    return n;
}

/* A bit of `choice` for each function: layers with and without protected regions, with and without captures. */
static weave_calls calls_of(uint8_t choice)
{
    return (weave_calls){
        .enter = 1,
        .ready = choice & 1 ? 2 : 0,
        .leave = choice & 2 ? 3 : 0,
        .tail = choice & 4 ? 4 : 0,
        .note = choice & 8 ? 5 : 0,
        .thrown = choice & 16 ? 6 : 0,
        .object = choice & 32 ? 7 : 0,
        .typed = choice & 64 ? 8 : 0,
        .span = choice & 64 ? 9 : 0,
    };
}

static void check(arena *a, const weave_output *out)
{
    cil_body body;
    if (!cil_body_read(a, (cil_blob){out->body.p, (uint32_t)out->body.n}, &body, NULL)) abort();
    if (body.code_size != out->code_size || !out->map.n || out->map.v[0].from) abort();
    for (size_t i = 1; i < out->map.n; i++)
        if (out->map.v[i].to <= out->map.v[i - 1].to || out->map.v[i].to >= out->code_size) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CHOICES) return 0;
    arena a = {0};
    fixture_maker maker = {0};
    weave_value values[MOST_VALUES] = {0};
    uint32_t rid = data[0] % (M_MOST + 1u);
    static const weave_calls place = {.enter = 1, .ready = 2, .object = 7, .typed = 8, .span = 9};
    const uint32_t site = data[2] & 128 ? 1u + (data[2] & 63u) : 0; /* before an instruction that may be none */
    weave_layer layers[] = {
        {.gate = 1, .probe = 2, .calls = calls_of(data[1]), .values = values, .value_count = plan_all(&a, rid, values)},
        {.probe = 3, .calls = site ? place : calls_of(data[2]), .site = site},
    };
    weave_test tests[3 * MOST_VALUES] = {0};
    layers[0].tests = tests;
    if (data[2] & 2) layers[0].test_count = test_all(values, layers[0].value_count, data[2], tests);
    weave_input in = {
        .image = fixture_image(),
        .method_rid = rid,
        .body = {data + CHOICES, (uint32_t)(size - CHOICES)},
        .layers = layers,
        .layer_count = 1 + (data[1] >> 7),
        .plain_most = data[2] & 1 ? 64 : 0,
        .tokens = fixture_tokens(&maker),
    };
    weave_output out;
    err_t e = {0};
    if (weave_method(&a, &in, &out, &e)) {
        check(&a, &out);
    } else if (e.code == ERR_NONE || !e.text[0]) {
        abort();
    }
    weave_output_free(&out);
    arena_free(&maker.a);
    arena_free(&a);
    return 0;
}
