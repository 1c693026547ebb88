/*
 * Corpus: every method body of every assembly in the directories given is read, written, read again (the same
 * instructions and clauses must come back, or the very bytes), listed with the names of all its tokens, and verified,
 * which must refuse none: the runtime compiles them all.
 *
 *     corpus_bodies DIRECTORY...
 */
#include "corpus.h"

#include <inttypes.h>
#include <stdio.h>

static struct {
    uint64_t bodies, same_bytes, insns, clauses, code, deepest_kept, listed;
    uint64_t read_ns, write_ns, verify_ns;
} counts;

static struct {
    buf_t bytes;
    arena memory;
} scratch;

/* Short and long forms of a branch are the same instruction. */
static uint16_t plain_op(uint16_t op)
{
    if (op >= CIL_BR_S && op <= CIL_BLT_UN_S) return (uint16_t)(op + (CIL_BR - CIL_BR_S));
    return op == CIL_LEAVE_S ? CIL_LEAVE : op;
}

static bool same_insn(const cil_insn *a, const cil_insn *b)
{
    const cil_opinfo *info = cil_opinfo_of(a->op);
    if (plain_op(a->op) != plain_op(b->op)) return false;
    switch (info->operand) {
    case CIL_O_BR1:
    case CIL_O_BR4: return a->target == b->target;
    case CIL_O_TOKEN: return a->token == b->token;
    case CIL_O_SWITCH:
        return a->sw.count == b->sw.count &&
               memcmp(a->sw.targets, b->sw.targets, a->sw.count * sizeof *a->sw.targets) == 0;
    case CIL_O_NONE: return true;
    default: return a->i == b->i;
    }
}

static bool same_clause(const cil_eh *a, const cil_eh *b)
{
    return a->kind == b->kind && a->try_start == b->try_start && a->try_end == b->try_end &&
           a->handler_start == b->handler_start && a->handler_end == b->handler_end &&
           a->filter_start == b->filter_start && a->class_token == b->class_token;
}

static const char *difference(const cil_body *a, const cil_body *b)
{
    if (a->count != b->count) return "the number of instructions";
    if (a->eh_count != b->eh_count) return "the number of clauses";
    if (a->local_sig != b->local_sig || a->init_locals != b->init_locals) return "the locals";
    /* A fat header that could be tiny is written tiny, and then means 8. */
    if (a->max_stack != b->max_stack && !(a->max_stack < 8 && b->max_stack == 8)) return "max_stack";
    for (uint32_t i = 0; i < a->count; i++) {
        if (!same_insn(&a->insns[i], &b->insns[i])) return "an instruction";
    }
    for (uint32_t i = 0; i < a->eh_count; i++) {
        if (!same_clause(&a->ehs[i], &b->ehs[i])) return "a clause";
    }
    return NULL;
}

static void check_write(cil_token at, cil_blob bytes, const cil_body *body)
{
    err_t e = {0};
    cil_body again;
    scratch.bytes.n = 0;
    uint64_t start = corpus_now();
    bool ok = cil_body_write(body, &scratch.bytes, NULL, &e);
    counts.write_ns += corpus_now() - start;
    if (!ok) {
        corpus_complain(at, "write", e.text);
        return;
    }
    cil_blob written = {scratch.bytes.p, (uint32_t)scratch.bytes.n};
    if (written.n == bytes.n && memcmp(written.p, bytes.p, bytes.n) == 0) {
        counts.same_bytes++;
        return;
    }
    if (!cil_body_read(&scratch.memory, written, &again, &e)) {
        corpus_complain(at, "read again", e.text);
        return;
    }
    const char *what = difference(body, &again);
    if (what) corpus_complain(at, "comes back different", what);
}

