-- Menus: one draft each, the versions that were published of it, and what every site runs.

-- Used as a trigger on tables whose rows are proof of what was: nobody changes or deletes them.
create function refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception 'rows of % never change', tg_table_name using errcode = 'restrict_violation';
end
$$;

create table menu (
    menu_id    text        not null,
    -- The menu as it would be published, and what regions and sites have otherwise. Admins change
    -- both as one document under this row's lock; nothing else reads into it by SQL.
    draft      jsonb       not null,
    overrides  jsonb       not null default '{}',
    -- Counts the changes of the draft: what an editor has seen is named by it (ETag).
    revision   bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by text        not null,
    constraint menu_key primary key (menu_id),
    constraint menu_menu_id_check check (menu_id ~ '^[A-Za-z0-9._:-]{1,64}$'),
    constraint menu_revision_check check (revision > 0)
);

create table menu_version (
    menu_id      text        not null,
    -- Counts up from 1 per menu; a roll-back is a new version with an old content.
    version      bigint      not null,
    document     jsonb       not null,
    overrides    jsonb       not null,
    -- SHA-256 of both in canonical form, so that equal contents are seen as equal.
    content_hash text        not null,
    note         text        not null,
    author       text        not null,
    published_at timestamptz not null default now(),
    -- When it takes effect: at one moment everywhere, or when each site's own clocks show a time.
    at           timestamptz,
    at_local     timestamp,
    -- The version whose content it has again.
    restores     bigint,
    constraint menu_version_key primary key (menu_id, version),
    constraint menu_version_menu_fkey foreign key (menu_id) references menu (menu_id),
    constraint menu_version_version_check check (version > 0),
    constraint menu_version_at_check check ((at is null) <> (at_local is null)),
    constraint menu_version_hash_check check (content_hash ~ '^[0-9a-f]{64}$')
);

create trigger menu_version_immutable before update or delete on menu_version
    for each row execute function refuse_change();

-- The menu that a site sells by; none leaves it with what it has.
alter table site add column menu_id text;
alter table site add constraint site_menu_fkey foreign key (menu_id) references menu (menu_id);
create index site_menu_idx on site (menu_id, site_id) where menu_id is not null;

-- What each site last told of its menu, projected from its log.
create table site_menu (
    site_id         text not null,
    -- What it sells by; null until it told of one.
    menu_id         text,
    version         bigint,
    -- Null for a menu that did not come from the hub.
    hash            text,
    since           timestamptz,
    -- What it last refused to take, and why.
    refused_menu_id text,
    refused_version bigint,
    refused_reason  text,
    refused_at      timestamptz,
    constraint site_menu_key primary key (site_id)
);
