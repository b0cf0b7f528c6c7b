"""How the tables came to be, step by step; run by `sql_store.schema` when a store is opened."""
