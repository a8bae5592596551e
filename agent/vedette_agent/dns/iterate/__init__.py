"""From the root hints down, without a resolver: which server to ask next, and what its answer means.

`sections` reads a response with all its sections, `referral` says what it means coming from a server of one
zone, `walk` holds the state of one resolution and `compared` holds a zone's servers against each other. No
module here sends anything or knows the time.
"""