static void check_verify(const cil_image *im, cil_token at, const cil_body *body)
{
    err_t e = {0};
    cil_verify_input in = {
        .image = im,
        .body = body,
        .method_sig = cil_cell_blob(im, CIL_METHOD_DEF, CIL_RID(at), CIL_METHOD_DEF_SIG),
    };
    arena memory = {0};
    uint64_t start = corpus_now();
    bool ok = cil_verify(&memory, &in, &e);
    counts.verify_ns += corpus_now() - start;
    if (!ok) {
        buf_t text = {0};
        cil_method_name(im, CIL_RID(at), true, &text);
        buf_printf(&text, " at %lld: %s", (long long)e.at, e.text);
        corpus_complain(at, "refused", buf_cstr(&text));
        buf_free(&text);
    }
    uint32_t deepest = cil_max_stack(&memory, &in);
    if (ok && deepest > body->max_stack) corpus_complain(at, "max_stack", "is deeper than what verified");
    counts.deepest_kept += deepest == body->max_stack;
    arena_free(&memory);
}

static bool text_of(void *owner, cil_token token, buf_t *out)
{
    return cil_token_text(owner, token, out);
}

/* A listing: every operand is there, and every token has a name: a bare number means that it was not understood. */
static void check_text(const cil_image *im, cil_token at, const cil_body *body)
{
    const cil_names names = {(void *)(uintptr_t)im, text_of};
    for (uint32_t i = 0; i < body->count; i++) {
        const cil_insn *insn = &body->insns[i];
        const uint8_t operand = cil_opinfo_of(insn->op)->operand;
        char number[16];
        scratch.bytes.n = 0;
        cil_operand_text(body, &names, insn, &scratch.bytes);
        counts.listed++;
        if ((scratch.bytes.n != 0) != (operand != CIL_O_NONE))
            corpus_complain(at, "operand", cil_opinfo_of(insn->op)->name);
        if (operand != CIL_O_TOKEN) continue;
        snprintf(number, sizeof number, "0x%08x", insn->token);
        if (strcmp(buf_cstr(&scratch.bytes), number) == 0) corpus_complain(at, "no name", number);
    }
}

static void check_body(const cil_image *im, uint32_t rid)
{
    err_t e = {0};
    cil_blob bytes;
    cil_body body;
    cil_token at = CIL_TOKEN(CIL_METHOD_DEF, rid);
    if (!cil_method_bytes(im, rid, &bytes, &e)) {
        corpus_complain(at, "bytes", e.text);
        return;
    }
    if (bytes.n == 0) return;
    counts.bodies++;
    uint64_t start = corpus_now();
    bool ok = cil_body_read(&scratch.memory, bytes, &body, &e);
    counts.read_ns += corpus_now() - start;
    if (ok) {
        counts.insns += body.count;
        counts.clauses += body.eh_count;
        counts.code += body.code_size;
        check_write(at, bytes, &body);
        check_verify(im, at, &body);
        check_text(im, at, &body);
    } else {
        corpus_complain(at, "read", e.text);
    }
    arena_free(&scratch.memory);
}

static void check_image(const cil_image *im)
{
    for (uint32_t rid = 1; rid <= im->rows[CIL_METHOD_DEF]; rid++)
        check_body(im, rid);
}

int main(int argc, char **argv)
{
    uint64_t start = corpus_now();
    uint64_t images = corpus_walk(argc, argv, check_image);
    double n = (double)RJ_MAX(counts.bodies, 1u);
    printf("%" PRIu64 " assemblies, %" PRIu64 " bodies (%" PRIu64
           " came back byte-equal, the others equivalent), %" PRIu64 " instructions, of which %" PRIu64
           " listed, %" PRIu64 " bytes of code, %" PRIu64 " clauses; max_stack is exact in %" PRIu64 ": %" PRIu64
           " errors\n",
           images, counts.bodies, counts.same_bytes, counts.insns, counts.listed, counts.code, counts.clauses,
           counts.deepest_kept, corpus_complaints());
    printf("%.2f s; a body takes %.0f ns to read, %.0f ns to write, %.0f ns to verify, clock included\n",
           (double)(corpus_now() - start) / 1e9, (double)counts.read_ns / n, (double)counts.write_ns / n,
           (double)counts.verify_ns / n);
    buf_free(&scratch.bytes);
    return corpus_complaints() != 0;
}
