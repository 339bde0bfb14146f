"""Raw files to tables, and tables to honest splits."""
