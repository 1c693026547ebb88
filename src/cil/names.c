/*
 * Names of types and methods as C# people type them.
 */
#include "cil/metadata-priv.h"

#define PARAM_IN  0x1u
#define PARAM_OUT 0x2u

void cil_type_name(const cil_image *im, cil_token type, buf_t *out)
{
    cil_namer n = {.im = im, .namespaces = true, .out = out, .limit = out->n + CIL_MAX_TEXT};
    bool ok = false;
    if (CIL_TABLE(type) == CIL_TYPE_SPEC) {
        cil_blob sig = cil_cell_blob(im, CIL_TYPE_SPEC, CIL_RID(type), CIL_TYPE_SPEC_SIG);
        ok = cil_put_type(&n, sig, CIL_MAX_DEPTH) != 0;
    } else if (CIL_TABLE(type) == CIL_TYPE_DEF || CIL_TABLE(type) == CIL_TYPE_REF) {
        ok = CIL_RID(type) && cil_put_named_type(&n, type, NULL, CIL_MAX_DEPTH);
    }
    if (!ok) buf_u8(out, '?');
}

/* The Param row of parameter `index` (from 0), whose sequence number is one more; 0 where it has none. */
static uint32_t param_row(const cil_image *im, cil_range list, uint32_t index)
{
    for (uint32_t at = list.first; at < list.end; at++) {
        uint32_t rid = cil_list_item(im, CIL_PARAM, at);
        if (cil_cell(im, CIL_PARAM, rid, CIL_PARAM_SEQUENCE) == index + 1) return rid;
    }
    return 0;
}

/* `out` and `in` are a byref in the signature; flags and attributes of the parameter tell. */
static const char *reference_word(const cil_image *im, uint32_t param)
{
    uint32_t flags = cil_cell(im, CIL_PARAM, param, CIL_PARAM_FLAGS) & (PARAM_IN | PARAM_OUT);
    if (flags == PARAM_OUT) return "out ";
    if (flags != PARAM_IN) return "ref "; /* [In, Out] of interop is an ordinary ref */
    cil_token token = CIL_TOKEN(CIL_PARAM, param);
    if (cil_has_attribute(im, token, "System.Runtime.CompilerServices.IsReadOnlyAttribute")) return "in ";
    if (cil_has_attribute(im, token, "System.Runtime.CompilerServices.RequiresLocationAttribute"))
        return "ref readonly ";
    return "ref ";
}

static bool put_parameters(cil_namer *n, uint32_t method_rid)
{
    arena scratch = {0};
    cil_method_sig sig;
    cil_blob blob = cil_cell_blob(n->im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_SIG);
    bool ok = cil_method_sig_read(&scratch, blob, &sig, NULL);
    if (ok) {
        cil_range list = cil_list(n->im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_PARAMS, CIL_PARAM);
        for (uint32_t i = 0; ok && i < sig.param_count; i++) {
            if (i) buf_u8(n->out, ',');
            if (sig.params[i].byref) buf_str(n->out, reference_word(n->im, param_row(n->im, list, i)));
            ok = cil_put_bare_type(n, &sig.params[i], CIL_MAX_DEPTH);
        }
        if ((sig.convention & 0x0F) == 5) buf_str(n->out, sig.param_count ? ",__arglist" : "__arglist");
    }
    arena_free(&scratch);
    return ok;
}

void cil_method_short_name(const cil_image *im, uint32_t method_rid, buf_t *out)
{
    cil_namer n = {.im = im, .method_rid = method_rid, .out = out, .limit = out->n + CIL_MAX_TEXT};
    cil_put_identifier(&n, cil_cell_string(im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_NAME));
    cil_put_generic_params(&n, cil_generic_params(im, CIL_TOKEN(CIL_METHOD_DEF, method_rid)));
}

void cil_method_name(const cil_image *im, uint32_t method_rid, bool with_params, buf_t *out)
{
    uint32_t type_rid = cil_method_owner(im, method_rid);
    if (type_rid) {
        cil_type_name(im, CIL_TOKEN(CIL_TYPE_DEF, type_rid), out);
        buf_u8(out, '.');
    }
    cil_method_short_name(im, method_rid, out);
    if (!with_params) return;
    cil_namer n = {im, type_rid, method_rid, false, out, out->n + CIL_MAX_TEXT};
    buf_u8(out, '(');
    size_t start = out->n;
    if (!put_parameters(&n, method_rid)) {
        out->n = RJ_MIN(start, out->n);
        buf_u8(out, '?');
    }
    buf_u8(out, ')');
}
