#include "debugger.h"

#include "cordebug.h"
#include "pdb/pdb.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define MODULES_MOST     256u
#define BREAKPOINTS_MOST 16u
#define DEBUGGER_VERSION 4 /* CorDebugVersion_4_0 */
#define WAIT_S           20

/* A module of the program: where its file is, and once it is needed its metadata and its PDB. */
typedef struct module {
    cor_module *cor;
    char path[512];
    bool ours, opened;
    uint8_t *bytes;
    cil_image image;
    pdb symbols;
} module;

static struct {
    cor_debug *debug;
    cor_process *process;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    module modules[MODULES_MOST];
    size_t module_count;
    cor_breakpoint *breakpoints[BREAKPOINTS_MOST];
    size_t breakpoint_count;
    bool stopped, gone;
    cor_thread *thread; /* that has stopped */
    debugger_stop stop;
    char trouble[128]; /* what the runtime complained of */
} the = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void release(void *object)
{
    clr_unknown *u = object;
    if (u) u->vt->Release(u);
}

static void check(clr_hresult hr, const char *what)
{
    if (hr < 0) fail_msg("%s: %08x", what, (unsigned)hr);
}

/* ---- callbacks: on a thread of libmscordbi ---- */

static clr_hresult go_on(void)
{
    return the.process->vt->Continue(the.process, 0);
}

/* Most of what it tells is not for us. Arguments are the caller's to clear away: one function serves all. */
static clr_hresult on_anything(void)
{
    return go_on();
}

static void stop_here(int why, cor_thread *thread)
{
    pthread_mutex_lock(&the.lock);
    the.stopped = true;
    the.stop = (debugger_stop){.why = why};
    the.thread = thread;
    thread->vt->unknown.AddRef(thread);
    pthread_cond_broadcast(&the.changed);
    pthread_mutex_unlock(&the.lock);
}

static clr_hresult on_breakpoint(void *self, void *domain, cor_thread *thread, void *breakpoint)
{
    (void)self, (void)domain, (void)breakpoint;
    stop_here(DEBUGGER_BREAKPOINT, thread);
    return CLR_OK;
}

static clr_hresult on_step(void *self, void *domain, cor_thread *thread, void *stepper, int reason)
{
    (void)self, (void)domain, (void)stepper, (void)reason;
    stop_here(DEBUGGER_STEPPED, thread);
    return CLR_OK;
}

static clr_hresult on_process(void *self, cor_process *process)
{
    (void)self;
    if (!the.process) the.process = process;
    return go_on();
}

static clr_hresult on_gone(void *self, void *process)
{
    (void)self, (void)process;
    pthread_mutex_lock(&the.lock);
    the.gone = true;
    pthread_cond_broadcast(&the.changed);
    pthread_mutex_unlock(&the.lock);
    return CLR_OK;
}

static clr_hresult on_module(void *self, void *domain, cor_module *cor)
{
    (void)self, (void)domain;
    uint16_t name[512];
    uint32_t chars = 0;
    buf_t path = {0};
    cor->vt->GetName(cor, RJ_COUNT(name), &chars, name);
    text_utf16_to_utf8(&path, name, chars ? chars - 1 : 0);
    pthread_mutex_lock(&the.lock);
    if (the.module_count < MODULES_MOST) {
        module *m = &the.modules[the.module_count++];
        *m = (module){.cor = cor};
        snprintf(m->path, sizeof m->path, "%s", buf_cstr(&path));
        m->ours = strstr(m->path, "/build/apps/") != NULL;
        cor->vt->unknown.AddRef(cor);
    }
    pthread_cond_broadcast(&the.changed);
    pthread_mutex_unlock(&the.lock);
    buf_free(&path);
    return go_on();
}

static clr_hresult on_trouble(void *self, void *process, clr_hresult hr, uint32_t code)
{
    (void)self, (void)process;
    pthread_mutex_lock(&the.lock);
    snprintf(the.trouble, sizeof the.trouble, "the runtime reports a debugger error: %08x, %u", (unsigned)hr, code);
    pthread_cond_broadcast(&the.changed);
    pthread_mutex_unlock(&the.lock);
    return CLR_OK;
}

static clr_hresult on_unbound(void *self, void *domain, void *thread, void *breakpoint, uint32_t error)
{
    (void)self, (void)domain, (void)thread, (void)breakpoint;
    pthread_mutex_lock(&the.lock);
    snprintf(the.trouble, sizeof the.trouble, "a breakpoint cannot be set: %08x", error);
    pthread_mutex_unlock(&the.lock);
    return go_on();
}

