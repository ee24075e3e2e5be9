-- Orders are found by an item, an amount, a number, a key or a word of a note without looking at all of them.

-- When the line's order was placed, so that an item's orders are found newest first.
alter table order_line add column placed_at timestamptz;
update order_line l set placed_at = o.placed_at
from site_order o where o.site_id = l.site_id and o.order_id = l.order_id;

-- The site comes last: one site's and all sites' are the same walk, newest first, and its rows are told apart within the index.
create index order_line_item_idx on order_line (item, placed_at desc, order_id desc, site_id desc);
create index order_line_note_idx on order_line (placed_at desc, order_id desc, site_id desc) include (note)
    where note is not null;
create index site_order_total_idx on site_order (total, placed_at desc, order_id desc, site_id desc);
create index site_order_number_idx on site_order (number, placed_at desc, order_id desc, site_id desc);
create index site_order_state_idx on site_order (state, placed_at desc, order_id desc, site_id desc)
    where state in ('cancelled', 'rejected', 'expired');
-- Keys are only ever looked up as a whole.
create index site_order_idempotency_key_idx on site_order using hash (lower(idempotency_key));
