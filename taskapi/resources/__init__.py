"""The code that tasks, projects and labels share: CRUD, ownership, versions, pages, trash and Idempotency-Key."""
