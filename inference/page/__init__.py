"""The page and the API of `python -m inference serve`, for a machine without a screen.

command.py          the verb: options, and the order in which all is opened
settings.py         limits, and which addresses need a token
server.py           uvicorn, and connections that take too long
guard.py            what every request passes: host, origin, rate, token, size
app.py              the routes
schemas.py          what they answer
uploads.py          picture files that clients send
engine.py           one analyzer for all clients
live.py             the camera or video that is shown
streams.py          what is sent to those who watch it
capture.py          pictures and answers, written to a folder or to S3
metrics.py          for Prometheus
static/             the page itself, as the browser gets it
"""
