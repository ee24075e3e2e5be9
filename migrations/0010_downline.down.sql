drop table command;
drop trigger menu_version_told on menu_version;
drop table site_settings;
drop table site_revision;
drop trigger site_told on site;
drop function tell_downline();
