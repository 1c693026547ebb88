/* Entry points: the runtime asks for a class object, makes the profiler, and calls it back. */
#include "agent/agent-priv.h"
#include "rejit-version.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RUN_WAIT_MS 10000u

static eng *engine;

/* Clients read it in the file before they have it loaded. */
__attribute__((used)) static const char mark[] = WIRE_AGENT_MARK REJIT_VERSION;

/* ---- callbacks ---- */

static clr_hresult start(clr_unknown *unknown, agent_origin origin)
{
    clr_info *info = NULL;
    err_t e = {0};
    if (unknown->vt->QueryInterface(unknown, &clr_iid_info12, (void **)&info) < 0 || !info) return CLR_FAIL;
    /* eng_instrument asks for more; stacks can be had from the start of a program or not at all. */
    clr_hresult hr = info->vt->SetEventMask(info, ENG_LOAD_EVENTS | CLR_ENABLE_STACKS);
    if (hr < 0) hr = info->vt->SetEventMask(info, ENG_LOAD_EVENTS);
    if (hr < 0) return hr;
    eng *g = eng_start(info, &e);
    if (g) __atomic_store_n(&engine, g, __ATOMIC_RELEASE); /* from here on the callbacks bring what loads */
    if (g && agent_control_start(g, origin, &e)) return CLR_OK;
    __atomic_store_n(&engine, NULL, __ATOMIC_RELEASE);
    log_line(LOG_ERROR, "agent", "%s", e.text);
    return CLR_FAIL;
}

/* Child processes are left alone unless they are asked for: they would inherit the variables that brought us here. */
static void leave_children_alone(void)
{
    static const char *const names[] = {
        "CORECLR_ENABLE_PROFILING", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH", "CORECLR_PROFILER_PATH_64",
        "DOTNET_ENABLE_PROFILING",  "DOTNET_PROFILER",  "DOTNET_PROFILER_PATH",  "DOTNET_PROFILER_PATH_64",
    };
    for (size_t i = 0; i < RJ_COUNT(names); i++)
        unsetenv(names[i]);
}

