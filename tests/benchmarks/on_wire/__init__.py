"""How far reported times are from the wire: the agent's, and the exporter's in the same network.

A prober's host and a server's host are network namespaces with a path of 10 ms each way between them. What
passes the prober's own interface is captured with the kernel's stamps, and each reported duration is held
against the packets of its own probe: of DNS and ICMP the request and the reply, of TCP the SYN and the
SYN-ACK, of HTTP and HTTPS the last segment of the request and the first one of the response.
"""
