/*
 * The governor: what the probes of a client cost the process, and what is done where that is more than its budget.
 *
 * The threads are not asked, and do nothing for it: a thread that is inside of a probe's code shows that in its block
 * (probe_thread.busy), for the sake of those who wait for it to come out. The governor looks there every few
 * milliseconds, at odd times, so that what the application does regularly does not hide from it:
 *
 *      time |--.--.-.--.--.-.--X..................|--.--.-
 *           a look adds the time since the last   |
 *           for each thread that is inside        the interval's end: the gates open again
 *                              the budget is used up: they close
 *
 * So a storm costs what the budget says and no more, and what is left of the interval is not measured, which the
 * client tells (wire_memory.shut_ns).
 */
#include "agent/agent-priv.h"

#include <sched.h>

#define INTERVAL_NS 1000000000u
#define LOOK_MS     2u         /* at least, and at most thrice that */
#define LONGEST_NS  100000000u /* that one look stands for: the agent may have been busy */
#define HOT_CALLS   20000u     /* a second, below which it looks rarely */
#define OUTSIDE_NS  25u /* a call, about: woven code, and what a thread does of the probe without being shown in it */
#define PRESSURE_NS INTERVAL_NS

/* Processors that the process may use: no more threads than that are inside at one moment, however many seem to be. */
static uint32_t processors(void)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (uint32_t)n : 1;
}

typedef struct counts {
    uint64_t calls, events;
} counts;

static counts count(const probe_sink *sink)
{
    counts n = {0};
    for (uint32_t i = 0; i < probe_slots(); i++) {
        n.calls += __atomic_load_n(&sink->slot[i].entered, __ATOMIC_RELAXED);
        n.events += __atomic_load_n(&sink->slot[i].written, __ATOMIC_RELAXED);
    }
    return n;
}

static void begin_interval(governor *v, uint64_t events, uint64_t now)
{
    v->began_ns = now;
    v->began_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    v->probe_ns = 0;
    v->events_before = events;
}

void governor_begin(session *s, const wire_budget *budget)
{
    governor *v = &s->governor;
    const probe_sink *sink = eng_client_sink(s->client);
    if (!sink) return;
    v->budget = *budget;
    eng_client_budget(s->client, &v->budget);
    sink->memory->governed = 1;
    if (v->began_ns) return; /* gates that open again open no new account */
    const counts n = count(sink);
    v->seen_ns = clock_ns(CLOCK_MONOTONIC);
    v->calls_seen = n.calls;
    v->cores = 1;
    begin_interval(v, n.events, v->seen_ns);
}

/* What was spent since the last look. */
static void look(governor *v, const probe_sink *sink, uint64_t calls, uint64_t now)
{
    const uint64_t since = now - v->seen_ns;
    const uint64_t called = calls > v->calls_seen ? calls - v->calls_seen : 0; /* fewer: some were rejected */
    const uint32_t inside = probe_inside(sink), running = inside > 1 ? RJ_MIN(inside, processors()) : inside;
    v->probe_ns += RJ_MIN(since, (uint64_t)LONGEST_NS) * running + called * OUTSIDE_NS;
    v->hot = inside || called * INTERVAL_NS > since * HOT_CALLS;
    v->calls_seen = calls;
    v->seen_ns = now;
    uint64_t *const spent = v->reached ? &sink->memory->shut_ns : &sink->memory->open_ns;
    __atomic_store_n(spent, *spent + since, __ATOMIC_RELAXED);
}

static uint32_t is_over(const governor *v, const probe_sink *sink, uint64_t events)
{
    const wire_budget *most = &v->budget;
    uint32_t reached = 0;
    if (most->share && (double)v->probe_ns * 1000 > (double)most->share * INTERVAL_NS * v->cores)
        reached |= WIRE_REACHED_TIME;
    if (most->events && events - v->events_before > most->events) reached |= WIRE_REACHED_EVENTS;
    if (most->bytes && probe_sink_bytes(sink) > most->bytes) reached |= WIRE_REACHED_BYTES;
    return reached;
}

static void put_reached(control *c, session *s, const probe_sink *sink, uint32_t reached)
{
    governor *v = &s->governor;
    if (!reached != !v->reached) eng_gate(c->g, s->client, !reached);
    v->reached = reached;
    if (reached) __atomic_store_n(&sink->memory->last_reached, reached, __ATOMIC_RELAXED);
    __atomic_store_n(&sink->memory->reached, reached, __ATOMIC_RELEASE);
}

/* The share is that of the interval; what the process had of the processors is what the next one may have. */
static void end_interval(governor *v, const probe_sink *sink, uint64_t events, uint64_t now)
{
    const double wall = (double)(now - v->began_ns);
    const double cores = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - v->began_cpu_ns) / wall;
    v->cores = RJ_MAX(cores, 1.0);
    const double share = (double)v->probe_ns * 1000 / (wall * v->cores);
    __atomic_store_n(&sink->memory->share, (uint32_t)(share + 0.5), __ATOMIC_RELAXED);
    begin_interval(v, events, now);
}

static void govern(control *c, session *s)
{
    governor *v = &s->governor;
    const probe_sink *sink = s->open ? eng_client_sink(s->client) : NULL;
    const uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (!sink || !v->began_ns) {
        v->hot = false;
        v->seen_ns = now; /* nobody wants its gates open: this time is no one's */
        return;
    }
    const counts n = count(sink);
    look(v, sink, n.calls, now);
    uint32_t reached = v->reached & ~(uint32_t)WIRE_REACHED_MEMORY;
    if (now - v->began_ns >= INTERVAL_NS) {
        end_interval(v, sink, n.events, now);
        reached = 0; /* what takes more memory than it may still does: it is seen below */
    }
    reached |= is_over(v, sink, n.events);
    if (c->pressed) reached |= WIRE_REACHED_MEMORY;
    if (reached != v->reached) put_reached(c, s, sink, reached);
}

void governor_look(control *c)
{
    const uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (c->sessions && now - c->pressure_ns >= PRESSURE_NS) {
        c->pressure_ns = now;
        c->pressed = agent_memory_pressed(c->pressed);
    }
    for (session *s = c->sessions; s; s = s->next)
        if (s->client && !s->dead) govern(c, s);
}

bool governor_holds(const session *s)
{
    return s->governor.reached != 0;
}

/* At odd times: from LOOK_MS to three times that. */
static int odd_ms(control *c)
{
    c->odd = c->odd * 1103515245u + 12345u;
    return (int)(LOOK_MS + (c->odd >> 16) % (2 * LOOK_MS + 1));
}

int governor_patience(control *c, int most_ms)
{
    for (const session *s = c->sessions; s; s = s->next)
        if (s->open && s->governor.hot && !s->governor.reached && s->governor.budget.share) return odd_ms(c);
    return most_ms;
}
