/* From rings to calls: merging, pairing, decoding, handing out. */
#include "client/client-priv.h"
#include "client/sock.h"

#include <fnmatch.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MARKS_MOST    4096u
#define NAP_MOST_MS   20u
#define LATE_PROBE_MS 200
#define RELEASE_EVERY 256u

static const rj_handlers nobody;

/* ---- news ---- */

static const char *news_text(arena *a, wire_reader r, bool *open, size_t *probes)
{
    const char *text = "";
    *probes = 0;
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_TEXT) text = wire_get_text(a, &f);
        if (f.tag == WIRE_T_OPEN) *open = wire_get_u32(&f) != 0;
        if (f.tag == WIRE_T_PROBE) ++*probes;
    }
    return text ? text : "";
}

static void tell(const rj_handlers *h, const rj_news *n)
{
    if (h->news) h->news(h->owner, n);
}

static void tell_refusals(rj_session *s, const rj_handlers *h, size_t refused)
{
    for (size_t i = s->refused.n - refused; i < s->refused.n; i++)
        tell(h, &(rj_news){.kind = RJ_NOTICE_REFUSED, .text = s->refused.v[i].reason, .refusal = s->refused.v[i]});
}

/* Methods that were refused or reverted keep their probe: late events of them still need its name. */
static void one_news(rj_session *s, const rj_handlers *h, uint16_t kind, wire_reader r)
{
    arena a = {0};
    rj_news n = {0};
    size_t count, refused = 0;
    n.text = news_text(&a, r, &n.open, &n.count);
    switch (kind) {
    case WIRE_NOTICE_PROBES:
        if (!probes_read(s, r, &count, &refused)) break;
        n.kind = RJ_NOTICE_PROBES;
        n.count = count;
        if (count) tell(h, &n);
        break;
    case WIRE_NOTICE_REFUSED:
        if (!probes_read(s, r, &count, &refused)) break;
        break;
    case WIRE_NOTICE_GATES:
        s->gates_open = n.open;
        n.kind = RJ_NOTICE_GATES;
        tell(h, &n);
        break;
    case WIRE_NOTICE_REVERTED:
        n.kind = RJ_NOTICE_REVERTED;
        tell(h, &n);
        break;
    case WIRE_NOTICE_TYPES: types_read(&s->types, r); break;
    case WIRE_NOTICE_END:
        s->ended = true;
        n.kind = RJ_NOTICE_END;
        tell(h, &n);
        break;
    default: break; /* of a later version */
    }
    tell_refusals(s, h, refused);
    arena_free(&a);
}

static void tell_untold(rj_session *s, const rj_handlers *h)
{
    for (size_t i = 0; i < s->untold.n; i++)
        tell(h, &s->untold.v[i]);
    s->untold.n = 0;
}

static bool deliver_news(rj_session *s, const rj_handlers *h)
{
    wire_header head;
    wire_reader r;
    bool any = false;
    while (session_news(s, &head, &r)) {
        one_news(s, h, head.kind, r);
        any = true;
    }
    return any;
}

/* ---- probes ---- */

/* Its announcement may still be on the way: methods of a new module run as soon as they are woven. */
static const probe_info *late_probe(rj_session *s, const rj_handlers *h, uint32_t id, bool *waited)
{
    const probe_info *p = NULL;
    int64_t deadline = sock_now_ms() + LATE_PROBE_MS;
    while (!p && !*waited && !s->closed && sock_now_ms() < deadline) {
        sock_wait(s->fd, POLLIN, -1, deadline);
        session_pump(s);
        deliver_news(s, h);
        p = map_get(&s->probes, id);
    }
    if (!p) *waited = true;
    return p;
}

/* The probe of an event. */
static const probe_info *probe_of(rj_session *s, const rj_handlers *h, uint32_t id, bool *waited)
{
    if (s->recent && s->recent->id == id) return s->recent;
    const probe_info *p = map_get(&s->probes, id);
    if (!p) p = late_probe(s, h, id, waited);
    if (p) s->recent = p;
    return p;
}

