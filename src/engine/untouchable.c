/*
 * Methods that must be left alone, as data. They run inside the runtime's own machinery, where a thread is not in a
 * state in which managed code may be entered or left twice, or the runtime puts other code in their place.
 */
#include "engine/engine-priv.h"

typedef struct untouchable {
    const char *space, *type, *method; /* NULL: any */
    const char *reason;
} untouchable;

static const char machinery[] = "it is part of the runtime's own machinery: instrumenting it would run inside "
                                "exception handling, casts or type loading";
static const char replaced[] =
    "the JIT puts its own code in the place of this method's IL: a probe in it would miss calls";

static const char fragile[] =
    "the JIT calls it where the IL says nothing of it, and on .NET 9 a compile of such a call "
    "ends the process while the method has no code for its newest version";

/* All in System.Private.CoreLib. What the JIT calls where the IL says nothing of it: */
static const untouchable helpers[] = {
    {"System.Runtime.CompilerServices", "CastHelpers", NULL, machinery},
    {"System.Runtime.CompilerServices", "InitHelpers", NULL, machinery},
    {"System.Runtime.CompilerServices", "StaticsHelpers", NULL, machinery},
    {"System.Runtime.CompilerServices", "GenericsHelpers", NULL, machinery},
    {"System.Runtime.CompilerServices", "BoxingHelpers", NULL, machinery},
    {"System.Runtime.CompilerServices", "VirtualDispatchHelpers", NULL, machinery},
    {"Internal.Runtime.CompilerHelpers", "ThrowHelpers", NULL, fragile},
    {"System", "Math", "ConvertToInt32Checked", fragile},
    {"System", "Math", "ConvertToInt64Checked", fragile},
    {"System", "Math", "ConvertToUInt32Checked", fragile},
    {"System", "Math", "ConvertToUInt64Checked", fragile},
    {"System", "Buffer", "BulkMoveWithWriteBarrier", fragile},
    {"System", "SpanHelpers", "ClearWithoutReferences", fragile},
    {"System", "SpanHelpers", "Fill", fragile},
    {"System", "SpanHelpers", "Memmove", fragile},
};

static const untouchable others[] = {
    {"System.Runtime", "EH", NULL, machinery},
    {"System.Runtime", "StackFrameIterator", NULL, machinery},
    {"System.Runtime", "InternalCalls", NULL, machinery},
    {"System.Runtime", "ExceptionServices", NULL, machinery},
    {"System.Runtime.CompilerServices", "CastCache", NULL, machinery},
    {"System.Runtime.CompilerServices", "GenericCache", NULL, machinery},
    {"System.Runtime.CompilerServices", "AsyncHelpers", NULL, machinery},
    {"System.StubHelpers", NULL, NULL, machinery},
    {"System.Runtime.CompilerServices", "Unsafe", NULL, replaced},
    {"System.Runtime.Intrinsics", NULL, NULL, replaced},
    {"System.Runtime.Intrinsics.X86", NULL, NULL, replaced},
    {"System.Runtime.Intrinsics.Arm", NULL, NULL, replaced},
    {"System.Runtime.Intrinsics.Wasm", NULL, NULL, replaced},
};

static const untouchable *entry_of(const cil_image *im, uint32_t method_rid, const untouchable *table, size_t count)
{
    uint32_t type = cil_method_owner(im, method_rid), outer;
    while ((outer = cil_enclosing(im, type)) != 0 && outer != type)
        type = outer;
    const char *space = cil_cell_string(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_NAMESPACE);
    const char *name = cil_cell_string(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_NAME);
    const char *method = cil_cell_string(im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_NAME);
    for (size_t i = 0; i < count; i++) {
        const untouchable *u = &table[i];
        if (strcmp(u->space, space) == 0 && (!u->type || strcmp(u->type, name) == 0) &&
            (!u->method || strcmp(u->method, method) == 0))
            return u;
    }
    return NULL;
}

