/* The managed helpers as metadata and IL, the way to call them, and their thread. */
#include "engine/managed.h"
#include "engine/metadata.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CORELIB "System.Private.CoreLib"
#define HOST    "System.Runtime"

struct eng_managed {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t given, done;
    eng_job *first, *last;
    uint64_t given_count, done_count;
    eng_helpers helpers;
    bool reached;
};

/* ---- what the helpers use of CoreLib ---- */

typedef enum type_name {
    T_ATTRIBUTE,
    T_OBJECT,
    T_ACTION,
    T_DEBUGGER,
    T_DELEGATE,
    T_METHOD, /* DynamicMethod */
    T_IL,     /* ILGenerator */
    T_OPCODE,
    T_OPCODES,
    T_TYPE,
    T_MODULE,
    T_TYPE_HANDLE,
    T_GC_HANDLE,
    T_RUNTIME,
    T_GC,
    T_GC_MODE,
    T_MEMBER,
    T_METHOD_INFO,
    T_DEPENDENT,
    TYPES
} type_name;

static const struct type_text {
    const char *space, *name;
    bool value;
} types[TYPES] = {
    [T_ATTRIBUTE] = {"System.Runtime.InteropServices", "UnmanagedCallersOnlyAttribute", false},
    [T_OBJECT] = {"System", "Object", false},
    [T_ACTION] = {"System", "Action", false},
    [T_DEBUGGER] = {"System.Diagnostics", "Debugger", false},
    [T_DELEGATE] = {"System", "Delegate", false},
    [T_METHOD] = {"System.Reflection.Emit", "DynamicMethod", false},
    [T_IL] = {"System.Reflection.Emit", "ILGenerator", false},
    [T_OPCODE] = {"System.Reflection.Emit", "OpCode", true},
    [T_OPCODES] = {"System.Reflection.Emit", "OpCodes", false},
    [T_TYPE] = {"System", "Type", false},
    [T_MODULE] = {"System.Reflection", "Module", false},
    [T_TYPE_HANDLE] = {"System", "RuntimeTypeHandle", true},
    [T_GC_HANDLE] = {"System.Runtime.InteropServices", "GCHandle", true},
    [T_RUNTIME] = {"System.Runtime.CompilerServices", "RuntimeHelpers", false},
    [T_GC] = {"System", "GC", false},
    [T_GC_MODE] = {"System", "GCCollectionMode", true},
    [T_MEMBER] = {"System.Reflection", "MemberInfo", false},
    [T_METHOD_INFO] = {"System.Reflection", "MethodInfo", false},
    [T_DEPENDENT] = {"System.Runtime", "DependentHandle", true},
};

/* Signatures: the convention, then the types; above 0x80 one of `types`, below an element type. */
#define OF(t)    (uint8_t)(0x80 | (t))
#define STATIC   0x00
#define INSTANCE 0x20
#define FIELD    0x06
#define END      0xFF

typedef enum member_name {
    M_ATTRIBUTE,
    M_ATTACHED,
    M_FROM_PTR,
    M_GET_TYPE,
    M_GET_MODULE,
    M_NEW_METHOD,
    M_GET_IL,
    M_RET,
    M_EMIT,
    M_CREATE,
    M_PREPARE,
    M_ALLOC,
    M_TO_PTR,
    M_HANDLE_FROM,
    M_FREE,
    M_COLLECT,
    M_TARGET,
    M_NAME,
    M_CALL,
    M_EMIT_METHOD,
    M_NEW_DEPENDENT,
    M_DISPOSE,
    MEMBERS
} member_name;

