/* scratch.h -- files for a test's own use, in the system's folder for temporary files. */
#ifndef SCRATCH_H
#define SCRATCH_H
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A name no other running test has; the test removes the file.  The text stays valid until the next call with this buffer. */
static inline const char *scratch_name(char buffer[256], const char *suffix) {
    const char *folder = getenv("TMPDIR");
    snprintf(buffer, 256, "%s/mien_test_%ld%s", folder && *folder ? folder : P_tmpdir, (long)getpid(), suffix);
    return buffer;
}

/* Write a damaged file quickly: mn_file_write waits for the disk each time, which thousands of files need not. */
static inline bool scratch_write(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(bytes, 1, size, f) == size;
    return f && fclose(f) == 0 && ok;
}
#endif
