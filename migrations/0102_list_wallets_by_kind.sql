-- Lists of wallets of an asset or of a kind: few of many, such as all treasuries.
-- squawk-ignore require-concurrent-index-creation
create index wallets_by_kind on wallets (asset, kind, created_at, id);
