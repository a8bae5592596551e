"""`vedette status`: one screen that tells whether anything is missing. The standard library is enough."""
