/* cli: the man pages, embedded by embed.cmake. */
#ifndef REJIT_CLI_MANUAL_H
#define REJIT_CLI_MANUAL_H

#include <stddef.h>

typedef struct manual_page {
    const char *name; /* of the verb; NULL ends the list */
    const char *text; /* Markdown */
    size_t size;
} manual_page;
extern const manual_page manual_pages[];

#endif
