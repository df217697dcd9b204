-- Credits that were taken back are counted at every scrape of the metrics, and are few.
-- squawk-ignore require-concurrent-index-creation
create index chain_inclusions_reversed on chain_inclusions (asset) where reversed_at is not null;
