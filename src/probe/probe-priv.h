/* What the files of probe/ share. */
#ifndef REJIT_PROBE_PRIV_H
#define REJIT_PROBE_PRIV_H

#include "probe/probe.h"

#include <stdatomic.h>
#include <stddef.h>

#define PROBE_THREADS         1024u           /* index 0 is nobody's */
#define PROBE_STACK_SIZE      (1024u * 1024u) /* and alignment */
#define PROBE_STACK_HEAD      16u             /* bytes before its first frame: the thread that a plain end looks at */
#define PROBE_EXCEPTIONS      4u
#define PROBE_EXCEPTION_BYTES 1536u

/* In the flags of a MethodTable. */
enum { HAS_COMPONENTS = 0x80000000, HAS_POINTERS = 0x01000000 };

#define PROBE_BARRIER() atomic_signal_fence(memory_order_seq_cst)

/* How far an async call has come that the frame stands for; other calls stay at CALLED. */
typedef enum probe_stage {
    PROBE_CALLED,
    PROBE_STARTED,    /* the first run of its state machine has found the frame */
    PROBE_SUSPENDING, /* counted in probe.suspending: other threads may run on before this one has registered the call
                       */
    PROBE_SETTLED,    /* its event was made, or will be made at its completion: nothing is left to be told of it */
    PROBE_COMPLETING, /* not a call's own frame: made where the call completes */
    PROBE_OUTCOME,    /* the same, of a call that may not have been registered yet */
} probe_stage;

typedef enum probe_role { PROBE_ALONE, PROBE_ROOT, PROBE_CALLEE } probe_role;

typedef struct probe_frame {
    struct probe_frame *below;
    probe *probe;
    uint64_t sp; /* of enter: frames whose sp lies below a caller's are stale */
    uint32_t id; /* OUTCOME: of the call */

    /* Of a trace. */
    uint16_t node;     /* of a callee: its node, 0: it has none for want of room; of a root: how many */
    uint16_t nodes_at; /* of a root: where its nodes lie in the event, 0: it has none yet */
    union {
        struct probe_frame *root;  /* of a callee */
        struct probe_frame *outer; /* of a root: that of the tree around it, which is another client's */
    };
    uint8_t level; /* below the root */

    /* What every frame begins with, as in its probe; the first word is that of the event. */
    _Alignas(8) uint32_t end; /* bytes of the event that are in use: a multiple of 8 */
    uint8_t kind;             /* 0 here */
    uint8_t cut;              /* WIRE_EV_CUT or 0 */
    uint16_t frames;          /* 0 here */
    uint32_t turn;            /* of the probe */
    uint8_t stage;
    uint8_t role;
    uint16_t exception; /* the turn of the one that was noted, 0: none was */

    wire_event event;
} probe_frame;

/* The exception that a filter has seen, kept until the fault handlers of the second pass ask for it. */
typedef struct probe_exception {
    uint64_t object;
    const probe_frame *top,
        *last; /* the stack's top at the time, and the frame that asked last: a first pass only goes down */
    uint32_t size;
    uint16_t turn;
    uint8_t cut;
    _Alignas(8) uint8_t bytes[PROBE_EXCEPTION_BYTES];
} probe_exception;

/* Held: by the sweep while it finds out whether the thread is gone, or by the thread itself as it ends. */
typedef enum probe_block_state { PROBE_FREE, PROBE_TAKEN, PROBE_HELD } probe_block_state;

typedef struct probe_thread {
    /* What every call looks at, in one cache line. */
    _Alignas(64) uint64_t busy; /* inside one of our functions: read by probe_sink_detach after a membarrier */
    probe_frame *top;
    uint8_t *stack, *full;  /* where the first frame goes; no frame begins behind `full` */
    const probe_sink *sink; /* that of the last call (probe_turn_to); NULL: of none that is still there */
    wire_slot *slot;        /* the thread's in it */
    uint8_t *at, *until;    /* its ring: where the next event goes; how far it is known to be free and in one piece */

    probe_frame *tree;      /* the innermost root of a trace; NULL: none is open */
    uint8_t *end;           /* of the stack */
    _Atomic uint32_t state; /* probe_block_state */
    uint32_t tid, index;
    uint16_t turn;
    uint64_t age;                     /* of the taking: greater is later */
    uint64_t native_low, native_high; /* bounds of the native stack, 0: not asked for yet */
    uint64_t made;                    /* the object of the last event of a probe with NEW */
    probe_exception exceptions[PROBE_EXCEPTIONS];
} probe_thread;

