/* test_store.c -- the library's operations in one process: models, prompts, bases, mappers, runs, edits, verify, gc. */
#include "store/db.h"
#include "store_common.h"

static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 1, 2, 3};
static const mn_bytes thumbnail = {png, sizeof png};

static void test_models(mn_store *s) {
    int64_t a, b;
    CHECK_STATUS(MN_OK, mn_store_model_put(s, "clip", "ViT", ENCODER, NULL, &a));
    CHECK_STATUS(MN_OK, mn_store_model_put(s, "clip", "ViT-B/32", ENCODER, "{}", &b));
    CHECK(a == b);
    CHECK_SENTENCE(MN_EARG, "model hash: expected a sha256", mn_store_model_put(s, "clip", "x", "ABC", "{}", NULL));
    CHECK_SENTENCE(MN_EARG, "model config: expected a JSON object, found '[1]'", mn_store_model_put(s, "clip", "x", ENCODER, "[1]", NULL));
    CHECK_SENTENCE(MN_EARG, "found 'nonsense'", mn_store_model_put(s, "clip", "x", ENCODER, "nonsense", NULL));
}

static void test_prompts(mn_store *s) {
    int64_t a, b;
    int n;
    float *e, one[3] = {0.5f, -1, 2}, two[2] = {3, 4}, bad[2] = {1, NAN};
    mn_store_prompt_rows *rows;
    CHECK_STATUS(MN_OK, mn_store_prompt_put(s, "a surprised face", NULL, NULL, 0, &a));
    CHECK_STATUS(MN_OK, mn_store_prompt_put(s, "a surprised face", ENCODER, one, 3, &b));
    CHECK(a == b);
    CHECK_STATUS(MN_OK, mn_store_prompt_embedding(s, "a surprised face", ENCODER, &e, &n));
    CHECK(n == 3 && memcmp(e, one, sizeof one) == 0);
    free(e);
    CHECK_STATUS(MN_OK, mn_store_prompt_put(s, "a surprised face", ENCODER, two, 2, NULL));
    CHECK_STATUS(MN_OK, mn_store_prompt_embedding(s, "a surprised face", ENCODER, &e, &n));
    CHECK(n == 2 && memcmp(e, two, sizeof two) == 0);
    free(e);
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM blob") == 1);      /* the former one went */
    CHECK_STATUS(MN_OK, mn_store_prompt_embedding(s, "a surprised face", GENERATOR, &e, &n));
    CHECK(n == 0 && e == NULL);
    CHECK_SENTENCE(MN_EARG, "number 2 of 2 is not finite", mn_store_prompt_put(s, "bad", ENCODER, bad, 2, NULL));
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM prompt WHERE text = 'bad'") == 0);   /* all or nothing */
    CHECK_SENTENCE(MN_ENOTFOUND, "knows no model", mn_store_prompt_put(s, "bad", OTHER_GENERATOR, one, 3, NULL));
    CHECK_SENTENCE(MN_EARG, "prompt: expected UTF-8, found byte 0xff at position 2", mn_store_prompt_put(s, "a\xff", NULL, NULL, 0, NULL));
    CHECK_SENTENCE(MN_EARG, "control character 0x0a at position 2", mn_store_prompt_put(s, "a\nb", NULL, NULL, 0, NULL));

    CHECK_STATUS(MN_OK, mn_store_prompt_put(s, "ein \xc3\xbc" "berraschtes Gesicht", NULL, NULL, 0, NULL));
    CHECK_STATUS(MN_OK, mn_store_prompt_search(s, "SURPR", 0, &rows));            /* any case, beginnings of words */
    CHECK(rows->n == 1 && strcmp(rows->row[0].text, "a surprised face") == 0 && rows->row[0].id == a && rows->row[0].mappers == 0);
    mn_store_prompt_rows_free(rows);
    CHECK_STATUS(MN_OK, mn_store_prompt_search(s, "uberrasch", 0, &rows));        /* accents do not matter */
    CHECK(rows->n == 1);
    mn_store_prompt_rows_free(rows);
    CHECK_STATUS(MN_OK, mn_store_prompt_search(s, "face surprised", 0, &rows));   /* any order */
    CHECK(rows->n == 1);
    mn_store_prompt_rows_free(rows);
    CHECK_STATUS(MN_OK, mn_store_prompt_search(s, NULL, 1, &rows));
    CHECK(rows->n == 1);
    mn_store_prompt_rows_free(rows);
    /* What is syntax to FTS5 is only text here. */
    const char *hostile[] = {"\"", "\" OR \"", "NOT", "a AND", "text:face", "^face", "(", "*", "-", "face*)", "NEAR(a b", "' OR 1=1 --", "{a}", "+"};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        CHECK_STATUS(MN_OK, mn_store_prompt_search(s, hostile[i], 0, &rows));
        mn_store_prompt_rows_free(rows);
    }
    char many[1001];
    for (int i = 0; i < 1000; i++) many[i] = i % 2 ? ' ' : 'a';
    many[1000] = 0;
    CHECK_STATUS(MN_OK, mn_store_prompt_search(s, many, 0, &rows));
    mn_store_prompt_rows_free(rows);
}