static const struct member_text {
    type_name of;
    const char *name;
    uint8_t sig[8];
} members[MEMBERS] = {
    [M_ATTRIBUTE] = {T_ATTRIBUTE, ".ctor", {INSTANCE, CIL_E_VOID, END}},
    [M_ATTACHED] = {T_DEBUGGER, "get_IsAttached", {STATIC, CIL_E_BOOLEAN, END}},
    [M_FROM_PTR] = {T_TYPE_HANDLE, "FromIntPtr", {STATIC, OF(T_TYPE_HANDLE), CIL_E_I, END}},
    [M_GET_TYPE] = {T_TYPE, "GetTypeFromHandle", {STATIC, OF(T_TYPE), OF(T_TYPE_HANDLE), END}},
    [M_GET_MODULE] = {T_TYPE, "get_Module", {INSTANCE, OF(T_MODULE), END}},
    [M_NEW_METHOD] = {T_METHOD,
                      ".ctor",
                      {INSTANCE, CIL_E_VOID, CIL_E_STRING, OF(T_TYPE), CIL_E_SZARRAY, OF(T_TYPE), OF(T_MODULE), END}},
    [M_GET_IL] = {T_METHOD, "GetILGenerator", {INSTANCE, OF(T_IL), END}},
    [M_RET] = {T_OPCODES, "Ret", {FIELD, OF(T_OPCODE), END}},
    [M_EMIT] = {T_IL, "Emit", {INSTANCE, CIL_E_VOID, OF(T_OPCODE), END}},
    [M_CREATE] = {T_METHOD, "CreateDelegate", {INSTANCE, OF(T_DELEGATE), OF(T_TYPE), END}},
    [M_PREPARE] = {T_RUNTIME, "PrepareDelegate", {STATIC, CIL_E_VOID, OF(T_DELEGATE), END}},
    [M_ALLOC] = {T_GC_HANDLE, "Alloc", {STATIC, OF(T_GC_HANDLE), CIL_E_OBJECT, END}},
    [M_TO_PTR] = {T_GC_HANDLE, "ToIntPtr", {STATIC, CIL_E_I, OF(T_GC_HANDLE), END}},
    [M_HANDLE_FROM] = {T_GC_HANDLE, "FromIntPtr", {STATIC, OF(T_GC_HANDLE), CIL_E_I, END}},
    [M_FREE] = {T_GC_HANDLE, "Free", {INSTANCE, CIL_E_VOID, END}},
    [M_COLLECT] = {T_GC, "Collect", {STATIC, CIL_E_VOID, CIL_E_I4, OF(T_GC_MODE), CIL_E_BOOLEAN, END}},
    [M_TARGET] = {T_GC_HANDLE, "get_Target", {INSTANCE, CIL_E_OBJECT, END}},
    [M_NAME] = {T_MEMBER, "get_Name", {INSTANCE, CIL_E_STRING, END}},
    [M_CALL] = {T_OPCODES, "Call", {FIELD, OF(T_OPCODE), END}},
    [M_EMIT_METHOD] = {T_IL, "Emit", {INSTANCE, CIL_E_VOID, OF(T_OPCODE), OF(T_METHOD_INFO), END}},
    [M_NEW_DEPENDENT] = {T_DEPENDENT, ".ctor", {INSTANCE, CIL_E_VOID, CIL_E_OBJECT, CIL_E_OBJECT, END}},
    [M_DISPOSE] = {T_DEPENDENT, "Dispose", {INSTANCE, CIL_E_VOID, END}},
};

typedef struct maker {
    eng *g;
    eng_module *host;
    const eng_module *core;
    cil_token type[TYPES], member[MEMBERS];
    err_t *e;
} maker;

static void put_type(const maker *k, uint8_t of, buf_t *b)
{
    if (of < 0x80) {
        buf_u8(b, of);
        return;
    }
    cil_token token = k->type[of & 0x7F];
    buf_u8(b, types[of & 0x7F].value ? CIL_E_VALUETYPE : CIL_E_CLASS);
    cil_write_compressed(b, CIL_RID(token) << 2 | (CIL_TABLE(token) == CIL_TYPE_REF));
}

static void put_sig(const maker *k, const uint8_t *text, buf_t *b)
{
    uint32_t count = 0;
    for (unsigned i = 1; text[i] != END; i++)
        count += text[i] != CIL_E_SZARRAY; /* a prefix of the type behind it */
    buf_u8(b, text[0]);
    if (text[0] != FIELD) cil_write_compressed(b, count - 1);
    for (unsigned i = 1; text[i] != END; i++)
        put_type(k, text[i], b);
}

