/* model.c -- the networks results depend on, known by the hash of their weights. */
#include "store/db.h"

mn_status mn_store_model_put(mn_store *s, const char *kind, const char *name, const char *hash,
                             const char *config_json, int64_t *id) {
    const char *config = config_json ? config_json : "{}";
    if (mn_db_check_text("model kind", kind, 100) || mn_db_check_text("model name", name, 100) ||
        mn_db_check_hash("model hash", hash) || mn_db_check_json(s, "model config", config) || mn_db_begin(s)) return mn_errcode();
    mn_db_run(s, "INSERT INTO model (kind, name, hash, config, created_at) VALUES (?, ?, ?, ?, unixepoch()) "
                 "ON CONFLICT (hash) DO UPDATE SET kind = excluded.kind, name = excluded.name, config = excluded.config",
              "tttt", kind, name, hash, config);
    return mn_db_end(s, mn_db_model_id(s, hash, id));
}

mn_status mn_db_model_id(mn_store *s, const char *hash, int64_t *id) {
    bool found;
    int64_t model;
    if (mn_db_check_hash("model hash", hash) || mn_db_int(s, &model, &found, "SELECT model_id FROM model WHERE hash = ?", "t", hash))
        return mn_errcode();
    if (!found) return mn_fail(MN_ENOTFOUND, "library '%s' knows no model with hash %s: note it with mn_store_model_put first", s->path, hash);
    if (id) *id = model;
    return MN_OK;
}
