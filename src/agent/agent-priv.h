/* What the files of agent/ share. */
#ifndef REJIT_AGENT_PRIV_H
#define REJIT_AGENT_PRIV_H

#include "agent/agent.h"

#include <pthread.h>

/* What a connection's probes may cost, and have cost in the interval that goes on (governor.c). */
typedef struct governor {
    wire_budget budget;
    uint64_t began_ns, began_cpu_ns; /* of the interval; 0: the gates have never been open */
    uint64_t seen_ns, calls_seen;    /* at the last look */
    uint64_t probe_ns;               /* spent in the interval */
    uint64_t events_before;
    double cores;     /* that the process used in the interval before, at least one */
    uint32_t reached; /* wire_reached bits; 0: the gates are as the client wants them */
    bool hot;         /* it is called so often that it is worth a close look */
} governor;

/* One connection. Its lease: when the socket closes, everything that it instrumented goes. */
typedef struct session {
    struct session *next;
    int fd;
    bool dead, memory_sent;
    bool surplus;     /* one too many: its first message is answered with that */
    bool held;        /* its next message waits for the end of somebody's long request */
    uint64_t told_ms; /* when it was told of the progress of one last */
    uint64_t since_ms;
    uint32_t version;
    eng_identity who;
    eng_client *client; /* after HELLO */
    buf_t in, out;
    size_t out_at;
    int pass_fd; /* goes with the first byte of `out`, or -1 */
    size_t pass_at;
    bool open;
    uint64_t tails, progress_ns, dropped; /* for the rule that rings must be drained */
    governor governor;
} session;

typedef struct control {
    eng *g;
    agent_origin origin;
    int listener, wake;
    int pipes;         /* tells of debuggers that come and go; -1: nothing to watch */
    unsigned renewals; /* ticks in which the watch over the pipes is to be made again */
    bool woken;        /* since the last tick: it is due, clients or not */
    bool deaf;         /* no descriptor was left for a connection: not asked for one this turn */
    char path[108];
    uint64_t turned_ms;   /* when the last turn had seen to its clients */
    uint64_t pressure_ns; /* when the memory was looked at last */
    bool pressed;         /* it is nearly used up */
    uint32_t odd;         /* for times that follow no rhythm */
    session *sessions;
    session *busy; /* whose request is being worked on and tells its progress, or NULL */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool serving, gates_opened, ending, ended;
} control;

/* session.c: can this be answered while somebody's request is half done? */
bool session_may_answer(const session *s, uint16_t kind);
/* Tells it that its own request goes on (`of` is NULL), or whose it waits for. */
void session_progress(session *s, const session *of, size_t done, size_t total);
/* Handles one whole message of the session. */
void session_message(control *c, session *s, const wire_header *h, const uint8_t *payload);
void session_send(session *s, buf_t *message, int fd);
void session_news(control *c, session *s);
/* Tells the types of exceptions that were seen: `one` of all, or everybody of those since the last time. */
void session_tell_types(control *c, session *one);
/*
 * Closes the gates of a client that has not read its rings for 5 s while they overflowed. kept: the agent has answered
 * nobody for a while, and who waits for an answer cannot read.
 */
void session_govern(control *c, session *s, bool kept);
void control_gates_opened(control *c);
/*
 * From within a request that takes long, for rest_ns and what there is to do: lets others in, answers what changes
 * nothing, and tells those whose requests have to wait how far it is.
 */
void control_meanwhile(control *c, session *busy, size_t done, size_t total, uint64_t rest_ns);

/* Looks whether a managed debugger is attached, and tells the engine; from now on what changes is seen at once, for as
 * long as there are clients. */
void control_look_for_debugger(control *c);

/* governor.c */

/* The client opens its gates. They stay closed while governor_holds. */
void governor_begin(session *s, const wire_budget *budget);
bool governor_holds(const session *s);
/* Each turn: closes gates of clients whose budget is used up, opens them again in the next interval. */
void governor_look(control *c);
/* How long the next turn may be away. */
int governor_patience(control *c, int most_ms);

/* pressure.c: is the memory nearly used up that the process may have? before: the last answer, which lasts longer. */
bool agent_memory_pressed(bool before);
void agent_memory_root(const char *folder); /* for tests: where /proc and /sys are */

/* debugger.c */
bool agent_debugged(void);
int agent_debugger_watch(void); /* readable when a debugger comes or goes; -1: cannot be watched */

/* log.c: sets the level of the agent's log, "off" to "debug"; path: where it is written. */
bool agent_log(const char *level, char *path, size_t size, err_t *e);
void agent_log_start(void); /* as REJIT_LOG says */

/* journal.c: one line to the system journal, or else to the agent's log. */
void journal_line(const char *fmt, ...) RJ_PRINTF(1, 2);
const char *agent_tmp(void);

#endif
