/*
 * Any bytes as a method body: read, printed, written and read again (the same instructions must come back), verified
 * against a small image. The first byte chooses the signature of the method.
 */
#include "../unit/cil/body_image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const cil_blob SIGNATURES[] = {
    {(const uint8_t *)"\0\3\1\10\34\20\10", 7}, /* static void (int, object, ref int) */
    {(const uint8_t *)"\40\1\34\34", 4},        /* object (object) */
    {(const uint8_t *)"\20\1\1\36\0\36\0", 7},  /* static !!0 <T>(!!0) */
    {(const uint8_t *)"\5\2\10\10\101\16", 6},  /* vararg static int (int, ..., string) */
    {(const uint8_t *)"\0\1\20\15\21\14", 6},   /* static ref float64 (struct) */
};

static const cil_image *image(void)
{
    static buf_t metadata;
    static cil_image im;
    if (!metadata.n) {
        body_image_make(&metadata);
        if (!cil_metadata_open(&im, metadata.p, metadata.n, NULL)) abort();
    }
    return &im;
}

static void demand(bool holds)
{
    if (!holds) abort();
}

static void same(const cil_body *a, const cil_body *b)
{
    demand(a->count == b->count && a->eh_count == b->eh_count && a->local_sig == b->local_sig);
    for (uint32_t i = 0; i < a->count; i++) {
        const cil_insn *x = &a->insns[i], *y = &b->insns[i];
        uint8_t operand = cil_opinfo_of(x->op)->operand;
        bool branch = operand == CIL_O_BR1 || operand == CIL_O_BR4;
        demand(branch || x->op == y->op);
        if (operand == CIL_O_SWITCH)
            demand(x->sw.count == y->sw.count && !memcmp(x->sw.targets, y->sw.targets, 4 * (size_t)x->sw.count));
        else if (branch)
            demand(x->target == y->target);
        else if (operand != CIL_O_NONE)
            demand(x->i == y->i);
    }
    demand(a->eh_count == 0 || !memcmp(a->ehs, b->ehs, a->eh_count * sizeof *a->ehs));
}

static void write_again(arena *a, const cil_body *body)
{
    buf_t out = {0};
    cil_body again;
    demand(cil_body_write(body, &out, NULL, NULL));
    demand(cil_body_read(a, (cil_blob){out.p, (uint32_t)out.n}, &again, NULL));
    same(body, &again);
    buf_free(&out);
}

static void verify(arena *a, const cil_body *body, cil_blob sig)
{
    err_t e = {0};
    cil_verify_input in = {.image = image(), .body = body, .method_sig = sig};
    bool ok = cil_verify(a, &in, &e);
    demand(ok || (e.code != ERR_NONE && e.text[0]));
    /* The walk is the same, so what verifies has a depth, and it is within what the body states. */
    uint32_t deepest = cil_max_stack(a, &in);
    demand(!ok || deepest <= body->max_stack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a = {0};
    cil_body body;
    if (size < 1) return 0;
    if (cil_body_read(&a, (cil_blob){data + 1, (uint32_t)(size - 1)}, &body, NULL)) {
        buf_t text = {0};
        for (uint32_t i = 0; i < body.count && i < 64; i++)
            cil_insn_text(image(), &body.insns[i], &text);
        buf_free(&text);
        write_again(&a, &body);
        verify(&a, &body, SIGNATURES[data[0] % RJ_COUNT(SIGNATURES)]);
    }
    arena_free(&a);
    return 0;
}
