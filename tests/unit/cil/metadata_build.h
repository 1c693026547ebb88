/* Makes metadata and PE images for the tests, one row at a time, knowing nothing of the reader's tables of columns. */
#ifndef REJIT_TEST_METADATA_BUILD_H
#define REJIT_TEST_METADATA_BUILD_H

#include "cil/cil.h"

typedef struct md_build {
    buf_t strings, blobs, guids, user_strings;
    buf_t rows[CIL_TABLE_SLOTS];
    uint32_t count[CIL_TABLE_SLOTS];
    buf_t pdb;         /* the #Pdb stream */
    uint64_t sorted;   /* as it stands in the header */
    uint8_t heaps;     /* HeapSizes */
    bool uncompressed; /* #- */
    bool wide;         /* a #JTD stream */
} md_build;

/* Offsets in the heaps; index 0 is the empty item. */
uint32_t md_string(md_build *b, const char *s);
uint32_t md_blob(md_build *b, const void *bytes, size_t n);
uint32_t md_guid(md_build *b, uint8_t fill);
/* Adds a row of unsigned values, each as wide as its digit in `widths` says ("422"). Its rid. */
uint32_t md_row(md_build *b, cil_table table, const char *widths, ...);
/* The metadata root; frees the builder. */
void md_finish(md_build *b, buf_t *out);

/* Where md_image puts the code: the RVA to give a method's row. */
#define MD_CODE_RVA 0x2050u
/* A PE image of one section, PE32 (0x10B) or PE32+ (0x20B), as a file or as it is mapped. */
void md_image(uint16_t magic, cil_layout layout, cil_blob code, cil_blob metadata, buf_t *out);
/* A flat image as the loader would map it. */
void md_map(cil_blob flat, buf_t *out);
/* The bytes of a file beside the tests. */
void md_file(const char *name, buf_t *out);

#endif
