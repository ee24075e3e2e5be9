drop table stock_correction;
drop table daily_stock;
drop table sold_out;
drop table hourly_duration;
drop table site_ticket;
drop table site_item;
drop table hourly_orders;
drop table daily_sales;