/* A program may have been published without what it does not use. */
static bool is_there(const maker *k, const struct member_text *m)
{
    const cil_image *im = &k->core->image;
    uint32_t type = eng_type_named(im, types[m->of].space, types[m->of].name);
    bool field = m->sig[0] == FIELD;
    cil_table table = field ? CIL_FIELD : CIL_METHOD_DEF;
    cil_range r = cil_list(im, CIL_TYPE_DEF, type, field ? CIL_TYPE_DEF_FIELDS : CIL_TYPE_DEF_METHODS, table);
    for (uint32_t at = r.first; type && at < r.end; at++) {
        uint32_t rid = cil_list_item(im, table, at);
        if (strcmp(cil_cell_string(im, table, rid, field ? CIL_FIELD_NAME : CIL_METHOD_DEF_NAME), m->name) == 0)
            return true;
    }
    return err_set(k->e, ERR_REFUSED, -1, "%s.%s.%s is not in this program", types[m->of].space, types[m->of].name,
                   m->name);
}

static bool make_refs(maker *k)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        if (!is_there(k, &members[i])) return false;
    for (unsigned i = 0; i < TYPES; i++) {
        k->type[i] = eng_meta_type_ref(k->g, k->host, CORELIB, types[i].space, types[i].name, k->e);
        if (!k->type[i]) return false;
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        buf_t sig = {0};
        put_sig(k, members[i].sig, &sig);
        cil_blob blob = {sig.p, (uint32_t)sig.n};
        k->member[i] = eng_meta_member_ref(k->g, k->host, k->type[members[i].of], members[i].name, blob, k->e);
        buf_free(&sig);
        if (!k->member[i]) return false;
    }
    return true;
}

/* ---- IL ---- */

static void op(buf_t *b, uint8_t opcode)
{
    buf_u8(b, opcode);
}

static void op_token(buf_t *b, uint8_t opcode, cil_token token)
{
    buf_u8(b, opcode);
    buf_u32(b, token);
}

static void op_short(buf_t *b, uint8_t opcode, uint8_t operand)
{
    buf_u8(b, opcode);
    buf_u8(b, operand);
}

/* A fat header over the code, and one catch clause of System.Object where `protected_size` is not 0. */
static void put_body(const maker *k, const buf_t *code, cil_token locals, uint8_t protected_size, buf_t *body)
{
    enum { FAT_WITH_LOCALS = 0x3013, MORE = 0x8, SMALL_EH = 1, CLAUSE = 12, MAX_STACK = 8 };
    buf_u16(body, (uint16_t)(FAT_WITH_LOCALS | (protected_size ? MORE : 0)));
    buf_u16(body, MAX_STACK);
    buf_u32(body, (uint32_t)code->n);
    buf_u32(body, locals);
    buf_put(body, code->p, code->n);
    if (!protected_size) return;
    while (body->n % 4)
        buf_u8(body, 0);
    buf_u8(body, SMALL_EH);
    buf_u8(body, 4 + CLAUSE);
    buf_u16(body, 0);
    buf_u16(body, 0); /* a typed catch */
    buf_u16(body, 0);
    buf_u8(body, protected_size);
    buf_u16(body, protected_size);
    buf_u8(body, (uint8_t)(code->n - protected_size - 2)); /* up to `ldloc; ret` */
    buf_u32(body, k->type[T_OBJECT]);
}

static cil_token define(const maker *k, cil_token type, const char *name, const uint8_t *sig, const buf_t *body)
{
    static const uint8_t NO_ARGUMENTS[] = {1, 0, 0, 0};
    buf_t blob = {0};
    put_sig(k, sig, &blob);
    eng_new_method m = {type, name, {blob.p, (uint32_t)blob.n}, {body->p, (uint32_t)body->n}};
    bool ok = !blob.failed && !body->failed;
    cil_token token = ok ? eng_meta_method_def(k->g, k->host, &m, k->e) : 0;
    buf_free(&blob);
    cil_blob value = {NO_ARGUMENTS, sizeof NO_ARGUMENTS};
    return token && eng_meta_attribute(k->g, k->host, token, k->member[M_ATTRIBUTE], value, k->e) ? token : 0;
}

/* delegate = method.CreateDelegate(typeof(Action)); RuntimeHelpers.PrepareDelegate(delegate); numbers of locals. */
static void put_delegate(const maker *k, unsigned method, unsigned delegate, buf_t *b)
{
    op(b, (uint8_t)(CIL_LDLOC_0 + method));
    op_token(b, CIL_LDTOKEN, k->type[T_ACTION]);
    op_token(b, CIL_CALL, k->member[M_GET_TYPE]);
    op_token(b, CIL_CALLVIRT, k->member[M_CREATE]);
    op(b, (uint8_t)(CIL_STLOC_0 + delegate));
    op(b, (uint8_t)(CIL_LDLOC_0 + delegate));
    op_token(b, CIL_CALL, k->member[M_PREPARE]);
}

