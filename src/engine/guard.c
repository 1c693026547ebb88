/*
 * What must not happen while something is compiled: a module's metadata is opened for writing for the first time
 * (standstill.c), and, on the runtimes that need it (clr_jit_fragile), the runtime is asked for versions.
 *
 *      compiling thread:  inside++; closed? then inside--, and wait until it is open; compile; inside--
 *      the engine:        close; wait until inside == 0; ask; open
 *
 * A compile may wait for a thread that waits for a compile of its own, which waits here: therefore the engine opens
 * again when it has waited for a while, and tries anew. Threads that compile are in preemptive mode; in any case the
 * runtime makes them wait for the same requests.
 */
#include "engine/engine-priv.h"
#include "engine/jit-priv.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FIRST_NS 20000000ull    /* the shortest wait for the end of the compiles that are under way */
#define LAST_NS  1000000000ull  /* and the longest */
#define MOST_NS  10000000000ull /* all of them together */
#define STEP_NS  50000

static _Atomic uint32_t inside, closed;

/* ---- compiling threads ---- */

/*
 * Compiles nest: loading a type may run code of the application. How deep a thread is in them is a key's value, as the
 * agent has no TLS (src/probe/thread.c). Where there is no key left, or no memory for its value, each is counted by
 * itself, inside and out.
 */
static pthread_key_t depth_key;
static bool has_depth_key;

static void make_depth_key(void)
{
    has_depth_key = pthread_key_create(&depth_key, NULL) == 0;
}

static uintptr_t depth(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_depth_key);
    return has_depth_key ? (uintptr_t)pthread_getspecific(depth_key) : 0;
}

static void set_depth(uintptr_t n)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): a number in the place of a pointer */
    if (has_depth_key) pthread_setspecific(depth_key, (void *)n);
}

static void enter(void)
{
    const uintptr_t before = depth();
    set_depth(before + 1);
    if (before) return;
    for (;;) {
        atomic_fetch_add(&inside, 1);
        if (!atomic_load(&closed)) return;
        atomic_fetch_sub(&inside, 1);
        syscall(SYS_futex, &closed, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void leave(void)
{
    const uintptr_t before = depth();
    if (before) set_depth(before - 1);
    if (before <= 1) atomic_fetch_sub(&inside, 1);
}

/*
 * The runtime's exceptions unwind through a compile, and through us. The unwinder asks this function of each frame
 * below at its second pass (phase 2 of the Itanium C++ ABI's exception handling); it has nothing to land on there.
 */
int eng_guard_unwound(int version, int actions, uint64_t class, void *exception, void *context);
int eng_guard_unwound(int version, int actions, uint64_t class, void *exception, void *context)
{
    enum { CLEANUP_PHASE = 2, CONTINUE_UNWIND = 8 };
    (void)version, (void)class, (void)exception, (void)context;
    if (actions & CLEANUP_PHASE) leave();
    return CONTINUE_UNWIND;
}

/* NOLINTNEXTLINE(bugprone-reserved-identifier): how assemblers call the pointer to a personality routine */
__attribute__((used, visibility("hidden"))) int (*const guard_unwound)(int, int, uint64_t, void *, void *) __asm__(
    "DW.ref.eng_guard_unwound") = eng_guard_unwound;

__attribute__((noinline)) int32_t eng_guard_compile(clr_jit_compile *compile, clr_jit_compiler *self, clr_jit_ee *ee,
                                                    clr_jit_method *info, uint32_t flags, uint8_t **entry,
                                                    uint32_t *size)
{
    enter();
    /* 0x9b: a pointer to the pointer, relative to here, of four bytes (DW_EH_PE_). */
    __asm__ volatile(".cfi_personality 0x9b, DW.ref.eng_guard_unwound");
    int32_t result = compile(self, ee, info, flags, entry, size);
    leave();
    return result;
}

/*
 * For callbacks, which may come from inside a compile. It does not go on before we have the lock, so it is none as
 * long; who holds the lock has nothing closed.
 */
void eng_transaction_lock(eng *g)
{
    const bool compiles = depth() != 0;
    if (compiles) atomic_fetch_sub(&inside, 1);
    pthread_mutex_lock(&g->transaction);
    if (compiles) atomic_fetch_add(&inside, 1);
}

/* ---- helpers of the JIT ---- */

/* At the first request after the core library has been loaded. */
static void find_helpers(eng *g)
{
    const eng_module *m = g->jit_helpers.n ? NULL : eng_module_of_assembly(g, "System.Private.CoreLib");
    for (uint32_t rid = 1; m && rid <= m->image.rows[CIL_METHOD_DEF]; rid++) {
        if (!eng_is_jit_helper(m, rid)) continue;
        uint32_t *token = VEC_PUSH(&g->jit_helpers);
        if (!token) return;
        *token = CIL_TOKEN(CIL_METHOD_DEF, rid);
        g->core = m->id;
    }
}

/*
 * A helper that has inlined one of the methods gets a version too, and has no code for it yet. It goes back to the
 * original, which has: calls that helpers make are not seen on this runtime.
 */
static void keep_helpers(eng *g)
{
    if (!eng_has_fragile_helpers(g)) return;
    find_helpers(g);
    arena a = {0};
    uint32_t n = (uint32_t)g->jit_helpers.n;
    clr_module_id *modules = arena_array(&a, n + 1, sizeof *modules);
    clr_hresult *results = arena_array(&a, n + 1, sizeof *results);
    for (uint32_t i = 0; modules && i < n; i++)
        modules[i] = g->core;
    if (modules && results && n) g->info->vt->RequestRevert(g->info, n, modules, g->jit_helpers.v, results);
    arena_free(&a);
}

/* ---- requests ---- */

static void nap(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

void eng_guard_open(void)
{
    atomic_store(&closed, 0);
    syscall(SYS_futex, &closed, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static bool close_for(uint64_t ns)
{
    uint64_t until = eng_now_ns() + ns;
    const uint32_t own = depth() != 0;
    atomic_store(&closed, 1);
    while (atomic_load(&inside) != own) {
        if (eng_now_ns() > until) {
            eng_guard_open();
            return false;
        }
        nap(STEP_NS);
    }
    return true;
}

bool eng_guard_close(void)
{
    uint64_t until = eng_now_ns() + MOST_NS;
    for (uint64_t ns = FIRST_NS; !close_for(ns); ns = RJ_MIN(ns * 2, LAST_NS)) {
        if (eng_now_ns() > until) return false;
        nap(FIRST_NS);
    }
    return true;
}

/* Where requests and compiles go together both go on. */
static bool begin(void)
{
    const clr_jit *jit = eng_jit_version();
    return !jit || !jit->fragile || eng_guard_close();
}

clr_hresult eng_ask_with_inliners(eng *g, uint32_t n, clr_module_id *modules, uint32_t *tokens)
{
    const uint32_t flags = CLR_REJIT_BLOCK_INLINING | CLR_REJIT_INLINING_CALLBACKS;
    if (!begin()) return ENG_BUSY;
    clr_hresult hr = g->info->vt->RequestReJITWithInliners(g->info, flags, n, modules, tokens);
    if (hr >= 0) keep_helpers(g);
    eng_guard_open();
    return hr;
}

clr_hresult eng_ask(eng *g, uint32_t n, clr_module_id *modules, uint32_t *tokens)
{
    if (!begin()) return ENG_BUSY;
    clr_hresult hr = g->info->vt->RequestReJIT(g->info, n, modules, tokens);
    eng_guard_open();
    return hr;
}
