#include "fake_runtime.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NO ((clr_hresult)0x80004005)

static fake_runtime *of(clr_info *info)
{
    return (fake_runtime *)(void *)info;
}

static fake_module *module_of(clr_module_id id)
{
    return (fake_module *)id;
}

fake_method *fake_of(fake_module *m, uint32_t token)
{
    assert_int_equal(CIL_TABLE(token), CIL_METHOD_DEF);
    assert_in_range(CIL_RID(token), 1, m->image.rows[CIL_METHOD_DEF]);
    return &m->methods[CIL_RID(token)];
}

/* ---- ICorProfilerInfo ---- */

static void put_utf16(const char *text, uint32_t room, uint32_t *used, uint16_t *out)
{
    uint32_t n = 0;
    for (; text[n] && n + 1 < room; n++)
        out[n] = (uint8_t)text[n];
    out[n] = 0;
    *used = n + 1;
}

static clr_hresult module_info(clr_info *info, clr_module_id id, const uint8_t **base, uint32_t chars, uint32_t *used,
                               uint16_t *name, clr_assembly_id *assembly, uint32_t *flags)
{
    (void)info;
    const fake_module *m = module_of(id);
    put_utf16(m->file, chars, used, name);
    *base = m->base;
    *assembly = id;
    *flags = m->flags;
    return CLR_OK;
}

static clr_hresult set_events(clr_info *info, uint32_t mask)
{
    of(info)->events = mask;
    return of(info)->event_answer;
}

static clr_hresult set_all_events(clr_info *info, uint32_t low, uint32_t high)
{
    if (high) return NO; /* so that nothing is taken over: there is no JIT here */
    return set_events(info, low);
}

static clr_hresult assembly_info(clr_info *info, clr_assembly_id id, uint32_t chars, uint32_t *used, uint16_t *name,
                                 clr_appdomain_id *domain, clr_module_id *module)
{
    (void)info, (void)domain, (void)module;
    put_utf16(module_of(id)->assembly, chars, used, name);
    return CLR_OK;
}

static clr_hresult il_body(clr_info *info, clr_module_id id, uint32_t token, const uint8_t **il, uint32_t *size)
{
    fake_runtime *rt = of(info);
    cil_blob body;
    err_t e = {0};
    if (rt->body_answer < 0) return rt->body_answer;
    if (!cil_method_bytes(&module_of(id)->image, CIL_RID(token), &body, &e)) return NO;
    *il = body.p;
    *size = body.n;
    return CLR_OK;
}

/* ---- IMetaDataEmit2: every item is a new row ---- */

static clr_hresult new_item(fake_module *m, cil_table kind, cil_token parent, const uint16_t *name, const void *blob,
                            uint32_t size, uint32_t *token)
{
    struct fake_item *x = &m->last;
    uint32_t rows = kind < CIL_TABLE_SLOTS ? m->image.rows[kind] : 0;
    *x = (struct fake_item){.token = CIL_TOKEN(kind, rows + ++m->tokens), .parent = parent, .size = size};
    assert_true(size <= sizeof x->blob);
    if (size) memcpy(x->blob, blob, size);
    for (size_t i = 0; name && name[i] && i + 1 < sizeof x->name; i++)
        x->name[i] = (char)name[i];
    *token = x->token;
    return m->runtime->metadata_answer;
}

static fake_module *module_of_emit(clr_emit *emit)
{
    return (fake_module *)(void *)emit;
}

static clr_hresult token_from_sig(clr_emit *emit, const uint8_t *sig, uint32_t size, uint32_t *token)
{
    return new_item(module_of_emit(emit), CIL_STAND_ALONE_SIG, 0, NULL, sig, size, token);
}

static clr_hresult token_from_spec(clr_emit *emit, const uint8_t *sig, uint32_t size, uint32_t *token)
{
    return new_item(module_of_emit(emit), CIL_TYPE_SPEC, 0, NULL, sig, size, token);
}

static clr_hresult type_ref(clr_emit *emit, uint32_t scope, const uint16_t *name, uint32_t *token)
{
    return new_item(module_of_emit(emit), CIL_TYPE_REF, scope, name, NULL, 0, token);
}

