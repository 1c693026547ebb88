/* What the corpus programs share: the walk over every assembly of some directories, and the count of complaints. */
#ifndef REJIT_CORPUS_H
#define REJIT_CORPUS_H

#include "cil/cil.h"

/* Called with each managed image; native ones are passed over. */
typedef void (*corpus_visit)(const cil_image *im);

/* Walks the directories of argv; answers how many images were visited. What cannot be read is complained of. */
uint64_t corpus_walk(int argc, char **argv, corpus_visit visit);
/* Prints "file: token: what: why" (the first 50) and counts. */
void corpus_complain(cil_token token, const char *what, const char *why);
uint64_t corpus_complaints(void);
uint64_t corpus_now(void); /* ns of a monotonic clock */
uint64_t corpus_cpu(void); /* ns that this thread ran: what others take is left out */

#endif
