"""How old is what decisions are made on, and is any older than its strategy says?"""