/*
 * static native int Make(native int type) { native int result;
 *     try {
 *         if (Debugger.IsAttached) return 1;
 *         var m = new DynamicMethod("rejit", null, null, Type.GetTypeFromHandle(FromIntPtr(type)).Module);
 *         m.GetILGenerator().Emit(OpCodes.Ret);
 *         var d = m.CreateDelegate(typeof(Action));
 *         RuntimeHelpers.PrepareDelegate(d);
 *         return GCHandle.ToIntPtr(GCHandle.Alloc(d));
 *     } catch { return 0; } }
 */
static void put_make(const maker *k, cil_token text, buf_t *b)
{
    enum { RESULT, METHOD, DELEGATE };
    op_token(b, CIL_CALL, k->member[M_ATTACHED]);
    op_short(b, CIL_BRFALSE_S, 4);
    op(b, CIL_LDC_I4_1);
    op(b, CIL_STLOC_0);
    size_t leave = b->n;
    op_short(b, CIL_LEAVE_S, 0);
    op_token(b, CIL_LDSTR, text);
    op(b, CIL_LDNULL);
    op(b, CIL_LDNULL);
    op(b, CIL_LDARG_0);
    op_token(b, CIL_CALL, k->member[M_FROM_PTR]);
    op_token(b, CIL_CALL, k->member[M_GET_TYPE]);
    op_token(b, CIL_CALLVIRT, k->member[M_GET_MODULE]);
    op_token(b, CIL_NEWOBJ, k->member[M_NEW_METHOD]);
    op(b, CIL_STLOC_0 + METHOD);
    op(b, CIL_LDLOC_0 + METHOD);
    op_token(b, CIL_CALLVIRT, k->member[M_GET_IL]);
    op_token(b, CIL_LDSFLD, k->member[M_RET]);
    op_token(b, CIL_CALLVIRT, k->member[M_EMIT]);
    put_delegate(k, METHOD, DELEGATE, b);
    op(b, CIL_LDLOC_0 + DELEGATE);
    op_token(b, CIL_CALL, k->member[M_ALLOC]);
    op_token(b, CIL_CALL, k->member[M_TO_PTR]);
    op(b, CIL_STLOC_0);
    op_short(b, CIL_LEAVE_S, 5); /* over the handler */
    if (!b->failed) b->p[leave + 1] = (uint8_t)(b->n - leave - 2 + 5);
}

/* Puts the handler behind what may throw, and defines it all; local 0 is the result. */
static bool define_guarded(const maker *k, cil_token type, const char *name, const uint8_t *sig, buf_t *code,
                           const uint8_t *locals, uint8_t local_count)
{
    buf_t blob = {0}, body = {0};
    buf_u8(&blob, 0x07);
    buf_u8(&blob, local_count);
    for (unsigned i = 0; i < local_count; i++)
        put_type(k, locals[i], &blob);
    cil_token local_sig = eng_meta_stand_alone_sig(k->g, k->host, (cil_blob){blob.p, (uint32_t)blob.n}, k->e);
    uint8_t protected_size = (uint8_t)code->n;
    op(code, CIL_POP);
    op(code, CIL_LDC_I4_0);
    op(code, CIL_STLOC_0);
    op_short(code, CIL_LEAVE_S, 0);
    op(code, CIL_LDLOC_0);
    op(code, CIL_RET);
    put_body(k, code, local_sig, protected_size, &body);
    bool ok = local_sig && define(k, type, name, sig, &body);
    buf_free(&blob);
    buf_free(&body);
    return ok;
}

static bool define_make(const maker *k, cil_token type)
{
    static const uint8_t sig[] = {STATIC, CIL_E_I, CIL_E_I, END};
    static const uint8_t locals[] = {CIL_E_I, OF(T_METHOD), OF(T_DELEGATE)};
    buf_t code = {0};
    cil_token text = eng_meta_user_string(k->g, k->host, ENG_HOST_NAME, k->e);
    put_make(k, text, &code);
    bool ok = text && define_guarded(k, type, "Make", sig, &code, locals, RJ_COUNT(locals));
    buf_free(&code);
    return ok;
}

