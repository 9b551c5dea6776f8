/* test_store_transfer.c -- mappers to and from one file: nothing is lost, nothing damaged or foreign gets in. */
#include "store_common.h"
#include "engine/io/file.h"

static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 9, 8, 7};

/* A library with the complete mapper "smile", everything about it filled in. */
static mn_store *filled_store(const char *name, double gamma, mn_bytes weights) {
    mn_store *s = test_store(name);
    mn_store_basis b = {.name = "everyday", .gamma = gamma, .options = "{\"kept\":3}", .n = 2, .prompts = (const char *[]){"an \"angry\" face", "a sm\xc3\xb6l face"}};
    mn_store_mapper m = test_mapper("smile", weights);
    m.basis = "everyday";
    m.options = "{\"steps\":300,\"note\":\"\\u00e9\"}";
    m.engine = "0.0.9";
    m.notes = "line one\nline two";
    m.seed = INT64_MIN;
    m.n_tags = 2;
    m.tags = (const char *[]){"a \"b\"", "c,d"};
    m.thumbnail = (mn_bytes){png, sizeof png};
    CHECK_STATUS(MN_OK, mn_store_basis_put(s, &b, NULL));
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &m, 0, NULL));
    return s;
}

static bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static void test_round_trip(mn_store *from, const char *file) {
    mn_store *to;
    mn_store_mapper *a, *b;
    mn_store_basis *x, *y;
    int64_t id;
    CHECK_STATUS(MN_OK, mn_store_open(test_path("to.db"), MN_STORE_CREATE, &to));
    test_sql(mn_store_path(from), "UPDATE mapper SET created_at = 1234567");
    CHECK_STATUS(MN_OK, mn_store_mapper_export(from, "smile", file, MN_STORE_REPLACE));
    CHECK_STATUS(MN_OK, mn_store_mapper_import(to, file, NULL, &id));
    CHECK_STATUS(MN_OK, mn_store_mapper_load(from, "smile", &a));
    CHECK_STATUS(MN_OK, mn_store_mapper_load(to, "smile", &b));
    CHECK(same_text(a->prompt, b->prompt) && same_text(a->basis, b->basis) && same_text(a->model_hash, b->model_hash) && same_text(a->model_name, b->model_name));
    CHECK(same_text(a->options, b->options) && same_text(a->engine, b->engine) && same_text(a->notes, b->notes) && a->seed == b->seed);
    CHECK(b->n_tags == 2 && same_text(a->tags[0], b->tags[0]) && same_text(a->tags[1], b->tags[1]) && b->created_at == 1234567);
    CHECK(same_text(a->weights_sha256, b->weights_sha256));                       /* byte for byte */
    CHECK(b->thumbnail.size == sizeof png && memcmp(b->thumbnail.data, png, sizeof png) == 0);
    CHECK_STATUS(MN_OK, mn_store_mapper_check(to, b, GENERATOR));
    CHECK_STATUS(MN_OK, mn_store_basis_load(from, "everyday", &x));
    CHECK_STATUS(MN_OK, mn_store_basis_load(to, "everyday", &y));
    CHECK(x->gamma == y->gamma && x->n == y->n && same_text(x->prompts[0], y->prompts[0]) && same_text(x->prompts[1], y->prompts[1]) && same_text(x->options, y->options));
    mn_store_basis_free(x);
    mn_store_basis_free(y);
    mn_store_mapper_free(a);
    mn_store_mapper_free(b);

    CHECK_SENTENCE(MN_EARG, "a mapper of this name is in the library already", mn_store_mapper_import(to, file, NULL, NULL));
    CHECK_STATUS(MN_OK, mn_store_mapper_import(to, file, "smile again", NULL));
    CHECK(test_number(mn_store_path(to), "SELECT count(*) FROM basis") == 1);      /* the same basis is found again */
    CHECK(test_number(mn_store_path(to), "SELECT count(*) FROM blob") == 2);       /* and equal data are kept once */
    test_sound(to);
    CHECK_STATUS(MN_OK, mn_store_close(to));
}

/* A basis of the same name and other contents: both are kept.  A known generator keeps its name here. */
static void test_clash(const char *file, mn_bytes weights) {
    mn_store *s = filled_store("clash.db", 9, weights);
    mn_store_mapper *m;
    CHECK_STATUS(MN_OK, mn_store_model_put(s, "generator", "renamed here", GENERATOR, "{}", NULL));
    CHECK_STATUS(MN_OK, mn_store_mapper_import(s, file, "other", NULL));
    CHECK_STATUS(MN_OK, mn_store_mapper_load(s, "other", &m));
    CHECK(strncmp(m->basis, "everyday ", 9) == 0 && strlen(m->basis) == 17);
    CHECK(same_text(m->model_name, "renamed here"));
    mn_store_mapper_free(m);
    CHECK_STATUS(MN_OK, mn_store_mapper_import(s, file, "third", NULL));
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM basis") == 2);
    CHECK_STATUS(MN_OK, mn_store_close(s));
}

