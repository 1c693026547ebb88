/* The JIT hook: finds the JIT, takes the place of its compileMethod, lets choosers replace what is compiled. */
#include "engine/jit-priv.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define CHOOSERS 4

typedef struct chooser {
    _Atomic(eng_jit_choose *) choose;
    void *owner; /* written before `choose` */
} chooser;

static struct hook {
    pthread_mutex_t lock; /* of changes */
    const clr_jit *jit;
    clr_jit_compiler *compiler;
    clr_jit_compile *compile; /* the JIT's own */
    clr_jit_slot slots[ENG_JIT_HEAD + CLR_JIT_COMPILER_SLOTS];
    bool in;
    char why_not[160];
    chooser choosers[CHOOSERS];
    _Atomic(eng_jit_apart *) apart;
    void *apart_owner; /* written before `apart` */
    _Atomic bool needed;
} hook = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- slots of our own ---- */

eng_compile *eng_jit_compile_of(clr_jit_ee *self)
{
    return (eng_compile *)((char *)(uintptr_t)(self->vt - ENG_JIT_HEAD) - offsetof(eng_compile, table));
}

clr_jit_slot eng_jit_real(const eng_compile *c, clr_jit_call call)
{
    return c->real[c->jit->slot[call]];
}

void eng_jit_replace(eng_compile *c, clr_jit_call call, clr_jit_slot fn)
{
    c->table[ENG_JIT_HEAD + c->jit->slot[call]] = fn;
}

static void our_eh(clr_jit_ee *self, clr_function_id method, uint32_t number, clr_jit_eh *out)
{
    const eng_compile *c = eng_jit_compile_of(self);
    if (method == c->info.method && number < c->info.eh_count)
        *out = c->eh[number];
    else
        ((clr_jit_get_eh *)eng_jit_real(c, CLR_JIT_GET_EH_INFO))(self, method, number, out);
}

static void our_token(clr_jit_ee *self, clr_jit_token *token)
{
    const eng_compile *c = eng_jit_compile_of(self);
    for (uint32_t i = 0; token->scope == c->info.scope && i < c->type_count; i++) {
        if (c->types[i].token != token->token) continue;
        *token = (clr_jit_token){token->context, token->scope, token->token, token->kind, .type = c->types[i].type};
        return;
    }
    ((clr_jit_resolve_token *)eng_jit_real(c, CLR_JIT_RESOLVE_TOKEN))(self, token);
}

/* The elements of a signature and the JIT's names for them agree up to R8, but for the two that come later. */
static uint8_t jit_type(uint8_t element)
{
    enum { ELEMENT_I8 = 0xA, ELEMENT_U8 = 0xB, ELEMENT_R4 = 0xC, ELEMENT_R8 = 0xD, ELEMENT_I = 0x18, ELEMENT_U = 0x19 };
    enum { TYPE_NATIVE_INT = 0xC, TYPE_NATIVE_UINT = 0xD, TYPE_FLOAT = 0xE, TYPE_DOUBLE = 0xF };
    switch (element) {
    case ELEMENT_R4: return TYPE_FLOAT;
    case ELEMENT_R8: return TYPE_DOUBLE;
    case ELEMENT_I: return TYPE_NATIVE_INT;
    case ELEMENT_U: return TYPE_NATIVE_UINT;
    default: return element;
    }
}

/* Signatures of ours return nothing or a primitive, have less than 128 arguments, and are not generic. */
static void our_sig(clr_jit_ee *self, uintptr_t scope, uint32_t token, uintptr_t context, clr_jit_sig *out)
{
    const eng_compile *c = eng_jit_compile_of(self);
    for (uint32_t i = 0; scope == c->info.scope && i < c->sig_count; i++) {
        const eng_jit_sig *s = &c->sigs[i];
        if (s->token != token) continue;
        *out = (clr_jit_sig){.convention = s->blob[0],
                             .arg_count = s->blob[1],
                             .return_type = jit_type(s->blob[2]),
                             .args = s->blob + 3,
                             .blob = s->blob,
                             .blob_size = s->size,
                             .scope = scope,
                             .token = token};
        return;
    }
    ((clr_jit_find_sig *)eng_jit_real(c, CLR_JIT_FIND_SIG))(self, scope, token, context, out);
}

static int32_t our_inline(clr_jit_ee *self, clr_function_id caller, clr_function_id callee)
{
    const eng_compile *c = eng_jit_compile_of(self);
    eng_jit_apart *apart = atomic_load_explicit(&hook.apart, memory_order_acquire);
    if (apart && apart(hook.apart_owner, callee)) return CLR_JIT_INLINE_NO;
    return ((clr_jit_can_inline *)eng_jit_real(c, CLR_JIT_CAN_INLINE))(self, caller, callee);
}

