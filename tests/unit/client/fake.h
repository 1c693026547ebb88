/*
 * An agent of our own making: a thread of the test that listens where an agent in this process would, speaks wire.h,
 * and writes events into a real sealed memory file. What it answers is the test's to say.
 */
#ifndef TEST_CLIENT_FAKE_H
#define TEST_CLIENT_FAKE_H

#include "rejit/rejit.h"
#include "wire/wire.h"

enum { FAKE_SLOTS = 4, FAKE_RING = 65536, FAKE_STATS = 8 };

typedef struct fake {
    char path[128];
    int listener, connection, memory_fd;
    uint8_t *memory;
    size_t memory_size;
    unsigned long thread; /* pthread_t */
    buf_t probes;         /* fields of the PROBES reply */
    buf_t types;          /* fields of every TYPES_REPLY */
    /* Answers a request by itself: true; false leaves it to the defaults. */
    bool (*answer)(struct fake *f, const wire_header *h, wire_reader r);
    unsigned asked[64]; /* requests by kind */
    bool open;          /* the gates */
} fake;

/* Listens and serves one connection at a time until fake_stop. */
void fake_start(fake *f);
void fake_stop(fake *f);
/* Sends a message: kind and fields. */
void fake_send(fake *f, wire_kind kind, uint32_t request, const buf_t *fields);
void fake_send_raw(fake *f, const void *p, size_t n);
/* Closes the connection as a process does that ends. */
void fake_hang_up(fake *f);
rj_session *fake_connect(const fake *f, rj_error *e);

wire_memory *fake_plan(fake *f);
wire_slot *fake_slot(fake *f, uint32_t slot);
uint8_t *fake_ring(fake *f, uint32_t slot);
wire_stat *fake_stat(fake *f, uint32_t slot, uint32_t probe);
/* Appends an event to a ring as an agent does, padding included; sets its size. */
void fake_event(fake *f, uint32_t slot, const wire_event *head, const void *rest, size_t rest_size);

/* A probe group for f->probes. */
typedef struct fake_value {
    const char *name, *type;
    uint32_t what, how, slot, element;
    bool hidden, late;
} fake_value;
void fake_probe(fake *f, uint32_t id, const char *name, const char *module, const fake_value *values, size_t n);

/* Types for f->types. */
typedef struct fake_field {
    const char *name;
    uint32_t offset, element;
    uint64_t type;
    const char *type_name;
} fake_field;
typedef struct fake_type {
    uint64_t address;
    const char *name;
    uint32_t kind, bytes, element, element_size;
    uint64_t element_type;
    const char *parent;
    const fake_field *fields;
    size_t field_count;
    const char *const *members; /* "Name=value" */
    size_t member_count;
    bool flags;
} fake_type;
void fake_add_type(fake *f, const fake_type *t);

/* Pictures: pieces into a buffer. */
void fake_piece(buf_t *b, uint64_t type, uint64_t address, uint32_t length, const void *bytes, uint32_t n);

#endif