extern probe_thread *probe_pool; /* PROBE_THREADS of them */

void probe_clock_start(void);
void probe_clock_settle(void);

/* The sink of the call that begins or ends now: where the thread's slot and ring lie in it. Inside of probe_in. */
void probe_turn_to(probe_thread *t, const probe_sink *s);
/* Forgets that threads have turned to a sink that is about to go. */
void probe_turn_from(const probe_sink *s);

/* A frame on top of the thread's stack, or NULL where it is full. */
probe_frame *probe_push(probe_thread *t, probe *p, uint64_t sp);
void probe_pop_abandoned(probe_thread *t, probe_frame *f);
/* Takes off the frames of calls that have vanished, as seen by a call of p that begins at sp. */
void probe_trim(probe_thread *t, const probe *p, uint64_t sp);

/*
 * Room for an event of `need` bytes (a multiple of 8) in the thread's ring in a sink, to be made known by
 * probe_ring_done; NULL where it does not fit. Either is counted.
 */
wire_event *probe_ring_room(probe_thread *t, const probe_sink *s, uint32_t need, wire_event_kind kind);
/* Appends an event with the addresses of frames behind it. */
void probe_ring_put(probe_thread *t, const probe_sink *s, const wire_event *event, uint32_t size,
                    const uint64_t *frames, uint32_t frame_count);
/* Counts the call of a stat by its key; false: there is no place for that any more. */
bool probe_key_add(const probe *p, const probe_op *key, const wire_event *event, wire_event_kind kind,
                   uint64_t elapsed);

/* Writes the picture of an object into out (at most `room` bytes); returns its size, 0 for null. */
uint32_t probe_picture(uint8_t *out, uint32_t room, uint8_t *object, unsigned depth, bool *cut);
uint32_t probe_picture_value(uint8_t *out, uint32_t room, probe_typedref ref, unsigned depth, bool *cut);
uint32_t probe_picture_span(uint8_t *out, uint32_t room, probe_typedref ref, int32_t element, unsigned depth,
                            bool *cut);

/* Free memory of the thread's own for an event; NULL where there is little left. */
wire_event *probe_free_room(const probe_thread *t);

/* ---- follow.c, ask.c: members in conditions ---- */

/* The values at the ends of the paths from an object slot. Inside of probe_in. */
void probe_follow(probe_thread *t, probe_frame *f, int32_t slot, uint8_t *object);
/* The same from a struct. */
void probe_follow_value(probe_thread *t, probe_frame *f, int32_t slot, probe_typedref ref);
/*
 * The bytes of a struct, and whether references in them may be none; NULL: there is nothing to read. copy: room where
 * they are not read in place, which is how the heap is read.
 */
#define PROBE_VALUE_MOST 512u
const uint8_t *probe_value_at(probe_typedref ref, uint8_t copy[PROBE_VALUE_MOST], bool *doubt);
bool probe_is_object(uint64_t address);
/*
 * The paths from an exception, decided at once: in its first pass frames of deeper calls lie behind this one, and there
 * is no room for a picture.
 */
void probe_follow_exception(probe_frame *f, uint8_t *exception);
/* The first piece behind an OBJECT or TYPED slot; NULL for null. */
static inline const wire_piece *probe_piece_at(const wire_event *event, uint16_t slot)
{
    static const wire_piece unknown = {.length = UINT32_MAX}; /* there was no room for it: like no text and no number */
    uint64_t at;
    memcpy(&at, (const uint8_t *)event + slot, 8);
    if (at && at >> 32 == 0) return &unknown;
    return at ? (const wire_piece *)(const void *)((const uint8_t *)event + (uint32_t)at) : NULL;
}
/* Compares what lies at an address; NULL: null. */
bool probe_compare_live(const probe_op *op, const uint8_t *at);
bool probe_only_followed(const probe *p, int32_t slot);
bool probe_paths_undecided(const probe *p, const wire_event *tok);
/* -1, 0 or 1. */
int probe_order_decimals(const probe_decimal *a, const probe_decimal *b);
/* A PAIR and its OTHER. */
bool probe_compare_sides(const probe_op *op, const probe_op *other, const wire_event *event);
/* Are there two texts that are alike as far as they were kept, and longer? */
bool probe_texts_undecided(const probe *p, const wire_event *tok);
typedef enum probe_verdict { PROBE_HOLDS, PROBE_FAILS, PROBE_UNDECIDED } probe_verdict;
probe_verdict probe_decide(const probe_thread *t, const probe *p, wire_event *tok); /* t: NULL: no block */
void probe_reject(probe_thread *t, probe_frame *f, probe_verdict v); /* f: on top of the thread's stack */
void probe_step_learn(probe_step *s, uint64_t type, uint32_t offset, uint32_t other); /* the thread that answers */
/* True: an answer may have come. */
bool probe_ask(probe_step *s, uint64_t type);
/* Appends a picture of the object to the frame and points the slot at it. Inside of probe_in. */
void probe_append_object(probe_thread *t, probe_frame *f, uint16_t slot, uint8_t *object);