static clr_hresult member_ref(clr_emit *emit, uint32_t parent, const uint16_t *name, const uint8_t *sig, uint32_t size,
                              uint32_t *token)
{
    return new_item(module_of_emit(emit), CIL_MEMBER_REF, parent, name, sig, size, token);
}

static clr_hresult module_ref(clr_emit *emit, const uint16_t *name, uint32_t *token)
{
    return new_item(module_of_emit(emit), CIL_MODULE_REF, 0, name, NULL, 0, token);
}

static clr_hresult method_spec(clr_emit *emit, uint32_t method, const uint8_t *sig, uint32_t size, uint32_t *token)
{
    return new_item(module_of_emit(emit), CIL_METHOD_SPEC, method, NULL, sig, size, token);
}

static clr_hresult user_string(clr_emit *emit, const uint16_t *text, uint32_t units, uint32_t *token)
{
    return new_item(module_of_emit(emit), CIL_USER_STRING, 0, NULL, text, units * 2, token);
}

static clr_hresult type_def(clr_emit *emit, const uint16_t *name, uint32_t flags, uint32_t extends,
                            const uint32_t *implements, uint32_t *token)
{
    assert_true(!implements && flags & 0x80);
    return new_item(module_of_emit(emit), CIL_TYPE_DEF, extends, name, NULL, 0, token);
}

/* NOLINTNEXTLINE(readability-function-size): the interface's parameters */
static clr_hresult method_def(clr_emit *emit, uint32_t type, const uint16_t *name, uint32_t flags, const uint8_t *sig,
                              uint32_t size, uint32_t rva, uint32_t impl_flags, uint32_t *token)
{
    assert_true(flags & 0x10 && !rva && !impl_flags);
    return new_item(module_of_emit(emit), CIL_METHOD_DEF, type, name, sig, size, token);
}

static clr_hresult attribute(clr_emit *emit, uint32_t owner, uint32_t constructor, const void *value, uint32_t size,
                             uint32_t *token)
{
    (void)constructor;
    return new_item(module_of_emit(emit), CIL_CUSTOM_ATTRIBUTE, owner, NULL, value, size, token);
}

static fake_module *module_of_assembly_emit(void *emit)
{
    return (fake_module *)(void *)((char *)emit - offsetof(fake_module, assembly_emit));
}

/* NOLINTNEXTLINE(readability-function-size): the interface's parameters */
static clr_hresult assembly_ref(clr_assembly_emit *emit, const void *public_key, uint32_t key_size,
                                const uint16_t *name, const clr_assembly_props *props, const void *hash,
                                uint32_t hash_size, uint32_t flags, uint32_t *token)
{
    fake_module *m = module_of_assembly_emit(emit);
    assert_true(!hash && !hash_size && !flags == !key_size);
    clr_hresult hr = new_item(m, CIL_ASSEMBLY_REF, 0, name, public_key, key_size, token);
    memcpy(m->last.version, props->version, sizeof props->version);
    return hr;
}

static uint32_t no_release(void *self)
{
    (void)self;
    return 1;
}

static const struct clr_assembly_emit_slots assembly_emit_slots = {.unknown = {.Release = no_release},
                                                                   .DefineAssemblyRef = assembly_ref};

static clr_hresult query_emit(void *self, const clr_guid *iid, void **out)
{
    fake_module *m = self;
    assert_true(clr_guid_equal(iid, &clr_iid_assembly_emit));
    m->assembly_emit.vt = &assembly_emit_slots;
    *out = &m->assembly_emit;
    return CLR_OK;
}

static uint32_t release_emit(void *self)
{
    (void)self;
    return 1; /* it is a part of its module */
}

static const struct clr_emit_slots emit_slots = {.unknown = {.QueryInterface = query_emit, .Release = release_emit},
                                                 .GetTokenFromSig = token_from_sig,
                                                 .GetTokenFromTypeSpec = token_from_spec,
                                                 .DefineTypeRefByName = type_ref,
                                                 .DefineMemberRef = member_ref,
                                                 .DefineModuleRef = module_ref,
                                                 .DefineMethodSpec = method_spec,
                                                 .DefineUserString = user_string,
                                                 .DefineTypeDef = type_def,
                                                 .DefineMethod = method_def,
                                                 .DefineCustomAttribute = attribute};

