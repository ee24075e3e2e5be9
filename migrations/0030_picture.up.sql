-- Pictures of menu items that people upload.

-- A picture is named by its content and never changes; menus say its name.
create table picture (
    -- Of the SHA-256 of its bytes the first 32 hex digits, then .jpg or .png.
    name        text        not null,
    -- Pixels.
    width       integer     not null,
    height      integer     not null,
    -- As it is served: made anew from what was uploaded, which is not kept.
    bytes       bytea       not null,
    uploaded_by text        not null,
    uploaded_at timestamptz not null default now(),
    constraint picture_key primary key (name),
    constraint picture_name_check check (name ~ '^[0-9a-f]{32}\.(jpg|png)$'),
    constraint picture_bytes_check check (octet_length(bytes) between 1 and 262144)
);

-- It is compressed as it is.
alter table picture alter column bytes set storage external;

-- The newest are shown first.
create index picture_uploaded_idx on picture (uploaded_at desc, name desc);
