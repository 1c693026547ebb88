/* One instruction as text, in the manner of ILDasm with C# names of types. */
#include <inttypes.h>

#include "cil/cil.h"

#define MOST_STRING  64u /* characters of a string literal that are shown */
#define MOST_TARGETS 16u /* targets of a switch */

static cil_blob skip(cil_blob b, uint32_t n)
{
    return (cil_blob){b.p + n, b.n - n};
}

static void put_token(cil_token token, buf_t *out)
{
    buf_printf(out, "%08x", token);
}

/* "(int,string)" of a method signature whose generic parameters belong to these rows (0: !0, !!0). Depth is bounded
 * there. */
static bool put_parameters(const cil_image *im, cil_blob types, uint32_t count, uint32_t type_rid, uint32_t method_rid,
                           buf_t *out)
{
    buf_u8(out, '(');
    for (uint32_t i = 0; i < count; i++) {
        if (i) buf_u8(out, ',');
        if (types.n && types.p[0] == CIL_E_SENTINEL) {
            buf_str(out, "...,");
            types = skip(types, 1);
        }
        uint32_t n = cil_sig_type_name(im, types, type_rid, method_rid, false, out);
        if (n == 0) return false;
        types = skip(types, n);
    }
    buf_u8(out, ')');
    return true;
}

typedef struct member {
    cil_token owner; /* 0: none, as for a call site's signature */
    uint32_t type_rid, method_rid;
    const char *name;
    cil_blob sig;
    cil_blob arguments; /* of a generic method: a MethodSpec's instantiation */
} member;

static member find_member(const cil_image *im, cil_token token)
{
    uint32_t rid = CIL_RID(token);
    member m = {.name = ""};
    switch (CIL_TABLE(token)) {
    case CIL_METHOD_DEF:
        m.type_rid = cil_method_owner(im, rid);
        m.method_rid = rid;
        m.owner = CIL_TOKEN(CIL_TYPE_DEF, m.type_rid);
        m.name = cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME);
        m.sig = cil_cell_blob(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG);
        break;
    case CIL_FIELD:
        m.type_rid = cil_field_owner(im, rid);
        m.owner = CIL_TOKEN(CIL_TYPE_DEF, m.type_rid);
        m.name = cil_cell_string(im, CIL_FIELD, rid, CIL_FIELD_NAME);
        m.sig = cil_cell_blob(im, CIL_FIELD, rid, CIL_FIELD_SIG);
        break;
    case CIL_MEMBER_REF:
        m.owner = cil_cell_token(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_CLASS);
        m.name = cil_cell_string(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_NAME);
        m.sig = cil_cell_blob(im, CIL_MEMBER_REF, rid, CIL_MEMBER_REF_SIG);
        break;
    case CIL_METHOD_SPEC: {
        cil_token method = cil_cell_token(im, CIL_METHOD_SPEC, rid, CIL_METHOD_SPEC_METHOD);
        if (CIL_TABLE(method) == CIL_METHOD_DEF || CIL_TABLE(method) == CIL_MEMBER_REF) m = find_member(im, method);
        m.arguments = cil_cell_blob(im, CIL_METHOD_SPEC, rid, CIL_METHOD_SPEC_INSTANTIATION);
        break;
    }
    case CIL_STAND_ALONE_SIG: m.sig = cil_cell_blob(im, CIL_STAND_ALONE_SIG, rid, CIL_STAND_ALONE_SIG_SIG); break;
    default: break;
    }
    return m;
}

/* "<int,string>" of a MethodSpec's instantiation (II.23.2.15). */
static bool put_arguments(const cil_image *im, cil_blob sig, buf_t *out)
{
    uint32_t count;
    if (sig.n == 0) return true;
    sig = skip(sig, 1);
    uint32_t n = cil_read_compressed(sig, &count);
    if (n == 0 || count > sig.n - n) return false;
    sig = skip(sig, n);
    buf_u8(out, '<');
    for (uint32_t i = 0; i < count; i++) {
        if (i) buf_u8(out, ',');
        n = cil_sig_type_name(im, sig, 0, 0, false, out);
        if (n == 0) return false;
        sig = skip(sig, n);
    }
    buf_u8(out, '>');
    return true;
}