typedef void (*slot_fn)(void);
static slot_fn slots[COR_CB_SLOTS];
static const slot_fn *faces[RJ_COUNT(cor_iid_callbacks)]; /* one object: each of its interfaces is one of these */

static clr_hresult query_callback(void *self, const clr_guid *iid, void **out)
{
    (void)self;
    *out = clr_guid_equal(iid, &clr_iid_unknown) ? &faces[0] : NULL;
    for (size_t i = 0; i < RJ_COUNT(faces); i++)
        if (clr_guid_equal(iid, &cor_iid_callbacks[i])) *out = &faces[i];
    return *out ? CLR_OK : CLR_NO_INTERFACE;
}

static uint32_t one_reference(void *self)
{
    (void)self;
    return 1;
}

/* The later interfaces have nothing that we want to hear: all of their slots go on. */
static slot_fn later_slots[16];

static void fill_slots(void)
{
    for (size_t i = 0; i < RJ_COUNT(slots); i++)
        slots[i] = (slot_fn)on_anything;
    for (size_t i = 0; i < RJ_COUNT(later_slots); i++)
        later_slots[i] = (slot_fn)on_anything;
    slots[0] = later_slots[0] = (slot_fn)query_callback;
    slots[1] = slots[2] = later_slots[1] = later_slots[2] = (slot_fn)one_reference;
    slots[COR_CB_Breakpoint] = (slot_fn)on_breakpoint;
    slots[COR_CB_StepComplete] = (slot_fn)on_step;
    slots[COR_CB_CreateProcess] = (slot_fn)on_process;
    slots[COR_CB_ExitProcess] = (slot_fn)on_gone;
    slots[COR_CB_LoadModule] = (slot_fn)on_module;
    slots[COR_CB_DebuggerError] = (slot_fn)on_trouble;
    slots[COR_CB_BreakpointSetError] = (slot_fn)on_unbound;
    faces[0] = slots;
    for (size_t i = 1; i < RJ_COUNT(faces); i++)
        faces[i] = later_slots;
}

/* ---- attach ---- */

