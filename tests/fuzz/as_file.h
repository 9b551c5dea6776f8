/* as_file.h -- a fuzzer's bytes under a name, for readers that open files: one file in memory, written anew each time. */
#ifndef AS_FILE_H
#define AS_FILE_H
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The name is good until the next call. */
static const char *as_file(const uint8_t *data, size_t size) {
    static int fd = -1;
    static char name[40];
    if (fd >= 0) close(fd);                                  /* a mapping of the last one may live on */
    fd = memfd_create("fuzz", 0);
    if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size)) abort();
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return name;
}
#endif
