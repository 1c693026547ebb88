/*
 * A condition, a NUL, and metadata whose methods it is bound to. Errors must name a place in the text; a bound tree
 * must be one that can be evaluated.
 */
#include "query/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A side of two: something that can be read and is of a type that can be compared. */
static void check_side(const query_node *n)
{
    if (n->kind != QUERY_KEY || !n->argument || n->member_count > QUERY_MEMBERS_MOST) abort();
    for (uint32_t i = 0; i < n->member_count; i++)
        if (!n->members[i].size || n->members[i].size > QUERY_DECIMAL_SIZE) abort();
    if (!cil_element_size(n->element) && n->element != CIL_E_VALUETYPE) abort();
}

static void check_pair(const query_node *n)
{
    const cil_element left = n->left->element, right = n->right->element;
    check_side(n->left);
    check_side(n->right);
    if (n->name || n->op > QUERY_GE) abort();
    if ((n->pairing == QUERY_AS_TEXTS) != (left == CIL_E_STRING) || (left == CIL_E_STRING) != (right == CIL_E_STRING))
        abort();
    if ((n->pairing == QUERY_AS_DECIMALS) != (left == CIL_E_VALUETYPE || right == CIL_E_VALUETYPE)) abort();
}

/* Every comparison must hold what the probe's evaluation expects of it. */
static void check_bound(const query_node *n, unsigned depth)
{
    if (depth > QUERY_NODES_MOST) abort();
    if (n->kind == QUERY_PAIR) {
        check_pair(n);
        return;
    }
    if (n->kind != QUERY_COMPARE) {
        check_bound(n->left, depth + 1);
        if (n->kind != QUERY_NOT) check_bound(n->right, depth + 1);
        return;
    }
    bool text = n->element == CIL_E_STRING, reference = text || n->element == CIL_E_OBJECT;
    if (n->name || !n->argument || n->member_count > QUERY_MEMBERS_MOST) abort();
    for (uint32_t i = 0; i < n->member_count; i++)
        if (!n->members[i].size || n->members[i].size > QUERY_DECIMAL_SIZE) abort();
    if ((n->value_kind == QUERY_TEXT) > text || (n->value_kind == QUERY_NULL) > (reference || n->is_nullable)) abort();
    if (n->like && (!text || n->op < QUERY_LIKE)) abort();
    if (reference && !n->like && n->op != QUERY_EQ && n->op != QUERY_NE) abort();
    if (reference && n->value_kind != QUERY_TEXT && n->value_kind != QUERY_NULL) abort();
    if ((n->element == CIL_E_R4 || n->element == CIL_E_R8) && n->value_kind != QUERY_FLOAT) abort();
}

static const cil_image *anywhere(void *owner, const cil_image *image, cil_token token, uint32_t *type_rid)
{
    (void)owner;
    *type_rid = CIL_RID(token);
    return image;
}

static void bind(arena *a, const query_node *parsed, const uint8_t *metadata, size_t size, size_t length)
{
    static const query_resolver resolver = {.type = anywhere};
    cil_image im;
    err_t e;
    if (!cil_metadata_open(&im, metadata, size, &e)) return;
    for (uint32_t rid = 0; rid <= im.rows[CIL_METHOD_DEF] && rid < 64; rid++) {
        e = (err_t){.at = -2};
        const query_node *n = query_condition_check(a, parsed, &im, rid, rid % 2 ? &resolver : NULL, &e);
        if (n)
            check_bound(n, 0);
        else if (e.code != ERR_FORMAT && (e.code != ERR_USAGE || e.at < 0 || (size_t)e.at > length))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a = {0};
    err_t e = {.at = -2};
    const uint8_t *nul = memchr(data, 0, size);
    size_t length = nul ? (size_t)(nul - data) : size;
    char *text = arena_strndup(&a, (const char *)data, length);
    query_node *n = query_condition_parse(&a, text, &e);
    if (!n && (e.code != ERR_USAGE || e.at < 0 || (size_t)e.at > length || strncmp(e.text, "column ", 7) != 0)) abort();
    if (n && nul) {
        /* A copy of its own, so that reads behind the end are seen. */
        size_t rest = size - length - 1;
        uint8_t *metadata = malloc(rest ? rest : 1);
        if (metadata) {
            memcpy(metadata, nul + 1, rest);
            bind(&a, n, metadata, rest, length);
            free(metadata);
        }
    }
    arena_free(&a);
    return 0;
}