static void *il_alloc(clr_il_memory *memory, uint32_t size)
{
    static arena kept; /* as long as the module */
    (void)memory;
    return arena_alloc(&kept, size);
}

static const struct clr_il_memory_slots il_memory_slots = {.unknown = {.Release = no_release}, .Alloc = il_alloc};

static clr_hresult il_memory(clr_info *info, clr_module_id id, clr_il_memory **out)
{
    (void)info;
    module_of(id)->il_memory.vt = &il_memory_slots;
    *out = &module_of(id)->il_memory;
    return CLR_OK;
}

static clr_hresult set_il_body(clr_info *info, clr_module_id id, uint32_t token, const uint8_t *body)
{
    (void)info;
    assert_int_equal(token, module_of(id)->last.token);
    assert_true(module_of(id)->applied); /* a method that the runtime does not know of yet takes no body */
    module_of(id)->last.body = body;
    return CLR_OK;
}

static clr_hresult apply(clr_info *info, clr_module_id id)
{
    (void)info;
    module_of(id)->applied++;
    return CLR_OK;
}

static clr_hresult metadata(clr_info *info, clr_module_id id, uint32_t flags, const clr_guid *iid, void **out)
{
    (void)info;
    if (!(flags & CLR_OPEN_WRITE) || !clr_guid_equal(iid, &clr_iid_emit)) return NO;
    *out = module_of(id);
    return CLR_OK;
}

/* A function is a module's number and a token; the bits above tell instances. */
static fake_module *module_of_function(fake_runtime *rt, clr_function_id f)
{
    return &rt->modules[(f >> 32 & 0xFFFF) - 1];
}

clr_function_id fake_function(const fake_runtime *rt, const fake_module *m, uint32_t token)
{
    return (clr_function_id)(m - rt->modules + 1) << 32 | token;
}

static clr_hresult function_info(clr_info *info, clr_function_id f, clr_class_id *type, clr_module_id *module,
                                 uint32_t *token)
{
    fake_runtime *rt = of(info);
    *type = 0;
    *module = (clr_module_id)module_of_function(rt, f);
    *token = (uint32_t)f;
    return CLR_OK;
}

static clr_hresult function_from_token(clr_info *info, clr_module_id module, uint32_t token, clr_function_id *f)
{
    *f = fake_function(of(info), module_of(module), token);
    return CLR_OK;
}

/* Even tokens have R2R code, every third was compiled. */
static clr_hresult code_starts(clr_info *info, clr_function_id f, clr_rejit_id rejit, uint32_t n, uint32_t *used,
                               uintptr_t *out)
{
    fake_runtime *rt = of(info);
    (void)rejit;
    *used = 0;
    if (f % 2 == 0 && *used < n) out[(*used)++] = (uintptr_t)module_of_function(rt, f)->base + 64;
    if ((uint32_t)f % 3 == 0 && *used < n) out[(*used)++] = (uintptr_t)rt;
    return CLR_OK;
}

static clr_hresult function_from_ip(clr_info *info, const uint8_t *ip, clr_function_id *f, clr_rejit_id *rejit)
{
    (void)info, (void)ip, (void)f, (void)rejit;
    return NO; /* native code */
}

/* NOLINTNEXTLINE(readability-function-size): the interface's parameters */
static clr_hresult runtime_information(clr_info *info, uint16_t *instance, int32_t *type, uint16_t *major,
                                       uint16_t *minor, uint16_t *build, uint16_t *qfe, uint32_t chars, uint32_t *used,
                                       uint16_t *text)
{
    (void)info;
    *instance = *qfe = 0;
    *type = 2;
    *major = 10;
    *minor = 0;
    *build = 12;
    put_utf16("10.0.12", chars, used, text);
    return CLR_OK;
}

/* ---- ReJIT ---- */

static void request_one(fake_module *m, uint32_t token, bool as_inliner)
{
    fake_method *x = fake_of(m, token);
    x->pending = true;
    x->as_inliner = as_inliner;
    x->requests++;
}

