/* test_file.c -- whole files and folders: limits, refusals, and that nothing half-written stays behind. */
#include <sys/stat.h>
#include "check.h"
#include "scratch.h"
#include "io/file.h"

static char path[256];

static void read_and_write(void) {
    size_t size;
    CHECK_STATUS(MN_OK, mn_file_write(path, "a\0b", 3));
    char *bytes = mn_file_read(path, 3, &size);
    CHECK(bytes && size == 3 && memcmp(bytes, "a\0b", 4) == 0);
    free(bytes);
    CHECK(!mn_file_read(path, 2, &size) && strstr(mn_errmsg(), "3 bytes, at most 2"));
    CHECK_STATUS(MN_EFORMAT, mn_errcode());
    CHECK(!mn_file_read(P_tmpdir, 100, &size));
    CHECK_STATUS(MN_EIO, mn_errcode());
    unlink(path);
    CHECK(!mn_file_read(path, 100, &size));
    CHECK_STATUS(MN_ENOTFOUND, mn_errcode());
}

static void abandoned(void) {
    mn_outfile out;
    CHECK_STATUS(MN_OK, mn_file_write(path, "old", 3));
    CHECK_STATUS(MN_OK, mn_outfile_open(&out, path));
    char partial[300];
    snprintf(partial, sizeof partial, "%s", out.partial);
    fputs("new", out.f);
    CHECK(access(partial, F_OK) == 0);
    mn_fail(MN_EARG, "changed my mind");
    CHECK_STATUS(MN_EARG, mn_outfile_close(&out, false));
    size_t size;
    char *bytes = mn_file_read(path, 100, &size);
    CHECK(access(partial, F_OK) != 0 && bytes && strcmp(bytes, "old") == 0);
    free(bytes);
    unlink(path);
}

static void folders(void) {
    char deep[300], part[300];
    struct stat info;
    snprintf(deep, sizeof deep, "%s.d/one//two/", path);
    CHECK_STATUS(MN_OK, mn_dir_make(deep));
    CHECK_STATUS(MN_OK, mn_dir_make(deep));
    CHECK(stat(deep, &info) == 0 && S_ISDIR(info.st_mode));
    CHECK_STATUS(MN_OK, mn_dir_make("."));
    CHECK_STATUS(MN_OK, mn_dir_make("/"));
    snprintf(part, sizeof part, "%s.d/one/file", path);
    CHECK_STATUS(MN_OK, mn_file_write(part, "", 0));
    strcat(part, "/below");
    CHECK_STATUS(MN_EIO, mn_dir_make(part));
    *strrchr(part, '/') = 0;
    CHECK_STATUS(MN_EIO, mn_dir_make(part));
    unlink(part);
    rmdir(deep);
    *strrchr(part, '/') = 0;
    rmdir(part);
    *strrchr(part, '/') = 0;
    CHECK(rmdir(part) == 0);
}

int main(void) {
    scratch_name(path, ".txt");
    read_and_write();
    abandoned();
    folders();
    return check_done("file");
}
