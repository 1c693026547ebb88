/* Bodies for tests: written as instructions, read back as text. */
#ifndef TESTS_WEAVE_TEXT_H
#define TESTS_WEAVE_TEXT_H

#include "fixture.h"

/* One instruction of a test's body; branches aim at indices. */
#define OP(name)         \
    {                    \
        .op = CIL_##name \
    }
#define OPI(name, value)               \
    {                                  \
        .op = CIL_##name, .i = (value) \
    }
#define OPT(name, tok)                   \
    {                                    \
        .op = CIL_##name, .token = (tok) \
    }
#define TO(name, index)                     \
    {                                       \
        .op = CIL_##name, .target = (index) \
    }

/* The addresses that test layers call. */
enum { GATE = 0x10, PROBE = 0x20, ENTER = 0x30, READY = 0x31, LEAVE = 0x40, TAIL = 0x41, NOTE = 0x50, THROWN = 0x60 };
enum { OBJECT = 0x70, TYPED = 0x71, SPAN = 0x72, HOLDER = 0x73, TARGET = 0x80 };

typedef struct case_t {
    arena a;
    fixture_maker maker;
    cil_body body;
    weave_layer layers[4];
    uint32_t layer_count, plain_most;
    bool catch_by_filter, explained;
    uint64_t on; /* not 0: weave_switched */
    uint64_t (*keep_locals)(void *owner, cil_blob sig, err_t *e);
    weave_output out;
    err_t e;
    buf_t text;
} case_t;

/* Weaves body into a method with the layers of c. */
bool case_weave(case_t *c, uint32_t method_rid);
/* The woven body: an instruction a line, "N: " in front of targets, calls into the probe as "call enter", clauses at
 * the end. */
const char *case_text(case_t *c);
void case_free(case_t *c);

#endif