static void test_bases(mn_store *s) {
    const char *prompts[] = {"a smiling face", "an angry face"}, *swapped[] = {"an angry face", "a smiling face"};
    mn_store_basis b = {.name = "everyday", .gamma = 2.5, .n = 2, .prompts = prompts}, *back;
    int64_t id, again;
    CHECK_STATUS(MN_OK, mn_store_basis_put(s, &b, &id));
    CHECK_STATUS(MN_OK, mn_store_basis_put(s, &b, &again));
    CHECK(id == again);
    CHECK_STATUS(MN_OK, mn_store_basis_load(s, "everyday", &back));
    CHECK(back->gamma == 2.5 && back->n == 2 && strcmp(back->prompts[0], prompts[0]) == 0 && strcmp(back->prompts[1], prompts[1]) == 0);
    mn_store_basis_free(back);
    b.prompts = swapped;
    CHECK_SENTENCE(MN_EARG, "exists with prompt 1 'a smiling face', not 'an angry face'", mn_store_basis_put(s, &b, NULL));
    b.gamma = 3;
    CHECK_SENTENCE(MN_EARG, "exists with gamma 2.5, not 3", mn_store_basis_put(s, &b, NULL));
    b.gamma = 0;
    CHECK_SENTENCE(MN_EARG, "gamma must be greater than 0", mn_store_basis_put(s, &b, NULL));
    CHECK_SENTENCE(MN_ENOTFOUND, "has no basis 'nothing'", mn_store_basis_load(s, "nothing", &back));
    mn_store_basis bad = {.name = "bad", .gamma = 1, .n = 2, .prompts = (const char *[]){"fine", ""}};
    CHECK_SENTENCE(MN_EARG, "basis 'bad', prompt 2", mn_store_basis_put(s, &bad, NULL));
    CHECK_STATUS(MN_ENOTFOUND, mn_store_basis_load(s, "bad", &back));             /* rolled back */
}

