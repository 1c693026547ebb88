/* client: what the files of the library share. The public face is rejit/rejit.h. */
#ifndef REJIT_CLIENT_PRIV_H
#define REJIT_CLIENT_PRIV_H

#include "base/base.h"
#include "client/memory.h"
#include "client/types.h"
#include "rejit/rejit.h"
#include "wire/wire.h"

/* The public error is ours under another name. */
#define ERR(e) ((err_t *)(void *)(e))

/* One value of a probe, as the agent described it. */
typedef struct probe_value {
    const char *name, *type;
    uint32_t what, how, slot, element;
    bool hidden, late, cannot;
    bool secret; /* as its name looks; of a result the method's name tells */
} probe_value;

/* stat: what its calls are told apart by. */
typedef struct probe_key {
    const char *name; /* the path; NULL: by nothing */
    type_info type;   /* an enum with its members, or SIMPLE; a string or a decimal by its element */
    bool secret;
} probe_key;

typedef struct probe_info {
    uint32_t id;
    const char *name, *module, *note; /* note: or "" */
    const probe_value *values;
    size_t value_count, arg_count; /* arg_count: those that a call shows as its arguments */
    bool secret_result;
    bool is_callee, is_async; /* trace */
    uint32_t place;           /* line: index of rj_session.points */
    probe_key key;
} probe_info;

/* An exception seen in its first pass whose second pass may still come. */
typedef struct mark {
    uint32_t tid, probe;
    uint64_t start;
    uint8_t *event; /* a copy, malloc'ed */
} mark;

/* What is known of an instruction pointer. */
typedef struct frame_info {
    const char *name;
    rj_place place;
} frame_info;

struct line_source;

struct rj_session {
    int fd, pidfd, memory_fd;
    int32_t pid;
    uint32_t timeout_ms, request, protocol;
    int64_t heard_ms; /* when the wait for an answer began, or the agent last said that it goes on */
    void (*progress)(void *owner, const char *text);
    void *progress_owner;
    arena own; /* what lives as long as the session */
    rj_state state;

    buf_t in; /* bytes received and not yet looked at, from in_at on */
    size_t in_at;
    buf_t reply;
    buf_t news; /* messages that came unasked, headers included, from news_at on */
    size_t news_at;
    bool closed; /* the agent's end of the connection */

    rj_request wanted;
    wire_budget budget;
    bool instrumented, gates_open, ended;
    map_t probes;             /* id -> probe_info */
    const probe_info *recent; /* that of the last call: most calls come in runs */
    arena scratch;            /* what a call that is delivered points to; empty while one is */
    VEC(const probe_info *) order;
    VEC(rj_refusal) refused;
    char log_file[128]; /* what rj_log has answered */
    VEC(mark) marks;
    map_t records; /* rj_request.keep: thread -> its last calls (record.c) */
    uint64_t recorded;
    uint64_t held_back; /* calls that ended later stay in the rings; 0: none do */
    memory_t memory;
    types_t types;
    const rj_point *points; /* line */
    size_t point_count;
    map_t frames;                /* instruction pointer -> frame_info */
    struct line_source *sources; /* where the lines of each module's methods stand */
    VEC(rj_news) untold;         /* why frames have no lines */
    bool no_lines_said;          /* of all frames */

    uint64_t delivered, dropped; /* dropped by us: over the rate */
    uint64_t unfinished;         /* delivered from their marks: the target ended before they could leave */
    int64_t window;              /* when the second began that `in_window` counts */
    uint32_t in_window, nap_ms;
};

/* ---- session.c: messages ---- */

/* Begins a request in b. */
void session_begin(rj_session *s, buf_t *b, wire_kind kind);
/*
 * Sends the request (b is freed) and waits for its reply, which must be of kind `want`; *out reads its payload, valid
 * until the next request. An error that the agent answers becomes e.
 */
bool session_ask(rj_session *s, buf_t *b, wire_kind want, wire_reader *out, err_t *e);
/* Takes in what has arrived without waiting; news is queued. False where the connection has ended. */
bool session_pump(rj_session *s);
/* The next queued news. */
bool session_news(rj_session *s, wire_header *h, wire_reader *out);
/* ERR_GONE, with the truth about who has gone. */
bool session_gone(rj_session *s, err_t *e);

/* ---- probes.c ---- */

/* Reads PROBE and REFUSED fields of a message; counts what was added. False where memory ran out. */
bool probes_read(rj_session *s, wire_reader r, size_t *added, size_t *refused);

/* ---- value.c ---- */

/* The argument, `this` or result that `v` describes, out of a whole event. False: it is not there (null blob of a late
 * value, say). */
void value_read(rj_session *s, arena *a, const probe_value *v, const uint8_t *event, uint32_t size, rj_value *out);
/* A key of statistics. */
void value_key(rj_session *s, arena *a, const probe_key *key, const wire_key *k, rj_value *out);
/* Type and message of the exception at event->exception. */
void value_exception(rj_session *s, arena *a, const uint8_t *event, uint32_t size, rj_call *out);

/* ---- secret.c ---- */

/* Does a name look as if its value were a secret? `type` may exempt it (CancellationToken). */
bool secret_name(const char *name, const char *type);
/* The part of "Ns.Type.Method(int)" that is the method's own name, without parameters; into b. */
const char *secret_method_part(buf_t *b, const char *full);

/* ---- code.c ---- */

/* Memory of the target: how much could be read; false where not all. */
size_t code_read_some(const rj_session *s, uint64_t address, void *out, size_t n);
bool code_read(const rj_session *s, uint64_t address, void *out, size_t n);

/* ---- frames.c ---- */

/* The text of an instruction pointer in no managed method. */
extern const char frames_native[];
/* The text of each instruction pointer, and its place where places is not NULL; asks the agent for those not seen
 * before. */
void frames_describe(rj_session *s, const uint64_t *ips, size_t n, const char **names, rj_place *places);

/* ---- record.c ---- */

/* Keeps the call's event among the last of its thread. False where memory ran out. */
bool record_put(rj_session *s, const uint8_t *event, uint32_t size);
/* The events of a thread, in the order in which the calls ended, until `each` answers false, which is answered then. */
bool record_each(rj_session *s, uint32_t tid, bool (*each)(void *owner, const uint8_t *event, uint32_t size),
                 void *owner);
void record_free(rj_session *s);

/* ---- budget.c ---- */
rj_budget budget_read(const wire_field *f);

/* ---- lines.c ---- */

rj_place lines_find(rj_session *s, const frame_code *code);
/* Where the await of that number stands in a MoveNext. */
rj_place lines_find_await(rj_session *s, const frame_code *code, uint32_t number);
/* Frames have no lines at all: told once. */
void lines_refuse(rj_session *s, const char *why);
void lines_free(rj_session *s);

/* The PDB of a module; NULL where none was found. */
struct pdb;
const struct pdb *lines_pdb(rj_session *s, const frame_code *module);

/* ---- places.c ---- */

/* Writes PLACE groups for what the request names, and fills the session's points, one for each. */
bool places_find(rj_session *s, const rj_request *q, buf_t *out, err_t *e);

/* ---- awaiters.c ---- */

/* The frames that a blob of a stack event stands for; how many. */
size_t awaiters_read(rj_session *s, const uint8_t *blob, uint32_t size, frame_info *out, size_t most);

#endif