static bool put_described(const cil_image *im, member m, buf_t *out)
{
    uint32_t count = 0, n = 1;
    if (m.sig.n < 2) return false;
    bool is_field = (m.sig.p[0] & 0xF) == 0x6;
    if (!is_field && (m.sig.p[0] & 0x10)) n += cil_read_compressed(skip(m.sig, 1), &count);
    if (!is_field) n += cil_read_compressed(skip(m.sig, n), &count);
    cil_blob types = skip(m.sig, RJ_MIN(n, m.sig.n));
    n = cil_sig_type_name(im, types, m.type_rid, m.method_rid, false, out);
    if (n == 0) return false;
    buf_u8(out, ' ');
    if (m.owner) {
        if (CIL_TABLE(m.owner) == CIL_MODULE_REF)
            buf_str(out, cil_cell_string(im, CIL_MODULE_REF, CIL_RID(m.owner), CIL_MODULE_REF_NAME));
        else
            cil_type_name(im, m.owner, out);
        buf_str(out, "::");
    }
    buf_str(out, m.name);
    if (!put_arguments(im, m.arguments, out)) return false;
    return is_field || put_parameters(im, skip(types, n), count, m.type_rid, m.method_rid, out);
}

static bool put_member(const cil_image *im, cil_token token, buf_t *out)
{
    return put_described(im, find_member(im, token), out);
}

static bool put_literal(const cil_image *im, cil_token token, buf_t *out)
{
    cil_blob s = cil_user_string(im, CIL_RID(token));
    if (!s.p) return false;
    uint16_t units[MOST_STRING];
    uint32_t count = RJ_MIN(s.n / 2, MOST_STRING);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t c = (uint16_t)(s.p[2 * i] | s.p[2 * i + 1] << 8);
        units[i] = c < 0x20 || c == 0x7F ? ' ' : c; /* a line stays a line */
    }
    buf_u8(out, '"');
    text_utf16_to_utf8(out, units, count);
    buf_str(out, s.n / 2 > MOST_STRING ? "…\"" : "\"");
    return true;
}

static bool put_named(const cil_image *im, cil_token token, buf_t *out)
{
    switch ((unsigned)CIL_TABLE(token)) {
    case CIL_TYPE_DEF:
    case CIL_TYPE_REF:
    case CIL_TYPE_SPEC:
        if (CIL_RID(token) == 0 || CIL_RID(token) > im->rows[CIL_TABLE(token)]) return false;
        cil_type_name(im, token, out);
        return true;
    case CIL_USER_STRING: return put_literal(im, token, out);
    default: return put_member(im, token, out);
    }
}

bool cil_token_text(const cil_image *im, cil_token token, buf_t *out)
{
    size_t start = out->n;
    if (put_named(im, token, out)) return true;
    out->n = RJ_MIN(start, out->n);
    return false;
}

bool cil_call_text(const cil_image *im, cil_blob sig, buf_t *out)
{
    size_t start = out->n;
    if (put_described(im, (member){.name = "", .sig = sig}, out)) return true;
    out->n = RJ_MIN(start, out->n);
    return false;
}

static void put_operand_token(const cil_image *im, cil_token token, buf_t *out)
{
    if (!im || !cil_token_text(im, token, out)) put_token(token, out);
}

static void put_switch(const cil_insn *i, buf_t *out)
{
    buf_u8(out, '(');
    for (uint32_t k = 0; k < i->sw.count && k < MOST_TARGETS; k++)
        buf_printf(out, "%s@%u", k ? "," : "", i->sw.targets[k]);
    buf_str(out, i->sw.count > MOST_TARGETS ? ",…)" : ")");
}

static void put_float(const cil_insn *i, buf_t *out)
{
    float single;
    double value;
    uint32_t low = (uint32_t)i->bits;
    memcpy(&single, &low, sizeof single);
    memcpy(&value, &i->bits, sizeof value);
    if (i->op == CIL_LDC_R4)
        buf_printf(out, "%.9g", (double)single);
    else
        buf_printf(out, "%.17g", value);
}

void cil_insn_text(const cil_image *im, const cil_insn *insn, buf_t *out)
{
    const cil_opinfo *info = cil_opinfo_of(insn->op);
    if (!info) {
        buf_printf(out, "?? %04x", insn->op);
        return;
    }
    buf_str(out, info->name);
    if (info->operand == CIL_O_NONE) return;
    buf_str(out, "  ");
    switch ((cil_operand)info->operand) {
    case CIL_O_NONE: break;
    case CIL_O_U1_VAR:
    case CIL_O_U2_VAR:
    case CIL_O_I1:
    case CIL_O_I4:
    case CIL_O_I8: buf_printf(out, "%" PRId64, insn->i); break;
    case CIL_O_R4:
    case CIL_O_R8: put_float(insn, out); break;
    case CIL_O_BR1:
    case CIL_O_BR4: buf_printf(out, "@%u", insn->target); break;
    case CIL_O_TOKEN: put_operand_token(im, insn->token, out); break;
    case CIL_O_SWITCH: put_switch(insn, out); break;
    }
}
