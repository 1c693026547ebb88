/*
 * A profiler that uses the runtime's ReJIT as it comes: what the limits of the stock runtime are measured with. It is
 * started with the program and obeys lines on the abstract socket "rejit-stock-PID", one answer for each:
 *
 *      rejit MODULE TOKEN           RequestReJIT                          "ok HRESULT"
 *      inliners MODULE TOKEN        RequestReJITWithInliners, blocking    "ok HRESULT"
 *      revert MODULE TOKEN          RequestRevert                         "ok HRESULT"
 *      counts                       "ok parameters N finished N errors N error HRESULT calls N"
 *      detach                       RequestProfilerDetach                 "ok HRESULT"
 *
 * MODULE is a file or assembly name, TOKEN a MethodDef in hexadecimal. Its edit adds one to a counter at the start of
 * the method, which must have neither branches nor handlers.
 */
#include "cil/cil.h"
#include "clr/clr.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct answers {
    unsigned parameters, finished, errors;
    clr_hresult error;
} answers;

static clr_info *info;
static answers seen;
static uint64_t calls;

/* ---- the edit ---- */

static cil_insn insn(uint16_t op, int64_t i)
{
    return (cil_insn){.op = op, .offset = CIL_NEW, .i = i};
}

static bool write_body(const uint8_t *il, uint32_t size, buf_t *out)
{
    arena a = {0};
    err_t e = {0};
    cil_body body;
    bool ok = cil_body_read(&a, (cil_blob){il, size}, &body, &e) && !body.eh_count;
    for (uint32_t i = 0; ok && i < body.count; i++) {
        cil_operand operand = (cil_operand)cil_opinfo_of(body.insns[i].op)->operand;
        ok = operand != CIL_O_BR1 && operand != CIL_O_BR4 && operand != CIL_O_SWITCH;
    }
    const int64_t at = (int64_t)(uintptr_t)&calls;
    const cil_insn count[] = {
        insn(CIL_LDC_I8, at),  insn(CIL_CONV_I, 0),  insn(CIL_DUP, 0), insn(CIL_LDIND_I8, 0),
        insn(CIL_LDC_I4_1, 0), insn(CIL_CONV_I8, 0), insn(CIL_ADD, 0), insn(CIL_STIND_I8, 0),
    };
    cil_insn *all = arena_array(&a, RJ_COUNT(count) + body.count, sizeof *all);
    if (ok && all) {
        memcpy(all, count, sizeof count);
        memcpy(all + RJ_COUNT(count), body.insns, body.count * sizeof *all);
        body.insns = all;
        body.count += (uint32_t)RJ_COUNT(count);
        body.max_stack = (uint16_t)RJ_MAX(body.max_stack, 4);
        ok = cil_body_write(&body, out, NULL, &e);
    }
    arena_free(&a);
    return ok && all;
}

static clr_hresult on_parameters(void *self, clr_module_id module, uint32_t token, clr_function_control *control)
{
    (void)self;
    const uint8_t *il = NULL;
    uint32_t size = 0;
    buf_t body = {0};
    __atomic_fetch_add(&seen.parameters, 1, __ATOMIC_SEQ_CST);
    if (info->vt->GetILFunctionBody(info, module, token, &il, &size) >= 0 && il && write_body(il, size, &body))
        control->vt->SetILFunctionBody(control, (uint32_t)body.n, body.p);
    buf_free(&body);
    return CLR_OK;
}

static clr_hresult on_finished(void *self, clr_function_id f, clr_rejit_id rejit, clr_hresult hr, int32_t safe)
{
    (void)self, (void)f, (void)rejit, (void)hr, (void)safe;
    __atomic_fetch_add(&seen.finished, 1, __ATOMIC_SEQ_CST);
    return CLR_OK;
}

static clr_hresult on_error(void *self, clr_module_id m, uint32_t token, clr_function_id f, clr_hresult hr)
{
    (void)self, (void)m, (void)token, (void)f;
    seen.error = hr;
    __atomic_fetch_add(&seen.errors, 1, __ATOMIC_SEQ_CST);
    return CLR_OK;
}

/* ---- commands ---- */

/* Does the name of the module's file, or of its assembly, begin like that? */
static bool is_named(clr_module_id id, const char *name)
{
    const uint8_t *base;
    uint16_t text[512], assembly_text[512] = {0};
    uint32_t used = 0, flags;
    clr_assembly_id assembly = 0;
    if (info->vt->GetModuleInfo2(info, id, &base, RJ_COUNT(text), &used, text, &assembly, &flags) < 0) return false;
    info->vt->GetAssemblyInfo(info, assembly, RJ_COUNT(assembly_text), &used, assembly_text, NULL, NULL);
    size_t i = 0;
    while (name[i] && assembly_text[i] == (uint16_t)name[i])
        i++;
    return !name[i] && !assembly_text[i];
}

static clr_module_id module_of(const char *name)
{
    clr_enum *modules = NULL;
    clr_module_id id = 0, found = 0;
    uint32_t got = 0;
    if (info->vt->EnumModules(info, &modules) < 0 || !modules) return 0;
    while (!found && modules->vt->Next(modules, 1, &id, &got) >= 0 && got == 1)
        if (is_named(id, name)) found = id;
    modules->vt->unknown.Release(modules);
    return found;
}