/* The folder of the runtime that the program has mapped, and where libcoreclr.so begins. */
static uint64_t find_runtime(pid_t pid, char *folder, size_t size)
{
    char maps[64], line[4096];
    snprintf(maps, sizeof maps, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(maps, "re");
    assert_non_null(f);
    uint64_t base = 0;
    while (!base && fgets(line, sizeof line, f)) {
        char *file = strchr(line, '/'), *name = strstr(line, "/libcoreclr.so");
        if (!file || !name) continue;
        snprintf(folder, size, "%.*s", (int)(name - file), file);
        base = strtoull(line, NULL, 16);
    }
    fclose(f);
    assert_true(base);
    return base;
}

typedef clr_hresult create_fn(int version, uint32_t pid, const uint16_t *group, const uint16_t *dac, uint64_t runtime,
                              clr_unknown **out);

static create_fn *load_library(const char *folder)
{
    static create_fn *create;
    char path[4200];
    if (create) return create;
    snprintf(path, sizeof path, "%s/libmscordbi.so", folder);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail_msg("%s", dlerror());
    int32_t (*main_function)(void *, uint32_t, void *) =
        (int32_t(*)(void *, uint32_t, void *))dlsym(library, "DllMain");
    create = (create_fn *)dlsym(library, "CoreCLRCreateCordbObject3");
    assert_true(main_function && create);
    main_function(library, 1, NULL); /* the loader would have called it; without it the next call hangs */
    return create;
}

void debugger_attach(const app *a)
{
    char folder[4096], dac[4200];
    arena text = {0};
    size_t units;
    clr_unknown *unknown = NULL;
    fill_slots();
    uint64_t runtime = find_runtime(a->pid, folder, sizeof folder);
    create_fn *create = load_library(folder);
    snprintf(dac, sizeof dac, "%s/libmscordaccore.so", folder);
    check(create(DEBUGGER_VERSION, (uint32_t)a->pid, NULL, text_utf8_to_utf16(&text, dac, &units), runtime, &unknown),
          "CoreCLRCreateCordbObject3");
    arena_free(&text);
    check(unknown->vt->QueryInterface(unknown, &cor_iid_debug, (void **)&the.debug), "ICorDebug");
    release(unknown);
    the.gone = the.stopped = false;
    the.trouble[0] = 0;
    check(the.debug->vt->Initialize(the.debug), "Initialize");
    check(the.debug->vt->SetManagedHandler(the.debug, &faces[0]), "SetManagedHandler");
    cor_process *process = NULL;
    check(the.debug->vt->DebugActiveProcess(the.debug, (uint32_t)a->pid, 0, &process), "DebugActiveProcess");
    the.process = process;
}

static void forget_modules(void)
{
    for (size_t i = 0; i < the.module_count; i++) {
        if (the.modules[i].opened) pdb_close(&the.modules[i].symbols);
        free(the.modules[i].bytes);
        release(the.modules[i].cor);
    }
    the.module_count = 0;
}

void debugger_clear(void)
{
    check(the.process->vt->Stop(the.process, 0), "Stop");
    for (size_t i = 0; i < the.breakpoint_count; i++) {
        check(the.breakpoints[i]->vt->Activate(the.breakpoints[i], 0), "Activate");
        release(the.breakpoints[i]);
    }
    the.breakpoint_count = 0;
    go_on();
}

void debugger_detach(void)
{
    debugger_clear();
    check(the.process->vt->Stop(the.process, 0), "Stop");
    check(the.process->vt->Detach(the.process), "Detach");
    release(the.process);
    the.process = NULL;
    forget_modules();
    check(the.debug->vt->Terminate(the.debug), "Terminate");
    release(the.debug);
    the.debug = NULL;
}

/* ---- source ---- */

static void read_module(module *m)
{
    err_t e = {0};
    struct stat st = {0};
    FILE *f = fopen(m->path, "rbe");
    if (!f || fstat(fileno(f), &st) < 0) {
        fail_msg("%s cannot be read", m->path);
        return;
    }
    m->bytes = malloc((size_t)st.st_size);
    assert_true(m->bytes && fread(m->bytes, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
    fclose(f);
    if (!cil_image_open(&m->image, m->bytes, (size_t)st.st_size, CIL_FLAT, &e) ||
        !pdb_open_for(&m->symbols, &m->image, m->path, &e))
        fail_msg("%s: %s", m->path, e.text);
    m->opened = true;
}

static module *own_module(size_t i)
{
    module *m = &the.modules[i];
    if (!m->ours) return NULL;
    if (!m->opened) read_module(m);
    return m;
}

uint32_t debugger_line(const char *path, const char *mark)
{
    char whole[4096], line[1024], wanted[64];
    snprintf(whole, sizeof whole, REJIT_SOURCE_DIR "/tests/apps/%s", path);
    snprintf(wanted, sizeof wanted, "// @%s\n", mark);
    FILE *f = fopen(whole, "re");
    assert_non_null(f);
    for (uint32_t n = 1; fgets(line, sizeof line, f); n++) {
        size_t length = strlen(line), tail = strlen(wanted);
        if (length < tail || strcmp(line + length - tail, wanted) != 0) continue;
        fclose(f);
        return n;
    }
    fclose(f);
    fail_msg("%s has no line // @%s", path, mark);
    return 0;
}

static void set_breakpoint(module *m, const pdb_place *place)
{
    cor_function *function = NULL;
    cor_code *code = NULL;
    cor_breakpoint *b = NULL;
    assert_true(the.breakpoint_count < BREAKPOINTS_MOST);
    check(m->cor->vt->GetFunctionFromToken(m->cor, CIL_TOKEN(CIL_METHOD_DEF, place->method_rid), &function),
          "GetFunctionFromToken");
    check(function->vt->GetILCode(function, &code), "GetILCode");
    clr_hresult hr = code->vt->CreateBreakpoint(code, place->offset, &b);
    if (hr >= 0) hr = b->vt->Activate(b, 1);
    if (hr < 0) fail_msg("a breakpoint on line %u (IL %x): %08x", place->line, place->offset, (unsigned)hr);
    the.breakpoints[the.breakpoint_count++] = b;
    release(code);
    release(function);
}

static uint32_t break_in_modules(const char *file, uint32_t line)
{
    pdb_place place[4];
    err_t e = {0};
    uint32_t found = 0;
    check(the.process->vt->Stop(the.process, 0), "Stop");
    for (size_t i = 0; i < the.module_count; i++) {
        module *m = own_module(i);
        uint32_t n = m ? pdb_find_line(&m->symbols, file, line, place, RJ_COUNT(place), &e) : 0;
        if (n == UINT32_MAX) fail_msg("%s: %s", m->path, e.text);
        for (uint32_t k = 0; k < RJ_MIN(n, RJ_COUNT(place)); k++)
            set_breakpoint(m, &place[k]);
        found += n;
    }
    go_on();
    return found;
}

/* After an attach the modules are reported one by one. */
void debugger_break_at(const char *file, uint32_t line)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    for (size_t seen = 0;;) {
        pthread_mutex_lock(&the.lock);
        int waited = 0;
        while (the.module_count == seen && !waited)
            waited = pthread_cond_timedwait(&the.changed, &the.lock, &until);
        seen = the.module_count;
        pthread_mutex_unlock(&the.lock);
        if (waited) fail_msg("no statement begins at %s:%u", file, line);
        if (break_in_modules(file, line)) return;
    }
}

/* ---- values ---- */

static void put_string(buf_t *b, cor_value *object)
{
    cor_string_value *s = NULL;
    uint16_t chars[256];
    uint32_t n = 0;
    if (object->vt->unknown.QueryInterface(object, &cor_iid_string_value, (void **)&s) < 0) {
        buf_str(b, "object");
        return;
    }
    if (s->vt->GetString(s, RJ_COUNT(chars), &n, chars) >= 0)
        text_utf16_to_utf8(b, chars, n && !chars[n - 1] ? n - 1 : n);
    release(s);
}

static void put_reference(buf_t *b, cor_reference_value *r)
{
    int32_t null = 0;
    cor_value *object = NULL;
    if (r->vt->IsNull(r, &null) >= 0 && null) {
        buf_str(b, "null");
    } else if (r->vt->Dereference(r, &object) >= 0 && object) {
        put_string(b, object);
        release(object);
    } else {
        buf_str(b, "?");
    }
}

static void put_value(buf_t *b, cor_value *v)
{
    cor_reference_value *r = NULL;
    cor_generic_value *g = NULL;
    int64_t bits = 0;
    uint32_t size = 0;
    if (!v) {
        buf_str(b, "?");
        return;
    }
    if (v->vt->unknown.QueryInterface(v, &cor_iid_reference_value, (void **)&r) >= 0) {
        put_reference(b, r);
        release(r);
    } else if (v->vt->GetSize(v, &size) >= 0 && size <= sizeof bits &&
               v->vt->unknown.QueryInterface(v, &cor_iid_generic_value, (void **)&g) >= 0) {
        g->vt->GetValue(g, &bits);
        buf_printf(b, "%lld", size == 4 ? (long long)(int32_t)bits : (long long)bits);
        release(g);
    } else {
        buf_str(b, "struct");
    }
    release(v);
}

static bool is_in_scope(const pdb_local *l, uint32_t offset)
{
    return !l->hidden && offset >= l->start && offset < l->end;
}

static void read_locals(cor_il_frame *frame, const module *m, uint32_t rid)
{
    arena a = {0};
    err_t e = {0};
    pdb_locals locals;
    buf_t b = {0};
    if (!pdb_locals_read(&a, &m->symbols, rid, &locals, &e)) fail_msg("%s", e.text);
    for (uint32_t i = 0; i < locals.count; i++) {
        if (!is_in_scope(&locals.v[i], the.stop.offset)) continue;
        cor_value *v = NULL;
        buf_printf(&b, "%s%s=", b.n ? " " : "", locals.v[i].name);
        frame->vt->GetLocalVariable(frame, locals.v[i].slot, &v); /* fails where optimised code has dropped it */
        put_value(&b, v);
    }
    snprintf(the.stop.locals, sizeof the.stop.locals, "%s", buf_cstr(&b));
    buf_free(&b);
    arena_free(&a);
}

static void read_arguments(cor_il_frame *frame, const module *m, uint32_t rid)
{
    buf_t b = {0};
    cil_range params = cil_list(&m->image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_PARAMS, CIL_PARAM);
    cil_blob sig = cil_cell_blob(&m->image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG);
    uint32_t own = sig.n && (sig.p[0] & 0x20); /* `this` */
    for (uint32_t p = params.first; p < params.end; p++) {
        uint32_t sequence = cil_cell(&m->image, CIL_PARAM, p, CIL_PARAM_SEQUENCE);
        cor_value *v = NULL;
        if (!sequence) continue;
        buf_printf(&b, "%s%s=", b.n ? " " : "", cil_cell_string(&m->image, CIL_PARAM, p, CIL_PARAM_NAME));
        frame->vt->GetArgument(frame, sequence - 1 + own, &v);
        put_value(&b, v);
    }
    snprintf(the.stop.arguments, sizeof the.stop.arguments, "%s", buf_cstr(&b));
    buf_free(&b);
}

/* ---- where it has stopped ---- */

static module *module_of(cor_function *function)
{
    cor_module *cor = NULL;
    module *found = NULL;
    function->vt->GetModule(function, &cor);
    for (size_t i = 0; i < the.module_count && !found; i++)
        if (the.modules[i].cor == cor) found = own_module(i);
    release(cor);
    return found;
}

/* The statement that an offset belongs to; NULL where there is none. *end: where the next one begins. */
static const pdb_point *statement(arena *a, const module *m, uint32_t rid, uint32_t offset, uint32_t *end)
{
    pdb_points points;
    err_t e = {0};
    if (!pdb_points_read(a, &m->symbols, rid, &points, &e)) fail_msg("%s", e.text);
    const pdb_point *p = pdb_point_at(&points, offset);
    *end = p && p + 1 < points.v + points.count ? p[1].offset : UINT32_MAX;
    return p;
}

/* The frame on top: its module (NULL: not ours), its method and its place. */
static module *top_frame(cor_il_frame **il, uint32_t *rid, uint32_t *offset)
{
    cor_frame *frame = NULL;
    cor_function *function = NULL;
    uint32_t token = 0, mapping = 0;
    *il = NULL;
    check(the.thread->vt->GetActiveFrame(the.thread, &frame), "GetActiveFrame");
    if (!frame || frame->vt->GetFunction(frame, &function) < 0) {
        release(frame);
        return NULL;
    }
    module *m = module_of(function);
    function->vt->GetToken(function, &token);
    *rid = CIL_RID(token);
    if (m && frame->vt->unknown.QueryInterface(frame, &cor_iid_il_frame, (void **)il) >= 0)
        (*il)->vt->GetIP(*il, offset, &mapping);
    release(function);
    release(frame);
    return *il ? m : NULL;
}

static void describe_stop(void)
{
    debugger_stop *s = &the.stop;
    arena a = {0};
    buf_t b = {0};
    cor_il_frame *il;
    uint32_t rid = 0, end;
    module *m = top_frame(&il, &rid, &s->offset);
    if (m) {
        const pdb_point *p = statement(&a, m, rid, s->offset, &end);
        cil_method_name(&m->image, rid, false, &b);
        snprintf(s->method, sizeof s->method, "%s", buf_cstr(&b));
        s->line = p && p->line != PDB_HIDDEN ? p->line : 0;
        b.n = 0;
        if (p && pdb_document_name(&m->symbols, p->document, &b)) {
            const char *slash = strrchr(buf_cstr(&b), '/');
            snprintf(s->file, sizeof s->file, "%s", slash ? slash + 1 : buf_cstr(&b));
        }
        read_arguments(il, m, rid);
        read_locals(il, m, rid);
    }
    release(il);
    buf_free(&b);
    arena_free(&a);
}

bool debugger_is_stopped(int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&the.lock);
    int waited = 0;
    while (!the.stopped && !the.gone && !waited)
        waited = pthread_cond_timedwait(&the.changed, &the.lock, &until);
    bool stopped = the.stopped;
    pthread_mutex_unlock(&the.lock);
    return stopped;
}

const debugger_stop *debugger_wait(void)
{
    if (!debugger_is_stopped(WAIT_S * 1000))
        fail_msg("the program does not stop%s: %s", the.gone ? ", it has ended" : "", the.trouble);
    describe_stop();
    return &the.stop;
}

void debugger_go(void)
{
    release(the.thread);
    the.thread = NULL;
    the.stopped = false;
    check(go_on(), "Continue");
}

/* ---- steps ---- */

static cor_stepper *new_stepper(void)
{
    cor_stepper *s = NULL;
    check(the.thread->vt->CreateStepper(the.thread, &s), "CreateStepper");
    check(s->vt->SetInterceptMask(s, 0), "SetInterceptMask");
    check(s->vt->SetUnmappedStopMask(s, 0), "SetUnmappedStopMask");
    return s;
}

static const debugger_stop *step(bool into)
{
    arena a = {0};
    cor_il_frame *il;
    uint32_t rid = 0, offset = 0, end = 0;
    module *m = top_frame(&il, &rid, &offset);
    assert_non_null(m);
    const pdb_point *p = statement(&a, m, rid, offset, &end);
    cor_range range = {p ? p->offset : offset, end};
    cor_stepper *s = new_stepper();
    check(s->vt->StepRange(s, into, &range, 1), "StepRange");
    release(il);
    arena_free(&a);
    debugger_go();
    release(s);
    return debugger_wait();
}

const debugger_stop *debugger_over(void)
{
    return step(false);
}

const debugger_stop *debugger_into(void)
{
    return step(true);
}

const debugger_stop *debugger_out(void)
{
    cor_stepper *s = new_stepper();
    check(s->vt->StepOut(s), "StepOut");
    debugger_go();
    release(s);
    return debugger_wait();
}
