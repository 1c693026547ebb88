/*
 * probe: what runs on the application's threads. Gates, frames, value capture, conditions, aggregation.
 *
 * Leaf code: no lock, no malloc, no call into the runtime, no libc but what compiles to plain code; a system call only
 * the first time that a thread comes by. Woven IL calls the probe_* functions of "calls" in cooperative mode, so object
 * references cannot move while one of them runs.
 *
 * Each thread that is seen gets a probe_thread from a fixed pool, with a private stack of frames. A frame is an event
 * in the making:
 *
 *      | probe_frame (private) | wire_event | slots of the probe | blobs ... |   next frame ...
 *                              ^ tok: what enter answers and woven code stores through
 */
#ifndef REJIT_PROBE_H
#define REJIT_PROBE_H

#include "wire/wire.h"

/* ---- conditions ------------------------------------------------------------------------------------------------- */

/* THREW: does an exception leave the call? DECIDED: a comparison with a member of that, made as it passed. */
typedef enum probe_op_kind {
    PROBE_OP_COMPARE,
    PROBE_OP_AND,
    PROBE_OP_OR,
    PROBE_OP_NOT,
    PROBE_OP_THREW,
    PROBE_OP_DECIDED,
    PROBE_OP_PAIR, /* pushes as COMPARE does: with what the step behind it finds, an OTHER, which is no step alone */
    PROBE_OP_OTHER
} probe_op_kind;
/* When a comparison can hold at all: what it looks at is there. */
typedef enum probe_when { PROBE_ALWAYS, PROBE_RETURNED, PROBE_THREW } probe_when;
typedef enum probe_compare {
    PROBE_EQ,
    PROBE_NE,
    PROBE_LT,
    PROBE_LE,
    PROBE_GT,
    PROBE_GE,
    PROBE_LIKE,
    PROBE_UNLIKE
} probe_compare;
typedef enum probe_literal {
    PROBE_NULL,
    PROBE_INT,
    PROBE_UINT,
    PROBE_FLOAT,
    PROBE_TEXT,
    PROBE_DECIMAL,
    PROBE_REGEX,
    /* PAIR: there is none; what both sides are made before they are compared. */
    PROBE_AS_NUMBERS,
    PROBE_AS_SINGLES,
    PROBE_AS_DECIMALS,
    PROBE_AS_TEXTS
} probe_literal;

/* As System.Decimal lies in memory, the same in 8, 9 and 10. */
typedef struct probe_decimal {
    uint32_t flags; /* bits 16 to 23: divided by ten so many times; 31: negative */
    uint32_t high;
    uint64_t low;
} probe_decimal;

/* One step of a condition in postfix order; comparisons push, the others combine. At most PROBE_OPS_MOST steps, so
 * evaluation is bounded. */
#define PROBE_OPS_MOST 64u
typedef struct probe_op {
    uint8_t kind, compare, literal;
    uint8_t element; /* ECMA-335 element type of the argument; 0x0E string; 0x1C other reference (null checks only);
                        0x11 decimal */
    uint16_t slot;   /* byte offset in the event */
    uint16_t units;  /* TEXT: length in chars */
    uint8_t how;     /* wire_how of the slot */
    uint8_t path;    /* the slot is that of a path: whether there is a value stands behind it */
    uint8_t when;    /* probe_when */
    union {
        int64_t i;
        uint64_t u;
        double f;
        const uint16_t *text;
        const probe_decimal *decimal;
        const regex *regex;
    };
} probe_op;

/* How much room a value takes that a path leads to; whether it is there stands behind it. */
static inline uint16_t probe_path_room(uint8_t element)
{
    return element == 0x11 ? sizeof(probe_decimal) : 8;
}

/* ---- members in conditions --------------------------------------------------------------------------------------- */

/*
 * A path leads from an object in a slot to a value that a condition compares: FIELD, two of them (DIFFERENCE), LENGTH
 * of a string or array, ELEMENT of an array, LIST_ELEMENT of the array in one field that is in use up to the other,
 * EXACT to 1 where the object is of that type, to 0 where it is of another, a derived one too. INNER: to a field of the
 * struct that the step before leads to, ENTRIES to the array in one field of a dictionary, which is in use up to the
 * other, LOOKUP from there to what lies beside a key, in at most PROBE_LOOKUPS_MOST entries; VALUE to one of the struct
 * that lies in the slot; to nothing where the byte at `other` is 0 (what a Nullable<T> holds).
 */
