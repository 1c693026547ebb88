/* Conditions: two values beside one another, by the rules of C# (binary numeric promotions, enums, strings). */
#include "query/query-priv.h"

static bool is_floating(const query_node *n)
{
    return n->element == CIL_E_R4 || n->element == CIL_E_R8;
}

static bool is_decimal(const query_node *n)
{
    return n->element == CIL_E_VALUETYPE;
}

static bool no(const char **why, const char *because)
{
    *why = because;
    return false;
}

static bool numbers_fit(const query_node *left, const query_node *right, query_pairing *pairing, const char **why)
{
    if (is_decimal(left) || is_decimal(right)) {
        *pairing = QUERY_AS_DECIMALS;
        return !(is_floating(left) || is_floating(right)) ||
               no(why, "a decimal and a floating point number have no type in common");
    }
    if (is_floating(left) || is_floating(right)) {
        const bool doubles = left->element == CIL_E_R8 || right->element == CIL_E_R8;
        *pairing = doubles ? QUERY_AS_NUMBERS : QUERY_AS_SINGLES;
        return true;
    }
    *pairing = QUERY_AS_NUMBERS;
    if ((cil_is_wide_unsigned(left->element) && cil_is_signed(right->element)) ||
        (cil_is_signed(left->element) && cil_is_wide_unsigned(right->element)))
        return no(why, "ulong (or nuint) and a signed number have no type in common");
    return true;
}

bool query_pair_fits(const query_node *left, const query_node *right, query_op op, query_pairing *pairing,
                     const char **why)
{
    const bool equality = op == QUERY_EQ || op == QUERY_NE;
    if (left->is_enum != right->is_enum) return no(why, "one is an enum, the other is none");
    *pairing = QUERY_AS_NUMBERS;
    if (left->is_enum)
        return (left->enum_image == right->enum_image && left->enum_rid == right->enum_rid) ||
               no(why, "they are different enums");
    if ((left->element == CIL_E_STRING) != (right->element == CIL_E_STRING))
        return no(why, "one is a string, the other is none");
    if (left->element == CIL_E_STRING) {
        *pairing = QUERY_AS_TEXTS;
        return equality || no(why, "strings compare with == or != only");
    }
    if ((left->element == CIL_E_BOOLEAN) != (right->element == CIL_E_BOOLEAN))
        return no(why, "one is a bool, the other is none");
    if (left->element == CIL_E_BOOLEAN) return equality || no(why, "bools compare with == or != only");
    return numbers_fit(left, right, pairing, why);
}
