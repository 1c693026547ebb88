/* Requests of one client, and what it is told unasked. */
#include "agent/agent-priv.h"
#include "rejit-version.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STALL_NS  (5ull * 1000000000ull)
#define LIST_MOST 65536u

/* What a request says, collected from its fields. */
typedef struct fields {
    arena memory;
    const char **patterns;
    uint32_t pattern_count, pattern_cap;
    uint64_t *addresses;
    uint32_t address_count, address_cap;
    const char **into;
    uint32_t into_count, into_cap;
    eng_place *places;
    uint32_t place_count, place_cap;
    uint32_t *ids;
    uint32_t id_count, id_cap;
    uint32_t version, pid, most, verb, want, depth, open, all, levels;
    uint64_t slow_ns;
    char *name, *user, *condition, *by, *text;
    wire_budget budget;
} fields;

/* An array in the arena that doubles; old copies go with the arena. */
static bool extend(arena *a, void *array, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap) return true;
    if (count >= LIST_MOST) return false;
    uint32_t more = *cap ? *cap * 2 : 16;
    void *p = arena_array(a, more, size), **place = array;
    if (!p) return false;
    if (count) memcpy(p, *place, (size_t)count * size);
    *place = p;
    *cap = more;
    return true;
}

static bool take_variable(fields *f, eng_place *p, wire_reader r)
{
    if (!extend(&f->memory, &p->variables, p->variable_count, &p->variable_cap, sizeof *p->variables)) return false;
    eng_variable *v = &p->variables[p->variable_count++];
    *v = (eng_variable){.name = ""};
    for (wire_field w; wire_next(&r, &w);) {
        if (w.tag == WIRE_T_NAME && !(v->name = wire_get_text(&f->memory, &w))) return false;
        if (w.tag == WIRE_T_SLOT) v->slot = (uint16_t)wire_get_u32(&w);
    }
    return !r.bad;
}

static bool take_place(fields *f, wire_reader r)
{
    if (!extend(&f->memory, &f->places, f->place_count, &f->place_cap, sizeof *f->places)) return false;
    eng_place *p = &f->places[f->place_count++];
    *p = (eng_place){.path = "", .pdb_id = ""};
    for (wire_field w; wire_next(&r, &w);) {
        bool ok = true;
        switch (w.tag) {
        case WIRE_T_PATTERN: ok = (p->pattern = wire_get_text(&f->memory, &w)) != NULL; break;
        case WIRE_T_PATH: ok = (p->path = wire_get_text(&f->memory, &w)) != NULL; break;
        case WIRE_T_PDB_ID: ok = (p->pdb_id = wire_get_text(&f->memory, &w)) != NULL; break;
        case WIRE_T_TOKEN: p->token = wire_get_u32(&w); break;
        case WIRE_T_IL_OFFSET: p->il_offset = wire_get_u32(&w); break;
        case WIRE_T_VARIABLE: ok = take_variable(f, p, wire_group(&w)); break;
        default: break;
        }
        if (!ok) return false;
    }
    return !r.bad;
}

