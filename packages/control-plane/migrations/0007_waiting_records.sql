-- A record that waits has no place yet: it need not stand in the index of places, only to leave it again.
alter table ledger_entry drop constraint ledger_entry_leaf_index_key;
create unique index ledger_entry_place on ledger_entry (leaf_index) where leaf_index is not null;
