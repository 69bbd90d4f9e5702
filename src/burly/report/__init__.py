"""Progress displays, tables, pages and files about a run."""
