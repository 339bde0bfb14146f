"""What stands between protocols and specialists: which one is asked, when, and who answers where none may."""