/* ---- exceptions seen in the first pass only ---- */

static bool mark_is(const mark *m, const wire_event *v)
{
    return m->tid == v->tid && m->probe == v->probe && m->start == v->start;
}

static void mark_drop(rj_session *s, size_t i)
{
    free(s->marks.v[i].event);
    s->marks.v[i] = s->marks.v[--s->marks.n];
}

static void mark_forget(rj_session *s, const wire_event *v)
{
    for (size_t i = s->marks.n; i-- > 0;)
        if (mark_is(&s->marks.v[i], v)) mark_drop(s, i);
}

static void mark_keep(rj_session *s, const uint8_t *event, uint32_t size)
{
    wire_event v;
    memcpy(&v, event, sizeof v);
    mark_forget(s, &v);
    if (s->marks.n >= MARKS_MOST) mark_drop(s, 0);
    uint8_t *copy = malloc(size);
    mark *m = copy ? VEC_PUSH(&s->marks) : NULL;
    if (!m) {
        free(copy);
        return;
    }
    memcpy(copy, event, size);
    *m = (mark){v.tid, v.probe, v.start, copy};
}

/* ---- calls ---- */

#define LOCAL 4u /* WIRE_T_WHAT */

static size_t locals_of(const probe_info *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->value_count; i++)
        n += p->values[i].what == LOCAL && !p->values[i].hidden;
    return n;
}

static void read_values(rj_session *s, arena *a, const probe_info *p, const uint8_t *event, uint32_t size, rj_call *c)
{
    static const rj_value none; /* of no arguments */
    rj_value *values = p->value_count ? arena_array(a, p->value_count, sizeof *values) : NULL;
    if (!p->value_count && s->wanted.want & RJ_WANT_ARGS) c->args = &none;
    if (!values) return;
    size_t args = 0, others = p->arg_count;
    const size_t locals_at = p->value_count - locals_of(p);
    bool threw = c->outcome == RJ_THREW;
    if (s->wanted.want & RJ_WANT_ARGS) c->args = values;
    for (size_t i = 0; i < p->value_count; i++) {
        const probe_value *v = &p->values[i];
        if (v->hidden || (v->what == 2 && c->outcome != RJ_RETURNED)) continue;
        bool is_arg = v->what == 0;
        /* variables stand at the end, in their order; arguments in front, others behind those */
        rj_value *out = &values[is_arg ? args++ : v->what == LOCAL ? locals_at + c->local_count : others++];
        if (v->late && threw) {
            /* never assigned: what an out parameter or a half-made object holds then is nobody's value */
            *out = (rj_value){.kind = RJ_OPAQUE, .name = v->name, .type = v->type, .text = ""};
        } else if (v->what == 2 && p->secret_result && !s->wanted.reveal && strcmp(v->type, "bool") != 0) {
            *out = (rj_value){.kind = RJ_SECRET, .name = v->name, .type = v->type, .text = ""};
        } else {
            value_read(s, a, v, event, size, out);
        }
        c->truncated |= out->cut;
        if (v->what == 1) c->self = out;
        if (v->what == LOCAL) c->local_count++;
        if (v->what == 2) c->result = out;
    }
    c->arg_count = args;
    if (c->local_count) c->locals = values + locals_at;
}

/* Runs of native frames become one, and what started the thread none. */
static size_t fold_native(const char **names, rj_place *places, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool native = names[i] == frames_native;
        if (native && kept && names[kept - 1] == frames_native) continue;
        if (places) places[kept] = places[i];
        names[kept++] = names[i];
    }
    while (kept && names[kept - 1] == frames_native)
        kept--;
    return kept;
}

#define AWAITERS_MOST 64u

