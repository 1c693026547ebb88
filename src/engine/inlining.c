/* Where the JIT may have put a method's code into that of its callers, as far as metadata and IL tell. */
#include "engine/engine-priv.h"

enum {
    IMPL_NO_INLINING = 0x8,
    IMPL_SYNCHRONIZED = 0x20,
    IMPL_AGGRESSIVE_INLINING = 0x100,
    INLINED_MOST = 1024, /* bytes of IL that the JIT inlines without being told to, at most: with a profile */
    CARRIED_MOST = 256,  /* of a method that is looked through on the way from a caller to the method in question */
    DEPTH_MOST = 3,
    BODIES_MOST = 2000, /* that are read for one method's sake */
};

static uint32_t code_size(const cil_image *im, uint32_t rid)
{
    cil_blob il;
    uint32_t size = 0;
    if (!cil_method_bytes(im, rid, &il, NULL) || !il.n) return 0;
    if ((il.p[0] & 3) == 2) return il.p[0] >> 2; /* tiny header */
    if (il.n >= 8) memcpy(&size, il.p + 4, 4);
    return size;
}

static bool may_inline(const cil_image *im, uint32_t rid, uint32_t most)
{
    uint32_t impl = cil_cell(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_IMPL_FLAGS);
    if (impl & (IMPL_NO_INLINING | IMPL_SYNCHRONIZED)) return false;
    return impl & IMPL_AGGRESSIVE_INLINING || code_size(im, rid) <= most;
}

bool eng_may_be_inlined(const eng_module *m, uint32_t rid)
{
    return may_inline(&m->image, rid, INLINED_MOST);
}

bool eng_is_non_versionable(const eng_module *m, uint32_t rid)
{
    return cil_has_attribute(&m->image, CIL_TOKEN(CIL_METHOD_DEF, rid),
                             "System.Runtime.Versioning.NonVersionableAttribute");
}

typedef struct look {
    eng *g;
    const eng_module *module;
    const eng_calls *calls;
    arena *scratch;
    unsigned bodies;
} look;

/* The TypeDef that a MemberRef's parent means, where its module is loaded. */
static const cil_image *parent_of(const look *k, cil_token member, uint32_t *type_rid)
{
    const cil_image *im = &k->module->image;
    cil_token parent = cil_cell_token(im, CIL_MEMBER_REF, CIL_RID(member), CIL_MEMBER_REF_CLASS);
    if (CIL_TABLE(parent) == CIL_TYPE_SPEC) {
        cil_type type = {0};
        cil_type_read(cil_cell_blob(im, CIL_TYPE_SPEC, CIL_RID(parent), CIL_TYPE_SPEC_SIG), &type);
        parent = type.token;
    }
    return eng_resolve_type(k->g, im, parent, type_rid);
}

static void call_member(const look *k, cil_token token)
{
    const char *name = cil_cell_string(&k->module->image, CIL_MEMBER_REF, CIL_RID(token), CIL_MEMBER_REF_NAME);
    uint32_t type = 0;
    if (!k->calls->is_wanted(k->calls->owner, name)) return; /* to find its type costs more */
    const cil_image *im = parent_of(k, token, &type);
    const eng_module *m = im ? eng_module_of_image(k->g, im) : NULL;
    if (m) k->calls->member(k->calls->owner, m, type, name);
}

static void scan(look *k, uint32_t rid, unsigned depth)
{
    const cil_image *im = &k->module->image;
    cil_blob il;
    cil_body body;
    if (++k->bodies > BODIES_MOST || !cil_method_bytes(im, rid, &il, NULL) || !il.n) return;
    if (!cil_body_read(k->scratch, il, &body, NULL)) return;
    for (uint32_t i = 0; i < body.count; i++) {
        uint16_t op = body.insns[i].op;
        cil_token token = body.insns[i].token;
        if (op != CIL_CALL && op != CIL_CALLVIRT && op != CIL_NEWOBJ) continue;
        if (CIL_TABLE(token) == CIL_METHOD_SPEC)
            token = cil_cell_token(im, CIL_METHOD_SPEC, CIL_RID(token), CIL_METHOD_SPEC_METHOD);
        if (CIL_TABLE(token) == CIL_MEMBER_REF) call_member(k, token);
        if (CIL_TABLE(token) != CIL_METHOD_DEF) continue;
        uint32_t called = CIL_RID(token);
        k->calls->method(k->calls->owner, k->module, called);
        if (depth < DEPTH_MOST && may_inline(im, called, CARRIED_MOST)) scan(k, called, depth + 1);
    }
}

void eng_look_for_calls(eng *g, const eng_module *m, uint32_t rid, const eng_calls *calls)
{
    arena scratch = {0};
    look k = {g, m, calls, &scratch, 0};
    scan(&k, rid, 1);
    arena_free(&scratch);
}
