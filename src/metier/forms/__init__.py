"""How what is learnt is put together of parts: one file a form."""