/* Behind the frames that are on the stack. */
static void add_awaiters(rj_session *s, const uint8_t *event, uint32_t size, const wire_event *v, rj_call *c,
                         const char **names, rj_place *places)
{
    frame_info found[AWAITERS_MOST];
    uint32_t at = (uint32_t)v->exception, n = (uint32_t)(v->exception >> 32);
    if (!s->wanted.awaiters || at < sizeof *v || at > size || n > size - at) return;
    c->awaiting = awaiters_read(s, event + at, n, found, RJ_COUNT(found));
    for (size_t i = 0; i < c->awaiting; i++, c->frame_count++) {
        names[c->frame_count] = found[i].name;
        if (places) places[c->frame_count] = found[i].place;
    }
}

static void read_frames(rj_session *s, arena *a, const uint8_t *event, uint32_t size, const wire_event *v, rj_call *c)
{
    size_t most = (size - sizeof *v) / sizeof(uint64_t), n = RJ_MIN((size_t)v->frames, most);
    size_t shown = s->wanted.awaiters && v->elapsed ? RJ_MIN((size_t)v->elapsed, n) : n;
    uint64_t *ips = arena_array(a, n, sizeof *ips);
    const char **names = arena_array(a, shown + AWAITERS_MOST, sizeof *names);
    rj_place *places = s->wanted.lines ? arena_array(a, shown + AWAITERS_MOST, sizeof *places) : NULL;
    if (!ips || !names || (s->wanted.lines && !places)) return;
    if (n) memcpy(ips, event + size - n * sizeof *ips, n * sizeof *ips);
    frames_describe(s, ips, shown, names, places);
    c->frames = names;
    c->places = places;
    c->frame_count = fold_native(names, places, shown);
    if (v->kind == WIRE_EV_THROWN && c->frame_count && names[0] == frames_native) {
        c->frames++; /* .NET 9 throws from its own code */
        c->places += c->places != NULL;
        c->frame_count--;
    }
    add_awaiters(s, event, size, v, c, names, places);
}

static rj_outcome outcome_of(uint8_t kind)
{
    switch (kind) {
    case WIRE_EV_THROW:
    case WIRE_EV_THROWN:
    case WIRE_EV_MARK: return RJ_THREW;
    case WIRE_EV_TAIL: return RJ_TAIL_CALLED;
    case WIRE_EV_STACK: return RJ_CALLED;
    case WIRE_EV_LINE: return RJ_REACHED;
    default: return RJ_RETURNED;
    }
}

/* Sets every member: clearing the whole first would take longer than all the rest. */
static void read_head(rj_session *s, const probe_info *p, const wire_event *v, rj_call *c)
{
    c->time = memory_time(&s->memory, v->start);
    c->elapsed = v->kind == WIRE_EV_STACK || v->kind == WIRE_EV_THROWN ? 0 : memory_ns(&s->memory, v->elapsed);
    c->pid = s->pid;
    c->thread = v->tid;
    c->probe = v->probe;
    c->outcome = outcome_of(v->kind);
    c->method = p->name;
    c->module = p->module;
    c->args = c->self = c->result = c->locals = NULL;
    c->arg_count = c->local_count = 0;
    c->point = v->kind == WIRE_EV_LINE && p->place < s->point_count ? &s->points[p->place] : NULL;
    c->exception = "";
    c->message = NULL;
    c->truncated = (v->flags & WIRE_EV_CUT) != 0;
    c->frames = NULL;
    c->places = NULL;
    c->frame_count = c->awaiting = 0;
    c->nodes = NULL;
    c->node_count = 0;
    c->missing = 0;
    c->partial = c->is_async = false;
}

static rj_node read_node(const rj_session *s, const wire_node *n)
{
    const probe_info *p = map_get(&s->probes, n->probe);
    return (rj_node){.method = p ? p->name : "?",
                     .module = p ? p->module : "",
                     .parent = n->parent ? n->parent - 1u : RJ_ROOT,
                     .errors = n->errors,
                     .count = n->count,
                     .total = memory_ns(&s->memory, n->total),
                     .least = n->count ? memory_ns(&s->memory, n->least) : 0,
                     .most = memory_ns(&s->memory, n->most),
                     .is_async = p && p->is_async};
}