/* ---- a compile ---- */

bool eng_jit_is_stub(const eng_compile *c)
{
    uint64_t flags[CLR_JIT_FLAG_BYTES / sizeof(uint64_t)] = {0};
    ((clr_jit_get_flags *)eng_jit_real(c, CLR_JIT_GET_JIT_FLAGS))(c->ee, flags, sizeof flags);
    return flags[0] >> CLR_JIT_FLAG_STUB & 1;
}

static bool choose(eng_compile *c)
{
    for (unsigned i = 0; i < CHOOSERS; i++) {
        eng_jit_choose *f = atomic_load_explicit(&hook.choosers[i].choose, memory_order_acquire);
        if (f && f(hook.choosers[i].owner, c)) return true;
    }
    return false;
}

/* Apart from what cannot be done beside a compile. */
static int32_t compile_alone(clr_jit_compiler *self, clr_jit_ee *ee, clr_jit_method *info, uint32_t flags,
                             uint8_t **entry, uint32_t *size)
{
    return eng_guard_compile(hook.compile, self, ee, info, flags, entry, size);
}

/* While this is the vtable the JIT's questions find the compile. */
static int32_t compile_with(eng_compile *c, clr_jit_compiler *self, clr_jit_method *info, uint32_t flags,
                            uint8_t **entry, uint32_t *size)
{
    c->ee->vt = c->table + ENG_JIT_HEAD;
    int32_t result = compile_alone(self, c->ee, info, flags, entry, size);
    c->ee->vt = c->real;
    return result;
}

static void fill_table(eng_compile *c, bool keep_apart)
{
    memcpy(c->table, c->real - ENG_JIT_HEAD, (ENG_JIT_HEAD + c->jit->slots) * sizeof *c->table);
    if (keep_apart) eng_jit_replace(c, CLR_JIT_CAN_INLINE, (clr_jit_slot)our_inline);
}

/*
 * The table is filled before the choosers are asked, so that they may put slots of their own into it. A body of ours
 * that the JIT does not take is no reason for the program to fail: it gets its own.
 */
__attribute__((noinline)) static int32_t compile_chosen(clr_jit_compiler *self, clr_jit_ee *ee, clr_jit_method *info,
                                                        uint32_t flags, uint8_t **entry, uint32_t *size)
{
    eng_compile c;
    memset(&c, 0, offsetof(eng_compile, table));
    c.jit = hook.jit;
    c.ee = ee;
    c.real = ee->vt;
    c.original = info;
    c.info = *info;
    bool apart = atomic_load_explicit(&hook.apart, memory_order_relaxed) != NULL;
    fill_table(&c, apart);
    if (!choose(&c)) {
        if (!apart) return compile_alone(self, ee, info, flags, entry, size);
        return compile_with(&c, self, info, flags, entry, size);
    }
    if (!c.keep_eh) eng_jit_replace(&c, CLR_JIT_GET_EH_INFO, (clr_jit_slot)our_eh);
    if (c.type_count) eng_jit_replace(&c, CLR_JIT_RESOLVE_TOKEN, (clr_jit_slot)our_token);
    if (c.sig_count) eng_jit_replace(&c, CLR_JIT_FIND_SIG, (clr_jit_slot)our_sig);
    int32_t result = compile_with(&c, self, &c.info, flags, entry, size);
    if (c.done) c.done(&c, result, *entry, *size);
    return result == CLR_JIT_OK ? result : compile_alone(self, ee, info, flags, entry, size);
}

static int32_t on_compile(clr_jit_compiler *self, clr_jit_ee *ee, clr_jit_method *info, uint32_t flags, uint8_t **entry,
                          uint32_t *size)
{
    if (!atomic_load_explicit(&hook.needed, memory_order_acquire))
        return hook.compile(self, ee, info, flags, entry, size);
    return compile_chosen(self, ee, info, flags, entry, size);
}

/* ---- finding and hooking ---- */

typedef struct libraries {
    char jit[1024];
    bool runtime; /* libcoreclr.so is one of its own */
} libraries;

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *owner)
{
    libraries *l = owner;
    (void)size;
    if (ends_with(info->dlpi_name, "/libclrjit.so")) snprintf(l->jit, sizeof l->jit, "%s", info->dlpi_name);
    l->runtime |= ends_with(info->dlpi_name, "/libcoreclr.so");
    return 0;
}

static bool fail(const char *why)
{
    snprintf(hook.why_not, sizeof hook.why_not, "%s", why);
    return false;
}