static clr_hresult requested(fake_runtime *rt, uint32_t n)
{
    rt->rejit_calls++;
    rt->most_in_call = RJ_MAX(rt->most_in_call, n);
    if (rt->asked) rt->asked(rt);
    if (rt->rejit_answer < 0 && rt->answer_after == 0) return rt->rejit_answer;
    if (rt->answer_after) rt->answer_after--;
    return CLR_OK;
}

static clr_hresult request_rejit(clr_info *info, uint32_t n, clr_module_id *modules, uint32_t *tokens)
{
    clr_hresult hr = requested(of(info), n);
    for (uint32_t i = 0; hr >= 0 && i < n; i++)
        request_one(module_of(modules[i]), tokens[i], false);
    return hr;
}

static clr_hresult request_with_inliners(clr_info *info, uint32_t flags, uint32_t n, clr_module_id *modules,
                                         uint32_t *tokens)
{
    clr_hresult hr = requested(of(info), n);
    assert_true(flags & CLR_REJIT_BLOCK_INLINING);
    for (uint32_t i = 0; hr >= 0 && i < n; i++) {
        fake_module *m = module_of(modules[i]);
        for (uint32_t rid = 1; rid <= m->image.rows[CIL_METHOD_DEF]; rid++)
            if (m->methods[rid].inlined == tokens[i]) request_one(m, CIL_TOKEN(CIL_METHOD_DEF, rid), true);
        request_one(m, tokens[i], false);
    }
    return hr;
}

static clr_hresult request_revert(clr_info *info, uint32_t n, clr_module_id *modules, uint32_t *tokens,
                                  clr_hresult *results)
{
    fake_runtime *rt = of(info);
    rt->revert_calls++;
    rt->most_in_call = RJ_MAX(rt->most_in_call, n);
    for (uint32_t i = 0; i < n; i++) {
        fake_method *x = fake_of(module_of(modules[i]), tokens[i]);
        results[i] = x->pending || x->rejitted ? CLR_OK : (clr_hresult)0x80131351;
        x->pending = x->rejitted = false;
        x->reverts++;
        buf_free(&x->body);
    }
    return CLR_OK;
}

/* ---- modules ---- */

typedef struct module_enum {
    clr_enum e;
    fake_runtime *rt;
    size_t at;
} module_enum;

static clr_hresult next_module(clr_enum *e, uint32_t n, void *out, uint32_t *fetched)
{
    module_enum *x = (module_enum *)(void *)e;
    assert_int_equal(n, 1);
    while (x->at < x->rt->count && !x->rt->modules[x->at].loaded)
        x->at++;
    *fetched = x->at < x->rt->count;
    if (*fetched) *(clr_module_id *)out = (clr_module_id)&x->rt->modules[x->at++];
    return *fetched ? CLR_OK : 1;
}

static uint32_t release_enum(void *self)
{
    free(self);
    return 0;
}

static const struct clr_enum_slots enum_slots = {.unknown = {.Release = release_enum}, .Next = next_module};

static clr_hresult enum_modules(clr_info *info, clr_enum **out)
{
    module_enum *x = calloc(1, sizeof *x);
    assert_non_null(x);
    *x = (module_enum){{&enum_slots}, of(info), 0};
    *out = &x->e;
    return CLR_OK;
}

/* ---- threads ---- */

static clr_hresult next_thread(clr_enum *e, uint32_t n, void *out, uint32_t *fetched)
{
    module_enum *x = (module_enum *)(void *)e;
    assert_int_equal(n, 1);
    *fetched = x->at < x->rt->threads;
    if (*fetched) *(clr_thread_id *)out = ++x->at;
    return *fetched ? CLR_OK : 1;
}

static const struct clr_enum_slots thread_slots = {.unknown = {.Release = release_enum}, .Next = next_thread};

static clr_hresult enum_threads(clr_info *info, clr_enum **out)
{
    module_enum *x = calloc(1, sizeof *x);
    assert_non_null(x);
    assert_true(of(info)->suspended); /* a thread might end meanwhile */
    *x = (module_enum){{&thread_slots}, of(info), 0};
    *out = &x->e;
    return CLR_OK;
}