bool eng_is_jit_helper(const eng_module *m, uint32_t method_rid)
{
    return entry_of(&m->image, method_rid, helpers, RJ_COUNT(helpers)) != NULL;
}

const char *eng_untouchable(const eng *g, const eng_module *m, uint32_t method_rid)
{
    if (strcmp(m->assembly, "System.Private.CoreLib") != 0) return NULL;
    const untouchable *u = entry_of(&m->image, method_rid, helpers, RJ_COUNT(helpers));
    if (!u) u = entry_of(&m->image, method_rid, others, RJ_COUNT(others));
    if (u && (u->reason != fragile || eng_has_fragile_helpers(g))) return u->reason;
    if (cil_has_attribute(&m->image, CIL_TOKEN(CIL_METHOD_DEF, method_rid),
                          "System.Runtime.CompilerServices.IntrinsicAttribute"))
        return replaced;
    return NULL;
}

enum { METHOD_ABSTRACT = 0x400, METHOD_PINVOKE = 0x2000, IMPL_CODE_TYPE = 0x3, IMPL_INTERNAL_CALL = 0x1000 };

bool eng_is_abstract(const eng_module *m, uint32_t method_rid)
{
    return (cil_cell(&m->image, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_FLAGS) & METHOD_ABSTRACT) != 0;
}

const char *eng_makes_nothing(const eng_module *m, uint32_t method_rid)
{
    enum { METHOD_STATIC = 0x10, TYPE_ABSTRACT = 0x80 };
    const cil_image *im = &m->image;
    const uint32_t owner = cil_method_owner(im, method_rid);
    const cil_token base = owner ? cil_cell_token(im, CIL_TYPE_DEF, owner, CIL_TYPE_DEF_EXTENDS) : 0;
    if (strcmp(cil_cell_string(im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_NAME), ".ctor") != 0 ||
        cil_cell(im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_FLAGS) & METHOD_STATIC)
        return "it is no constructor";
    if (cil_type_is(im, base, "System.ValueType") || cil_type_is(im, base, "System.Enum"))
        return "it is a struct: its values lie in other objects and on stacks, and nothing is allocated for them";
    if (cil_cell(im, CIL_TYPE_DEF, owner, CIL_TYPE_DEF_FLAGS) & TYPE_ABSTRACT)
        return "it is abstract: objects are of the types derived from it";
    if (cil_type_is(im, base, "System.MulticastDelegate")) return "it is a delegate: the runtime makes it";
    return NULL;
}

bool eng_has_il(const eng_module *m, uint32_t method_rid)
{
    /* In a module that is made at run time 0 is the address of the first body. */
    return m->flags & CLR_MODULE_DYNAMIC || cil_cell(&m->image, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_RVA);
}

const char *eng_refusal_of(eng *g, eng_module *m, uint32_t method_rid, arena *a)
{
    if (!eng_module_open(g, m)) return m->unreadable ? arena_strdup(a, m->unreadable) : "its module has been unloaded";
    if (m->dynamic) return NULL;
    uint32_t flags = cil_cell(&m->image, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_FLAGS);
    uint32_t impl = cil_cell(&m->image, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_IMPL_FLAGS);
    if (flags & METHOD_ABSTRACT) return "abstract: it has no body; its overrides have";
    if (flags & METHOD_PINVOKE) return "a P/Invoke: its body is native code";
    if (impl & IMPL_INTERNAL_CALL || impl & IMPL_CODE_TYPE) return "implemented by the runtime itself: it has no IL";
    if (!eng_has_il(m, method_rid)) return "it has no IL body";
    if (g->hot_reload && m->debug_build && !m->hooked)
        return "Hot Reload: the runtime refuses ReJIT for a Debug build while Edit and Continue is enabled; start the "
               "process without DOTNET_MODIFIABLE_ASSEMBLIES";
    const char *debugged = eng_debugger_refusal(g);
    return debugged ? debugged : eng_untouchable(g, m, method_rid);
}
