/* Methods whose bodies live in hosts: when, their switches, and their versions from the weave to the end. */
#include "engine/takeover.h"
#include "engine/early.h"
#include "engine/jit-priv.h"
#include "engine/keep.h"
#include "engine/managed.h"
#include "engine/metadata.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define WAIT_MS 10000u

typedef enum version_state { V_WAITING, V_INSTALLED, V_ENDING } version_state;

/* One body of a method, in a host of its own. */
struct eng_version {
    eng_job job; /* first: compiles it, later releases it */
    eng *g;
    eng_method *method;
    eng_version *next; /* among those that have ended */
    version_state state;
    clr_function_id function;
    clr_class_id type;
    uint8_t *body; /* header, code, EH sections; what the JIT is given points into it */
    uint32_t size;
    cil_blob locals;
    probe **probes;
    uint32_t probe_count;
    clr_jit_eh *ehs;
    /* of the host */
    intptr_t handle;
    clr_function_id host;
    const uint8_t *entry;
    uint32_t native_size;
    bool debugger;
};

/* A method's stub and switch: machine code in one page, data in the next. Never given back. */
typedef struct eng_stub {
    const uint8_t *code;
    struct stub_data {
        const uint8_t *entry;
        uint64_t on; /* its first byte is looked at */
    } * data;
} eng_stub;

struct eng_takeover {
    eng_stub stub;
    weave_output body;      /* with the switch, for the runtime, until it has it. Transaction lock */
    eng_version *prepared;  /* woven, not given to the helpers yet. Transaction lock */
    eng_version *waiting;   /* the newest that was given. Ledger lock */
    eng_version *installed; /* what entry leads to. Ledger lock */
    bool switched;          /* the runtime has the version with the switch */
    bool ready;             /* what is installed is the newest, and the runtime may have that version. Ledger lock */
    bool failed, debugger;  /* the newest could not be compiled; because of a debugger. Ledger lock */
    uint64_t idle_ns;       /* since when nobody wants it; 0: somebody does */
};

/* ---- stubs ---- */

#define PAGE      4096u
#define STUB_SIZE 16u
#define STUBS     (PAGE / STUB_SIZE)
_Static_assert(sizeof(struct stub_data) == STUB_SIZE, "code and data of a stub lie a page apart");

/* jmp *(PAGE - 6)(%rip): through the word that lies one page behind the instruction. */
static void write_stub(uint8_t *at)
{
    static const uint8_t jump[] = {0xFF, 0x25, (PAGE - 6) & 0xFF, (PAGE - 6) >> 8, 0, 0};
    memset(at, 0xCC, STUB_SIZE);
    memcpy(at, jump, sizeof jump);
}

static bool stub_new(eng *g, eng_stub *s, err_t *e)
{
    if (g->stubs_used == STUBS || !g->stubs) {
        uint8_t *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) return err_set(e, ERR_MEMORY, -1, "out of memory");
        for (uint32_t i = 0; i < STUBS; i++)
            write_stub(p + (size_t)i * STUB_SIZE);
        if (mprotect(p, PAGE, PROT_READ | PROT_EXEC) < 0) {
            munmap(p, 2 * PAGE);
            return err_errno(e, "making memory executable");
        }
        g->stubs = p;
        g->stubs_used = 0;
        g->probe_bytes += 2 * PAGE;
    }
    s->code = g->stubs + (size_t)g->stubs_used++ * STUB_SIZE;
    s->data = (struct stub_data *)(void *)(uintptr_t)(s->code + PAGE);
    return true;
}

/* ---- may it be done? ---- */

static bool hook(eng *g, err_t *e);
static eng_jit_choose choose;

/* Once for the process: the JIT's interface must be known, the helpers must be there, the runtime must tell of ends. */
static bool is_available(eng *g)
{
    if (g->takeover_tried) return !g->takeover_refused;
    err_t e = {0};
    g->takeover_tried = true;
    g->takeover_refused = !hook(g, &e) || !eng_managed_start(g, &e);
    if (g->takeover_refused) {
        eng_jit_off(choose);
        eng_hear_unloads(g, ENG_HEARS_HOSTS, false, NULL);
        log_line(LOG_WARN, "engine", "methods are not taken over in this process: %s", e.text);
    }
    return !g->takeover_refused;
}

const char *eng_takeover_why_not(eng *g)
{
    const char *no_hook = eng_jit_why_not();
    if (no_hook) return no_hook;
    pthread_mutex_lock(&g->transaction);
    const char *why = g->takeover_refused ? "the program lacks what taking methods over needs"
                      : g->debugged       ? "a managed debugger is attached"
                                          : NULL;
    pthread_mutex_unlock(&g->transaction);
    return why;
}

