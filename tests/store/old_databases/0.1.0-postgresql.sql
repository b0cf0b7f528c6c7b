CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));

CREATE TABLE conversation (
    id TEXT NOT NULL, 
    owner TEXT NOT NULL, 
    title TEXT NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    leaf_id TEXT, 
    CONSTRAINT pk_conversation PRIMARY KEY (id)
);

CREATE INDEX ix_conversation_owner_updated_at ON conversation (owner, updated_at);

CREATE TABLE node (
    id TEXT NOT NULL, 
    conversation_id TEXT NOT NULL, 
    position INTEGER NOT NULL, 
    parent_id TEXT, 
    role TEXT NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_node PRIMARY KEY (id), 
    CONSTRAINT fk_node_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id), 
    CONSTRAINT fk_node_parent_id FOREIGN KEY(parent_id) REFERENCES node (id), 
    CONSTRAINT uq_node_conversation_id_position UNIQUE (conversation_id, position)
);

CREATE TABLE picture (
    sha256 TEXT NOT NULL, 
    media_type TEXT NOT NULL, 
    width_px INTEGER NOT NULL, 
    height_px INTEGER NOT NULL, 
    byte_count INTEGER NOT NULL, 
    thumbnail_width_px INTEGER NOT NULL, 
    thumbnail_height_px INTEGER NOT NULL, 
    CONSTRAINT pk_picture PRIMARY KEY (sha256)
);

CREATE TABLE picture_bytes (
    sha256 TEXT NOT NULL, 
    thumbnail BYTEA NOT NULL, 
    content BYTEA NOT NULL, 
    CONSTRAINT pk_picture_bytes PRIMARY KEY (sha256), 
    CONSTRAINT fk_picture_bytes_sha256 FOREIGN KEY(sha256) REFERENCES picture (sha256)
);

CREATE TABLE part (
    node_id TEXT NOT NULL, 
    position INTEGER NOT NULL, 
    text TEXT, 
    picture_sha256 TEXT, 
    detail TEXT, 
    receipt JSON, 
    CONSTRAINT pk_part PRIMARY KEY (node_id, position), 
    CONSTRAINT fk_part_node_id FOREIGN KEY(node_id) REFERENCES node (id), 
    CONSTRAINT fk_part_picture_sha256 FOREIGN KEY(picture_sha256) REFERENCES picture (sha256)
);

CREATE INDEX ix_part_picture_sha256 ON part (picture_sha256);

CREATE TABLE reply (
    node_id TEXT NOT NULL, 
    conversation_id TEXT NOT NULL, 
    submission_id TEXT NOT NULL, 
    owner_process BIGINT NOT NULL, 
    provider TEXT NOT NULL, 
    model TEXT NOT NULL, 
    ended_as TEXT, 
    ended_at TIMESTAMP WITH TIME ZONE, 
    choices JSON, 
    usage JSON, 
    timings JSON, 
    failure JSON, 
    adjustments JSON, 
    answered_model TEXT NOT NULL, 
    system_fingerprint TEXT NOT NULL, 
    picked_choice INTEGER NOT NULL, 
    CONSTRAINT pk_reply PRIMARY KEY (node_id), 
    CONSTRAINT fk_reply_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id), 
    CONSTRAINT fk_reply_node_id FOREIGN KEY(node_id) REFERENCES node (id), 
    CONSTRAINT uq_reply_submission_id UNIQUE (submission_id)
);

CREATE UNIQUE INDEX uq_reply_open ON reply (conversation_id) WHERE ended_as IS NULL;

CREATE TABLE delta (
    reply_id TEXT NOT NULL, 
    batch BIGINT NOT NULL, 
    choice_index INTEGER NOT NULL, 
    lane TEXT NOT NULL, 
    text JSON NOT NULL, 
    CONSTRAINT pk_delta PRIMARY KEY (reply_id, batch, choice_index, lane), 
    CONSTRAINT fk_delta_reply_id FOREIGN KEY(reply_id) REFERENCES reply (node_id)
);

CREATE TABLE lesson (
    provider TEXT NOT NULL, 
    model TEXT NOT NULL, 
    name TEXT NOT NULL, 
    value TEXT NOT NULL, 
    CONSTRAINT pk_lesson PRIMARY KEY (provider, model, name)
);

CREATE TABLE probe (
    id INTEGER NOT NULL, 
    written_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_probe PRIMARY KEY (id)
);

