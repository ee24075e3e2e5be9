drop table site_instance;
drop table enrolment_token;
drop table site_box;
alter table site drop column archived_at;
