"""Everything SQL: rows out, changes in, one database below."""
