-- library_v1.sql -- a library of layout version 1, for the test of the migrations.
-- The schema is store/schema.sql as it was in version 1, without its comments; the
-- rows were written by hand, their sha256 taken with sha256sum.
PRAGMA application_id = 0x4d49454e;
PRAGMA user_version = 1;
CREATE TABLE blob (
    sha256  TEXT PRIMARY KEY
            CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    format  TEXT NOT NULL
            CHECK (format IN ('safetensors', 'png', 'f32le')),
    size    INTEGER NOT NULL
            CHECK (size = length(data)),
    data    BLOB NOT NULL
) STRICT;
CREATE TABLE model (
    model_id    INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    hash        TEXT NOT NULL UNIQUE
                CHECK (length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*'),
    config      TEXT NOT NULL CHECK (json_valid(config)),
    created_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE prompt (
    prompt_id   INTEGER PRIMARY KEY,
    text        TEXT NOT NULL UNIQUE CHECK (text <> ''),
    created_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE prompt_embedding (
    prompt_id   INTEGER NOT NULL REFERENCES prompt ON DELETE CASCADE,
    model_id    INTEGER NOT NULL REFERENCES model,
    embedding_sha256 TEXT NOT NULL REFERENCES blob,
    PRIMARY KEY (prompt_id, model_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE basis (
    basis_id    INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE CHECK (name <> ''),
    gamma       REAL NOT NULL CHECK (gamma > 0),
    options     TEXT NOT NULL CHECK (json_valid(options)),
    created_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE basis_prompt (
    basis_id    INTEGER NOT NULL REFERENCES basis ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 1),
    prompt_id   INTEGER NOT NULL REFERENCES prompt,
    PRIMARY KEY (basis_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX basis_prompt_prompt ON basis_prompt (prompt_id);
CREATE TABLE mapper (
    mapper_id   INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE CHECK (name <> ''),
    status      TEXT NOT NULL CHECK (status IN ('training', 'complete', 'failed')),
    prompt_id   INTEGER REFERENCES prompt,
    basis_id    INTEGER REFERENCES basis,
    model_id    INTEGER NOT NULL REFERENCES model,
    seed        INTEGER NOT NULL,
    options     TEXT NOT NULL CHECK (json_valid(options)),
    engine      TEXT NOT NULL,
    notes       TEXT NOT NULL,
    weights_sha256   TEXT REFERENCES blob,
    thumbnail_sha256 TEXT REFERENCES blob,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK (status <> 'complete' OR weights_sha256 IS NOT NULL)
) STRICT;
CREATE INDEX mapper_prompt ON mapper (prompt_id);
CREATE INDEX mapper_weights ON mapper (weights_sha256);
CREATE INDEX mapper_thumbnail ON mapper (thumbnail_sha256);
CREATE TABLE mapper_tag (
    mapper_id   INTEGER NOT NULL REFERENCES mapper ON DELETE CASCADE,
    tag         TEXT NOT NULL CHECK (tag <> ''),
    PRIMARY KEY (mapper_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX mapper_tag_tag ON mapper_tag (tag);
CREATE TABLE run (
    run_id      INTEGER PRIMARY KEY,
    recipe      TEXT NOT NULL CHECK (recipe <> ''),
    options     TEXT NOT NULL CHECK (json_valid(options)),
    seed        INTEGER NOT NULL,
    engine      TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('running', 'complete', 'failed', 'interrupted')),
    message     TEXT NOT NULL,
    mapper_id   INTEGER REFERENCES mapper ON DELETE SET NULL,
    host        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX run_mapper ON run (mapper_id);
CREATE TABLE metric (
    run_id      INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key         TEXT NOT NULL CHECK (key <> ''),
    step        INTEGER NOT NULL,
    value       REAL,
    PRIMARY KEY (run_id, key, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE edit (
    edit_id     INTEGER PRIMARY KEY,
    model_id    INTEGER REFERENCES model,
    options     TEXT NOT NULL CHECK (json_valid(options)),
    engine      TEXT NOT NULL,
    identity_before REAL,
    identity_after  REAL,
    clip_score  REAL,
    picture_path   TEXT,
    picture_sha256 TEXT CHECK (length(picture_sha256) = 64),
    created_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE edit_mapper (
    edit_id     INTEGER NOT NULL REFERENCES edit ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 1),
    mapper_id   INTEGER REFERENCES mapper ON DELETE SET NULL,
    mapper_name TEXT NOT NULL,
    weights_sha256 TEXT NOT NULL,
    strength    REAL NOT NULL,
    PRIMARY KEY (edit_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX edit_mapper_mapper ON edit_mapper (mapper_id);
CREATE TABLE edit_seed (
    edit_id     INTEGER NOT NULL REFERENCES edit ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 1),
    seed        INTEGER NOT NULL,
    PRIMARY KEY (edit_id, position)
) STRICT, WITHOUT ROWID;
CREATE VIEW blob_use (sha256) AS
    SELECT weights_sha256 FROM mapper WHERE weights_sha256 IS NOT NULL
    UNION ALL SELECT thumbnail_sha256 FROM mapper WHERE thumbnail_sha256 IS NOT NULL
    UNION ALL SELECT embedding_sha256 FROM prompt_embedding;
CREATE VIRTUAL TABLE prompt_fts USING fts5 (
    text, content = 'prompt', content_rowid = 'prompt_id', tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER prompt_fts_insert AFTER INSERT ON prompt BEGIN
    INSERT INTO prompt_fts (rowid, text) VALUES (new.prompt_id, new.text);
END;
CREATE TRIGGER prompt_fts_delete AFTER DELETE ON prompt BEGIN
    INSERT INTO prompt_fts (prompt_fts, rowid, text) VALUES ('delete', old.prompt_id, old.text);
END;
CREATE VIEW mapper_text (mapper_id, name, prompt, tags, notes) AS
    SELECT m.mapper_id, m.name, coalesce(p.text, ''),
           coalesce((SELECT group_concat(tag, ' ') FROM mapper_tag t WHERE t.mapper_id = m.mapper_id), ''),
           m.notes
    FROM mapper m LEFT JOIN prompt p USING (prompt_id);
CREATE VIRTUAL TABLE mapper_fts USING fts5 (
    name, prompt, tags, notes, tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER mapper_fts_insert AFTER INSERT ON mapper BEGIN
    INSERT INTO mapper_fts (rowid, name, prompt, tags, notes)
        SELECT * FROM mapper_text WHERE mapper_id = new.mapper_id;
END;
CREATE TRIGGER mapper_fts_update AFTER UPDATE OF name, prompt_id, notes ON mapper BEGIN
    DELETE FROM mapper_fts WHERE rowid = new.mapper_id;
    INSERT INTO mapper_fts (rowid, name, prompt, tags, notes)
        SELECT * FROM mapper_text WHERE mapper_id = new.mapper_id;
END;
CREATE TRIGGER mapper_fts_delete AFTER DELETE ON mapper BEGIN
    DELETE FROM mapper_fts WHERE rowid = old.mapper_id;
END;
CREATE TRIGGER mapper_fts_tag AFTER INSERT ON mapper_tag BEGIN
    DELETE FROM mapper_fts WHERE rowid = new.mapper_id;
    INSERT INTO mapper_fts (rowid, name, prompt, tags, notes)
        SELECT * FROM mapper_text WHERE mapper_id = new.mapper_id;
END;
CREATE TRIGGER mapper_fts_untag AFTER DELETE ON mapper_tag BEGIN
    DELETE FROM mapper_fts WHERE rowid = old.mapper_id;
    INSERT INTO mapper_fts (rowid, name, prompt, tags, notes)
        SELECT * FROM mapper_text WHERE mapper_id = old.mapper_id;
END;
INSERT INTO blob VALUES ('9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c', 'safetensors', 7, CAST('weights' AS BLOB));
INSERT INTO blob VALUES ('05eeec2d70845694d3ba89ad9e1c34b6b4d806275c3c63b84241a40ae4591ca4', 'png', 5, CAST('thumb' AS BLOB));
INSERT INTO model VALUES (1, 'generator', 'old generator', '1111111111111111111111111111111111111111111111111111111111111111', '{}', 1700000000);
INSERT INTO prompt VALUES (1, 'a smiling face', 1700000000);
INSERT INTO basis VALUES (1, 'everyday', 2.5, '{}', 1700000000);
INSERT INTO basis_prompt VALUES (1, 1, 1);
INSERT INTO mapper VALUES (7, 'old_smile', 'complete', 1, 1, 1, 42, '{"steps":300}', '0.0.1', '',
    '9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c', '05eeec2d70845694d3ba89ad9e1c34b6b4d806275c3c63b84241a40ae4591ca4', 1700000001, 1700000002);
INSERT INTO mapper_tag VALUES (7, 'favourite');
INSERT INTO run VALUES (3, 'train_smile', '{}', 42, '0.0.1', 'complete', '', 7, 'elsewhere', 1, 1700000000, 1700000100);
INSERT INTO metric VALUES (3, 'loss', 1, 0.5);
INSERT INTO edit VALUES (1, 1, '{}', '0.0.1', 0.9, 0.8, 0.3, 'out.png', NULL, 1700000200);
INSERT INTO edit_mapper VALUES (1, 1, 7, 'old_smile', '9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c', 1.0);
INSERT INTO edit_seed VALUES (1, 1, 5);
