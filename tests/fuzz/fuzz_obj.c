/* fuzz_obj.c -- libFuzzer entry for OBJ meshes: whatever is read passes the check that writers make.  `make fuzz` builds and runs it. */
#include "as_file.h"
#include "io/mesh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mn_mesh mesh = { 0 };
    mn_scope scope = mn_scope_open();
    mn_status status = mn_obj_read(as_file(data, size), &mesh);
    if ((status != MN_OK) != (mn_errcode() != MN_OK)) abort();
    if (!status && mn_mesh_check(&mesh, "fuzz")) abort();
    mn_scope_close(scope);
    mn_error_clear();
    return 0;
}
