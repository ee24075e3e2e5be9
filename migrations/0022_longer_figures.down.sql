drop table weekly_stock;
drop table weekly_duration;
drop table daily_duration;
drop table daily_item_hours;
drop table weekly_sales;
drop table daily_orders;