/* What a host cannot stand for. */
static const char *why_not(const eng_method *m)
{
    enum { SYNCHRONIZED = 0x20 };
    const cil_image *im = &m->module->image;
    uint32_t rid = CIL_RID(m->token);
    if (m->module->flags & (CLR_MODULE_COLLECTIBLE | CLR_MODULE_DYNAMIC)) return "its module can be unloaded";
    if (cil_cell(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_IMPL_FLAGS) & SYNCHRONIZED) return "it is synchronized";
    if (cil_has_attribute(im, m->token, "System.Runtime.InteropServices.UnmanagedCallersOnlyAttribute"))
        return "native code calls it";
    if (strcmp(cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), ".cctor") == 0) return "it runs once";
    return NULL;
}

bool eng_takeover_serves(const eng_method *m)
{
    return m->takeover && m->takeover->switched;
}

cil_blob eng_takeover_body(const eng_method *m)
{
    const eng_takeover *t = m->takeover;
    const eng_version *v = !t ? NULL : t->waiting ? t->waiting : t->installed;
    return v ? (cil_blob){v->body, v->size} : (cil_blob){0};
}

void eng_takeover_code(const eng_method *m, const uint8_t **entry, uint32_t *size)
{
    const eng_version *v = m->takeover ? m->takeover->installed : NULL;
    *entry = v ? v->entry : NULL;
    *size = v ? v->native_size : 0;
}

/* Async calls outlive the frames of their bodies: what they point to must not be used again. */
static bool is_async(const eng_method *m)
{
    for (size_t i = 0; i < m->layers.n; i++)
        if (m->layers.v[i].with) return true;
    return false;
}

/* Breakpoints work in versions of the runtime's. */
static bool belongs_to_runtime(const eng *g, const eng_method *m)
{
    return m->stays || g->debugged || is_async(m);
}

/* The version that makes the method the host's, unless the environment has another number. 0: never. */
static uint32_t versions_most(void)
{
    const char *text = getenv("REJIT_TAKEOVER");
    return text && *text ? (uint32_t)strtoul(text, NULL, 10) : ENG_VERSIONS_MOST;
}

bool eng_takeover_wanted(eng *g, eng_method *m)
{
    if (belongs_to_runtime(g, m)) {
        pthread_mutex_lock(&g->ledger);
        if (eng_takeover_serves(m)) eng_takeover_leave(g, m);
        pthread_mutex_unlock(&g->ledger);
        return false;
    }
    if (eng_takeover_serves(m)) return true;
    if (g->bulk || !m->versions) return false;
    uint32_t most = versions_most();
    if (!most || m->versions < most || !is_available(g)) return false;
    const char *why = why_not(m);
    if (!why) return true;
    m->stays = true;
    log_line(LOG_INFO, "engine", "%s is not taken over: %s", m->name, why);
    return false;
}

/* ---- a version's beginning ---- */

static void version_free(eng_version *v)
{
    for (uint32_t i = 0; i < v->probe_count; i++)
        eng_probe_drop(v->g, v->probes[i]);
    free(v->probes);
    free(v->body);
    free(v->ehs);
    free(v);
}

static bool keep_probes(eng_version *v, const eng_method *m)
{
    v->probes = calloc(m->layers.n + 1, sizeof *v->probes);
    if (!v->probes) return false;
    for (size_t i = 0; i < m->layers.n; i++) {
        v->probes[v->probe_count++] = m->layers.v[i].probe;
        eng_probe_hold(m->layers.v[i].probe);
    }
    return true;
}

static bool identify(eng_version *v, err_t *e)
{
    const eng_method *m = v->method;
    clr_info *info = v->g->info;
    clr_module_id module;
    uint32_t token;
    clr_hresult hr = info->vt->GetFunctionFromToken(info, m->module->id, m->token, &v->function);
    if (hr >= 0) hr = info->vt->GetFunctionInfo(info, v->function, &v->type, &module, &token);
    return (hr >= 0 && v->type) ||
           err_set(e, ERR_REFUSED, -1, "the runtime does not know its type yet (%08x)", (unsigned)hr);
}

enum { HEADER_FAT = 3, HEADER_MORE = 8, HEADER_INIT_LOCALS = 0x10, HEADER_SIZE = 12 }; /* II.25.4.3 */

static uint32_t le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

