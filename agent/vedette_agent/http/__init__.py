"""HTTP/1.1 as a prober needs it: requests built once, responses read under caps. No sockets here."""
