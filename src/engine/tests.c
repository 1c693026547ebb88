/*
 * What of a condition can be asked by the woven code itself: comparisons of primitive arguments with literals, and what
 * combines them. Where all of the condition can, nothing is left for the probe; of a conjunction those parts are taken
 * that can be, so that most calls are turned away before anything is done for them, and the probe asks for all of it.
 */
#include "engine/keep.h"

#define TESTS_MOST 32u

typedef struct builder {
    const eng_module *module;
    uint32_t rid;
    const cil_method_sig *sig;
    arena *scratch;
    weave_test tests[TESTS_MOST];
    uint32_t count;
} builder;

static bool put(builder *b, weave_test t)
{
    if (b->count == TESTS_MOST) return false;
    b->tests[b->count++] = t;
    return true;
}

/* The value as the woven code compares it; false: it is out of the range of the argument's kind. */
static bool literal_of(const query_node *n, weave_test *t)
{
    const bool wide = cil_is_wide_unsigned(n->element);
    switch (n->value_kind) {
    case QUERY_FLOAT: t->f = n->f; return n->element == CIL_E_R4 || n->element == CIL_E_R8;
    case QUERY_INT: t->i = n->i; return n->element != CIL_E_R4 && n->element != CIL_E_R8 && (!wide || n->i >= 0);
    case QUERY_UINT: t->i = (int64_t)n->u; return wide;
    case QUERY_NULL:
    case QUERY_TEXT:
    case QUERY_DECIMAL: break;
    }
    return false;
}

static bool compare(builder *b, const query_node *n)
{
    static const weave_test_kind kinds[] = {
        [QUERY_EQ] = WEAVE_TEST_EQ, [QUERY_NE] = WEAVE_TEST_NE, [QUERY_LT] = WEAVE_TEST_LT,
        [QUERY_LE] = WEAVE_TEST_LE, [QUERY_GT] = WEAVE_TEST_GT, [QUERY_GE] = WEAVE_TEST_GE};
    weave_value v;
    err_t why;
    if (n->root != QUERY_ARGUMENT || n->member_count || n->index >= b->sig->param_count || n->op > QUERY_GE ||
        b->sig->params[n->index].byref || !cil_is_primitive(n->element))
        return false;
    weave_test t = {.kind = kinds[n->op], .index = n->index, .element = n->element};
    const bool plain = weave_plan_value(b->scratch, &b->module->image, b->rid, WEAVE_ARGUMENT, n->index, &v, &why) &&
                       v.how == WEAVE_PRIMITIVE;
    return plain && literal_of(n, &t) && put(b, t);
}

/* All of it; what was put before it failed is taken back. */
static bool whole(builder *b, const query_node *n)
{
    const uint32_t before = b->count;
    bool ok = false;
    switch (n->kind) {
    case QUERY_COMPARE: ok = compare(b, n); break;
    case QUERY_NOT: ok = whole(b, n->left) && put(b, (weave_test){.kind = WEAVE_TEST_NOT}); break;
    case QUERY_AND:
    case QUERY_OR:
        ok = whole(b, n->left) && whole(b, n->right) &&
             put(b, (weave_test){.kind = n->kind == QUERY_AND ? WEAVE_TEST_AND : WEAVE_TEST_OR});
        break;
    case QUERY_PAIR:
    case QUERY_KEY: break;
    }
    if (!ok) b->count = before;
    return ok;
}

/* As much of it as must hold in any case. True: that is all of it. */
static bool part(builder *b, const query_node *n)
{
    if (n->kind != QUERY_AND) return whole(b, n);
    const uint32_t before = b->count;
    bool all = part(b, n->left);
    const uint32_t between = b->count;
    all = part(b, n->right) && all;
    if (between > before && b->count > between && !put(b, (weave_test){.kind = WEAVE_TEST_AND})) {
        b->count = between;
        return false;
    }
    return all;
}

bool eng_plan_tests(const eng_module *m, uint32_t rid, const cil_method_sig *sig, const query_node *bound, arena *a,
                    const weave_test **tests, uint32_t *count)
{
    builder b = {.module = m, .rid = rid, .sig = sig, .scratch = a};
    const bool all = part(&b, bound);
    *tests = b.count ? arena_copy(a, b.tests, b.count * sizeof *b.tests) : NULL;
    *count = *tests ? b.count : 0;
    return all && *tests;
}
