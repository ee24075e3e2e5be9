drop index site_event_standing_idx;
