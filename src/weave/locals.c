#include "weave/weave-priv.h"

enum { LOCAL_SIG = 0x07, MOST_LOCALS = 0xFFFE }; /* II.23.2.6 */

/* The original types stay the bytes that they are: nobody here needs to know them. */
bool weave_locals_begin(weaver *w)
{
    if (!w->from.local_sig) return true;
    cil_blob sig = {0};
    if (CIL_TABLE(w->from.local_sig) == CIL_STAND_ALONE_SIG)
        sig = cil_cell_blob(w->in->image, CIL_STAND_ALONE_SIG, CIL_RID(w->from.local_sig), CIL_STAND_ALONE_SIG_SIG);
    if (!sig.n || sig.p[0] != LOCAL_SIG)
        return weave_fail(w, ERR_FORMAT, -1, "the local signature 0x%08x is not there", w->from.local_sig);
    cil_blob rest = {sig.p + 1, sig.n - 1};
    uint32_t n = cil_read_compressed(rest, &w->from_local_count);
    if (!n || w->from_local_count > MOST_LOCALS) return weave_fail(w, ERR_FORMAT, -1, "malformed local signature");
    w->from_locals = (cil_blob){rest.p + n, rest.n - n};
    return true;
}

uint32_t weave_local_new(weaver *w, cil_blob type)
{
    uint32_t index = w->from_local_count + w->local_count;
    if (index > MOST_LOCALS) weave_fail(w, ERR_REFUSED, -1, "too many local variables");
    if (!weave_room(w, (void **)&w->locals, w->local_count, &w->local_capacity, sizeof *w->locals)) return 0;
    w->locals[w->local_count++] = (weave_local){.type = type};
    return index;
}

uint32_t weave_local_borrow(weaver *w, cil_blob type)
{
    for (uint32_t i = 0; i < w->local_count; i++) {
        weave_local *l = &w->locals[i];
        if (!l->temporary || l->busy || !weave_same(l->type, type)) continue;
        l->busy = true;
        return w->from_local_count + i;
    }
    uint32_t index = weave_local_new(w, type);
    if (!w->failed) w->locals[w->local_count - 1].temporary = w->locals[w->local_count - 1].busy = true;
    return index;
}

void weave_locals_release(weaver *w)
{
    for (uint32_t i = 0; i < w->local_count; i++)
        w->locals[i].busy = false;
}

/* L: ldc.i8 ADDRESS; ldc.i8 MARK; pop; pop; br.s L */
enum { ADDRESS_AT = 1, MARK_AT = 10, TAIL_AT = 18, TRAILER_SIZE = 22 };
static const uint8_t TAIL[] = {CIL_POP, CIL_POP, CIL_BR_S, 0xEA};
static void put_trailer(weaver *w, uint64_t address)
{
    uint32_t first = weave_ldc_address(w, address);
    weave_ldc_address(w, WEAVE_LOCALS_MARK);
    weave_put(w, CIL_POP);
    weave_put(w, CIL_POP);
    uint32_t back = weave_put_branch(w, CIL_BR);
    if (!w->failed) w->code[back].target = first;
    weave_sourceless(w, first);
}

uint64_t weave_hidden_locals(const uint8_t *il, uint32_t size)
{
    uint64_t mark, address;
    if (size < TRAILER_SIZE) return 0;
    const uint8_t *p = il + size - TRAILER_SIZE;
    memcpy(&mark, p + MARK_AT, sizeof mark);
    memcpy(&address, p + ADDRESS_AT, sizeof address);
    bool ours = mark == WEAVE_LOCALS_MARK && p[0] == CIL_LDC_I8 && p[MARK_AT - 1] == CIL_LDC_I8;
    return ours && memcmp(p + TAIL_AT, TAIL, sizeof TAIL) == 0 ? address : 0;
}

/* A token for the proof alone: it is never written. */
static cil_token hide(weaver *w, cil_blob sig)
{
    const cil_token NO_TOKEN = CIL_TOKEN(CIL_STAND_ALONE_SIG, 0xFFFFFF);
    uint64_t address = w->in->tokens.keep_locals(w->in->tokens.owner, sig, w->e);
    if (!address) {
        w->failed = true;
        return 0;
    }
    put_trailer(w, address);
    return weave_remember(w, NO_TOKEN, sig);
}

cil_token weave_locals_end(weaver *w, cil_token *header)
{
    *header = w->from.local_sig;
    if (!w->local_count || w->failed) return w->from.local_sig;
    buf_t b = {0};
    buf_u8(&b, LOCAL_SIG);
    cil_write_compressed(&b, w->from_local_count + w->local_count);
    buf_put(&b, w->from_locals.p, w->from_locals.n);
    for (uint32_t i = 0; i < w->local_count; i++)
        buf_put(&b, w->locals[i].type.p, w->locals[i].type.n);
    if (b.failed) weave_fail(w, ERR_MEMORY, -1, "out of memory");
    cil_blob sig = {b.p, (uint32_t)b.n};
    cil_token token;
    if (w->in->tokens.keep_locals)
        token = w->failed ? 0 : hide(w, sig);
    else
        token = *header = weave_stand_alone(w, sig);
    buf_free(&b);
    return token;
}
