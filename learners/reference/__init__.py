"""The reference of every scenario key, for readers (docs/reference.md) and for editors (docs/scenario.schema.json)."""