static bool take_field(fields *f, const wire_field *w)
{
    switch (w->tag) {
    case WIRE_T_PATTERN:
        if (!extend(&f->memory, &f->patterns, f->pattern_count, &f->pattern_cap, sizeof *f->patterns)) return false;
        return (f->patterns[f->pattern_count++] = wire_get_text(&f->memory, w)) != NULL;
    case WIRE_T_INTO:
        if (!extend(&f->memory, &f->into, f->into_count, &f->into_cap, sizeof *f->into)) return false;
        return (f->into[f->into_count++] = wire_get_text(&f->memory, w)) != NULL;
    case WIRE_T_PLACE: return take_place(f, wire_group(w));
    case WIRE_T_ADDRESS:
        if (!extend(&f->memory, &f->addresses, f->address_count, &f->address_cap, sizeof *f->addresses)) return false;
        f->addresses[f->address_count++] = wire_get_u64(w);
        return true;
    case WIRE_T_ID:
        if (!extend(&f->memory, &f->ids, f->id_count, &f->id_cap, sizeof *f->ids)) return false;
        f->ids[f->id_count++] = wire_get_u32(w);
        return true;
    case WIRE_T_VERSION: f->version = wire_get_u32(w); return true;
    case WIRE_T_PID: f->pid = wire_get_u32(w); return true;
    case WIRE_T_MAX: f->most = wire_get_u32(w); return true;
    case WIRE_T_VERB: f->verb = wire_get_u32(w); return true;
    case WIRE_T_WANT: f->want = wire_get_u32(w); return true;
    case WIRE_T_DEPTH: f->depth = wire_get_u32(w); return true;
    case WIRE_T_LEVELS: f->levels = wire_get_u32(w); return true;
    case WIRE_T_OPEN: f->open = wire_get_u32(w); return true;
    case WIRE_T_BUDGET: return wire_get_budget(w, &f->budget);
    case WIRE_T_ALL: f->all = wire_get_u32(w); return true;
    case WIRE_T_SLOW_NS: f->slow_ns = wire_get_u64(w); return true;
    case WIRE_T_NAME: return (f->name = wire_get_text(&f->memory, w)) != NULL;
    case WIRE_T_USER: return (f->user = wire_get_text(&f->memory, w)) != NULL;
    case WIRE_T_TEXT: return (f->text = wire_get_text(&f->memory, w)) != NULL;
    case WIRE_T_CONDITION: return (f->condition = wire_get_text(&f->memory, w)) != NULL;
    case WIRE_T_BY: return (f->by = wire_get_text(&f->memory, w)) != NULL;
    default: return true; /* of a later version */
    }
}

static bool read_fields(fields *f, const uint8_t *p, uint32_t n)
{
    wire_reader r = {p, p + n, false};
    wire_field w;
    while (wire_next(&r, &w))
        if (!take_field(f, &w)) return false;
    return !r.bad;
}

static void put_nearest(buf_t *b, const char *const *nearest, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        wire_text(b, WIRE_T_NEAREST, nearest[i]);
}