/* Nodes stand behind everything but the exception; the first is the root's own. */
static void read_tree(rj_session *s, arena *a, const probe_info *p, const uint8_t *event, uint32_t size, rj_call *c)
{
    wire_event v;
    memcpy(&v, event, sizeof v);
    uint32_t end = v.kind == WIRE_EV_THROW || v.kind == WIRE_EV_MARK ? (uint32_t)v.exception : size;
    if (end < sizeof v || end > size) end = size;
    c->partial = v.kind == WIRE_EV_MARK || v.flags & (WIRE_EV_PARTIAL | WIRE_EV_CUT);
    c->is_async = p->is_async;
    if (!v.frames || (end - sizeof v) / sizeof(wire_node) < v.frames) {
        c->partial = true;
        return;
    }
    const uint8_t *from = event + end - v.frames * sizeof(wire_node);
    rj_node *nodes = arena_array(a, v.frames, sizeof *nodes);
    wire_node n;
    memcpy(&n, from, sizeof n);
    c->missing = n.count;
    for (uint16_t i = 1; nodes && i < v.frames; i++) {
        memcpy(&n, from + i * sizeof n, sizeof n);
        if (n.parent >= i) n.parent = 0; /* what lies in shared memory may be anything */
        nodes[c->node_count++] = read_node(s, &n);
    }
    c->nodes = nodes;
}

/* Methods of a module that came later may be announced after their first calls. */
static void know_nodes(rj_session *s, const rj_handlers *h, const uint8_t *event, uint32_t size, bool *waited)
{
    wire_event v;
    memcpy(&v, event, sizeof v);
    uint32_t end = v.kind == WIRE_EV_THROW && v.exception ? (uint32_t)v.exception : size;
    if (end > size || end < sizeof v || (end - sizeof v) / sizeof(wire_node) < v.frames) return;
    for (uint16_t i = 1; i < v.frames; i++) {
        wire_node n;
        memcpy(&n, event + end - (v.frames - i) * sizeof n, sizeof n);
        probe_of(s, h, n.probe, waited);
    }
}

static void read_call(rj_session *s, arena *a, const probe_info *p, const uint8_t *event, uint32_t size, rj_call *c)
{
    wire_event v;
    memcpy(&v, event, sizeof v);
    read_head(s, p, &v, c);
    if (c->outcome == RJ_CALLED || v.kind == WIRE_EV_THROWN)
        read_frames(s, a, event, size, &v, c);
    else
        read_values(s, a, p, event, size, c);
    if (c->outcome == RJ_THREW) value_exception(s, a, event, size, c);
    if (s->wanted.verb == RJ_TRACE) read_tree(s, a, p, event, size, c);
}

typedef struct receiver {
    rj_session *s;
    bool (*call)(void *owner, const rj_call *call);
    void *owner;
} receiver;

static bool hand_out(void *owner, const uint8_t *event, uint32_t size)
{
    const receiver *to = owner;
    wire_event v;
    arena a = {0};
    memcpy(&v, event, sizeof v);
    const probe_info *p = map_get(&to->s->probes, v.probe);
    rj_call c;
    if (p) read_call(to->s, &a, p, event, size, &c);
    const bool more = !p || !to->call || to->call(to->owner, &c);
    arena_free(&a);
    return more;
}

void rj_kept(rj_session *s, uint32_t thread, bool (*call)(void *owner, const rj_call *call), void *owner)
{
    record_each(s, thread, hand_out, &(receiver){s, call, owner});
}

/* Learns the types of an event that may have to be delivered when nobody is left to be asked, and of those with it. */
static void learn(rj_session *s, const uint8_t *event, uint32_t size)
{
    wire_event v;
    memcpy(&v, event, sizeof v);
    hand_out(&(receiver){.s = s}, event, size);
    if (s->wanted.keep) rj_kept(s, v.tid, NULL, NULL);
}

