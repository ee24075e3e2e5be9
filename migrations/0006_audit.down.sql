drop table idempotency;
drop table audit;
