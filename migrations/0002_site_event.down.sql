drop table parked_event;
drop function make_site_event_partitions(integer);
drop table site_event;