typedef enum probe_step_kind {
    PROBE_STEP_FIELD,
    PROBE_STEP_COUNT,
    PROBE_STEP_LENGTH,
    PROBE_STEP_ELEMENT,
    PROBE_STEP_LIST_ELEMENT,
    PROBE_STEP_EXACT,
    PROBE_STEP_INNER,
    PROBE_STEP_VALUE,
    PROBE_STEP_ENTRIES,
    PROBE_STEP_LOOKUP
} probe_step_kind;
#define PROBE_LOOKUPS_MOST 10000u

/*
 * Where an object of this type has the fields of a step, in bytes from its start. offset 0: it has none. EXACT: 1 or 0.
 * INNER, VALUE: from the start of the struct, and one more. The type is that of the object around the struct, which may
 * lie in others, or of the struct in the slot. LOOKUP: of the array; offset: of the value in an entry, and one more;
 * other: of the key, and of the next entry's index in the upper half.
 */
#define PROBE_KNOWN_MOST 16u
#define PROBE_EXACT_MOST 128u /* a base has many derived types, and most objects may be theirs */
typedef struct probe_known {
    uint64_t type; /* written last */
    uint32_t offset, other;
} probe_known;

typedef struct probe_step {
    uint8_t kind; /* probe_step_kind */
    uint8_t size; /* bytes of what it leads to */
    uint32_t index;
    uint64_t
        module; /* what the agent finds the fields by: ModuleID, TypeDef, FieldDefs; 0: the type of the object tells */
    uint32_t type, field, other;
    uint32_t next;            /* LOOKUP: the field that is below -1 where an entry is free */
    uint8_t key_element;      /* LOOKUP: 0x0E, or of an integer */
    uint16_t key_units;       /* of a string */
    uint64_t key_bits;        /* of an integer, as it lies in memory */
    const uint16_t *key_text; /* of a string */
    probe_known known[PROBE_KNOWN_MOST];
    probe_known *exact; /* EXACT: PROBE_EXACT_MOST of them, instead */
} probe_step;

#define PROBE_STEPS_MOST 8u
#define PROBE_PATHS_MOST 16u
/* At `to` lies the value, as a PRIMITIVE or OBJECT slot or a decimal, and behind it a probe_path_state. */
#define PROBE_FROM_EXCEPTION \
    UINT16_MAX /* as `from`: the exception that leaves the call; at `to` is what DECIDED says */
typedef struct probe_path {
    uint16_t from, to;
    uint8_t element; /* as in probe_op */
    uint8_t bare;    /* nobody looks at what is in `from` itself */
    uint8_t of_key;  /* no condition waits for it */
    uint8_t count;
    probe_step *steps;
} probe_path;
typedef enum probe_path_state { PROBE_PATH_NONE, PROBE_PATH_VALUE, PROBE_PATH_UNDECIDED } probe_path_state;

/* ---- probes ----------------------------------------------------------------------------------------------------- */

/* Where one connection's events go. Made by probe_sink_open, on the agent's thread. */
typedef struct probe_sink {
    uint32_t detached; /* set before the memory goes away; see probe_quiesce */
    uint32_t slots;
    uint64_t ring_size;
    wire_memory *memory;
    wire_slot *slot;
    uint8_t *rings, *stats;
    uint32_t stats_max;
    wire_key *keys; /* WIRE_KEY_PLACES of them */
    uint64_t size;  /* of the mapping: the copy in shared memory is not to be trusted */
    int fd;
} probe_sink;

enum probe_extra { PROBE_ONLY_THROWS = 1, PROBE_ONLY_SLOW = 2, PROBE_BY_KEY = 4, PROBE_NEW = 8 };

/* One layer on one method. Its address stands in woven IL, so it is never reused while that IL may run. */
typedef struct probe {
    uint8_t gate; /* first: woven code loads this byte */
    uint8_t depth;
    uint8_t op_count;
    uint8_t path_count;
    union {
        struct {
            uint8_t verb;  /* wire_verb */
            uint8_t extra; /* probe_extra: not of every call there is to be an event, or more than its time counts */
            uint8_t late;  /* the condition is decided when the call ends */
            uint8_t ran;   /* set by the first call: the version is active */
        };
        uint32_t how; /* all of these at once */
    };
    uint32_t id;
    uint32_t suspending; /* calls that are between PROBE_SUSPENDING and PROBE_SETTLED, on all threads */
    /* A frame begins with these four words: they are copied at once. */
    uint32_t event_size; /* sizeof(wire_event) + slots */
    uint32_t zero;
    uint32_t turn; /* greater with each use of this memory: frames that were abandoned may point to an earlier one */
    uint32_t zero_too;
    uint64_t slow; /* ticks: ONLY_SLOW, of those that take as many */
    probe_sink *sink;
    const probe_op *ops;
    const probe_op *key; /* stat: what calls are told apart by; NULL: nothing */
    probe_path *paths;
    uint8_t armed;   /* the gate of the state machine's part of an async probe: stays open for calls that are pending */
    uint8_t task_at; /* where a builder has its task, in bytes */
    uint8_t exception_at, context_at, kind_at; /* THROWS: in an ExInfo */
    uint8_t levels;                            /* trace: of calls that are followed below a root */
    uint8_t doubtful;    /* there are paths or two texts: it may be that nobody can tell whether the condition holds */
    uint8_t resumes : 1; /* on the method by which state machines go on: nothing is told of its calls */
    uint8_t root : 1;    /* trace: its calls begin trees, where none is open on the thread */
    uint8_t into : 1;    /* trace: followed at any level below the root */
} probe;