/* ---- what call.c, async.c and trace.c share ---- */

/*
 * Makes f the top frame: what lies above it has vanished without a leave. False where f itself is gone already (it was
 * trimmed): then there is nothing to complete.
 */
bool probe_surface(probe_thread *t, probe_frame *f);
void probe_lose(const probe *p, bool ends); /* counts a call of a thread that found no block; ends: it had begun */
/* The exception that was noted for the frame, if its place has not been taken by later ones. */
const probe_exception *probe_noted(const probe_thread *t, const probe_frame *f);
void probe_note_for(probe_thread *t, probe_frame *f, uint8_t *exception);
/* Of a root, for its event: where its nodes end; how many they are, and whether any call may be missing. */
uint32_t probe_tree_end(const probe_frame *f);
void probe_close_tree(const probe_frame *f, wire_event *v);
/* Statistics or an event of the call whose frame is complete, as its probe wants it. */
void probe_emit(probe_thread *t, probe_frame *f, wire_event_kind kind, uint32_t tid, const probe_exception *x);

/* ---- pending.c: async calls that have not completed, by the number of their task ---- */

/* CALL: begun, waits for its outcome. OUTCOME: completed before the thread that began it could register it. */
typedef enum probe_pending_kind { PROBE_PENDING_CALL, PROBE_PENDING_OUTCOME } probe_pending_kind;

typedef struct probe_pending {
    uint32_t next, self; /* of the pool */
    uint32_t id;
    uint8_t kind, cut;
    uint8_t threw;
    uint8_t age;   /* OUTCOME: sweeps that it has seen */
    uint32_t turn; /* of the probe: one that was given to another client meanwhile knows nothing of this call */
    probe *probe;
    uint32_t size, more; /* bytes of the event with its slots and blobs; of an exception's picture behind it */
    wire_event event;
} probe_pending;

bool probe_pending_start(err_t *e);
/* One with room for so many bytes of event and picture, nobody else's yet; NULL where there is none. */
probe_pending *probe_pending_new(uint32_t bytes);
void probe_pending_free(probe_pending *x);
/* Makes it known under its kind, id and probe; false: no room. From then on whoever removes it owns it. */
bool probe_pending_put(probe_pending *x);
probe_pending *probe_pending_find(uint32_t id, const probe *p, probe_pending_kind kind);
/* Takes it out; false: somebody else has. */
bool probe_pending_remove(probe_pending *x);
probe_pending *probe_pending_take(uint32_t id, const probe *p, probe_pending_kind kind);

/* ---- awaiters.c ---- */

/* The innermost frame of a probe that `resumes`, of the sink, whose call began at sp or further out; NULL: none. */
const probe_frame *probe_resumed_frame(const probe_thread *t, const probe_sink *s, uint64_t sp);
/* Pictures (wire_piece) of the tasks that wait for the one that the frame is of, nearest first; their size. */
uint32_t probe_awaiters(uint8_t *out, uint32_t room, const probe_frame *resumed);

/* An exception is of this type: the agent is woken at the first of each. */
void probe_tell_type(uint64_t type);
/* Chooses the key of probe_vouch. */
bool probe_vouch_start(err_t *e);
/* Does fp lie on the thread's stack, further out than sp, which does? */
bool probe_on_stack(probe_thread *t, uint64_t sp, uint64_t fp);
/* Return addresses of the callers, innermost first, by the chain of frame pointers. *inner (may be NULL): how many of
 * them frames at `until` and further in return to. */
unsigned probe_walk(probe_thread *t, uint64_t frame_pointer, uint64_t *out, unsigned most, uint64_t until,
                    unsigned *inner);

#endif