/* Of a local that is a GC handle: the object that the handle in an argument stands for. */
static void put_target(const maker *k, uint8_t argument, uint8_t handle, buf_t *b)
{
    op(b, (uint8_t)(CIL_LDARG_0 + argument));
    op_token(b, CIL_CALL, k->member[M_HANDLE_FROM]);
    op_short(b, CIL_STLOC_S, handle);
    op_short(b, CIL_LDLOCA_S, handle);
    op_token(b, CIL_CALL, k->member[M_TARGET]);
}

/*
 * static native int MakeBeside(native int resolver, native int method) { native int result;
 *     try {
 *         if (Debugger.IsAttached) return 1;
 *         var of = (DynamicMethod)GCHandle.FromIntPtr(method).Target;
 *         var m = new DynamicMethod(of.Name, null, null, typeof(object).Module);
 *         var il = m.GetILGenerator();
 *         il.Emit(OpCodes.Ret);
 *         il.Emit(OpCodes.Call, of);       // never run: it refers to the method, and keeps it where a thread is in it
 *         var d = m.CreateDelegate(typeof(Action));
 *         RuntimeHelpers.PrepareDelegate(d);
 *         return (native int)new DependentHandle(GCHandle.FromIntPtr(resolver).Target, d);
 *     } catch { return 0; } }
 */
static void put_make_beside(const maker *k, buf_t *b)
{
    enum { RESULT, METHOD, DELEGATE, DEPENDENT, HANDLE, OF_METHOD, IL };
    op_token(b, CIL_CALL, k->member[M_ATTACHED]);
    op_short(b, CIL_BRFALSE_S, 7);
    op(b, CIL_LDC_I4_1);
    op(b, CIL_STLOC_0);
    op_token(b, CIL_LEAVE, 0);
    size_t left = b->n;
    put_target(k, 1, HANDLE, b);
    op_token(b, CIL_CASTCLASS, k->type[T_METHOD]);
    op_short(b, CIL_STLOC_S, OF_METHOD);
    op_short(b, CIL_LDLOC_S, OF_METHOD);
    op_token(b, CIL_CALLVIRT, k->member[M_NAME]);
    op(b, CIL_LDNULL);
    op(b, CIL_LDNULL);
    op_token(b, CIL_LDTOKEN, k->type[T_OBJECT]);
    op_token(b, CIL_CALL, k->member[M_GET_TYPE]);
    op_token(b, CIL_CALLVIRT, k->member[M_GET_MODULE]);
    op_token(b, CIL_NEWOBJ, k->member[M_NEW_METHOD]);
    op(b, CIL_STLOC_0 + METHOD);
    op(b, CIL_LDLOC_0 + METHOD);
    op_token(b, CIL_CALLVIRT, k->member[M_GET_IL]);
    op_short(b, CIL_STLOC_S, IL);
    op_short(b, CIL_LDLOC_S, IL);
    op_token(b, CIL_LDSFLD, k->member[M_RET]);
    op_token(b, CIL_CALLVIRT, k->member[M_EMIT]);
    op_short(b, CIL_LDLOC_S, IL);
    op_token(b, CIL_LDSFLD, k->member[M_CALL]);
    op_short(b, CIL_LDLOC_S, OF_METHOD);
    op_token(b, CIL_CALLVIRT, k->member[M_EMIT_METHOD]);
    put_delegate(k, METHOD, DELEGATE, b);
    op_short(b, CIL_LDLOCA_S, DEPENDENT);
    put_target(k, 0, HANDLE, b);
    op(b, CIL_LDLOC_0 + DELEGATE);
    op_token(b, CIL_CALL, k->member[M_NEW_DEPENDENT]);
    op_short(b, CIL_LDLOCA_S, DEPENDENT);
    op(b, CIL_LDIND_I);
    op(b, CIL_STLOC_0);
    op_short(b, CIL_LEAVE_S, 5); /* over the handler */
    if (!b->failed) b->p[left - 4] = (uint8_t)(b->n - left + 5);
}

static bool define_make_beside(const maker *k, cil_token type)
{
    static const uint8_t sig[] = {STATIC, CIL_E_I, CIL_E_I, CIL_E_I, END};
    static const uint8_t locals[] = {CIL_E_I,         OF(T_METHOD), OF(T_DELEGATE), OF(T_DEPENDENT),
                                     OF(T_GC_HANDLE), OF(T_METHOD), OF(T_IL)};
    buf_t code = {0};
    put_make_beside(k, &code);
    bool ok = define_guarded(k, type, "MakeBeside", sig, &code, locals, RJ_COUNT(locals));
    buf_free(&code);
    return ok;
}