static void obey(const char *line, char *answer, size_t size)
{
    char verb[16] = "", name[256] = "";
    unsigned token = 0;
    clr_hresult hr = CLR_FAIL, one = CLR_OK;
    if (strncmp(line, "counts", 6) == 0) {
        snprintf(answer, size, "ok parameters %u finished %u errors %u error %08x calls %llu\n", seen.parameters,
                 seen.finished, seen.errors, (unsigned)seen.error,
                 (unsigned long long)__atomic_load_n(&calls, __ATOMIC_SEQ_CST));
        return;
    }
    if (strncmp(line, "detach", 6) == 0) {
        hr = info->vt->RequestProfilerDetach(info, 0);
        snprintf(answer, size, "ok %08x\n", (unsigned)hr);
        return;
    }
    clr_module_id module = sscanf(line, "%15s %255s %x", verb, name, &token) == 3 ? module_of(name) : 0;
    if (!module) {
        snprintf(answer, size, "error: no such module: %s\n", name);
        return;
    }
    if (strcmp(verb, "rejit") == 0) hr = info->vt->RequestReJIT(info, 1, &module, &token);
    if (strcmp(verb, "inliners") == 0)
        hr = info->vt->RequestReJITWithInliners(info, CLR_REJIT_BLOCK_INLINING, 1, &module, &token);
    if (strcmp(verb, "revert") == 0) hr = info->vt->RequestRevert(info, 1, &module, &token, &one);
    snprintf(answer, size, "ok %08x\n", (unsigned)(hr < 0 ? hr : one));
}

static void *listen_for_orders(void *listener)
{
    int fd = accept((int)(intptr_t)listener, NULL, NULL);
    FILE *in = fd >= 0 ? fdopen(fd, "r+") : NULL;
    char line[512], answer[512];
    while (in && fgets(line, sizeof line, in)) {
        obey(line, answer, sizeof answer);
        if (write(fd, answer, strlen(answer)) < 0) break;
    }
    return NULL;
}

static clr_hresult on_initialize(void *self, clr_unknown *unknown)
{
    (void)self;
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int n = snprintf(where.sun_path + 1, sizeof where.sun_path - 1, "rejit-stock-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (unknown->vt->QueryInterface(unknown, &clr_iid_info12, (void **)&info) < 0) return CLR_FAIL;
    if (bind(fd, (struct sockaddr *)&where, size) < 0 || listen(fd, 1) < 0) return CLR_FAIL;
    if (pthread_create(&thread, NULL, listen_for_orders, (void *)(intptr_t)fd) != 0) return CLR_FAIL;
    return info->vt->SetEventMask(info, CLR_MONITOR_MODULE_LOADS | CLR_MONITOR_JIT_COMPILATION | CLR_ENABLE_REJIT);
}

/* ---- COM ---- */

static clr_hresult on_nothing(void)
{
    return CLR_OK;
}

static uint32_t one_reference(void *self)
{
    (void)self;
    return 1;
}

static clr_hresult query_profiler(void *self, const clr_guid *iid, void **out)
{
    *out = clr_is_callback_iid(iid) ? self : NULL;
    return *out ? CLR_OK : CLR_NO_INTERFACE;
}

typedef void (*slot_fn)(void);
static slot_fn profiler_slots[CLR_CB_SLOTS];
static const slot_fn *profiler = profiler_slots;

static clr_hresult create_instance(void *self, void *outer, const clr_guid *iid, void **out)
{
    (void)self, (void)outer;
    for (size_t i = 0; i < RJ_COUNT(profiler_slots); i++)
        profiler_slots[i] = (slot_fn)on_nothing;
    profiler_slots[0] = (slot_fn)query_profiler;
    profiler_slots[1] = profiler_slots[2] = (slot_fn)one_reference;
    profiler_slots[CLR_CB_Initialize] = (slot_fn)on_initialize;
    profiler_slots[CLR_CB_GetReJITParameters] = (slot_fn)on_parameters;
    profiler_slots[CLR_CB_ReJITCompilationFinished] = (slot_fn)on_finished;
    profiler_slots[CLR_CB_ReJITError] = (slot_fn)on_error;
    return query_profiler(&profiler, iid, out);
}

static clr_hresult query_factory(void *self, const clr_guid *iid, void **out)
{
    (void)iid;
    *out = self;
    return CLR_OK;
}

static const slot_fn factory_slots[] = {
    (slot_fn)query_factory,   (slot_fn)one_reference, (slot_fn)one_reference,
    (slot_fn)create_instance, (slot_fn)on_nothing,
};
static const slot_fn *factory = factory_slots;

__attribute__((visibility("default"))) clr_hresult DllGetClassObject(const clr_guid *clsid, const clr_guid *iid,
                                                                     void **out);
clr_hresult DllGetClassObject(const clr_guid *clsid, const clr_guid *iid, void **out)
{
    (void)clsid;
    return query_factory(&factory, iid, out);
}
