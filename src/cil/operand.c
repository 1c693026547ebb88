/* Operands as they stand in a listing. */
#include "cil/cil.h"

#include <inttypes.h>
#include <math.h>

static void put_label(const cil_body *body, uint32_t target, buf_t *out)
{
    buf_printf(out, "IL_%04x", target < body->count ? body->insns[target].offset : body->code_size);
}

static void put_switch(const cil_body *body, const cil_insn *insn, buf_t *out)
{
    buf_u8(out, '(');
    for (uint32_t k = 0; k < insn->sw.count; k++) {
        if (k) buf_str(out, ", ");
        put_label(body, insn->sw.targets[k], out);
    }
    buf_u8(out, ')');
}

/* What is no number has many forms: its bits tell which. */
static void put_float(const cil_insn *insn, buf_t *out)
{
    float single;
    double value;
    const uint32_t low = (uint32_t)insn->bits;
    const bool is_single = insn->op == CIL_LDC_R4;
    memcpy(&single, &low, sizeof single);
    memcpy(&value, &insn->bits, sizeof value);
    if (is_single) value = (double)single;
    if (!isfinite(value))
        buf_printf(out, "(0x%" PRIx64 ")", is_single ? low : insn->bits);
    else
        buf_printf(out, "%.*g", is_single ? 9 : 17, value);
}

static void put_number(int64_t i, buf_t *out)
{
    const bool is_long = i > UINT32_MAX || i < INT32_MIN;
    buf_printf(out, is_long ? "0x%" PRIx64 : "%" PRId64, i);
}

void cil_operand_text(const cil_body *body, const cil_names *names, const cil_insn *insn, buf_t *out)
{
    switch ((cil_operand)cil_opinfo_at(insn->op)->operand) {
    case CIL_O_NONE: break;
    case CIL_O_U1_VAR:
    case CIL_O_U2_VAR:
    case CIL_O_I1:
    case CIL_O_I4:
    case CIL_O_I8: put_number(insn->i, out); break;
    case CIL_O_R4:
    case CIL_O_R8: put_float(insn, out); break;
    case CIL_O_BR1:
    case CIL_O_BR4: put_label(body, insn->target, out); break;
    case CIL_O_TOKEN:
        if (!names || !names->text(names->owner, insn->token, out)) buf_printf(out, "0x%08x", insn->token);
        break;
    case CIL_O_SWITCH: put_switch(body, insn, out); break;
    }
}