static clr_hresult walk_stack(clr_info *info, clr_thread_id thread, clr_stack_visitor *visit, uint32_t flags,
                              void *owner, uint8_t *context, uint32_t size)
{
    fake_runtime *rt = of(info);
    (void)flags, (void)context, (void)size;
    assert_true(rt->suspended);
    const clr_function_id *first = rt->stacks[thread - 1];
    for (const clr_function_id *f = first; rt->walk_answer >= 0 && *f; f++) {
        if (f == first + 1 && rt->walk_naps) {
            rt->walk_naps--;
            for (uint64_t until = eng_now_ns() + 3000000; eng_now_ns() < until;) {
            }
        }
        if (visit(*f, 0, 0, 0, NULL, owner) != CLR_OK) return (clr_hresult)0x80131361; /* aborted */
    }
    return rt->walk_answer;
}

static clr_hresult suspend(clr_info *info)
{
    of(info)->suspended++;
    of(info)->suspensions++;
    return CLR_OK;
}

static clr_hresult resume(clr_info *info)
{
    of(info)->suspended--;
    return CLR_OK;
}

static clr_hresult version_of_ip(clr_info *info, const uint8_t *ip, clr_function_id *f, clr_rejit_id *rejit)
{
    (void)info, (void)ip, (void)f;
    *rejit = 0;
    return CLR_OK;
}

/* No type is loaded. */
static clr_hresult class_from_token(clr_info *info, clr_module_id module, uint32_t token, clr_class_id *out)
{
    (void)info, (void)module, (void)token, (void)out;
    return CLR_FAIL;
}

static const struct clr_info_slots info_slots = {
    .GetClassFromToken = class_from_token,
    .SuspendRuntime = suspend,
    .ResumeRuntime = resume,
    .EnumThreads = enum_threads,
    .DoStackSnapshot = walk_stack,
    .GetFunctionFromIP2 = version_of_ip,
    .EnumModules = enum_modules,
    .SetEventMask = set_events,
    .SetEventMask2 = set_all_events,
    .GetModuleInfo2 = module_info,
    .GetAssemblyInfo = assembly_info,
    .GetILFunctionBody = il_body,
    .GetModuleMetaData = metadata,
    .GetILFunctionBodyAllocator = il_memory,
    .SetILFunctionBody = set_il_body,
    .ApplyMetaData = apply,
    .GetFunctionInfo = function_info,
    .GetFunctionFromToken = function_from_token,
    .GetNativeCodeStartAddresses = code_starts,
    .GetFunctionFromIP3 = function_from_ip,
    .GetRuntimeInformation = runtime_information,
    .RequestReJIT = request_rejit,
    .RequestReJITWithInliners = request_with_inliners,
    .RequestRevert = request_revert,
};

/* ---- compiling ---- */

typedef struct control {
    clr_function_control c;
    fake_method *of;
} control;

static clr_hresult set_body(clr_function_control *c, uint32_t size, const uint8_t *body)
{
    buf_t *b = &((control *)(void *)c)->of->body;
    buf_free(b);
    buf_put(b, body, size);
    return CLR_OK;
}

static clr_hresult set_map(clr_function_control *c, uint32_t n, clr_il_map *map)
{
    fake_method *x = ((control *)(void *)c)->of;
    for (uint32_t i = 1; i < n; i++)
        assert_true(map[i].to >= map[i - 1].to);
    x->map_count = n;
    return CLR_OK;
}

static const struct clr_function_control_slots control_slots = {.SetILFunctionBody = set_body,
                                                                .SetILInstrumentedCodeMap = set_map};

void fake_call(fake_runtime *rt, fake_module *m, uint32_t token)
{
    fake_method *x = fake_of(m, token);
    if (!x->pending) return;
    if (!x->rejitted || !x->broken) {
        control c = {{&control_slots}, x};
        buf_free(&x->body);
        x->map_count = 0;
        assert_int_equal(eng_rejit_parameters(rt->g, (clr_module_id)m, token, &c.c), CLR_OK);
        x->version++;
        x->rejitted = true;
    }
    clr_function_id f = fake_function(rt, m, token);
    eng_rejit_started(rt->g, f, x->version);
    if (x->broken && x->body.n) return; /* the caller gets an exception, and the next call tries again */
    x->pending = false;
    eng_rejit_finished(rt->g, f, x->version, CLR_OK);
}

