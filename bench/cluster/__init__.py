"""Probes of a whole cluster: how fast a change is served, and what requests notice when something of it fails.

Why it exists: the upstream suite asks whether, not how soon; and a gateway is judged by the minute in which its controller,
its API server or one of its pods is gone.

Rules: the cluster, the chart and the image are a user's (`make probes` installs them); what is asked goes through the
API server and comes back from the Gateway's address or its pods; an answer that is neither 404 nor 200 counts. Everything
is made in one namespace of our own, and deleted with it.
Must not: import agw, whose own client would be measured by itself.
"""
