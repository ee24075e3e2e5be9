-- What the directory last said of its people.

alter table person
    -- When it last said that the person is there.
    add column directory_seen_at timestamptz,
    -- Since when it does not know the person, or no group of it gives one a role. Such a one does not sign in
    -- anywhere; a PIN is kept for a return.
    add column absent_since timestamptz;

-- That somebody was seen is no news for the sites.
drop trigger person_told on person;
create trigger person_told
    after insert or delete
    or update of display_name, role, region, site_id, pin_hash, disabled_at, revoked_at, absent_since on person
    for each statement execute function tell_downline();
