-- The keys that sign tokens, shared by all replicas.

create table signing_key (
    -- Names the key in tokens.
    kid        text        not null,
    -- The public half, base64url.
    public_key text        not null,
    -- The private half, sealed with a secret that is made of identity.key_file; null for the key
    -- that lies in that file itself.
    sealed     bytea,
    made_at    timestamptz not null default now(),
    -- From when on it signs: sites hear of a key before they meet its tokens.
    signs_from timestamptz not null,
    -- Since when nothing that it signed is believed.
    revoked_at timestamptz,
    constraint signing_key_key primary key (kid)
);

create trigger signing_key_told after insert or update on signing_key
    for each statement execute function tell_downline();