/* static void Forget(native int dependent) { ((DependentHandle)dependent).Dispose(); } */
static bool define_forget(const maker *k, cil_token type)
{
    static const uint8_t sig[] = {STATIC, CIL_E_VOID, CIL_E_I, END};
    buf_t locals = {0}, code = {0}, body = {0};
    buf_u8(&locals, 0x07);
    buf_u8(&locals, 1);
    put_type(k, OF(T_DEPENDENT), &locals);
    cil_token local_sig = eng_meta_stand_alone_sig(k->g, k->host, (cil_blob){locals.p, (uint32_t)locals.n}, k->e);
    op_short(&code, CIL_LDLOCA_S, 0);
    op(&code, CIL_LDARG_0);
    op(&code, CIL_STIND_I);
    op_short(&code, CIL_LDLOCA_S, 0);
    op_token(&code, CIL_CALL, k->member[M_DISPOSE]);
    op(&code, CIL_RET);
    put_body(k, &code, local_sig, 0, &body);
    bool ok = local_sig && define(k, type, "Forget", sig, &body);
    buf_free(&locals);
    buf_free(&code);
    buf_free(&body);
    return ok;
}

/* static void Release(native int handle) { GCHandle.FromIntPtr(handle).Free(); } */
static bool define_release(const maker *k, cil_token type)
{
    static const uint8_t sig[] = {STATIC, CIL_E_VOID, CIL_E_I, END};
    buf_t locals = {0}, code = {0}, body = {0};
    buf_u8(&locals, 0x07);
    buf_u8(&locals, 1);
    put_type(k, OF(T_GC_HANDLE), &locals);
    cil_token local_sig = eng_meta_stand_alone_sig(k->g, k->host, (cil_blob){locals.p, (uint32_t)locals.n}, k->e);
    op(&code, CIL_LDARG_0);
    op_token(&code, CIL_CALL, k->member[M_HANDLE_FROM]);
    op(&code, CIL_STLOC_0);
    op_short(&code, CIL_LDLOCA_S, 0);
    op_token(&code, CIL_CALL, k->member[M_FREE]);
    op(&code, CIL_RET);
    put_body(k, &code, local_sig, 0, &body);
    bool ok = local_sig && define(k, type, "Release", sig, &body);
    buf_free(&locals);
    buf_free(&code);
    buf_free(&body);
    return ok;
}

/* static void Collect(native int generation) { GC.Collect((int)generation, GCCollectionMode.Forced, blocking: false); }
 */
static bool define_collect(const maker *k, cil_token type)
{
    static const uint8_t sig[] = {STATIC, CIL_E_VOID, CIL_E_I, END};
    buf_t code = {0}, body = {0};
    op(&code, CIL_LDARG_0);
    op(&code, CIL_CONV_I4);
    op(&code, CIL_LDC_I4_1);
    op(&code, CIL_LDC_I4_0);
    op_token(&code, CIL_CALL, k->member[M_COLLECT]);
    op(&code, CIL_RET);
    put_body(k, &code, 0, 0, &body);
    bool ok = define(k, type, "Collect", sig, &body);
    buf_free(&code);
    buf_free(&body);
    return ok;
}

static bool define_all(eng *g, err_t *e)
{
    maker k = {.g = g, .host = eng_module_of_assembly(g, HOST), .core = eng_module_of_assembly(g, CORELIB), .e = e};
    if (!k.host || !k.core) return err_set(e, ERR_REFUSED, -1, "this program has no " HOST " assembly");
    if (!make_refs(&k)) return false;
    cil_token type = eng_meta_type_def(g, k.host, "Rejit", "Helpers", k.type[T_OBJECT], e);
    return type && define_make(&k, type) && define_release(&k, type) && define_collect(&k, type) &&
           define_make_beside(&k, type) && define_forget(&k, type) && eng_meta_apply(g, k.host, e);
}

/* ---- calling them ---- */

typedef int create_delegate_fn(void *host, uint32_t domain, const char *assembly, const char *type, const char *method,
                               void **out);
typedef clr_hresult get_host_fn(const clr_guid *iid, void **out);

