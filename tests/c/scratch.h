/* scratch.h -- a file name for a test's own use, in the system's folder for temporary files. */
#ifndef SCRATCH_H
#define SCRATCH_H
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A name no other running test has; the test removes the file.  The text stays valid until the next call with this buffer. */
static inline const char *scratch_name(char buffer[256], const char *suffix) {
    const char *folder = getenv("TMPDIR");
    snprintf(buffer, 256, "%s/mien_test_%ld%s", folder && *folder ? folder : P_tmpdir, (long)getpid(), suffix);
    return buffer;
}
#endif
