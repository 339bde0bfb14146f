"""Assistants made with Rasa 3, read and written anew in our format."""
