/*
 * The interface between the runtime and its JIT, as data: one table for each JIT/EE version that is known, and the
 * layouts that they share (linux-x64).
 *
 * The runtime calls ICorJitCompiler::compileMethod with an ICorJitInfo, of which the JIT asks everything else. Nothing
 * promises that it stays as it is: a version whose GUID is not in the table must be left alone.
 */
#ifndef REJIT_CLR_JIT_H
#define REJIT_CLR_JIT_H

#include "clr/clr.h"

typedef void (*clr_jit_slot)(void); /* an entry of a vtable, before it is given its type */

/* ICorJitInfo's slots that we call or put our own in the place of. */
typedef enum clr_jit_call {
    CLR_JIT_GET_METHOD_INFO,
    CLR_JIT_CAN_INLINE,
    CLR_JIT_GET_EH_INFO,
    CLR_JIT_RESOLVE_TOKEN,
    CLR_JIT_FIND_SIG,
    CLR_JIT_GET_ARG_TYPE,
    CLR_JIT_GET_ARG_CLASS,
    CLR_JIT_GET_METHOD_DEF,
    CLR_JIT_PRINT_METHOD_NAME,
    CLR_JIT_GET_NAME_FROM_METADATA,
    CLR_JIT_ALLOC_MEM,
    CLR_JIT_GET_JIT_FLAGS,
    CLR_JIT_CALLS,
} clr_jit_call;

#define CLR_JIT_SLOTS_MOST 0xB0u

/*
 * Mistakes of the runtime, mended since, for which nothing may be compiled while new versions of methods are asked for.
 */
typedef enum clr_jit_fragile {
    CLR_JIT_SOUND,
    /*
     * 8.0: where a method got a version since a compile was allowed to inline it, reportInliningDecision asks for a
     * version of the inliner, with something else in the place of its ModuleID, and with the lock held that whoever
     * asks for versions takes second (dotnet/runtime 97771).
     */
    CLR_JIT_ASKS_ITSELF,
    /* 9.0: getHelperFtn follows the code of a helper's active version, which a new one does not have until the helper
     * is called next: the process ends (dotnet/runtime 112636). */
    CLR_JIT_NEEDS_HELPERS,
} clr_jit_fragile;

typedef struct clr_jit {
    clr_guid guid;
    const char *runtime; /* "10.0" */
    uint8_t slot[CLR_JIT_CALLS];
    uint8_t slots; /* how many ICorJitInfo has */
    clr_jit_fragile fragile;
} clr_jit;

/* The table's line for a JIT/EE version; NULL: unknown. */
const clr_jit *clr_jit_known(const clr_guid *guid);

/* ICorJitCompiler: what getJit() of libclrjit answers. */
enum { CLR_JIT_COMPILE_METHOD = 0, CLR_JIT_GET_VERSION = 2, CLR_JIT_COMPILER_SLOTS = 4 };
typedef struct clr_jit_compiler {
    const clr_jit_slot *vt;
} clr_jit_compiler;

/* ICorJitInfo: lives as long as one compile, on the stack of the thread that compiles. */
typedef struct clr_jit_ee {
    const clr_jit_slot *vt;
} clr_jit_ee;

/* CORINFO_SIG_INFO. `args` is where the arguments' types begin in the signature; `type` is CorInfoType. */
typedef struct clr_jit_sig {
    uint32_t convention;
    uint32_t pad;
    uintptr_t return_class, return_sig_class;
    uint8_t return_type, flags;
    uint16_t arg_count;
    uint32_t pad2;
    uint32_t class_args, pad3; /* CORINFO_SIG_INST */
    const uintptr_t *class_arg;
    uint32_t method_args, pad4;
    const uintptr_t *method_arg;
    const uint8_t *args;
    const uint8_t *blob;
    uint32_t blob_size, pad5;
    void *method_signature;
    uintptr_t scope;
    uint32_t token, pad6;
} clr_jit_sig;
_Static_assert(sizeof(clr_jit_sig) == 112, "CORINFO_SIG_INFO");

/* CORINFO_METHOD_INFO. `method` is what the profiling API calls FunctionID. */
typedef struct clr_jit_method {
    clr_function_id method;
    uintptr_t scope; /* ModuleID, or with bit 0 set the resolver of a dynamic method or stub */
    const uint8_t *il;
    uint32_t il_size, max_stack, eh_count, options;
    uint32_t region, pad;
    clr_jit_sig sig, locals;
} clr_jit_method;
_Static_assert(sizeof(clr_jit_method) == 272, "CORINFO_METHOD_INFO");

#define CLR_JIT_DYNAMIC_SCOPE 1u    /* in clr_jit_method.scope */
#define CLR_JIT_INIT_LOCALS   0x10u /* in clr_jit_method.options */

/* CORINFO_EH_CLAUSE: flags are those of the IL (0 typed, 1 filter, 2 finally, 4 fault). */
typedef struct clr_jit_eh {
    uint32_t flags, try_at, try_size, handler_at, handler_size, token_or_filter;
} clr_jit_eh;

/* CORINFO_RESOLVED_TOKEN. */
typedef struct clr_jit_token {
    uintptr_t context, scope;
    uint32_t token, kind;
    uintptr_t type, method, field; /* out, from here on */
    const uint8_t *type_spec;
    uint32_t type_spec_size, pad;
    const uint8_t *method_spec;
    uint32_t method_spec_size, pad2;
} clr_jit_token;
_Static_assert(sizeof(clr_jit_token) == 80, "CORINFO_RESOLVED_TOKEN");

/* CorJitResult, CorInfoInline */
enum { CLR_JIT_OK = 0, CLR_JIT_INLINE_NO = -1 };
/* JIT flags, the bits of the first word that getJitFlags writes; it writes 24 bytes whatever it is told. */
enum { CLR_JIT_FLAG_STUB = 16, CLR_JIT_FLAG_BYTES = 24 };

typedef int32_t clr_jit_compile(clr_jit_compiler *, clr_jit_ee *, clr_jit_method *, uint32_t flags, uint8_t **entry,
                                uint32_t *size);
typedef void clr_jit_get_version(clr_jit_compiler *, clr_guid *);
typedef bool clr_jit_get_method_info(clr_jit_ee *, clr_function_id, clr_jit_method *, uintptr_t context);
typedef int32_t clr_jit_can_inline(clr_jit_ee *, clr_function_id caller, clr_function_id callee);
typedef void clr_jit_get_eh(clr_jit_ee *, clr_function_id, uint32_t number, clr_jit_eh *);
typedef void clr_jit_resolve_token(clr_jit_ee *, clr_jit_token *);
typedef void clr_jit_find_sig(clr_jit_ee *, uintptr_t scope, uint32_t token, uintptr_t context, clr_jit_sig *);
typedef uint32_t clr_jit_get_arg_type(clr_jit_ee *, clr_jit_sig *, const uint8_t *arg, uintptr_t *type);
typedef uintptr_t clr_jit_get_arg_class(clr_jit_ee *, clr_jit_sig *, const uint8_t *arg);
typedef uint32_t clr_jit_get_method_def(clr_jit_ee *, clr_function_id);
typedef size_t clr_jit_print_method_name(clr_jit_ee *, clr_function_id, char *text, size_t room, size_t *needed);
typedef uint32_t clr_jit_get_flags(clr_jit_ee *, void *flags, uint32_t size);

#endif
