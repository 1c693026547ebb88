/* Signals that ask the command to end, and its clock. */
#include "cli/cli.h"

#include <signal.h>

static volatile sig_atomic_t came;

static void note(int number)
{
    came = number;
}

/* Without SA_RESTART: what waits wakes up. */
static void watch(int flags)
{
    struct sigaction a = {.sa_handler = note, .sa_flags = flags};
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < RJ_COUNT(ends); i++) {
        struct sigaction before;
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN && ends[i] == SIGHUP)
            continue; /* nohup */
        sigaction(ends[i], &a, NULL);
    }
}

void interrupt_watch(void)
{
    watch(SA_RESETHAND); /* a second Ctrl-C ends the command at once: the agent reverts then as well */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

void interrupt_keep(void)
{
    watch(0);
}

static volatile sig_atomic_t forward_to;

/* What a terminal sends, it sends to the whole foreground group: the program has it already. */
static void forward(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code <= 0 && forward_to) kill(forward_to, number);
}

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

void interrupt_forward(int32_t pid)
{
    struct sigaction a = {.sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART};
    forward_to = pid;
    for (size_t i = 0; i < RJ_COUNT(forwarded); i++)
        sigaction(forwarded[i], &a, NULL);
}

void interrupt_default(void)
{
    struct sigaction a = {.sa_handler = SIG_DFL}, before;
    for (size_t i = 0; i < RJ_COUNT(forwarded); i++)
        if (sigaction(forwarded[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(forwarded[i], &a, NULL);
    sigaction(SIGPIPE, &a, NULL);
}

int interrupt_signal(void)
{
    return came;
}

void interrupt_clear(void)
{
    came = 0;
}

uint64_t clock_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}
