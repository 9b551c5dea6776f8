/* mapping.h -- a file's bytes, shared by everything that points into them.
 *
 * A file is mapped read-only; tensors wrapped over it retain the mapping, so a reader may be
 * closed while its tensors live on. */
#ifndef MIEN_MAPPING_H
#define MIEN_MAPPING_H
#include "mien.h"

typedef struct mn_mapping {
    const uint8_t *data;
    size_t size;
    int refs;                           /* changed atomically */
    bool mapped;                        /* else data is malloc'd */
} mn_mapping;

mn_mapping *mn_mapping_open(const char *path);          /* NULL on failure */
/* Takes over malloc'd bytes; on failure they are freed too. */
mn_mapping *mn_mapping_adopt(void *data, size_t size);
mn_mapping *mn_mapping_retain(mn_mapping *m);           /* returns m */
void mn_mapping_release(void *mapping);                 /* the signature mn_wrap wants; NULL is fine */

/* These bytes have been copied and may leave memory; they come back from the file when they are read again. */
void mn_mapping_forget(const mn_mapping *m, const void *from, size_t n);

#endif