static bool has_agent(pid_t pid)
{
    char path[256];
    int n = snprintf(path, sizeof path, WIRE_SOCKET_FORMAT, agent_tmp(), (int)pid);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

/*
 * The runtime gives child processes a copy of the environment that it made before we were there, so that our variables
 * reach them all the same. REJIT_RUN_FROM tells them from the program itself: it names the process that launched it,
 * which is the program's parent and has no agent, or became the program.
 */
static bool is_child(void)
{
    const char *from = getenv("REJIT_RUN_FROM");
    if (!from || getenv("REJIT_CHILDREN")) return false;
    pid_t launcher = (pid_t)strtol(from, NULL, 10);
    return launcher != getpid() && (launcher != getppid() || has_agent(launcher));
}

static clr_hresult on_initialize(void *self, clr_unknown *unknown)
{
    (void)self;
    if (is_child()) return CLR_CANCEL_ACTIVATION;
    bool wait = getenv("REJIT_RUN_WAIT") != NULL;
    unsetenv("REJIT_RUN_WAIT");
    if (!getenv("REJIT_CHILDREN")) leave_children_alone();
    clr_hresult hr = start(unknown, AGENT_STARTED);
    if (hr >= 0 && wait) agent_control_wait(RUN_WAIT_MS);
    return hr;
}

static clr_hresult on_attach(void *self, clr_unknown *unknown, void *data, uint32_t size)
{
    (void)self, (void)data, (void)size;
    return start(unknown, AGENT_ATTACHED);
}

static eng *the_engine(void)
{
    return __atomic_load_n(&engine, __ATOMIC_ACQUIRE);
}

static clr_hresult on_attached(void *self)
{
    (void)self;
    if (the_engine()) eng_index(the_engine());
    agent_control_serve();
    return CLR_OK;
}

static clr_hresult on_shutdown(void *self)
{
    (void)self;
    agent_control_end();
    return CLR_OK;
}

static clr_hresult on_module_loaded(void *self, clr_module_id id, clr_hresult status)
{
    (void)self;
    if (status >= 0 && the_engine()) eng_module_loaded(the_engine(), id);
    return CLR_OK;
}

static clr_hresult on_assembly_unloading(void *self, clr_assembly_id id)
{
    (void)self;
    if (the_engine()) eng_assembly_unloading(the_engine(), id);
    return CLR_OK;
}

static clr_hresult on_module_unloading(void *self, clr_module_id id)
{
    (void)self;
    if (the_engine()) eng_module_unloading(the_engine(), id);
    return CLR_OK;
}

static clr_hresult on_rejit_started(void *self, clr_function_id f, clr_rejit_id rejit, int32_t safe)
{
    (void)self, (void)safe;
    if (the_engine()) eng_rejit_started(the_engine(), f, rejit);
    return CLR_OK;
}

static clr_hresult on_rejit_parameters(void *self, clr_module_id m, uint32_t token, clr_function_control *body)
{
    (void)self;
    return the_engine() ? eng_rejit_parameters(the_engine(), m, token, body) : CLR_OK;
}

static clr_hresult on_rejit_finished(void *self, clr_function_id f, clr_rejit_id rejit, clr_hresult hr, int32_t safe)
{
    (void)self, (void)safe;
    if (the_engine()) eng_rejit_finished(the_engine(), f, rejit, hr);
    return CLR_OK;
}

static clr_hresult on_rejit_error(void *self, clr_module_id m, uint32_t token, clr_function_id f, clr_hresult hr)
{
    (void)self, (void)f;
    if (the_engine()) eng_rejit_error(the_engine(), m, token, hr);
    return CLR_OK;
}

static clr_hresult on_jit_started(void *self, clr_function_id f, int32_t safe)
{
    (void)self, (void)safe;
    if (the_engine()) eng_jit_started(the_engine(), f);
    return CLR_OK;
}

static clr_hresult on_inlining(void *self, clr_function_id caller, clr_function_id callee, int32_t *may)
{
    (void)self, (void)caller;
    if (the_engine() && !eng_may_inline(the_engine(), callee)) *may = 0;
    return CLR_OK;
}

static clr_hresult on_exception_thrown(void *self, uintptr_t object)
{
    (void)self;
    if (the_engine()) eng_exception_thrown(the_engine(), object);
    return CLR_OK;
}

static clr_hresult on_dynamic_started(void *self, clr_function_id f)
{
    (void)self;
    if (the_engine()) eng_dynamic_started(the_engine(), f);
    return CLR_OK;
}

static clr_hresult on_dynamic_unloaded(void *self, clr_function_id f)
{
    (void)self;
    if (the_engine()) eng_dynamic_unloaded(the_engine(), f);
    return CLR_OK;
}

/* Every other callback: arguments are the caller's to clear away, so one function serves all. */
static clr_hresult on_nothing(void)
{
    return CLR_OK;
}

/* ---- COM ---- */

static uint32_t one_reference(void *self)
{
    (void)self;
    return 1; /* lives as long as the process */
}

static clr_hresult query_profiler(void *self, const clr_guid *iid, void **out)
{
    *out = clr_is_callback_iid(iid) ? self : NULL;
    return *out ? CLR_OK : CLR_NO_INTERFACE;
}

typedef void (*slot_fn)(void);
static slot_fn profiler_slots[CLR_CB_SLOTS];
static const slot_fn *profiler = profiler_slots;

static void fill_slots(void)
{
    for (size_t i = 0; i < RJ_COUNT(profiler_slots); i++)
        profiler_slots[i] = (slot_fn)on_nothing;
    profiler_slots[0] = (slot_fn)query_profiler;
    profiler_slots[1] = profiler_slots[2] = (slot_fn)one_reference;
    profiler_slots[CLR_CB_Initialize] = (slot_fn)on_initialize;
    profiler_slots[CLR_CB_InitializeForAttach] = (slot_fn)on_attach;
    profiler_slots[CLR_CB_ProfilerAttachComplete] = (slot_fn)on_attached;
    profiler_slots[CLR_CB_Shutdown] = (slot_fn)on_shutdown;
    profiler_slots[CLR_CB_ModuleLoadFinished] = (slot_fn)on_module_loaded;
    profiler_slots[CLR_CB_AssemblyUnloadStarted] = (slot_fn)on_assembly_unloading;
    profiler_slots[CLR_CB_ModuleUnloadStarted] = (slot_fn)on_module_unloading;
    profiler_slots[CLR_CB_ReJITCompilationStarted] = (slot_fn)on_rejit_started;
    profiler_slots[CLR_CB_GetReJITParameters] = (slot_fn)on_rejit_parameters;
    profiler_slots[CLR_CB_ReJITCompilationFinished] = (slot_fn)on_rejit_finished;
    profiler_slots[CLR_CB_ReJITError] = (slot_fn)on_rejit_error;
    profiler_slots[CLR_CB_JITCompilationStarted] = (slot_fn)on_jit_started;
    profiler_slots[CLR_CB_JITInlining] = (slot_fn)on_inlining;
    profiler_slots[CLR_CB_DynamicMethodJITCompilationStarted] = (slot_fn)on_dynamic_started;
    profiler_slots[CLR_CB_ExceptionThrown] = (slot_fn)on_exception_thrown;
    profiler_slots[CLR_CB_DynamicMethodUnloaded] = (slot_fn)on_dynamic_unloaded;
}

static clr_hresult query_factory(void *self, const clr_guid *iid, void **out)
{
    bool ours = clr_guid_equal(iid, &clr_iid_unknown) || clr_guid_equal(iid, &clr_iid_class_factory);
    *out = ours ? self : NULL;
    return ours ? CLR_OK : CLR_NO_INTERFACE;
}

static clr_hresult create_instance(void *self, void *outer, const clr_guid *iid, void **out)
{
    (void)self, (void)outer;
    fill_slots();
    return query_profiler(&profiler, iid, out);
}

static const slot_fn factory_slots[] = {
    (slot_fn)query_factory,   (slot_fn)one_reference, (slot_fn)one_reference,
    (slot_fn)create_instance, (slot_fn)on_nothing,
};
static const slot_fn *factory = factory_slots;

__attribute__((visibility("default"))) clr_hresult DllGetClassObject(const clr_guid *clsid, const clr_guid *iid,
                                                                     void **out);
__attribute__((visibility("default"))) clr_hresult DllCanUnloadNow(void);

clr_hresult DllGetClassObject(const clr_guid *clsid, const clr_guid *iid, void **out)
{
    if (!clr_guid_equal(clsid, &clr_profiler_clsid)) {
        *out = NULL;
        return CLR_CLASS_NOT_AVAILABLE;
    }
    return query_factory(&factory, iid, out);
}

clr_hresult DllCanUnloadNow(void)
{
    return 1; /* S_FALSE */
}
