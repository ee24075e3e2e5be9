-- Whether somebody at a site has closed it: its last such event is found without looking at the others.
create index site_event_standing_idx on site_event (site_id, received_at desc, seq desc)
    where kind in ('site.closed', 'site.opened');