static bool find_compiler(void)
{
    libraries l = {.runtime = false};
    dl_iterate_phdr(look_at, &l);
    if (!l.jit[0])
        return fail(l.runtime ? "the JIT is not loaded yet" : "the JIT is a part of the program's single file");
    void *library = dlopen(l.jit, RTLD_LAZY | RTLD_NOLOAD); /* kept: the JIT stays as long as the process */
    clr_jit_compiler *(*get)(void) = NULL;
    void *symbol = library ? dlsym(library, "getJit") : NULL;
    memcpy(&get, &symbol, sizeof get);
    hook.compiler = get ? get() : NULL;
    return hook.compiler || fail("libclrjit.so does not hand out its compiler");
}

/* Under the lock. */
static bool find(void)
{
    clr_guid v = {0};
    if (hook.jit) return true;
    if (!hook.compiler && !find_compiler()) return false;
    clr_jit_get_version *version = (clr_jit_get_version *)hook.compiler->vt[CLR_JIT_GET_VERSION];
    version(hook.compiler, &v);
    hook.jit = clr_jit_known(&v);
    if (!hook.jit)
        snprintf(hook.why_not, sizeof hook.why_not,
                 "this version of rejit does not know the JIT's interface "
                 "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 v.a, v.b, v.c, v.d[0], v.d[1], v.d[2], v.d[3], v.d[4], v.d[5], v.d[6], v.d[7]);
    return hook.jit != NULL;
}

/* The JIT's vtable lies in memory that is never written; the pointer to it does not. */
static void put_in(void)
{
    if (hook.in) return;
    memcpy(hook.slots, hook.compiler->vt - ENG_JIT_HEAD, sizeof hook.slots);
    hook.compile = (clr_jit_compile *)hook.slots[ENG_JIT_HEAD + CLR_JIT_COMPILE_METHOD];
    hook.slots[ENG_JIT_HEAD + CLR_JIT_COMPILE_METHOD] = (clr_jit_slot)on_compile;
    __atomic_store_n(&hook.compiler->vt, hook.slots + ENG_JIT_HEAD, __ATOMIC_RELEASE);
    hook.in = true;
}

const char *eng_jit_why_not(void)
{
    pthread_mutex_lock(&hook.lock);
    const char *why = find() ? NULL : hook.why_not;
    pthread_mutex_unlock(&hook.lock);
    return why;
}

const clr_jit *eng_jit_version(void)
{
    return eng_jit_why_not() ? NULL : hook.jit;
}

/* Under the lock. */
static void count_needs(void)
{
    bool any = atomic_load(&hook.apart) != NULL || hook.in;
    for (unsigned i = 0; i < CHOOSERS; i++)
        any |= atomic_load(&hook.choosers[i].choose) != NULL;
    atomic_store_explicit(&hook.needed, any, memory_order_release);
}

static bool add(eng_jit_choose *f, void *owner, err_t *e)
{
    for (unsigned i = 0; i < CHOOSERS; i++)
        if (atomic_load(&hook.choosers[i].choose) == f) return true;
    for (unsigned i = 0; i < CHOOSERS; i++) {
        chooser *c = &hook.choosers[i];
        if (atomic_load(&c->choose)) continue;
        c->owner = owner;
        atomic_store_explicit(&c->choose, f, memory_order_release);
        return true;
    }
    return err_set(e, ERR_LIMIT, -1, "too many users of the JIT hook");
}

bool eng_jit_on(eng_jit_choose *f, void *owner, err_t *e)
{
    pthread_mutex_lock(&hook.lock);
    bool ok = find() || err_set(e, ERR_REFUSED, -1, ENG_JIT_NO_HOOK, hook.why_not);
    if (ok) put_in();
    ok = ok && add(f, owner, e);
    count_needs();
    pthread_mutex_unlock(&hook.lock);
    return ok;
}

void eng_jit_guard(void)
{
    pthread_mutex_lock(&hook.lock);
    if (find()) put_in();
    count_needs();
    pthread_mutex_unlock(&hook.lock);
}

void eng_jit_off(eng_jit_choose *f)
{
    pthread_mutex_lock(&hook.lock);
    for (unsigned i = 0; i < CHOOSERS; i++)
        if (atomic_load(&hook.choosers[i].choose) == f) atomic_store(&hook.choosers[i].choose, NULL);
    count_needs();
    pthread_mutex_unlock(&hook.lock);
}

void eng_jit_keep_apart(eng_jit_apart *apart, void *owner)
{
    pthread_mutex_lock(&hook.lock);
    if (apart) hook.apart_owner = owner;
    atomic_store_explicit(&hook.apart, apart, memory_order_release);
    count_needs();
    pthread_mutex_unlock(&hook.lock);
}