static void reply_error(session *s, uint32_t request, const err_t *e, const char *const *nearest, unsigned count)
{
    buf_t b = {0};
    wire_begin(&b, WIRE_ERROR, request);
    wire_u32(&b, WIRE_T_CODE, e->code);
    wire_text(&b, WIRE_T_TEXT, e->text);
    wire_u64(&b, WIRE_T_AT, (uint64_t)e->at);
    put_nearest(&b, nearest, count);
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

static void reply_ok(session *s, uint32_t request, uint64_t count)
{
    buf_t b = {0};
    wire_begin(&b, WIRE_OK, request);
    wire_u64(&b, WIRE_T_COUNT, count);
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

/* ---- requests ---- */

static void reply_done(session *s, uint32_t request, bool ok, const err_t *e)
{
    if (ok)
        reply_ok(s, request, 0);
    else
        reply_error(s, request, e, NULL, 0);
}

static void do_hello(control *c, session *s, const wire_header *h, const fields *f)
{
    err_t e = {0};
    if (f->version < WIRE_VERSION_LEAST) {
        err_set(&e, ERR_UNREACHABLE, -1,
                "the agent in the process is version %s and speaks protocol %u to %u, this command speaks %u: use a "
                "newer rejit, or restart the process",
                REJIT_VERSION, WIRE_VERSION_LEAST, WIRE_VERSION, f->version);
        reply_error(s, h->request, &e, NULL, 0);
        return;
    }
    s->version = RJ_MIN(f->version, WIRE_VERSION);
    snprintf(s->who.name, sizeof s->who.name, "%s", f->name ? f->name : "rejit");
    snprintf(s->who.user, sizeof s->who.user, "%s", f->user ? f->user : "?");
    if (!s->client) s->client = eng_client_new(c->g, &s->who);
    char version[64];
    eng_runtime_version(c->g, version, sizeof version);
    buf_t b = {0};
    wire_begin(&b, WIRE_WELCOME, h->request);
    wire_u32(&b, WIRE_T_VERSION, s->version);
    wire_text(&b, WIRE_T_AGENT, REJIT_VERSION);
    wire_text(&b, WIRE_T_RUNTIME, version);
    wire_u32(&b, WIRE_T_PID, (uint32_t)getpid());
    wire_u32(&b, WIRE_T_ATTACHED, c->origin == AGENT_ATTACHED);
    wire_text(&b, WIRE_T_TEXT, c->origin == AGENT_ATTACHED ? "attached, ready" : "started with the process, ready");
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

static void do_find(control *c, session *s, const wire_header *h, const fields *f)
{
    eng_find_result r = {0};
    err_t e = {0};
    if (!eng_find(c->g, f->patterns, f->pattern_count, f->most ? f->most : 1000, &r, &e)) {
        reply_error(s, h->request, &e, NULL, 0);
        eng_find_free(&r);
        return;
    }
    buf_t b = {0};
    wire_begin(&b, WIRE_METHODS, h->request);
    wire_u32(&b, WIRE_T_TOTAL, r.total);
    for (size_t i = 0; i < r.methods.n; i++) {
        const eng_found *m = &r.methods.v[i];
        size_t group = wire_open(&b, WIRE_T_METHOD);
        wire_text(&b, WIRE_T_NAME, m->name);
        wire_text(&b, WIRE_T_MODULE, m->module);
        wire_u32(&b, WIRE_T_TOKEN, m->token);
        wire_u32(&b, WIRE_T_IL_SIZE, m->il_size);
        wire_text(&b, WIRE_T_CODE_KIND, m->code_kind);
        if (m->reason) wire_text(&b, WIRE_T_REASON, m->reason);
        if (m->note) wire_text(&b, WIRE_T_NOTE, m->note);
        wire_close(&b, group);
    }
    put_nearest(&b, r.nearest, r.nearest_count);
    wire_end(&b, 0);
    session_send(s, &b, -1);
    eng_find_free(&r);
}

static void put_key(buf_t *b, const eng_by *k)
{
    if (!k->name) return;
    const size_t group = wire_open(b, WIRE_T_KEY);
    wire_text(b, WIRE_T_NAME, k->name);
    wire_text(b, WIRE_T_TYPE_NAME, k->type_name);
    wire_u32(b, WIRE_T_ELEMENT, k->element);
    for (uint32_t i = 0; i < k->member_count; i++) {
        const size_t member = wire_open(b, WIRE_T_MEMBER);
        wire_text(b, WIRE_T_NAME, k->members[i].name);
        wire_u64(b, WIRE_T_COUNT, (uint64_t)k->members[i].value);
        wire_close(b, member);
    }
    wire_close(b, group);
}

static void put_probes(buf_t *b, const eng_result *r)
{
    for (size_t i = 0; i < r->probes.n; i++) {
        const eng_probe *p = &r->probes.v[i];
        size_t group = wire_open(b, WIRE_T_PROBE);
        wire_u32(b, WIRE_T_ID, p->id);
        wire_text(b, WIRE_T_NAME, p->name);
        wire_text(b, WIRE_T_MODULE, p->module);
        if (p->note) wire_text(b, WIRE_T_NOTE, p->note);
        if (p->is_callee) wire_u32(b, WIRE_T_IS_CALLEE, 1);
        if (p->is_async) wire_u32(b, WIRE_T_IS_ASYNC, 1);
        if (p->place) wire_u32(b, WIRE_T_PLACE_INDEX, p->place);
        put_key(b, &p->by);
        for (uint32_t k = 0; k < p->value_count; k++) {
            const eng_value *v = &p->values[k];
            size_t value = wire_open(b, WIRE_T_VALUE);
            wire_text(b, WIRE_T_NAME, v->name);
            wire_text(b, WIRE_T_TYPE_NAME, v->type_name);
            wire_u32(b, WIRE_T_WHAT, v->what);
            wire_u32(b, WIRE_T_HOW, v->how);
            wire_u32(b, WIRE_T_SLOT, v->slot);
            wire_u32(b, WIRE_T_ELEMENT, v->element);
            wire_u32(b, WIRE_T_HIDDEN, v->hidden);
            wire_u32(b, WIRE_T_LATE, v->late);
            if (v->cannot) wire_text(b, WIRE_T_CANNOT, v->cannot);
            wire_close(b, value);
        }
        wire_close(b, group);
    }
}

static void put_refusals(buf_t *b, const eng_result *r)
{
    for (size_t i = 0; i < r->refusals.n; i++) {
        size_t group = wire_open(b, WIRE_T_REFUSED);
        wire_text(b, WIRE_T_NAME, r->refusals.v[i].name);
        wire_text(b, WIRE_T_MODULE, r->refusals.v[i].module);
        wire_text(b, WIRE_T_REASON, r->refusals.v[i].reason);
        wire_close(b, group);
    }
}

static const char *verb_name(uint32_t verb)
{
    return verb == WIRE_WATCH   ? "watches"
           : verb == WIRE_STAT  ? "measures"
           : verb == WIRE_STACK ? "samples the callers of"
           : verb == WIRE_TRACE ? "traces"
           : verb == WIRE_LINE  ? "looks at a line of"
                                : "asks for";
}

void session_progress(session *s, const session *of, size_t done, size_t total)
{
    char text[160];
    buf_t b = {0};
    wire_begin(&b, WIRE_NOTICE_PROGRESS, 0);
    wire_u64(&b, WIRE_T_COUNT, done);
    wire_u32(&b, WIRE_T_TOTAL, (uint32_t)total);
    if (of) {
        snprintf(text, sizeof text, "waiting for %s (pid %u), which instruments: %zu of %zu methods", of->who.name,
                 of->who.pid, done, total);
        wire_text(&b, WIRE_T_TEXT, text);
    }
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

typedef struct asking {
    control *c;
    session *s;
} asking;

/* Thousands of methods take seconds: the client is told that its request goes on, and others have their turn. */
static bool on_progress(void *owner, size_t done, size_t total, uint64_t rest_ns)
{
    const asking *who = owner;
    control_meanwhile(who->c, who->s, done, total, rest_ns);
    return !who->s->dead;
}

bool session_may_answer(const session *s, uint16_t kind)
{
    if (!s->client) return true; /* who comes in, or is refused */
    return kind == WIRE_LIST || kind == WIRE_TYPES || kind == WIRE_FRAMES || kind == WIRE_LOG;
}

static void do_instrument(control *c, session *s, const wire_header *h, fields *f)
{
    eng_result r = {0};
    err_t e = {0};
    const uint32_t named = f->verb == WIRE_LINE ? f->place_count : f->pattern_count;
    if (f->verb < WIRE_WATCH || f->verb > WIRE_LINE || (!named && f->verb != WIRE_THROWS)) {
        err_set(
            &e, ERR_USAGE, -1,
            "this agent (%s) does not know what is asked for: update it by restarting the process with a newer rejit",
            REJIT_VERSION);
        reply_error(s, h->request, &e, NULL, 0);
        return;
    }
    eng_request q = {.verb = (wire_verb)f->verb,
                     .patterns = f->patterns,
                     .pattern_count = f->pattern_count,
                     .most = f->most ? f->most : 1000,
                     .want = f->want,
                     .slow_ns = f->slow_ns,
                     .depth = f->depth,
                     .condition = f->condition,
                     .by = f->verb == WIRE_STAT ? f->by : NULL,
                     .levels = f->levels,
                     .into = f->into,
                     .into_count = f->into_count,
                     .places = f->places,
                     .place_count = f->place_count,
                     .progress = on_progress,
                     .progress_owner = &(asking){c, s}};
    control_look_for_debugger(c);
    if (!eng_instrument(c->g, s->client, &q, &r, &e)) {
        reply_error(s, h->request, &e, r.nearest, r.nearest_count);
        eng_result_free(&r);
        return;
    }
    if (f->verb == WIRE_THROWS)
        journal_line("pid %d: %s (pid %u, user %s) is told of exceptions", (int)getpid(), s->who.name, s->who.pid,
                     s->who.user);
    else if (r.probes.n)
        journal_line("pid %d: %s (pid %u, user %s) %s %zu methods: %s%s", (int)getpid(), s->who.name, s->who.pid,
                     s->who.user, verb_name(f->verb), r.probes.n,
                     f->pattern_count ? f->patterns[0] : r.probes.v[0].name, named > 1 ? " ..." : "");
    const probe_sink *sink = eng_client_sink(s->client);
    buf_t b = {0};
    wire_begin(&b, WIRE_PROBES, h->request);
    wire_u32(&b, WIRE_T_TOTAL, r.total);
    wire_u64(&b, WIRE_T_MEMORY, sink ? sink->size : 0);
    wire_u32(&b, WIRE_T_WANT, f->want & (WIRE_WANT_AWAITERS | WIRE_WANT_NEW));
    put_probes(&b, &r);
    put_refusals(&b, &r);
    put_nearest(&b, r.nearest, r.nearest_count);
    if (r.side_note) wire_text(&b, WIRE_T_SIDE_NOTE, r.side_note);
    wire_end(&b, 0);
    int fd = sink && !s->memory_sent ? sink->fd : -1;
    s->memory_sent |= fd >= 0;
    session_send(s, &b, fd);
    eng_result_free(&r);
}

/* What exceptions have been: those since the last time to all who look, or all to one. */
void session_tell_types(control *c, session *one)
{
    buf_t b = {0};
    wire_begin(&b, WIRE_NOTICE_TYPES, 0);
    const bool any = eng_describe_thrown(c->g, one != NULL, &b);
    wire_end(&b, 0);
    for (session *s = one ? one : c->sessions; any && s; s = one ? NULL : s->next) {
        buf_t copy = {0};
        buf_put(&copy, b.p, b.n);
        if (s->open && !s->dead)
            session_send(s, &copy, -1);
        else
            buf_free(&copy);
    }
    buf_free(&b);
}

static void do_describe(control *c, session *s, const wire_header *h, const fields *f)
{
    buf_t b = {0};
    bool ok = true;
    const bool types = h->kind == WIRE_TYPES, modules = h->kind == WIRE_MODULES;
    wire_begin(&b, types ? WIRE_TYPES_REPLY : modules ? WIRE_MODULES_REPLY : WIRE_FRAMES_REPLY, h->request);
    if (types)
        eng_describe_types(c->g, f->addresses, f->address_count, &b);
    else if (modules)
        eng_describe_modules(c->g, &b);
    else
        ok = eng_describe_frames(c->g, f->addresses, f->address_count, f->want & WIRE_WANT_LINES, &b);
    if (!ok) {
        err_t e = {0};
        err_set(&e, ERR_USAGE, -1, "names are asked for of addresses that were on no stack");
        buf_free(&b);
        reply_error(s, h->request, &e, NULL, 0);
        s->dead = true;
        return;
    }
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

static void do_listing(control *c, session *s, const wire_header *h, const fields *f)
{
    err_t e = {0};
    buf_t b = {0};
    const bool il = h->kind == WIRE_IL;
    wire_begin(&b, il ? WIRE_BODIES : WIRE_CODES, h->request);
    if (!(il ? eng_describe_il : eng_describe_code)(c->g, f->patterns, f->pattern_count, f->most ? f->most : 20, &b,
                                                    &e)) {
        buf_free(&b);
        reply_error(s, h->request, &e, NULL, 0);
        return;
    }
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

static void do_list(control *c, session *s, const wire_header *h)
{
    buf_t b = {0};
    wire_begin(&b, WIRE_LEDGER, h->request);
    eng_describe_ledger(c->g, &b);
    if (agent_debugged()) wire_text(&b, WIRE_T_TEXT, "a managed debugger is attached");
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

static void do_revert(control *c, session *s, const wire_header *h, const fields *f)
{
    err_t e = {0};
    uint32_t count = 0;
    if (!eng_revert(c->g, f->patterns, f->pattern_count, &s->who, f->all != 0, &count, &e)) {
        reply_error(s, h->request, &e, NULL, 0);
        return;
    }
    journal_line("pid %d: %s (pid %u, user %s) reverted %u methods", (int)getpid(), s->who.name, s->who.pid,
                 s->who.user, count);
    reply_ok(s, h->request, count);
}

static void put_fact(buf_t *b, const char *name, uint32_t code, const char *text, const char *remedy)
{
    size_t group = wire_open(b, WIRE_T_FACT);
    wire_text(b, WIRE_T_NAME, name);
    wire_u32(b, WIRE_T_CODE, code);
    wire_text(b, WIRE_T_TEXT, text);
    if (*remedy) wire_text(b, WIRE_T_REASON, remedy);
    wire_close(b, group);
}

static void put_limit(void *owner, const char *name, bool holds, const char *text, const char *remedy)
{
    put_fact(owner, name, holds ? 0 : 1, text, remedy);
}

static void do_doctor(control *c, session *s, const wire_header *h)
{
    buf_t b = {0};
    wire_begin(&b, WIRE_FACTS, h->request);
    control_look_for_debugger(c); /* the client sees it by itself; what it sees holds here from now on */
    eng_tell_limits(c->g, put_limit, &b);
    put_fact(&b, "agent", 0,
             c->origin == AGENT_ATTACHED ? "in the process (attached), version " REJIT_VERSION
                                         : "in the process (from its start), version " REJIT_VERSION,
             "");
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

static void do_log(session *s, const wire_header *h, const fields *f)
{
    err_t e = {0};
    char path[128];
    if (!agent_log(f->text ? f->text : "", path, sizeof path, &e)) {
        reply_error(s, h->request, &e, NULL, 0);
        return;
    }
    buf_t b = {0};
    wire_begin(&b, WIRE_OK, h->request);
    wire_text(&b, WIRE_T_TEXT, path);
    wire_end(&b, 0);
    session_send(s, &b, -1);
}

static void dispatch(control *c, session *s, const wire_header *h, fields *f)
{
    err_t e = {0};
    log_line(LOG_DEBUG, "agent", "%s (pid %u): request %u of kind %u", s->who.name, s->who.pid, h->request, h->kind);
    switch ((wire_kind)h->kind) {
    case WIRE_FIND: do_find(c, s, h, f); return;
    case WIRE_INSTRUMENT: do_instrument(c, s, h, f); return;
    case WIRE_GATE:
        s->open = f->open != 0;
        if (s->open) governor_begin(s, &f->budget);
        eng_gate(c->g, s->client, s->open && !governor_holds(s));
        s->progress_ns = 0;
        if (s->open) control_gates_opened(c);
        if (s->open) session_tell_types(c, s);
        reply_ok(s, h->request, 0);
        return;
    case WIRE_GATE_PROBES:
        eng_gate_probes(c->g, s->client, f->ids, f->id_count, f->open != 0);
        reply_ok(s, h->request, 0);
        return;
    case WIRE_UNINSTRUMENT: reply_done(s, h->request, eng_uninstrument(c->g, s->client, &e), &e); return;
    case WIRE_REMOVE_PROBES:
        reply_done(s, h->request, eng_remove_probes(c->g, s->client, f->ids, f->id_count, &e), &e);
        return;
    case WIRE_TYPES:
    case WIRE_MODULES:
    case WIRE_FRAMES: do_describe(c, s, h, f); return;
    case WIRE_LIST: do_list(c, s, h); return;
    case WIRE_IL:
    case WIRE_CODE: do_listing(c, s, h, f); return;
    case WIRE_REVERT: do_revert(c, s, h, f); return;
    case WIRE_DOCTOR: do_doctor(c, s, h); return;
    case WIRE_LOG: do_log(s, h, f); return;
    default: break;
    }
    err_set(&e, ERR_USAGE, -1,
            "the agent in the process (version %s) does not know request %u: it is older than this command; restart "
            "the process to update it",
            REJIT_VERSION, h->kind);
    reply_error(s, h->request, &e, NULL, 0);
}

void session_message(control *c, session *s, const wire_header *h, const uint8_t *payload)
{
    fields f = {0};
    err_t e = {0};
    if (s->surplus) {
        err_set(&e, ERR_LIMIT, -1, "too many commands are connected to the process: `rejit list` names them; end one");
        reply_error(s, h->request, &e, NULL, 0);
        s->dead = true;
    } else if (!read_fields(&f, payload, h->size)) {
        err_set(&e, ERR_FORMAT, -1, "the request is malformed or too long");
        reply_error(s, h->request, &e, NULL, 0);
    } else if (h->kind == WIRE_HELLO) {
        do_hello(c, s, h, &f);
    } else if (!s->client) {
        err_set(&e, ERR_USAGE, -1, "the first message must be HELLO");
        reply_error(s, h->request, &e, NULL, 0);
        s->dead = true;
    } else {
        dispatch(c, s, h, &f);
    }
    arena_free(&f.memory);
}

/* ---- unasked ---- */

void session_news(control *c, session *s)
{
    static const wire_kind kinds[] = {WIRE_NOTICE_PROBES, WIRE_NOTICE_REFUSED, WIRE_NOTICE_REVERTED};
    for (eng_news *n; (n = eng_client_news(c->g, s->client));) {
        buf_t b = {0};
        wire_begin(&b, kinds[n->kind], 0);
        if (n->text) wire_text(&b, WIRE_T_TEXT, n->text);
        if (n->kind != ENG_NEWS_REFUSED) put_probes(&b, &n->result);
        if (n->kind != ENG_NEWS_REVERTED) put_refusals(&b, &n->result);
        wire_end(&b, 0);
        session_send(s, &b, -1);
        eng_news_free(n);
    }
}

void session_govern(control *c, session *s, bool kept)
{
    const probe_sink *sink = s->open ? eng_client_sink(s->client) : NULL;
    if (!sink) return;
    uint64_t tails = 0, dropped = 0;
    for (uint32_t i = 0; i < probe_slots(); i++) {
        tails += __atomic_load_n(&sink->slot[i].tail, __ATOMIC_RELAXED);
        dropped += sink->slot[i].dropped;
    }
    const uint64_t now = clock_ns(CLOCK_MONOTONIC);
    bool overflows = dropped != s->dropped;
    if (tails != s->tails || !overflows || !s->progress_ns || kept) {
        s->tails = tails;
        s->dropped = dropped;
        s->progress_ns = now;
        return;
    }
    if (now - s->progress_ns < STALL_NS) return;
    eng_gate(c->g, s->client, false);
    s->open = false;
    buf_t b = {0};
    wire_begin(&b, WIRE_NOTICE_GATES, 0);
    wire_u32(&b, WIRE_T_OPEN, 0);
    wire_text(&b, WIRE_T_TEXT, "the events were not read for 5 s: the probes were switched off to spare the process");
    wire_end(&b, 0);
    session_send(s, &b, -1);
}
