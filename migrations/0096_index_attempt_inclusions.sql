-- Where an attempt was seen, whatever became of it: asked by every look at a withdrawal, and of all
-- payments that ever were while no index could tell.
-- squawk-ignore require-concurrent-index-creation
create index attempt_inclusions_by_attempt on attempt_inclusions (attempt_id);

-- What is not booked yet and should be, by the block from which on it is final. By the attempt it
-- was found only as long as the planner took it for rare.
-- squawk-ignore require-concurrent-index-creation
create index attempt_inclusions_unbooked_by_height on attempt_inclusions (block_height)
  where canonical and fee_leg is null;
-- squawk-ignore require-concurrent-index-deletion
drop index attempt_inclusions_unbooked;
