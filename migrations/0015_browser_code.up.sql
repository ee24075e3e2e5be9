-- Codes that sign one browser in at the dashboard, once, at whichever replica it comes to.
create table browser_code (
    -- SHA-256 of the code, which is kept nowhere.
    code_hash  text        not null,
    -- Whom it signs in: name, role and what binds them.
    subject    jsonb       not null,
    expires_at timestamptz not null,
    constraint browser_code_key primary key (code_hash)
);