/* THROWS: is it of a type that was asked for? */
static bool is_wanted(const rj_session *s, const rj_call *c)
{
    const char *pattern = s->wanted.type, *dot = strrchr(c->exception, '.');
    if (!pattern || s->wanted.verb != RJ_THROWS) return true;
    return fnmatch(pattern, c->exception, 0) == 0 || (dot && fnmatch(pattern, dot + 1, 0) == 0);
}

/* A constructor that was called by another one of its type, for the same object, has made nothing. */
static bool is_again(const rj_session *s, const uint8_t *event, const rj_call *c)
{
    static const char own[] = "..ctor(";
    wire_event v;
    memcpy(&v, event, sizeof v);
    if (!s->wanted.makes || !(v.flags & WIRE_EV_SAME) || !c->frame_count) return false;
    const char *name = strstr(c->method, own);
    return name && strncmp(c->frames[0], c->method, (size_t)(name - c->method) + sizeof own - 1) == 0;
}

static bool deliver(rj_session *s, const rj_handlers *h, const probe_info *p, const uint8_t *event, uint32_t size)
{
    arena a = s->scratch;
    s->scratch = (arena){0}; /* a handler may poll again */
    rj_call c;
    read_call(s, &a, p, event, size, &c);
    const bool wanted = is_wanted(s, &c) && !is_again(s, event, &c);
    s->delivered += wanted;
    bool more = !wanted || h->call(h->owner, &c);
    arena_free(&s->scratch);
    arena_reset(&a);
    s->scratch = a;
    return more;
}

static bool over_rate(rj_session *s)
{
    if (!s->wanted.calls_a_second) return false;
    int64_t now = sock_now_ms();
    if (now - s->window >= 1000) {
        s->window = now;
        s->in_window = 0;
    }
    return s->in_window++ >= s->wanted.calls_a_second;
}

static bool is_call(uint8_t kind)
{
    return kind == WIRE_EV_RETURN || kind == WIRE_EV_THROW || kind == WIRE_EV_TAIL || kind == WIRE_EV_STACK ||
           kind == WIRE_EV_THROWN || kind == WIRE_EV_LINE;
}

typedef struct round {
    size_t count;
    bool stopped, waited;
} round;

static void one_event(rj_session *s, const rj_handlers *h, uint32_t slot, const wire_event *v, round *now)
{
    uint8_t event[WIRE_EVENT_MOST];
    if (v->kind == WIRE_EV_MARK) {
        uint32_t size = memory_take(&s->memory, slot, event);
        mark_keep(s, event, size);
        learn(s, event, size);
        return;
    }
    mark_forget(s, v);
    if (!is_call(v->kind)) {
        memory_skip(&s->memory, slot);
        s->memory.broken++;
        return;
    }
    const bool delivers = !s->wanted.keep || v->kind == WIRE_EV_THROW;
    if (!h->call || (delivers && over_rate(s))) {
        memory_skip(&s->memory, slot);
        s->dropped++;
        return;
    }
    const probe_info *p = probe_of(s, h, v->probe, &now->waited);
    uint32_t size = memory_take(&s->memory, slot, event);
    if (p && s->wanted.verb == RJ_TRACE) know_nodes(s, h, event, size, &now->waited);
    if (!p)
        s->memory.broken++;
    else if (delivers)
        now->stopped = !deliver(s, h, p, event, size);
    if (p && s->wanted.keep && !record_put(s, event, size)) s->dropped++;
}

void rj_hold_back(rj_session *s, uint64_t later_than)
{
    s->held_back = later_than;
}

/* They come in the order in which they ended: what is behind this one has to wait as well. */
static bool has_to_wait(const rj_session *s, const wire_event *v)
{
    return s->held_back && memory_time(&s->memory, v->start + v->elapsed) > s->held_back;
}