/* A managed TypedReference as the ABI passes it: two words in registers. */
typedef struct probe_typedref {
    uint8_t *address;
    uintptr_t type;
} probe_typedref;

/* ---- calls from woven IL (shapes: weave_sig in weave/weave.h) -----------------------------------------------------
 */

intptr_t probe_enter(probe *p);              /* watch, stat: pushes a frame; 0: this call is not recorded */
intptr_t probe_enter_stack(probe *p);        /* stack: writes its event at once and answers 0 */
intptr_t probe_ready(wire_event *tok);       /* the condition: tok, or 0 where it does not hold */
intptr_t probe_ready_stack(wire_event *tok); /* stack with a condition: writes its event where it holds, answers 0 */
/* line: writes its event, where a condition holds if there is one, and answers 0. */
intptr_t probe_ready_line(wire_event *tok);
/*
 * trace: a call of a root, outside of another tree of the client, begins a tree; calls below it on the thread are added
 * to that. Others are not recorded.
 */
intptr_t probe_enter_trace(probe *p);
intptr_t probe_ready_trace(wire_event *tok); /* the condition of a root */
void probe_leave_trace(wire_event *tok);
void probe_tail_trace(wire_event *tok);
void probe_thrown_trace(wire_event *tok);
void probe_leave(wire_event *tok);                    /* normal return */
void probe_leave_stat(wire_event *tok);               /* the same of a stat */
void probe_tail(wire_event *tok);                     /* a tail call or jmp follows */
void probe_note(wire_event *tok, uint8_t *exception); /* filter, first pass */
void probe_thrown(wire_event *tok);                   /* fault, second pass */
void probe_object(wire_event *tok, int32_t slot, uint8_t *object);
void probe_typed(wire_event *tok, int32_t slot, probe_typedref ref);
/* element: bytes of one element, negative where the elements are references */
void probe_span(wire_event *tok, int32_t slot, probe_typedref ref, int32_t element);

/*
 * Async methods. The method itself only starts a state machine; the call ends where the state machine sets the result
 * of its builder. A probe on one is a pair of layers: `enter` and these two in the method, the others in the state
 * machine's MoveNext, all with the same probe.
 *
 *      method      enter, arguments, ready         async_leave or async_thrown
 *      MoveNext    async_first                     its first run, on the caller's thread: finds the frame
 *                  async_suspending, _suspended    around the builder's Await...Completed: the call becomes pending
 *                  async_completing ... _completed before the builder's SetResult: a frame with everything of the call
 *                  async_completing, _failed       before the builder's SetException
 */
void probe_async_leave(wire_event *tok);
void probe_async_thrown(wire_event *tok);
intptr_t probe_async_first(probe *p); /* the call's frame; 0: not recorded */
void probe_async_suspending(wire_event *tok);
void probe_async_suspended(wire_event *tok, const uint8_t *builder);
/* tok: of async_first. Answers a frame for the result, 0 where nothing is recorded. */
intptr_t probe_async_completing(probe *p, wire_event *tok, const uint8_t *builder);
void probe_async_completed(wire_event *tok);
void probe_async_failed(wire_event *tok, uint8_t *exception);

/*
 * On the method by which the boxes of state machines go on after an await: stack events of the same client tell who
 * awaits them. Nothing is recorded of its calls.
 */
intptr_t probe_resume(probe *p);
void probe_resume_of(wire_event *tok, const uint8_t *box); /* where the method keeps its `this` */
void probe_resumed(wire_event *tok);

/* ---- exceptions ---- */

