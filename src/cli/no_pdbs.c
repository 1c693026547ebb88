/* What is said of modules whose frames have no lines; on standard error with --json as well. */
#include "cli/cli.h"

#define NAMED_MOST 5u

bool no_pdbs_news(stream *st, const rj_news *n)
{
    no_pdbs *o = st->own;
    if (n->kind == RJ_NOTICE_NO_LINES) {
        console_say("%s", n->text);
        return true;
    }
    if (n->kind != RJ_NOTICE_NO_PDB) return false;
    if (o->count++ < NAMED_MOST) {
        if (o->names.n) buf_str(&o->names, ", ");
        out_safe_text(&o->names, n->refusal.module);
    }
    return true;
}

void no_pdbs_say(stream *st)
{
    no_pdbs *o = st->own;
    if (o->count > NAMED_MOST) buf_printf(&o->names, " and %u more", o->count - NAMED_MOST);
    if (o->count)
        console_say("no PDB was found for %s: their frames have no lines (--pdb PATH says where to look)",
                    buf_cstr(&o->names));
    buf_free(&o->names);
}