static void test_refusals(mn_store *s, const char *file) {
    mn_store_mapper training = {.name = "unfinished", .status = "training", .model_hash = GENERATOR};
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &training, 0, NULL));
    CHECK_SENTENCE(MN_EARG, "only a complete mapper can be exported: its status is 'training'", mn_store_mapper_export(s, "unfinished", file, MN_STORE_REPLACE));
    CHECK_SENTENCE(MN_EARG, "exists already", mn_store_mapper_export(s, "smile", file, 0));
    CHECK_STATUS(MN_ENOTFOUND, mn_store_mapper_export(s, "smile", test_path("no/such/folder.safetensors"), 0));
    CHECK_STATUS(MN_ENOTFOUND, mn_store_mapper_export(s, "nobody", file, MN_STORE_REPLACE));
    CHECK_STATUS(MN_ENOTFOUND, mn_store_mapper_import(s, test_path("nothing.safetensors"), "x", NULL));

    mn_scope scope = mn_scope_open();
    mn_tensor *w = mn_zeros(MN_F32, 1, (int64_t[]){4});
    const char *foreign = test_path("foreign.safetensors");
    CHECK_STATUS(MN_OK, mn_st_save(foreign, 1, (const char *[]){"w"}, &w, 0, NULL));
    CHECK_SENTENCE(MN_EFORMAT, "not an exported mapper", mn_store_mapper_import(s, foreign, "x", NULL));
    CHECK_STATUS(MN_OK, mn_st_save(foreign, 1, (const char *[]){"w"}, &w, 1, (const char *[]){"mien.library.format", "mapper 2"}));
    CHECK_SENTENCE(MN_EFORMAT, "'mapper 1' expected, found 'mapper 2'", mn_store_mapper_import(s, foreign, "x", NULL));
    CHECK_STATUS(MN_OK, mn_st_save(foreign, 1, (const char *[]){"w"}, &w, 1, (const char *[]){"mien.library.format", "mapper 1"}));
    CHECK_SENTENCE(MN_EFORMAT, "metadata 'mien.library.sha256' is missing", mn_store_mapper_import(s, foreign, "x", NULL));
    mn_scope_close(scope);
}

/* One changed byte or a cut anywhere: refused, and the library stays as it was.
 * Spaces that pad the header are the one place where a byte may change unseen. */
static void test_damage(mn_store *s, const char *file) {
    size_t size;
    char *bytes = mn_file_read(file, 1 << 20, &size);
    const char *broken = test_path("broken.safetensors");
    int64_t before = test_number(mn_store_path(s), "SELECT (SELECT count(*) FROM mapper) + (SELECT count(*) FROM blob) + (SELECT count(*) FROM prompt)");
    int refused = 0, tried = 0;
    CHECK(bytes != NULL);
    for (size_t at = 0; bytes && at < size; at += size / 97 + 1, tried++) {
        bytes[at] ^= 0x20;
        CHECK_STATUS(MN_OK, mn_file_write(broken, bytes, size));
        bytes[at] ^= 0x20;
        mn_status status = mn_store_mapper_import(s, broken, "damaged", NULL);
        refused += status == MN_EFORMAT || status == MN_EARG;
        if (status == MN_OK) fprintf(stderr, "a changed byte at %zu went unseen\n", at);
        mn_error_clear();
    }
    CHECK(tried > 50 && refused == tried);
    for (size_t cut = 0; cut < 50; cut++) {
        CHECK_STATUS(MN_OK, mn_file_write(broken, bytes, size * cut / 50));
        CHECK_STATUS(MN_EFORMAT, mn_store_mapper_import(s, broken, "damaged", NULL));
    }
    CHECK(test_number(mn_store_path(s), "SELECT (SELECT count(*) FROM mapper) + (SELECT count(*) FROM blob) + (SELECT count(*) FROM prompt)") == before);
    free(bytes);
}

int main(void) {
    test_folder_make();
    mn_bytes weights = test_weights(200, 1);
    mn_store *s = filled_store("from.db", 1.0 / 3, weights);
    char file[160];
    snprintf(file, sizeof file, "%s/smile.safetensors", test_folder);
    test_round_trip(s, file);
    test_clash(file, weights);
    test_refusals(s, file);
    test_damage(s, file);
    test_sound(s);
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK(mn_memory_stats().tensors == 0);
    free((void *)weights.data);
    test_folder_remove();
    return check_done("store_transfer");
}
