-- Where an attempt was seen, whatever became of it: asked by every look at a withdrawal, and of all
-- payments that ever were while no index could tell.
-- squawk-ignore require-concurrent-index-creation
create index attempt_inclusions_by_attempt on attempt_inclusions (attempt_id);
