/* What watch, stat and stack have in common: from the start line to the end line. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#define LINES_A_SECOND 10000u
#define POLL_MS        50
#define REFUSALS_MOST  10u /* named one by one on standard error; --json names them all */

bool stream_asks_for_dynamic(const rj_request *r)
{
    static const char type[] = "<dynamic>.";
    for (size_t i = 0; i < r->pattern_count; i++)
        if (strncmp(r->patterns[i], type, sizeof type - 1) == 0) return true;
    return false;
}

void stream_init(stream *st, const options *o, rj_session *s, rj_verb what)
{
    *st = (stream){.o = o, .s = s, .fd = STDOUT_FILENO, .what = "call", .count_calls = true, .limit = o->count};
    st->request = (rj_request){.verb = what,
                               .patterns = (const char *const *)o->args + 1,
                               .pattern_count = o->arg_count - 1,
                               .most = o->max_methods,
                               .condition = o->condition,
                               .by = o->by,
                               .reveal = o->reveal};
    st->request.later = stream_asks_for_dynamic(&st->request);
    if (o->sync) st->request.want |= RJ_WANT_SYNC;
    if (what == RJ_WATCH || what == RJ_TRACE || what == RJ_THROWS || what == RJ_LINE)
        st->request.calls_a_second = LINES_A_SECOND;
    st->style.colour = !o->json && console_colour(st->fd);
}

static void write_line(stream *st)
{
    if (!console_write(st->fd, &st->line)) st->broken = true;
}

static bool on_call(void *owner, const rj_call *c)
{
    stream *st = owner;
    if (!st->counts_own) st->calls++;
    if (st->call && !st->call(st, c)) st->broken = true;
    if (st->line.n) write_line(st);
    if (st->count_calls && st->limit && st->calls >= st->limit) st->enough = true;
    return !st->enough && !st->broken && (st->ending || !interrupt_signal());
}

static void say_refusal(stream *st, const char *method, const char *reason)
{
    if (st->refusals_said++ < REFUSALS_MOST) console_say("refused %s: %s", method, reason);
}

static void on_news(void *owner, const rj_news *n)
{
    stream *st = owner;
    if (st->news && st->news(st, n)) return;
    if (n->kind == RJ_NOTICE_REFUSED) st->refused++;
    if (st->o->json) {
        out_json_news(&st->line, n);
        if (st->line.n) write_line(st);
        return;
    }
    switch (n->kind) {
    case RJ_NOTICE_REFUSED: say_refusal(st, n->refusal.method, n->refusal.reason); break;
    case RJ_NOTICE_GATES: console_say("%s", n->text); break;
    case RJ_NOTICE_REVERTED:
        console_say("%zu method%s taken away: %s", n->count, n->count == 1 ? " was" : "s were", n->text);
        break;
    case RJ_NOTICE_PROBES:
    case RJ_NOTICE_NO_PDB:
    case RJ_NOTICE_NO_LINES:
    case RJ_NOTICE_END:
    default: break;
    }
}

static void say_start(stream *st, const rj_probes *p)
{
    st->refused = p->refused_count;
    if (st->silent) return;
    if (st->o->json) {
        out_json_start(&st->line, p);
        write_line(st);
        return;
    }
    for (size_t i = 0; i < p->refused_count; i++)
        say_refusal(st, p->refused[i].method, p->refused[i].reason);
    if (p->side_note) console_say("%s", p->side_note);
    if (!rj_measured(st->s).kept)
        console_say("the agent in the process is older than this command, and keeps no budget");
    for (size_t i = 0; i < p->note_count && i < REFUSALS_MOST; i++)
        console_say("%s: %s", p->notes[i].method, p->notes[i].reason);
    const size_t asked = p->methods - p->callees;
    char called[64] = "";
    if (p->callees) snprintf(called, sizeof called, ", and %zu that may be called", p->callees);
    if (st->started) st->started(st, p);
    if (asked)
        console_say("%zu %s%s of process %d%s; Ctrl-C ends", asked, st->request.makes ? "constructor" : "method",
                    asked == 1 ? "" : "s", rj_session_state(st->s)->pid, called);
    else if (st->request.verb == RJ_THROWS)
        console_say("exceptions of process %d; Ctrl-C ends", rj_session_state(st->s)->pid);
    else if (stream_asks_for_dynamic(&st->request))
        console_say("waits for such methods of process %d to be compiled; Ctrl-C ends", rj_session_state(st->s)->pid);
}

