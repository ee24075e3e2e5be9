drop table site_device;
