-- schema.sql -- the library's newest layout; a new library is made by running this file.
--
-- An older library is brought here by migrate/NNNN_*.sql, one file per version.
-- tests/c/test_store.c checks that both ways lead to the same tables.  To change
-- the layout: edit this file, raise user_version, add the migration that makes
-- the same change, and list it in sql.c.
--
-- Conventions: singular table names, <table>_id keys, *_at in UTC seconds since
-- 1970, JSON in columns that end in "options" or "config", hashes as 64
-- lower-case hexadecimal digits.  Large data lives in `blob`, addressed by its
-- sha256, so that listings never read it and equal data is kept once.
-- Rebuildable: the *_fts tables.  Everything else is the user's work.

PRAGMA application_id = 0x4d49454e;   -- "MIEN"
PRAGMA user_version = 2;

CREATE TABLE blob (
    sha256  TEXT PRIMARY KEY          -- digest of data, checked whenever data is read
            CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    format  TEXT NOT NULL             -- what the bytes are; f32le: little-endian floats
            CHECK (format IN ('safetensors', 'png', 'f32le')),
    size    INTEGER NOT NULL          -- bytes, so that listings need not touch data
            CHECK (size = length(data)),
    data    BLOB NOT NULL
) STRICT;

-- Networks that results depend on: generators, text and picture encoders...
CREATE TABLE model (
    model_id    INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,        -- 'generator', 'clip', 'arcface'...
    name        TEXT NOT NULL,        -- what people call it
    hash        TEXT NOT NULL UNIQUE  -- sha256 of the weights file
                CHECK (length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*'),
    config      TEXT NOT NULL CHECK (json_valid(config)),
    created_at  INTEGER NOT NULL      -- first seen
) STRICT;

CREATE TABLE prompt (
    prompt_id   INTEGER PRIMARY KEY,
    text        TEXT NOT NULL UNIQUE CHECK (text <> ''),
    created_at  INTEGER NOT NULL
) STRICT;

-- A prompt has one embedding per text encoder.
CREATE TABLE prompt_embedding (
    prompt_id   INTEGER NOT NULL REFERENCES prompt ON DELETE CASCADE,
    model_id    INTEGER NOT NULL REFERENCES model,   -- the encoder
    embedding_sha256 TEXT NOT NULL REFERENCES blob,  -- f32le
    PRIMARY KEY (prompt_id, model_id)
) STRICT, WITHOUT ROWID;

-- An expression subspace: the prompts that span it and how strongly to project.
-- Fixed once stored, because mappers trained with it refer to it.
CREATE TABLE basis (
    basis_id    INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE CHECK (name <> ''),
    gamma       REAL NOT NULL CHECK (gamma > 0),     -- augmentation power
    options     TEXT NOT NULL CHECK (json_valid(options)),
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE basis_prompt (
    basis_id    INTEGER NOT NULL REFERENCES basis ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 1),  -- order of the basis vectors
    prompt_id   INTEGER NOT NULL REFERENCES prompt,
    PRIMARY KEY (basis_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX basis_prompt_prompt ON basis_prompt (prompt_id);

-- A trained expression edit.
CREATE TABLE mapper (
    mapper_id   INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE CHECK (name <> ''),
    status      TEXT NOT NULL CHECK (status IN ('training', 'complete', 'failed')),
    prompt_id   INTEGER REFERENCES prompt,           -- the text it was trained for
    basis_id    INTEGER REFERENCES basis,            -- NULL: trained without projection
    model_id    INTEGER NOT NULL REFERENCES model,   -- the generator it was trained on
    seed        INTEGER NOT NULL,
    options     TEXT NOT NULL CHECK (json_valid(options)),  -- every training option
    engine      TEXT NOT NULL,                       -- engine version that trained it
    notes       TEXT NOT NULL,
    weights_sha256   TEXT REFERENCES blob,           -- safetensors image; NULL before the first save
    thumbnail_sha256 TEXT REFERENCES blob,           -- png
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,                    -- last save, rename or change of tags
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

-- One execution of a recipe.
CREATE TABLE run (
    run_id      INTEGER PRIMARY KEY,
    recipe      TEXT NOT NULL CHECK (recipe <> ''),
    options     TEXT NOT NULL CHECK (json_valid(options)),
    seed        INTEGER NOT NULL,
    engine      TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('running', 'complete', 'failed', 'interrupted')),
    message     TEXT NOT NULL,                       -- why it failed
    mapper_id   INTEGER REFERENCES mapper ON DELETE SET NULL,  -- what it trained
    host        TEXT NOT NULL,                       -- where its process lives: gc closes
    pid         INTEGER NOT NULL,                    -- runs whose process is gone
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,                             -- NULL while running
    state_sha256 TEXT REFERENCES blob                -- safetensors image to resume from (version 2)
) STRICT;
CREATE INDEX run_mapper ON run (mapper_id);
CREATE INDEX run_state ON run (state_sha256);

CREATE TABLE metric (
    run_id      INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key         TEXT NOT NULL CHECK (key <> ''),     -- 'loss', 'clip', 'identity'...
    step        INTEGER NOT NULL,
    value       REAL,                                -- NULL stands for NaN, which SQLite cannot hold
    PRIMARY KEY (run_id, key, step)
) STRICT, WITHOUT ROWID;

-- One picture made with mappers.
CREATE TABLE edit (
    edit_id     INTEGER PRIMARY KEY,
    model_id    INTEGER REFERENCES model,            -- the generator
    options     TEXT NOT NULL CHECK (json_valid(options)),
    engine      TEXT NOT NULL,
    identity_before REAL,                            -- cosine to the avatar's identity, unedited
    identity_after  REAL,                            -- and edited; NULL: not measured
    clip_score  REAL,                                -- cosine of picture and prompt
    picture_path   TEXT,                             -- as the user named it; the file is theirs
    picture_sha256 TEXT CHECK (length(picture_sha256) = 64),  -- of that file when it was written
    created_at  INTEGER NOT NULL
) STRICT;

-- Name and hash are copied so that the record outlives the mapper.
CREATE TABLE edit_mapper (
    edit_id     INTEGER NOT NULL REFERENCES edit ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 1),
    mapper_id   INTEGER REFERENCES mapper ON DELETE SET NULL,
    mapper_name TEXT NOT NULL,
    weights_sha256 TEXT NOT NULL,                    -- the weights that were used
    strength    REAL NOT NULL,
    PRIMARY KEY (edit_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX edit_mapper_mapper ON edit_mapper (mapper_id);

CREATE TABLE edit_seed (
    edit_id     INTEGER NOT NULL REFERENCES edit ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 1),
    seed        INTEGER NOT NULL,                    -- avatar
    PRIMARY KEY (edit_id, position)
) STRICT, WITHOUT ROWID;

-- Every reference to a blob; a blob that is not listed here may go.
CREATE VIEW blob_use (sha256) AS
    SELECT weights_sha256 FROM mapper WHERE weights_sha256 IS NOT NULL
    UNION ALL SELECT thumbnail_sha256 FROM mapper WHERE thumbnail_sha256 IS NOT NULL
    UNION ALL SELECT embedding_sha256 FROM prompt_embedding
    UNION ALL SELECT state_sha256 FROM run WHERE state_sha256 IS NOT NULL;

-- Full-text search.  The tokenizer splits at '_' and '-' too and ignores
-- accents, so "smile" finds the mapper open_smile-2.

CREATE VIRTUAL TABLE prompt_fts USING fts5 (
    text, content = 'prompt', content_rowid = 'prompt_id', tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER prompt_fts_insert AFTER INSERT ON prompt BEGIN
    INSERT INTO prompt_fts (rowid, text) VALUES (new.prompt_id, new.text);
END;
CREATE TRIGGER prompt_fts_delete AFTER DELETE ON prompt BEGIN
    INSERT INTO prompt_fts (prompt_fts, rowid, text) VALUES ('delete', old.prompt_id, old.text);
END;

-- What a mapper can be found by; the triggers copy it into mapper_fts.
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