#define PROBE_FRAMES_MOST 64u   /* of a stack */
#define PROBE_CONTEXT_IP  0xF8u /* in a CONTEXT of x64: where it was thrown */
/*
 * Addresses of frames in events carry a mark in their highest 16 bits, which user addresses leave 0: keyed, never 0, so
 * that what comes back from a client is known to have been on a stack. One in 32,768 is right by chance: who sends a
 * wrong one gets no second try (eng_describe_frames).
 */
void probe_vouch(uint64_t *to, const uint64_t *addresses, unsigned count);
/* The address without its mark; true: it has the right one. */
bool probe_vouched(uint64_t word, uint64_t *address);

/*
 * An exception is thrown on this thread: an event for each of the probes that is there and whose gate is open. Who
 * takes a probe out of the array and then waits for probe_quiesce may end it. frames: where it is thrown, callers
 * behind.
 */
void probe_threw(probe *const *probes, unsigned count, uint8_t *object, const uint64_t *frames, unsigned frame_count);

/* Before the first probe in that method: on the agent's thread. */
bool probe_thrown_start(err_t *e);
/* From woven IL, at the entry of the method that dispatches exceptions (engine/thrown.c): info is its ExInfo. */
void probe_dispatch(wire_event *tok, int32_t slot, probe_typedref info);

/* ---- the agent's side ---------------------------------------------------------------------------------------------
 */

/* Once, before any probe exists: the clock and the pool of threads (address space only; pages come as they are
 * touched). */
bool probe_start(err_t *e);
/* Renews the ratio of ticks to ns; call now and then. */
void probe_clock_refine(void);
void probe_clock_publish(wire_memory *m);
uint64_t probe_ticks(uint64_t ns);

/* The shared memory of a connection, with room for the statistics of `stats_max` probes, and for those by key. */
bool probe_sink_open(probe_sink *s, uint32_t stats_max, bool keys, err_t *e);
/* Threads leave every frame of the sink's behind: after this no application thread touches its memory. Bounded; false:
 * one was still inside. */
bool probe_sink_detach(probe_sink *s);
/* After that, or where no probe has ever had it. */
void probe_sink_close(probe_sink *s);
/* Each thread that is inside one of the functions above now comes out of it. Bounded; false: one was still inside. */
bool probe_quiesce(void);
uint64_t probe_sink_bytes(const probe_sink *s); /* memory that really exists */
/* How many slots have ever had a thread: the others' counters need no look, which would give them memory. */
uint32_t probe_slots(void);
/* How many threads are inside one of the functions above for this sink, at this moment. */
uint32_t probe_inside(const probe_sink *s);
/* Gives the slots of threads that have ended back to the pool. */
void probe_sweep(void);
/*
 * Before the first async probe: the table of pending calls (address space only). task: the type handle of Task, 0 where
 * it is not loaded; id_at: where a Task has its number, in bytes from the start of the object.
 */
bool probe_async_start(uint64_t task, uint32_t id_at, err_t *e);
/* Before the first probe that `resumes`: type handles, and offsets in bytes from the start of the object. */
typedef struct probe_tasks {
    uint64_t task, delegate; /* Task, MulticastDelegate */
    uint32_t continuation_at;
} probe_tasks;
void probe_awaiters_start(const probe_tasks *known);
/* Forgets the pending calls of a detached sink, or what no thread can ask for any more (NULL). How many. */
uint32_t probe_async_forget(const probe_sink *s);
/* How many calls are pending, and how many bytes have been touched for them. */
uint32_t probe_async_pending(uint64_t *bytes);
/*
 * Where the fields of a step are in objects of a type is asked of a thread of the agent, at the first such object, from
 * probe_asks_open(true) on. The application's thread waits for up to 200 ms, in cooperative mode: whoever answers must
 * wait for nothing that may wait until it is suspended. One thread waits for questions (false: there will be none, they
 * have been closed) and answers them; answer leaves the offsets 0 where the type has no such fields.
 */
typedef void probe_answer(void *owner, const probe_step *step, uint64_t type, uint32_t *offset, uint32_t *other);
void probe_asks_open(bool open);
bool probe_asks_wait(void);
void probe_asks_answer(probe_answer *answer, void *owner);
/*
 * The types of exceptions that were seen, at most PROBE_TYPES_MOST: those since the last question, of which probes have
 * woken the agent, or all. A process that nobody catches an exception in has no time to be asked what its type is.
 */
#define PROBE_TYPES_MOST 256u
void probe_types_wake(int eventfd);
unsigned probe_types_told(uint64_t *out, bool all);
/* Evaluates `ops` over an event; exposed for tests. */
bool probe_condition(const probe_op *ops, uint32_t count, const wire_event *event);

#endif