static void test_mappers(mn_store *s) {
    mn_bytes weights = test_weights(100, 1), other = test_weights(100, 2);
    int64_t id, same;
    mn_store_mapper m = test_mapper("open_smile-2", weights), *back;
    m.basis = "everyday";
    m.options = "{\"steps\":300}";
    m.notes = "for the poster";
    m.thumbnail = thumbnail;
    m.n_tags = 2;
    m.tags = (const char *[]){"warm", "favourite"};
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &m, 0, &id));
    CHECK_STATUS(MN_OK, mn_store_mapper_load(s, "open_smile-2", &back));
    CHECK(back->id == id && back->seed == 7 && strcmp(back->status, "complete") == 0 && strcmp(back->prompt, m.prompt) == 0);
    CHECK(strcmp(back->basis, "everyday") == 0 && strcmp(back->options, m.options) == 0 && strcmp(back->engine, MN_VERSION) == 0);
    CHECK(strcmp(back->model_hash, GENERATOR) == 0 && strcmp(back->model_name, "small") == 0 && strcmp(back->notes, m.notes) == 0);
    CHECK(back->n_tags == 2 && strcmp(back->tags[0], "favourite") == 0 && strcmp(back->tags[1], "warm") == 0);
    CHECK(back->weights.size == weights.size && memcmp(back->weights.data, weights.data, weights.size) == 0);
    CHECK(back->thumbnail.size == sizeof png && memcmp(back->thumbnail.data, png, sizeof png) == 0);
    CHECK(back->created_at > 1700000000 && back->edits == 0);
    CHECK_STATUS(MN_OK, mn_store_mapper_check(s, back, GENERATOR));
    CHECK_SENTENCE(MN_EARG, "was trained on generator 'small' (hash 111111111111) and does not fit the one in use (unknown to this library, hash 222222222222)",
                   mn_store_mapper_check(s, back, OTHER_GENERATOR));
    CHECK_STATUS(MN_OK, mn_store_model_put(s, "generator", "large", OTHER_GENERATOR, NULL, NULL));
    CHECK_SENTENCE(MN_EARG, "('large', hash", mn_store_mapper_check(s, back, OTHER_GENERATOR));
    /* The numbers are usable in place. */
    mn_st *st = mn_store_image_open(back->weights);
    mn_scope scope = mn_scope_open();
    CHECK(st && mn_item(mn_st_get(st, "w"), 99) == 100);
    mn_scope_close(scope);
    mn_st_close(st);
    mn_store_mapper_free(back);

    CHECK_SENTENCE(MN_EARG, "saving mapper 'open_smile-2': a mapper of this name is in the library already", mn_store_mapper_save(s, &m, 0, NULL));
    mn_store_mapper again = test_mapper("open_smile-2", other);
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &again, MN_STORE_REPLACE, &same));
    CHECK(same == id);
    CHECK_STATUS(MN_OK, mn_store_mapper_load(s, "open_smile-2", &back));
    CHECK(memcmp(back->weights.data, other.data, other.size) == 0 && back->n_tags == 2 && back->thumbnail.size == sizeof png && !back->basis);
    mn_store_mapper_free(back);
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM blob WHERE format = 'safetensors'") == 1);

    char key[32];
    snprintf(key, sizeof key, "#%lld", (long long)id);
    CHECK_STATUS(MN_OK, mn_store_mapper_load(s, key, &back));
    mn_store_mapper_free(back);
    CHECK_SENTENCE(MN_ENOTFOUND, "has no mapper '#999'", mn_store_mapper_load(s, "#999", &back));
    CHECK_SENTENCE(MN_EARG, "expected digits after '#'", mn_store_mapper_load(s, "#9x", &back));
    CHECK_SENTENCE(MN_ENOTFOUND, "has no mapper 'x'; DROP TABLE mapper; --'", mn_store_mapper_load(s, "x'; DROP TABLE mapper; --", &back));

    /* Refused, and nothing is left behind. */
    int64_t prompts = test_number(mn_store_path(s), "SELECT count(*) FROM prompt");
    mn_store_mapper bad = test_mapper("bad", weights);
    bad.prompt = "seen nowhere else";
    bad.basis = "nothing";
    CHECK_SENTENCE(MN_ENOTFOUND, "has no basis 'nothing'", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.basis = NULL;
    bad.model_hash = ENCODER "0";
    CHECK_SENTENCE(MN_EARG, "model hash", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.model_hash = GENERATOR;
    bad.status = "done";
    CHECK_SENTENCE(MN_EARG, "status: expected 'training', 'complete' or 'failed', found 'done'", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.status = "complete";
    bad.weights = (mn_bytes){"not a safetensors file", 22};
    CHECK_SENTENCE(MN_EFORMAT, "saving mapper 'bad': weights: ", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.weights = (mn_bytes){NULL, 0};
    CHECK_SENTENCE(MN_EARG, "a complete mapper has some", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.weights = weights;
    bad.thumbnail = (mn_bytes){"GIF89a..", 8};
    CHECK_SENTENCE(MN_EARG, "thumbnail: expected the bytes of a PNG file", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.thumbnail = (mn_bytes){NULL, 0};
    bad.options = "{";
    CHECK_SENTENCE(MN_EARG, "options: expected a JSON object", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.options = NULL;
    bad.name = "#bad";
    CHECK_SENTENCE(MN_EARG, "starts with '#'", mn_store_mapper_save(s, &bad, 0, NULL));
    bad.name = "";
    CHECK_SENTENCE(MN_EARG, "mapper name: expected a text, found none", mn_store_mapper_save(s, &bad, 0, NULL));
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM prompt") == prompts);
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM mapper") == 1);

    /* A mapper in training has no weights at first. */
    mn_store_mapper training = {.name = "frown", .status = "training", .prompt = "a frowning face", .model_hash = OTHER_GENERATOR, .seed = -3};
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &training, 0, NULL));
    CHECK_STATUS(MN_OK, mn_store_mapper_load(s, "frown", &back));
    CHECK(back->weights.size == 0 && !back->weights_sha256 && back->seed == -3);
    CHECK_SENTENCE(MN_ENOTFOUND, "mapper 'frown' has no weights (status 'training')", mn_store_mapper_check(s, back, OTHER_GENERATOR));
    mn_store_mapper_free(back);
    free((void *)weights.data);
    free((void *)other.data);
}

static int list_count(mn_store *s, mn_store_filter f, const char *first) {
    mn_store_mapper_rows *rows;
    mn_status status = mn_store_mapper_list(s, &f, &rows);
    CHECK(status == MN_OK);
    if (status != MN_OK) return -1;
    int n = rows->n;
    CHECK(!first || (n > 0 && strcmp(rows->row[0].name, first) == 0));
    for (int i = 0; i < n; i++) CHECK(rows->row[i].weights.data == NULL && rows->row[i].thumbnail.data == NULL);
    mn_store_mapper_rows_free(rows);
    return n;
}

static void test_lists(mn_store *s) {
    CHECK(list_count(s, (mn_store_filter){0}, "frown") == 2);                     /* by name */
    CHECK(list_count(s, (mn_store_filter){.limit = 1}, "frown") == 1);
    CHECK(list_count(s, (mn_store_filter){.tag = "warm"}, "open_smile-2") == 1);
    CHECK(list_count(s, (mn_store_filter){.tag = "war"}, NULL) == 0);
    CHECK(list_count(s, (mn_store_filter){.status = "training"}, "frown") == 1);
    CHECK(list_count(s, (mn_store_filter){.model_hash = GENERATOR}, "open_smile-2") == 1);
    CHECK(list_count(s, (mn_store_filter){.words = "smile"}, "open_smile-2") == 1);   /* a part of the name */
    CHECK(list_count(s, (mn_store_filter){.words = "frowning"}, "frown") == 1);       /* the prompt */
    CHECK(list_count(s, (mn_store_filter){.words = "favour"}, "open_smile-2") == 1);  /* a tag */
    CHECK(list_count(s, (mn_store_filter){.words = "face"}, NULL) == 2);
    CHECK(list_count(s, (mn_store_filter){.words = "face", .status = "complete"}, "open_smile-2") == 1);
    CHECK(list_count(s, (mn_store_filter){.words = "poster"}, NULL) == 0);            /* notes were replaced */
    CHECK(list_count(s, (mn_store_filter){.words = "\" OR ("}, NULL) == 0);

    CHECK_STATUS(MN_OK, mn_store_mapper_rename(s, "frown", "deep scowl"));
    CHECK(list_count(s, (mn_store_filter){.words = "scowl"}, "deep scowl") == 1);
    CHECK_STATUS(MN_ENOTFOUND, mn_store_mapper_rename(s, "frown", "x"));
    CHECK_SENTENCE(MN_EARG, "the name 'open_smile-2' is taken by mapper #", mn_store_mapper_rename(s, "deep scowl", "open_smile-2"));
    CHECK_STATUS(MN_OK, mn_store_mapper_rename(s, "deep scowl", "deep scowl"));
    CHECK_STATUS(MN_OK, mn_store_mapper_rename(s, "deep scowl", "frown"));
    CHECK_STATUS(MN_OK, mn_store_mapper_tag(s, "frown", "grim"));
    CHECK_STATUS(MN_OK, mn_store_mapper_tag(s, "frown", "grim"));
    CHECK(list_count(s, (mn_store_filter){.words = "grim"}, "frown") == 1);
    CHECK_STATUS(MN_OK, mn_store_mapper_untag(s, "frown", "grim"));
    CHECK(list_count(s, (mn_store_filter){.words = "grim"}, NULL) == 0);
    CHECK_SENTENCE(MN_ENOTFOUND, "mapper 'frown' has no tag 'grim'", mn_store_mapper_untag(s, "frown", "grim"));
}

static void test_runs(mn_store *s) {
    mn_store_run *run;
    mn_store_run_rows *rows;
    mn_store_metric_rows *metrics;
    mn_bytes state = test_weights(10, 5);
    void *resumed;
    size_t size;
    CHECK_SENTENCE(MN_EARG, "recipe", mn_store_run_begin(s, "", NULL, 0, &run));
    CHECK_STATUS(MN_OK, mn_store_run_begin(s, "train_smile", "{\"lr\":0.001}", 11, &run));
    int64_t id = mn_store_run_id(run);
    for (int step = 1; step <= 100; step++) {
        CHECK_STATUS(MN_OK, mn_store_run_log(run, step, "loss", 1.0 / step));
        CHECK_STATUS(MN_OK, mn_store_run_log(run, step, "clip", step == 50 ? NAN : step == 51 ? INFINITY : 0.25));
    }
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM metric") == 192);   /* three batches of 64 */
    CHECK_SENTENCE(MN_EARG, "metric: expected at most 63 bytes", mn_store_run_log(run, 1, GENERATOR, 0));
    CHECK_STATUS(MN_OK, mn_store_run_set_state(run, state));
    CHECK_STATUS(MN_EFORMAT, mn_store_run_set_state(run, (mn_bytes){"nonsense", 8}));
    CHECK_STATUS(MN_OK, mn_store_run_set_mapper(run, "open_smile-2"));
    CHECK_STATUS(MN_ENOTFOUND, mn_store_run_set_mapper(run, "nobody"));
    CHECK_STATUS(MN_OK, mn_store_run_finish(run, "interrupted", "Ctrl-C"));
    CHECK_STATUS(MN_OK, mn_store_run_metrics(s, id, "loss", &metrics));
    CHECK(metrics->n == 100 && metrics->row[99].step == 100);
    CHECK_NEAR(metrics->row[99].value, 0.01, 0);
    mn_store_metric_rows_free(metrics);
    CHECK_STATUS(MN_OK, mn_store_run_metrics(s, id, NULL, &metrics));
    CHECK(metrics->n == 200 && strcmp(metrics->row[0].key, "clip") == 0 && isnan(metrics->row[49].value) && isinf(metrics->row[50].value));
    mn_store_metric_rows_free(metrics);
    CHECK_STATUS(MN_ENOTFOUND, mn_store_run_metrics(s, 999, NULL, &metrics));

    CHECK_STATUS(MN_OK, mn_store_run_resume(s, id, &run, &resumed, &size));
    CHECK(size == state.size && memcmp(resumed, state.data, size) == 0);
    free(resumed);
    CHECK_STATUS(MN_OK, mn_store_run_log(run, 100, "loss", 2));                   /* the later value stands */
    CHECK_SENTENCE(MN_EBUSY, "is running: process", mn_store_run_resume(s, id, &(mn_store_run *){0}, &resumed, &size));
    CHECK_STATUS(MN_OK, mn_store_run_finish(run, "complete", NULL));
    CHECK_SENTENCE(MN_EARG, "is complete", mn_store_run_resume(s, id, &run, &resumed, &size));
    CHECK_STATUS(MN_OK, mn_store_run_metrics(s, id, "loss", &metrics));
    CHECK(metrics->n == 100 && metrics->row[99].value == 2);
    mn_store_metric_rows_free(metrics);
    CHECK_STATUS(MN_OK, mn_store_run_list(s, "open_smile-2", 0, &rows));
    CHECK(rows->n == 1 && rows->row[0].id == id && rows->row[0].metrics == 200 && !rows->row[0].has_state && rows->row[0].finished_at > 0);
    CHECK(strcmp(rows->row[0].status, "complete") == 0 && strcmp(rows->row[0].mapper, "open_smile-2") == 0 && rows->row[0].seed == 11);
    mn_store_run_rows_free(rows);

    CHECK_STATUS(MN_OK, mn_store_run_begin(s, "other", NULL, 0, &run));
    CHECK_STATUS(MN_EARG, mn_store_run_finish(run, "fine", NULL));                /* frees the run all the same */
    CHECK_STATUS(MN_OK, mn_store_run_list(s, NULL, 1, &rows));
    CHECK(rows->n == 1 && strcmp(rows->row[0].status, "running") == 0 && !rows->row[0].mapper && rows->row[0].finished_at == 0);
    mn_store_run_rows_free(rows);
    free((void *)state.data);
}

static void test_edits(mn_store *s) {
    mn_store_edit_mapper used[] = {{"open_smile-2", NULL, 0.75}};
    int64_t seeds[] = {3, 4}, id;
    mn_store_edit e = {.model_hash = GENERATOR, .identity_before = 0.9, .identity_after = 0.8, .clip_score = NAN,
                       .picture_path = "smile.png", .picture_sha256 = ENCODER, .n_mappers = 1, .mappers = used, .n_seeds = 2, .seeds = seeds};
    mn_store_edit_rows *rows;
    mn_store_mapper_rows *mappers;
    CHECK_STATUS(MN_OK, mn_store_edit_record(s, &e, &id));
    CHECK_STATUS(MN_OK, mn_store_edit_list(s, "open_smile-2", 0, &rows));
    CHECK(rows->n == 1 && rows->row[0].id == id && rows->row[0].identity_after == 0.8 && isnan(rows->row[0].clip_score));
    CHECK(rows->row[0].n_mappers == 1 && strcmp(rows->row[0].mappers[0].mapper, "open_smile-2") == 0 && rows->row[0].mappers[0].strength == 0.75);
    CHECK(rows->row[0].n_seeds == 2 && rows->row[0].seeds[1] == 4 && strcmp(rows->row[0].picture_path, "smile.png") == 0);
    mn_store_edit_rows_free(rows);
    CHECK_STATUS(MN_OK, mn_store_mapper_list(s, &(mn_store_filter){.words = "smile"}, &mappers));
    CHECK(mappers->row[0].edits == 1);
    mn_store_mapper_rows_free(mappers);

    used[0].mapper = "frown";
    CHECK_SENTENCE(MN_EARG, "mapper 'frown' has no weights", mn_store_edit_record(s, &e, NULL));
    used[0] = (mn_store_edit_mapper){"open_smile-2", NULL, NAN};
    CHECK_SENTENCE(MN_EARG, "strength of mapper 1: expected a finite number", mn_store_edit_record(s, &e, NULL));
    used[0].strength = 1;
    e.identity_after = INFINITY;
    CHECK_SENTENCE(MN_EARG, "identity after: expected a finite number", mn_store_edit_record(s, &e, NULL));
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM edit") == 1);

    /* A mapper that edits refer to goes only by force, and the record keeps its name. */
    CHECK_SENTENCE(MN_EARG, "was used in 1 recorded edit,", mn_store_mapper_delete(s, "open_smile-2", 0));
    CHECK_STATUS(MN_OK, mn_store_mapper_delete(s, "open_smile-2", MN_STORE_FORCE));
    CHECK_STATUS(MN_OK, mn_store_mapper_delete(s, "frown", 0));
    CHECK_STATUS(MN_ENOTFOUND, mn_store_mapper_delete(s, "frown", 0));
    CHECK_STATUS(MN_OK, mn_store_edit_list(s, NULL, 0, &rows));
    CHECK(rows->n == 1 && strcmp(rows->row[0].mappers[0].mapper, "open_smile-2") == 0 && strlen(rows->row[0].mappers[0].weights_sha256) == 64);
    mn_store_edit_rows_free(rows);
    CHECK(test_number(mn_store_path(s), "SELECT count(*) FROM blob WHERE format = 'png'") == 0);
}

static void test_gc(mn_store *s) {
    mn_store_gc_result r;
    const char *path = mn_store_path(s);
    test_sound(s);
    test_sql(path, "INSERT INTO blob VALUES ('" GENERATOR "', 'png', 100000, zeroblob(100000));"
                   "UPDATE run SET pid = 2147483646 WHERE status = 'running'");    /* above any process number */
    int problems;
    CHECK_STATUS(MN_OK, mn_store_verify(s, NULL, NULL, &problems));
    CHECK(problems == 1);                                                          /* its digest is not that */
    CHECK_STATUS(MN_OK, mn_store_gc(s, &r));
    CHECK(r.blobs == 1 + 1 && r.runs == 1 && r.bytes_after <= r.bytes_before - 90000);   /* and the embedding of the removed prompt */
    CHECK(r.prompts == 3 && test_number(path, "SELECT count(*) FROM prompt") == 2);   /* the basis keeps its two */
    CHECK(test_number(path, "SELECT count(*) FROM run WHERE status = 'failed'") == 1);
    test_sound(s);
    mn_interrupt();
    CHECK_STATUS(MN_EINTR, mn_store_verify(s, NULL, NULL, &problems));
    mn_interrupt_clear();
}

/* A pending error is never overtaken: calls do nothing and return it. */
static void test_pending(mn_store *s) {
    mn_fail(MN_EDEVICE, "something else");
    CHECK(mn_store_mapper_tag(s, "x", "y") == MN_EDEVICE);
    CHECK(strcmp(mn_errmsg(), "something else") == 0);
    mn_error_clear();
}

static void test_closed(void) {
    mn_store *s = test_store("closed.db");
    mn_store_run *run;
    CHECK_STATUS(MN_OK, mn_store_run_begin(s, "train", NULL, 0, &run));
    CHECK_STATUS(MN_OK, mn_store_run_log(run, 1, "loss", 1));
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK(test_number(test_path("closed.db"), "SELECT count(*) FROM metric") == 1);   /* closing writes what waits */
    CHECK_SENTENCE(MN_EARG, "its library is closed", mn_store_run_log(run, 2, "loss", 1));
    CHECK_STATUS(MN_EARG, mn_store_run_finish(run, "complete", NULL));
    CHECK_STATUS(MN_OK, mn_store_close(NULL));
}

/* Closing says what it could not write, and writes the other runs' values all the same. */
static void test_closed_in_vain(void) {
    const char *path = test_path("vain.db");
    for (int busy = 0; busy < 2; busy++) {
        mn_store *s = test_store("vain.db"), *other = test_store("vain.db");
        mn_store_run *run[2];
        for (int i = 0; i < 2; i++) {
            CHECK_STATUS(MN_OK, mn_store_run_begin(s, "train", NULL, 0, &run[i]));
            CHECK_STATUS(MN_OK, mn_store_run_log(run[i], 1, i ? "odd" : "loss", 1));
        }
        mn_store_timeout(s, 0);
        if (busy) CHECK_STATUS(MN_OK, mn_db_begin(other));
        else test_sql(path, "CREATE TRIGGER no BEFORE INSERT ON metric WHEN new.key = 'odd' BEGIN SELECT raise(ABORT, 'no odd ones'); END");
        CHECK_SENTENCE(busy ? MN_EBUSY : MN_EARG, busy ? "run #4: 1 value lost: " : "run #2: 1 value lost: ", mn_store_close(s));
        if (busy) CHECK_STATUS(MN_OK, mn_db_end(other, MN_OK));
        CHECK_STATUS(MN_OK, mn_store_close(other));
        for (int i = 0; i < 2; i++) CHECK_STATUS(MN_EARG, mn_store_run_finish(run[i], "complete", NULL));
        CHECK(test_number(path, "SELECT count(*) FROM metric WHERE run_id = 1") == 1);
        CHECK(test_number(path, "SELECT count(*) FROM metric") == 1);
    }
}

int main(void) {
    test_folder_make();
    mn_store *s = test_store("library.db");
    test_models(s);
    test_prompts(s);
    test_bases(s);
    test_mappers(s);
    test_lists(s);
    test_runs(s);
    test_edits(s);
    test_gc(s);
    test_pending(s);
    CHECK_STATUS(MN_OK, mn_store_close(s));                /* no statement was left open */
    test_closed();
    test_closed_in_vain();
    CHECK(mn_memory_stats().tensors == 0);
    test_folder_remove();
    return check_done("store");
}