unsigned fake_call_all(fake_runtime *rt)
{
    unsigned n = 0;
    for (size_t i = 0; i < rt->count; i++) {
        fake_module *m = &rt->modules[i];
        for (uint32_t rid = 1; rid <= m->image.rows[CIL_METHOD_DEF]; rid++) {
            if (!m->methods[rid].pending) continue;
            fake_call(rt, m, CIL_TOKEN(CIL_METHOD_DEF, rid));
            n++;
        }
    }
    return n;
}

unsigned fake_changed(const fake_runtime *rt)
{
    unsigned n = 0;
    for (size_t i = 0; i < rt->count; i++)
        for (uint32_t rid = 1; rid <= rt->modules[i].image.rows[CIL_METHOD_DEF]; rid++)
            n += rt->modules[i].methods[rid].pending || rt->modules[i].methods[rid].rejitted;
    return n;
}

uint32_t fake_token(const fake_module *m, const char *name)
{
    for (uint32_t rid = 1; rid <= m->image.rows[CIL_METHOD_DEF]; rid++) {
        buf_t text = {0};
        cil_method_name(&m->image, rid, true, &text);
        bool found = strcmp(buf_cstr(&text), name) == 0;
        buf_free(&text);
        if (found) return CIL_TOKEN(CIL_METHOD_DEF, rid);
    }
    fail_msg("%s has no method %s", m->file, name);
    return 0;
}

/* ---- start and end ---- */

static void map_file(fake_module *m, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    err_t e = {0};
    if (fd < 0 || fstat(fd, &st) < 0) {
        fail_msg("%s cannot be opened", path);
        return;
    }
    m->size = (size_t)st.st_size;
    m->base = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    assert_ptr_not_equal(m->base, MAP_FAILED);
    if (!cil_image_open(&m->image, m->base, m->size, CIL_FLAT, &e)) fail_msg("%s: %s", path, e.text);
    m->file = path;
    m->assembly = cil_assembly_name(&m->image);
    m->flags = CLR_MODULE_DISK | CLR_MODULE_FLAT_LAYOUT;
    m->emit.vt = &emit_slots;
    m->methods = calloc(m->image.rows[CIL_METHOD_DEF] + 1, sizeof *m->methods);
    assert_non_null(m->methods);
}

static void woken(void *owner)
{
    atomic_fetch_add(&((fake_runtime *)owner)->woken, 1);
}

/* Engines live as long as their process: what they hold is held, and no leak. */
#define ENGINES_MOST 512u
static eng *engines[ENGINES_MOST];
static size_t engine_count;

void fake_start(fake_runtime *rt, const char *const *paths, size_t count, size_t loaded)
{
    err_t e = {0};
    *rt = (fake_runtime){.info = {&info_slots}, .count = count};
    assert_true(count <= RJ_COUNT(rt->modules));
    for (size_t i = 0; i < count; i++) {
        map_file(&rt->modules[i], paths[i]);
        rt->modules[i].runtime = rt;
        rt->modules[i].loaded = i < loaded;
    }
    rt->g = eng_start(&rt->info, &e);
    assert_non_null(rt->g);
    assert_true(engine_count < ENGINES_MOST);
    engines[engine_count++] = rt->g;
    eng_index(rt->g);
    eng_on_news(rt->g, woken, rt);
}

void fake_load(fake_runtime *rt, size_t index)
{
    rt->modules[index].loaded = true;
    eng_module_loaded(rt->g, (clr_module_id)&rt->modules[index]);
}

/* The engine lives as long as its process: what it holds is let go of here only to see that nothing else leaks. */
void fake_end(fake_runtime *rt)
{
    for (size_t i = 0; i < rt->count; i++) {
        fake_module *m = &rt->modules[i];
        for (uint32_t rid = 0; rid <= m->image.rows[CIL_METHOD_DEF]; rid++)
            buf_free(&m->methods[rid].body);
        free(m->methods);
        munmap(m->base, m->size);
    }
}
