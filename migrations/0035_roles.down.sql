drop function let_in(name);
grant execute on function make_site_event_partitions(integer) to public;
alter function make_site_event_partitions(integer) reset all;
alter function make_site_event_partitions(integer) security invoker;
