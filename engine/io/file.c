/* file.c -- whole-file reading and all-or-nothing writing.
 *
 * A writer fills PATH.partial.PID, flushes it to the disk (fsync), then renames it to PATH and flushes the
 * directory: after a crash PATH is the old file or the new one, never half of one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "file.h"

static mn_status os_fail(const char *what, const char *path) {
    int code = errno;
    return mn_fail(code == ENOENT ? MN_ENOTFOUND : code == ENOMEM ? MN_ENOMEM : MN_EIO, "%s %s: %s", what, path, strerror(code));
}

mn_status mn_outfile_open(mn_outfile *out, const char *path) {
    size_t room = strlen(path) + 32;
    *out = (mn_outfile){.path = strdup(path), .partial = malloc(room)};
    if (out->path && out->partial) {
        snprintf(out->partial, room, "%s.partial.%ld", path, (long)getpid());
        int fd = open(out->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 && (out->f = fdopen(fd, "wb"))) return MN_OK;
        os_fail("cannot create", out->partial);
        if (fd >= 0) {
            close(fd);
            unlink(out->partial);
        }
    } else mn_fail(MN_ENOMEM, "no memory to write %s", path);
    free(out->path);
    free(out->partial);
    *out = (mn_outfile){0};
    return mn_errcode();
}

/* Make the rename itself lasting.  Some file systems refuse to sync a directory; the file is whole either way. */
static void sync_directory(const char *path) {
    char *folder = strdup(path);
    if (!folder) return;
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

mn_status mn_outfile_close(mn_outfile *out, bool ok) {
    mn_status status = MN_OK;
    if (ok && (ferror(out->f) || fflush(out->f) || fsync(fileno(out->f)))) status = os_fail("cannot write", out->partial);
    if (fclose(out->f) && ok && status == MN_OK) status = os_fail("cannot write", out->partial);
    if (ok && status == MN_OK && rename(out->partial, out->path)) status = os_fail("cannot rename the finished file to", out->path);
    if (!ok || status != MN_OK) {
        unlink(out->partial);
        status = mn_errcode();
    } else sync_directory(out->path);
    free(out->path);
    free(out->partial);
    *out = (mn_outfile){0};
    return status;
}

mn_status mn_file_write(const char *path, const void *bytes, size_t size) {
    mn_outfile out;
    mn_status status = mn_outfile_open(&out, path);
    if (status != MN_OK) return status;
    bool ok = size == 0 || fwrite(bytes, 1, size, out.f) == size;
    if (!ok) os_fail("cannot write", path);
    return mn_outfile_close(&out, ok);
}

char *mn_file_read(const char *path, size_t limit, size_t *size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info)) {
        os_fail("cannot open", path);
        if (fd >= 0) close(fd);
        return NULL;
    }
    char *bytes = NULL;
    size_t have = 0, want = (size_t)info.st_size;
    if (!S_ISREG(info.st_mode)) mn_fail(MN_EIO, "%s is not a regular file", path);
    else if (want > limit) mn_fail(MN_EFORMAT, "%s has %zu bytes, at most %zu expected", path, want, limit);
    else if (!(bytes = malloc(want + 1))) mn_fail(MN_ENOMEM, "no memory for the %zu bytes of %s", want, path);
    while (bytes && have < want) {
        ssize_t got = read(fd, bytes + have, want - have);
        if (got > 0) have += (size_t)got;
        else if (got == 0) break;                       /* it shrank meanwhile: what is left is the file */
        else if (errno != EINTR) {
            os_fail("cannot read", path);
            free(bytes);
            bytes = NULL;
        }
    }
    close(fd);
    if (!bytes) return NULL;
    bytes[have] = 0;
    *size = have;
    return bytes;
}

mn_status mn_dir_make(const char *path) {
    if (!*path) return mn_fail(MN_EARG, "cannot make a directory: its name is empty");
    char *part = strdup(path);
    if (!part) return mn_fail(MN_ENOMEM, "no memory to make directory %s", path);
    mn_status status = MN_OK;
    for (char *p = part; status == MN_OK; p++) {
        if (*p && (*p != '/' || p == part)) continue;
        char kept = *p;
        *p = 0;
        struct stat info;
        if (mkdir(part, 0777) && errno != EEXIST) status = os_fail("cannot make directory", part);
        else if (stat(part, &info) || !S_ISDIR(info.st_mode))
            status = mn_fail(MN_EIO, "cannot make directory %s: %s is a file", path, part);
        *p = kept;
        if (!kept) break;
    }
    free(part);
    return status;
}
