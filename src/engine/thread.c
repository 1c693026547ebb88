/* Threads of our own in the application's process. */
#include "engine/engine-priv.h"

#include <signal.h>
#include <string.h>

/* The application's signals are not for our threads. Where managed code runs, the runtime's own must come through. */
static sigset_t not_ours(bool managed)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t all;
    sigfillset(&all);
    for (int s = SIGRTMIN; managed && s <= SIGRTMAX; s++)
        sigdelset(&all, s);
    for (size_t i = 0; managed && i < RJ_COUNT(faults); i++)
        sigdelset(&all, faults[i]);
    return all;
}

bool eng_thread_start(pthread_t *out, const char *name, bool managed, void *(*run)(void *), void *owner, err_t *e)
{
    const sigset_t blocked = not_ours(managed);
    sigset_t before;
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = pthread_create(&thread, NULL, run, owner);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return err_set(e, ERR_SYSTEM, -1, "the thread %s cannot be made: %s", name, strerror(failed));
    pthread_setname_np(thread, name);
    pthread_detach(thread);
    if (out) *out = thread;
    return true;
}
