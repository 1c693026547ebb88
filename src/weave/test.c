/* What must hold of primitive arguments for a call to be entered at all. */
#include "weave/weave-priv.h"

static bool is_float(cil_element element)
{
    return element == CIL_E_R4 || element == CIL_E_R8;
}

/* Numbers compare as 64-bit ones, signed but for those that are too wide for that. */
static void load_argument(weaver *w, const weave_test *t)
{
    weave_ldarg(w, t->index + (w->subject.has_this ? 1u : 0u));
    switch (t->element) {
    case CIL_E_R4:
    case CIL_E_R8: weave_put(w, CIL_CONV_R8); break;
    case CIL_E_I1:
    case CIL_E_I2:
    case CIL_E_I4:
    case CIL_E_I: weave_put(w, CIL_CONV_I8); break;
    case CIL_E_I8:
    case CIL_E_U8: break;
    default: weave_put(w, CIL_CONV_U8); break;
    }
}

static void negate(weaver *w)
{
    weave_ldc_i4(w, 0);
    weave_put(w, CIL_CEQ);
}

/* a <= b is not (a > b); of floats, where neither may hold, not (a > b or unordered). */
static void compare(weaver *w, const weave_test *t)
{
    const bool real = is_float(t->element), wide = cil_is_wide_unsigned(t->element);
    load_argument(w, t);
    if (real)
        weave_ldc_r8(w, t->f);
    else
        weave_ldc_i8(w, t->i);
    switch (t->kind) {
    case WEAVE_TEST_EQ: weave_put(w, CIL_CEQ); break;
    case WEAVE_TEST_NE:
        weave_put(w, CIL_CEQ);
        negate(w);
        break;
    case WEAVE_TEST_LT: weave_put(w, wide ? CIL_CLT_UN : CIL_CLT); break;
    case WEAVE_TEST_GT: weave_put(w, wide ? CIL_CGT_UN : CIL_CGT); break;
    case WEAVE_TEST_LE:
        weave_put(w, wide || real ? CIL_CGT_UN : CIL_CGT);
        negate(w);
        break;
    case WEAVE_TEST_GE:
        weave_put(w, wide || real ? CIL_CLT_UN : CIL_CLT);
        negate(w);
        break;
    case WEAVE_TEST_AND:
    case WEAVE_TEST_OR:
    case WEAVE_TEST_NOT: break;
    }
}

void weave_tests(weaver *w, const weave_layer *l)
{
    for (uint32_t i = 0; i < l->test_count && !w->failed; i++) {
        switch (l->tests[i].kind) {
        case WEAVE_TEST_AND: weave_put(w, CIL_AND); break;
        case WEAVE_TEST_OR: weave_put(w, CIL_OR); break;
        case WEAVE_TEST_NOT: negate(w); break;
        case WEAVE_TEST_EQ:
        case WEAVE_TEST_NE:
        case WEAVE_TEST_LT:
        case WEAVE_TEST_LE:
        case WEAVE_TEST_GT:
        case WEAVE_TEST_GE: compare(w, &l->tests[i]); break;
        }
    }
}
