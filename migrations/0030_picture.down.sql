drop table picture;
