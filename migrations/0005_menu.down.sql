drop table site_menu;
alter table site drop column menu_id;
drop table menu_version;
drop table menu;
drop function refuse_change();