static int look_at(struct dl_phdr_info *info, size_t size, void *owner)
{
    (void)size;
    const char *slash = strrchr(info->dlpi_name, '/');
    if (!slash || strcmp(slash, "/libcoreclr.so") != 0) return 0;
    snprintf(owner, 1024, "%s", info->dlpi_name);
    return 1;
}

static void *symbol(void *library, const char *name)
{
    return library ? dlsym(library, name) : NULL;
}

/* On the helpers' thread: making a delegate runs managed code. */
static bool reach(eng_helpers *h)
{
    static const clr_guid host4 = {0x64F6D366, 0xD7C2, 0x4F1F, {0xB4, 0xB2, 0xE8, 0x16, 0x0C, 0xAC, 0x43, 0xAF}};
    char path[1024] = "";
    dl_iterate_phdr(look_at, path);
    void *library = path[0] ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    void *get = symbol(library, "GetCLRRuntimeHost"), *create = symbol(library, "coreclr_create_delegate");
    get_host_fn *get_host = NULL;
    create_delegate_fn *create_delegate = NULL;
    memcpy(&get_host, &get, sizeof get);
    memcpy(&create_delegate, &create, sizeof create);
    static const char *const names[] = {"Make", "Release", "Collect", "MakeBeside", "Forget"};
    void *host = NULL, *found[RJ_COUNT(names)] = {NULL};
    if (!get_host || !create_delegate || get_host(&host4, &host) < 0 || !host) return false;
    for (size_t i = 0; i < RJ_COUNT(names); i++) {
        int hr = create_delegate(host, 1, HOST, "Rejit.Helpers", names[i], &found[i]);
        if (hr < 0) log_line(LOG_WARN, "engine", "the managed helpers cannot be reached (%08x)", (unsigned)hr);
        if (hr < 0 || !found[i]) return false;
    }
    memcpy(&h->make, &found[0], sizeof h->make);
    memcpy(&h->release, &found[1], sizeof h->release);
    memcpy(&h->collect, &found[2], sizeof h->collect);
    memcpy(&h->make_beside, &found[3], sizeof h->make_beside);
    memcpy(&h->forget, &found[4], sizeof h->forget);
    return true;
}

static void *serve(void *owner)
{
    eng_managed *m = owner;
    m->reached = reach(&m->helpers);
    pthread_mutex_lock(&m->lock);
    for (;;) {
        while (!m->first)
            pthread_cond_wait(&m->given, &m->lock);
        eng_job *job = m->first;
        m->first = job->next;
        if (!m->first) m->last = NULL;
        pthread_mutex_unlock(&m->lock);
        job->run(job, m->reached ? &m->helpers : NULL);
        pthread_mutex_lock(&m->lock);
        m->done_count++;
        pthread_cond_broadcast(&m->done);
    }
    return NULL;
}

bool eng_managed_start(eng *g, err_t *e)
{
    if (g->managed) return true;
    if (!define_all(g, e)) return false;
    eng_managed *m = calloc(1, sizeof *m);
    if (!m) return err_set(e, ERR_MEMORY, -1, "out of memory");
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->given, NULL);
    pthread_cond_init(&m->done, NULL);
    if (!eng_thread_start(&m->thread, "rejit-managed", true, serve, m, e)) {
        free(m);
        return false;
    }
    g->managed = m;
    return true;
}

void eng_managed_run(eng *g, eng_job *job)
{
    eng_managed *m = g->managed;
    job->next = NULL;
    pthread_mutex_lock(&m->lock);
    if (m->last)
        m->last->next = job;
    else
        m->first = job;
    m->last = job;
    m->given_count++;
    pthread_cond_signal(&m->given);
    pthread_mutex_unlock(&m->lock);
}

bool eng_managed_wait(eng *g, unsigned most_ms)
{
    eng_managed *m = g->managed;
    if (!m) return true;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += most_ms / 1000 + 1;
    pthread_mutex_lock(&m->lock);
    uint64_t all = m->given_count;
    int waited = 0;
    while (m->done_count < all && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&m->done, &m->lock, &until);
    bool done = m->done_count >= all;
    pthread_mutex_unlock(&m->lock);
    return done;
}

bool eng_managed_self(const eng *g)
{
    return g->managed && pthread_equal(g->managed->thread, pthread_self());
}
