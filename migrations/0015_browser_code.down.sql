drop table browser_code;
