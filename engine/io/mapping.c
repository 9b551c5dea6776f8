/* mapping.c -- reference-counted file mappings, see mapping.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/mapping.h"

static mn_mapping *mapping_new(const uint8_t *data, size_t size, bool mapped) {
    mn_mapping *m = malloc(sizeof *m);
    if (m) *m = (mn_mapping){ data, size, 1, mapped };
    else mn_fail(MN_ENOMEM, "no memory for a file mapping");
    return m;
}

mn_mapping *mn_mapping_open(const char *path) {
    static const uint8_t empty[1];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        mn_fail(errno == ENOENT ? MN_ENOTFOUND : MN_EIO, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        mn_fail(MN_EIO, "%s: expected an ordinary file", path);
        close(fd);
        return NULL;
    }
    void *data = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : (void *)empty;
    int problem = errno;
    close(fd);
    if (data == MAP_FAILED) {
        mn_fail(MN_EIO, "%s: cannot map %lld bytes: %s", path, (long long)st.st_size, strerror(problem));
        return NULL;
    }
    mn_mapping *m = mapping_new(data, (size_t)st.st_size, true);
    if (!m && st.st_size) munmap(data, (size_t)st.st_size);
    return m;
}

mn_mapping *mn_mapping_adopt(void *data, size_t size) {
    mn_mapping *m = mapping_new(data, size, false);
    if (!m) free(data);
    return m;
}

mn_mapping *mn_mapping_retain(mn_mapping *m) {
    __atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
    return m;
}

void mn_mapping_release(void *mapping) {
    mn_mapping *m = mapping;
    if (!m || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL)) return;
    if (!m->mapped) free((void *)m->data);
    else if (m->size) munmap((void *)m->data, m->size);
    free(m);
}

void mn_mapping_forget(const mn_mapping *m, const void *from, size_t n) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)from + page - 1) & ~(page - 1), end = ((uintptr_t)from + n) & ~(page - 1);
    if (m && m->mapped && (const uint8_t *)from >= m->data && n <= m->size - (size_t)((const uint8_t *)from - m->data) && end > first)
        madvise((void *)first, end - first, MADV_DONTNEED);
}
