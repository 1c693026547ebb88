/* All managed code stands still, for what must not be looked at while it runs. Only from the agent's own thread. */
#include "engine/engine-priv.h"

#include <time.h>

#define WAIT_MOST_NS 1000000000ull
#define NAP_NS       200000

/* The runtime refuses where it is being suspended already, for a collection or for code that is unloaded. */
bool eng_suspend(eng *g)
{
    const clr_hresult in_progress = (clr_hresult)0x80131388;
    const uint64_t until = eng_now_ns() + WAIT_MOST_NS;
    for (;;) {
        clr_hresult hr = g->info->vt->SuspendRuntime(g->info);
        if (hr >= 0) return true;
        if (hr != in_progress || eng_now_ns() > until) {
            log_line(LOG_WARN, "engine", "the runtime cannot be suspended (%08x)", (unsigned)hr);
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    }
}

void eng_resume(eng *g)
{
    g->info->vt->ResumeRuntime(g->info);
}
