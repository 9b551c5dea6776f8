-- 0002_run_state.sql -- version 1 to 2: a run keeps the state it can be resumed from.
ALTER TABLE run ADD COLUMN state_sha256 TEXT REFERENCES blob;
CREATE INDEX run_state ON run (state_sha256);
DROP VIEW blob_use;
CREATE VIEW blob_use (sha256) AS
    SELECT weights_sha256 FROM mapper WHERE weights_sha256 IS NOT NULL
    UNION ALL SELECT thumbnail_sha256 FROM mapper WHERE thumbnail_sha256 IS NOT NULL
    UNION ALL SELECT embedding_sha256 FROM prompt_embedding
    UNION ALL SELECT state_sha256 FROM run WHERE state_sha256 IS NOT NULL;
PRAGMA user_version = 2;