/* Woven bodies have fat headers. */
static bool find_locals(eng_version *v, err_t *e)
{
    if ((v->body[0] & 3) != HEADER_FAT) return err_set(e, ERR_REFUSED, -1, "its body has no fat header");
    v->locals = eng_hidden_locals(v->g, v->body + HEADER_SIZE, le32(v->body + 4));
    if (v->locals.n) return true;
    cil_token token = le32(v->body + 8);
    if (token) v->locals = eng_meta_sig(v->method->module, token);
    return !token || v->locals.n > 2 || err_set(e, ERR_REFUSED, -1, "the signature of its locals is not known");
}

static eng_version *version_new(eng *g, eng_method *m, const weave_output *woven, err_t *e)
{
    eng_version *v = calloc(1, sizeof *v);
    if (!v) {
        err_set(e, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    v->g = g;
    v->method = m;
    v->size = (uint32_t)woven->body.n;
    bool ok = (v->body = malloc(woven->body.n)) && keep_probes(v, m);
    if (!ok) err_set(e, ERR_MEMORY, -1, "out of memory");
    if (ok) memcpy(v->body, woven->body.p, woven->body.n);
    if (ok && find_locals(v, e) && identify(v, e)) return v;
    version_free(v);
    return NULL;
}

/* The method's last version of the runtime's, with the switch in it. */
static bool make_switch(eng *g, eng_method *m, const weave_input *in, err_t *e)
{
    arena scratch = {0};
    eng_takeover *t = m->takeover;
    if (!t) t = calloc(1, sizeof *t);
    bool ok = (t || err_set(e, ERR_MEMORY, -1, "out of memory")) && (t->stub.code || stub_new(g, &t->stub, e));
    if (ok) {
        weave_switch s = {(uint64_t)(uintptr_t)&t->stub.data->on, (uint64_t)(uintptr_t)t->stub.code};
        weave_output_free(&t->body);
        ok = weave_switched(&scratch, in, &s, &t->body, e);
    }
    arena_free(&scratch);
    if (ok) m->takeover = t;
    if (!ok && !m->takeover) free(t);
    return ok;
}

bool eng_takeover_prepare(eng *g, eng_method *m, const weave_input *in, const weave_output *woven)
{
    err_t e = {0};
    eng_version *v = version_new(g, m, woven, &e);
    if (v && (eng_takeover_serves(m) || make_switch(g, m, in, &e))) {
        if (m->takeover->prepared) version_free(m->takeover->prepared);
        m->takeover->prepared = v;
        return eng_takeover_serves(m);
    }
    if (v) version_free(v);
    m->stays = true;
    log_line(LOG_INFO, "engine", "%s is not taken over: %s", m->name, e.text);
    return false;
}

/* ---- the compile ---- */

/* The clauses of a body that cil_body_write has written: one section, small or fat (II.25.4.6). */
static bool read_ehs(eng_version *v, uint32_t at, uint32_t *count)
{
    enum { FAT = 0x40, SMALL_CLAUSE = 12, FAT_CLAUSE = 24 };
    const uint8_t *p = v->body + at;
    bool fat = p[0] & FAT;
    uint32_t size = fat ? le32(p) >> 8 : p[1];
    *count = (size - 4) / (fat ? FAT_CLAUSE : SMALL_CLAUSE);
    if (at + size > v->size || !(v->ehs = calloc(*count, sizeof *v->ehs))) return false;
    p += 4;
    for (uint32_t i = 0; i < *count; i++, p += fat ? FAT_CLAUSE : SMALL_CLAUSE) {
        if (fat)
            v->ehs[i] = (clr_jit_eh){le32(p), le32(p + 4), le32(p + 8), le32(p + 12), le32(p + 16), le32(p + 20)};
        else
            v->ehs[i] = (clr_jit_eh){le16(p), le16(p + 2), p[4], le16(p + 5), p[7], le32(p + 8)};
    }
    return true;
}

/* The body as the JIT takes it. */
static bool describe_body(eng_version *v, eng_compile *c)
{
    clr_jit_method *i = &c->info;
    const uint8_t *p = v->body;
    i->max_stack = le16(p + 2);
    i->il_size = le32(p + 4);
    i->il = p + HEADER_SIZE;
    i->options = (i->options & ~CLR_JIT_INIT_LOCALS) | (p[0] & HEADER_INIT_LOCALS ? CLR_JIT_INIT_LOCALS : 0);
    i->eh_count = 0;
    if (p[0] & HEADER_MORE && !read_ehs(v, HEADER_SIZE + ((i->il_size + 3u) & ~3u), &i->eh_count)) return false;
    c->eh = v->ehs;
    uint32_t token = le32(p + 8), count = 0;
    if (!v->locals.n) {
        i->locals.arg_count = 0;
        return true;
    }
    cil_blob sig = v->locals;
    uint32_t n = sig.n > 1 ? cil_read_compressed((cil_blob){sig.p + 1, sig.n - 1}, &count) : 0;
    if (!n) return false;
    i->locals.arg_count = (uint16_t)count;
    i->locals.args = sig.p + 1 + n;
    i->locals.blob = sig.p;
    i->locals.blob_size = sig.n;
    i->locals.scope = i->scope;
    i->locals.token = token;
    return true;
}

/* What the JIT calls the context of the method that is compiled must be the method, not its host. */
static void resolve(clr_jit_ee *self, clr_jit_token *token)
{
    enum { OF_THIS_METHOD = 1 };
    const eng_compile *c = eng_jit_compile_of(self);
    if (token->context == OF_THIS_METHOD) token->context = c->info.method;
    ((clr_jit_resolve_token *)eng_jit_real(c, CLR_JIT_RESOLVE_TOKEN))(self, token);
}

static void compiled(eng_compile *c, int32_t result, const uint8_t *entry, uint32_t size)
{
    eng_version *v = c->owner;
    v->g->compiling = NULL; /* the original of the host comes next, where this failed */
    if (result != CLR_JIT_OK) return;
    v->entry = entry;
    v->native_size = size;
    v->host = c->original->method;
}

static bool choose(void *owner, eng_compile *c)
{
    eng *g = owner;
    eng_version *v = eng_managed_self(g) ? g->compiling : NULL;
    if (!v || !(c->original->scope & CLR_JIT_DYNAMIC_SCOPE) || eng_jit_is_stub(c)) return false;
    clr_jit_method info = {0};
    clr_jit_get_method_info *get = (clr_jit_get_method_info *)eng_jit_real(c, CLR_JIT_GET_METHOD_INFO);
    if (!get(c->ee, v->function, &info, 0)) return false;
    c->info = info;
    if (!describe_body(v, c)) {
        c->info = *c->original;
        return false;
    }
    c->owner = v;
    c->done = compiled;
    eng_jit_replace(c, CLR_JIT_RESOLVE_TOKEN, (clr_jit_slot)resolve);
    return true;
}

static bool hook(eng *g, err_t *e)
{
    return eng_hear_unloads(g, ENG_HEARS_HOSTS, true, e) && eng_jit_on(choose, g, e);
}

/* ---- from the helpers' thread ---- */

/* Under the ledger lock: the host has gone. */
static void ended(eng_version *v)
{
    v->g->ending--;
    v->next = v->g->ended;
    v->g->ended = v;
    pthread_cond_broadcast(&v->g->host_gone);
}

#define ENDING_MOST 32u

/*
 * A program that makes no garbage collects none, and keeps every host that ever was. The runtime lets go of a host in
 * its second collection: the first finds that it is unused. Where those of the younger generations do not help, because
 * hosts have grown old, all are collected.
 */
enum { YOUNG = 1, ALL = 2 };

static void collect(eng *g, const eng_helpers *helpers)
{
    pthread_mutex_lock(&g->ledger);
    uint32_t ending = g->ending;
    pthread_mutex_unlock(&g->ledger);
    if (ending < ENDING_MOST) g->collect_at = ENDING_MOST;
    if (ending < g->collect_at) return;
    g->collect_at = ending + ENDING_MOST / 4;
    helpers->collect(ending < 3 * ENDING_MOST ? YOUNG : ALL);
}

static void release(eng_job *job, const eng_helpers *helpers)
{
    eng_version *v = (eng_version *)(void *)job;
    eng *g = v->g;
    bool silent = !v->host; /* nobody will tell of its end */
    helpers->release(v->handle);
    if (silent) {
        pthread_mutex_lock(&g->ledger);
        ended(v);
        pthread_mutex_unlock(&g->ledger);
    } /* otherwise v may be gone already */
    collect(g, helpers);
}

/* Under the ledger lock: nobody wants the version any more. The runtime tells when its host has gone. */
static void end_version(eng_version *v)
{
    v->state = V_ENDING;
    if (v->handle) {
        v->g->ending++;
        v->job.run = release;
        eng_managed_run(v->g, &v->job);
        return;
    }
    v->next = v->g->ended; /* it never had one */
    v->g->ended = v;
}

static void install(eng_version *v)
{
    eng_takeover *t = v->method->takeover;
    eng_version *before = t->installed;
    __atomic_store_n(&t->stub.data->entry, v->entry, __ATOMIC_SEQ_CST);
    __atomic_store_n(&t->stub.data->on, 1, __ATOMIC_SEQ_CST);
    v->state = V_INSTALLED;
    t->installed = v;
    t->ready = !t->switched;
    v->g->takeovers_ready |= t->ready;
    if (before) end_version(before);
}

/* Under the ledger lock. With a debugger attached methods belong to the runtime, where breakpoints work. */
static void fail(eng_takeover *t, const eng_version *v)
{
    t->failed = v->g->takeover_failed = true;
    t->debugger = v->debugger;
}

static void compile(eng_job *job, const eng_helpers *helpers)
{
    enum { DEBUGGER = 1 };
    eng_version *v = (eng_version *)(void *)job;
    eng *g = v->g;
    intptr_t handle = 0;
    if (helpers) {
        g->compiling = v;
        handle = helpers->make((intptr_t)v->type);
        g->compiling = NULL;
    }
    pthread_mutex_lock(&g->ledger);
    v->handle = handle == DEBUGGER ? 0 : handle;
    v->debugger = handle == DEBUGGER;
    if (v->handle && v->host && !map_put(&g->hosts, v->host, v)) {
        v->host = 0;
        v->entry = NULL;
    }
    eng_takeover *t = v->method->takeover;
    bool wanted = t->waiting == v;
    if (wanted) t->waiting = NULL;
    if (wanted && v->handle && v->entry) {
        install(v);
    } else {
        if (wanted) fail(t, v);
        end_version(v);
    }
    pthread_mutex_unlock(&g->ledger);
}

bool eng_takeover_unloaded(eng *g, clr_function_id function)
{
    pthread_mutex_lock(&g->ledger);
    eng_version *v = map_remove(&g->hosts, function);
    if (v) ended(v);
    pthread_mutex_unlock(&g->ledger);
    if (v && g->wake) g->wake(g->wake_owner);
    return v != NULL;
}

/* ---- from the transaction ---- */

void eng_takeover_commit(eng *g, eng_method *m)
{
    eng_takeover *t = m->takeover;
    if (!t || !t->prepared) return;
    eng_version *v = t->prepared;
    t->prepared = NULL;
    v->job.run = compile;
    pthread_mutex_lock(&g->ledger);
    t->waiting = v;
    t->ready = false;
    t->idle_ns = 0;
    t->failed = false;
    pthread_mutex_unlock(&g->ledger);
    eng_managed_run(g, &v->job);
}

static void drop_prepared(eng_takeover *t)
{
    if (t->prepared) version_free(t->prepared);
    t->prepared = NULL;
}

void eng_takeover_off(eng *g, eng_method *m)
{
    eng_takeover *t = m->takeover;
    __atomic_store_n(&t->stub.data->on, 0, __ATOMIC_SEQ_CST);
    t->waiting = NULL;
    t->ready = false;
    t->idle_ns = eng_now_ns();
    g->takeovers_idle = true;
    drop_prepared(t);
}

void eng_takeover_leave(eng *g, eng_method *m)
{
    eng_takeover_off(g, m);
    m->takeover->switched = false;
}

bool eng_takeover_is_left_alone(const eng_method *m)
{
    const eng_takeover *t = m->takeover;
    return t->idle_ns && eng_now_ns() - t->idle_ns > ENG_IDLE_NS;
}

bool eng_takeover_is_pending(const eng_method *m)
{
    return m->takeover && m->takeover->waiting;
}

size_t eng_takeover_bytes(const eng_method *m)
{
    const eng_takeover *t = m->takeover;
    const eng_version *v = t ? t->installed : NULL;
    return (t ? sizeof *t : 0) + (v ? sizeof *v + v->size + v->native_size : 0);
}

/* Methods whose newest body could not be compiled in a host belong to the runtime from now on. */
static void give_up(eng *g)
{
    uint64_t key;
    void *value;
    bool any = false;
    pthread_mutex_lock(&g->ledger);
    if (g->takeover_failed) {
        for (size_t at = 0; map_next(&g->methods, &at, &key, &value);) {
            eng_method *m = value;
            if (!m->takeover || !m->takeover->failed) continue;
            m->takeover->failed = false;
            m->stays = !m->takeover->debugger;
            m->versions = 0;
            m->behind = any = true;
            eng_takeover_leave(g, m);
        }
        g->takeover_failed = false;
    }
    pthread_mutex_unlock(&g->ledger);
    err_t e = {0};
    if (any && !eng_settle(g, &e)) log_line(LOG_WARN, "engine", "%s", e.text);
}

/*
 * Hands the runtime the version with the switch. Up to then the method ran in a version of the runtime's with the same
 * layers: no call is lost between the two.
 */
static void switch_over(eng *g)
{
    arena a = {0};
    eng_method **methods = arena_array(&a, g->methods.n + 1, sizeof *methods);
    size_t n = 0;
    uint64_t key;
    void *value;
    err_t e = {0};
    pthread_mutex_lock(&g->ledger);
    for (size_t at = 0; methods && g->takeovers_ready && map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        if (!m->takeover || !m->takeover->ready || m->takeover->prepared || !m->layers.n) continue;
        m->takeover->ready = false;
        methods[n++] = m;
    }
    g->takeovers_ready = false;
    pthread_mutex_unlock(&g->ledger);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = eng_install(g, methods[i], &methods[i]->takeover->body, &e);
    ok = ok && (!n || eng_request_versions(g, NULL, methods, n, &e));
    for (size_t i = 0; i < n; i++) {
        methods[i]->takeover->switched = ok;
        methods[i]->stays = !ok;
        methods[i]->behind = !ok;
        weave_output_free(&methods[i]->takeover->body);
    }
    arena_free(&a);
    if (!ok) log_line(LOG_WARN, "engine", "%s", e.text);
}

/* The memory of versions that have ended is there again. */
static void take_back(eng *g)
{
    pthread_mutex_lock(&g->ledger);
    eng_version *v = g->ended;
    g->ended = NULL;
    pthread_mutex_unlock(&g->ledger);
    for (eng_version *next; v; v = next) {
        next = v->next;
        g->returned_bytes += sizeof *v + v->size + v->native_size;
        version_free(v);
    }
    eng_reclaim(g);
}

static void collect_all(eng_job *job, const eng_helpers *helpers)
{
    if (helpers) helpers->collect(ALL);
    __atomic_store_n(&job->given, false, __ATOMIC_RELEASE);
}

/*
 * Bodies can be replaced faster than the runtime lets go of the old ones: then whoever replaces them waits, within
 * reason. Hold no lock.
 */
static void let_hosts_go(eng *g)
{
    enum { TURNS = 10, TURN_NS = 20 * 1000000 };
    pthread_mutex_lock(&g->ledger);
    for (unsigned turn = 0; turn < TURNS && g->ending > 4 * ENDING_MOST; turn++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TURN_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_unlock(&g->ledger);
        if (!__atomic_exchange_n(&g->collecting.given, true, __ATOMIC_ACQ_REL)) {
            g->collecting.run = collect_all;
            eng_managed_run(g, &g->collecting);
        }
        pthread_mutex_lock(&g->ledger);
        while (g->ending > 4 * ENDING_MOST && pthread_cond_timedwait(&g->host_gone, &g->ledger, &until) == 0) {
        }
    }
    pthread_mutex_unlock(&g->ledger);
}

void eng_takeover_settle(eng *g)
{
    if (!g->managed) return;
    if (!eng_managed_wait(g, WAIT_MS)) log_line(LOG_WARN, "engine", "the managed helpers take long");
    pthread_mutex_lock(&g->transaction);
    give_up(g);
    switch_over(g);
    take_back(g);
    eng_early_finish(g);
    pthread_mutex_unlock(&g->transaction);
    let_hosts_go(g);
}

/* Methods that nobody has asked for in a while get their callers' inlining back. */
static void let_go(eng *g)
{
    uint64_t key;
    void *value;
    bool any = false, idle = false;
    pthread_mutex_lock(&g->ledger);
    for (size_t at = 0; g->takeovers_idle && map_next(&g->methods, &at, &key, &value);) {
        eng_method *m = value;
        if (!eng_takeover_serves(m) || m->layers.n) continue;
        if (eng_takeover_is_left_alone(m))
            m->behind = any = true;
        else
            idle = true;
    }
    g->takeovers_idle = idle;
    pthread_mutex_unlock(&g->ledger);
    err_t e = {0};
    if (any && !eng_settle(g, &e)) log_line(LOG_WARN, "engine", "%s", e.text);
}

void eng_takeover_tick(eng *g)
{
    take_back(g);
    give_up(g);
    switch_over(g);
    let_go(g);
}
