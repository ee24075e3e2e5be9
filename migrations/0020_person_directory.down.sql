drop trigger person_told on person;
create trigger person_told after insert or update or delete on person
    for each statement execute function tell_downline();

alter table person
    drop column absent_since,
    drop column directory_seen_at;
