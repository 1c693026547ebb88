/*
 * pdb: portable PDBs. Documents, sequence points, local names and their scopes, state machines.
 *
 * The format is metadata with tables of its own (0x30..0x37); the cil room reads them. All input is hostile: what is
 * malformed is an error with its place, never a wrong answer. Read-only after pdb_open, and then free of locks.
 */
#ifndef REJIT_PDB_H
#define REJIT_PDB_H

#include "cil/cil.h"

typedef struct pdb {
    cil_image image;
    uint8_t id[20]; /* a GUID and a stamp: the assembly's debug directory has the same */
    uint8_t *owned; /* bytes that were read or inflated, or NULL */
} pdb;

/* The bytes of a PDB, which must stay valid until pdb_close. */
bool pdb_open(pdb *p, const void *bytes, size_t size, err_t *e);
/*
 * The PDB of an assembly: the file beside it, or else the one that is embedded in it. ERR_NO_MATCH where there is none,
 * or only one of another build. The image is needed during the call alone; `path` names the assembly's file.
 */
bool pdb_open_for(pdb *p, const cil_image *assembly, const char *path, err_t *e);
/* The PDB in a file. ERR_NO_MATCH where it has another id; id == NULL: any is right. */
bool pdb_open_file(pdb *p, const char *file, const uint8_t *id, err_t *e);
/*
 * The PDB that is embedded in an assembly's file. ERR_NO_MATCH where none is, ERR_REFUSED where the assembly asks for a
 * PDB with another id: it is not the assembly that the id is of.
 */
bool pdb_open_inside(pdb *p, const char *assembly, const uint8_t *id, err_t *e);
void pdb_close(pdb *p);

/* The path of a source file as the compiler wrote it. */
bool pdb_document_name(const pdb *p, uint32_t document_rid, buf_t *out);

/* ---- sequence points ------------------------------------------------------------------------------------------ */

#define PDB_HIDDEN 0xFEEFEEu /* as line: code that no source stands for */

/* From this IL offset up to the next point's the code belongs to these lines. Columns count from 1, the end excluded.
 */
typedef struct pdb_point {
    uint32_t offset, document, line, column, end_line, end_column;
} pdb_point;

typedef struct pdb_points {
    pdb_point *v; /* by ascending offset; in the arena */
    uint32_t count;
} pdb_points;

/* None for a method without source. */
bool pdb_points_read(arena *a, const pdb *p, uint32_t method_rid, pdb_points *out, err_t *e);
/* The point that an IL offset belongs to; NULL before the first one. It may be hidden. */
const pdb_point *pdb_point_at(const pdb_points *points, uint32_t offset);

/*
 * The point that is shown for an IL offset, as Exception.StackTrace shows it: the last one at or before it that is not
 * hidden. False where there is none; e says so only where the PDB is malformed.
 */
bool pdb_shown_point(const pdb *p, uint32_t method_rid, uint32_t offset, pdb_point *out, err_t *e);

/* An instruction that a breakpoint on a line stands for. */
typedef struct pdb_place {
    uint32_t method_rid, offset, line, column;
} pdb_place;

/*
 * Where `line` of a file begins: in every method that has a statement beginning on it (a line may hold lambdas). `file`
 * is a whole path or its end ("Pricing.cs", "src/Pricing.cs"). Answers how many places there are, of which the first
 * `most` are filled in; 0 where no statement begins there. ERR_FORMAT by UINT32_MAX.
 */
uint32_t pdb_find_line(const pdb *p, const char *file, uint32_t line, pdb_place *out, uint32_t most, err_t *e);

/*
 * The first line from `line` on at which a statement of the file begins; 0: there is none. *before: the last one before
 * it, 0: none either (the file has no code here).
 */
uint32_t pdb_near_line(const pdb *p, const char *file, uint32_t line, uint32_t *before);

/* ---- local variables ------------------------------------------------------------------------------------------ */

typedef struct pdb_local {
    const char *name;    /* in the PDB */
    uint32_t slot;       /* index in the local signature */
    uint32_t start, end; /* IL offsets between which the name means this slot; end excluded */
    bool hidden;         /* made by the compiler, not for people */
} pdb_local;

typedef struct pdb_locals {
    pdb_local *v; /* outer scopes before inner ones; in the arena */
    uint32_t count;
} pdb_locals;

bool pdb_locals_read(arena *a, const pdb *p, uint32_t method_rid, pdb_locals *out, err_t *e);

/* ---- state machines ------------------------------------------------------------------------------------------- */

/* An `await` of a MoveNext: the IL offset where it suspends, and where it goes on (in method `resume_rid`). */
typedef struct pdb_await {
    uint32_t yield, resume, resume_rid;
} pdb_await;

typedef struct pdb_awaits {
    pdb_await *v; /* in the arena */
    uint32_t count;
    uint32_t catch_offset; /* of the handler that the compiler made for `async void`; UINT32_MAX: none */
} pdb_awaits;

/* The method that people wrote for a MoveNext, and the other way round; 0 where there is none. */
uint32_t pdb_written_method(const pdb *p, uint32_t move_next_rid);
uint32_t pdb_move_next(const pdb *p, uint32_t written_rid);
/* None for a method that awaits nothing. */
bool pdb_awaits_read(arena *a, const pdb *p, uint32_t move_next_rid, pdb_awaits *out, err_t *e);

#endif