int stream_start(stream *st)
{
    rj_probes p;
    rj_error e = {0};
    console_progress("instrumenting");
    rj_session_budget(st->s, &st->o->budget);
    bool ok = rj_instrument(st->s, &st->request, &p, &e) && rj_gate(st->s, true, &e);
    console_progress(NULL);
    if (!ok) return target_refused(st->o, &e);
    say_start(st, &p);
    st->began_ms = clock_ms();
    if (p.methods || st->request.later || st->request.verb == RJ_THROWS) return -1;
    stream_end(st, "refused");
    return EXIT_REFUSED;
}

/* Once for each: that the target is spared, and what is seen is not all. The figures tell how much of it. */
static void say_reached(stream *st)
{
    const unsigned fresh = rj_measured(st->s).last_reached & ~st->reached;
    if (!fresh) return;
    st->reached |= fresh;
    if (st->o->json || st->silent) return; /* a stat has it in each line, and all have it at the end */
    buf_t b = {0};
    out_reached(&b, fresh, &st->o->budget);
    console_say("%s: to spare the process, calls are not seen %s", buf_cstr(&b),
                fresh & (RJ_REACHED_MEMORY | RJ_REACHED_BYTES) ? "while that lasts" : "for the rest of the second");
    buf_free(&b);
}

bool stream_poll(stream *st, int ms, rj_error *e)
{
    rj_handlers h = {.owner = st, .call = on_call, .news = on_news};
    const bool alive = rj_poll(st->s, ms, &h, e);
    say_reached(st);
    return alive;
}

static void say_totals(const stream *st, const rj_totals *t, const char *reason)
{
    buf_t b = {0};
    out_count(&b, t->calls);
    buf_printf(&b, " %s%s", st->what, t->calls == 1 ? "" : "s");
    if (t->dropped) {
        buf_str(&b, ", ");
        out_count(&b, t->dropped);
        buf_str(&b, " dropped");
    }
    if (t->in_flight) {
        buf_str(&b, ", ");
        out_count(&b, t->in_flight);
        buf_str(&b, " still inside");
    }
    if (t->measure.shut_ns) {
        buf_str(&b, "; ");
        out_measured(&b, rj_measured_part(NULL, &t->measure), t->measure.last_reached, &st->o->budget);
    }
    console_say("%s (%s)", buf_cstr(&b), reason);
    buf_free(&b);
    if (st->refusals_said > REFUSALS_MOST)
        console_say("%llu methods were refused in all; --json or `rejit find` tell each with its reason",
                    (unsigned long long)st->refusals_said);
}

void stream_say_end(stream *st, const rj_totals *t, const char *reason)
{
    if (st->o->json) {
        out_json_end(&st->line, t, reason);
        write_line(st);
    } else {
        say_totals(st, t, reason);
    }
    buf_free(&st->line);
}

void stream_end(stream *st, const char *reason)
{
    if (st->finish) st->finish(st);
    if (st->line.n) write_line(st);
    rj_totals t = rj_session_totals(st->s);
    if (st->counts_own) t.calls = st->calls;
    stream_say_end(st, &t, reason);
}

/* Why to end now, or NULL. */
static const char *ending(stream *st, uint64_t now)
{
    if (interrupt_signal()) return "interrupted";
    if (st->broken) return "output closed";
    if (!st->count_calls && st->limit && rj_session_totals(st->s).calls >= st->limit) st->enough = true;
    if (st->enough) return "count";
    if (st->o->duration_ms && now - st->began_ms >= st->o->duration_ms) return "duration";
    return NULL;
}

static int wait_ms(const stream *st, uint64_t now)
{
    uint64_t ms = POLL_MS;
    if (st->o->duration_ms) ms = RJ_MIN(ms, st->began_ms + st->o->duration_ms - now);
    return (int)ms;
}

int stream_run(stream *st)
{
    int code = stream_start(st);
    if (code >= 0) return code;
    const char *reason = NULL;
    rj_error e = {0};
    bool alive = true;
    while (alive) {
        uint64_t now = clock_ms();
        if ((reason = ending(st, now))) break;
        if (st->tick && !st->tick(st, now)) st->enough = true;
        alive = stream_poll(st, wait_ms(st, now), &e);
    }
    if (alive) {
        /* What was asked for is complete with --count; otherwise the calls that ended before the gates closed belong to
         * it. */
        rj_handlers h = {.owner = st, .call = on_call, .news = on_news};
        bool complete = st->enough && st->count_calls;
        st->ending = true;
        alive = rj_stop(st->s, complete || st->broken ? NULL : &h, &e);
    }
    if (!alive) reason = e.code == RJ_GONE ? "target exited" : "lost the agent";
    stream_end(st, reason);
    if (!alive) return e.code == RJ_GONE ? EXIT_GONE : console_error(&e);
    return st->refused ? EXIT_REFUSED : EXIT_DONE;
}
