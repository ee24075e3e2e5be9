drop table site_cursor;
drop table site;