static round deliver_events(rj_session *s, const rj_handlers *h)
{
    round now = {0};
    uint32_t slot = 0;
    if (!s->memory.base) return now;
    memory_clock(&s->memory);
    memory_look(&s->memory);
    for (const wire_event *v; !now.stopped && (v = memory_peek(&s->memory, &slot)); now.count++) {
        if (has_to_wait(s, v)) break;
        one_event(s, h, slot, v, &now);
        if (now.count % RELEASE_EVERY == 0) memory_release(&s->memory);
    }
    memory_release(&s->memory);
    tell_untold(s, h);
    return now;
}

/* The target is gone: the calls whose exception nobody caught have no other end. */
static void deliver_marks(rj_session *s, const rj_handlers *h)
{
    for (size_t i = 0; i < s->marks.n && h->call; i++) {
        wire_event v;
        memcpy(&v, s->marks.v[i].event, sizeof v);
        const probe_info *p = map_get(&s->probes, v.probe);
        if (!p) continue;
        s->unfinished++;
        if (!deliver(s, h, p, s->marks.v[i].event, v.size)) break;
    }
    while (s->marks.n)
        mark_drop(s, s->marks.n - 1);
}

bool rj_poll(rj_session *s, int timeout_ms, const rj_handlers *h, rj_error *e)
{
    int64_t deadline = sock_now_ms() + timeout_ms;
    if (!h) h = &nobody;
    for (;;) {
        bool open = session_pump(s);
        bool news = deliver_news(s, h);
        round now = deliver_events(s, h);
        if (now.count || now.stopped) s->nap_ms = 0;
        if (now.count || now.stopped || news) return true;
        if (open && s->ended) {
            /* The agent waits until nobody has questions left. */
            shutdown(s->fd, SHUT_WR);
            s->ended = false;
        }
        if (!open) {
            deliver_marks(s, h);
            return session_gone(s, ERR(e));
        }
        int64_t t = sock_now_ms();
        if (t >= deadline) return true;
        /* The rings wake nobody: look again soon while calls come, less often when none do. */
        s->nap_ms = s->nap_ms ? RJ_MIN(s->nap_ms * 2, NAP_MOST_MS) : 1;
        sock_wait(s->fd, POLLIN, -1, RJ_MIN(deadline, t + s->nap_ms));
    }
}

/* Delivers until the counters of the target stand still, so that what is delivered and what is counted agree. */
static void drain(rj_session *s, const rj_handlers *h)
{
    for (int tries = 0; tries < 20; tries++) {
        uint64_t before = memory_count(&s->memory).left;
        round now = deliver_events(s, h);
        if (now.stopped || (!now.count && memory_count(&s->memory).left == before)) return;
    }
}

bool rj_stop(rj_session *s, const rj_handlers *h, rj_error *e)
{
    buf_t b = {0};
    wire_reader r;
    bool ok = rj_gate(s, false, e);
    if (h) {
        drain(s, h);
        deliver_news(s, h);
    }
    if (!ok) {
        if (h && s->closed) deliver_marks(s, h);
        return false;
    }
    session_begin(s, &b, WIRE_UNINSTRUMENT);
    return session_ask(s, &b, WIRE_OK, &r, ERR(e));
}

rj_totals rj_session_totals(rj_session *s)
{
    memory_counts c = memory_count(&s->memory);
    rj_totals t = {.calls = s->delivered, .dropped = c.dropped + s->dropped, .measure = rj_measured(s)};
    uint64_t left = c.left + s->unfinished;
    t.in_flight = c.entered > left ? c.entered - left : 0;
    if (s->wanted.verb != RJ_STAT) return t;
    t.calls = 0;
    wire_key key;
    for (uint32_t at = 0; memory_key(&s->memory, &at, &key);)
        t.calls += key.stat.calls;
    for (size_t i = 0; i < s->order.n; i++) {
        wire_stat sum;
        memory_stat(&s->memory, s->order.v[i]->id, &sum);
        t.calls += sum.calls;
    }
    return t;
}
