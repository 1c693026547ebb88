/*
 * rejit before: the last calls of each thread are kept, and printed when one throws, or when a condition holds.
 *
 * A condition chooses what is printed, not what is kept: it belongs to a second session on the same methods, whose
 * calls are the triggers. The same call is in both, some nanoseconds apart.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define LAG_NS   5000000u /* a call's end is in the rings by then, unless its thread lost its core on the way */
#define SLACK_NS 1000u    /* the two sessions' ends of one call, and their clocks, are about so far apart */
#define SPARE    4u       /* calls that may have ended within that after a trigger */

/* The last one, for what an exception does to the calls around it. */
typedef struct thrown {
    uint32_t thread;
    uint64_t began, ended;
    char text[512]; /* type and message */
} thrown;

typedef struct recorder {
    stream *st;
    rj_session *condition; /* NULL: what throws is the trigger */
    thrown last;
    /* while a trigger is printed */
    const rj_call *trigger;
    size_t count, at, skipped;
    uint64_t twin_off;
    size_t twin; /* the trigger as it is kept; SIZE_MAX: it is not */
} recorder;

static uint64_t apart(uint64_t x, uint64_t y)
{
    return x > y ? x - y : y - x;
}

/* Counts what came before, and finds the trigger among it. */
static bool count_one(void *owner, const rj_call *c)
{
    recorder *r = owner;
    const rj_call *t = r->trigger;
    if (c->time > t->time + t->elapsed) return false;
    const uint64_t off = apart(c->time, t->time) + apart(c->time + c->elapsed, t->time + t->elapsed);
    if (r->condition && off <= r->twin_off && strcmp(c->method, t->method) == 0) {
        r->twin = r->count;
        r->twin_off = off;
    }
    r->count++;
    return true;
}

static bool put_one(void *owner, const rj_call *c)
{
    recorder *r = owner;
    if (r->at >= r->count) return false;
    const size_t i = r->at++;
    if (i != r->twin && i >= r->skipped) watch_call(r->st, c);
    return true;
}

/* What led to it, and the call itself. */
static void put_trigger(recorder *r, const rj_call *c)
{
    stream *st = r->st;
    r->trigger = c;
    r->count = r->at = 0;
    r->twin = SIZE_MAX;
    r->twin_off = 4 * SLACK_NS;
    rj_kept(st->s, c->thread, count_one, r);
    size_t kept = r->count - (r->twin != SIZE_MAX);
    r->skipped = kept > st->o->keep ? kept - st->o->keep : 0;
    kept -= r->skipped;
    if (st->o->json)
        out_json_before(&st->line, c, kept);
    else
        out_before(&st->line, c, kept, &st->style);
    rj_kept(st->s, c->thread, put_one, r);
    watch_call(st, c);
    st->calls++;
    if (st->limit && st->calls >= st->limit) st->enough = true;
}

/* The same exception on its way through the callers of what it was told of: they are in what comes next. */
static bool is_on_its_way(recorder *r, const rj_call *c)
{
    thrown *last = &r->last, now = {.thread = c->thread, .began = c->time, .ended = c->time + c->elapsed};
    snprintf(now.text, sizeof now.text, "%s: %s", c->exception, c->message ? c->message : "");
    const bool same = last->thread == now.thread && now.began <= last->began && now.ended >= last->ended &&
                      strcmp(now.text, last->text) == 0;
    if (same) {
        last->ended = now.ended;
        last->began = now.began;
    } else {
        *last = now;
    }
    return same;
}

static bool on_thrown(stream *st, const rj_call *c)
{
    recorder *r = st->own;
    if (!r->condition && !is_on_its_way(r, c)) put_trigger(r, c);
    return true;
}

/* Its condition holds: what ended before it is taken from the rings, and nothing that ended later. */
static bool on_condition(void *owner, const rj_call *c)
{
    recorder *r = owner;
    stream *st = r->st;
    rj_error e;
    if (st->enough) return false;
    rj_hold_back(st->s, c->time + c->elapsed + SLACK_NS);
    stream_poll(st, 0, &e);
    put_trigger(r, c);
    if (!console_write(st->fd, &st->line)) st->broken = true;
    return !st->enough && !st->broken;
}

/* The recorder stays behind the condition's session, which may have more to say of what is in the rings. */
static bool look_at_condition(stream *st, uint64_t now_ms)
{
    (void)now_ms;
    recorder *r = st->own;
    rj_handlers h = {.owner = r, .call = on_condition};
    rj_error e;
    if (!r->condition) return true;
    const uint64_t before = clock_ns(CLOCK_REALTIME);
    const bool alive = rj_poll(r->condition, 0, &h, &e) || e.code == RJ_GONE;
    rj_hold_back(st->s, before - LAG_NS);
    return alive;
}

static void end_condition(stream *st)
{
    recorder *r = st->own;
    rj_handlers h = {.owner = r, .call = on_condition};
    rj_error e;
    if (r->condition) rj_stop(r->condition, st->enough ? NULL : &h, &e);
}

/* -1: go on, else the exit code. */
static int open_condition(const options *o, recorder *r)
{
    int code = -1;
    rj_probes p;
    rj_error e;
    r->condition = target_open(o->args[0], VERB_BEFORE, true, &code);
    if (!r->condition) return code;
    rj_session_budget(r->condition, &o->budget);
    const bool ok = rj_instrument(r->condition, &r->st->request, &p, &e) && rj_gate(r->condition, true, &e);
    return ok ? -1 : target_refused(o, &e);
}

int verb_before(const options *o)
{
    int code = target_check(o, (const char *const *)o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], VERB_BEFORE, true, &code);
    if (!s) return code;
    stream st;
    recorder r = {.st = &st};
    stream_init(&st, o, s, RJ_WATCH);
    watch_request(&st, o);
    st.request.calls_a_second = 0;
    if (o->condition) code = open_condition(o, &r); /* asks for the same, but for what is kept */
    st.request.condition = NULL;
    st.request.keep = o->keep + (o->condition ? SPARE : 0);
    st.what = o->condition ? "call" : "exception";
    st.own = &r;
    st.call = on_thrown;
    st.counts_own = true;
    st.tick = look_at_condition;
    st.finish = end_condition;
    if (code < 0) code = stream_run(&st);
    rj_close(r.condition);
    rj_close(s);
    return code;
}
