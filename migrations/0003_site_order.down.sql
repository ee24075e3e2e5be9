drop table hourly_sales;
drop table order_line;
drop table site_order;
