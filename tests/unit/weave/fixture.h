/*
 * A small assembly for tests of weave: metadata made in memory, without PE and without bodies, and a token maker that
 * keeps what it was asked for. Used by the unit tests and by the fuzz target.
 */
#ifndef TESTS_WEAVE_FIXTURE_H
#define TESTS_WEAVE_FIXTURE_H

#include "weave/weave.h"

/* TypeRefs and TypeDefs by rid. */
enum {
    REF_OBJECT = 1,
    REF_VALUETYPE,
    REF_SPAN,
    REF_ROSPAN,
    REF_DATETIME,
    REF_ARGITERATOR,
    REF_ELSEWHERE,
    REF_FAKE_SPAN
};
enum { DEF_MODULE = 1, DEF_CLASS, DEF_STRUCT, DEF_GENERIC_STRUCT, DEF_GENERIC };

/* MethodDefs by rid; the signature stands beside. */
enum {
    M_VOID = 1,    /* static void () */
    M_ADD,         /* static int (int, int) */
    M_TEXT,        /* instance string (string, byte, double, void*) */
    M_CTOR,        /* instance void .ctor(int) */
    M_FIRST,       /* static T First<T>(T) */
    M_REF,         /* static ref int (ref int, out int, in DateTime) */
    M_SPANS,       /* static void <T>(Span<char>, ReadOnlySpan<T>, Span<object>, Span<DateTime>, fake Span<char>) */
    M_REFUSED,     /* static typedref <T allows ref struct>(typedref, ArgIterator, T, ref T, ref typedref) */
    M_ABSTRACT,    /* instance void () */
    M_PINVOKE,     /* static void () */
    M_RUNTIME,     /* instance void () */
    M_INTERNAL,    /* static void () */
    M_ENUMISH,     /* static DateTime (DateTime, object[], Generic<int>, ref string, ref void*) */
    M_LONG,        /* static long (long) */
    M_STRUCT_GET,  /* struct: instance int () */
    M_STRUCT_CTOR, /* struct: instance void .ctor() */
    M_PAIR,        /* struct Pair<T, U>: instance void (T) */
    M_ITEM,        /* class Generic<T>: instance T (int) */
    M_MOST,
};

/* MemberRefs, MethodSpecs, StandAloneSigs and TypeSpecs by rid. */
enum {
    CALL_TWO = 1,  /* static int Elsewhere::Two(int, string) */
    CALL_PUT,      /* instance !0 Generic<DateTime>::Put(!0) */
    CALL_INSTANCE, /* instance int Elsewhere::Instance(): class or value type, nobody can tell */
    CALL_GENERIC,  /* static !!0 Elsewhere::Generic<>(!!0, !!0[]) */
};
enum { SPEC_OF_GENERIC = 1 /* CALL_GENERIC over DateTime */, SPEC_OF_STRING /* over string */ };
enum { SIG_ONE_INT_LOCAL = 1, SIG_CALLI /* int (int) */ };
enum { SPEC_GENERIC_DATE = 1, SPEC_MVAR0 /* !!0 */ };

const cil_image *fixture_image(void); /* made at the first call */

/* Makes tokens behind the end of the tables, one for each different signature. */
typedef struct fixture_maker {
    arena a;
    cil_extra made[64];
    uint32_t count;
    bool refuse; /* answers 0 from now on */
} fixture_maker;
weave_tokens fixture_tokens(fixture_maker *m);

#endif
