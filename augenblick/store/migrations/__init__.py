"""How the tables came to be, step by step; run by `schema` on the tables of an older version."""
