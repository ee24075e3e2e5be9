drop index site_order_idempotency_key_idx;
drop index site_order_state_idx;
drop index site_order_number_idx;
drop index site_order_total_idx;
drop index order_line_note_idx;
drop index order_line_item_idx;
alter table order_line drop column placed_at;
